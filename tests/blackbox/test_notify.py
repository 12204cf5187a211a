"""sd_notify: what a service says of itself, and what follows from it."""

import os
import shutil
import signal
import socket
import time
import unittest

from svcdtest import SLOW, SvcdTest, alive

# Does what is written into the FIFO `say`, line by line: `!CODE` is executed, anything else is sent.
PROGRAM = """
    import array, os, signal, socket, sys, time
    address = os.environ.get("NOTIFY_SOCKET", "")
    def tell(text, *fds, s=None):
        s = s or socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.sendmsg([text.encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [],
                  0, "\\0" + address[1:])
    signal.signal(signal.SIGUSR2, lambda *_: print("usr2", flush=True))
    with os.fdopen(os.open("say", os.O_RDWR)) as say:
        print("up", os.getpid(), *(f"{k}={os.environ[k]}" for k in sorted(os.environ) if "WATCHDOG" in k), flush=True)
        while True:
            line = say.readline().rstrip("\\n")
            if line.startswith("!"):
                exec(line[1:])
            else:
                tell(line.replace("\\\\n", "\\n"))
"""


class Notify(SvcdTest):
    def begin(self, more, ready=True):
        os.mkfifo(self.home + "/say")
        self.config(f"services: {{a: {{command: {self.python('n.py', PROGRAM)}, restart: {{delay: 50ms}}, {more}}}}}\n")
        self.start()
        self.logged("a", r" out up ")
        if ready and "ready: notify" in more:
            self.say("READY=1")
        return self.running("a")["pid"] if ready else None

    def say(self, text):
        with open(self.home + "/say", "w", encoding="utf-8") as f:
            f.write(text.replace("\n", "\\n") + "\n")

    def another(self, pid):
        self.until(lambda: self.service("a")["pid"] not in (None, pid), what="a new run")

    def last_exit(self):
        return self.service("a")["last_exit"]

    # ---- watchdog ----

    def test_watchdog(self):
        pid = self.begin(f"watchdog: {3000 * SLOW}ms")
        self.logged("a", rf" out up {pid} WATCHDOG_PID={pid} WATCHDOG_USEC={3000000 * SLOW}$")
        for _ in range(12):  # for longer than the watchdog waits
            self.say("WATCHDOG=1")
            time.sleep(0.3 * SLOW)  # this is the program's own time, nothing is waited for
        self.assertEqual(self.service("a")["pid"], pid)
        self.another(pid)
        self.logged("a", rf" svcd watchdog timeout run=1 pid={pid} after=\S+ signal=ABRT")
        self.logged("a", rf" svcd exited run=1 pid={pid} signal=ABRT .*failure=1/5")
        e = self.last_exit()
        self.assertEqual((e["cause"], e["failure"]), ("watchdog", True))
        self.assertIn("watchdog", e["text"])

    def test_watchdog_of_its_own(self):
        pid = self.begin("ready: notify")
        self.say("WATCHDOG_USEC=1\nWATCHDOG_USEC=3600000000")
        self.say("!print('said', flush=True)")
        self.logged("a", " out said")
        self.assertEqual(self.service("a")["pid"], pid)
        self.say("WATCHDOG=trigger")
        self.another(pid)
        self.assertEqual(self.last_exit()["cause"], "watchdog")

    def test_watchdog_waits_until_it_is_ready_and_survives_upgrade(self):
        pid = self.begin(f"ready: notify, watchdog: {400 * SLOW}ms", ready=False)
        pid = self.in_state("a", "starting")["pid"]
        time.sleep(0.6 * SLOW)  # longer than the watchdog would
        self.assertEqual(self.in_state("a", "starting")["pid"], pid)
        self.say("WATCHDOG_USEC=3600000000")
        self.say("READY=1")
        self.running("a")
        self.svcctl("upgrade")
        self.kill_svcd()
        self.start()
        self.assertEqual(self.running("a")["pid"], pid)
        self.say(f"WATCHDOG_USEC={100000 * SLOW}")
        self.another(pid)

    # ---- reloading, stopping ----

    def test_restart_is_over_when_it_says_so(self):
        pid = self.begin("ready: notify")
        self.say("!signal.signal(signal.SIGHUP, lambda *_: tell('RELOADING=1'))")
        self.say("!print('said', flush=True)")
        self.logged("a", " out said")
        self.svcctl("restart", "--no-wait", "a")
        self.in_state("a", "reloading")
        self.logged("a", " svcd restart requested ")
        time.sleep(1.2)  # beyond the second after which a program counts as reloaded otherwise
        self.assertEqual(self.state("a"), "reloading")
        self.say("READY=1")
        self.assertEqual(self.running("a")["pid"], pid)
        self.logged("a", rf" svcd reloaded run=1 pid={pid}")

    def test_reloading_by_itself(self):
        pid = self.begin("ready: notify")
        self.say("RELOADING=1\nSTATUS=reading it again")
        s = self.in_state("a", "reloading")
        self.assertEqual(s["status_text"], "reading it again")
        self.assertIn("reading it again", self.svcctl("status", "a").out)
        self.svcctl("upgrade")
        self.assertEqual(self.in_state("a", "reloading")["pid"], pid)
        self.say("READY=1\nSTATUS=well")
        self.assertEqual(self.running("a")["pid"], pid)

    def test_stopping_by_itself(self):
        pid = self.begin("ready: notify, stop: {timeout: 60s}")
        self.say("STOPPING=1")
        s = self.in_state("a", "stopping")
        self.assertRegex(s["note"], "^stops by itself; ")
        self.say("!os._exit(0)")
        self.another(pid)
        e = self.last_exit()
        self.assertEqual((e["cause"], e["code"], e["failure"]), ("exit", 0, True))

    def test_stopping_for_too_long(self):
        """svcd kills it, and does not say that somebody else has."""
        pid = self.begin("ready: notify, stop: {timeout: 300ms}")
        self.say("STOPPING=1")
        self.another(pid)
        self.assertIn("(svcd has killed it at stop.timeout, after its STOPPING=1)", self.last_exit()["text"])
        why = self.svcctl("why", "a").out
        self.assertIn("was not gone within stop.timeout, 300ms, so svcd has killed it", why)
        self.assertNotIn("somebody else", why)

    def test_more_time(self):
        self.begin(f"ready: notify, ready_timeout: {3000 * SLOW}ms, stop: {{timeout: {2000 * SLOW}ms}}", ready=False)
        self.say("EXTEND_TIMEOUT_USEC=60000000")
        pid = self.in_state("a", "starting")["pid"]
        time.sleep(3.1 * SLOW)  # longer than ready_timeout, which is what is tested
        self.assertEqual(self.in_state("a", "starting")["pid"], pid)
        self.say("READY=1")
        self.running("a")
        self.say("!signal.signal(signal.SIGTERM, lambda *_: tell('EXTEND_TIMEOUT_USEC=60000000'))")
        self.say("!print('said', flush=True)")
        self.logged("a", " out said")
        self.svcctl("stop", "--no-wait", "a")
        self.in_state("a", "stopping")
        time.sleep(2.1 * SLOW)  # longer than stop.timeout
        self.assertEqual(self.in_state("a", "stopping")["pid"], pid)
        self.say("!os._exit(0)")
        self.in_state("a", "stopped")
        self.assertNotIn("stop timeout", "\n".join(self.log("a")))

    # ---- who may say something, and what is not taken ----

    def test_another_main_process_is_refused_and_told_once(self):
        pid = self.begin("ready: notify")
        self.say(f"MAINPID={pid}")
        self.say("MAINPID=1")
        self.say("MAINPID=2")
        self.say("STATUS=said")
        self.until(lambda: self.service("a")["status_text"] == "said", what="the last message")
        self.assertEqual(self.service("a")["pid"], pid)
        self.svcctl("stop", "a")
        self.logged("a", " svcd stopped")  # what svcd told before is above it
        told = [t for t in self.log_texts("a", "svcd") if "MAINPID" in t]
        self.assertEqual(len(told), 1)
        self.assertRegex(told[0], r'^notification refused run=1 text="MAINPID=1" reason="the main process is ')

    def test_others_are_not_heard(self):
        self.begin("ready: notify")
        self.say("!print(address, flush=True)")
        line = self.logged("a", r" out @svcd/")
        address = self.log_texts("a", "out")[-1]
        self.assertTrue(line)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b"STATUS=not of the service\nWATCHDOG=trigger", "\0" + address[1:])
        self.say("!os.setsid() if os.fork() == 0 and os.fork() == 0 else None; tell(f'STATUS=of {len(address)}')")
        self.until(lambda: (self.service("a")["status_text"] or "").startswith("of "), what="a descendant's message")
        self.assertEqual(self.state("a"), "running")

    def test_barrier(self):
        self.begin("ready: notify")
        self.say("!r, w = os.pipe(); tell('STATUS=before'); tell('BARRIER=1', w); os.close(w); os.read(r, 1); "
                 "print('passed', flush=True)")
        self.logged("a", " out passed")
        self.until(lambda: self.service("a")["status_text"] == "before", what="what was said before")

    @unittest.skipUnless(shutil.which("systemd-notify"), "systemd-notify is not there")
    def test_systemd_notify(self):
        """It sends and ends at once, and waits for the barrier unless it is told not to."""
        self.write("r.sh", "#!/bin/sh\nsystemd-notify --status='by hand' --ready\nexec sleep 1000\n", 0o700)
        self.config("services: {a: {command: ./r.sh, ready: notify}}\n")
        self.start()
        self.assertEqual(self.running("a")["status_text"], "by hand")
        self.write("r.sh", "#!/bin/sh\nsystemd-notify --no-block --ready\nexec sleep 1000\n", 0o700)
        self.svcctl("restart", "--replace", "a")
        self.assertTrue(alive(self.running("a")["pid"]))


if __name__ == "__main__":
    unittest.main()
