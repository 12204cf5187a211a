"""mockshim: a stand-in for svc-shim which says to svcd what a shim of a recorded session (tests/protocol) said.

    mockshim.py SESSION                     as the nursery, with its socket as descriptor 3 (SVCD_SHIM)
    mockshim.py SESSION RUN_DIR NAME        as a shim that an earlier svcd has left behind

It holds the record's lock, really runs the service's command so that there is a process to look at
and to signal, and sends the recorded frames in their order, each once svcd has sent the orders that stand
before it in the recording. Pids and points in time are those of now; a run is told to have ended when it
has. What svcd sends beyond the recording is skipped, as an old shim skips what it does not know; what
it says for the log is written there.
"""

import ctypes
import fcntl
import os
import platform
import select
import signal
import socket
import subprocess
import sys
import time

from shimproto import HEADER
from shimsession import load, unpack

ORDERS = ("INIT", "START", "SIGNAL", "KILL", "EXIT")  # that something of the recording follows from
CLONE_PARENT = 0x8000
libc = ctypes.CDLL(None)
SYS_CLONE = {"x86_64": 56, "aarch64": 220}.get(platform.machine())


def now_ms(clock=time.CLOCK_MONOTONIC):
    return time.clock_gettime_ns(clock) // 1000000


class Run:
    """One run of the service, by the command that svcd sent."""

    def __init__(self, start):
        self.started_ms, self.started_wall_ms = now_ms(), now_ms(time.CLOCK_REALTIME)
        self.proc = subprocess.Popen([os.fsdecode(v) for n, v in start if n == "arg"],
                                     env=dict(os.fsdecode(v).split("=", 1) for n, v in start if n == "env"),
                                     cwd=os.fsdecode(dict(start)["cwd"]), start_new_session=True,
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
        self.pid = self.proc.pid
        self.ended_ms = self.ended_wall_ms = 0

    def ended(self):
        if not self.ended_ms and self.proc.poll() is not None:
            self.ended_ms, self.ended_wall_ms = now_ms(), now_ms(time.CLOCK_REALTIME)
        return self.ended_ms != 0

    def empty(self):
        """Only asked once the main process has ended: what else ends is ours to reap."""
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def signal(self, signo):
        try:
            if self.ended():
                os.killpg(self.pid, signo)
            else:
                os.kill(self.pid, signo)
        except ProcessLookupError:
            pass

    def kill(self):
        self.signal(signal.SIGKILL)
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class MockShim:
    def __init__(self, session, name="", run_dir=""):
        self.session, self.name, self.run_dir = session, name, run_dir
        self.check = False
        self.sock, self.data = None, b""
        self.received = dict.fromkeys(ORDERS, 0)
        self.init, self.starts, self.runs, self.run = {}, [], {}, 0
        self.lock = None
        libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER

    # ---- what svcd says ----

    def frames(self):
        """The whole frames that have come."""
        while len(self.data) >= HEADER.size:
            size = HEADER.size + HEADER.unpack_from(self.data)[1]
            if len(self.data) < size:
                return
            frame, self.data = self.data[:size], self.data[size:]
            yield unpack(frame, self.session.version)

    def listen(self, wait_ms=10):
        """False at the end of the stream."""
        if not select.select([self.sock], [], [], wait_ms / 1000)[0]:
            return True
        try:
            more = self.sock.recv(1 << 16)
        except ConnectionResetError:
            return False
        self.data += more
        for kind, items in self.frames():
            self.handle(kind, items)
        return bool(more)

    def handle(self, kind, items):
        values = dict(items)
        if kind in self.received:
            self.received[kind] += 1
        if kind == "INIT":
            self.init = values
            self.name, self.run_dir = os.fsdecode(values["name"]), os.fsdecode(values["run_dir"])
            self.check = values["flags"] == 1
        elif kind == "START":
            self.starts.append(items)
        elif kind == "SIGNAL" and values["run"] == self.run:
            self.runs[self.run].signal(values["signo"])
        elif kind == "KILL" and self.run:
            self.runs[self.run].kill()
        elif kind in ("LOG", "ACK") and values.get("text"):
            self.write_log(os.fsdecode(values["text"]))

    # ---- what a shim does besides ----

    def write_log(self, text):
        path = self.init.get("log_path") or os.path.join(self.run_dir, f"../logs/services/{self.name}.log")
        with open(path, "a", encoding="utf-8", errors="surrogateescape") as f:
            f.write(f"2026-01-01T00:00:00.000+00:00 svcd {text}\n")

    def write_record(self):
        if self.check:
            return
        path = os.path.join(self.run_dir, "shims", self.name)
        if self.lock is None:
            self.lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.lockf(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
            boot = f.read().strip()
        run = self.runs.get(self.run)
        text = f"shim={os.getpid()}\nboot={boot}\nrun={self.run}\n" \
               f"main={run.pid if run and not run.ended() else 0}\n"
        os.pwrite(self.lock, text.encode().ljust(256, b"\n"), 0)

    def begin_run(self, number):
        self.run = number
        if not self.check:
            self.runs[number] = Run(self.starts[-1])
        self.write_record()

    # ---- playing ----

    def value(self, step, name, value):
        """The recorded VALUE, or what stands for it now."""
        run = self.runs.get(step.get("run"))
        if name == "pid":
            value = run.pid if step.kind == "NOTIFY" and run else os.getpid()
        elif name == "cookie" and self.starts:
            value = dict(self.starts[-1]).get("cookie", b"")
        elif run and name == "main_pid" and value:
            value = run.pid
        elif run and name in ("started_ms", "started_wall_ms", "ended_ms"):
            value = getattr(run, name)
        elif run and name == "wall_ms" and run.ended():
            value = run.ended_wall_ms
        return value

    def due(self, step, needed):
        """Whether it is time for a step."""
        if step.sender == "svcd":
            return self.received.get(step.kind, 0) >= needed.get(step.kind, 0)
        run = self.runs.get(step.get("run"))
        if step.kind == "EXITED" and run:
            return run.ended()
        return step.kind != "EMPTY" or not run or run.empty()

    def play(self, steps, before):
        """BEFORE: how many of each order had come when the connection began. False if svcd goes."""
        needed = dict(before)
        for step in steps:
            if step.sender == "svcd" and step.kind in ORDERS:
                needed[step.kind] += 1
            while not self.due(step, needed):
                if not self.listen():
                    return False
            if step.sender == "svcd":
                continue
            if step.kind == "HELLO":
                self.write_record()
            if step.kind == "STARTED":
                self.begin_run(step.get("run"))
            try:
                self.sock.sendall(step.pack(self.session.version,
                                            lambda n, v, s=step: self.value(s, n, v)))
            except (BrokenPipeError, ConnectionResetError):
                return False
        return True

    def until_gone(self, steps):
        while steps[-1].kind != "BYE" and self.listen(1000):
            pass

    def meanwhile(self, steps):
        """What happens while no svcd is there: what the shim will report then."""
        for step in steps:
            if step.sender == "svcd":
                return
            if step.kind != "EXITED":
                continue
            run = self.runs[step.get("run")]
            while not run.ended():
                time.sleep(0.005)
            self.write_log(f"exited run={self.run}")
            if step.get("restarted"):
                self.begin_run(self.run + 1)
                self.write_log(f"started run={self.run} pid={self.runs[self.run].pid}")

    def connect(self):
        while True:
            folder = os.open(self.run_dir, os.O_PATH)
            self.sock, self.data = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), b""
            try:
                self.sock.connect(f"/proc/self/fd/{folder}/control.sock")
                return
            except OSError:
                self.sock.close()
                time.sleep(0.02)
            finally:
                os.close(folder)

    def connections(self):
        """The connections of the recording that are this service's, as lists of steps."""
        found = {}
        for step in self.session.frames():
            found.setdefault(step.connection, []).append(step)
        first = {c: steps[0] for c, steps in found.items()}
        return [found[c] for c in sorted(found) if os.fsdecode(first[c].get("name", b"")) == self.name and
                (first[c].get("flags") == 1 and first[c].kind == "INIT") == self.check]

    def claim(self):
        """Which of the recorded shims this one is: they are used in their order."""
        n = 0
        while True:
            try:
                path = os.path.join(self.run_dir, f"mock-{self.name}-{int(self.check)}-{n}")
                os.close(os.open(path, os.O_CREAT | os.O_EXCL))
                return n
            except FileExistsError:
                n += 1

    def live(self, sock):
        """From the nursery's fork to the end."""
        self.sock = sock
        while not self.init:
            if not self.listen(1000):
                return
        mine = self.connections()
        begins = [i for i, steps in enumerate(mine) if steps[0].kind == "INIT"]
        n = self.claim()
        chapters = mine[begins[n]:begins[n + 1] if n + 1 < len(begins) else None]
        for i, steps in enumerate(chapters):
            if i:
                self.meanwhile(steps)
                self.again(steps)
            else:
                self.play(steps, dict.fromkeys(ORDERS, 0))
            self.until_gone(steps)

    def again(self, steps):
        """A new connection; another one if svcd was just about to end."""
        before = dict(self.received)
        while True:
            self.connect()
            if self.play(steps, before) or self.received != before:
                return

    def inherit(self):
        """As if an earlier svcd had started it and gone: the recording's second connection."""
        first, second = self.connections()
        for step in first:
            if step.kind == "START":
                here = os.path.dirname(os.path.dirname(self.run_dir)).encode()
                there = self.session.header["home"].encode()
                self.starts.append([(n, v.replace(there, here) if isinstance(v, bytes) else v)
                                    for n, v in step.items])
                self.begin_run(step.get("run"))
        self.meanwhile(second)
        print("ready", flush=True)
        self.again(second)
        self.until_gone(second)


def fork():
    """As the real nursery does: the child is its parent's child."""
    if SYS_CLONE:
        return libc.syscall(SYS_CLONE, CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
    return os.fork()


def nursery(session):
    control = socket.socket(fileno=3)
    while True:
        data, fds, _, _ = socket.recv_fds(control, 1, 1)
        if not data:
            return
        if fork() == 0:
            control.close()
            MockShim(session).live(socket.socket(fileno=fds[0]))
            os._exit(0)
        os.close(fds[0])


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, lambda *_: None)
    if len(sys.argv) == 2:
        nursery(load(sys.argv[1]))
    else:
        MockShim(load(sys.argv[1]), sys.argv[3], sys.argv[2]).inherit()
