"""svcdtest: what every black-box test of svcd uses.

A test is a method of a subclass of SvcdTest. Each has its own account: a temporary folder with a HOME of
its own, so that ROOT is $HOME/admin by the product's own rule, nothing is shared and all of it may be
thrown away.

    class Restart(SvcdTest):
        def test_it(self):
            self.config('''
              services:
                a: {command: sleep 1000}
            ''')
            self.start()
            first = self.running("a")["pid"]
            os.kill(first, signal.SIGKILL)
            self.until(lambda: self.service("a")["pid"] not in (None, first), what="a new run")

Nothing waits by sleeping: `until` waits for a condition, with a limit after which the test fails and
says what was awaited. Limits are there to end a hopeless wait, not to measure; they are generous, and
longer when SVCD_BIN was built with a sanitizer.

Nothing outlives a test. The test process is a subreaper: whatever svcd, its shims or a service leave
behind becomes its child, so that `descendants` sees everything that was ever started here. A test that
leaves a process after `svcd` was told to end fails. Processes are ended by pid, never by name.
"""

import contextlib
import ctypes
import functools
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

import jsonshape
import logfiles

BIN = os.environ.get("SVCD_BIN") or os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "build")
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PYTHON = sys.executable
FIRST_PORT, LAST_PORT = 8300, 8499
TEST_LIMIT = 60  # seconds for one test

libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


@functools.cache
def sanitized():
    """Whether the programs under test carry sanitizers, and are therefore several times slower."""
    with open(os.path.join(BIN, "svcd"), "rb") as f:
        return b"__asan_init" in f.read()


# SVCD_TEST_SLOWER: the whole machine is slow (tests/kernel).
SLOW = (4 if sanitized() else 1) * int(os.environ.get("SVCD_TEST_SLOWER", "1"))


class TooLong(Exception):
    """A wait went on beyond its limit."""


class TestTooLong(Exception):
    """All of a test did, whatever it waits for at that moment."""


class Result:
    """How a program ended and what it said."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __repr__(self):
        return f"status {self.status}\nstdout: {self.out}\nstderr: {self.err}"


# ---- processes ----

def stat_fields(pid):
    """The fields of /proc/PID/stat from the third (state) on, or None."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return f.read().rsplit(") ", 1)[1].split()
    except (OSError, IndexError):
        return None


def alive(pid):
    """Whether a process exists and is no zombie."""
    fields = stat_fields(pid)
    return fields is not None and fields[0] not in "ZX"


def kill_if_there(pid, signo=signal.SIGKILL):
    """For one that may end by itself meanwhile. Whether it was there."""
    try:
        os.kill(pid, signo)
        return True
    except ProcessLookupError:
        return False


def parent(pid):
    fields = stat_fields(pid)
    return int(fields[1]) if fields else None


def start_ticks(pid):
    """Field 22: with the pid, the identity of a process."""
    fields = stat_fields(pid)
    return int(fields[19]) if fields else None


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
    """Everything below a process, zombies left out."""
    found, todo = [], children(pid)
    while todo:
        p = todo.pop()
        if alive(p):
            found.append(p)
        todo += children(p)
    return found


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def process_environment(pid):
    """An exec closes what tells of its success a moment before the environment is there to be read."""
    end, text = time.monotonic() + 15 * SLOW, ""
    while not text and time.monotonic() < end:
        with open(f"/proc/{pid}/environ", "rb") as f:
            text = f.read().decode()
    return dict(v.split("=", 1) for v in text.split("\0") if "=" in v)


def cpu_seconds(pid):
    """What a process has used, itself."""
    fields = stat_fields(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def at_rest(test, *pids, seconds=1.0):
    """These processes may not spin while the block lasts, which is at least SECONDS."""
    began, before = time.monotonic(), {p: cpu_seconds(p) for p in pids}
    yield
    test.until(lambda: time.monotonic() - began >= seconds, what="time to pass")
    allowed = (0.1 + 0.05 * (time.monotonic() - began)) * SLOW
    for p in pids:
        test.assertLess(cpu_seconds(p) - before[p], allowed, f"{p} spins: {command_line(p)}")


def private_mounts():
    """A mount namespace of this process's own, to mount small file systems in; for an unprivileged user
    by way of a user namespace in which he is himself. What is started from here has no more privilege
    than before. Skips the module where the machine does not allow it."""
    uid, gid, newns, newuser, private = os.geteuid(), os.getegid(), 0x20000, 0x10000000, 1 << 14 | 1 << 18
    if libc.unshare(newns | (newuser if uid else 0)) < 0:
        raise unittest.SkipTest("no mount namespace of one's own: "
                                f"{os.strerror(ctypes.get_errno())}")
    if uid:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as f:
                f.write(text)
    if libc.mount(b"none", b"/", None, private, None) < 0:
        raise unittest.SkipTest(f"mounts stay shared: {os.strerror(ctypes.get_errno())}")


def listens(port, host="127.0.0.1"):
    """What `nc -z` says."""
    return subprocess.run(["nc", "-z", "-w", "2", host, str(port)], check=False,
                          capture_output=True).returncode == 0


# ---- ports ----

_held = []


def free_port():
    """A port of the account's range that no other test has and nobody listens on.

    It is claimed by an abstract socket, which the kernel gives back when this process ends; abstract
    names and ports live in the same network namespace, so this is exact for tests of all users."""
    order = list(range(FIRST_PORT, LAST_PORT + 1))
    offset = os.getpid() * 7 % len(order)
    for port in order[offset:] + order[:offset]:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0svcd-test-port-{port}")
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _held.append(claim)
        return port
    raise unittest.SkipTest(f"no free port in {FIRST_PORT}-{LAST_PORT}")


# ---- Varlink, by hand ----

class Varlink:
    """A client of the control socket that knows nothing but the protocol."""

    def __init__(self, run_dir):
        # A socket address holds 108 bytes; through the folder's descriptor any path is short.
        folder = os.open(run_dir, os.O_PATH | os.O_DIRECTORY)
        try:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(20 * SLOW)
            self.sock.connect(f"/proc/self/fd/{folder}/control.sock")
        except OSError:
            self.sock.close()
            raise
        finally:
            os.close(folder)
        self.rest = b""

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.sock.sendall(data)

    def receive(self):
        """The next message, or None at the end of the stream."""
        while b"\0" not in self.rest:
            data = self.sock.recv(65536)
            if not data:
                return None
            self.rest += data
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, parameters=None, more=False):
        if "." not in method:
            method = "org.svcd.Supervisor." + method
        request = {"method": method, "parameters": parameters or {}}
        if more:
            request["more"] = True
        self.send(json.dumps(request).encode() + b"\0")
        return self.receive()


# ---- the account ----

class SvcdTest(unittest.TestCase):
    """One account and its svcd. What a subclass may set: `home_suffix`, a path below the temporary
    folder that becomes HOME (for long paths); `limit`, seconds for one test."""

    home_suffix = "home"
    limit = TEST_LIMIT
    maxDiff = None

    def setUp(self):
        signal.signal(signal.SIGALRM, self._too_long)
        signal.alarm(self.limit * SLOW)
        self.tmp = os.path.realpath(tempfile.mkdtemp(prefix="svcd-test-"))
        self.addCleanup(self._clean)  # which happens after a setUp that skips, too
        self.home = os.path.join(self.tmp, self.home_suffix)
        self.root = os.path.join(self.home, "admin")
        os.makedirs(self.home)
        for path in (self.home, self.root, os.path.join(self.root, "config")):
            os.makedirs(path, mode=0o700, exist_ok=True)
        self.run_dir = os.path.join(self.root, "run")
        self.svcd = None
        self.svcd_env = {}
        self.svcd_becomes = None  # called in the process that becomes svcd, before its exec
        self.programs = []
        self.svcd_errors = os.path.join(self.tmp, "svcd.stderr")

    def _too_long(self, *_):
        raise TestTooLong(f"the test took more than {self.limit * SLOW} s\n{self.evidence()}")

    def tearDown(self):
        signal.alarm(0)
        signal.signal(signal.SIGALRM, lambda *_: None)
        try:
            left = self._end_all()
        finally:
            if self._failed():
                print(self.evidence(), flush=True)
        if left and not self._failed():
            self.fail("the end was not clean:\n" + "\n".join(left))

    def _clean(self):
        signal.alarm(0)
        subprocess.run(["chmod", "-R", "u+rwX", self.tmp], check=False)
        shutil.rmtree(self.tmp, ignore_errors=True)
        while _held:
            _held.pop().close()

    def run(self, result=None):
        self._result, self._before = result, len(result.failures) + len(result.errors)
        return super().run(result)

    def _failed(self):
        # Python before 3.11 tells the result only after tearDown.
        early = any(e for _, e in getattr(self._outcome, "errors", None) or [])
        return early or len(self._result.failures) + len(self._result.errors) > self._before

    def _end_all(self):
        """svcd, as an init system would end it; then whatever is left, which must be nothing."""
        if self.svcd and self.svcd.poll() is None:
            try:
                # Shims of a svcd that this one has not met yet are its own business; it knows them.
                self.svcd.terminate()
                self.svcd.wait(30 * SLOW)
            except subprocess.TimeoutExpired:
                self.svcd.kill()
                self.svcd.wait()
                left = ["svcd itself: did not end within 30 s of SIGTERM"]
                self._kill_everything()
                return left
            clean = True
            if self.svcd.returncode != 0:  # a sanitizer's report ends up here, too
                self._kill_everything()
                return [f"svcd itself: ended with status {self.svcd.returncode}\n{self.stderr()[-5000:]}"]
        else:
            clean = False  # the test killed it: its shims go on, as they should
        for p in self.programs:
            if p.poll() is None:
                p.kill()
                p.wait()
        self._reap()
        left = self._left() if clean else []
        self._kill_everything()
        return left

    @staticmethod
    def _left():
        """What is still there. A service must be gone when svcd is; shims and their nursery end by
        themselves as svcd's end of their socket closes, and get a moment."""
        end = time.monotonic() + 5 * SLOW
        while True:
            found = [(p, command_line(p)) for p in descendants(os.getpid())]
            # One without a command line is about to be a zombie.
            if not all("svc-shim" in c or not c for _, c in found) or not found \
                    or time.monotonic() > end:
                return [f"{p}: {c}" for p, c in found]
            time.sleep(0.01)

    @staticmethod
    def _reap():
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass

    def _kill_everything(self):
        """Until there is no child any more: the only proof that nothing is left."""
        while True:
            # What counts as a zombie here may have threads that live.
            for p in descendants(os.getpid()) + children(os.getpid()):
                kill_if_there(p)
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                return

    def evidence(self):
        """What a person wants to see of a failed test."""
        parts = []
        files = [self.svcd_errors, os.path.join(self.root, "svcd/svcd.log")]
        logs = os.path.join(self.root, "logs/services")
        if os.path.isdir(logs):
            files += [os.path.join(logs, n) for n in sorted(os.listdir(logs))]
        for path in files:
            if os.path.isfile(path):
                with open(path, errors="replace") as f:
                    parts.append(f"---- {path}\n{''.join(f.readlines()[-60:])}")
        tree = [f"{p} (parent {parent(p)}) {command_line(p)[:150]}" for p in descendants(os.getpid())]
        parts.append("---- processes\n" + "\n".join(tree))
        return "\n".join(parts)

    # ---- files ----

    def write(self, path, text, mode=0o600):
        """Below HOME. Returns the whole path."""
        path = os.path.join(self.home, path)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "wb" if isinstance(text, bytes) else "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def config(self, text, name="services.yaml"):
        """A definition file, below ROOT/config; indentation of the test is taken away."""
        return self.write(os.path.join(self.root, "config", name), textwrap.dedent(text))

    def python(self, name, text):
        """A Python program in HOME; returns the command line that runs it."""
        return f"{PYTHON} -u {self.write(name, textwrap.dedent(text), 0o700)}"

    def script(self, name, text):
        """A shell program in HOME; returns its path."""
        return self.write(name, "#!/bin/sh\n" + textwrap.dedent(text), 0o700)

    def read(self, path):
        with open(os.path.join(self.home, path), errors="replace") as f:
            return f.read()

    def written(self, path, words=1):
        """Waits until a program has written that many words into a file below HOME; returns them."""
        path = os.path.join(self.home, path)
        return self.until(lambda: os.path.exists(path) and len(self.read(path).split()) >= words and
                          self.read(path).split(), what=f"{words} words in {path}")

    # ---- svcd ----

    def environment(self):
        """What svcd and svcctl are started with: little, and a variable that must not leak."""
        env = {"PATH": os.environ["PATH"], "HOME": self.home, "SVCD_TEST_LEAK": "leaked"}
        env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        env.update(self.svcd_env)
        return env

    def without_leaks(self):
        """Variables, beside the others, for a program that is not to look for leaks as it ends."""
        return {"ASAN_OPTIONS": self.environment().get("ASAN_OPTIONS", "") + ":detect_leaks=0"} if sanitized() else {}

    def start(self, *arguments, wait=True, pass_fds=(), program=os.path.join(BIN, "svcd")):
        """Starts svcd in the background and waits until it answers."""
        errors = open(self.svcd_errors, "ab")
        self.svcd = subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL,
                                     stdout=errors, stderr=errors, env=self.environment(),
                                     cwd=self.home, start_new_session=True, pass_fds=pass_fds,
                                     preexec_fn=self.svcd_becomes)
        errors.close()
        if wait:
            self.until(self.answers, what="svcd's answer", limit=20)
        return self.svcd

    def to_be_traced(self):
        """To be called before `start` by a test that runs strace on svcd: leaks cannot be looked for then."""
        self.svcd_env.update(self.without_leaks())

    def answers(self):
        """Whether this svcd, not a predecessor, answers."""
        if self.svcd.poll() is not None:
            self.fail(f"svcd ended with status {self.svcd.returncode}:\n{self.stderr()}")
        try:
            with Varlink(self.run_dir) as v:
                reply = v.call("GetInfo")
                return bool(reply) and reply["parameters"]["info"]["pid"] == self.svcd.pid
        except OSError:
            return False

    def varlink(self):
        return Varlink(self.run_dir)

    def stderr(self):
        return self.read(self.svcd_errors) if os.path.exists(self.svcd_errors) else ""

    def kill_svcd(self):
        """kill -9, and gone."""
        self.svcd.kill()
        self.svcd.wait()

    def cannot_save(self):
        """While no svcd runs: the next can save nothing, until the folder that this returns is removed."""
        obstacle = os.path.join(self.root, "svcd/state.json.tmp")
        os.mkdir(obstacle)
        with open(os.path.join(self.root, "svcd/state.journal"), "a", encoding="utf-8") as f:
            f.write("{")  # cut short: it is not gone on with
        return obstacle

    def end_svcd(self, how=signal.SIGTERM):
        """Ends svcd by a signal; returns its exit status."""
        self.svcd.send_signal(how)
        return self.svcd.wait(30 * SLOW)

    # ---- svcctl ----

    def run_svcctl(self, *arguments, timeout=30, env=None, cwd=None):
        """svcctl with these arguments, whatever comes of it."""
        proc = subprocess.run([os.path.join(BIN, "svcctl"), *map(str, arguments)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              errors="replace", timeout=timeout * SLOW, cwd=cwd or self.home,
                              env={**self.environment(), **(env or {})})
        verb = jsonshape.called(arguments)
        if verb and proc.returncode >= 0:  # whatever any test sees of --json has the documented shape
            wrong = jsonshape.judge(verb, proc.stdout)
            self.assertIsNone(wrong, f"svcctl {' '.join(map(str, arguments))}")
        return Result(proc.returncode, proc.stdout, proc.stderr)

    def svcctl(self, *arguments, status=0, timeout=30):
        """svcctl that must end with this status."""
        result = self.run_svcctl(*arguments, timeout=timeout)
        self.assertEqual(result.status, status, f"svcctl {' '.join(map(str, arguments))}: {result}")
        return result

    def services(self):
        """status --json, by name. A look that is taken thousands of times looks for no leaks, which is most of what it
        would cost; tests that are about svcctl do."""
        result = self.run_svcctl("--json", "status", env=self.without_leaks())
        self.assertIn(result.status, (0, 3), result)
        return {s["name"]: s for s in json.loads(result.out)}

    def service(self, name):
        """The status object of one service."""
        result = self.run_svcctl("--json", "status", name, env=self.without_leaks())
        self.assertIn(result.status, (0, 3), result)
        return json.loads(result.out)[0]

    def state(self, name):
        return self.service(name)["state"]

    # ---- waiting ----

    def until(self, condition, limit=15, what="the condition"):
        """Waits until CONDITION() is true; returns what it returned."""
        end = time.monotonic() + limit * SLOW
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise TooLong(f"waited {limit * SLOW} s for {what}")
            time.sleep(0.01)

    def glimpse(self, name):
        """What svcd says of a service, at once. A look that is taken again and again costs no svcctl: under a sanitizer
        on a busy machine that takes seconds, in which a state may come and go."""
        try:
            with self.varlink() as v:
                found = (v.call("Status", {"names": [name]}) or {}).get("parameters", {}).get("services")
        except OSError:
            found = None
        return found[0] if found else self.service(name)

    def in_state(self, name, *states, limit=15):
        """Waits for a state; returns the status object."""
        seen = {}

        def there():
            seen.update(self.glimpse(name))
            if seen["state"] not in states:
                return None
            seen.clear()
            seen.update(self.service(name))
            return seen["state"] in states and dict(seen)
        try:
            return self.until(there, limit)
        except TooLong:
            raise TooLong(f"{name} is not {' or '.join(states)} after {limit * SLOW} s: {seen}") from None

    def running(self, name, limit=15):
        return self.in_state(name, "running", limit=limit)

    def new_run(self, name, old, limit=15):
        """Waits until the service runs with another pid than OLD's; returns the status object."""
        def there(s):
            return s["state"] == "running" and s.get("pid") not in (None, old) and s
        return self.until(lambda: there(self.glimpse(name)) and there(self.service(name)), limit, f"a new run of {name}")

    def gone(self, *pids, limit=15):
        self.until(lambda: not any(map(alive, pids)), limit, f"the end of {pids}")

    # ---- logs and events ----

    def log_path(self, name):
        return os.path.join(self.root, "logs/services", name + ".log")

    def log(self, name):
        """All lines of a service's log, rotated files first."""
        folder = os.path.join(self.root, "logs/services")
        texts = self.at_one_instant(lambda: logfiles.at_one_instant(name, folder), f"{name}'s log")
        return [line for text in texts for line in text.decode(errors="replace").splitlines()]

    def at_one_instant(self, look, what):
        """LOOK's texts, once no rotation came between the first file and the last."""
        texts = []

        def held():
            found = look()
            texts[:] = found or []
            return found is not None
        self.until(held, what=f"an instant without a rotation of {what}")
        return texts

    def rotated(self, name):
        """What comes behind NAME.log. of its rotated files: "1", "2.gz", …"""
        folder = os.path.join(self.root, "logs/services")
        found = [re.fullmatch(re.escape(name) + r"\.log\.(\d+(?:\.gz|\.zst)?)", n)
                 for n in (os.listdir(folder) if os.path.isdir(folder) else [])]
        return [m[1] for m in found if m]

    def log_texts(self, name, source):
        """The texts of the lines of one source: svcd, out, err or mon."""
        return [m[2] for m in (re.match(r"\S+ (\S+) ?(.*)", line) for line in self.log(name))
                if m and m[1] == source]

    def logged(self, name, pattern, source=None, limit=15):
        """Waits for a line of the log; returns the match."""
        def there():
            for line in self.log(name):
                m = re.search(pattern, line)
                if m and (source is None or line.split(" ", 2)[1:2] == [source]):
                    return m
            return None
        return self.until(there, limit, f"a line {pattern!r} in {name}'s log")

    def events(self, service=None):
        """ROOT/svcd/events.ndjson, oldest first. A line that is about to be written is not there yet."""
        folder = os.path.join(self.root, "svcd")
        texts = self.at_one_instant(lambda: logfiles.opened_at_one_instant(
            lambda: [p for p in (os.path.join(folder, n) for n in ("events.ndjson.1", "events.ndjson"))
                     if os.path.exists(p)]), "the events")
        found = [json.loads(line) for text in texts for line in text.split(b"\n")[:-1]]
        return [e for e in found if service in (None, e.get("service"))]

    # ---- what tests need to know of the tree ----

    def shim_of(self, pid):
        """The parent of a main process."""
        return parent(pid)

    def shim_has_left(self, name):
        """It has removed its record, or emptied it for the next one."""
        path = os.path.join(self.run_dir, "shims", name)
        return not os.path.exists(path) or os.path.getsize(path) == 0

    def tree(self, pid):
        """Everything of a service whose main process is PID, without the shim."""
        return descendants(parent(pid))

    def mode(self, path):
        return stat.S_IMODE(os.stat(os.path.join(self.home, path)).st_mode)
