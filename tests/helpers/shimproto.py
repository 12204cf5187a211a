"""shimproto: the protocol of common/shim_proto.h for tests of svc-shim alone: the test is the svcd.

    class Exit(ShimTest):
        def test_code(self):
            shim = self.shim("a")
            shim.start(["/bin/sh", "-c", "exit 3"])
            ended = shim.expect("EXITED")
            self.assertEqual(os.WEXITSTATUS(ended.wstatus), 3)

Each test has a folder, a nursery and shims of its own. The test process is a subreaper and, by
CLONE_PARENT, the parent of the shims, so that nothing can outlive a test: what is left is killed by pid.

Nothing waits by sleeping: every wait is for a condition and has a limit (LIMIT), after which the test fails.
"""

import ctypes
import fcntl
import os
import re
import select
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHIM = os.environ.get("SVC_SHIM") or os.path.join(
    os.environ.get("SVCD_BIN") or os.path.join(TOP, "build"), "svc-shim")
PYTHON = sys.executable


def sanitized():
    """Whether the shim carries sanitizers, and is therefore several times slower."""
    try:
        with open(SHIM, "rb") as f:
            return b"__asan_init" in f.read()
    except FileNotFoundError:
        return False


# As svcdtest's, of which this needs nothing else.
SLOW = (4 if sanitized() else 1) * int(os.environ.get("SVCD_TEST_SLOWER", "1"))
LIMIT = 30.0 * SLOW
TEST_LIMIT = 4 * LIMIT  # for one test
MAGIC = 0x43565301
VERSION = 1
HEADER = struct.Struct("=IIHHI")
ITEM = struct.Struct("=HHI")

FRAMES = {
    "INIT": 1, "START": 2, "ORDER": 3, "SIGNAL": 4, "KILL": 5, "LOG": 6, "LOGCONF": 7, "ACK": 8,
    "COOKIE": 9, "EXIT": 10, "LIMITS": 11, "RECORD": 12, "HELLO": 64, "STARTED": 65, "START_FAILED": 66,
    "EXITED": 67, "EMPTY": 68, "NOTIFY": 69, "BYE": 70,
    "LOST": 19, "STUCK": 16, "OLDLOG": 22, "LISTEN": 23, "SOCKETS": 24, "WATCH": 25,
}
FRAME_NAMES = {v: k for k, v in FRAMES.items()}
TAGS = {
    "version": 1, "name": 2, "flags": 3, "run_dir": 4, "log_path": 5, "tag": 6, "log_max_size": 7,
    "log_keep": 8, "log_plain": 9, "log_mode": 10, "run": 11, "command": 12, "arg": 13, "env": 14,
    "cwd": 15, "umask": 16, "nice": 17, "rlimit": 18, "notify": 19, "cookie": 20, "min_ran_ms": 21,
    "intent": 22, "signo": 23, "scope": 24, "wall_ms": 25, "text": 26, "source": 27, "report": 28,
    "pid": 29, "main_pid": 30, "started_ms": 31, "started_wall_ms": 32, "ready": 33, "leftover": 34,
    "status": 35, "stage": 36, "errno": 37, "wstatus": 38, "ran_ms": 39, "ended_ms": 40, "user_ms": 41,
    "system_ms": 42, "maxrss_bytes": 43, "restarted": 44, "logged": 45, "output": 46,
    "dropped_lines": 47, "resource": 60, "keep": 61, "signalled": 62, "cgroup": 48, "cgroup_set": 49, "rlimit_else": 50, "cgroup_errno": 51,
    "tree_user_ms": 52, "tree_system_ms": 53, "peak_bytes": 54, "oom": 55,
    "lost_lines": 70, "log_rate": 71, "log_off": 72,
    "log_journal": 80, "log_min_free": 81, "old_op": 82, "old_inode": 83, "old_number": 84, "socket": 85, "fdnames": 86, "sockets_n": 87, "pending": 88,
    "watchdog": 93, "reloading": 94, "watchdog_us": 95, "extended_ms": 96, "fdstore": 97, "ready_line": 100,
}
TAG_NAMES = {v: k for k, v in TAGS.items()}
BYTES = {"log_journal", "name", "run_dir", "log_path", "command", "arg", "env", "cwd", "rlimit", "cookie", "text",
         "source", "status", "output", "cgroup", "cgroup_set", "rlimit_else", "socket", "fdnames"}
STAGES = ["none", "lock", "busy", "pipe", "fork", "setsid", "limits", "nice", "stdio", "chdir", "exec", "listen"]
OLD_ROTATED, OLD_SEEN, OLD_PACK, OLD_DROP, OLD_ROTATE = range(1, 6)
INIT_CHECK, ORDER_ARMED, ORDER_FAILED, EXIT_AGAIN = 1, 1, 2, 2
SCOPE_MAIN, SCOPE_TREE = 0, 1

libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def pack_item(name, value):
    if isinstance(value, bool):
        value = int(value)
    if isinstance(value, int):
        value = struct.pack("=q", value)
    elif isinstance(value, str):
        value = os.fsencode(value)
    return ITEM.pack(TAGS[name], 0, len(value)) + value


def pack(kind, **items):
    """A frame. A list as a value becomes one item for each element."""
    payload = b""
    for name, value in items.items():
        for v in value if isinstance(value, list) else [value]:
            if v is not None:
                payload += pack_item(name, v)
    number = FRAMES[kind] if isinstance(kind, str) else kind
    return HEADER.pack(MAGIC, len(payload), number, VERSION, 0) + payload


class Frame:
    """A received frame: `kind`, and its items as attributes; one that is missing is 0 or b""."""

    def __init__(self, number, payload):
        self.kind = FRAME_NAMES.get(number, number)
        self.items = {}
        at = 0
        while at < len(payload):
            tag, _, size = ITEM.unpack_from(payload, at)
            at += ITEM.size
            assert at + size <= len(payload), "an item goes beyond its frame"
            name, data = TAG_NAMES.get(tag, tag), payload[at:at + size]
            self.items[name] = data if name in BYTES else struct.unpack("=q", data)[0]
            at += size

    def __getattr__(self, name):
        if name not in TAGS:
            raise AttributeError(name)
        return self.items.get(name, b"" if name in BYTES else 0)

    @property
    def stage_name(self):
        return STAGES[self.stage]

    def __repr__(self):
        return f"{self.kind} {self.items}"


class Closed(Exception):
    """The shim has closed the connection."""


class Timeout(Exception):
    """What was awaited did not come."""


class Link:
    """svcd's end of a connection with a shim."""

    def __init__(self, sock):
        self.sock = sock
        self.data = b""
        self.seen = []  # frames that came and were not the one awaited

    def close(self):
        self.sock.close()

    def send(self, kind, **items):
        self.sock.sendall(pack(kind, **items))

    def next(self, limit=LIMIT):
        """The next frame; Closed at the end of the stream, Timeout."""
        until = time.monotonic() + limit
        while True:
            if len(self.data) >= HEADER.size:
                magic, size, number, _, _ = HEADER.unpack_from(self.data)
                assert magic == MAGIC, "no frame of this protocol"
                if len(self.data) >= HEADER.size + size:
                    payload = self.data[HEADER.size:HEADER.size + size]
                    self.data = self.data[HEADER.size + size:]
                    return Frame(number, payload)
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                raise Timeout(f"nothing came; before: {self.seen}")
            try:
                more = self.sock.recv(1 << 16)
            except ConnectionResetError:
                more = b""
            if not more:
                raise Closed(f"closed; before: {self.seen}")
            self.data += more

    def expect(self, kind, limit=LIMIT, **items):
        """The next frame of this kind (and with these items); others are put aside into `seen`."""
        for i, f in enumerate(self.seen):
            if f.kind == kind and all(getattr(f, k) == v for k, v in items.items()):
                return self.seen.pop(i)
        until = time.monotonic() + limit
        while True:
            try:
                f = self.next(until - time.monotonic())
            except Timeout:
                raise Timeout(f"no {kind} {items or ''} came; but {self.seen}") from None
            if f.kind == kind and all(getattr(f, k) == v for k, v in items.items()):
                return f
            self.seen.append(f)

    def closed(self, limit=LIMIT):
        """Waits for the end of the stream."""
        try:
            while True:
                self.seen.append(self.next(limit))
        except Closed:
            return True

    def quiet(self, seconds):
        """That nothing comes for a while; returns what came. For what must not happen."""
        try:
            return self.next(seconds)
        except Timeout:
            return None


class Shim(Link):
    """A shim with its first connection."""

    def __init__(self, test, sock, name, pid_of_test):
        super().__init__(sock)
        self.test, self.name = test, name
        self.owner = pid_of_test
        self.run = 0
        self.pid = 0

    def start(self, argv, command=None, wait=True, **items):
        """Sends START for the next run. With wait: returns STARTED's frame."""
        self.run = items.pop("run", self.run + 1)
        items.setdefault("env", ["PATH=/usr/local/bin:/usr/bin:/bin"])
        items.setdefault("cwd", self.test.folder)
        items.setdefault("umask", 0o022)
        self.send("START", run=self.run, command=command or " ".join(map(os.fsdecode, argv)), arg=argv,
                  **items)
        return self.expect("STARTED", run=self.run) if wait else None

    def sh(self, script, **more):
        return self.start(["/bin/sh", "-c", script], **more)

    def ack(self, report, text=None):
        self.send("ACK", report=report.report, text=text)

    def log(self):
        return self.test.read(self.test.log_path(self.name))

    def lines(self):
        return self.log().decode(errors="replace").splitlines()


# ---- processes ----

def state(pid):
    """The state's letter, None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as f:
            return f.read().rsplit(b") ", 1)[1][:1].decode()
    except (OSError, IndexError):
        return None


def alive(pid):
    return state(pid) not in (None, "Z", "X")


def children(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as f:
                found += [int(p) for p in f.read().split()]
    except OSError:
        pass
    return found


def descendants(pid):
    found = children(pid)
    for p in found:
        found += [q for q in children(p) if q not in found]
    return found


def lock_holder(path):
    """The pid that holds the record's lock, 0 if nobody does."""
    fd = os.open(path, os.O_RDWR)
    try:
        ask = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack("hhqqi4x", fcntl.fcntl(fd, fcntl.F_GETLK, ask))
        return 0 if kind == fcntl.F_UNLCK else pid
    finally:
        os.close(fd)


class ShimTest(unittest.TestCase):
    """A folder, a nursery, shims; all of it ends with the test."""

    TZ = "UTC"

    def setUp(self):
        signal.signal(signal.SIGALRM, self._too_long)
        signal.setitimer(signal.ITIMER_REAL, TEST_LIMIT)
        self.addCleanup(signal.setitimer, signal.ITIMER_REAL, 0)
        self.folder = tempfile.mkdtemp(prefix="shim-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.run_dir = os.path.join(self.folder, "run")
        os.makedirs(os.path.join(self.run_dir, "shims"), 0o700)
        self.links = []
        self.addCleanup(self.end_all)
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.nursery = mine
        env = {"TZ": self.TZ, "LEAK": "from the nursery"}
        env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        self.nursery_pid = os.posix_spawn(SHIM, [SHIM, "-" * 80], env,
                                          file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)])
        theirs.close()

    def _too_long(self, *_):
        self.fail(f"the test took more than {TEST_LIMIT} s")

    def end_all(self):
        for link in self.links:
            link.close()
        self.nursery.close()
        until = time.monotonic() + LIMIT
        while time.monotonic() < until:
            for pid in descendants(os.getpid()):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
        self.fail("a process could not be killed")

    def log_path(self, name):
        return os.path.join(self.folder, "logs", name + ".log")

    def raw(self, name="a"):
        """A new shim that has been told nothing."""
        mine, theirs = socket.socketpair()
        before = set(children(os.getpid()))
        socket.send_fds(self.nursery, [b"F"], [theirs.fileno()])
        theirs.close()
        shim = Shim(self, mine, name, before)
        self.links.append(shim)
        return shim

    def shim(self, name="a", hello=True, **init):
        shim = self.raw(name)
        init.setdefault("run_dir", self.run_dir)
        init.setdefault("log_path", self.log_path(name))
        shim.send("INIT", name=name, **init)
        if hello:
            shim.hello = shim.expect("HELLO")
            shim.pid = shim.hello.pid
        return shim

    def listen(self):
        """A new svcd: listens on RUN/control.sock, from the moment on that it is there, as svcd does."""
        path = os.path.join(self.run_dir, "control.sock")
        here = os.open(self.run_dir, os.O_PATH)  # a path of any length
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.bind(f"/proc/self/fd/{here}/control.new")
        os.close(here)
        server.listen(64)
        os.rename(os.path.join(self.run_dir, "control.new"), path)
        self.addCleanup(server.close)
        return server

    def accept(self, server, limit=LIMIT):
        server.settimeout(limit)
        sock, _ = server.accept()
        sock.setblocking(True)
        link = Link(sock)
        self.links.append(link)
        return link

    def until(self, condition, what, limit=LIMIT):
        """Waits until CONDITION() is true and returns its value."""
        until = time.monotonic() + limit
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > until:
                self.fail(f"not within {limit} s: {what}")
            select.select([], [], [], 0.002)

    def gone(self, pid):
        """Waits for a child of the test (a shim) and returns its status."""
        return self.until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, f"end of {pid}")

    def read(self, path):
        """What it holds now: one that grows as fast as it is read has no end."""
        try:
            with open(path, "rb") as f:
                return f.read(os.fstat(f.fileno()).st_size or -1)
        except FileNotFoundError:
            return b""

    def output(self, shim, source="out"):
        """The texts of a source's lines."""
        found = []
        for line in shim.log().split(b"\n"):
            m = re.match(rb"\S+ (\w+) (.*)$", line, re.S)
            if m and m[1].decode() == source:
                found.append(m[2])
        return found
