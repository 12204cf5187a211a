"""svc-shim's log: what its settings change while it runs; lines that no file can hold; memory."""

import os
import platform
import re
import shutil
import stat
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from shimlog import LINE, Writer  # noqa: E402
from svcdtest import sanitized  # noqa: E402


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
        self.same(self.texts(shim.log(), "out"), [b"a", b"b"])

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
        self.same(self.texts(shim.log(), "out", "err"), [b"0", b"1", b"3", b"4"])
        self.assertEqual(shim.log().count(b"suppressed"), 1)

    @unittest.skipIf("SVCD_TEST_JITTER" in os.environ, "each halt looks like a wake-up")
    def test_it_costs_no_wake_up_at_rest(self):
        shim = self.shim(log_rate=2)
        self.python(shim, "import time\nprint('a\\nb\\nc', flush=True)\ntime.sleep(1000)")
        self.until(lambda: b"lines suppressed=1 " in shim.log(), "the note")

        def wakeups():
            with open(f"/proc/{shim.pid}/status", encoding="ascii") as f:
                return re.search(r"^voluntary_ctxt_switches:\s+(\d+)", f.read(), re.M)[1]
        seen = [wakeups(), time.monotonic()]

        def rests():
            if wakeups() != seen[0]:
                seen[:] = wakeups(), time.monotonic()
            return time.monotonic() - seen[1] > 2.5  # longer than anything that comes again
        self.until(rests, "rest")

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
        self.same(self.texts(shim.log(), "out"), [b"a"] + [b"%d" % i for i in range(1000)])


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
        self.until(lambda: all(os.path.exists(self.log_path("a") + n) for n in ("", ".1", ".2")), "rotation")
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
        self.same(self.texts(shim.log(), "out"), [b"one", b"two"])
        self.assertNotIn(b"unheard", shim.log())


class Pieces(Writer):
    """Lines that fit into no file, and lines of which others saw only the beginning."""

    def sizes(self, shim, most):
        for f in self.files(shim):
            self.assertLessEqual(os.path.getsize(f), most, f)
            self.whole(self.read(f))

    def test_a_line_longer_than_a_file(self):
        shim = self.shim(log_max_size=4096, log_keep=1000)
        sizes = [10, 5000, 10, 300000, 0, 10, 4096, 4061, 4060, 4062, 7]
        self.python(shim, f"for n in {sizes}: print('k' * n)")
        self.finish(shim)
        self.ended(shim)
        self.sizes(shim, 4096)
        self.assertEqual([len(t) for t in self.joined(self.all(shim))], sizes)

    def test_a_line_that_just_fits_is_not_cut(self):
        """Time, source and newline are 35 bytes; the longest line that is not cut fills a file exactly."""
        for name, most in ("a", 4096), ("b", 200000):
            shim = self.shim(name, log_max_size=most, log_keep=1000)
            self.python(shim, f"print('x')\nprint('k' * ({most} - 35))\nprint('y')\nprint('k' * ({most} - 34))\n"
                        "print('z')")
            self.finish(shim)
            self.ended(shim)
            self.sizes(shim, most)
            found = [len(t) for t in self.texts(self.all(shim), "out")]
            self.assertEqual(found[:3], [1, most - 35, 1])
            self.assertEqual(self.all(shim).count(b"line continued source=out"), 1)
            self.assertEqual([len(t) for t in self.joined(self.all(shim))], [1, most - 35, 1, most - 34, 1])
            self.assertIn(most, [os.path.getsize(f) for f in self.files(shim)])

    def test_a_line_that_never_ends(self):
        """It fills one file after the other, and no more than there are to be."""
        shim = self.shim(log_max_size=100000, log_keep=3)
        self.python(shim, "import os\nfor i in range(100): os.write(1, b'%07d ' % i * 8192)")
        self.finish(shim)
        self.ended(shim)
        self.sizes(shim, 100000)
        files = self.files(shim)
        self.assertEqual(len(files), 4)
        for f in files[:-1]:
            self.assertEqual(os.path.getsize(f), 100000)
        text = b"".join(self.texts(self.all(shim), "out"))
        self.assertRegex(text, rb"^\d* ")
        self.assertTrue(text.endswith(b"0000099 "))

    def test_in_a_file_that_cannot_be_rotated(self):
        """What there is no room for goes as a whole, and nothing is glued to what comes next."""
        os.makedirs(self.log_path("a") + ".1/full")
        shim = self.shim(log_max_size=100000, log_keep=1)
        self.python(shim, "print('x' * 500000)\nprint('next')\nprint('y' * 150000)\nprint('last')")
        ended = self.finish(shim)
        self.whole(shim.log())
        self.assertNotRegex(shim.log(), rb"[xyt]2")
        self.assertLessEqual(os.path.getsize(self.log_path("a")), 200000)
        self.assertGreaterEqual(ended.dropped_lines, 1)
        shutil.rmtree(self.log_path("a") + ".1")
        self.until(lambda: b"svcd lines lost=" in shim.log() and b"svcd exited" in shim.log(), "the line that tells it")
        self.whole(shim.log())

    def test_a_service_cannot_write_in_anothers_name(self):
        """Where a long line is cut there is nothing that it could have placed there."""
        forged = "2026-11-20T11:12:13.123+01:00 svcd exited run=7 pid=1 code=0 ran=1s"
        shim = self.shim(log_max_size=5000, log_keep=1000)
        self.python(shim, f"import os\nos.write(1, b'{forged}' * 20000 + b'\\n')")
        self.finish(shim)
        self.ended(shim)
        self.sizes(shim, 5000)
        self.same(self.joined(self.all(shim)), [forged.encode() * 20000])
        said = self.texts(self.all(shim), "svcd")
        self.assertEqual([t for t in said if t.startswith(b"exited")], [b"exited run=1"])

    def test_any_bytes_in_pieces(self):
        data = bytes(b for b in range(256) if b != 10) * 1000
        shim = self.shim(log_max_size=10000, log_keep=1000)
        self.python(shim, "import os\ndata = bytes(b for b in range(256) if b != 10) * 1000 + b'\\n'\n"
                    "while data: data = data[os.write(2, data[:70000]):]")
        self.finish(shim)
        self.ended(shim)
        for f in self.files(shim):
            self.assertLessEqual(os.path.getsize(f), 10000)
        lines = [LINE.match(line) for line in self.all(shim).split(b"\n")[:-1]]
        self.same([b"".join(m[2] for m in lines if m[1] == b"err")], [data])

    def test_plain_pieces_are_the_bytes_themselves(self):
        shim = self.shim(log_max_size=4096, log_keep=1000, log_plain=1)
        self.python(shim, "import os\nos.write(1, b'%d ' * 20000 % tuple(range(20000)) + b'\\nend\\n')")
        self.finish(shim)
        self.until(lambda: b"svcd exited" in self.read(self.log_path("a")), "exited line")
        data = self.all(shim)
        begin, end = data.index(b"0 1 2"), data.index(b"end\n") + 4
        self.same([data[begin:end]], [b"%d " * 20000 % tuple(range(20000)) + b"\nend\n"])
        for f in self.files(shim):
            self.assertLessEqual(os.path.getsize(f), 4096)

    def test_the_rest_of_a_line_that_others_did_not_wait_for(self):
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        shim = self.shim()
        self.python(shim, "import os\nos.write(1, b'a' * 100000)\nos.write(2, b'other\\n')\n"
                    f"open({fifo!r}).read()\nos.write(1, b'b' * 100000)\nos.write(1, b'c\\nnext\\n')")
        self.until(lambda: b" err other\n" in shim.log(), "the other line")
        with open(fifo, "w"):
            pass
        self.finish(shim)
        self.ended(shim)
        self.whole(shim.log())
        self.same(self.joined(shim.log()), [b"a" * 100000 + b"b" * 100000 + b"c", b"next"])
        self.same(self.texts(shim.log(), "err"), [b"other"])
        self.assertEqual(shim.log().count(b"line continued"), 1)

    def test_a_partial_line_of_another_source_interrupts_nobody(self):
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        shim = self.shim()
        self.python(shim, "import os\nos.write(1, b'a' * 100000)\nos.write(2, b'part')\n"
                    f"open({fifo!r}).read()\nos.write(1, b'b\\n')")
        self.until(lambda: b"aaaa" in shim.log(), "the beginning")
        shim.send("LOGCONF")
        self.assertIsNone(shim.quiet(0.4))  # longer than anybody waits
        with open(fifo, "w"):
            pass
        self.finish(shim)
        self.ended(shim)
        self.same(self.texts(shim.log(), "out"), [b"a" * 100000 + b"b"])
        self.same(self.texts(shim.log(), "err"), [b"part"])

    def test_settings_change_in_the_middle_of_a_line(self):
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        shim = self.shim(log_plain=1)
        self.python(shim, f"import os\nos.write(1, b'a' * 100000)\nopen({fifo!r}).read()\n"
                    "os.write(1, b'b' * 100000 + b'\\n')")
        self.until(lambda: shim.log().count(b"a") >= 100000, "the beginning")
        shim.send("LOGCONF")
        shim.send("LOG", text="now")
        self.until(lambda: b"svcd now\n" in shim.log(), "svcd's line")
        with open(fifo, "w"):
            pass
        self.finish(shim)
        self.ended(shim)
        self.same(self.texts(shim.log().split(b"\n", 2)[2], "out"), [b"b" * 100000])


class Memory(Writer):
    def dirty(self, shim):
        with open(f"/proc/{shim.pid}/smaps_rollup", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("Private_Dirty:"))

    @unittest.skipIf(sanitized(), "a sanitizer has memory of its own")
    def test_it_is_given_back_after_a_burst(self):
        """Although a line has begun, which is kept."""
        shim = self.shim()
        seen = os.path.join(self.folder, "seen")
        self.python(shim, f"import os, time\nwhile not os.path.exists({seen!r}):\n"
                    "    os.write(1, b'x' * 99 + b'\\n' + b'y' * 32667 + b'\\n')\n"
                    "os.write(1, b'no end')\ntime.sleep(1000)")
        self.until(lambda: self.dirty(shim) > 100, "the burst")
        with open(seen, "wb"):
            pass
        self.until(lambda: self.dirty(shim) <= 32, "the memory to be given back")

    @unittest.skipIf(sanitized(), "a sanitizer has memory of its own")
    @unittest.skipUnless(platform.machine() == "x86_64" and shutil.which("musl-gcc"), "other builds are larger")
    def test_at_rest_it_has_two_pages(self):
        """There is a shim for each service: one of its stack, where its title is, and one of data."""
        shim = self.shim()
        self.python(shim, "import time\nprint('up', flush=True)\ntime.sleep(1000)")
        self.until(lambda: b"up\n" in shim.log(), "the service")
        self.until(lambda: self.dirty(shim) == 8, "the rest to be given back")


if __name__ == "__main__":
    unittest.main()
