"""svc-shim: the whole tree of processes: what is left behind, signals, killing until nothing is left."""

import ctypes
import os
import resource
import signal
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from shimproto import PYTHON, SCOPE_MAIN, SCOPE_TREE, ShimTest, alive, children, descendants, state  # noqa: E402

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_O_TRACEEXIT = 17, 0x4206, 1 << 6


def ptrace(request, pid, data):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(request, pid, ctypes.c_void_p(0), ctypes.c_void_p(data)) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


# Leaves its terminal, session and parent, and writes its pid into the file that is its argument.
DAEMON = """
import os, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
with open(sys.argv[1] + '.new', 'w') as f: f.write(str(os.getpid()))
os.rename(sys.argv[1] + '.new', sys.argv[1])
time.sleep(1000)
"""
# Runs away from its own pid for ever: fork, new session, the parent ends.
HOP = """
import os, sys
open(sys.argv[1], 'w').close()
while True:
    if os.fork(): os._exit(0)
    os.setsid()
"""
BOMB = """
import os, sys, time
open(sys.argv[1], 'w').close()
while True:
    try:
        if len(os.listdir('/proc')) < int(sys.argv[2]): os.fork()
    except OSError: pass
"""


class Tree(ShimTest):
    def daemon(self, shim, then="exit 0", code=DAEMON, more=""):
        """A run whose main process starts a daemon and then does something; returns the daemon's pid."""
        path = os.path.join(self.folder, "pid")
        script = os.path.join(self.folder, "daemon.py")
        with open(script, "w", encoding="ascii") as f:
            f.write(code)
        shim.sh(f"{PYTHON} {script} {path} {more}\n{then}")
        self.until(lambda: os.path.exists(path), "daemon")
        text = self.read(path)
        return int(text) if text else 0

    def nothing_left(self, shim):
        self.assertEqual(children(shim.pid), [])
        self.assertEqual(sorted(descendants(os.getpid())), sorted([self.nursery_pid, shim.pid]))

    def test_daemon_is_left_over(self):
        shim = self.shim()
        pid = self.daemon(shim)
        ended = shim.expect("EXITED")
        self.assertEqual((os.waitstatus_to_exitcode(ended.wstatus), ended.leftover), (0, 1))
        self.assertTrue(alive(pid))
        self.assertIsNone(shim.quiet(0.1))  # no EMPTY
        shim.send("START", run=2, arg=["true"])
        self.assertEqual(shim.expect("START_FAILED").stage_name, "busy")
        shim.send("KILL")
        self.assertEqual(shim.expect("EMPTY").run, 1)
        self.assertFalse(alive(pid))
        self.nothing_left(shim)
        shim.start(["true"], run=3)

    def test_daemon_ends_by_itself(self):
        shim = self.shim()
        pid = self.daemon(shim)
        shim.expect("EXITED")
        os.kill(pid, signal.SIGTERM)
        shim.expect("EMPTY")
        self.nothing_left(shim)

    def test_output_of_a_daemon(self):
        """What the last of them wrote is in the log when EMPTY comes."""
        shim = self.shim()
        go = os.path.join(self.folder, "go")
        shim.sh(f"(while [ ! -e {go} ]; do sleep 0.01; done; echo late; printf half) & echo early")
        ended = shim.expect("EXITED")
        self.assertEqual(ended.leftover, 1)
        with open(go, "w"):
            pass
        shim.ack(ended, "exited run=1")
        shim.expect("EMPTY")
        self.assertEqual(self.output(shim), [b"early", b"late", b"half"])

    def test_settled_at_once_is_not_left_over(self):
        """Killed together with its children, the main process has left nothing behind: whoever dies within SETTLE_US
        of it. On a busy machine they may take longer, which proves nothing."""
        shim, judged = self.shim(), 0
        for _ in range(50):
            started = shim.sh("sleep 1000 & sleep 1000 & sleep 1000 & wait")
            kids = self.until(lambda p=started.main_pid: len(c := children(p)) == 3 and c, "children")
            begin = time.monotonic()
            os.killpg(started.main_pid, signal.SIGKILL)
            self.until(lambda: not any(map(alive, kids)), "their end")
            quick = time.monotonic() - begin < 0.015
            ended = shim.expect("EXITED")
            if ended.leftover and not quick:
                shim.expect("EMPTY")
            else:
                self.assertEqual(ended.leftover, 0)
                judged += quick
            shim.ack(ended)
            if judged == 10:
                return
        if not judged:
            self.skipTest("too busy a machine to see it")

    def test_kill_main_and_daemon(self):
        shim = self.shim()
        pid = self.daemon(shim, then="exec sleep 1000")
        shim.send("KILL")
        ended = shim.expect("EXITED")
        self.assertEqual(os.WTERMSIG(ended.wstatus), signal.SIGKILL)
        if ended.leftover:
            shim.expect("EMPTY")
        self.assertFalse(alive(pid))
        self.nothing_left(shim)

    def test_kill_hopping_daemon(self):
        for i in range(5):
            shim = self.shim(f"hop{i}")
            try:
                os.unlink(os.path.join(self.folder, "pid"))
            except FileNotFoundError:
                pass
            self.daemon(shim, then="exec sleep 1000", code=HOP)
            shim.send("KILL")
            if shim.expect("EXITED").leftover:
                shim.expect("EMPTY")
            self.nothing_left(shim)
            shim.send("EXIT")
            shim.expect("BYE")
            self.gone(shim.pid)

    def test_kill_fork_bomb(self):
        shim = self.shim()
        there = len(os.listdir("/proc"))
        self.daemon(shim, then="exec sleep 1000", code=BOMB.replace("open(sys", "if os.fork(): os._exit(0)\nopen(sys"),
                    more=str(there + 150))
        self.until(lambda: len(os.listdir("/proc")) > there + 100, "the bomb")
        shim.send("KILL")
        if shim.expect("EXITED").leftover:
            shim.expect("EMPTY")
        self.nothing_left(shim)

    def test_kill_many(self):
        shim = self.shim()
        started = shim.sh("i=0; while [ $i -lt 300 ]; do sleep 1000 & i=$((i+1)); done; wait")
        for n in range(50, 301, 50):  # on a busy machine a fork takes a tenth of a second: as long as there are more of them
            self.until(lambda n=n: len(children(started.main_pid)) >= n, f"{n} children")
        shim.send("KILL")
        if shim.expect("EXITED").leftover:
            shim.expect("EMPTY")
        self.nothing_left(shim)

    def test_kill_stopped(self):
        shim = self.shim()
        started = shim.sh("sleep 1000 & kill -STOP $! $$; wait")
        self.until(lambda: state(started.main_pid) == "T", "stop")
        shim.send("KILL")
        if shim.expect("EXITED").leftover:
            shim.expect("EMPTY")
        self.nothing_left(shim)

    def test_kill_does_not_spin(self):
        """KILL with nothing to kill does nothing."""
        shim = self.shim()
        shim.send("KILL")
        shim.sh("exit 0")
        shim.ack(shim.expect("EXITED"))
        shim.send("KILL")
        self.assertIsNone(shim.quiet(0.05))

    def test_ignoring_term(self):
        shim = self.shim()
        started = shim.sh("trap '' TERM; echo ready; while :; do sleep 0.01; done")
        self.until(lambda: self.output(shim) == [b"ready"], "trap")
        shim.send("SIGNAL", signo=int(signal.SIGTERM))
        self.assertIsNone(shim.quiet(0.1))
        self.assertTrue(alive(started.main_pid))
        shim.send("KILL")
        ended = shim.expect("EXITED")
        self.assertEqual(os.WTERMSIG(ended.wstatus), signal.SIGKILL)

    def test_signal_main_only(self):
        shim = self.shim()
        started = shim.sh("trap 'echo main' USR1; (trap 'echo child' USR1; echo ready; while :; do sleep 0.01; done) &"
                          " while :; do sleep 0.01; done")
        self.until(lambda: b"ready" in self.output(shim), "child")
        shim.send("SIGNAL", signo=int(signal.SIGUSR1), scope=SCOPE_MAIN)
        self.until(lambda: b"main" in self.output(shim), "signal")
        self.assertNotIn(b"child", self.output(shim))
        shim.send("SIGNAL", signo=int(signal.SIGUSR1), scope=SCOPE_TREE)
        self.until(lambda: b"child" in self.output(shim), "signal of the child")
        self.assertTrue(alive(started.main_pid))

    def test_signal_tree_of_threads(self):
        """Children of any thread of any process are found."""
        code = ("import os, threading, subprocess, time\n"
                "def work():\n    subprocess.Popen(['sleep', '1000'])\n    time.sleep(1000)\n"
                "threads = [threading.Thread(target=work) for _ in range(3)]\n"
                "[t.start() for t in threads]\n")
        shim = self.shim()
        started = shim.start([PYTHON, "-c", code])
        kids = self.until(lambda: len(children(started.main_pid)) == 3 and children(started.main_pid), "children")
        self.until(lambda: all(self.read(f"/proc/{p}/comm") == b"sleep\n" for p in kids), "exec")
        shim.send("SIGNAL", signo=int(signal.SIGTERM), scope=SCOPE_TREE)
        if shim.expect("EXITED").leftover:  # they die one after the other, on a busy machine with time between
            shim.expect("EMPTY")
        self.assertFalse(any(alive(p) for p in kids))

    def test_signal_after_main_has_ended(self):
        """Scope MAIN means everything that is left, once the main process is gone."""
        shim = self.shim()
        shim.sh("for i in 1 2 3; do setsid sh -c 'sleep 1000 & wait' & done; sleep 0.2")
        self.assertEqual(shim.expect("EXITED").leftover, 1)
        left = self.until(lambda: len(found := descendants(shim.pid)) >= 6 and found, "all of them")
        shim.send("SIGNAL", signo=int(signal.SIGTERM), scope=SCOPE_MAIN)
        shim.expect("EMPTY")
        self.assertFalse(any(alive(p) for p in left))

    def test_stopped_main_can_act(self):
        shim = self.shim()
        for _ in range(3):
            started = shim.sh("trap 'echo bye; exit 7' TERM; kill -STOP $$; while :; do sleep 0.01; done")
            self.until(lambda p=started.main_pid: state(p) == "T", "stop")
            shim.send("SIGNAL", signo=int(signal.SIGTERM))
            ended = shim.expect("EXITED")
            self.assertEqual(os.waitstatus_to_exitcode(ended.wstatus), 7)
            shim.ack(ended)

    def test_stopped_child_of_a_parent_that_knew(self):
        """Its parent was told of its stop before it ended, so that nobody else will be."""
        shim = self.shim()
        shim.start([PYTHON, "-c", "import os, signal\n"
                                  "pid = os.fork()\n"
                                  "if not pid: os.kill(os.getpid(), signal.SIGSTOP)\n"
                                  "os.waitpid(pid, os.WUNTRACED)"])
        self.assertEqual(shim.expect("EXITED").leftover, 1)
        self.until(lambda: [state(p) for p in children(shim.pid)] == ["T"], "the child")
        shim.send("SIGNAL", signo=int(signal.SIGTERM), scope=SCOPE_TREE)
        shim.expect("EMPTY")
        self.nothing_left(shim)

    def test_stop_stays_stopped(self):
        shim = self.shim()
        started = shim.start(["sleep", "1000"])
        shim.send("SIGNAL", signo=int(signal.SIGSTOP))
        self.until(lambda: state(started.main_pid) == "T", "stop")
        shim.send("SIGNAL", signo=int(signal.SIGCONT))
        self.until(lambda: state(started.main_pid) == "S", "continue")

    def test_the_shim_itself_carries_the_tag(self):
        """What is between fork and exec when it dies is found by it."""
        shim = self.shim(tag=0x535600aa)
        self.assertEqual(resource.prlimit(shim.pid, 10), (0x535600aa, 0x535600aa))
        started = shim.sh("exec sleep 1000")
        self.assertEqual(resource.prlimit(started.main_pid, 10), (0x535600aa, 0x535600aa))

    @unittest.skipIf(os.getuid() == 0, "root may have any limit")
    def test_a_limit_that_is_not_granted_is_named(self):
        shim = self.shim()
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        one = struct.pack("=IIQQ", resource.RLIMIT_NOFILE, 0, hard + 1, hard + 1)
        shim.send("START", run=1, arg=["true"], rlimit=one)
        failed = shim.expect("START_FAILED")
        self.assertEqual((failed.stage_name, failed.resource), ("limits", resource.RLIMIT_NOFILE + 1))

    def test_what_survives_kill_is_told_once(self):
        """Of a KILL that something outlives, stopped by a tracer of the test's own as it ends."""
        shim = self.shim()
        started = shim.sh("exec sleep 1000")
        ptrace(PTRACE_SEIZE, started.main_pid, PTRACE_O_TRACEEXIT)
        shim.send("KILL")
        told = shim.expect("STUCK")
        self.assertEqual((told.run, told.pid, told.errno), (1, started.main_pid, 0))
        self.assertIsNone(shim.quiet(0.3))
        shim.send("KILL")
        self.assertEqual(shim.expect("STUCK").pid, started.main_pid)
        ptrace(PTRACE_DETACH, started.main_pid, 0)
        shim.expect("EXITED", leftover=0)

    def test_zombies_are_reaped(self):
        """Orphans of the service do not pile up."""
        shim = self.shim()
        shim.sh("i=0; while [ $i -lt 50 ]; do (sleep 0.01 &) ; i=$((i+1)); done; exec sleep 1000")
        self.until(lambda: len(children(shim.pid)) == 1, "only the main process")

    def test_main_killed_with_full_pipe(self):
        shim = self.shim()
        shim.start(["yes"])
        self.until(lambda: os.path.getsize(self.log_path("a")) > 1000000, "output")
        shim.send("KILL")
        shim.expect("EXITED", leftover=0)


if __name__ == "__main__":
    unittest.main()
