"""Hostile and broken clients of the control socket, and services that are hostile to their shim: each
limit of server.h costs only whoever reaches it. The others are answered at once, nothing of a service
changes, and svcd and the shims stay small."""
import array
import json
import os
import resource
import select
import socket
import struct
import subprocess
import sys
import time
import unittest

import logfiles
import shimproto
import svcdtest
from svcdtest import SLOW, SvcdTest, Varlink

CLIENTS, STAYING, SILENT = 256, 192, 256  # server.h
SANITIZED = SLOW > 1
AT_ONCE = 1.0 * SLOW  # svcctl status, whatever else is going on

# Opens connections, says something on each, tells how many there were, and holds them until its
# standard input ends. Refused ones count: the queue of a listener that is flooded is full at times.
HORDE = """
import os, resource, socket, sys
count, path, first = int(sys.argv[1]), sys.argv[2], bytes.fromhex(sys.argv[3])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
folder, held = os.open(path, os.O_PATH | os.O_DIRECTORY), []
for _ in range(count):
    s = socket.socket(socket.AF_UNIX)
    s.connect(f"/proc/self/fd/{folder}/control.sock")  # may have to wait
    s.settimeout(30)
    try:
        s.send(first)
    except OSError:
        pass
    held.append(s)
print(len(held), flush=True)
sys.stdin.read()
"""


def request(method, parameters=None, **more):
    call = {"method": f"org.svcd.Supervisor.{method}", "parameters": parameters or {}, **more}
    return json.dumps(call).encode() + b"\0"


class Hostile(SvcdTest):
    def status_of(self, pid, key):
        """A line of /proc/PID/status that is a number of KiB."""
        with open(f"/proc/{pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith(key + ":"))

    def descriptors(self, pid):
        return len(os.listdir(f"/proc/{pid}/fd"))

    def connect(self, text=b""):
        v = Varlink(self.run_dir)
        self.addCleanup(v.close)
        v.send(text)
        return v

    def at_once(self, name="a", pid=None):
        """The owner asks, as he always does, and the service is as it was. The best of some counts: what the machine
        does to a single one says nothing about svcd."""
        took = []
        while len(took) < 5 and not (took and min(took) < AT_ONCE):
            begin = time.monotonic()
            self.assertEqual(self.service(name)["state"], "running")
            took.append(time.monotonic() - begin)
        self.assertLess(min(took), AT_ONCE)
        if pid:
            self.assertEqual(self.service(name)["pid"], pid)

    def one(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        return self.running("a")["pid"]

    def horde(self, processes, each, first=b""):
        found = []
        for _ in range(processes):
            p = subprocess.Popen([sys.executable, "-c", HORDE, str(each), self.run_dir, first.hex()],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self.programs.append(p)
            found.append(p)
        return found

    def release(self, horde):
        for p in horde:
            p.stdin.close()
            p.wait()
            p.stdout.close()


class Requests(Hostile):
    def test_100_megabytes_are_refused_early(self):
        pid = self.one()
        before = self.status_of(self.svcd.pid, "VmHWM")
        v, sent = self.connect(), 0
        piece = b"x" * 65536
        try:
            while sent < 100 * 1024 * 1024:
                sent += v.sock.send(piece)
        except OSError:
            pass
        self.assertLess(sent, 2 * 1024 * 1024)  # what the kernel's buffers take, and no more
        if not SANITIZED:
            self.assertLess(self.status_of(self.svcd.pid, "VmHWM") - before, 1024)
        self.at_once(pid=pid)

    def test_nonsense_is_an_error_of_that_request_only(self):
        pid = self.one()
        deep = b"[" * 5000
        for text in (b"", b"{", b"null", b"[]", b"\"x\"", b"12", deep, b'{"a":' * 1000, b"\xff\xfe\xfd",
                     b'{"method": 1e400}', b'{"method": ' + b"9" * 5000 + b"}", b'{"method": "\\u0000"}',
                     b'{"method": "x", "parameters": []}', b'{"method": "\xc3\x28"}',
                     b'{"method": "org.svcd.Supervisor.Status", "parameters": {"names": "a"}}',
                     b'{"method": "org.svcd.Supervisor.Status", "parameters": {"nam\\u00e9s": []}}',
                     b'{"method": "org.svcd.Supervisor.Wait", "parameters": {"names": ["a"], '
                     b'"state": "running", "timeout_ms": 99999999999999999999999}}'):
            with Varlink(self.run_dir) as v:
                v.send(text + b"\0")
                self.assertIn("error", v.receive(), text[:80])
                self.assertNotIn("error", v.call("GetInfo"), text[:80])
        with Varlink(self.run_dir) as v:  # the last one of a name counts, as in most readers of JSON
            v.send(b'{"method": "org.svcd.Supervisor.Nope", "method": "org.svcd.Supervisor.GetInfo"}\0')
            self.assertNotIn("error", v.receive())
        self.at_once(pid=pid)

    def test_unknown_methods(self):
        self.one()
        with Varlink(self.run_dir) as v:
            for method, error in (("org.svcd.Supervisor.Nope", "MethodNotFound"),
                                  ("org.varlink.service.Nope", "MethodNotFound"),
                                  ("org.other.Thing.Do", "InterfaceNotFound"), (".", "InterfaceNotFound"),
                                  ("x" * 60000, "InterfaceNotFound")):
                self.assertEqual(v.call(method if "." in method else "a." + method)["error"],
                                 f"org.varlink.service.{error}")

    def test_closing_at_every_moment(self):
        """A request cut off at each byte, and all clients gone again; nothing of them is left."""
        pid = self.one()
        with Varlink(self.run_dir) as v:
            v.call("GetInfo")
        fds = self.descriptors(self.svcd.pid)
        text = request("Restart", {"names": ["nobody"], "wait": True}) + request("Status")
        for end in range(len(text) + 1):
            with Varlink(self.run_dir) as v:
                v.send(text[:end])
                if end % 2:
                    v.sock.shutdown(socket.SHUT_RDWR)
        self.at_once(pid=pid)
        self.until(lambda: self.descriptors(self.svcd.pid) <= fds, what="their descriptors closed")

    def test_byte_by_byte(self):
        """Slow, but within the time: answered like any other; and meanwhile nobody waits for it."""
        pid = self.one()
        v = self.connect()
        for byte in request("Status", {"names": ["a"]}):
            v.send(bytes([byte]))
        self.assertEqual(v.receive()["parameters"]["services"][0]["pid"], pid)
        self.at_once(pid=pid)

    def test_a_flood_of_small_requests(self):
        """Sent without reading: it is not read from any more, and the others have their turn. Whoever
        reads gets all answers, in order."""
        pid = self.one()
        flood = self.connect()
        flood.sock.setblocking(False)
        text, sent = request("Status", {"names": ["a"]}) * 1000, 0
        while sent < 32 * 1024 * 1024 and select.select([], [flood.sock], [], 0.5 * SLOW)[1]:
            sent += flood.sock.send(text)
        self.assertLess(sent, 8 * 1024 * 1024)
        self.at_once(pid=pid)
        if not SANITIZED:
            self.assertLess(self.status_of(self.svcd.pid, "VmRSS"), 16 * 1024)
        flood.close()
        with Varlink(self.run_dir) as v:
            v.send(b"".join(request("Environment", {"name": f"n{i}"}) for i in range(500)))
            for i in range(500):
                self.assertEqual(v.receive()["parameters"]["names"], [f"n{i}"])

    def test_a_flood_behind_a_call_that_waits(self):
        pid = self.one()
        v = self.connect()
        v.send(request("Wait", {"names": ["a"], "state": "stopped"}))
        with self.assertRaises(OSError):
            while True:
                v.sock.send(b" " * 65536)
        self.at_once(pid=pid)


class Connections(Hostile):
    def test_ten_thousand(self):
        """Silent ones, from several processes. Those who were there before stay: a client that follows,
        one whose start is under way; the owner is answered at once; services are what they were."""
        self.config("""
          services:
            a: {command: sleep 1000}
            slow: {command: sleep 1001, ready: notify, ready_timeout: 60s, enabled: true}
        """)
        self.start()
        pid = self.running("a")["pid"]
        follower = self.connect()
        follower.call("Events", more=True)
        starting = subprocess.Popen([os.path.join(svcdtest.BIN, "svcctl"), "start", "slow"],
                                    env=self.environment(), cwd=self.home, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
        self.programs.append(starting)
        horde = self.horde(5, 2000)
        for _ in range(5):
            self.at_once(pid=pid)
        self.assertEqual([int(p.stdout.readline()) for p in horde], [2000] * 5)
        self.at_once(pid=pid)
        self.assertLess(self.descriptors(self.svcd.pid), SILENT + 100)
        if not SANITIZED:
            self.assertLess(self.status_of(self.svcd.pid, "VmRSS"), 8 * 1024)
        self.assertIsNone(starting.poll())
        self.svcctl("stop", "slow")
        starting.wait(20 * SLOW)
        self.assertIn("slow", starting.stdout.read() + starting.stderr.read())
        starting.stdout.close()
        starting.stderr.close()
        self.assertTrue(follower.receive()["continues"])
        self.release(horde)

    def test_shims_find_svcd_in_the_middle_of_it(self):
        """svcd is killed while thousands connect: its successor hears of every shim all the same."""
        names = [f"s{i}" for i in range(20)]
        self.config("services:\n" + "".join(f"  {n}: {{command: sleep 1000}}\n" for n in names))
        self.start()
        self.until(lambda: all(s["state"] == "running" for s in self.services().values()), what="all")
        pids = {n: s["pid"] for n, s in self.services().items()}
        horde = self.horde(2, 1000)
        for p in horde:
            p.stdout.readline()
        self.kill_svcd()
        self.start(wait=False)
        more = self.until(lambda: os.path.exists(os.path.join(self.run_dir, "control.sock")) and
                          self.horde(1, 1000), what="a socket")
        self.until(self.answers, what="svcd's answer", limit=20)
        self.until(lambda: all(s["state"] == "running" for s in self.services().values()), what="all again")
        self.assertEqual({n: s["pid"] for n, s in self.services().items()}, pids)
        self.release(horde + more)

    def test_clients_that_wait_leave_room(self):
        """More than may wait: the others are told, and the owner is answered."""
        pid = self.one()
        waiting = [self.connect(request("GetInfo") + request("Wait", {"names": ["a"], "state": "stopped"}))
                   for _ in range(STAYING)]
        for v in waiting:
            v.receive()  # so the request behind it is being served
        refused = self.connect()
        error = refused.call("Wait", {"names": ["a"], "state": "stopped"})
        self.assertEqual(error, {"error": "org.svcd.Supervisor.LimitReached", "parameters": {
            "limit": "requests that wait", "maximum": STAYING}})
        self.assertNotIn("error", refused.call("Status"))  # this request only
        self.assertEqual(refused.call("Events", more=True)["error"], "org.svcd.Supervisor.LimitReached")
        self.assertNotIn("error", refused.call("Start", {"names": ["a"], "wait": False}))
        self.at_once(pid=pid)
        self.svcctl("stop", "a", status=1)  # it would have to wait too
        self.svcctl("stop", "--no-wait", "a")
        for v in waiting:
            self.assertNotIn("error", v.receive())

    def test_idle_clients_make_room(self):
        pid = self.one()
        horde = self.horde(1, CLIENTS + 100, request("GetInfo"))
        self.assertEqual(int(horde[0].stdout.readline()), CLIENTS + 100)
        self.until(lambda: self.descriptors(self.svcd.pid) < CLIENTS + 60, what="the idle ones dropped")
        self.at_once(pid=pid)
        self.release(horde)

    @staticmethod
    def _try_as_nobody(folder, times):
        """How many connections of another user are closed without an answer."""
        os.setresuid(65534, 65534, 65534)
        svcdtest.libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: /proc/self is ours again
        refused = 0
        for _ in range(times):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(20)
                s.connect(f"/proc/self/fd/{folder}/control.sock")
                try:
                    s.send(request("Status"))
                    refused += s.recv(1) == b""
                except OSError:
                    refused += 1
        return refused

    @unittest.skipUnless(os.getuid() == 0, "only root can be two users")
    def test_strangers_are_refused_and_cannot_fill_the_log(self):
        pid = self.one()
        path = os.path.join(self.run_dir, "control.sock")
        os.chmod(path, 0o666)
        folder = os.open(self.run_dir, os.O_PATH | os.O_DIRECTORY)
        self.addCleanup(os.close, folder)
        r, w = os.pipe()
        os.chmod(self.run_dir, 0o711)
        child = os.fork()
        if child == 0:
            try:
                os.write(w, str(self._try_as_nobody(folder, 300)).encode())
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        os.close(w)
        self.assertEqual(os.read(r, 100), b"300")
        os.close(r)
        with open(os.path.join(self.root, "svcd/svcd.log")) as f:
            told = [line for line in f if "a client of uid 65534 was refused" in line]
        self.assertEqual(len(told), 1)
        self.at_once(pid=pid)

    def test_descriptors_that_are_passed_are_closed(self):
        pid = self.one()
        with Varlink(self.run_dir) as v:
            v.call("GetInfo")
        fds = self.descriptors(self.svcd.pid)
        r, w = os.pipe()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [w] * 200))]
        varlink, shim = self.connect(), self.connect()
        for _ in range(50):
            varlink.sock.sendmsg([request("GetInfo")], rights)
            self.assertNotIn("error", varlink.receive())
        hello = shimproto.pack("HELLO", name="a", pid=os.getpid(), run=1)
        for i in range(len(hello) - 1):
            shim.sock.sendmsg([hello[i:i + 1]], rights)
        self.at_once(pid=pid)
        os.close(w)
        os.set_blocking(r, False)
        # Nobody has an end of the pipe: svcd has read what the kernel held for it, and kept nothing.
        self.until(lambda: self._ended(r), what="the end of the pipe")
        os.close(r)
        self.assertLessEqual(self.descriptors(self.svcd.pid), fds + 3)

    @staticmethod
    def _ended(fd):
        try:
            return os.read(fd, 1) == b""
        except BlockingIOError:
            return False


class Readers(Hostile):
    def test_nobody_waits_for_those_who_do_not_read(self):
        """Answers of some hundred KiB that nobody fetches, and events that nobody reads."""
        names = [f"s{i}" for i in range(150)]
        self.config("services:\n" + "".join(f"  {n}: {{command: sleep 1000, enabled: false}}\n" for n in names) +
                    "  a: {command: sleep 1000}\n")
        self.start()
        pid = self.running("a")["pid"]
        readers = [self.connect(request("Events", {"last": 1000}, more=True) if i % 2 else
                                request("Status") * 100) for i in range(60)]
        for _ in range(3):
            self.svcctl("restart", "--replace", "a")
        pid = self.running("a")["pid"]
        self.at_once(pid=pid)
        if not SANITIZED:
            self.assertLess(self.status_of(self.svcd.pid, "VmRSS"), 16 * 1024)
        # One that begins to read finds what was answered, whole.
        self.assertEqual(len(readers[0].receive()["parameters"]["services"]), 151)

    @unittest.skipIf(SANITIZED, "a hundred MiB of answers take their time")
    def test_answers_for_all_together_are_bounded(self):
        """Of them a hundred MiB: some clients go, the others get all of theirs."""
        self.config("services:\n  a: {command: sleep 1000}\n" +
                    "".join(f"  s{i}: {{command: sleep 1000, enabled: false}}\n" for i in range(900)))
        self.start()
        pid = self.running("a")["pid"]
        readers = [self.connect(request("Status")) for _ in range(170)]
        self.until(lambda: len(select.select([v.sock for v in readers], [], [], 0)[0]) == len(readers),
                   limit=40, what="the first bytes of each answer")
        self.at_once(pid=pid)
        if not SANITIZED:
            self.assertLess(self.status_of(self.svcd.pid, "VmHWM"), 100 * 1024)  # buffers grow by doubling
        whole = 0
        for v in readers:
            try:
                whole += len(v.receive()["parameters"]["services"]) == 901
            except (OSError, TypeError):  # closed, perhaps in the middle of the answer
                pass
        self.assertGreater(whole, 40)
        self.assertLess(whole, 170)


class Impostors(Hostile):
    def _hello(self, **items):
        return shimproto.pack("HELLO", **items)

    def test_a_shims_first_byte_and_then_nothing_good(self):
        pid = self.one()
        magic = struct.pack("=I", shimproto.MAGIC)
        big = struct.pack("=IIHHI", shimproto.MAGIC, 1024 * 1024, 64, 1, 0)
        cases = [b"\x01", magic, b"\x01garbage of more than sixteen bytes", big,
                 big + b"x" * 900000,
                 struct.pack("=IIHHI", shimproto.MAGIC, 1024 * 1024 + 1, 64, 1, 0),
                 shimproto.pack("STARTED", run=1, main_pid=1), self._hello(), self._hello(name="../a", pid=1),
                 self._hello(name="a"), self._hello(name="nobody", pid=os.getpid()), b"\x01" * 70000]
        before = self.status_of(self.svcd.pid, "VmHWM")
        held = []
        for text in cases * 10:
            v = self.connect()
            try:
                v.sock.sendall(text)
            except OSError:
                pass
            held.append(v)
        self.at_once(pid=pid)
        if not SANITIZED:
            self.assertLess(self.status_of(self.svcd.pid, "VmHWM") - before, 4096)

    def test_nobody_takes_a_shims_place(self):
        """With the name of a service and the true pid of its shim; its shim is heard all the same."""
        pid = self.one()
        shim = self.shim_of(pid)
        for claimed in (shim, os.getpid(), self.svcd.pid, 1, -1, 2 ** 62):
            v = self.connect()
            v.sock.sendall(self._hello(name="a", pid=claimed, run=77, main_pid=1))
            try:
                v.sock.sendall(shimproto.pack("EXITED", report=1, run=1, wstatus=256))
            except OSError:
                pass
        self.at_once(pid=pid)
        self.assertEqual(self.service("a")["run"], 1)
        self.svcctl("restart", "--replace", "a")
        self.assertEqual(self.running("a")["run"], 2)
        with open(os.path.join(self.root, "svcd/svcd.log")) as f:
            self.assertEqual(sum("refused" in line for line in f), 1)


class Services(Hostile):
    """What runs under a shim does not get the better of it."""

    def shim_size(self, name):
        return self.status_of(self.shim_of(self.service(name)["pid"]), "VmRSS")

    def test_inherits_no_descriptors(self):
        self.config(f"services: {{a: {{command: {self.script('a', 'ls /proc/self/fd > fds; exec sleep 1000')}}}}}\n")
        self.start()
        self.running("a")
        self.assertEqual(self.written("fds", 4), ["0", "1", "2", "3"])  # 3 is the folder that ls reads

    def test_output_without_lines(self):
        """A hundred megabytes without a newline, of zeros and of text: the shim stays as it was."""
        zeros = self.script("zeros", "head -c 50000000 /dev/zero; echo done >> ended; exec sleep 1000")
        words = self.script("words", "head -c 50000000 /dev/zero | tr '\\0' x; echo done >> ended; "
                                     "exec sleep 1000")
        self.config(f"services:\n  zeros: {{command: {zeros}, log: {{max_size: 5M, keep: 1}}}}\n"
                    f"  words: {{command: {words}, log: {{max_size: 5M, keep: 1}}}}\n")
        self.start()
        self.written("ended", 2)
        if not SANITIZED:
            for name in ("zeros", "words"):
                self.assertLess(self.shim_size(name), 2048)
        for name in ("zeros", "words"):
            self.assertEqual(self.service(name)["state"], "running")
            size = sum(map(len, self.at_one_instant(
                lambda n=name: logfiles.at_one_instant(n, os.path.dirname(self.log_path(n))), f"{name}'s log")))
            self.assertLess(size, 2 * 11 * 1024 * 1024)  # two files of twice log.max_size and one MiB

    def test_a_flood_of_notifications(self):
        """A million, long ones, and descriptors with them: none is kept, and READY=1 is heard."""
        program = self.python("flood.py", """
            import array, os, socket, sys, time
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            address = "\\0" + os.environ["NOTIFY_SOCKET"][1:]
            def send(data, rights=(), wait=False):
                while True:
                    try:
                        s.sendmsg([data], rights, 0 if wait else socket.MSG_DONTWAIT, address)
                        return True
                    except BlockingIOError:
                        return False
            r, w = os.pipe()
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [w] * 200))]
            for i in range(300):
                send(b"STATUS=with descriptors", rights, True)
            os.close(w)
            for i in range(50):
                send(b"STATUS=" + b"x" * 60000, (), True)
            sent = sum(send(b"STATUS=%d" % i) for i in range(1000000))
            send(b"STATUS=at the end\\nREADY=1", (), True)
            print("pipe ended:", os.read(r, 1) == b"", flush=True)
            time.sleep(1000)
        """)
        self.config(f"services:\n  a: {{command: {program}, ready: notify, ready_timeout: 60s}}\n"
                    "  b: {command: sleep 1000}\n")
        self.start()
        self.running("b")
        self.at_once("b")
        shim = self.running("a", limit=40)
        self.at_once("b")
        self.logged("a", "pipe ended: True", limit=20)
        shim = self.shim_of(shim["pid"])
        self.assertLess(self.descriptors(shim), 16)
        if not SANITIZED:
            self.assertLess(self.status_of(shim, "VmRSS"), 2048)
            self.assertLess(self.status_of(self.svcd.pid, "VmRSS"), 16 * 1024)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    unittest.main()
