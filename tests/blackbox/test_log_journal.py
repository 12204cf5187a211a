"""log.journal: lines go to systemd's journal by its native protocol. The journal here is a socket of the test, which
reads, does not read, is not there, comes back."""

import array
import os
import re
import select
import socket
import threading

from svcdtest import SvcdTest


class Journal:
    """What listens at a path and speaks the native protocol; READS: all the time, else when it is asked."""

    def __init__(self, path, reads):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(path)
        os.chmod(path, 0o666)
        self.sock.setblocking(False)
        self.entries, self.by_fd, self.ended = [], 0, False
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.read_all) if reads else None
        if reads:
            self.thread.start()

    def close(self):
        self.ended = True
        if self.thread:
            self.thread.join()
            self.thread = None
        self.sock.close()

    def read_all(self):
        while not self.ended:
            if select.select([self.sock], [], [], 0.05)[0]:
                self.read()

    @staticmethod
    def parse(data):
        """KEY=VALUE lines; a value may be binary, with its length before it."""
        entry = {}
        while data:
            line, _, data = data.partition(b"\n")
            key, equals, value = line.partition(b"=")
            if not equals:
                size = int.from_bytes(data[:8], "little")
                value, data = data[8:8 + size], data[8 + size + 1:]
            entry[key.decode()] = value
        return entry

    def read(self):
        """All that is there by now; returns all that ever came."""
        with self.lock:
            while self.read_one():
                pass
            return list(self.entries)

    def read_one(self):
        try:
            data, more, _, _ = self.sock.recvmsg(1 << 20, 1024)
        except (BlockingIOError, OSError):
            return False
        for level, kind, content in more:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fd, = array.array("i", content[:4])
                with os.fdopen(fd, "rb") as f:
                    f.seek(0)
                    data = f.read()
                self.by_fd += 1
        self.entries.append(self.parse(data))
        return True

    def texts(self, source=None):
        return [e["MESSAGE"].decode(errors="replace") for e in self.read()
                if source in (None, e["SVCD_SOURCE"].decode())]


class JournalTest(SvcdTest):
    def setUp(self):
        super().setUp()
        self.socket_path = os.path.join(self.tmp, "journal")
        self.svcd_env["SVCD_JOURNAL_SOCKET"] = self.socket_path
        self.journal = None

    def listen(self, reads=True):
        if os.path.exists(self.socket_path):
            os.unlink(self.socket_path)
        self.journal = Journal(self.socket_path, reads)
        self.addCleanup(self.journal.close)

    def services(self, command, more="", restart="always"):
        self.config(f"services: {{a: {{command: {command}, restart: {restart}, log: {{journal: true{more}}}}}}}\n")

    def got(self, *wanted, source=None, limit=15):
        """Waits until these texts are in the journal, in this order."""
        def there():
            texts = iter(self.journal.texts(source))
            return all(any(w == t for t in texts) for w in wanted)
        self.until(there, what=f"{wanted} in the journal", limit=limit)


class Lines(JournalTest):
    def test_fields(self):
        self.listen()
        self.services(self.python("p.py", """
            import sys, time
            print("to stdout", flush=True)
            print("to stderr", file=sys.stderr, flush=True)
            time.sleep(1000)
            """))
        self.start()
        self.got("to stdout")
        self.got("to stderr")
        self.svcctl("stop", "a")
        pid = re.search(r"pid=(\d+)", self.log_texts("a", "svcd")[0])[1]
        self.until(lambda: any(t.startswith("stopped") for t in self.journal.texts()), what="the last line")
        entries = {e["MESSAGE"].decode(): e for e in self.journal.read()}
        for text, source, priority in (("to stdout", "out", "6"), ("to stderr", "err", "4")):
            entry = {k: v.decode() for k, v in entries[text].items()}
            self.assertEqual(entry, {"MESSAGE": text, "SYSLOG_IDENTIFIER": "a", "SVCD_SERVICE": "a", "SVCD_RUN": "1",
                                     "SVCD_SOURCE": source, "PRIORITY": priority})
        started = next(e for t, e in entries.items() if t.startswith(f"started run=1 pid={pid}"))
        self.assertEqual((started["PRIORITY"], started["SVCD_SOURCE"]), (b"5", b"svcd"))
        # The file has all of it too, in the same order.
        self.logged("a", " svcd stopped")
        self.assertEqual(self.journal.texts(), [line.split(" ", 2)[2] for line in self.log("a")])

    def test_instead_of_the_file(self):
        self.listen()
        self.services("sh -c 'echo one; exec sleep 1000'", ", file: false")
        self.start()
        self.got("one")
        self.svcctl("stop", "a")
        self.until(lambda: any(t.startswith("stopped") for t in self.journal.texts()), what="the last line")
        self.assertFalse(os.path.exists(self.log_path("a")))

    def test_each_line_has_its_run(self):
        self.listen()
        self.services("sh -c 'echo $$; sleep 1.1'")
        self.start()
        self.until(lambda: len(self.journal.texts("out")) >= 3, what="three runs")
        for e in self.journal.read():
            text = e["MESSAGE"].decode()
            m = re.search(r" run=(\d+)", text)
            if m:
                self.assertEqual(e["SVCD_RUN"].decode(), m[1], text)
        runs = [int(e["SVCD_RUN"]) for e in self.journal.read() if e["SVCD_SOURCE"] == b"out"]
        self.assertEqual(runs[:3], [1, 2, 3])

    def test_any_bytes_and_long_lines(self):
        self.listen()
        self.services(self.python("p.py", """
            import os
            os.write(1, bytes(b for b in range(256) if b != 10) + b"\\n")
            os.write(1, b"\\n")
            for n in (1000, 60000, 65000, 300000):
                data = b"y" * n + b"\\n"
                while data:
                    data = data[os.write(1, data):]
            os.write(1, b"end\\n")
            """), restart="never")
        self.start()
        self.got("end", source="out")
        out = [e["MESSAGE"] for e in self.journal.read() if e["SVCD_SOURCE"] == b"out"]
        self.assertEqual(out[0], bytes(b for b in range(256) if b != 10))
        self.assertEqual([len(x) for x in out[1:4]], [0, 1000, 60000])
        # What goes to the file in pieces is as many entries.
        self.assertEqual(sum(len(x) for x in out[4:-1]), 365000)

    def test_turned_on_and_off(self):
        self.listen()
        command = self.python("p.py", """
            import time
            n = 0
            while True:
                print(n, flush=True)
                n += 1
                time.sleep(0.01)
            """)
        self.config(f"services: {{a: {{command: {command}}}}}\n")
        self.start()
        self.logged("a", " 20$", "out")
        self.assertEqual(self.journal.read(), [])
        self.services(command)
        self.svcctl("reload")
        self.until(lambda: len(self.journal.texts("out")) > 20, what="lines")
        self.config(f"services: {{a: {{command: {command}}}}}\n")
        self.svcctl("reload")
        self.until(lambda: int(self.journal.texts("out")[-1]) < int(self.log_texts("a", "out")[-1]) - 30,
                   what="more lines in the file only")

    def test_a_service_that_cannot_start(self):
        """Its lines are svcd's own: no shim has it."""
        self.listen()
        self.config("services: {a: {command: [/nonexistent/x], restart: never, log: {journal: true}}}\n")
        self.start()
        self.until(lambda: any("cannot start" in t for t in self.journal.texts("svcd")), what="the reason")


class Trouble(JournalTest):
    def numbers(self, n, pause=0, hold=-1):
        """A service that writes N lines; line HOLD not before there is a file `go`."""
        return self.python("p.py", f"""
            import os, time
            for i in range({n}):
                while i == {hold} and not os.path.exists("go"):
                    time.sleep(0.01)
                os.write(1, b"%d\\n" % i)
                {f"time.sleep({pause})" if pause else "pass"}
            open("done", "w").close()
            time.sleep(1000)
            """)

    def done(self, limit=15):
        self.until(lambda: os.path.exists(os.path.join(self.home, "done")), what="the end of the lines", limit=limit)

    def lost(self):
        """How many lines the journal says are missing."""
        return [int(m[1]) for m in (re.match(r"lines lost=(\d+) reason=", t) for t in self.journal.texts("svcd")) if m]

    def told(self):
        return [e for e in self.events("a") if e["event"] == "journal lines lost"]

    def test_not_there(self):
        self.services(self.numbers(300))
        self.start()
        self.done()
        self.until(lambda: "lines do not reach the journal at" in self.stderr(), what="a word of it")
        self.assertEqual(self.stderr().count("do not reach"), 1)
        self.logged("a", " 299$", "out")  # the file has all
        self.listen()
        self.until(self.lost, what="what is missing", limit=40)
        event, = self.until(self.told, what="the event")
        n = self.lost()[0]
        self.assertGreaterEqual(n, 300)
        self.assertEqual(event["lost"], n)

    def test_one_that_does_not_read_stalls_nobody(self):
        self.listen(reads=False)
        self.services(self.numbers(30000))
        self.start()
        self.done(limit=20)
        self.logged("a", " 29999$", "out", limit=20)
        self.assertEqual(self.log_texts("a", "out"), [str(n) for n in range(30000)])
        self.until(lambda: self.journal.read() and self.lost(), what="what is missing", limit=40)
        numbers = [int(t) for t in self.journal.texts("out")]
        self.assertEqual(numbers, sorted(set(numbers)))
        self.svcctl("stop", "a")
        self.until(lambda: any(t.startswith("stopped") for t in self.journal.texts()), what="the last line")
        self.logged("a", r" svcd stopped\b")
        got = [t for t in self.journal.texts() if not t.startswith("lines lost=")]
        self.assertEqual(len(got) + sum(self.lost()), len(self.log("a")))

    def test_a_burst_is_there_or_counted(self):
        """All of it, as quickly as the journal reads, unless that takes longer than a service may be held up."""
        self.listen()
        self.services(self.numbers(3000))
        self.start()
        self.until(lambda: len(self.journal.texts()) + sum(self.lost()) - len(self.lost()) >= 3002, what="the lines",
                   limit=40)
        numbers = [int(t) for t in self.journal.texts("out")]
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertLessEqual(len(numbers), 3000)
        self.assertGreater(len(numbers), 10)

    def test_one_that_comes_back(self):
        """journald is restarted: what was said meanwhile is counted, the rest is there."""
        self.listen()
        self.services(self.numbers(600, 0.005, hold=400))
        self.start()
        self.got("20", source="out")
        before = self.journal
        before.close()
        self.logged("a", " 399$", "out")
        self.listen()
        self.until(self.lost, what="what is missing", limit=40)
        self.write("go", "")
        self.done()
        self.got("599", source="out", limit=40)
        numbers = [int(e["MESSAGE"]) for j in (before, self.journal) for e in j.entries if e["SVCD_SOURCE"] == b"out"]
        self.assertEqual(numbers, sorted(set(numbers)))
        # Those that were in the old one's queue were delivered, and nobody read them.
        self.assertLessEqual(len(numbers) + sum(self.lost()), 600)
        self.assertGreater(sum(self.lost()), 50)

    def test_svcd_dies_meanwhile(self):
        self.listen()
        self.services(self.numbers(600, 0.005))
        self.start()
        self.got("20", source="out")
        self.kill_svcd()
        self.until(lambda: len(self.journal.texts("out")) > 200, what="lines without a svcd")
        self.start()
        self.done()
        self.got("599", source="out")
        self.assertEqual(self.journal.texts("out"), [str(n) for n in range(600)])
