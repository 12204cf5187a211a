"""What users of other supervisors suffer and no other file proves impossible here; tests/GUARANTEES.md
says for each complaint which test does."""

import os
import signal
import subprocess
import threading

from svcdtest import BIN, SLOW, SvcdTest, alive


class Races(SvcdTest):
    """Requests of several people for one service cross each other: never two runs, never an untracked one,
    and what was asked for last is what holds."""

    def test_requests_that_cross_leave_one_run(self):
        # A run that finds another one alive says so; the lock ends with the last of its processes.
        only = self.python("only.py", """
            import fcntl, os, sys, time
            f = open("lock", "w")
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                open("twice", "a").write(f"{os.getpid()}\\n")
            os.set_inheritable(f.fileno(), True)
            if os.fork() == 0:
                os.setsid()
                time.sleep(1000)
            time.sleep(1000)
        """)
        self.config(f"""
            services:
              a: {{command: {only}, restart: {{delay: 0s, max_failures: 0}}, stop: {{timeout: 2s}}}}
        """)
        self.start()
        self.running("a")

        def ask(verbs):
            for verb in verbs:
                subprocess.run([os.path.join(BIN, "svcctl"), "--quiet", *verb.split(), "a"],
                               stdin=subprocess.DEVNULL, capture_output=True, check=False,
                               env=self.environment(), timeout=60 * SLOW)

        def shoot():
            for _ in range(6):
                pid = self.service("a")["pid"]
                if pid:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
        people = [threading.Thread(target=ask, args=(verbs,)) for verbs in (
            ["restart", "stop --no-wait", "start", "restart --replace"] * 2,
            ["stop", "start --no-wait", "restart"] * 2,
            ["restart --no-wait", "restart --replace --no-wait", "stop --no-wait", "start"] * 2)]
        people.append(threading.Thread(target=shoot))
        for p in people:
            p.start()
        for p in people:
            p.join()
        self.svcctl("start", "a")
        # svcd may not know yet that the last shot was a hit.
        self.until(lambda: (pid := self.running("a")["pid"]) and alive(pid) and len(self.tree(pid)) == 2,
                   what="both its processes, and no more")
        self.assertFalse(os.path.exists(os.path.join(self.home, "twice")))
        self.svcctl("stop", "a")
        self.assertEqual(self.state("a"), "stopped")


class Mechanism(SvcdTest):
    def test_no_signal_at_the_death_of_a_parents_thread(self):
        """PR_SET_PDEATHSIG fires when a thread ends, and kills healthy services: it is not used."""
        ask = self.python("ask.py", """
            import ctypes, time
            signo = ctypes.c_int(-1)
            ctypes.CDLL(None).prctl(2, ctypes.byref(signo), 0, 0, 0)  # PR_GET_PDEATHSIG
            print("signal", signo.value)
            time.sleep(1000)
        """)
        self.config(f"services: {{a: {{command: {ask}}}}}\n")
        self.start()
        self.logged("a", r" out signal 0$")

    def test_a_pid_file_that_was_left_behind_is_nobodys(self):
        """A program that refuses to start while the process of its pid file lives: what the file names is
        gone with the run, so the next one starts, however the last one was killed."""
        program = self.python("pidfile.py", """
            import os, sys, time
            if os.path.exists("pid"):
                pid = int(open("pid").read())
                try:
                    os.kill(pid, 0)
                    sys.exit(f"already running with pid {pid}")
                except ProcessLookupError:
                    pass
            worker = os.fork()
            if worker == 0:
                os.setsid()
                time.sleep(1000)
            with open("pid.new", "w") as f:
                f.write(str(worker))
            os.rename("pid.new", "pid")
            print("up")
            time.sleep(1000)
        """)
        self.config(f"services: {{a: {{command: {program}, restart: {{delay: 0s}}}}}}\n")
        self.start()
        for run in (1, 2, 3):
            self.until(lambda: self.log_texts("a", "out").count("up") == run, what=f"run {run}")
            s = self.until(lambda: (s := self.service("a"))["run"] == run and s["pid"] and s, what=f"run {run}")
            os.kill(s["pid"], signal.SIGKILL)
        self.until(lambda: self.log_texts("a", "out").count("up") == 4, what="run 4")
        self.assertEqual(self.log_texts("a", "err"), [])
