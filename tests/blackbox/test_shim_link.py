"""svc-shim: standing orders, reports that are kept, svcd going away and coming back, the record."""

import os
import re
import signal
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from shimproto import EXIT_AGAIN, ORDER_ARMED, ORDER_FAILED, ShimTest, alive, children, lock_holder, state  # noqa: E402


class Helpers(ShimTest):
    def events(self, shim):
        """The lines of the log without their times."""
        return [line.split(" ", 1)[1] for line in shim.lines()]

    def record(self, name="a"):
        text = self.read(os.path.join(self.run_dir, "shims", name)).decode()
        self.assertEqual(len(text), 256)
        return dict(line.split("=", 1) for line in text.split("\n") if line)

    def stop(self, link, pid):
        """The end of a shim whose run is over."""
        link.send("EXIT")
        self.assertEqual(link.expect("BYE").errno, 0)
        self.assertEqual(link.closed(), True)
        self.gone(pid)


class Order(Helpers):
    def armed(self, shim, flags=ORDER_ARMED, min_ran_ms=0, intent=0):
        shim.send("ORDER", flags=flags, min_ran_ms=min_ran_ms, intent=intent)

    def test_restarts_once(self):
        shim = self.shim()
        first = shim.sh("echo one; exec sleep 1000")
        self.until(lambda: self.output(shim) == [b"one"], "output")
        self.armed(shim, intent=7)
        os.kill(first.main_pid, signal.SIGKILL)
        ended = shim.expect("EXITED")
        self.assertEqual((ended.run, ended.restarted, ended.intent, ended.leftover), (1, 1, 7, 0))
        second = shim.expect("STARTED", run=2)
        self.assertEqual(second.restarted, 1)
        self.assertNotEqual(second.main_pid, first.main_pid)
        self.assertGreaterEqual(second.started_ms, ended.ended_ms)
        self.assertTrue(alive(second.main_pid))
        shim.ack(ended, "exited run=1")
        os.kill(second.main_pid, signal.SIGKILL)
        again = shim.expect("EXITED", run=2)
        self.assertEqual((again.restarted, again.intent), (0, 0))
        self.assertEqual(children(shim.pid), [])
        shim.ack(again, "exited run=2")
        shim.start(["true"], run=3)

    def test_comes_with_start(self):
        """The order, and the `ready` line, which each run has then."""
        shim = self.shim()
        first = shim.start(["sleep", "1000"], flags=ORDER_ARMED, intent=4, ready_line=1)
        self.assertEqual((first.flags, first.ready_line), (ORDER_ARMED, 1))
        os.kill(first.main_pid, signal.SIGKILL)
        ended = shim.expect("EXITED")
        self.assertEqual((ended.restarted, ended.intent, ended.ready_line), (1, 4, 1))
        second = shim.expect("STARTED", run=2)
        self.assertEqual((second.restarted, second.flags, second.ready_line), (1, 0, 1))
        shim.ack(ended, "exited run=1")
        self.until(lambda: len(self.events(shim)) == 5, "all lines")
        self.assertRegex("\n".join(self.events(shim)), "^svcd started run=1 .*\nsvcd ready run=1 after=0ms\n"
                         "svcd exited run=1\nsvcd started run=2 .*\nsvcd ready run=2 after=0ms$")
        shim.close()
        link = self.accept(self.listen())
        self.assertEqual(link.expect("HELLO").ready_line, 1)

    def test_of_a_start_that_fails(self):
        shim = self.shim()
        shim.start(["/nowhere"], wait=False, flags=ORDER_ARMED, ready_line=1)
        shim.expect("START_FAILED")
        shim.close()
        link = self.accept(self.listen())
        self.assertEqual(link.expect("HELLO").flags, 0)
        self.assertEqual([x for x in self.events(shim) if "ready" in x], [])

    def test_given_before_the_end(self):
        """Both wait for the shim: the order, which came first, and the end. The order counts."""
        shim = self.shim()
        first = shim.start(["sleep", "1000"])
        os.kill(shim.pid, signal.SIGSTOP)
        self.until(lambda: state(shim.pid) == "T", "stop")
        self.armed(shim, intent=2)
        os.kill(first.main_pid, signal.SIGKILL)
        self.until(lambda: state(first.main_pid) == "Z", "end")
        os.kill(shim.pid, signal.SIGCONT)
        ended = shim.expect("EXITED")
        self.assertEqual((ended.restarted, ended.intent), (1, 2))

    def test_lines_are_in_order(self):
        """Output of the new run waits for the last line of the old one; svcd's lines keep their order."""
        shim = self.shim()
        fifo, mark = os.path.join(self.folder, "fifo"), os.path.join(self.folder, "mark")
        os.mkfifo(fifo)
        shim.sh(f"[ -e {mark} ] || read x < {fifo}; i=0; while [ $i -lt 2000 ]; do echo $$ $i; i=$((i+1)); done;"
                " printf end; kill -9 $$")
        self.armed(shim)
        with open(fifo, "w", encoding="ascii") as f:  # the first run has looked for the mark
            with open(mark, "w", encoding="ascii"):
                pass
            f.write("\n")
        ended = shim.expect("EXITED", restarted=1)
        second = shim.expect("STARTED")
        shim.send("LOG", wall_ms=1, text="reloaded run=1")
        shim.ack(ended, "exited run=1 pid=x code=9")
        shim.send("LOG", wall_ms=1, text="ready run=2")
        shim.ack(shim.expect("EXITED", run=2), "exited run=2")
        self.until(lambda: "svcd exited run=2" in self.events(shim), "last line")
        lines = self.events(shim)
        first_pid = lines[0].split("pid=")[1].split()[0]
        want = [lines[0]] + [f"out {first_pid} {i}" for i in range(2000)] + \
            ["out end", "svcd reloaded run=1", "svcd exited run=1 pid=x code=9"]
        self.assertEqual(lines[:len(want)], want)
        self.assertRegex(lines[len(want)], rf"svcd started run=2 pid={second.main_pid} ")
        self.assertIn("svcd ready run=2", lines[len(want) + 1:])
        self.assertEqual([x for x in lines if x.startswith(f"out {second.main_pid} ")],
                         [f"out {second.main_pid} {i}" for i in range(2000)])
        # The second run may be over before svcd's word of it comes.
        self.assertEqual([x for x in lines if x != "svcd ready run=2"][-2:], ["out end", "svcd exited run=2"])
        self.assertEqual(lines[-1], "svcd exited run=2")

    def test_minimum(self):
        shim = self.shim()
        shim.sh("exec sleep 1000")
        self.armed(shim, min_ran_ms=3600 * 1000, intent=5)
        shim.send("SIGNAL", signo=int(signal.SIGKILL))
        ended = shim.expect("EXITED")
        self.assertEqual((ended.restarted, ended.intent), (0, 5))
        self.assertEqual(children(shim.pid), [])
        shim.ack(ended)
        # used up: START cancels it
        shim.sh("exec sleep 1000")
        shim.send("SIGNAL", signo=int(signal.SIGKILL))
        self.assertEqual(shim.expect("EXITED").restarted, 0)

    def test_only_failed(self):
        for code, again in ((0, 0), (1, 1)):
            shim = self.shim(f"s{code}")
            fifo = os.path.join(self.folder, f"fifo{code}")
            os.mkfifo(fifo)
            shim.sh(f"read x < {fifo}; exit {code}")
            self.armed(shim, flags=ORDER_ARMED | ORDER_FAILED)
            with open(fifo, "w", encoding="ascii") as f:
                f.write("\n")
            self.assertEqual(shim.expect("EXITED").restarted, again, code)

    def test_cancelled(self):
        shim = self.shim()
        shim.start(["sleep", "1000"])
        self.armed(shim)
        shim.send("ORDER")
        shim.send("SIGNAL", signo=int(signal.SIGTERM))
        self.assertEqual(shim.expect("EXITED").restarted, 0)

    def test_signal_and_kill_leave_it(self):
        shim = self.shim()
        shim.start(["sleep", "1000"])
        self.armed(shim)
        shim.send("SIGNAL", signo=int(signal.SIGTERM))
        ended = shim.expect("EXITED")
        self.assertEqual(ended.restarted, 1)
        shim.ack(ended)
        shim.expect("STARTED", run=2)
        self.armed(shim)
        shim.send("KILL")
        self.assertEqual(shim.expect("EXITED", run=2).restarted, 1)
        third = shim.expect("STARTED", run=3)
        self.assertTrue(alive(third.main_pid))

    def test_not_with_leftovers(self):
        shim = self.shim()
        shim.sh("sleep 1000 & read x < /dev/null; kill -9 $$")
        self.armed(shim)
        ended = shim.expect("EXITED")
        self.assertEqual((ended.restarted, ended.leftover), (0, 1))
        shim.send("KILL")
        shim.expect("EMPTY")
        self.assertIsNone(shim.quiet(0.05))

    def test_program_has_gone(self):
        program = os.path.join(self.folder, "program")
        os.symlink("/bin/sleep", program)
        shim = self.shim()
        shim.start([program, "1000"])
        self.armed(shim)
        os.unlink(program)
        shim.send("SIGNAL", signo=int(signal.SIGTERM))
        ended = shim.expect("EXITED")
        self.assertEqual(ended.restarted, 0)  # svcd starts it, and hears why it cannot be
        shim.ack(ended)
        shim.start([program], run=2, wait=False)
        self.assertEqual(shim.expect("START_FAILED").stage_name, "exec")

    def test_same_environment_again(self):
        shim = self.shim()
        shim.sh("echo $A $PWD $(umask); exec sleep 1000", env=["A=kept", "PATH=/usr/bin:/bin"], umask=0o077)
        self.until(lambda: len(self.output(shim)) == 1, "output")
        self.armed(shim)
        shim.send("SIGNAL", signo=int(signal.SIGTERM))
        shim.ack(shim.expect("EXITED"))
        self.until(lambda: len(self.output(shim)) == 2, "second output")
        self.assertEqual(self.output(shim), [f"kept {self.folder} 0077".encode()] * 2)


class Reports(Helpers):
    def test_late_acknowledgement(self):
        """Within SHIM_HOLD_MS svcd's words are used; later the shim has said it itself, once."""
        shim = self.shim()
        shim.sh("exit 2")
        ended = shim.expect("EXITED")
        self.until(lambda: len(shim.lines()) == 2, "the shim's own line")
        self.assertRegex(self.events(shim)[1], rf"^svcd exited run=1 pid={ended.main_pid} code=2 ran=\S+$")
        shim.ack(ended, "exited in svcd's words")
        shim.send("LOG", text="end")
        self.until(lambda: "svcd end" in self.events(shim), "line")
        self.assertEqual(len(shim.lines()), 3)

    def test_acknowledged_without_words(self):
        shim = self.shim()
        shim.sh("exit 2")
        shim.ack(shim.expect("EXITED"))
        shim.send("LOG", text="end")
        self.until(lambda: "svcd end" in self.events(shim), "line")
        self.assertEqual(len(shim.lines()), 2)

    def test_sent_again(self):
        shim = self.shim()
        shim.start(["/does/not/exist"], wait=False)
        failed = shim.expect("START_FAILED")
        started = shim.sh("exit 4", run=2)
        ended = shim.expect("EXITED")
        server = self.listen()
        for _ in range(2):  # until it is acknowledged
            shim.close()
            shim = link = self.accept(server)
            self.assertEqual(link.next().kind, "HELLO")
            again = link.next()
            self.assertEqual((again.kind, again.report, again.stage), ("START_FAILED", failed.report, failed.stage))
            again = link.next()
            self.assertEqual((again.kind, again.report, again.run, again.wstatus, again.main_pid, again.logged),
                             ("EXITED", ended.report, 2, ended.wstatus, started.main_pid, 1))
            self.assertEqual((again.ran_ms, again.wall_ms, again.ended_ms),
                             (ended.ran_ms, ended.wall_ms, ended.ended_ms))
            self.assertIsNone(link.quiet(0.05))
        link.send("ACK", report=failed.report)
        link.send("ACK", report=ended.report)
        link.send("ACK", report=99)
        link.send("SIGNAL", signo=9)
        link.send("LOG", text="seen")
        self.until(lambda: b"seen" in self.read(self.log_path("a")), "all frames read")
        link.close()
        link = self.accept(server)
        self.assertEqual(link.next().kind, "HELLO")
        self.assertIsNone(link.quiet(0.05))

    def test_empty_is_told_again(self):
        shim = self.shim()
        shim.sh("sleep 1000 & exit 0")
        self.assertEqual(shim.expect("EXITED").leftover, 1)
        left = children(shim.hello.pid)
        shim.close()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        self.until(lambda: not children(shim.hello.pid), "end of what was left")
        link = self.accept(self.listen())
        self.assertEqual(link.expect("HELLO").leftover, 0)
        self.assertEqual(link.expect("EXITED").leftover, 1)
        self.assertEqual(link.expect("EMPTY").run, 1)


class Away(Helpers):
    def test_reconnects(self):
        shim = self.shim()
        started = shim.sh("echo up; exec sleep 1000", cookie=b"\0\1cookie")
        shim.send("ORDER", flags=ORDER_ARMED | ORDER_FAILED, min_ran_ms=1, intent=9)
        self.until(lambda: self.output(shim) == [b"up"], "output")
        server = self.listen()
        shim.close()
        link = self.accept(server)
        hello = link.next()
        self.assertEqual(hello.kind, "HELLO")
        self.assertEqual((hello.name, hello.pid, hello.run, hello.main_pid), (b"a", shim.pid, 1, started.main_pid))
        self.assertEqual((hello.started_ms, hello.started_wall_ms), (started.started_ms, started.started_wall_ms))
        self.assertEqual((hello.cookie, hello.flags, hello.intent), (b"\0\1cookie", 3, 9))
        self.assertEqual((hello.ready, hello.leftover, hello.status), (0, 0, b""))
        self.assertIsNone(link.quiet(0.05))
        link.send("COOKIE", cookie=b"other")
        link.send("ORDER")
        link.send("SIGNAL", signo=int(signal.SIGTERM))
        ended = link.expect("EXITED")
        link.send("ACK", report=ended.report, text="exited run=1")
        self.stop(link, shim.pid)
        self.assertEqual(self.events(shim)[1:], ["out up", "svcd exited run=1"])

    def test_cookies_of_any_length(self):
        """A shim has little room for those that no svcd has sent yet."""
        shim = self.shim()
        shim.sh("exec sleep 1000", cookie=b"short")
        link, server = shim, self.listen()
        for n in (40, 41, 1024, 7, 0, 2000):
            cookie = bytes(i % 251 for i in range(n))
            link.send("COOKIE", cookie=cookie)
            link.close()
            link = self.accept(server)
            hello = link.next()
            self.assertEqual((hello.kind, hello.name, hello.cookie), ("HELLO", b"a", cookie[:1024]))
        link.send("SIGNAL", signo=int(signal.SIGTERM))
        link.send("ACK", report=link.expect("EXITED").report)
        self.stop(link, shim.pid)

    def test_first_byte(self):
        shim = self.shim()
        server = self.listen()
        shim.close()
        server.settimeout(30)
        sock, _ = server.accept()
        self.assertEqual(sock.recv(1), b"\x01")
        sock.close()

    def test_nudge(self):
        """Without one the next attempt may be seconds away; with one it comes at once."""
        shim = self.shim()
        started = shim.start(["sleep", "1000"])
        shim.close()
        path = os.path.join(self.run_dir, "shims", "a")
        # Its attempts become rare: 20 ms, doubling. None within 1.4 s means that the next is a second away.
        server = self.listen()
        server.settimeout(1.4)
        for _ in range(20):
            try:
                sock, _ = server.accept()
                sock.close()
            except TimeoutError:
                break
        else:
            self.fail("attempts do not become rarer")
        self.assertEqual(lock_holder(path), shim.pid)
        os.kill(lock_holder(path), signal.SIGUSR1)
        server.settimeout(1)
        sock, _ = server.accept()
        sock.close()
        self.assertTrue(alive(started.main_pid))

    def test_the_main_process_has_just_ended(self):
        """A run is up until its end is reported: only that report can say that something is left."""
        shim = self.shim()
        started = shim.sh("sleep 1000 & exec sleep 1000")
        self.until(lambda: len(children(shim.pid)) + len(children(started.main_pid)) == 2, "child")
        server = self.listen()
        os.kill(shim.pid, signal.SIGSTOP)
        self.until(lambda: state(shim.pid) == "T", "stop")
        os.kill(started.main_pid, signal.SIGKILL)
        self.until(lambda: state(started.main_pid) == "Z", "end")
        shim.close()
        os.kill(shim.pid, signal.SIGCONT)
        link = self.accept(server)  # most likely before it has decided what is left
        hello = link.next()
        self.assertEqual((hello.kind, hello.leftover), ("HELLO", 1))
        ended = link.expect("EXITED", run=1)
        self.assertEqual(ended.leftover, 1)
        link.send("KILL", run=1)
        link.expect("EMPTY", run=1)
        link.send("ACK", report=ended.report)
        self.stop(link, shim.pid)

    def test_asked_for_by_one_that_has_died(self):
        """Born late, of a nursery that was stopped: whoever runs now cannot have known of it."""
        first = self.shim()
        first.sh("exit 0")
        first.ack(first.expect("EXITED"))
        self.stop(first, first.pid)
        os.kill(self.nursery_pid, signal.SIGSTOP)
        self.until(lambda: state(self.nursery_pid) == "T", "stop")
        late = self.shim(hello=False)
        late.start(["touch", "begun"], wait=False)
        late.close()
        os.kill(self.nursery_pid, signal.SIGCONT)
        after = self.shim("b")  # forked after it
        self.until(lambda: [p for p in children(os.getpid()) if alive(p)] == [self.nursery_pid, after.pid], "its end")
        self.assertFalse(os.path.exists(os.path.join(self.folder, "begun")))
        self.assertEqual(os.listdir(os.path.join(self.run_dir, "shims")), ["b"])

    def test_exit_while_away(self):
        shim = self.shim()
        started = shim.sh("echo out; kill -9 $$", wait=True)
        shim.close()
        self.until(lambda: any("exited" in x for x in self.events(shim)), "the shim's own line")
        self.assertEqual(len([x for x in self.events(shim) if "exited" in x]), 1)
        self.assertRegex(self.events(shim)[-1],
                         rf"^svcd exited run=1 pid={started.main_pid} signal=KILL ran=\S+$")
        link = self.accept(self.listen())
        self.assertEqual(link.expect("HELLO").main_pid, 0)
        ended = link.expect("EXITED")
        self.assertEqual(ended.logged, 1)
        link.send("ACK", report=ended.report, text="exited a second time")
        self.stop(link, shim.pid)
        self.assertEqual(len([x for x in self.events(shim) if "exited" in x]), 1)

    def test_standing_order_while_away(self):
        shim = self.shim()
        first = shim.sh("echo $$; exec sleep 1000")
        shim.send("ORDER", flags=ORDER_ARMED, intent=3)
        self.until(lambda: len(self.output(shim)) == 1, "output")
        shim.close()
        os.kill(first.main_pid, signal.SIGKILL)
        self.until(lambda: len(self.output(shim)) == 2, "second run")
        lines = self.events(shim)
        self.assertRegex(lines[2], rf"^svcd exited run=1 pid={first.main_pid} signal=KILL ran=\S+ "
                                   "restarted=standing-order$")
        self.assertRegex(lines[3], "^svcd started run=2 pid=")
        second = int(lines[4].split()[1])
        os.kill(second, signal.SIGKILL)  # the order is used up
        self.until(lambda: "run=2" in self.events(shim)[-1], "second exit")
        self.assertEqual(children(shim.pid), [])
        link = self.accept(self.listen())
        hello = link.next()
        self.assertEqual((hello.run, hello.main_pid, hello.flags), (2, 0, 0))
        reports = [link.expect("EXITED"), link.expect("EXITED")]
        self.assertEqual([(r.run, r.restarted, r.intent, r.logged) for r in reports],
                         [(1, 1, 3, 1), (2, 0, 0, 1)])

    def test_ended_and_svcd_dies_before_it_acknowledges(self):
        shim = self.shim()
        shim.sh("exit 5")
        shim.expect("EXITED")
        shim.close()
        self.until(lambda: any("exited" in x for x in self.events(shim)), "the shim's own line")
        link = self.accept(self.listen())
        self.assertEqual(link.expect("EXITED").logged, 1)

    def test_output_goes_on(self):
        shim = self.shim()
        shim.sh("i=0; while [ $i -lt 5000 ]; do echo $i; i=$((i+1)); done; exec sleep 1000")
        shim.close()
        self.until(lambda: len(self.output(shim)) == 5000, "output")
        self.assertEqual(self.output(shim), [b"%d" % i for i in range(5000)])

    def test_long_path(self):
        deep = os.path.join(self.folder, *["d" * 100] * 5)
        self.run_dir = os.path.join(deep, "run")
        os.makedirs(os.path.join(self.run_dir, "shims"))
        shim = self.shim()
        shim.start(["sleep", "1000"])
        server = self.listen()
        shim.close()
        self.assertEqual(self.accept(server).expect("HELLO").name, b"a")

    def test_slow_svcd(self):
        """A svcd that reads nothing holds up neither the service nor the shim; READY is not lost."""
        shim = self.shim()
        code = ("import os,socket\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
                "a = os.environ['NOTIFY_SOCKET']\ns.connect('\\0' + a[1:])\n"
                "for i in range(3000): s.send(b'STATUS=' + b'x' * 3000 + b'\\nN=%d' % i)\n"
                "s.send(b'READY=1\\nSTATUS=at last\\n' + b'x' * 3500)\nprint('done', flush=True)\nimport time; time.sleep(1000)")
        from shimproto import PYTHON
        server = self.listen()
        started = shim.start([PYTHON, "-c", code], notify=1)
        self.until(lambda: self.output(shim) == [b"done"], "end of the messages")
        link = self.accept(server)  # the first connection was given up for READY
        hello = link.expect("HELLO")
        self.assertEqual((hello.ready, hello.status, hello.main_pid), (1, b"at last", started.main_pid))


class Record(Helpers):
    def test_content(self):
        shim = self.shim()
        want = {"shim": str(shim.pid), "run": "0", "main": "0", "logged": "0",
                "boot": self.read("/proc/sys/kernel/random/boot_id").decode().strip()}
        pipes = dict.fromkeys(("out", "err"), "0")  # by which what is left in them is found
        self.until(lambda: self.record() == {**want, **pipes}, "record")
        started = shim.start(["sleep", "1000"], run=41)
        for i, name in enumerate(pipes, 1):
            pipe = os.readlink(f"/proc/{started.main_pid}/fd/{i}")
            pipes[name] = re.fullmatch(r"pipe:\[(\d+)\]", pipe)[1]
        want.update(run="41", main=str(started.main_pid), logged="40", **pipes)
        self.assertEqual(self.record(), want)
        self.assertEqual(lock_holder(os.path.join(self.run_dir, "shims", "a")), shim.pid)
        shim.send("SIGNAL", signo=9)
        e = shim.expect("EXITED")
        want.update(main="0", ended=f"41 {started.main_pid} {e.wstatus} {e.ran_ms} {e.wall_ms}")
        self.assertEqual(self.record(), want)
        shim.ack(e)  # without words, as for a line that is there already
        self.assertEqual(self.record(), want)
        started = shim.start(["false"], run=42)
        e = shim.expect("EXITED")
        shim.ack(e, text="exited run=42")
        self.until(lambda: self.record()["logged"] == "42", "word that its line is written")
        self.assertEqual(self.record()["ended"], f"42 {started.main_pid} {e.wstatus} {e.ran_ms} {e.wall_ms}")
        self.stop(shim, shim.pid)
        self.assertEqual(os.listdir(os.path.join(self.run_dir, "shims")), [])

    def test_left_for_the_next(self):
        path = os.path.join(self.run_dir, "shims", "a")
        shim = self.shim()
        inode = os.stat(path).st_ino
        shim.start(["true"], run=41)
        shim.ack(shim.expect("EXITED"))
        shim.send("EXIT", flags=EXIT_AGAIN)
        self.assertEqual(shim.expect("BYE").errno, 0)
        self.gone(shim.pid)
        self.assertEqual((os.stat(path).st_ino, os.path.getsize(path), lock_holder(path)), (inode, 0, 0))
        shim = self.shim()
        self.until(lambda: self.record()["shim"] == str(shim.pid), "record")
        self.assertEqual((os.stat(path).st_ino, self.record()["run"]), (inode, "0"))

    @staticmethod
    def _listen(path):
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path)

    def test_something_else_is_there(self):
        path = os.path.join(self.run_dir, "shims", "a")
        for make in (os.mkdir, os.mkfifo, lambda p: os.symlink("elsewhere", p),
                     self._listen):
            make(path)
            shim = self.shim()
            self.until(lambda shim=shim: self.record()["shim"] == str(shim.pid), "record")
            self.stop(shim, shim.pid)
            self.assertEqual(os.listdir(self.run_dir + "/shims"), [])

    def test_second_shim_is_refused(self):
        first = self.shim()
        started = first.start(["sleep", "1000"])
        second = self.raw()
        second.send("INIT", name="a", run_dir=self.run_dir, log_path=self.log_path("a"))
        second.send("START", run=2, arg=["true"])
        refused = second.expect("START_FAILED")
        self.assertEqual((refused.stage_name, refused.run), ("lock", 2))
        self.assertEqual(second.closed(), True)
        self.assertTrue(alive(started.main_pid))
        self.assertEqual(lock_holder(os.path.join(self.run_dir, "shims", "a")), first.pid)
        self.assertEqual(self.record()["main"], str(started.main_pid))

    def test_refused_without_start(self):
        self.shim()
        second = self.raw()
        second.send("INIT", name="a", run_dir=self.run_dir, log_path=self.log_path("a"))
        self.assertEqual(second.expect("START_FAILED").stage_name, "lock")
        self.assertEqual(second.closed(), True)

    def test_killed_shim(self):
        """Its lock is gone, its record tells what it had; the next one goes on counting."""
        shim = self.shim()
        started = shim.start(["sleep", "1000"], run=7)
        os.kill(shim.pid, signal.SIGKILL)
        self.gone(shim.pid)
        path = os.path.join(self.run_dir, "shims", "a")
        self.assertEqual(lock_holder(path), 0)
        record = self.record()
        self.assertEqual((record["run"], record["main"]), ("7", str(started.main_pid)))
        os.kill(started.main_pid, signal.SIGKILL)
        other = self.shim()
        self.assertEqual(other.hello.run, 0)
        self.until(lambda: self.record()["shim"] == str(other.pid), "record")
        self.assertEqual((self.record()["run"], self.record()["main"]), ("7", "0"))

    def test_folder_is_missing(self):
        os.rmdir(os.path.join(self.run_dir, "shims"))
        shim = self.shim()
        self.until(lambda: self.record()["shim"] == str(shim.pid), "record")

    def test_cannot_be_made(self):
        os.rmdir(os.path.join(self.run_dir, "shims"))
        with open(os.path.join(self.run_dir, "shims"), "w", encoding="ascii"):
            pass
        shim = self.shim(hello=False)
        shim.send("START", run=1, arg=["true"])
        refused = shim.expect("START_FAILED")
        self.assertEqual((refused.stage_name, refused.errno), ("lock", 20))


if __name__ == "__main__":
    unittest.main()
