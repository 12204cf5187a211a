"""Whatever a service forks and however it hides: after `stop` nothing of it is left, and the answer comes
only then. The programs that hide are in tests/helpers/escape.c."""

import array
import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import time
import unittest

from svcdtest import BIN, SLOW, SvcdTest, alive, command_line, descendants, stat_fields

ESCAPE = os.path.join(BIN, "tests/helpers/escape")
# What each does is said in escape.c. The ones that end by a signal of their own choosing are not here.
MODES = ["daemon", "empty-environment", "overwritten-environment", "undumpable", "untagged",
         "untagged-in-session", "hop", "untagged-hop", "bomb", "deaf", "deaf-sibling", "stopped",
         "threads-only", "main-thread-gone", "subreaper", "zombies", "traced", "namespaces",
         "waits-in-kernel"]


def lives(pid):
    """Whether any thread of it does: one whose main thread has ended looks like a zombie."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        return not select.select([fd], [], [], 0)[0]
    finally:
        os.close(fd)


class EscapeTest(SvcdTest):
    """Services that run `escape MODE`; each run has a file of its own with the pids that it tells."""

    def command(self, mode):
        """Says `overlap` if anything of an earlier run lives when a new one begins."""
        return self.script(f"{mode}.sh", f"""
            for p in $(cat pids.* 2>/dev/null | grep -v up); do
                case "$(cat /proc/$p/stat 2>/dev/null)" in
                    ''|*') Z '*|*') X '*) ;;
                    *) echo overlap $p ;;
                esac
            done
            exec {ESCAPE} {mode} {self.home}/pids.$$
        """)

    def define(self, mode, more="stop: {timeout: 200ms}, restart: {delay: 20ms}"):
        self.config(f"services: {{a: {{command: {self.command(mode)}, {more}}}}}\n")

    def told(self, main):
        """The pids that the run with this main process has told, once it is so far."""
        path = os.path.join(self.home, f"pids.{main}")

        def there():
            words = self.read(path).split() if os.path.exists(path) else []
            return words if words and words[-1] in ("up", "impossible") else None
        words = self.until(there, what=f"{path}, told")
        if words[-1] == "impossible":
            self.skipTest("not possible on this machine")
        return [int(w) for w in words if w.isdigit()]

    def escape(self, mode, **more):
        """svcd with one service that has escaped; returns (main process, told pids)."""
        self.define(mode, **more)
        self.start()
        main = self.running("a")["pid"]
        return main, self.told(main)

    def rest(self):
        """Everything that descends from the test and is neither svcd nor of svcd's making. What lives has a
        parent that lives, so that this finds even what hops, if not each time. One without a command line
        is about to be a zombie."""
        return [p for p in descendants(os.getpid())
                if p != self.svcd.pid and "svc-shim" not in (command_line(p) or "svc-shim") and alive(p)]

    def nothing_left(self, *pids):
        self.assertEqual([p for p in pids if lives(p)], [])
        for _ in range(5):
            self.assertEqual([(p, command_line(p)) for p in self.rest()], [])


class Stop(EscapeTest):
    def stops(self, mode):
        main, pids = self.escape(mode)
        self.assertEqual(self.svcctl("stop", "a").out.strip(), "a: stopped")
        self.nothing_left(main, *pids)

    def test_a_bomb_under_a_process_limit(self):
        if os.getuid() == 0:
            self.skipTest("root has no process limit")
        mine = 0
        for p in os.listdir("/proc"):
            with contextlib.suppress(FileNotFoundError):  # it has ended meanwhile
                mine += p.isdigit() and os.stat(f"/proc/{p}").st_uid == os.getuid()
        main, pids = self.escape("limited-bomb", more=f"stop: {{timeout: 100ms}}, "
                                                      f"limits: {{processes: {mine + 40}}}")
        self.svcctl("stop", "a")
        self.nothing_left(main, *pids)

    def test_the_timer_is_on_the_tree(self):
        # The leader ends at once, its child ignores TERM: it is killed after the timeout, not before.
        main, pids = self.escape("deaf-sibling", more="stop: {timeout: 700ms}")
        begin = time.monotonic()
        self.svcctl("stop", "--no-wait", "a")
        self.gone(main)
        self.gone(pids[0])
        self.assertGreaterEqual(time.monotonic() - begin, 0.7)
        self.svcctl("stop", "a")
        self.nothing_left(main, *pids)
        self.logged("a", "svcd stop timeout after=700ms signal=KILL")

    def test_scope_tree(self):
        main, pids = self.escape("daemon", more="stop: {scope: tree, timeout: 60s}")
        self.svcctl("stop", "a")
        self.nothing_left(main, *pids)

    def test_stopped_processes_get_the_signal_too(self):
        main, pids = self.escape("stopped", more="stop: {scope: tree, timeout: 60s}")
        self.svcctl("stop", "a")
        self.nothing_left(main, *pids)

    def test_what_a_leader_leaves_is_killed_and_a_failure(self):
        self.define("leave", more="restart: {delay: 0s, max_failures: 2}, stop: {timeout: 100ms}")
        self.start()
        s = self.in_state("a", "disabled")
        self.assertEqual((s["run"], s["last_exit"]["cause"]), (2, "daemonized"))
        self.nothing_left()
        self.assertEqual(self.log_texts("a", "out"), [])

    def test_restarts_never_overlap(self):
        main, pids = self.escape("deaf", more="stop: {timeout: 50ms}")
        for _ in range(3):
            self.svcctl("restart", "--replace", "a")
            self.nothing_left_of(main, pids)
            main = self.running("a")["pid"]
            pids = self.told(main)
        self.svcctl("stop", "a")
        self.nothing_left(main, *pids)
        self.assertEqual([t for t in self.log_texts("a", "out") if "overlap" in t], [])

    def nothing_left_of(self, main, pids):
        self.assertEqual([p for p in (main, *pids) if alive(p)], [])

    def test_stop_twice_and_while_it_stops(self):
        main, pids = self.escape("deaf", more="stop: {timeout: 500ms}")
        both = [subprocess.Popen([os.path.join(BIN, "svcctl"), "stop", "a"], env=self.environment(),
                                 stdout=subprocess.PIPE, text=True) for _ in range(2)]
        for p in both:
            out = p.communicate(timeout=30 * SLOW)[0]
            self.assertEqual((p.returncode, out.strip()), (0, "a: stopped"))
            self.assertFalse(any(map(alive, [main, *pids])))
        self.assertEqual(self.svcctl("stop", "a").status, 0)
        self.nothing_left()

    def test_stop_during_a_restart(self):
        main, pids = self.escape("deaf", more=f"stop: {{timeout: {2 * SLOW}s}}")
        self.svcctl("restart", "--replace", "--no-wait", "a")
        self.in_state("a", "stopping")
        self.svcctl("stop", "a")
        self.assertEqual(self.state("a"), "stopped")
        self.nothing_left(main, *pids)

    def test_stop_during_a_start(self):
        self.define("daemon", more="ready: notify, stop: {timeout: 200ms}")
        self.start()
        main = self.until(lambda: self.in_state("a", "starting")["pid"], what="a main process")
        pids = self.told(main)
        self.svcctl("stop", "a")
        self.nothing_left(main, *pids)

    def test_stop_during_back_off(self):
        self.define("daemon", more="restart: {delay: 60s, max_delay: 60s}")
        self.start()
        main = self.running("a")["pid"]
        pids = self.told(main)
        os.kill(main, signal.SIGKILL)
        self.in_state("a", "backoff")
        self.nothing_left(main, *pids)
        self.assertEqual(self.svcctl("stop", "a").status, 0)
        self.assertEqual(self.state("a"), "stopped")

    def test_an_answer_that_did_not_come_in_time_says_so(self):
        main, pids = self.escape("deaf", more=f"stop: {{timeout: {4 * SLOW}s}}")
        r = self.run_svcctl("--timeout", f"{SLOW}s", "stop", "a")
        self.assertEqual(r.status, 6)
        self.assertIn("timed out waiting for a; the action goes on", r.err)
        self.assertTrue(alive(main))
        self.svcctl("stop", "a")
        self.nothing_left(main, *pids)

    def test_stdout_in_foreign_hands(self):
        # Passed on over a socket to a process that is none of the service's, and never closed.
        path = os.path.join(self.home, "given")
        self.config(f"services: {{a: {{command: {ESCAPE} gives-stdout {path}}}}}\n")
        listener = socket.socket(socket.AF_UNIX)
        listener.settimeout(20 * SLOW)
        listener.bind(path + ".sock")
        listener.listen()
        self.start()
        main = self.running("a")["pid"]
        with listener, listener.accept()[0] as s:
            _, control, _, _ = s.recvmsg(1, socket.CMSG_SPACE(4))
            fd = array.array("i", control[0][2][:4])[0]
            os.write(fd, b"from outside\n")
            s.send(b"y")
            self.svcctl("stop", "a")
            self.nothing_left(main)
            self.assertEqual(self.log_texts("a", "out"), ["from outside"])
            os.close(fd)


for mode in MODES:
    setattr(Stop, "test_" + mode.replace("-", "_"), lambda self, mode=mode: self.stops(mode))


@unittest.skipIf(os.getuid(), "needs two users")
class OtherUsers(EscapeTest):
    def test_root_kills_what_has_become_somebody_else(self):
        main, pids = self.escape("other-user")
        self.svcctl("stop", "a")
        self.nothing_left(main, *pids)

    def start_as_nobody(self, program):
        """svcd as nobody, and a set-user-ID program for it."""
        for folder, _, files in os.walk(self.tmp):
            for path in [folder, *(os.path.join(folder, f) for f in files)]:
                os.chown(path, 65534, 65534)
        os.chown(program, 0, 0)
        os.chmod(program, 0o4755)
        with open(self.svcd_errors, "ab") as errors:
            self.svcd = subprocess.Popen([os.path.join(BIN, "svcd")], stdin=subprocess.DEVNULL,
                                         stdout=errors, stderr=errors, env=self.environment(), cwd=self.home,
                                         start_new_session=True, user=65534, group=65534, extra_groups=[])
        self.until(self.answers, what="svcd's answer", limit=20)

    @staticmethod
    def cpu_ms(*pids):
        ticks = sum(int(f) for p in pids for f in stat_fields(p)[11:13])
        return ticks * 1000 // os.sysconf("SC_CLK_TCK")

    def test_what_may_not_be_killed_is_named(self):
        # A set-user-ID program that has become root for good, as sudo does.
        program, pids = os.path.join(self.tmp, "becomes-root"), os.path.join(self.home, "pids")
        shutil.copy(ESCAPE, program)
        self.config(f"services: {{a: {{command: {program} becomes-root {pids}, stop: {{timeout: 50ms}}}}}}\n")
        self.start_as_nobody(program)
        pid = int(self.written(pids, 2)[0])
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
            if "Uid:\t0\t0\t0" not in f.read():
                self.skipTest("no set-user-ID programs here")
        why = f"pid {pid}, becomes-root: Operation not permitted"
        r = self.run_svcctl("stop", "a")
        self.assertEqual(r.status, 1, r)
        self.assertIn(f"something of it cannot be killed: {why}", r.out + r.err)
        s = self.service("a")
        self.assertEqual((s["state"], s["note"]), ("stopping", f"what is left does not end: {why}"))
        self.logged("a", rf'svcd still alive run=1 pid={pid} reason="becomes-root: Operation not permitted"')
        # Nobody spins meanwhile.
        shim, now = self.shim_of(pid), time.monotonic()
        before = self.cpu_ms(shim, self.svcd.pid)
        self.until(lambda: time.monotonic() > now + 2)
        self.assertLess(self.cpu_ms(shim, self.svcd.pid) - before, 60 * SLOW)
        # A svcd that follows is told, too; and so is one whose shim is killed.
        os.kill(shim, signal.SIGKILL)
        self.logged("a", rf'(?s)svcd still alive run=1 pid={pid} reason="becomes-root')
        self.assertEqual(self.state("a"), "stopping")
        os.kill(pid, signal.SIGKILL)
        self.in_state("a", "stopped")
        self.nothing_left(pid)
