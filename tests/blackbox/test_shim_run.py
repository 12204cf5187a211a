"""svc-shim: starting, ending, what a run is given, and how a start fails."""

import errno
import os
import re
import resource
import signal
import struct
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from shimproto import PYTHON, Closed, ShimTest, alive, children, state  # noqa: E402

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00"


class Start(ShimTest):
    def test_hello_started_exited(self):
        shim = self.shim("a", tag=0x53560001)
        self.assertEqual(shim.hello.version, 1)
        self.assertEqual(shim.hello.name, b"a")
        self.assertEqual(shim.hello.main_pid, 0)
        started = shim.sh("exit 3", command="./it --fast")
        self.assertGreater(started.main_pid, 1)
        self.assertGreater(started.started_ms, 0)
        ended = shim.expect("EXITED")
        self.assertEqual(os.waitstatus_to_exitcode(ended.wstatus), 3)
        self.assertEqual((ended.run, ended.main_pid), (1, started.main_pid))
        self.assertEqual((ended.leftover, ended.restarted, ended.logged), (0, 0, 0))
        self.assertEqual(ended.ended_ms - started.started_ms, ended.ran_ms)
        self.assertGreater(ended.maxrss_bytes, 0)
        self.assertEqual(ended.report, 1)
        shim.ack(ended, "exited run=1 in svcd's words")
        shim.send("EXIT")
        self.assertEqual(shim.expect("BYE").errno, 0)
        lines = shim.lines()
        self.assertRegex(lines[0], rf'^{TIME} svcd started run=1 pid={started.main_pid} command="./it --fast"$')
        self.assertRegex(lines[1], rf"^{TIME} svcd exited run=1 in svcd's words$")
        self.assertEqual(len(lines), 2)

    def test_parent_is_svcd(self):
        shim = self.shim()
        with open(f"/proc/{shim.pid}/stat", encoding="ascii") as f:
            self.assertEqual(int(f.read().rsplit(") ", 1)[1].split()[1]), os.getpid())
        with open(f"/proc/{shim.pid}/cmdline", "rb") as f:
            self.assertEqual(f.read().rstrip(b"\0"), b"svc-shim a")

    def test_ends_by_signal(self):
        shim = self.shim()
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGPIPE, signal.SIGUSR1):
            started = shim.start(["sleep", "1000"])
            shim.send("SIGNAL", signo=int(number))
            ended = shim.expect("EXITED")
            self.assertEqual(os.WTERMSIG(ended.wstatus), number)
            self.assertEqual(ended.main_pid, started.main_pid)
            shim.ack(ended)

    def test_what_is_meant_for_another_run_is_ignored(self):
        # A standing order may have begun the next run before svcd's order for the last one arrives.
        shim = self.shim()
        shim.start(["true"])
        shim.ack(shim.expect("EXITED"))
        started = shim.start(["sleep", "1000"])
        shim.send("SIGNAL", run=1, signo=int(signal.SIGTERM))
        shim.send("KILL", run=1)
        shim.send("SIGNAL", run=2, signo=int(signal.SIGUSR1))
        ended = shim.expect("EXITED")
        self.assertEqual((ended.main_pid, os.WTERMSIG(ended.wstatus)), (started.main_pid, signal.SIGUSR1))

    def test_cpu_time(self):
        shim = self.shim()
        shim.start([PYTHON, "-c", "import time\nwhile time.process_time() < 0.2: pass"])
        ended = shim.expect("EXITED")
        self.assertGreaterEqual(ended.user_ms + ended.system_ms, 200)
        self.assertGreaterEqual(ended.ran_ms, 200)

    def test_runs_follow_one_another(self):
        shim = self.shim()
        for i in range(1, 6):
            shim.sh(f"echo {i}; exit {i}")
            ended = shim.expect("EXITED", run=i)
            self.assertEqual(ended.report, i)
            shim.ack(ended, f"exited run={i}")
        self.until(lambda: "exited run=5" in shim.log().decode(), "last line")
        self.assertEqual(self.output(shim), [b"1", b"2", b"3", b"4", b"5"])
        kinds = [re.match(rf"{TIME} (\w+ \S+)", line)[1] for line in shim.lines()]
        self.assertEqual(kinds, [k for i in range(1, 6)
                                 for k in ("svcd started", f"out {i}", "svcd exited")])

    def test_command_is_escaped(self):
        shim = self.shim()
        shim.start(["true"], command='say "hi" \\ \n\t\x01 \u00e9')
        shim.expect("EXITED")
        self.assertIn(r'command="say \"hi\" \\ \n\t\x01 é"', shim.lines()[0])
        shim.start(["true"], command="x" * 50000)
        shim.expect("EXITED", run=2)
        self.until(lambda: b" started run=2 " in (log := shim.log()) and log.endswith(b"\n"), "second start")
        self.assertRegex(next(line for line in shim.lines() if " started run=2 " in line), r'x{4096}…"$')

    def test_command_of_any_length(self):
        """Short lines are made in one place, and longer ones in another."""
        shim = self.shim()
        for run, n in enumerate(range(345, 380), start=1):
            shim.start(["true"], command="x" * n)
            ended = shim.expect("EXITED", run=run)
            shim.ack(ended, f"exited run={run}")
            self.assertRegex(next(line for line in shim.lines() if f" started run={run} " in line),
                             rf'^{TIME} svcd started run={run} pid=\d+ command="x{{{n}}}"$')


class Failures(ShimTest):
    def failed(self, stage, error, argv=("true",), **items):
        shim = self.shim()
        shim.start(list(argv), wait=False, **items)
        report = shim.expect("START_FAILED")
        self.assertEqual((report.stage_name, errno.errorcode.get(report.errno)), (stage, error))
        self.assertEqual((report.run, report.report), (1, 1))
        self.assertGreater(report.wall_ms, 0)
        self.assertEqual(children(shim.pid), [])
        shim.ack(report, "start failed")
        started = shim.start(["true"])  # and it can be started after that
        self.assertEqual(started.run, 2)
        shim.expect("EXITED", run=2)
        shim.send("EXIT")
        shim.expect("BYE")
        self.assertRegex(shim.lines()[0], r"svcd start failed$")
        self.gone(shim.pid)

    def test_working_directory(self):
        self.failed("chdir", "ENOENT", cwd="/does/not/exist")
        self.failed("chdir", "ENOTDIR", cwd="/dev/null")

    def test_program(self):
        plain = os.path.join(self.folder, "plain")
        with open(plain, "w", encoding="ascii"):
            pass
        self.failed("exec", "ENOENT", ["/does/not/exist"])
        self.failed("exec", "ENOENT", ["does-not-exist"])
        self.failed("exec", "ENOENT", ["relative/does-not-exist"])
        self.failed("exec", "EACCES", [plain])
        self.failed("exec", "EACCES", ["plain"], env=[f"PATH=/nowhere:{self.folder}:/usr/bin"])
        self.failed("exec", "ENOENT", [""])
        self.failed("exec", "EINVAL", [])

    def test_bad_interpreter(self):
        script = os.path.join(self.folder, "script")
        with open(script, "w", encoding="ascii") as f:
            f.write("#!/does/not/exist\n")
        os.chmod(script, 0o755)
        self.failed("exec", "ENOENT", [script])

    def test_limit(self):
        above = struct.pack("=IIQQ", resource.RLIMIT_NOFILE, 0, 100, 50)
        self.failed("limits", "EINVAL", rlimit=above)
        self.failed("exec", "EINVAL", rlimit=struct.pack("=IIQQ", 99, 0, 1, 1))

    def test_busy(self):
        shim = self.shim()
        first = shim.start(["sleep", "1000"])
        shim.start(["true"], wait=False)
        report = shim.expect("START_FAILED")
        self.assertEqual((report.stage_name, report.errno, report.run), ("busy", errno.EBUSY, 2))
        self.assertTrue(alive(first.main_pid))
        shim.send("EXIT")
        self.assertEqual(shim.expect("BYE").errno, errno.EBUSY)
        shim.send("KILL")
        self.assertEqual(shim.expect("EXITED").run, 1)


class Given(ShimTest):
    """Exactly what was given, nothing else."""

    def test_environment(self):
        shim = self.shim()
        shim.start(["env", "-0"], env=["PATH=/usr/bin:/bin", "A=1", "B=x y\nz", "C=", "A2=é"])
        shim.expect("EXITED")
        self.until(lambda: b"A2=" in shim.log(), "output")
        text = b"\n".join(self.output(shim))
        self.assertEqual(text.split(b"\0"),
                         [b"PATH=/usr/bin:/bin", b"A=1", b"B=x y\nz", b"C=", "A2=é".encode(), b""])

    def test_descriptors_and_session(self):
        shim = self.shim("a", tag=0x5356abcd)
        started = shim.start(["sleep", "1000"], notify=1)
        pid = started.main_pid
        # Until, because the dynamic linker opens what it loads; one of ours would stay.
        self.until(lambda: sorted(os.listdir(f"/proc/{pid}/fd")) == ["0", "1", "2"], "only 0, 1, 2")
        fds = {n: os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")}
        self.assertEqual(fds["0"], "/dev/null")
        self.assertRegex(fds["1"] + fds["2"], r"^pipe:.*pipe:")
        self.assertNotEqual(fds["1"], fds["2"])
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(") ", 1)[1].split()
        self.assertEqual([int(fields[2]), int(fields[3])], [pid, pid])  # group, session
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            status = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
        for key in ("SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd"):
            self.assertEqual(int(status[key], 16), 0, key)
        self.assertEqual(resource.prlimit(pid, 10), (0x5356abcd, 0x5356abcd))

    def test_shim_keeps_nothing(self):
        shim = self.shim()
        shim.start(["sleep", "1000"], notify=1)
        links = [os.readlink(f"/proc/{shim.pid}/fd/{n}") for n in os.listdir(f"/proc/{shim.pid}/fd")]
        self.assertEqual(sum(link.startswith("pipe:") for link in links), 4)
        self.assertEqual(sum(link.startswith("socket:") for link in links), 2)
        self.assertEqual(len([x for x in links if not x.startswith(("pipe:", "socket:", "/dev/null"))]), 2)
        self.assertEqual(os.readlink(f"/proc/{shim.pid}/cwd"), "/")

    def test_umask_nice_directory_limits(self):
        shim = self.shim()
        limits = [struct.pack("=IIQQ", resource.RLIMIT_NOFILE, 0, 77, 99),
                  struct.pack("=IIQQ", resource.RLIMIT_CORE, 0, 0, 0)]
        where = os.path.join(self.folder, "x" * 200)
        os.mkdir(where)
        shim.sh("umask; nice; pwd; ulimit -Sn; ulimit -Hn; ulimit -c; exec sleep 1000",
                umask=0o027, nice=5 + os.nice(0), cwd=where, rlimit=limits)
        self.until(lambda: len(self.output(shim)) == 6, "output")
        self.assertEqual(self.output(shim), [b"0027", b"%d" % (5 + os.nice(0)), os.fsencode(where),
                                             b"77", b"99", b"0"])

    def test_live_limits(self):
        shim = self.shim()
        started = shim.start(["sleep", "1000"])
        shim.send("LIMITS", rlimit=struct.pack("=IIQQ", resource.RLIMIT_NOFILE, 0, 33, 44), nice=3 + os.nice(0))
        self.until(lambda: resource.prlimit(started.main_pid, resource.RLIMIT_NOFILE) == (33, 44), "limit")
        self.until(lambda: os.getpriority(os.PRIO_PROCESS, started.main_pid) == 3 + os.nice(0), "nice")

    def test_search_path(self):
        first, second = (os.path.join(self.folder, d) for d in ("1", "2"))
        for d, mode in ((first, 0o644), (second, 0o755)):
            os.mkdir(d)
            with open(os.path.join(d, "tool"), "w", encoding="ascii") as f:
                f.write("#!/bin/sh\necho from $0 $1\n")
            os.chmod(os.path.join(d, "tool"), mode)
        shim = self.shim()
        shim.start(["tool", "arg"], env=[f"PATH=/nowhere:{first}:{second}"])
        shim.expect("EXITED")
        self.assertEqual(self.output(shim), [f"from {second}/tool arg".encode()])
        shim.start(["tool", "arg"], env=["PATH=:/nowhere"], cwd=second)
        shim.expect("EXITED", run=2)
        self.until(lambda: len(self.output(shim)) == 2, "output")
        self.assertEqual(self.output(shim)[1], b"from tool arg")

    def test_script_without_interpreter(self):
        script = os.path.join(self.folder, "script")
        with open(script, "w", encoding="ascii") as f:
            f.write("echo $0 $1 $2\n")
        os.chmod(script, 0o755)
        shim = self.shim()
        for run, argv in ((1, [script, "x", "y z"]), (2, ["script", "x", "y z"])):
            shim.start(argv, env=[f"PATH={self.folder}"])
            shim.ack(shim.expect("EXITED", run=run))
            self.until(lambda n=run: len(self.output(shim)) == n, "output")
            self.assertEqual(self.output(shim)[run - 1], f"{script} x y z".encode())

    def test_large_start(self):
        shim = self.shim()
        env = ["PATH=/usr/bin:/bin"] + [f"V{i}=" + "x" * 1000 for i in range(200)]
        shim.start(["/bin/sh", "-c", "env | wc -l; echo $V199 | wc -c; echo $1", "sh", "y" * 100000], env=env)
        shim.ack(shim.expect("EXITED"))
        lines = self.output(shim)
        self.assertGreaterEqual(int(lines[0]), 201)
        self.assertEqual(lines[1:], [b"1001", b"y" * 100000])
        for i in range(3):  # small ones and large ones after one another
            shim.start(["/bin/sh", "-c", "echo $1", "sh", "z" * (i * 60000)])
            shim.ack(shim.expect("EXITED"))
        self.until(lambda: len(self.output(shim)) == 6, "output")
        self.assertEqual([len(x) for x in self.output(shim)[3:]], [0, 60000, 120000])

    def test_blocking_again(self):
        """O_NONBLOCK belongs to the pipe, and one run must not leave it to the next."""
        shim = self.shim()
        ask = "import fcntl,os;f=fcntl.fcntl(1,fcntl.F_GETFL);fcntl.fcntl(1,fcntl.F_SETFL,f|os.O_NONBLOCK);" \
              "print(bool(f&os.O_NONBLOCK))"
        for run in (1, 2):
            shim.start([PYTHON, "-c", ask])
            shim.ack(shim.expect("EXITED", run=run))
        self.until(lambda: len(self.output(shim)) == 2, "output")
        self.assertEqual(self.output(shim), [b"False", b"False"])


class Robust(ShimTest):
    def test_ignores_what_is_not_meant_for_it(self):
        shim = self.shim()
        started = shim.start(["sleep", "1000"])
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGQUIT,
                       signal.SIGTSTP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGRTMIN,
                       32, 33):
            os.kill(shim.pid, number)
        shim.send("SIGNAL", signo=int(signal.SIGTERM))
        ended = shim.expect("EXITED")
        self.assertEqual((ended.main_pid, os.WTERMSIG(ended.wstatus)), (started.main_pid, signal.SIGTERM))
        self.assertTrue(alive(shim.pid))

    def test_unknown_frames_and_items(self):
        shim = self.shim()
        shim.send(999, text="what is this")
        shim.send("START", run=1, arg=["sleep", "1000"], version=3, output="unknown here", cwd="/")
        self.assertEqual(shim.expect("STARTED").run, 1)

    def test_before_init(self):
        shim = self.raw()
        shim.send("START", run=1, arg=["true"])
        shim.send("KILL")
        shim.send("INIT", name="a", run_dir=self.run_dir, log_path=self.log_path("a"))
        self.assertEqual(shim.next().kind, "HELLO")
        self.assertIsNone(shim.quiet(0.05))

    def test_end_before_init(self):
        before = set(children(os.getpid()))
        shim = self.raw()
        self.until(lambda: set(children(os.getpid())) - before, "shim")
        pid = (set(children(os.getpid())) - before).pop()
        shim.close()
        self.until(lambda: state(pid) == "Z", "end of the shim")

    def test_nursery_refuses_nonsense(self):
        import socket as s
        self.nursery.send(b"hello")
        a, b = s.socketpair()
        s.send_fds(self.nursery, [b"X"], [b.fileno()])
        b.close()
        a.settimeout(30)
        self.assertEqual(a.recv(1), b"")
        a.close()
        self.shim().start(["true"])

    def test_nursery_ends_with_its_socket(self):
        shim = self.shim()
        shim.start(["sleep", "1000"])
        self.nursery.close()
        self.gone(self.nursery_pid)
        shim.send("KILL")
        shim.expect("EXITED")

    def test_by_hand(self):
        import subprocess
        import shimproto
        r = subprocess.run([shimproto.SHIM], capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(r.returncode, 2)
        self.assertIn("started by svcd", r.stderr)

    def garbage(self, data):
        shim = self.shim()
        started = shim.start(["sleep", "1000"])
        server = self.listen()
        shim.sock.sendall(data)
        link = self.accept(server)  # it has given up that connection, and made a new one
        hello = link.expect("HELLO")
        self.assertEqual((hello.pid, hello.main_pid), (shim.pid, started.main_pid))
        self.assertTrue(alive(started.main_pid))
        link.send("KILL")
        link.expect("EXITED")
        link.send("EXIT")
        link.expect("BYE")
        self.gone(shim.pid)

    def test_garbage(self):
        self.garbage(b"{\"method\": \"org.varlink.service.GetInfo\"}\0")
        self.garbage(b"\x01" + b"\xff" * 100)
        self.garbage(b"\x01SVC" + b"\xff" * 100)  # the right magic, a length of 4 GiB
        self.garbage(struct.pack("=IIHHI", 0x43565301, (1 << 20) + 1, 4, 1, 0))
        # items that go beyond their frame: nothing of it may be done
        bad = struct.pack("=HHI", 13, 0, 4) + b"true" + struct.pack("=HHI", 13, 0, 1000)
        self.garbage(struct.pack("=IIHHI", 0x43565301, len(bad), 2, 1, 0) + bad)

    def test_byte_by_byte(self):
        from shimproto import pack
        shim = self.raw()
        for b in pack("INIT", name="a", run_dir=self.run_dir, log_path=self.log_path("a")):
            shim.sock.sendall(bytes([b]))
        for b in pack("START", run=1, arg=["sleep", "1000"], cwd="/"):
            shim.sock.sendall(bytes([b]))
        self.assertEqual(shim.expect("STARTED").run, 1)

    def test_half_a_start(self):
        from shimproto import pack
        shim = self.shim()
        server = self.listen()
        mark = os.path.join(self.folder, "mark")
        shim.sock.sendall(pack("START", run=1, arg=["touch", mark], cwd="/",
                               env=["PATH=/usr/bin:/bin"])[:-1])
        shim.close()
        hello = self.accept(server).expect("HELLO")
        self.assertEqual((hello.run, hello.main_pid), (0, 0))
        self.assertEqual(children(shim.pid), [])
        self.assertFalse(os.path.exists(mark))


if __name__ == "__main__":
    unittest.main()
