"""`svcctl restart`: what SIGHUP does, for each kind of program, and --replace."""

import os
import re
import signal

from svcdtest import SvcdTest, alive, children

CATCHES = """
    import signal
    signal.signal(signal.SIGHUP, lambda *_: print("hup", flush=True))
    print("up", flush=True)
    while True:
        signal.pause()
"""
IGNORES = """
    import signal
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    print("up", flush=True)
    while True:
        signal.pause()
"""
# As a Go program does: the runtime catches the signal, and the process ends by it all the same.
DIES_LATER = """
    import os, signal, time
    signal.signal(signal.SIGHUP, lambda *_: None)
    print("up", flush=True)
    signal.pause()
    end = time.monotonic() + {after}
    while time.monotonic() < end:
        time.sleep(end - time.monotonic())
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGHUP)
"""


class Restart(SvcdTest):
    def up(self, command, more="", wait="up"):
        self.config(f"services:\n  a:\n    command: {command}\n{more}")
        self.start()
        s = self.running("a")
        if wait:
            self.logged("a", wait, "out")
        return s

    def restarts_anew(self, old, *arguments):
        said = self.svcctl("restart", *arguments, "a")
        s = self.service("a")
        self.assertEqual((s["state"], s["run"], s["failures"]), ("running", old["run"] + 1, 0))
        self.assertFalse(alive(old["pid"]))
        self.assertIn(str(s["pid"]), said.out)
        return s

    def test_default_action_ends_it_and_a_new_run_starts(self):
        old = self.up("sleep 1000", wait=None)
        s = self.restarts_anew(old)
        self.assertEqual((s["last_exit"]["kind"], s["last_exit"]["signal"]), ("signaled", "HUP"))
        self.assertFalse(s["last_exit"]["failure"])
        self.logged("a", rf" svcd restart requested by uid={os.getuid()} signal=HUP$")
        m = self.logged("a", r" svcd exited run=1 .*")
        self.assertNotIn("failure=", m[0])

    def test_it_may_be_restarted_any_number_of_times(self):
        s = self.up("sleep 1000", wait=None)
        for _ in range(8):  # more than max_failures
            s = self.restarts_anew(s)
        self.assertIsNone(s["disabled_cause"])

    def test_caught_means_reloaded(self):
        old = self.up(self.python("p.py", CATCHES))
        said = self.svcctl("restart", "a").out
        self.assertIn(f"reloaded (pid {old['pid']} kept)", said)
        self.logged("a", "hup", "out")
        s = self.service("a")
        self.assertEqual((s["state"], s["pid"], s["run"]), ("running", old["pid"], 1))

    def test_ignored_means_the_stop_sequence(self):
        old = self.up(self.python("p.py", IGNORES))
        s = self.restarts_anew(old)
        self.assertEqual(s["last_exit"]["signal"], "TERM")

    def test_caught_and_dead_at_once(self):
        old = self.up(self.python("p.py", DIES_LATER.format(after=0.1)))
        s = self.restarts_anew(old)
        self.assertEqual(s["last_exit"]["signal"], "HUP")

    def test_caught_and_dead_after_the_answer(self):
        # More than the second that svcd waits, less than stop.timeout: that was the restart.
        old = self.up(self.python("p.py", DIES_LATER.format(after=1.7)))
        self.svcctl("restart", "a")
        s = self.new_run("a", old["pid"])
        self.assertEqual((s["failures"], s["run"]), (0, 2))
        self.assertFalse(s["last_exit"]["failure"])

    def test_replace_always_makes_a_new_run(self):
        old = self.up(self.python("p.py", CATCHES))
        self.restarts_anew(old, "--replace")
        self.assertNotIn("hup", self.log_texts("a", "out"))

    def test_restart_signal_is_configurable(self):
        old = self.up(self.python("p.py", CATCHES.replace("SIGHUP", "SIGUSR1")),
                      "    restart: {signal: USR1}\n")
        self.assertIn("reloaded", self.svcctl("restart", "a").out)
        self.assertEqual(self.service("a")["pid"], old["pid"])
        self.logged("a", r"restart requested by uid=\d+ signal=USR1")

    def test_the_rest_of_the_tree_ends_too(self):
        old = self.up(self.script("p.sh", "sleep 1001 &\nsleep 1002 &\necho up\nwait\n"))
        tree = children(old["pid"])
        self.assertEqual(len(tree), 2)
        self.restarts_anew(old)
        self.assertFalse(any(map(alive, tree)))

    def test_of_a_stopped_service_starts_it(self):
        old = self.up("sleep 1000", wait=None)
        self.svcctl("stop", "a")
        self.svcctl("restart", "a")
        self.assertEqual(self.service("a")["run"], old["run"] + 1)

    def test_says_so_when_the_file_has_changed(self):
        self.up("sleep 1000", wait=None)
        self.config("services:\n  a:\n    command: sleep 2000\n")
        said = self.svcctl("restart", "a")
        self.assertRegex(said.out + said.err, r"(?i)changed.*reload|reload.*changed")
        self.assertEqual(self.service("a")["command"], "sleep 1000")

    def test_no_wait_returns_at_once_and_it_happens(self):
        old = self.up(self.python("p.py", IGNORES.replace("pause()", "pause()")))
        self.svcctl("restart", "--no-wait", "a")
        self.new_run("a", old["pid"])

    def test_a_program_that_runs_svcctl_restart_on_itself(self):
        # The caller is killed by what it asked for; the restart is done all the same.
        ctl = os.path.join(os.environ["SVCD_BIN"], "svcctl")
        once = os.path.join(self.home, "once")
        self.config(f"""
            services:
              a:
                command:
                  - /bin/sh
                  - -c
                  - '[ -e {once} ] || {{ : > {once}; {ctl} wait a; {ctl} restart --replace a; }}; exec sleep 1000'
        """)
        self.start()
        self.until(lambda: self.service("a")["run"] == 2 and self.state("a") == "running",
                   what="run 2")
        self.assertEqual(self.service("a")["failures"], 0)


class Lines(SvcdTest):
    def test_the_words_of_a_restart_come_in_order(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        self.running("a")
        self.svcctl("restart", "a")
        words = [re.match(r"(restart requested|[a-z]+)", t)[0] for t in self.log_texts("a", "svcd")]
        self.until(lambda: len(self.log_texts("a", "svcd")) >= 6, what="the last ready")
        words = [re.match(r"(restart requested|[a-z]+)", t)[0] for t in self.log_texts("a", "svcd")]
        self.assertEqual(words, ["started", "ready", "restart requested", "exited", "started", "ready"])
