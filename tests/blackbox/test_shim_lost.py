"""A shim is killed at each moment of its life: the run counts as a failure with the cause "shim lost", in the
same words everywhere, once; the log goes on in order; nothing runs twice."""

import os
import random
import re
import resource
import signal
import subprocess
import time
import unittest

from svcdtest import BIN, SLOW, SvcdTest, alive, children, command_line, stat_fields

LOST = r'exited run=%d( pid=\d+)? cause="shim lost" ran=\S+ failure=%d/5'


class ShimLost(SvcdTest):
    limit = 90
    DELAY = 2 * SLOW  # from a start to the next: time enough to look at what is between them

    def shim(self):
        """The pid of a's shim; svcd's child, with or without a run."""
        return self.until(lambda: next((p for p in children(self.svcd.pid)
                                        if command_line(p) == "svc-shim a"), None), what="the shim")

    def kill_shim(self):
        shim = self.shim()
        os.kill(shim, signal.SIGKILL)
        self.gone(shim)

    def noted(self, what, pattern):
        """Waits for a note that is replaced by another one soon: by a question that is answered at once."""
        with self.varlink() as v:
            self.until(lambda: re.search(pattern, v.call("Status", {"names": ["a"]})["parameters"]["services"][0]
                                         .get("note") or ""), what=what)

    def ends(self, run):
        """Of one run: what events.ndjson has, and the log's lines."""
        events = [e for e in self.events("a") if e["event"] in ("exited", "start failed") and e["run"] == run]
        lines = [t for t in self.log_texts("a", "svcd") if f"run={run} " in t and
                 t.startswith(("exited", "start failed"))]
        return events, lines

    def lost_once(self, run, failure=1):
        self.logged("a", LOST % (run, failure), "svcd")
        events, lines = self.ends(run)
        self.assertEqual((len(events), len(lines)), (1, 1), (events, lines))
        self.assertEqual((events[0]["cause"], events[0]["lost"]), ("shim lost", "shim"))

    # ---- what is said ----

    def test_the_same_words_everywhere(self):
        self.config("services: {a: {command: sleep 1000, restart: {delay: 60s, max_delay: 60s}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.kill_shim()
        s = self.in_state("a", "backoff")
        self.assertFalse(alive(pid))
        self.lost_once(1)
        e = s["last_exit"]
        self.assertEqual((e["kind"], e["cause"], e["failure"], e["code"], e["signal"], e["run"]),
                         ("lost", "shim lost", True, None, None, 1))
        self.assertRegex(e["text"], r"^shim lost after \d+m?s$")
        self.assertRegex(s["note"], r"^next start in \d+s: shim lost after \d+m?s$")
        self.assertEqual(s["failures"], 1)
        self.until(lambda: f"exited run=1 pid={pid} cause=\"shim lost\"" in
                   self.read(os.path.join(self.root, "svcd/svcd.log")), what="svcd.log")
        # It is the same after svcd has read it back.
        self.kill_svcd()
        self.start()
        again = self.service("a")["last_exit"]
        self.assertEqual({k: again[k] for k in e}, e)

    def test_losing_it_again_and_again_disables(self):
        self.config("services: {a: {command: sleep 1000, restart: {delay: 0s, max_failures: 3}}}\n")
        self.start()
        for run in (1, 2, 3):
            self.until(lambda run=run: self.service("a")["run"] == run and self.service("a")["pid"], what="the run")
            self.kill_shim()
        s = self.in_state("a", "disabled")
        self.assertEqual(s["disabled_cause"], "failures")
        self.assertIn("shim lost", s["note"])
        self.svcctl("start", "a")
        self.assertEqual(self.running("a")["run"], 4)

    def test_a_start_that_waits_is_told(self):
        self.config("services: {a: {command: sleep 1000, ready: notify, restart: {delay: 60s, max_delay: 60s}}}\n")
        self.start()
        self.svcctl("stop", "a")
        client = subprocess.Popen([os.path.join(BIN, "svcctl"), "start", "a"], env=self.environment(),
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.until(lambda: self.service("a")["pid"], what="a main process")
        self.kill_shim()
        self.assertRegex(client.communicate(timeout=30 * SLOW)[0], r"a: shim lost after \d+m?s; next start in \d+s")
        self.assertEqual(client.returncode, 1)

    # ---- the log ----

    def test_what_was_in_the_pipes_is_saved(self):
        # A stopped shim reads nothing; what is written meanwhile is in the log before the end is told.
        run = self.script("p.sh", """
            echo first
            while [ ! -e go ]; do sleep 0.01; done
            echo second; echo third >&2; printf 'fourth, and no end of the line'
            >written
            exec sleep 1000
        """)
        self.config(f"services: {{a: {{command: {run}, restart: {{delay: 60s, max_delay: 60s}}}}}}\n")
        self.start()
        self.running("a")
        self.logged("a", "first", "out")
        shim = self.shim()
        os.kill(shim, signal.SIGSTOP)
        self.write("go", "")
        self.until(lambda: os.path.exists(os.path.join(self.home, "written")), what="output")
        os.kill(shim, signal.SIGKILL)
        self.in_state("a", "backoff")
        self.lost_once(1)
        lines = [line.split(" ", 1)[1] for line in self.log("a")]
        said = [line for line in lines if line.startswith(("out", "err"))]
        self.assertEqual(said, ["out first", "out second", "out fourth, and no end of the line", "err third"])
        self.assertTrue(lines[lines.index(said[-1]) + 1].startswith("svcd exited run=1 "), lines)

    def test_what_was_in_the_pipes_makes_no_file_too_large(self):
        run = self.script("p.sh", """
            echo first
            while [ ! -e go ]; do sleep 0.01; done
            for i in 1 2 3 4 5 6 7 8 9 10; do printf '%0200d\\n' $i; done
            printf '%07000d\\n' 11
            >written
            exec sleep 1000
        """)
        self.config(f"services: {{a: {{command: {run}, restart: {{delay: 60s, max_delay: 60s}}, "
                    "log: {max_size: 4096, keep: 9}}}\n")
        self.start()
        self.running("a")
        self.logged("a", "first", "out")
        shim = self.shim()
        os.kill(shim, signal.SIGSTOP)
        self.write("go", "")
        self.until(lambda: os.path.exists(os.path.join(self.home, "written")), what="output")
        os.kill(shim, signal.SIGKILL)
        self.in_state("a", "backoff")
        self.lost_once(1)
        said = self.log_texts("a", "out")
        self.assertEqual("".join(said), "first" + "".join(f"{i:0200d}" for i in range(1, 11)) + f"{11:07000d}")
        self.assertEqual(self.log_texts("a", "svcd").count("line continued source=out"), 1)
        folder = os.path.dirname(self.log_path("a"))
        for n in os.listdir(folder):
            self.assertLessEqual(os.path.getsize(os.path.join(folder, n)), 4096, n)

    def test_a_writer_at_full_speed(self):
        # Numbered lines, each there and in order up to the kill, but for one whose end was on its way.
        run = self.python("p.py", """
            import os
            n = 0
            while True:
                n += 1
                os.write(1, b"%08d\\n" % n)
        """)
        self.config(f"services: {{a: {{command: {run}, restart: {{delay: 60s, max_delay: 60s}}}}}}\n")
        self.start()
        self.running("a")
        self.until(lambda: os.path.getsize(self.log_path("a")) > 100000, what="output")
        self.kill_shim()
        self.in_state("a", "backoff")
        self.lost_once(1)
        said = self.log_texts("a", "out")
        numbers = [int(t) for t in said if len(t) == 8]
        self.assertGreaterEqual(len(numbers), len(said) - 2)
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertTrue(self.log("a")[-1].split(" ", 2)[2].startswith("exited run=1 "))

    def test_an_end_that_was_told_is_written(self):
        # svcd has the report and has sent its line, and the shim dies before it has written that.
        self.config("services: {a: {command: sleep 1000, restart: {delay: 5s}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        shim = self.shim()
        os.kill(self.svcd.pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)
        self.until(lambda: stat_fields(pid) is None, what="the shim's look at it")
        # It has reported as soon as it waits again, and then it waits for svcd's line.
        self.until(lambda: stat_fields(shim)[0] == "S", what="the shim's rest")
        os.kill(shim, signal.SIGSTOP)
        os.kill(self.svcd.pid, signal.SIGCONT)
        self.in_state("a", "backoff")
        self.assertEqual([len(x) for x in self.ends(1)], [1, 0])
        os.kill(shim, signal.SIGKILL)
        self.logged("a", rf"svcd exited run=1 pid={pid} signal=KILL ran=\S+ failure=1/5")
        self.assertEqual([len(x) for x in self.ends(1)], [1, 1])

    def end_while_nobody_is_there(self, shell):
        """A run ends that only the shim sees, which says so in the log and is killed, as is that log."""
        run = self.script("p.sh", shell)
        self.config(f"services: {{a: {{command: {run}, restart: {{delay: 60s, max_delay: 60s}}}}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        shim = self.shim()
        self.kill_svcd()
        self.write("go", "")
        self.logged("a", r"svcd exited run=1 ")
        record = os.path.join(self.run_dir, "shims/a")
        self.until(lambda: "logged=1\n" in self.read(record), what="the record")
        os.rename(self.log_path("a"), os.path.join(self.home, "moved.log"))
        os.kill(shim, signal.SIGKILL)
        self.gone(shim)
        return pid

    GO = "while [ ! -e go ]; do sleep 0.01; done\n"

    def test_an_end_that_only_the_shim_saw(self):
        # Its record tells how it ended, and that the log, wherever it is, was told.
        pid = self.end_while_nobody_is_there(self.GO + "exit 7\n")
        self.start()
        s = self.in_state("a", "backoff")
        self.assertEqual(self.ends(1)[1], [])
        e, = self.ends(1)[0]
        self.assertEqual((e["cause"], e["code"], e["pid"], e.get("lost")), ("exit", 7, pid, None))
        last = s["last_exit"]
        self.assertEqual((last["kind"], last["code"], last["failure"]), ("exited", 7, True))
        self.assertRegex(s["note"], r"^next start in \d+s: exited with code 7 after ")
        moved = self.read(os.path.join(self.home, "moved.log"))
        self.assertEqual(moved.count(" svcd exited run=1 "), 1, moved)

    def test_an_end_that_only_the_shim_saw_asked_for(self):
        # In whatever words it is told: it is not told again.
        run = self.script("p.sh", "trap '' TERM\necho up\n" + self.GO)
        self.config(f"services: {{a: {{command: {run}, stop: {{timeout: 60s}}}}}}\n")
        self.start()
        self.logged("a", "up", "out")
        shim = self.shim()
        self.svcctl("stop", "--no-wait", "a")
        self.in_state("a", "stopping")
        self.kill_svcd()
        self.write("go", "")
        self.logged("a", r"svcd exited run=1 ")
        self.until(lambda: "logged=1\n" in self.read(os.path.join(self.run_dir, "shims/a")), what="the record")
        os.rename(self.log_path("a"), os.path.join(self.home, "moved.log"))
        os.kill(shim, signal.SIGKILL)
        self.gone(shim)
        self.start()
        s = self.in_state("a", "stopped")
        self.assertEqual(self.ends(1)[1], [])
        e, = self.ends(1)[0]
        self.assertEqual((e["cause"], e["code"], e.get("lost")), ("stop", 0, None))
        self.assertEqual(s["last_exit"]["failure"], False)

    def test_an_end_that_svcd_knew_and_nobody_wrote(self):
        # On record, and its line on the way to a shim that is stopped: then both are killed.
        self.config("services: {a: {command: sleep 1000, restart: {delay: 60s, max_delay: 60s}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        shim = self.shim()
        os.kill(self.svcd.pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)
        self.until(lambda: stat_fields(pid) is None, what="the shim's look at it")
        self.until(lambda: stat_fields(shim)[0] == "S", what="the shim's rest")
        os.kill(shim, signal.SIGSTOP)
        os.kill(self.svcd.pid, signal.SIGCONT)
        self.in_state("a", "backoff")
        self.assertEqual([len(x) for x in self.ends(1)], [1, 0])
        self.kill_svcd()
        os.kill(shim, signal.SIGKILL)
        self.gone(shim)
        self.start()
        self.logged("a", rf"svcd exited run=1 pid={pid} signal=KILL ran=\S+ failure=1/5")
        self.in_state("a", "backoff")
        self.assertEqual([len(x) for x in self.ends(1)], [1, 1])

    # ---- when it is killed ----

    def test_an_end_that_was_written_long_ago_is_not_written_again(self):
        # By a run that has said much since: its line is far up, or in a rotated file.
        run = self.python("p.py", """
            import os, time
            os.write(1, b"".join(b"line %d\\n" % i for i in range(5000)))
            while not os.path.exists("go"): time.sleep(0.01)
        """)
        self.config(f"services: {{a: {{command: {run}, restart: {{delay: 50ms}},"
                    " log: {max_size: 128K, keep: 9}}}\n")
        self.start()
        for n in (1, 2):
            self.until(lambda: sum(t == "line 4999" for t in self.log_texts("a", "out")) == n,
                       what=f"the last line of run {n}")
            if n == 1:
                self.svcctl("restart", "--replace", "a")
        self.kill_shim()
        self.logged("a", LOST % (2, 1), "svcd")
        self.assertEqual([len(x) for x in self.ends(1)], [1, 1], self.log_texts("a", "svcd"))

    def test_while_it_stops(self):
        self.script("p.sh", "trap '' TERM\necho up\nwhile :; do sleep 0.1; done\n")
        self.config("services: {a: {command: ./p.sh, stop: {timeout: 60s}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.logged("a", "up", "out")
        self.svcctl("stop", "--no-wait", "a")
        self.in_state("a", "stopping")
        self.kill_shim()
        s = self.in_state("a", "stopped")
        self.assertFalse(alive(pid))
        self.assertEqual((s["last_exit"]["kind"], s["last_exit"]["cause"], s["last_exit"]["failure"]),
                         ("lost", "stop", False))
        events, lines = self.ends(1)
        self.assertEqual((len(events), len(lines)), (1, 1))
        self.assertIn("lost=shim", lines[0])

    def test_while_it_is_replaced(self):
        self.script("p.sh", "[ -e deaf ] || trap '' TERM\n>deaf\necho up\nwhile :; do sleep 0.1; done\n")
        self.config("services: {a: {command: ./p.sh, stop: {timeout: 60s}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.logged("a", "up", "out")
        self.svcctl("restart", "--replace", "--no-wait", "a")
        self.in_state("a", "stopping")
        self.kill_shim()
        s = self.new_run("a", pid)
        self.assertEqual((s["run"], s["failures"], s["last_exit"]["cause"]), (2, 0, "restart"))

    def test_stopped_by_its_own_service(self):
        # It is told to KILL and does not hear it.
        self.config("services: {a: {command: \"sh -c 'sleep 0.5; kill -STOP $PPID; exec sleep 9874'\","
                    " stop: {timeout: 100ms}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        shim = self.shim()
        self.until(lambda: stat_fields(shim)[0] == "T", what="the stopped shim")
        client = subprocess.Popen([os.path.join(BIN, "svcctl"), "stop", "a"], env=self.environment(),
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.noted("SIGKILL", "^killing what is left$")
        self.noted("the note", rf"^what is left does not end: pid {shim}, svc-shim \(stopped\) does not answer$")
        self.assertEqual(client.communicate(timeout=15 * SLOW)[0], "a: stopped\n")
        self.assertEqual(client.returncode, 0)
        self.assertFalse(alive(pid) or alive(shim))
        self.assertIn(f"a: its svc-shim (pid {shim}, stopped) does not answer: killed\n",
                      self.read(os.path.join(self.root, "svcd/svcd.log")))
        s = self.service("a")
        self.assertEqual((s["state"], s["last_exit"]["kind"], s["last_exit"]["cause"], s["last_exit"]["failure"]),
                         ("stopped", "lost", "stop", False))
        self.assertEqual([len(x) for x in self.ends(1)], [1, 1])

    def test_stopped_while_svcd_was_away(self):
        # The next svcd cannot tell it anything. It is left alone until somebody wants the service to end.
        self.config("services: {a: {command: sleep 1000, stop: {timeout: 1s}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        shim = self.shim()
        os.kill(shim, signal.SIGSTOP)
        self.kill_svcd()
        self.start()
        self.until(lambda: self.service("a")["note"] ==
                   f"waiting for its svc-shim (pid {shim}), which does not answer", what="the note")
        self.assertEqual(self.svcctl("stop", "a").out, "a: stopped\n")
        self.assertFalse(alive(pid) or alive(shim))
        self.assertIn(f"a: its svc-shim (pid {shim}, stopped) does not answer: killed\n",
                      self.read(os.path.join(self.root, "svcd/svcd.log")))
        s = self.service("a")
        self.assertEqual((s["last_exit"]["kind"], s["last_exit"]["failure"]), ("lost", False))
        self.assertEqual([len(x) for x in self.ends(1)], [1, 1])

    def test_stopped_and_continued(self):
        # One that goes on in time has lost nothing.
        self.config("services: {a: {command: sleep 1000, stop: {timeout: 100ms}}}\n")
        self.start()
        self.running("a")
        shim = self.shim()
        os.kill(shim, signal.SIGSTOP)
        self.svcctl("stop", "--no-wait", "a")
        self.noted("the note", "does not answer")
        os.kill(shim, signal.SIGCONT)
        s = self.in_state("a", "stopped")
        self.assertEqual((s["last_exit"]["kind"], s["last_exit"]["cause"]), ("signaled", "stop"))
        self.assertNotIn("does not answer: killed", self.read(os.path.join(self.root, "svcd/svcd.log")))

    def test_while_it_is_idle(self):
        self.config(f"services: {{a: {{command: sleep 1000, restart: {{delay: {self.DELAY}s}}}}}}\n")
        self.start()
        os.kill(self.running("a")["pid"], signal.SIGKILL)
        self.in_state("a", "backoff")
        self.kill_shim()
        s = self.until(lambda: (s := self.service("a"))["run"] == 2 and s["state"] == "running" and s, what="run 2")
        self.assertEqual((s["failures"], s["last_exit"]["signal"]), (1, "KILL"))

    def test_while_it_is_idle_and_a_start_is_due(self):
        # svcd cannot look whether anything is left, for want of descriptors, and the start has to wait.
        self.config(f"services: {{a: {{command: sleep 1000, restart: {{delay: {self.DELAY}s}}}}}}\n")
        self.start()
        os.kill(self.running("a")["pid"], signal.SIGKILL)
        self.in_state("a", "backoff")
        soft, hard = resource.prlimit(self.svcd.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.svcd.pid, resource.RLIMIT_NOFILE, (3, hard))
        self.kill_shim()
        now = time.monotonic()
        self.until(lambda: time.monotonic() > now + self.DELAY + 0.5)
        resource.prlimit(self.svcd.pid, resource.RLIMIT_NOFILE, (soft, hard))
        s = self.until(lambda: (s := self.service("a"))["run"] == 2 and s["state"] == "running" and s, what="run 2")
        self.assertEqual((s["failures"], s["last_exit"]["signal"]), (1, "KILL"))

    def test_idle_and_its_record_deleted(self):
        self.config(f"services: {{a: {{command: sleep 1000, restart: {{delay: {self.DELAY}s}}}}}}\n")
        self.start()
        os.kill(self.running("a")["pid"], signal.SIGKILL)
        self.in_state("a", "backoff")
        os.unlink(os.path.join(self.run_dir, "shims/a"))
        self.kill_shim()
        self.until(lambda: self.service("a")["run"] == 2, what="run 2")
        self.assertEqual(self.running("a")["failures"], 1)

    def test_with_a_standing_order_while_svcd_is_away(self):
        # The shim begins run 2 by itself and is killed, too: both ends are on record, each once.
        self.config("services: {a: {command: sleep 1000, restart: {delay: 50ms}}}\n")
        self.start()
        first = self.running("a")["pid"]
        self.until(lambda: self.service("a")["uptime_ms"] > 200, what="a long run")
        shim = self.shim()
        self.kill_svcd()
        os.kill(first, signal.SIGKILL)
        second = self.until(lambda: next((p for p in children(shim) if alive(p) and p != first), None),
                            what="a new run without svcd")
        os.kill(shim, signal.SIGKILL)
        self.gone(shim)
        self.start()
        s = self.new_run("a", second)
        self.assertFalse(alive(first) or alive(second))
        self.assertEqual((s["run"], s["failures"]), (3, 2))
        # The shim itself wrote how run 1 had ended, if it came to that; nobody else heard of it.
        self.assertEqual([len(x) for x in self.ends(1)], [1, 1])
        self.lost_once(2, failure=2)

    def test_while_svcd_is_dead(self):
        self.config("services: {a: {command: sleep 1000, restart: {delay: 50ms}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        shim = self.shim()
        for again in range(2):
            self.kill_svcd()
            if not again:
                os.kill(shim, signal.SIGKILL)
                self.gone(shim)
            self.start()
            self.assertEqual(self.new_run("a", pid)["run"], 2)
            self.lost_once(1)

    def test_while_svcd_is_dead_and_run_is_deleted(self):
        # Nothing tells of the run but what svcd has saved.
        self.config("services: {a: {command: sleep 1000, restart: {delay: 50ms}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.until(lambda: '"pid"' in self.read(os.path.join(self.root, "svcd/state.json")), what="the saved state")
        shim = self.shim()
        self.kill_svcd()
        os.kill(shim, signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
        self.gone(shim, pid)
        os.unlink(os.path.join(self.run_dir, "shims/a"))
        self.start()
        self.assertEqual(self.new_run("a", pid)["run"], 2)
        self.lost_once(1)

    def all_at_once(self, everything):
        """kill -9 of svcd, the nursery and all shims (and EVERYTHING else): the next svcd finds what each has left,
        tells of each once, with what was in its pipes, and starts each once."""
        run = self.script("p.sh", """
            setsid sleep 1000 &
            echo $! $$ > pids.$1.new
            mv pids.$1.new pids.$1.$$
            echo up $1
            exec sleep 1000
        """)
        names = [f"s{i}" for i in range(25)]
        self.config("start_concurrency: 0\nservices:\n" + "".join(
            f"  {n}: {{command: [{run}, {n}], restart: {{delay: 50ms}}}}\n" for n in names))
        self.start()
        for n in names:
            self.logged(n, f"out up {n}")
        self.until(lambda: all(s["state"] == "running" for s in self.services().values()), what="svcd to know of all")
        files = {f for f in os.listdir(self.home) if f.startswith("pids.")}
        old = [int(p) for f in files for p in self.read(f).split()]
        self.assertEqual(len(old), 2 * len(names))
        shims = [p for p in children(self.svcd.pid) if "svc-shim" in command_line(p)]
        self.assertEqual(len(shims), len(names) + 1)
        self.kill_svcd()
        for p in shims + (old if everything else []):
            os.kill(p, signal.SIGKILL)
        self.gone(*shims)
        self.start()
        for n in names:
            self.until(lambda n=n: self.service(n)["run"] == 2 and self.service(n)["pid"], what=f"{n}'s next run")
            self.logged(n, LOST % (1, 1), "svcd")
            events = [e["event"] for e in self.events(n) if e["event"] in ("started", "exited") and e["run"] <= 2]
            self.assertEqual(events, ["started", "exited", "started"], n)
        self.gone(*old)
        for n in names:
            self.until(lambda n=n: self.log_texts(n, "out") == [f"up {n}"] * 2, what=f"{n}'s output")

    def test_everything_at_once(self):
        self.all_at_once(True)

    def test_all_shims_at_once(self):
        self.all_at_once(False)

    def test_with_the_nursery(self):
        self.config("services: {a: {command: sleep 1000, restart: {delay: 50ms}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        shims = [p for p in children(self.svcd.pid) if "svc-shim" in command_line(p)]
        self.assertEqual(len(shims), 2)
        for p in shims:
            os.kill(p, signal.SIGKILL)
        self.assertEqual(self.new_run("a", pid)["run"], 2)
        self.assertFalse(alive(pid))
        self.lost_once(1)

    def test_at_any_moment(self):
        """As soon as there is one, and a little later: while it begins, between fork and exec, as it reports.
        Each run looks whether another one lives."""
        run = self.script("p.sh", """
            for p in $(cat runs 2>/dev/null); do
                case "$(cat /proc/$p/stat 2>/dev/null)" in
                    ''|*') Z '*|*') X '*) ;;
                    *) echo overlap $p >> overlaps ;;
                esac
            done
            echo $$ >> runs
            exec sleep 1000
        """)
        self.config(f"services: {{a: {{command: {run}, restart: {{delay: 0s, max_failures: 0}}}}}}\n")
        self.start()
        shim = self.shim()
        for i in range(40):
            pause = time.monotonic() + random.Random(i).choice([0, 0, 0.0005, 0.001, 0.002, 0.004, 0.01])
            while time.monotonic() < pause:
                pass
            try:
                os.kill(shim, signal.SIGKILL)
            except ProcessLookupError:
                pass  # a child of the last one between fork and exec: it has been killed already
            shim = self.until(lambda old=shim: next((p for p in children(self.svcd.pid) if p != old and
                                                     command_line(p) == "svc-shim a" and alive(p)), None),
                              what="the next shim")
        s = self.running("a")
        self.until(lambda: str(s["pid"]) in self.written("runs"), what="the last run")
        runs = [int(p) for p in self.read("runs").split()]
        self.assertEqual([p for p in runs if alive(p) and p != s["pid"]], [])
        self.assertFalse(os.path.exists(os.path.join(self.home, "overlaps")))
        # Each run has ended once, and they are numbered upwards.
        self.svcctl("stop", "a")
        ended = [e["run"] for e in self.events("a") if e["event"] in ("exited", "start failed")]
        self.assertEqual(ended, sorted(set(ended)))
        self.assertEqual(ended, list(range(1, s["run"] + 1)))


if __name__ == "__main__":
    unittest.main()
