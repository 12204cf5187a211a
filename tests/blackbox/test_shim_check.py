"""svc-shim: checks (SHIM_INIT_CHECK), and the notification socket."""

import array
import os
import re
import signal
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from shimproto import INIT_CHECK, PYTHON, ShimTest, alive, children, descendants  # noqa: E402


class Check(ShimTest):
    def check(self):
        shim = self.shim("check", flags=INIT_CHECK, log_path="")
        return shim

    def test_output_and_code(self):
        shim = self.check()
        shim.sh("echo out; echo err >&2; echo out; exit 1")
        ended = shim.expect("EXITED")
        self.assertEqual(os.waitstatus_to_exitcode(ended.wstatus), 1)
        self.assertEqual(ended.output, b"out\nerr\nout\n")  # in the order in which it was written
        self.assertEqual(ended.leftover, 0)
        shim.send("EXIT")
        shim.expect("BYE")
        self.gone(shim.pid)
        self.assertEqual(os.listdir(os.path.join(self.run_dir, "shims")), [])
        self.assertFalse(os.path.exists(os.path.join(self.folder, "logs")))

    def test_the_last_bytes(self):
        shim = self.check()
        shim.start([PYTHON, "-c", "import sys\nfor i in range(300000): sys.stdout.write('%07d\\n' % i)"])
        ended = shim.expect("EXITED")
        self.assertEqual(ended.output, b"".join(b"%07d\n" % i for i in range(300000 - 512, 300000)))

    def test_no_output(self):
        shim = self.check()
        shim.start(["true"])
        self.assertEqual(shim.expect("EXITED").output, b"")

    def test_what_it_leaves_is_killed(self):
        shim = self.check()
        shim.sh("sleep 1000 & setsid sleep 1000 & (setsid sh -c 'sleep 1000 & sleep 1000' &) ; echo done")
        ended = shim.expect("EXITED")
        self.assertEqual((ended.leftover, ended.output), (0, b"done\n"))
        self.assertEqual(children(shim.pid), [])
        self.assertIsNone(shim.quiet(0.05))

    def test_time_is_up(self):
        shim = self.check()
        shim.sh("echo begun; sleep 1000 & sleep 1000")
        self.until(lambda: len(descendants(shim.pid)) == 3, "processes")
        shim.send("KILL")
        ended = shim.expect("EXITED")
        self.assertEqual(os.WTERMSIG(ended.wstatus), signal.SIGKILL)
        self.assertEqual(ended.output, b"begun\n")
        self.assertEqual(children(shim.pid), [])

    def test_svcd_goes_away(self):
        """A check is of use to nobody then: everything is killed, the shim ends."""
        shim = self.check()
        self.listen()
        shim.sh("sleep 1000 & sleep 1000")
        self.until(lambda: len(descendants(shim.pid)) == 3, "processes")
        tree = descendants(shim.pid)
        shim.close()
        self.gone(shim.pid)
        self.assertFalse(any(alive(p) for p in tree))

    def test_svcd_goes_away_in_between(self):
        shim = self.check()
        shim.start(["true"])
        shim.expect("EXITED")
        shim.close()
        self.gone(shim.pid)

    def test_cannot_be_executed(self):
        shim = self.check()
        shim.start(["/does/not/exist"], wait=False)
        self.assertEqual(shim.expect("START_FAILED").stage_name, "exec")

    def test_two_at_once(self):
        """Checks have no record, so nothing keeps two of one name apart; nor a service's shim."""
        service = self.shim("check")
        service.start(["sleep", "1000"])
        for shim in (self.check(), self.check()):
            shim.sh("echo hi")
            self.assertEqual(shim.expect("EXITED").output, b"hi\n")


class Notify(ShimTest):
    def service(self, code, **more):
        """A Python program with s, a socket connected to NOTIFY_SOCKET."""
        head = ("import os, socket, sys, time, array\n"
                "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
                "s.connect('\\0' + os.environ['NOTIFY_SOCKET'][1:])\n")
        return [PYTHON, "-c", head + code]

    def test_messages(self):
        shim = self.shim("a", tag=0x535600ff)
        started = shim.start(self.service("s.send(b'READY=1\\nSTATUS=all is well\\nX=\\x01\\xff')\n"
                                          "print(os.environ['NOTIFY_SOCKET'])\n"
                                          "s.send(b'STATUS=' + b'y' * 500)\nsys.stdout.flush()\n"
                                          "time.sleep(1000)"), notify=1)
        first = shim.expect("NOTIFY")
        self.assertEqual((first.run, first.pid), (1, started.main_pid))
        self.assertEqual(first.text, b"READY=1\nSTATUS=all is well\nX=\x01\xff")
        self.assertEqual(shim.expect("NOTIFY").text, b"STATUS=" + b"y" * 500)
        self.until(lambda: self.output(shim), "output")
        self.assertRegex(self.output(shim)[0], rb"^@svcd/00000000535600ff[0-9a-f]{8}$")
        server = self.listen()
        shim.close()
        link = self.accept(server)
        hello = link.expect("HELLO")
        self.assertEqual((hello.ready, hello.status), (1, b"y" * 255))
        # The next run begins with nothing, at the same address.
        link.send("SIGNAL", signo=9)
        ended = link.expect("EXITED")
        link.send("ACK", report=ended.report)
        link.send("START", run=2, notify=1, arg=self.service("s.send(b'A=b')\ntime.sleep(1000)"))
        self.assertEqual(link.expect("NOTIFY").run, 2)
        link.close()
        hello = self.accept(server).expect("HELLO")
        self.assertEqual((hello.run, hello.ready, hello.status), (2, 0, b""))

    def test_not_wanted(self):
        shim = self.shim()
        shim.start(["sh", "-c", "echo ${NOTIFY_SOCKET-none}"])
        shim.expect("EXITED")
        self.assertEqual(self.output(shim), [b"none"])

    def test_from_a_descendant_and_gone(self):
        shim = self.shim()
        shim.start(self.service("if not os.fork():\n    s.send(b'READY=1')\n    os._exit(0)\n"
                                "os.wait()\ntime.sleep(1000)"), notify=1)
        self.assertEqual(shim.expect("NOTIFY").text, b"READY=1")

    def test_descriptors_are_closed(self):
        """FDSTORE and the barrier: what comes along is closed, which is what a barrier waits for."""
        shim = self.shim()
        started = shim.start(self.service(
            "r, w = os.pipe()\n"
            "s.sendmsg([b'BARRIER=1'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [w]))])\n"
            "os.close(w)\nprint(repr(os.read(r, 1)), flush=True)\ntime.sleep(1000)"), notify=1)
        self.until(lambda: self.output(shim) == [b"b''"], "end of the barrier")
        self.assertEqual(shim.expect("NOTIFY").text, b"BARRIER=1")
        self.assertTrue(alive(started.main_pid))

    def test_sizes(self):
        shim = self.shim()
        shim.start(self.service("s.send(b'')\ns.send(b'x' * 5000)\ns.send(b'y' * 4096)\ntime.sleep(1000)"),
                   notify=1)
        self.assertEqual(shim.expect("NOTIFY").text, b"y" * 4096)

    @unittest.skipIf(os.getuid(), "needs root")
    def test_from_another_user(self):
        shim = self.shim()
        shim.start(self.service("if not os.fork():\n    os.setuid(65534)\n    s.send(b'READY=1')\n    os._exit(0)\n"
                                "os.wait()\ns.send(b'END=1')\ntime.sleep(1000)"), notify=1)
        self.assertEqual(shim.expect("NOTIFY").text, b"END=1")

    def test_after_the_end(self):
        """What was said just before the end is handed on before the report of it."""
        shim = self.shim()
        for run in range(1, 6):
            shim.start(self.service("s.send(b'STOPPING=1')\ns.send(b'STATUS=bye')"), notify=1, run=run)
            ended = shim.expect("EXITED", run=run)
            self.assertEqual([f.text for f in shim.seen if f.kind == "NOTIFY"], [b"STOPPING=1", b"STATUS=bye"])
            shim.seen.clear()
            shim.ack(ended)


if __name__ == "__main__":
    unittest.main()
