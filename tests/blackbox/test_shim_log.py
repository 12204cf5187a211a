"""svc-shim: output becomes lines of the log, whole, in order, all of them; rotation; files in trouble."""

import errno
import os
import re
import resource
import shutil
import signal
import stat
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from shimproto import PYTHON, ShimTest, Timeout, state  # noqa: E402

LINE = re.compile(rb"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d (\w+) (.*)$", re.S)


def numbered(n, width=0, stream="stdout"):
    """A program that writes N numbered lines as fast as it can."""
    return [PYTHON, "-c",
            f"import sys\nw=sys.{stream}.write\nfor i in range({n}): w('%d %s\\n' % (i, 'x' * {width}))"]


class Output(ShimTest):
    def run_once(self, shim, argv, **more):
        shim.start(argv, **more)
        ended = shim.expect("EXITED", run=shim.run)
        self.ended_log = shim.log()  # at the time of the report
        shim.ack(ended, f"exited run={shim.run}")
        self.until(lambda: b"svcd exited run=%d" % shim.run in shim.log(), "exited line")
        return ended

    def python(self, code, **init):
        shim = self.shim(**init)
        self.run_once(shim, [PYTHON, "-c", code])
        return shim

    def test_all_lines(self):
        shim = self.shim()
        self.run_once(shim, numbered(100000))
        want = [b"%d " % i for i in range(100000)]
        self.assertEqual(self.output(shim), want)
        # All of it was in the file when the exit was reported.
        self.assertEqual(self.ended_log.count(b" out "), 100000)

    def test_small_writes(self):
        shim = self.python("import os\nfor i in range(20000): os.write(1 + i % 2, b'%d\\n' % i)")
        out, err = self.output(shim), self.output(shim, "err")
        self.assertEqual(out, [b"%d" % i for i in range(0, 20000, 2)])
        self.assertEqual(err, [b"%d" % i for i in range(1, 20000, 2)])

    def test_last_words(self):
        """What was written before SIGKILL is in the log, even half a line."""
        shim = self.python("import os,signal\nos.write(1, b'x' * 3000 + b'\\n')\nos.write(2, b'famous')\n"
                           "os.write(1, b'last words')\nos.kill(os.getpid(), signal.SIGKILL)")
        self.assertEqual(self.output(shim), [b"x" * 3000, b"last words"])
        self.assertEqual(self.output(shim, "err"), [b"famous"])
        self.assertIn(b" out last words\n", self.ended_log)

    def test_any_bytes(self):
        data = bytes(b for b in range(256) if b != 10)
        shim = self.python(f"import os\nos.write(1, {data!r} + b'\\n\\n\\r\\n\\0\\n')")
        self.assertEqual(self.output(shim), [data, b"", b"\r", b"\0"])

    def test_long_lines(self):
        sizes = [1, 4095, 4096, 65535, 65536, 65537, 131071, 131072, 200000, 1000000, 5]
        shim = self.python("import os,sys\nfor n in %r: sys.stdout.write('y' * n + '\\n')" % sizes)
        self.assertEqual([len(x) for x in self.output(shim)], sizes)

    def test_long_line_without_end(self):
        shim = self.python("import sys\nsys.stdout.write('z' * 300000)")
        self.assertEqual([len(x) for x in self.output(shim)], [300000])

    def test_long_line_is_not_interrupted(self):
        """Another source's lines wait for the end of a line that is longer than the buffer, if that comes soon: what
        took as long as they wait at most is no proof, and done again."""
        for attempt in range(20):
            shim, fifo, begin = self.shim(f"a{attempt}"), os.path.join(self.folder, f"fifo{attempt}"), time.monotonic()
            os.mkfifo(fifo)
            shim.start([PYTHON, "-c", "import os\nos.write(1, b'a' * 100000)\nos.write(2, b'other\\n')\n"
                        f"open({fifo!r}).read()\nos.write(1, b'b' * 100000 + b'\\n')"])
            self.until(lambda s=shim: b"aaaa" in s.log(), "beginning of the line")
            shim.send("LOG", wall_ms=1, text="event")
            with open(fifo, "w", encoding="ascii"):
                pass
            shim.ack(shim.expect("EXITED"), "exited")
            self.until(lambda s=shim: b"svcd exited" in s.log(), "exited line")
            self.assertEqual(self.output(shim, "err"), [b"other"])
            self.assertIn(b"event", self.output(shim, "svcd"))
            if time.monotonic() - begin < 0.2:  # LINE_HOLD_US
                self.assertTrue(self.output(shim) == [b"a" * 100000 + b"b" * 100000], "it is in pieces")
                return
        self.skipTest("too busy a machine to see it")

    def test_long_line_does_not_hold_others_for_ever(self):
        shim = self.shim()
        shim.start([PYTHON, "-c", "import os,time\nos.write(1, b'a' * 100000)\nos.write(2, b'other\\n')\n"
                    "time.sleep(1000)"])
        shim.send("LOG", wall_ms=1, text="event")
        self.until(lambda: self.output(shim, "err") == [b"other"], "line of stderr")
        self.until(lambda: b"event" in self.output(shim, "svcd"), "event")
        self.assertEqual([len(x) for x in self.output(shim)], [100000])

    def test_partial_line_waits_for_its_end(self):
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        shim = self.shim()
        shim.start([PYTHON, "-c", "import os\nos.write(1, b'one\\ntwo ')\n"
                    f"open({fifo!r}).read()\nos.write(1, b'halves\\n')\nos.write(1, b'end')"])
        self.until(lambda: self.output(shim) == [b"one"], "first line")
        with open(fifo, "w", encoding="ascii"):
            pass
        shim.ack(shim.expect("EXITED"), "exited")
        self.assertEqual(self.output(shim), [b"one", b"two halves", b"end"])

    def test_format_and_zone(self):
        shim = self.python("print('hello')")
        for line in shim.log().splitlines():
            self.assertRegex(line, LINE)
            self.assertIn(b"+00:00 ", line)

    def test_plain(self):
        shim = self.shim(log_plain=1)
        shim.start([PYTHON, "-c", "import os\nos.write(1, b'as \\x00it\\n  is\\n\\npart')"])
        shim.ack(shim.expect("EXITED"), "exited run=1")
        self.until(lambda: b"exited" in shim.log(), "exited line")
        lines = shim.log().split(b"\n")
        self.assertEqual(lines[1:5], [b"as \x00it", b"  is", b"", b"part"])
        self.assertRegex(lines[0], LINE)
        self.assertRegex(lines[5], rb"^\S+ svcd exited run=1$")

    def test_plain_words_without_an_end_are_seen(self):
        """A program that hangs after `Connecting... ` is seen saying it."""
        shim = self.shim(log_plain=1)
        shim.start([PYTHON, "-c", "import os, time\nos.write(1, b'line\\nConnecting... ')\ntime.sleep(1000)"])
        self.until(lambda: shim.log().endswith(b"line\nConnecting... "), "what it has said")

    def test_logconf(self):
        shim = self.shim()
        self.run_once(shim, ["echo", "1"])
        shim.send("LOGCONF", log_plain=1)
        self.run_once(shim, ["echo", "2"])
        shim.send("LOGCONF")
        self.run_once(shim, ["echo", "3"])
        self.assertIn(b"\n2\n", shim.log())
        self.assertEqual(self.output(shim), [b"1", b"3"])

    def test_events(self):
        shim = self.shim()
        shim.send("LOG", wall_ms=1_000_000_000_123, text="one\ntwo\n")
        shim.send("LOG", wall_ms=2_000_000_000_000, text="from a check", source="mon")
        shim.send("LOG", text="now")
        self.until(lambda: shim.log().count(b"\n") == 4, "lines")
        self.assertEqual(shim.lines()[:3], ["2001-09-09T01:46:40.123+00:00 svcd one",
                                            "2001-09-09T01:46:40.123+00:00 svcd two",
                                            "2033-05-18T03:33:20.000+00:00 mon from a check"])

    def test_visible_soon(self):
        """A line is in the file long before the program ends, in an idle moment and under load."""
        shim = self.shim()
        shim.start([PYTHON, "-u", "-c", "import time\nprint('first')\nprint('second')\ntime.sleep(1000)"])
        self.until(lambda: self.output(shim) == [b"first", b"second"], "lines")

    def test_left_over_writer(self):
        """The report comes although a descendant goes on writing for ever."""
        shim = self.shim()
        shim.sh("(while :; do echo noise; done) & echo main")
        ended = shim.expect("EXITED")
        self.assertEqual(ended.leftover, 1)
        self.assertIn(b" out main\n", shim.log())
        shim.ack(ended, "exited")
        shim.send("KILL")
        shim.expect("EMPTY")


class Zone(ShimTest):
    TZ = "Asia/Kolkata"

    def test_half_hours(self):
        shim = self.shim()
        shim.send("LOG", wall_ms=1_000_000_799_999, text="a")
        shim.send("LOG", wall_ms=1_000_003_800_000, text="b")
        shim.send("LOG", wall_ms=1_000_010_861_001, text="c")
        self.until(lambda: shim.log().count(b"\n") == 3, "lines")
        self.assertEqual(shim.lines(), ["2001-09-09T07:29:59.999+05:30 svcd a",
                                        "2001-09-09T08:20:00.000+05:30 svcd b",
                                        "2001-09-09T10:17:41.001+05:30 svcd c"])


class Files(ShimTest):
    def finish(self, shim, n=None):
        shim.ack(shim.expect("EXITED"), f"exited run={shim.run}")
        path = self.log_path(shim.name)
        self.until(lambda: b"svcd exited run=%d" % shim.run in self.read(path), "exited line")

    def all_logs(self, shim):
        """The rotated files, oldest first, then the current one."""
        path = self.log_path(shim.name)
        folder, base = os.path.split(path)
        numbers = sorted((int(n[len(base) + 1:]) for n in os.listdir(folder) if n.startswith(base + ".")),
                         reverse=True)
        return [f"{path}.{n}" for n in numbers] + [path]

    def test_modes(self):
        shim = self.shim()
        shim.sh("true")
        self.finish(shim)
        path = self.log_path("a")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode), 0o700)
        other = self.shim("b", log_mode=0o640)
        other.sh("true")
        self.finish(other)
        self.assertEqual(stat.S_IMODE(os.stat(self.log_path("b")).st_mode), 0o640)

    def test_rotation_loses_nothing(self):
        shim = self.shim(log_max_size=50000, log_keep=1000)
        shim.start(numbered(30000, 20))
        self.finish(shim)
        files = self.all_logs(shim)
        self.assertGreater(len(files), 20)
        text = b""
        for f in files:
            data = self.read(f)
            self.assertLessEqual(len(data), 50000, f)
            self.assertTrue(data.endswith(b"\n"), f)
            self.assertRegex(data.split(b"\n", 1)[0], LINE)
            text += data
        for f in files[:-1]:  # as full as whole lines allow
            self.assertGreater(os.path.getsize(f), 50000 - 100)
        found = [LINE.match(x)[2] for x in text.splitlines() if b" out " in x]
        self.assertEqual(found, [b"%d " % i + b"x" * 20 for i in range(30000)])

    def test_keep(self):
        shim = self.shim(log_max_size=1000, log_keep=3)
        shim.start(numbered(1000))
        self.finish(shim)
        path = self.log_path("a")
        self.assertEqual(self.all_logs(shim), [f"{path}.3", f"{path}.2", f"{path}.1", path])
        tail = b"".join(self.read(f) for f in self.all_logs(shim))
        numbers = [int(LINE.match(x)[2]) for x in tail.splitlines() if b" out " in x]
        self.assertEqual(numbers, list(range(numbers[0], 1000)))
        shim.send("LOGCONF", log_max_size=1000, log_keep=1)  # fewer from now on
        shim.start(numbered(100))
        self.finish(shim)
        self.assertEqual(self.all_logs(shim), [f"{path}.1", path])
        shim.send("LOGCONF", log_max_size=1000, log_keep=0)
        shim.start(numbered(100))
        self.finish(shim)
        self.assertEqual(self.all_logs(shim), [path])
        self.assertLessEqual(os.path.getsize(path), 1000)

    def test_goes_on_where_it_was(self):
        path = self.log_path("a")
        os.makedirs(os.path.dirname(path))
        with open(path, "wb") as f:
            f.write(b"old line\nsomeone was killed here")
        shim = self.shim()
        shim.sh("echo new")
        self.finish(shim)
        lines = shim.log().split(b"\n")
        self.assertEqual(lines[:2], [b"old line", b"someone was killed here"])
        self.assertRegex(lines[2], LINE)

    def ticker(self, shim):
        """A service that writes one numbered line for each line it gets by a FIFO."""
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        shim.start([PYTHON, "-c", f"import os\nfor line in open({fifo!r}): os.write(1, line.encode())"])
        return open(fifo, "w", buffering=1, encoding="ascii")

    def keep_telling(self, pipe, condition, what):
        """Writes numbered lines until the condition holds; returns how many."""
        self.n = 0

        def tell():
            pipe.write(f"{self.n}\n")
            self.n += 1
            return condition()
        self.until(tell, what)
        return self.n

    def test_deleted(self):
        shim = self.shim()
        path = self.log_path("a")
        with self.ticker(shim) as pipe:
            self.until(lambda: os.path.exists(path), "log")
            os.unlink(path)
            self.keep_telling(pipe, lambda: os.path.exists(path), "a new log")
            # Held still meanwhile, or it makes a file again in a folder that is just being deleted.
            os.kill(shim.pid, signal.SIGSTOP)
            self.until(lambda: state(shim.pid) == "T", "a shim that holds still")
            shutil.rmtree(os.path.dirname(path))
            os.kill(shim.pid, signal.SIGCONT)
            self.keep_telling(pipe, lambda: os.path.exists(path), "a new folder")
        self.finish(shim)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode), 0o700)

    def test_moved(self):
        """logrotate and the like: nothing is lost, what comes goes on in a new file."""
        shim = self.shim()
        path = self.log_path("a")
        with self.ticker(shim) as pipe:
            self.until(lambda: os.path.exists(path), "log")
            os.rename(path, path + ".moved")
            n = self.keep_telling(pipe, lambda: os.path.exists(path), "a new log")
        self.finish(shim)
        text = self.read(path + ".moved") + self.read(path)
        self.assertEqual([LINE.match(x)[2] for x in text.splitlines() if b" out " in x],
                         [b"%d" % i for i in range(n)])

    def test_cannot_be_written(self):
        """No space: the service goes on, lines are dropped and counted."""
        os.makedirs(os.path.join(self.folder, "logs"))
        os.symlink("/dev/full", self.log_path("a"))
        shim = self.shim()
        shim.start(numbered(50000))
        ended = shim.expect("EXITED")
        self.assertEqual(os.waitstatus_to_exitcode(ended.wstatus), 0)
        self.assertEqual(ended.dropped_lines, 50001)  # and `started`

    def test_is_a_folder(self):
        os.makedirs(self.log_path("a"))
        shim = self.shim()
        shim.start(numbered(50000))
        ended = shim.expect("EXITED")
        self.assertEqual(ended.dropped_lines, 50001)

    def test_is_a_fifo(self):
        os.makedirs(os.path.join(self.folder, "logs"))
        os.mkfifo(self.log_path("a"))
        shim = self.shim()
        shim.start(numbered(50000))
        shim.expect("EXITED")

    def test_file_size_limit(self):
        """RLIMIT_FSIZE of svcd must not kill a shim, nor tear a line."""
        shim = self.shim()
        resource.prlimit(shim.pid, resource.RLIMIT_FSIZE, (5000, 5000))
        shim.start(numbered(1000))
        ended = shim.expect("EXITED")
        self.assertGreater(ended.dropped_lines, 500)
        data = shim.log()
        self.assertTrue(data.endswith(b"\n"))
        for line in data.splitlines():
            self.assertRegex(line, LINE)

    def size_limit(self, shim, size):
        resource.prlimit(shim.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def lost(self, shim):
        """What the log tells of lost lines: [(number, reason)]."""
        found = re.findall(rb" svcd lines lost=(\d+) reason=\"(.*)\"$", shim.log(), re.M)
        return [(int(n), reason.decode()) for n, reason in found]

    def whole(self, shim):
        for line in shim.log().splitlines():
            self.assertRegex(line, LINE)

    def test_lost_lines_are_told(self):
        """Once there is room, though nothing more is written; and svcd hears of it, twice."""
        shim = self.shim()
        self.size_limit(shim, 5000)
        shim.start(numbered(1000))
        ended = shim.expect("EXITED")
        begun = shim.expect("LOST")
        self.assertEqual((begun.lost_lines, begun.errno, begun.flags), (0, errno.EFBIG, 0))
        self.size_limit(shim, resource.RLIM_INFINITY)
        self.until(lambda: self.lost(shim), "the line that tells it")
        shim.ack(ended, "exited run=1")
        (n, reason), = self.lost(shim)
        self.assertEqual(reason, "File too large")
        self.assertEqual(n, ended.dropped_lines)
        self.assertEqual(len(self.output(shim)) + n, 1000)
        told = shim.expect("LOST")
        self.assertEqual((told.lost_lines, told.errno, told.flags), (n, errno.EFBIG, 0))
        self.whole(shim)
        shim.start(numbered(3), run=2)
        shim.ack(shim.expect("EXITED", run=2), "exited run=2")
        self.until(lambda: b"exited run=2" in shim.log(), "the next end")
        self.assertEqual(self.output(shim)[-3:], [b"0 ", b"1 ", b"2 "])
        self.assertEqual(len(self.lost(shim)), 1)
        self.assertIsNone(shim.quiet(0.1))

    def test_lost_lines_stand_where_they_are_missing(self):
        """With output that goes on."""
        shim = self.shim()
        enough = os.path.join(self.folder, "enough")
        shim.start([PYTHON, "-u", "-c", f"import os, time\ni = 0\nwhile not os.path.exists({enough!r}):\n"
                    "    print(i, 'x' * 100); i += 1; time.sleep(0.01)\nprint(i, 'is the last')"])
        self.until(lambda: len(self.output(shim)) > 5, "output")
        self.size_limit(shim, len(shim.log()))
        self.until(lambda: any(f.kind == "LOST" for f in self.look(shim)), "loss")
        self.size_limit(shim, resource.RLIM_INFINITY)
        self.until(lambda: self.lost(shim), "the line that tells it")
        with open(enough, "w"):
            pass
        shim.expect("EXITED")
        self.whole(shim)
        last = self.output(shim)[-1]
        self.assertTrue(last.endswith(b" is the last"), last)
        self.complete(shim, int(last.split()[0]) + 1)

    def look(self, shim):
        try:
            shim.seen.append(shim.next(0.01))
        except Timeout:
            pass
        return shim.seen

    def complete(self, shim, total):
        """Numbered lines, in order, and each gap is told with its size in its place."""
        expected = 0
        for line in shim.log().splitlines():
            m = LINE.match(line)
            if m[1] == b"svcd" and m[2].startswith(b"lines lost="):
                expected += int(re.match(rb"lines lost=(\d+)", m[2])[1])
            elif m[1] == b"out":
                self.assertEqual(int(m[2].split()[0]), expected, shim.log().decode())
                expected += 1
        self.assertEqual(expected, total)

    def test_long_line_hit_in_the_middle(self):
        """It comes in pieces; when one of them fails all of it is taken back, and what comes of it later
        is not written without a time."""
        shim = self.shim()
        go = os.path.join(self.folder, "go")
        shim.start([PYTHON, "-c", f"""
import os, time
def out(data):
    while data:
        data = data[os.write(1, data):]
out(b"0 first\\n1 " + b"y" * 400000)
while not os.path.exists({go!r}): time.sleep(0.01)
out(b"y" * 300000 + b"end\\n2 after\\n")
"""])
        self.until(lambda: len(shim.log()) > 200000, "the beginning of the line")
        self.size_limit(shim, len(shim.log()) + 1000)
        self.until(lambda: any(f.kind == "LOST" for f in self.look(shim)) or
                   len(shim.log()) > 390000, "loss")
        self.size_limit(shim, resource.RLIM_INFINITY)
        if not any(f.kind == "LOST" for f in shim.seen):
            self.size_limit(shim, len(shim.log()) + 1000)
        with open(go, "w"):
            pass
        self.until(lambda: any(f.kind == "LOST" for f in self.look(shim)), "loss")
        self.size_limit(shim, resource.RLIM_INFINITY)
        shim.expect("EXITED")
        self.until(lambda: self.lost(shim), "the line that tells it")
        self.whole(shim)
        self.assertNotIn(b"yyy", shim.log())
        self.assertGreaterEqual(sum(n for n, _ in self.lost(shim)), 1)
        self.complete(shim, 3)

    def test_lost_at_the_very_end(self):
        """svcd hears of what the log could not tell before the shim ended."""
        shim = self.shim()
        shim.start(numbered(3))
        shim.ack(shim.expect("EXITED"), "exited run=1")
        self.until(lambda: b"exited" in shim.log(), "exited line")
        self.size_limit(shim, len(shim.log()))
        shim.send("LOG", text="stopped")
        shim.send("LOG", text="two\nlines")
        shim.send("EXIT")
        shim.closed()
        self.assertEqual([(f.kind, f.lost_lines, f.flags) for f in shim.seen if f.kind == "LOST"][-1],
                         ("LOST", 3, 1))
        self.assertEqual(shim.seen[-1].kind, "BYE")

    def test_a_torn_line_of_a_predecessor_is_ended(self):
        shim = self.shim()
        shim.start(numbered(1))
        shim.ack(shim.expect("EXITED"))
        shim.send("EXIT")
        shim.closed()
        with open(self.log_path("a"), "ab") as f:
            f.write(b"2026-11-20T11:12:13.123+01:00 out torn")
        shim = self.shim()
        size = os.path.getsize(self.log_path("a"))
        self.size_limit(shim, size)
        shim.start(numbered(1), run=2)
        shim.expect("EXITED")
        self.assertTrue(shim.log().endswith(b"torn"))
        self.size_limit(shim, resource.RLIM_INFINITY)
        self.until(lambda: self.lost(shim), "the line that tells it")
        self.whole(shim)

    def test_cannot_be_rotated(self):
        """It grows to twice its limit, then lines are lost; nothing that was there is."""
        os.makedirs(self.log_path("a") + ".1/full")
        shim = self.shim(log_max_size=4000, log_keep=1)
        shim.start(numbered(1000))
        ended = shim.expect("EXITED")
        self.assertGreater(ended.dropped_lines, 100)
        self.assertTrue(4000 < os.path.getsize(self.log_path("a")) <= 8000)
        self.assertEqual(self.output(shim)[:3], [b"0 ", b"1 ", b"2 "])
        self.assertEqual(sorted(os.listdir(os.path.dirname(self.log_path("a")))), ["a.log", "a.log.1"])
        self.assertEqual(self.lost(shim), [])
        shutil.rmtree(self.log_path("a") + ".1")
        self.until(lambda: self.lost(shim), "the line that tells it")
        self.assertTrue(os.path.exists(self.log_path("a") + ".1"))
        self.assertEqual(self.lost(shim), [(ended.dropped_lines, "Is a directory")])

    def test_folder_without_permission(self):
        """The file that is open is written on; what cannot be opened is told."""
        if os.geteuid() == 0:
            self.skipTest("root may do everything")
        shim = self.shim()
        shim.sh("echo 0; while [ ! -e go ]; do sleep 0.01; done; echo 1; sleep 1.2; echo 2")
        self.until(lambda: self.output(shim) == [b"0"], "first line")
        folder = os.path.dirname(self.log_path("a"))
        os.chmod(folder, 0)
        self.addCleanup(os.chmod, folder, 0o700)
        with open(os.path.join(self.folder, "go"), "w"):
            pass
        ended = shim.expect("EXITED")
        self.assertEqual(ended.dropped_lines, 0)
        os.chmod(folder, 0o700)
        self.assertEqual(self.output(shim), [b"0", b"1", b"2"])

    def test_stopped_reader(self):
        """Someone reads the log with a lock and stops; a service does not care."""
        shim = self.shim()
        import fcntl
        pid = shim.sh("echo 1; kill -STOP $$; echo 2").main_pid
        self.until(lambda: self.output(shim) == [b"1"] and state(pid) == "T", "first line")
        with open(self.log_path("a"), "rb") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            shim.send("SIGNAL", signo=int(signal.SIGCONT))
            shim.expect("EXITED")
        self.assertEqual(self.output(shim), [b"1", b"2"])


if __name__ == "__main__":
    unittest.main()
