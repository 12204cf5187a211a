"""svcd dies, by kill -9, at any time: services do not notice, and the next svcd knows all of them."""

import ctypes
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import unittest

import straced
from svcdtest import BIN, SLOW, SvcdTest, alive, at_rest, children, command_line, descendants, libc, start_ticks, stat_fields

COUNTER = """
    import sys, time
    n = 0
    while True:
        n += 1
        sys.stdout.write(f"line {n}\\n")  # in one piece: it is ended at any moment
        time.sleep(0.002)
"""

# 100 lines in one go, again and again, until it is told to stop; then it says how many there were. So what
# the test proves does not depend on how fast anything is.
FAST = """
    import os, time
    n = 0
    while not os.path.exists("enough"):
        os.write(1, b"".join(b"line %d\\n" % (n + i + 1) for i in range(100)))
        n += 100
        time.sleep(0.0005)
    with open("written.new", "w") as f:
        f.write(str(n))
    os.rename("written.new", "written")
    time.sleep(1000)
"""

# Each run counts on where the one before ended, which it does as soon as it may.
AGAIN = """
    import os, time
    n = int(open("at").read()) if os.path.exists("at") else 0
    end = time.monotonic() + 0.06
    while time.monotonic() < end:
        n += 1
        os.write(1, b"line %d\\n" % n)
    with open("at.new", "w") as f:
        f.write(str(n))
    os.rename("at.new", "at")
"""


class Crash(SvcdTest):
    limit = 90

    def crash(self):
        self.kill_svcd()
        self.start()

    def test_same_pids_and_nothing_twice(self):
        self.config("services:\n" + "".join(f"  s{i}: {{command: sleep 100{i}}}\n" for i in range(8)))
        self.start()
        before = {f"s{i}": self.running(f"s{i}") for i in range(8)}
        born = {n: start_ticks(s["pid"]) for n, s in before.items()}
        for _ in range(3):
            self.crash()
            for name, s in before.items():
                now = self.running(name)
                self.assertEqual((now["pid"], now["run"]), (s["pid"], 1))
                self.assertEqual(start_ticks(now["pid"]), born[name])
                self.assertGreaterEqual(now["uptime_ms"], s["uptime_ms"])
        sleeps = [p for s in self.services().values() for p in children(self.shim_of(s["pid"]))
                  if command_line(p).startswith("sleep")]
        self.assertEqual(sorted(sleeps), sorted(s["pid"] for s in before.values()))

    def test_events_say_what_the_log_says(self):
        """Also of runs that began and ended while svcd did not listen, and of which it was killed before it heard."""
        self.config("services: {a: {command: sleep 1000, restart: {delay: 1ms, max_failures: 0}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        os.kill(self.svcd.pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)  # its shim has an order for that
        again = self.logged("a", r"started run=2 pid=(\d+)").group(1)
        os.kill(int(again), signal.SIGKILL)
        self.kill_svcd()
        self.logged("a", "exited run=2 ")
        self.start()
        self.logged("a", "ready run=3 ")

        def told(word, texts):
            return re.findall(rf"^{word} run=(\d+)", "\n".join(texts), re.M)

        def same():
            events = [(e["event"], e["run"]) for e in self.events("a") if "run" in e]
            return all([str(r) for w, r in events if w == word] == told(word, self.log_texts("a", "svcd"))
                       for word in ("started", "ready", "exited"))
        self.until(same, what="events and log to say the same")
        self.assertEqual(told("ready", self.log_texts("a", "svcd")), ["1", "2", "3"])

    def test_no_line_is_lost(self):
        self.config(f"services: {{a: {{command: {self.python('p.py', COUNTER)}}}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        for target in (50, 150, 250):
            self.until(lambda: len(self.log_texts("a", "out")) > target, what=f"{target} lines")
            self.kill_svcd()
            self.until(lambda: len(self.log_texts("a", "out")) > target + 50, what="lines without svcd")
            self.start()
        self.assertEqual(self.running("a")["pid"], pid)
        self.svcctl("stop", "a")
        lines = self.log_texts("a", "out")
        self.assertEqual(lines, [f"line {i + 1}" for i in range(len(lines))])

    def test_no_line_is_lost_at_full_speed_over_twenty_kills(self):
        log = "log: {max_size: 1G, keep: 2}"
        self.config(f"""
            services:
              fast: {{command: {self.python("fast.py", FAST)}, {log}}}
              again: {{command: {self.python("again.py", AGAIN)}, {log},
                       restart: {{delay: 50ms, max_delay: 50ms, max_failures: 0}}}}
        """)
        self.start()
        pid = self.running("fast")["pid"]
        self.logged("again", "line 1", "out")
        for _ in range(20):
            size = os.path.getsize(self.log_path("again"))
            self.until(lambda size=size: os.path.getsize(self.log_path("again")) > size, what="output")
            self.kill_svcd()
            self.start()
        self.write("enough", "")
        count = int(self.written("written")[0])
        self.assertEqual(self.service("fast")["pid"], pid)
        self.svcctl("stop", "fast", "again")
        # Everything is in the log when the stop is answered: nothing is waited for.
        self.assertEqual(self.log_texts("fast", "out"), [f"line {i + 1}" for i in range(count)])
        whole = int(self.read("at"))
        lines = self.log_texts("again", "out")
        self.assertGreater(len(self.runs("again")), 3)
        # A run that was ended by the stop has not noted how far it came.
        self.assertGreaterEqual(len(lines), whole)
        self.assertEqual(lines, [f"line {i + 1}" for i in range(len(lines))])
        self.assertEqual(self.runs("again"), list(range(1, len(self.runs("again")) + 1)))

    def runs(self, name):
        """Those whose end the log tells, in its order."""
        return [int(t.split()[1].split("=")[1]) for t in self.log_texts(name, "svcd")
                if t.startswith("exited ")]

    def test_an_exit_while_svcd_is_away_is_known_afterwards(self):
        run = self.python("p.py", """
            import os, sys, time
            print("up", flush=True)
            while not os.path.exists("go"): time.sleep(0.01)
            print("last words", flush=True)
            sys.exit(7)
        """)
        self.config(f"services: {{a: {{command: {run}, restart: never}}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.logged("a", "up", "out")
        self.kill_svcd()
        self.write("go", "")
        self.gone(pid)
        self.start()
        s = self.in_state("a", "stopped")
        self.assertEqual((s["last_exit"]["kind"], s["last_exit"]["code"], s["run"]), ("exited", 7, 1))
        self.logged("a", "last words", "out")
        self.logged("a", rf"svcd exited run=1 pid={pid} code=7 ran=")
        self.assertEqual(len([t for t in self.log_texts("a", "svcd") if t.startswith("exited run=1")]), 1)

    def test_a_service_that_dies_while_svcd_is_away_comes_back_at_once(self):
        # the standing order: the shim may restart it once by itself
        self.config("services: {a: {command: sleep 1000, restart: {delay: 100ms}}}\n")
        self.start()
        first = self.running("a")
        self.until(lambda: self.service("a")["uptime_ms"] > 300, what="a long run")
        shim = self.shim_of(first["pid"])
        self.kill_svcd()
        os.kill(first["pid"], signal.SIGKILL)
        second = self.until(lambda: next((p for p in children(shim) if alive(p) and p != first["pid"]),
                                         None), what="a new run without svcd")
        self.start()
        s = self.running("a")
        self.assertEqual((s["pid"], s["run"]), (second, 2))
        self.assertEqual(s["last_exit"]["signal"], "KILL")

    def test_a_run_of_which_only_the_log_tells(self):
        # By its standing order the shim begins run 2, which no svcd puts on record; then its own record is
        # deleted, and it dies.
        self.config("services: {a: {command: sleep 1000, restart: {delay: 100ms}}}\n")
        self.start()
        first = self.running("a")
        self.until(lambda: self.service("a")["uptime_ms"] > 300, what="a long run")
        shim = self.shim_of(first["pid"])
        self.kill_svcd()
        os.kill(first["pid"], signal.SIGKILL)
        self.logged("a", "started run=2", "svcd")
        os.kill(shim, signal.SIGSTOP)  # or it makes its record anew
        self.until(lambda: stat_fields(shim)[0] == "T", what="a shim that stands still")
        shutil.rmtree(self.run_dir)
        tree = children(shim)
        os.kill(shim, signal.SIGKILL)
        self.gone(shim)
        for p in tree:
            os.kill(p, signal.SIGKILL)
        self.gone(*tree)
        self.start()
        self.running("a")
        self.assertEqual([e["run"] for e in self.events("a") if e["event"] == "exited"], [1, 2])
        for what in "started", "exited":
            numbers = [re.search(r"run=(\d+)", t)[1] for t in self.log_texts("a", "svcd") if t.startswith(what)]
            self.assertEqual(numbers, ["1", "2", "3"][:len(numbers)])
        self.assertEqual(self.service("a")["run"], 3)

    def test_a_run_that_no_svcd_could_put_on_record(self):
        # It began and ended under a svcd that could save nothing, and was killed. Its shim stays until that is
        # on record, so that the next svcd hears of it.
        self.config("services: {a: {command: sleep 1000, restart: never}}\n")
        self.start()
        os.kill(self.running("a")["pid"], signal.SIGKILL)
        self.in_state("a", "stopped")
        self.kill_svcd()
        obstacle = self.cannot_save()
        self.start()
        self.svcctl("start", "--no-wait", "a", status=1)
        a = self.running("a")
        self.assertEqual(a["run"], 2)
        shim = self.shim_of(a["pid"])
        os.kill(a["pid"], signal.SIGTERM)
        self.in_state("a", "stopped")
        self.kill_svcd()
        self.assertTrue(alive(shim))
        self.logged("a", "exited run=2 ", "svcd")  # which it may write only now
        shutil.rmtree(os.path.join(self.root, "logs"))  # nobody else knows
        os.rmdir(obstacle)
        self.start()
        self.gone(shim)
        ended = [e for e in self.events("a") if e["event"] == "exited"]
        self.assertEqual([(e["run"], e["signal"]) for e in ended], [(1, "KILL"), (2, "TERM")])
        self.svcctl("start", "a")
        self.assertEqual(self.running("a")["run"], 3)

    def test_an_idle_shim_that_waits_for_the_record_runs_again_or_goes(self):
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}, c: {command: sleep 1000}}\n")
        self.start()
        shims = [self.shim_of(self.running(n)["pid"]) for n in "abc"]
        self.kill_svcd()
        obstacle = self.cannot_save()
        self.start()
        for n in "abc":
            self.running(n)
            self.run_svcctl("stop", n)
            self.in_state(n, "stopped")
        self.assertTrue(all(alive(p) for p in shims))
        self.run_svcctl("start", "a")
        self.assertEqual(self.shim_of(self.running("a")["pid"]), shims[0])
        self.config("services: {a: {command: sleep 1000}, c: {command: sleep 1000}}\n")
        self.svcctl("reload")
        self.gone(shims[1])
        self.assertTrue(alive(shims[2]))
        os.rmdir(obstacle)
        self.svcctl("stop", "a")
        self.gone(shims[0], shims[2])

    def test_an_idle_shim_that_waits_for_the_record_does_not_hold_up_the_end(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        shim = self.shim_of(self.running("a")["pid"])
        self.kill_svcd()
        self.cannot_save()
        self.start()
        self.running("a")
        self.run_svcctl("stop", "a")
        self.in_state("a", "stopped")
        self.assertTrue(alive(shim))
        self.end_svcd()
        self.assertFalse(alive(shim))

    def test_a_stop_when_the_main_process_has_just_ended(self):
        # The shim, which was stopped, answers the next svcd before it has reported the end; what is left of the run
        # has to go all the same before the service is said to be down.
        program = self.script("p.sh", "(trap '' TERM HUP; exec sleep 1009) &\necho $! >> pids\nexec sleep 1010\n")
        self.config(f"services: {{a: {{command: {program}, stop: {{timeout: 300ms}}}}}}\n")
        self.start()
        main = self.running("a")["pid"]
        child = int(self.written("pids")[0])
        shim = self.shim_of(main)
        os.kill(shim, signal.SIGSTOP)
        self.kill_svcd()
        os.kill(main, signal.SIGKILL)
        self.start()
        self.svcctl("stop", "--no-wait", "a")
        os.kill(shim, signal.SIGCONT)
        self.svcctl("stop", "a")
        self.assertFalse(alive(child))
        self.gone(shim)

    def test_a_crash_loop_cannot_happen_without_svcd(self):
        run = self.script("p.sh", "echo x >> starts\nwhile [ -e stay ]; do sleep 0.05; done\n")
        self.write("stay", "")
        self.config(f"services: {{a: {{command: {run}, restart: {{delay: 50ms, max_failures: 0}}}}}}\n")
        self.start()
        self.running("a")
        self.written("starts")
        self.until(lambda: self.service("a")["uptime_ms"] > 100, what="a run that may be followed by another at once")
        self.kill_svcd()
        os.unlink(os.path.join(self.home, "stay"))
        self.logged("a", "exited run=2 ", "svcd")
        shims = [p for p in children(os.getpid()) if "svc-shim" in command_line(p)]
        # One more run; then the shim waits with no child.
        with at_rest(self, *shims, seconds=0.5):
            pass
        self.assertFalse([c for p in shims for c in children(p) if "svc-shim" not in command_line(c)])
        self.assertEqual(len(self.read("starts").split()), 2)
        self.start()
        self.until(lambda: len(self.read("starts").split()) > 4, what="runs with svcd")

    def test_what_was_stopped_stays_stopped(self):
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}, c: {command: sleep 1000}}\n")
        self.start()
        for n in "abc":
            self.running(n)
        self.svcctl("stop", "a")
        self.svcctl("disable", "b")
        self.crash()
        self.running("c")
        self.assertEqual(self.state("a"), "stopped")
        s = self.service("b")
        self.assertEqual((s["state"], s["disabled_cause"], s["enabled"]), ("disabled", "command", False))

    def test_a_clean_end_keeps_them_stopped_too(self):
        self.config("services: {a: {command: sleep 1000}, c: {command: sleep 1000}}\n")
        self.start()
        self.running("c")
        self.svcctl("stop", "a")
        self.assertEqual(self.end_svcd(), 0)
        self.start()
        self.running("c")
        self.assertEqual(self.state("a"), "stopped")

    def test_a_stop_that_was_interrupted_is_finished(self):
        run = self.script("p.sh", "trap '' TERM\necho up\nwhile :; do sleep 0.1; done\n")
        self.config(f"services: {{a: {{command: {run}, stop: {{timeout: {3 * SLOW}s}}}}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.logged("a", "up", "out")
        self.svcctl("stop", "--no-wait", "a")
        self.in_state("a", "stopping")
        self.crash()
        self.in_state("a", "stopped")
        self.assertFalse(alive(pid))

    def test_the_stop_signal_is_sent_once(self):
        """Many programs take a second one for impatience and drop what they are saving."""
        program = self.python("saves.py", """
            import os, signal, time
            n = 0
            def term(*_):
                global n
                n += 1
                open("terms", "a").write(f"{n}\\n")
            signal.signal(signal.SIGTERM, term)
            print("up", flush=True)
            while not os.path.exists("saved"):
                time.sleep(0.01)
        """)
        self.config(f"services: {{a: {{command: {program}, stop: {{timeout: 50s}}}}}}")
        self.start()
        self.logged("a", "up", "out")
        self.svcctl("stop", "a", "--no-wait")
        self.written("terms")
        for times in (1, 2):
            self.kill_svcd()
            self.start()
            self.until(lambda n=times: sum(t.startswith("adopted") for t in self.log_texts("a", "svcd")) == n,
                       what="adoption")
            self.in_state("a", "stopping")
        self.write("saved", "")
        self.in_state("a", "stopped")
        self.assertEqual(self.read("terms").split(), ["1"])

    def test_what_put_itself_in_the_background_meanwhile_is_told(self):
        self.config("services: {a: {command: \"sh -c 'while ! test -e go; do sleep 0.05; done; sleep 1000 & exit 0'\"}}")
        self.start()
        shim = self.shim_of(self.running("a")["pid"])
        self.kill_svcd()
        self.write("go", "")
        self.until(lambda: any("sleep 1000" in command_line(p) for p in descendants(shim)), what="what it leaves")
        self.start()
        self.logged("a", r" svcd daemonized run=1 reason=")
        self.assertEqual([e["run"] for e in self.events("a") if e["event"] == "daemonized"], [1])

    def test_since_when_and_failed_checks_are_known(self):
        self.config("services: {a: {command: sleep 1000, monitoring: {command: \"false\", interval: 300ms, failures: 4}}}")
        self.start()
        before = self.running("a")
        for _ in range(3):
            self.logged("a", "monitoring failed")
            self.kill_svcd()
            self.start()
            s = self.running("a")
            if s["run"] == 1:
                self.assertEqual(s["since"], before["since"])
        self.until(lambda: self.service("a")["run"] > 1, what="a restart by failed checks")

    def test_a_service_removed_meanwhile_waits_for_a_reload(self):
        # A half-finished edit and two crashes of svcd together must not stop anything.
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}}\n")
        self.start()
        pid = self.running("a")["pid"]
        for _ in range(2):
            self.kill_svcd()
            self.config("services: {b: {command: sleep 1000}}\n")
            self.start()
            s = self.running("a")
            self.assertEqual((s["pid"], s["run"]), (pid, 1))
            self.assertIn("no longer defined; `svcctl reload` stops it", s["note"])
            self.assertIn("- a: stop and remove", self.svcctl("plan", status=10).out)
        os.kill(pid, signal.SIGKILL)  # its definition is known as before
        pid = self.new_run("a", pid)["pid"]
        self.svcctl("reload")
        self.gone(pid)
        self.until(lambda: "a" not in self.services(), what="a forgotten")

    def test_a_service_removed_meanwhile_whose_last_definition_is_lost_is_stopped(self):
        for lost in (None, "services: [\n"):
            with self.subTest(lost=lost):
                self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}}\n")
                self.start()
                pid = self.running("a")["pid"]
                self.kill_svcd()
                self.config("services: {b: {command: sleep 1000}}\n")
                good = os.path.join(self.root, "svcd/last-good.yaml")
                os.unlink(good)
                if lost:
                    with open(good, "w", encoding="ascii") as f:
                        f.write(lost)
                self.start()
                self.gone(pid)
                self.until(lambda: "a" not in self.services(), what="a forgotten")
                self.end_svcd()

    def test_what_requires_a_removed_one_keeps_its_definition(self):
        # `a` is kept although what it requires is gone from the file: by a reload, then by new svcds.
        self.config("services: {r: {command: sleep 1000}, a: {command: sleep 1000, requires: [r]}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.config("services: {a: {command: sleep 1000, requires: [r]}}\n")
        self.run_svcctl("reload")
        for text in ("services: {a: {command: sleep 1000, requires: [r]}}\n", "services: {}\n", "services: {}\n"):
            self.kill_svcd()
            self.config(text)
            self.start()
            self.assertIn("requires" if "a:" in text else "no longer defined", self.running("a")["note"])
            os.kill(pid, signal.SIGKILL)
            pid = self.new_run("a", pid)["pid"]

    def test_a_removal_that_has_begun_is_carried_out_by_the_next_svcd(self):
        run = self.script("deaf.sh", "trap '' TERM\necho ready > deaf\nwhile :; do sleep 0.1; done\n")
        self.config(f"services: {{a: {{command: {run}, stop: {{timeout: 4s}}}}, b: {{command: sleep 1000}}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.written("deaf")
        self.config("services: {b: {command: sleep 1000}}\n")
        self.svcctl("reload", "--no-wait")
        self.in_state("a", "stopping")
        self.crash()
        self.gone(pid)
        self.until(lambda: "a" not in self.services(), what="a forgotten")

    def test_a_definition_changed_meanwhile_waits_for_a_reload(self):
        # A half-finished edit and a crash of svcd together must not restart anything.
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.kill_svcd()
        self.config("services: {a: {command: sleep 2000}}\n")
        self.start()
        s = self.running("a")
        self.assertEqual(s["pid"], pid)
        self.assertIn("earlier definition", s["note"])
        self.svcctl("reload")
        self.new_run("a", pid)
        self.assertFalse(alive(pid))

    def test_run_deleted_while_svcd_runs_and_then_svcd_killed(self):
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1001}}\n")
        self.start()
        pids = [self.running(x)["pid"] for x in "ab"]
        shutil.rmtree(self.run_dir, ignore_errors=True)
        shims = os.path.join(self.run_dir, "shims")
        self.until(lambda: os.path.isdir(shims) and sorted(os.listdir(shims)) == ["a", "b"],
                   what="the records, made again")
        self.kill_svcd()
        self.start()
        self.assertEqual([self.running(x)["pid"] for x in "ab"], pids)

    def test_the_last_good_definition_outlives_svcd(self):
        good = ("environment: {ACCOUNT: \"one two\"}\n"
                "services:\n"
                "  a:\n"
                "    command: [sh, -c, 'echo $ACCOUNT $OWN $PORT; exec sleep 1000']\n"
                "    environment: {OWN: 'three: \"four\"'}\n"
                "    port: 8477\n"
                "    ready: exec\n"
                "    restart: {delay: 50ms, max_failures: 0}\n"
                "  b: {command: sleep 1000}\n")

        def said():
            return self.log_texts("a", "out").count("one two three: \"four\" 8477")
        for bad in (good.replace("port:", "prot:"), good.replace("services:", "services: [")):
            with self.subTest(bad=bad):
                before = said()
                self.config(good)
                self.start()
                pid = self.running("a")["pid"]
                self.until(lambda n=before: said() == n + 1, what="its output")
                self.kill_svcd()
                self.config(bad)
                self.start()
                s = self.running("a")
                self.assertEqual(s["pid"], pid)
                self.assertTrue(s["changed"])
                os.kill(pid, signal.SIGKILL)
                self.new_run("a", pid)
                self.until(lambda n=before: said() == n + 2, what="the same output")
                self.end_svcd()

    def test_what_is_known_of_services_outlives_svcds_that_cannot_read_the_definitions(self):
        good = "services: {a: {command: sleep 1000}, b: {command: sleep 1001}, c: {command: sleep 1002}}\n"
        self.config(good)
        self.start()
        pids = {n: self.running(n)["pid"] for n in "abc"}
        self.svcctl("stop", "c")
        shim = self.shim_of(pids["a"])
        self.kill_svcd()
        os.kill(shim, signal.SIGKILL)
        self.config("services: [\n")
        for _ in range(3):
            self.start()
            self.until(lambda: self.service("a")["run"] == 2, what="a, whose shim was lost, again")
            self.assertEqual(self.running("b")["pid"], pids["b"])
            self.assertIn("services.yaml", self.service("b")["note"])
            self.assertEqual(sorted(self.services()), ["a", "b", "c"])
            self.kill_svcd()
        self.config(good)
        self.start()
        self.assertEqual(self.running("b")["pid"], pids["b"])
        self.assertEqual((self.running("a")["run"], self.state("c")), (2, "stopped"))
        self.svcctl("start", "c")
        self.assertEqual(self.service("c")["run"], 2)

    def test_run_deleted_while_no_svcd_runs(self):
        self._run_deleted()

    def test_run_deleted_and_definitions_that_cannot_be_read(self):
        self._run_deleted("services: [\n")

    def _run_deleted(self, definitions=None):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.kill_svcd()
        os.rename(self.run_dir, self.run_dir + ".gone")  # at once: its shim makes its record anew where it is missing
        shutil.rmtree(self.run_dir + ".gone")
        if definitions:
            self.config(definitions)
        self.start()
        self.assertEqual(self.running("a")["pid"], pid)
        self.assertEqual(self.service("a")["run"], 1)

    def test_a_shim_that_dies_takes_its_tree_along(self):
        # Killed by hand: the tree falls to svcd, which ends it before a new run.
        run = self.script("p.sh", "setsid sleep 1009 &\necho $! >> pids\nexec sleep 1010\n")
        self.config(f"services: {{a: {{command: {run}, restart: {{delay: 50ms}}}}}}\n")
        self.start()
        first = self.running("a")["pid"]
        child = int(self.written("pids")[0])
        os.kill(self.shim_of(first), signal.SIGKILL)
        self.new_run("a", first)
        self.assertFalse(alive(first) or alive(child))

    def test_svcd_and_shim_both_killed(self):
        # Nobody is left who knows: the next svcd finds the tree and ends it before it starts another.
        run = self.script("p.sh", "setsid sleep 1009 &\necho $! >> pids\nexec sleep 1010\n")
        self.config(f"services: {{a: {{command: {run}, restart: {{delay: 50ms}}}}}}\n")
        self.start()
        first = self.running("a")["pid"]
        child = int(self.written("pids")[0])
        shim = self.shim_of(first)
        self.kill_svcd()
        os.kill(shim, signal.SIGKILL)
        self.gone(shim)
        self.assertTrue(alive(first) and alive(child))
        self.start()
        self.new_run("a", first)
        self.assertFalse(alive(first) or alive(child))


class Second(SvcdTest):
    def test_a_second_svcd_refuses(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        pid = self.running("a")["pid"]
        for arguments in ([], ["--root", self.root], ["--root", self.root + "/../admin/"]):
            r = subprocess.run([os.path.join(BIN, "svcd"), *arguments], env=self.environment(),
                               capture_output=True, text=True, timeout=20 * SLOW, check=False)
            self.assertEqual(r.returncode, 1, r)
            self.assertIn(str(self.svcd.pid), r.stderr)
            self.assertIn(self.root, r.stderr)
        link = os.path.join(self.tmp, "link")
        os.symlink(self.root, link)
        r = subprocess.run([os.path.join(BIN, "svcd")], capture_output=True, text=True, check=False,
                           env={**self.environment(), "SVCD_ROOT": link}, timeout=20 * SLOW)
        self.assertEqual(r.returncode, 1, r)
        self.assertEqual(self.running("a")["pid"], pid)


def sockets(pid):
    """The connected stream sockets of a process, as sockets of ours."""
    found = []
    whole = os.pidfd_open(pid)
    for fd in map(int, os.listdir(f"/proc/{pid}/fd")):
        if not os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:"):
            continue
        mine = libc.syscall(438, whole, fd, 0)  # pidfd_getfd
        if mine < 0:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")
        s = socket.socket(fileno=mine)
        listens = s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if s.family == socket.AF_UNIX and s.type == socket.SOCK_STREAM and not listens:
            found.append(s)
        else:
            s.close()
    os.close(whole)
    return found


def break_connection(shim):
    """As by a fault: both ends live and see the end of the stream."""
    for s in sockets(shim):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        s.close()


class Connection(SvcdTest):
    """svcd and a shim live, and what is between them breaks, or one of the two does not answer."""

    def exits(self, name="a"):
        return [e["run"] for e in self.events(name) if e["event"] in ("exited", "start failed")]

    def check_once(self, name="a"):
        runs = self.exits(name)
        self.assertEqual(runs, sorted(set(runs)))
        self.assertNotIn("shim lost", [e.get("cause") for e in self.events(name)])  # each end is known
        started = [e["run"] for e in self.events(name) if e["event"] == "started"]
        self.assertEqual(started, sorted(set(started)))

    def test_it_is_made_again(self):
        self.config("services: {a: {command: sleep 1000, restart: {delay: 10ms}}}\n")
        self.start()
        s = self.running("a")
        for times in (1, 2, 3):
            break_connection(self.shim_of(s["pid"]))
            self.until(lambda n=times: [e["event"] for e in self.events("a")].count("adopted") == n, what="the new one")
            now = self.running("a")
            self.assertEqual((now["pid"], now["run"]), (s["pid"], s["run"]))
        os.kill(s["pid"], signal.SIGKILL)
        self.new_run("a", s["pid"])
        self.svcctl("restart", "a")
        self.svcctl("stop", "a")
        self.check_once()
        self.assertEqual(self.exits(), [1, 2, 3])

    def test_at_any_time(self):
        run = self.script("p.sh", "sleep 0.01\nexit 1\n")
        self.config(f"services: {{a: {{command: {run}, restart: {{delay: 10ms, max_delay: 20ms, max_failures: 0}}}}}}\n")
        self.start()
        broken = 0
        while broken < 40:
            for p in children(self.svcd.pid):
                if command_line(p).startswith("svc-shim a"):
                    try:
                        break_connection(p)
                        broken += 1
                    except OSError:
                        pass  # it has ended
            n = len(self.exits())
            self.until(lambda n=n: len(self.exits()) > n, what="another run")
        self.svcctl("stop", "a")
        self.check_once()
        runs = self.exits()
        self.assertEqual(runs, list(range(1, len(runs) + 1)))
        self.logged("a", rf"exited run={runs[-1]} ")  # the shim writes it when it hears of it
        logged = [t.split()[1] for t in self.log_texts("a", "svcd") if t.startswith("exited ")]
        self.assertEqual(logged, [f"run={n}" for n in runs])

    def begin_with_other(self):
        """svcd with a service that is of no interest; returns the pid of its nursery."""
        self.config("services: {other: {command: sleep 1000}}\n")
        self.to_be_traced()
        self.start()
        self.running("other")
        return next(p for p in children(self.svcd.pid) if re.search(r"svc-shim -+$", command_line(p)))

    def reload_with(self, name, settings="command: sleep 1000"):
        self.config(f"services: {{other: {{command: sleep 1000}}, {name}: {{{settings}}}}}\n")
        self.svcctl("reload", "--no-wait")

    def halted_shim(self, nursery, call, start):
        """A shim that START makes the nursery make, and that was about to go on from its first CALL."""
        trace = os.path.join(self.tmp, "trace")
        strace = straced.attached(self, nursery, "-f", "-o", trace, "-e", f"trace={call}", "-e",
                                  f"inject={call}:signal=STOP:when=1")
        start()
        halted = self.until(lambda: re.search(r"^(\d+) +--- stopped by SIGSTOP", self.read(trace), re.M), what="a halt")
        strace.terminate()
        strace.wait()
        return int(halted[1])

    def breaks_and_goes_on(self, shim, name):
        break_connection(shim)
        self.service(name)  # svcd has seen it
        os.kill(shim, signal.SIGCONT)
        return self.running(name)

    @unittest.skipUnless(shutil.which("strace"), "strace is missing")
    def test_before_its_first_word(self):
        """A shim is halted on its way from INIT to HELLO, the connection breaks, and it goes on: its run is the first,
        or the next shim's is. And so is the second, if there is what an earlier shim has left."""
        nursery = self.begin_with_other()
        for name, call in {"unmarked": "recvfrom", "marked": "prlimit64", "locked": "pread64"}.items():
            with self.subTest(name):
                shim = self.halted_shim(nursery, call, lambda n=name: self.reload_with(n))
                self.assertEqual(self.breaks_and_goes_on(shim, name)["run"], 1)
                self.svcctl("stop", name)
                self.until(lambda n=name: self.shim_has_left(n), what="no shim")
                self.write(os.path.join(self.run_dir, "shims", name), "run=1\nlogged=1\n")
                shim = self.halted_shim(nursery, call, lambda n=name: self.svcctl("start", "--no-wait", n))
                self.assertEqual(self.breaks_and_goes_on(shim, name)["run"], 2)
                self.svcctl("stop", name)
                self.check_once(name)
                self.assertEqual(self.exits(name), [1, 2])
                self.gone(shim)

    @unittest.skipUnless(shutil.which("strace"), "strace is missing")
    def test_what_changes_before_its_first_word(self):
        nursery = self.begin_with_other()
        shim = self.halted_shim(nursery, "prlimit64", lambda: self.reload_with("a"))
        break_connection(shim)
        self.reload_with("a", "command: sleep 1000, limits: {files: 77}")
        self.until(lambda: self.run_svcctl("plan").status == 0, what="nothing more to do")
        os.kill(shim, signal.SIGCONT)
        s = self.running("a")
        self.assertEqual(s["run"], 1)
        self.until(lambda: resource.prlimit(s["pid"], resource.RLIMIT_NOFILE) == (77, 77), what="the limit")

    def test_start_is_not_read(self):
        """By a shim that has opened sockets and had no run yet: it is no shim that came too late, and who waits for its
        service is not sent away."""
        address = os.path.join(self.tmp, "socket")
        self.config(f"services: {{a: {{command: sleep 1000, start: on-demand, sockets: [{address}]}}}}\n")
        self.start()
        self.in_state("a", "waiting")
        shim = self.until(lambda: next((p for p in children(self.svcd.pid) if command_line(p) == "svc-shim a"), None),
                          what="the shim")
        os.kill(shim, signal.SIGSTOP)
        self.svcctl("start", "--no-wait", "a")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(address)
            s = self.breaks_and_goes_on(shim, "a")
            client.send(b"still there")  # else EPIPE
        self.assertEqual((s["run"], self.shim_of(s["pid"])), (1, shim))
        self.check_once()

    def test_a_shim_that_does_not_answer_is_waited_for(self):
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}, c: {command: sleep 1000}}\n")
        self.start()
        pids = {n: self.running(n)["pid"] for n in "abc"}
        shims = {n: self.shim_of(p) for n, p in pids.items()}
        for p in shims.values():
            os.kill(p, signal.SIGSTOP)
        try:
            self.kill_svcd()
            self.start()
            for n, p in shims.items():
                s = self.until(lambda n=n: (x := self.service(n))["note"] and x, what="a note")
                self.assertEqual(s["state"], "starting")
                self.assertIn(f"waiting for its svc-shim (pid {p}), which does not answer", s["note"])
            r = self.run_svcctl("--timeout", "1s", "stop", "b")
            self.assertEqual(r.status, 6, r)  # not yet; but it holds
            self.assertIn("to be stopped", self.service("b")["note"])
            self.kill_svcd()
            self.start()
            self.assertIn("to be stopped", self.until(lambda: self.service("b")["note"], what="a note"))
            os.kill(pids["c"], signal.SIGKILL)  # its shim will tell when it goes on
        finally:
            for p in shims.values():
                os.kill(p, signal.SIGCONT)
        s = self.running("a")
        self.assertEqual((s["pid"], s["run"]), (pids["a"], 1))
        self.in_state("b", "stopped")
        self.gone(pids["b"])
        self.until(lambda: self.service("c")["run"] == 2, what="the next run of c")
        for n in "abc":
            self.check_once(n)
        self.assertEqual(self.exits("c"), [1])


class Nursery(SvcdTest):
    """The process that forks shims dies, or hangs."""

    def nursery(self):
        """That child of svcd whose name no shim has written over its own."""
        return self.until(lambda: next((p for p in children(self.svcd.pid)
                                        if re.search(r"svc-shim -+$", command_line(p))), None), what="the nursery")

    def test_killed_between_starts_and_before_it_does_what_it_was_asked(self):
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}}\n")
        self.start()
        self.running("a")
        self.running("b")
        for stop_first in (False, True):
            self.svcctl("stop", "b")
            p = self.nursery()
            if stop_first:
                os.kill(p, signal.SIGSTOP)  # the request waits in its queue when it is killed
                self.svcctl("start", "--no-wait", "b")
                self.in_state("b", "starting")
            os.kill(p, signal.SIGKILL)
            self.svcctl("start", "b")
            self.running("b")
        self.assertEqual([e for e in self.events("b") if e["event"] in ("start failed", "exited") and
                          e.get("cause") != "stop"], [])

    def test_one_that_hangs_and_is_continued_when_its_svcd_is_dead(self):
        # It still forks the shim that it was asked for. That must not start what a later svcd knows to be stopped.
        run = self.script("p.sh", "echo x >> starts\nexec sleep 1000\n")
        self.config(f"services: {{a: {{command: sleep 1000}}, b: {{command: {run}}}}}\n")
        self.start()
        self.running("b")
        self.written("starts")
        self.svcctl("stop", "b")
        hung = self.nursery()
        os.kill(hung, signal.SIGSTOP)
        self.svcctl("start", "--no-wait", "b")
        self.in_state("b", "starting")
        self.kill_svcd()
        self.start()
        self.svcctl("stop", "b")
        count = self.read("starts")
        os.kill(hung, signal.SIGCONT)
        self.gone(hung)
        self.until(lambda: not any(command_line(p).startswith("svc-shim b") for p in children(os.getpid())),
                   what="the end of the shim that came too late")
        self.assertEqual(self.read("starts"), count)
        self.assertEqual(self.state("b"), "stopped")

    def test_one_that_hangs_is_replaced(self):
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}, c: {command: sleep 1000}}\n")
        self.start()
        for n in "abc":
            self.running(n)
        self.svcctl("stop", "b", "c")
        p = self.nursery()
        os.kill(p, signal.SIGSTOP)
        self.svcctl("start", "b", "c")
        self.gone(p)
        runs = [(e["service"], e["run"]) for e in self.events() if e["event"] == "started"]
        self.assertEqual(len(runs), len(set(runs)))
        self.assertEqual(self.running("b")["failures"], 0)
        self.assertIn("replaced", self.read(os.path.join(self.root, "svcd/svcd.log")))
