"""The machine is short of something: processes, descriptors, watches, a program's file. No service is
blamed for it, all is tried again, and svcd says what is wrong and does not spin."""

import ctypes
import os
import resource
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "helpers"))
from svcdtest import BIN, SLOW, SvcdTest, at_rest, children, command_line, libc, sanitized

ROOT = os.geteuid() == 0


def exchange(one, other):
    """Two names change places, with no moment in between."""
    if libc.renameat2(-100, one.encode(), -100, other.encode(), 2) < 0:
        raise OSError(ctypes.get_errno(), "renameat2")


class Exhaustion(SvcdTest):
    def at_rest(self, *pids, seconds=1.0):
        return at_rest(self, self.svcd.pid, *pids, seconds=seconds)

    def nursery(self):
        def only():
            """A shim that has just been forked looks like it for a moment."""
            found = [p for p in children(self.svcd.pid) if command_line(p).startswith("svc-shim ---")]
            return found[0] if len(found) == 1 else None
        return self.until(only, what="the nursery alone")

    def said(self, pattern, times=1):
        lines = [l for l in self.stderr().splitlines() if pattern in l]
        self.assertEqual(len(lines), times, f"{pattern}: {lines}")


class Shortage(Exhaustion):
    """A start that fails for want of something that is not the service's."""

    def blamed(self, name, stage, error):
        """It is in back-off, for no failure of its own; returns its status object."""
        s = self.in_state(name, "backoff")
        last = s["last_exit"]
        self.assertEqual((last["stage"], last["error"], last["failure"], last["shortage"]),
                         (stage, error, False, True), last)
        self.assertEqual(s["failures"], 0)
        self.assertIn("no failure of the service", s["note"])
        self.assertIn(error, s["note"])
        return s

    @unittest.skipIf(ROOT, "root has no limit on its processes")
    def test_no_more_processes(self):
        self.config("""
          services:
            first: {command: sleep 1000}
            a: {command: sleep 1000, enabled: true, restart: {max_failures: 1, delay: 100ms}}
        """)
        self.start()
        a = self.running("a")
        self.running("first")
        self.svcctl("stop", "a")
        limit = resource.prlimit(self.nursery(), resource.RLIMIT_NPROC)
        resource.prlimit(self.nursery(), resource.RLIMIT_NPROC, (1, limit[1]))
        with self.at_rest(self.nursery()):
            result = self.svcctl("start", "a", status=1)
            self.assertIn("cannot start: fork: Resource temporarily unavailable; next start in 1s",
                          result.out + result.err)
            s = self.blamed("a", "fork", "Resource temporarily unavailable")
            self.until(lambda: self.service("a")["run"] > s["run"], what="another attempt")
            self.blamed("a", "fork", "Resource temporarily unavailable")
        self.assertNotIn("lost", "".join(self.log("a")))
        self.logged("a", r"start failed run=2 stage=fork error=\"Resource temporarily unavailable\" "
                         r"retry=1s$", source="svcd")
        resource.prlimit(self.nursery(), resource.RLIMIT_NPROC, limit)
        self.assertGreater(self.running("a", limit=20)["run"], a["run"] + 2)
        self.assertEqual(self.service("first")["run"], 1)

    def test_svc_shim_is_not_there_for_a_moment(self):
        """Its package is being replaced."""
        shim = os.path.join(self.tmp, "svc-shim")
        self.svcd_env["SVCD_SHIM"] = shim
        self.config("services: {a: {command: sleep 1000, restart: {max_failures: 1}}}")
        self.start()
        with self.at_rest():
            self.blamed("a", "fork", "No such file or directory")
            self.assertIn(f"cannot run {shim}", self.service("a")["last_exit"]["text"])
        shutil.copy(os.path.join(BIN, "svc-shim"), shim + ".new")
        os.rename(shim + ".new", shim)
        self.running("a", limit=20)

    def test_svc_shim_has_moved(self):
        """Looked for beside svcd and in libexecdir, each time anew."""
        here = os.path.join(self.tmp, "bin")
        os.mkdir(here)
        shutil.copy(os.path.join(BIN, "svcd"), here)
        self.config("services: {a: {command: sleep 1000}}")
        self.start(program=os.path.join(here, "svcd"))
        if self.service("a")["state"] == "running":
            self.skipTest("a svc-shim is installed on this machine")
        self.in_state("a", "backoff")
        shutil.copy(os.path.join(BIN, "svc-shim"), here + "/new")
        os.rename(here + "/new", here + "/svc-shim")
        self.running("a", limit=20)

    def test_records_cannot_be_made(self):
        """RUN/shims leads nowhere."""
        shims = os.path.join(self.run_dir, "shims")
        self.config("services: {a: {command: sleep 1000, restart: {max_failures: 1}}}")
        self.start()
        self.running("a")
        self.svcctl("stop", "a")
        os.symlink("nowhere/else", shims + ".link")
        exchange(shims, shims + ".link")
        with self.at_rest():
            self.svcctl("start", "a", status=1)
            self.blamed("a", "lock", "No such file or directory")
            self.logged("a", "start failed run=2 stage=lock error=\"No such file or directory\" retry=1s")
        self.said("its shim is gone", 0)
        exchange(shims, shims + ".link")
        self.running("a", limit=20)
        lines = self.log_texts("a", "svcd")
        self.assertEqual(len(lines), len(set(lines)))

    def test_program_is_being_written(self):
        program = os.path.join(self.home, "program")
        shutil.copy(shutil.which("sleep"), program)
        self.config("services: {a: {command: [./program, 1000], restart: {max_failures: 1}}}")
        with open(program, "r+b"):
            self.start()
            with self.at_rest():
                self.blamed("a", "exec", "Text file busy")
                self.until(lambda: self.service("a")["run"] > 3, what="more attempts")
            self.until(lambda: self.service("a")["state"] == "backoff", what="no attempt going on")
        self.running("a")
        self.assertEqual(self.service("a")["failures"], 0)

    def test_it_ends_when_it_is_no_longer_wanted(self):
        self.svcd_env["SVCD_SHIM"] = os.path.join(self.tmp, "nowhere")
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        self.in_state("a", "backoff")
        self.svcctl("stop", "a")
        s = self.service("a")
        self.assertEqual(s["state"], "stopped")
        with self.at_rest(seconds=1.5):
            pass
        self.assertEqual(self.service("a")["run"], s["run"])

    def test_it_outlives_svcd(self):
        self.svcd_env["SVCD_SHIM"] = shim = os.path.join(self.tmp, "svc-shim")
        self.config("services: {a: {command: sleep 1000, restart: {max_failures: 1}}}")
        self.start()
        before = self.blamed("a", "fork", "No such file or directory")
        self.kill_svcd()
        self.start()
        after = self.blamed("a", "fork", "No such file or directory")
        self.assertGreaterEqual(after["run"], before["run"])
        shutil.copy(os.path.join(BIN, "svc-shim"), shim)
        self.running("a", limit=20)

    def test_checks_that_cannot_be_run_say_nothing_of_the_service(self):
        if ROOT:
            self.skipTest("root has no limit on its processes")
        self.config("""
          services:
            a: {command: sleep 1000, monitoring: {command: "true", interval: 100ms}}
        """)
        self.start()
        a = self.running("a")
        self.until(lambda: self.service("a")["health"] == "ok", what="a check that passed")
        limit = resource.prlimit(self.nursery(), resource.RLIMIT_NPROC)
        resource.prlimit(self.nursery(), resource.RLIMIT_NPROC, (1, limit[1]))
        with self.at_rest(self.nursery()):
            self.logged("a", "monitoring not possible error=\"cannot run it: fork: Resource "
                             "temporarily unavailable\"")
        self.assertEqual(self.service("a")["pid"], a["pid"])
        resource.prlimit(self.nursery(), resource.RLIMIT_NPROC, limit)
        self.until(lambda: self.service("a")["health"] == "ok", what="a check that passed")


class Descriptors(Exhaustion):
    def short(self, spare=0):
        """svcd gets no descriptor more than it has (and SPARE)."""
        limit = resource.prlimit(self.svcd.pid, resource.RLIMIT_NOFILE)
        used = self.until(self.used, what="svcd without a client")
        free = [fd for fd in range(limit[0]) if fd not in used]
        resource.prlimit(self.svcd.pid, resource.RLIMIT_NOFILE, (free[spare], limit[1]))
        self.addCleanup(self.enough, limit)
        return limit

    def used(self):
        """Its descriptors, unless there is one for a moment only: for a client that svcd has yet to see gone, or for a
        file that it writes."""
        with self.varlink() as v:
            v.call("GetInfo")
            v.call("GetInfo")  # whoever went before is known to be gone
            known = set(os.listdir(f"/proc/{self.svcd.pid}/fd"))
            with self.varlink() as second:
                second.call("GetInfo")
                both = set(os.listdir(f"/proc/{self.svcd.pid}/fd"))
        for _ in range(100):
            found = set(os.listdir(f"/proc/{self.svcd.pid}/fd"))
            if found < known < both and len(found) + 2 == len(known) + 1 == len(both):
                return {int(fd) for fd in found}
            time.sleep(0.01)
        return None

    def enough(self, limit):
        if self.svcd.poll() is None:
            resource.prlimit(self.svcd.pid, resource.RLIMIT_NOFILE, limit)

    def test_status_answers_without_descriptors(self):
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000, enabled: false}}")
        self.start()
        self.running("a")
        limit = self.short()
        with self.at_rest():
            for _ in range(5):
                self.assertEqual(self.service("a")["state"], "running")
        self.said("cannot accept a client: Too many open files; the reserve is for one at a time", 1)
        self.enough(limit)
        self.running("a")

    def test_idle_clients_make_room(self):
        """Connections that wait for nothing take the last descriptors; somebody with a question gets through,
        somebody who waits for an answer is left alone."""
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        self.running("a")
        with self.varlink() as waiting:
            waiting.send(b'{"method": "org.svcd.Supervisor.Wait", "parameters": '
                         b'{"names": ["a"], "for": "stopped"}}\0')
            limit = self.short(spare=3)
            idle = [self.varlink() for _ in range(20)]
            with self.at_rest():
                for _ in range(5):
                    self.assertEqual(self.service("a")["state"], "running")
            for v in idle:
                v.close()
            self.enough(limit)
            self.svcctl("stop", "a")
            self.assertIn("parameters", waiting.receive())

    def test_a_start_without_descriptors(self):
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000, restart: {max_failures: 1}}}")
        self.start()
        a = self.running("a")
        self.running("b")
        self.svcctl("stop", "b")
        self.until(lambda: self.shim_has_left("b"), what="b's shim to leave")
        limit = self.short()
        with self.at_rest():
            result = self.run_svcctl("start", "b")
            self.assertIn("cannot start: fork: ", result.out + result.err)
            self.assertIn("Too many open files", result.out + result.err)
            b = self.in_state("b", "backoff")
            self.assertEqual((b["failures"], b["last_exit"]["shortage"]), (0, True))
            self.assertEqual(self.service("a")["pid"], a["pid"])
        self.enough(limit)
        self.running("b", limit=20)


CLOCK = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *t)
{
        char buf[32] = "";
        int r = (int)syscall(SYS_clock_gettime, id, t), fd;
        if (r == 0 && id == CLOCK_REALTIME && (fd = open(getenv("CLOCK_OFFSET"), O_RDONLY)) >= 0) {
                if (read(fd, buf, sizeof(buf) - 1) > 0)
                        t->tv_sec += atol(buf);
                close(fd);
        }
        return r;
}
"""


@unittest.skipUnless(shutil.which("cc"), "no compiler for the clock that jumps")
class Clock(Exhaustion):
    """svcd sees a wall clock that is set by years; nothing but the times that people read follows it."""

    YEAR = 365 * 86400

    def set_clock(self, years):
        with open(self.offset + ".new", "w", encoding="ascii") as f:
            f.write(str(years * self.YEAR))
        os.rename(self.offset + ".new", self.offset)

    def test_jumps_by_years(self):
        self.offset = os.path.join(self.tmp, "offset")
        source, library = self.write("clock.c", CLOCK), os.path.join(self.tmp, "clock.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
        self.set_clock(0)
        self.svcd_env.update(LD_PRELOAD=library, CLOCK_OFFSET=self.offset)
        if sanitized():  # whose library wants to be the first otherwise
            self.svcd_env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        self.config("""
          services:
            a: {command: sh -c 'sleep 0.2; exit 1', restart: {delay: 100ms, max_delay: 100ms, max_failures: 0}}
            b: {command: sleep 1000}
            c: {command: "false", restart: {delay: 100ms, max_failures: 3, window: 1d}}
        """)
        self.start()
        b = self.running("b")
        self.in_state("c", "disabled")
        for years in (10, -20, 0):
            self.set_clock(years)
            began, year = time.monotonic(), time.gmtime(time.time() + years * self.YEAR).tm_year
            run = self.service("a")["run"]
            with self.at_rest(seconds=1.5):
                self.until(lambda r=run: self.service("a")["run"] > r, what="another run")
            s = self.services()
            # From start to start 200 ms and a bit: neither held up nor hurried.
            most = (time.monotonic() - began) / 0.2 + 2
            self.assertTrue(1 <= s["a"]["run"] - run <= most, (run, s["a"]["run"], most))
            self.assertEqual((s["b"]["state"], s["b"]["pid"]), ("running", b["pid"]))
            self.assertEqual((s["c"]["state"], s["c"]["disabled_cause"]), ("disabled", "failures"))
            self.assertTrue(0 <= s["b"]["uptime_ms"] < 60000 * SLOW, s["b"])
            self.assertTrue(0 <= s["a"]["last_exit"]["ran_ms"] < 10000, s["a"])
            self.svcctl("restart", "--replace", "b")
            self.logged("b", f"^{year}-.* svcd restart requested")
            b = self.running("b")
        self.assertNotRegex("\n".join(self.log("a") + self.log("b")), r"=-\d")


@unittest.skipUnless(shutil.which("strace"), "strace is missing")
class Epoll(Exhaustion):
    """fs.epoll.max_user_watches is reached: epoll_ctl says ENOSPC."""

    def traced(self, *inject):
        """A svcd whose system calls fail as told; strace is a child of it."""
        strace = self.script("svcd", f"""
            exec strace -D -o {self.tmp}/trace -e trace=epoll_ctl {' '.join('-e inject=' + i for i in inject)} \\
                {os.path.join(BIN, 'svcd')} "$@"
        """)
        self.to_be_traced()
        self.start(program=strace, wait=False)
        # It answers as soon as it can; until then nothing does.
        self.until(lambda: self.svcd.poll() is None and self.answers(), what="svcd's answer", limit=20)

    def answers(self):
        try:
            with self.varlink() as v:
                v.sock.settimeout(1)
                return v.call("GetInfo") is not None
        except OSError:
            return False

    def test_from_the_start(self):
        """The first ten watches: signals, inotify, the control socket."""
        self.config("services: {a: {command: sleep 1000}}")
        self.traced("epoll_ctl:error=ENOSPC:when=1..10")
        self.running("a")
        self.assertEqual(self.end_svcd(), 0)

    def test_each_watch_once(self):
        for n in range(1, 8):
            self.config("services: {a: {command: sleep 1000}}")
            self.traced(f"epoll_ctl:error=ENOMEM:when={n}")
            self.running("a")
            self.assertEqual(self.end_svcd(), 0)


if __name__ == "__main__":
    unittest.main()
