"""svc-shim's log: what its settings change while it runs; lines that no file can hold; files that others
delete, move, truncate or rotate under it."""

import os
import re
import stat
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from shimproto import PYTHON, ShimTest  # noqa: E402

LINE = re.compile(rb"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d (svcd|out|err|mon) (.*)$", re.S)


class Writer(ShimTest):
    def finish(self, shim):
        """The end of the run; and its line, where there is a log."""
        ended = shim.expect("EXITED")
        self.at_the_end = shim.log() if os.path.exists(self.log_path(shim.name)) else b""
        shim.ack(ended, f"exited run={shim.run}")
        return ended

    def ended(self, shim):
        self.until(lambda: b"svcd exited run=%d" % shim.run in shim.log(), "exited line")

    def python(self, shim, code, **more):
        shim.start([PYTHON, "-c", code], **more)

    def texts(self, data, *sources):
        """What the lines of these sources say."""
        found = [LINE.match(line) for line in data.splitlines()]
        return [m[2] for m in found if m[1].decode() in sources]

    def whole(self, data):
        """Every line has time and source, and the last one an end."""
        for line in data.split(b"\n")[:-1]:
            self.assertRegex(line[:200], LINE)
        self.assertTrue(data.endswith(b"\n"), data[-100:])


class Rate(Writer):
    def test_lines_beyond_the_limit_are_counted(self):
        shim = self.shim(log_rate=100)
        self.python(shim, "for i in range(5000): print(i)")
        self.finish(shim)
        self.ended(shim)
        out = self.texts(shim.log(), "out")
        notes = [re.fullmatch(rb"lines suppressed=(\d+) rate_limit=100", t)
                 for t in self.texts(shim.log(), "svcd")]
        suppressed = sum(int(m[1]) for m in notes if m)
        self.assertEqual(out[:100], [b"%d" % i for i in range(100)])
        self.assertEqual(len(out) + suppressed, 5000)
        self.assertGreater(suppressed, 1000)
        # It stands in its place, before the end of the run.
        self.assertIn(b"lines suppressed=", self.at_the_end)

    def test_it_is_told_although_nothing_follows(self):
        shim = self.shim(log_rate=2)
        self.python(shim, "import time\nprint('a\\nb\\nc\\nd', flush=True)\ntime.sleep(1000)")
        self.until(lambda: b" svcd lines suppressed=2 rate_limit=2\n" in shim.log(), "the note")
        self.assertEqual(self.texts(shim.log(), "out"), [b"a", b"b"])

    def test_the_next_second_begins_anew(self):
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        shim = self.shim(log_rate=2)
        self.python(shim, "import sys\nfor i in range(3): print(i, flush=True)\n"
                    f"open({fifo!r}).read()\nfor i in range(3, 5): print(i, file=sys.stderr, flush=True)")
        self.until(lambda: b"lines suppressed=1 " in shim.log(), "the note")
        with open(fifo, "w"):
            pass
        self.finish(shim)
        self.ended(shim)
        self.assertEqual(self.texts(shim.log(), "out", "err"), [b"0", b"1", b"3", b"4"])
        self.assertEqual(shim.log().count(b"suppressed"), 1)

    def test_a_long_line_counts_once(self):
        shim = self.shim(log_rate=2)
        self.python(shim, "for n in (5, 300000, 400000, 6): print('x' * n)")
        self.finish(shim)
        self.ended(shim)
        self.assertEqual([len(t) for t in self.texts(shim.log(), "out")], [5, 300000])
        self.assertIn(b"lines suppressed=2 rate_limit=2", shim.log())

    def test_the_limit_changes_while_it_runs(self):
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        shim = self.shim(log_rate=1)
        self.python(shim, f"print('a\\nb', flush=True)\nopen({fifo!r}).read()\n"
                    "for i in range(1000): print(i)")
        self.until(lambda: self.texts(shim.log(), "out") == [b"a"], "a line")
        shim.send("LOGCONF")
        self.until(lambda: b"lines suppressed=1 " in shim.log(), "the note")
        with open(fifo, "w"):
            pass
        self.finish(shim)
        self.ended(shim)
        self.assertEqual(self.texts(shim.log(), "out"), [b"a"] + [b"%d" % i for i in range(1000)])


class Settings(Writer):
    def mode(self, path):
        return stat.S_IMODE(os.stat(path).st_mode)

    def test_mode_changes_while_it_runs(self):
        shim = self.shim(log_max_size=4096, log_keep=3)
        shim.sh("echo hello; exec sleep 1000")
        self.until(lambda: b" out hello" in shim.log(), "a line")
        self.assertEqual(self.mode(self.log_path("a")), 0o600)
        shim.send("LOGCONF", log_mode=0o640, log_max_size=4096, log_keep=3)
        self.until(lambda: self.mode(self.log_path("a")) == 0o640, "the new mode")
        for _ in range(3):
            shim.send("LOG", text="x" * 3000)
        self.until(lambda: os.path.exists(self.log_path("a") + ".2"), "rotation")
        self.assertEqual(self.mode(self.log_path("a")), 0o640)
        self.assertEqual(self.mode(self.log_path("a") + ".1"), 0o640)

    def test_no_file(self):
        shim = self.shim(log_off=1)
        self.python(shim, "print('x' * 200000)\nfor i in range(10000): print(i)\nprint('half', end='')")
        shim.send("LOG", text="said by svcd")
        self.assertEqual(self.finish(shim).dropped_lines, 0)
        self.assertFalse(os.path.exists(self.log_path("a")))
        self.assertFalse(os.path.exists(os.path.dirname(self.log_path("a"))))

    def test_a_file_for_a_while(self):
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        shim = self.shim()
        self.python(shim, f"import os\nfor line in open({fifo!r}): os.write(1, line.encode())")
        with open(fifo, "w", buffering=1, encoding="ascii") as pipe:
            pipe.write("one\n")
            self.until(lambda: self.texts(shim.log(), "out") == [b"one"], "a line")
            shim.send("LOGCONF", log_off=1)
            shim.send("LOG", text="unheard")
            shim.send("LOGCONF")
            shim.send("LOG", text="heard")
            self.until(lambda: self.texts(shim.log(), "svcd")[-1] == b"heard", "the next line of svcd's")
            pipe.write("two\n")
        self.finish(shim)
        self.ended(shim)
        self.assertEqual(self.texts(shim.log(), "out"), [b"one", b"two"])
        self.assertNotIn(b"unheard", shim.log())


if __name__ == "__main__":
    unittest.main()
