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

    def files(self, shim):
        """The rotated files, oldest first, then the current one."""
        path = self.log_path(shim.name)
        folder, base = os.path.split(path)
        numbers = sorted((int(n[len(base) + 1:]) for n in os.listdir(folder)
                          if re.fullmatch(re.escape(base) + r"\.\d+", n)), reverse=True)
        return [f"{path}.{n}" for n in numbers] + [path] * os.path.exists(path)

    def all(self, shim):
        return b"".join(self.read(f) for f in self.files(shim))

    def joined(self, data, source="out"):
        """The lines of one source, with the pieces of those that were cut put together."""
        lines, mark = [], f"line continued source={source}".encode()
        goes_on = False
        for line in data.splitlines():
            m = LINE.match(line)
            self.assertTrue(m, line[:200])
            if m[1] == b"svcd" and m[2] == mark:
                goes_on = True
            elif m[1] == source.encode():
                if goes_on:
                    lines[-1] += m[2]
                else:
                    lines.append(m[2])
                goes_on = False
        return lines

    def same(self, found, expected):
        """assertEqual for lists of long texts."""
        if found != expected:
            self.fail("\n".join(f"{name}: " + ", ".join(f"{t[:20]}…{t[-20:]} ({len(t)})" for t in texts[:50])
                                for name, texts in (("found", found), ("expected", expected))))

    def whole(self, data):
        """Every line has time and source, and the last one an end."""
        for line in data.split(b"\n")[:-1]:
            self.assertTrue(LINE.match(line), line[:200])
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
        self.until(lambda: b"aaaa" in shim.log(), "the beginning")
        shim.send("LOGCONF")
        shim.send("LOG", text="now")
        self.until(lambda: b"svcd now\n" in shim.log(), "svcd's line")
        with open(fifo, "w"):
            pass
        self.finish(shim)
        self.ended(shim)
        self.same(self.texts(shim.log().split(b"\n", 2)[2], "out"), [b"b" * 100000])


class Hands(Writer):
    """What others do to the file while the service writes."""

    def begin(self, **init):
        """A service that writes what it is told; self.say(text)."""
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        shim = self.shim(**init)
        self.python(shim, f"import os\nfor line in open({fifo!r}):\n"
                    "    n, end, what = line.rstrip('\\n').split(' ', 2)\n"
                    "    data = what.encode() * int(n) + (b'\\n' if end == '.' else b'')\n"
                    "    while data: data = data[os.write(1, data):]")
        self.pipe = open(fifo, "w", buffering=1, encoding="ascii")
        self.addCleanup(self.pipe.close)
        return shim

    def say(self, shim, what, n=1, end="."):
        self.pipe.write(f"{n} {end} {what}\n")

    def said(self, shim, what, n=1):
        """Says it, and waits until it is in the file that has the name."""
        self.say(shim, what, n)
        end = what.encode() + b"\n"
        self.until(lambda: os.path.exists(self.log_path("a")) and
                   self.read(self.log_path("a")).endswith(end), f"{what} in the file")

    def end(self, shim):
        self.pipe.close()
        self.finish(shim)
        self.until(lambda: b"svcd exited" in self.all(shim), "exited line")

    def test_deleted(self):
        """Not one line that was written after the deletion is lost."""
        shim = self.begin()
        for i in range(5):
            self.said(shim, f"line {i}")
            os.unlink(self.log_path("a"))
            self.said(shim, f"first {i}")
            self.whole(shim.log())
            self.same(self.texts(shim.log(), "out"), [b"first %d" % i])
        self.end(shim)

    def look(self, shim):
        frame = shim.quiet(0.001)
        if frame:
            shim.seen.append(frame)
        return shim.seen

    def numbers(self, texts, n):
        found = [int(t) for t in texts]
        wrong = next((i for i, x in enumerate(found) if x != i), len(found))
        self.assertEqual((len(found), wrong), (n, n), found[max(0, wrong - 3):wrong + 3])

    def test_deleted_at_full_speed(self):
        """What was in the files that were deleted is gone, and nothing that came after."""
        shim = self.shim(log_max_size=10 << 20, log_keep=5)
        self.python(shim, "for i in range(300000): print(i)")
        path, deleted = self.log_path("a"), [-1]

        def take():
            try:
                with open(path, "rb") as f:
                    os.unlink(path)
                    data = f.read()
            except FileNotFoundError:
                data = b""
            deleted.extend(int(t) for t in self.texts(data[:data.rfind(b"\n") + 1], "out")[-1:])
            return any(f.kind == "EXITED" for f in self.look(shim))
        self.until(take, "the end")
        self.finish(shim)
        self.until(lambda: os.path.exists(path) and b"svcd exited" in self.read(path), "exited line")
        rest = [int(t) for t in self.texts(self.read(path), "out")] or [300000]
        self.assertLessEqual(rest[0], max(deleted) + 1)
        self.assertEqual(rest, list(range(rest[0], 300000)) or [300000])
        self.assertGreater(len(deleted), 3)

    def test_moved_at_full_speed(self):
        shim = self.shim(log_max_size=10 << 20, log_keep=5)
        path, seen = self.log_path("a"), []
        self.python(shim, "import time\nfor i in range(300000):\n    print(i)\n"
                    "    if i % 3000 == 0: time.sleep(0.02)")

        def take():
            if os.path.exists(path):
                os.rename(path, f"{path}.moved{len(seen)}")
                seen.append(f"{path}.moved{len(seen)}")
            return any(f.kind == "EXITED" for f in self.look(shim))
        self.until(take, "the end")
        self.finish(shim)
        shim.send("LOG", text="again")
        self.until(lambda: any(b"svcd exited" in self.read(f) for f in seen + self.files(shim)), "exited line")
        texts = [t for f in seen + self.files(shim) for t in self.texts(self.read(f), "out")]
        self.numbers(texts, 300000)

    def test_truncated(self):
        """What comes goes to the new end, and the account of its size is right at once."""
        shim = self.begin(log_max_size=10000, log_keep=9)
        for _ in range(20):
            self.said(shim, "x", 4000)
            self.said(shim, "y", 4000)
            os.truncate(self.log_path("a"), 0)
        self.assertEqual(self.files(shim), [self.log_path("a")])  # it was never too large
        self.said(shim, "z")
        self.assertEqual(self.read(self.log_path("a")).count(b"\n"), 1)
        self.same(self.texts(self.read(self.log_path("a")), "out"), [b"z"])
        self.end(shim)

    def test_truncated_in_the_middle_of_a_line(self):
        shim = self.begin()
        self.said(shim, "one line")
        os.truncate(self.log_path("a"), os.path.getsize(self.log_path("a")) - 3)
        self.said(shim, "another")
        self.whole(shim.log())
        self.same(self.texts(shim.log(), "out"), [b"one li", b"another"])
        self.end(shim)

    def test_somebody_else_writes_into_it(self):
        shim = self.begin(log_max_size=10000, log_keep=9)
        self.said(shim, "one")
        with open(self.log_path("a"), "ab") as f:
            f.write(b"w" * 9000)
        self.said(shim, "two", 300)
        self.end(shim)
        self.assertLessEqual(max(os.path.getsize(f) for f in self.files(shim)), 10000)
        self.assertIn(b"w\n" if len(self.files(shim)) == 1 else b"w", self.all(shim))
        self.same(self.texts(self.read(self.log_path("a")), "out"), [b"two" * 300])

    def test_truncated_under_a_line_that_goes_on(self):
        """Its rest has a time and a source."""
        shim = self.begin()
        self.say(shim, "a", 100000, "-")
        self.until(lambda: b"aaaa" in shim.log(), "the beginning")
        os.truncate(self.log_path("a"), 0)
        self.say(shim, "b", 100000)
        self.until(lambda: shim.log().endswith(b"b\n"), "the end")
        self.whole(shim.log())
        rest, = self.texts(shim.log(), "out")
        self.assertIn(b"line continued source=out", shim.log())
        self.assertEqual(rest.strip(b"a"), b"b" * 100000)
        self.end(shim)

    def test_deleted_under_a_line_that_goes_on(self):
        """It is whole in the new file."""
        shim = self.begin()
        self.say(shim, "a", 100000, "-")
        self.until(lambda: shim.log().count(b"a") > 70000, "the beginning")
        os.unlink(self.log_path("a"))
        self.said(shim, "b", 100000)
        self.same(self.texts(shim.log(), "out"), [b"a" * 100000 + b"b" * 100000])
        self.end(shim)

    def test_moved_under_a_line_that_goes_on(self):
        shim = self.begin()
        self.say(shim, "a", 100000, "-")
        self.until(lambda: shim.log().count(b"a") > 70000, "the beginning")
        moved = self.log_path("a") + ".moved"
        os.rename(self.log_path("a"), moved)
        self.say(shim, "b", 100000)
        self.until(lambda: self.read(moved).endswith(b"b\n"), "the end")
        self.until(lambda: self.say(shim, "next") or os.path.exists(self.log_path("a")), "a new file")
        self.same(self.texts(self.read(moved), "out")[0], b"a" * 100000 + b"b" * 100000)
        self.end(shim)

    def test_moved_under_a_line_that_does_not_end(self):
        """When it has filled the file that was moved it goes on in the one with the name."""
        shim = self.begin(log_max_size=300000, log_keep=1)
        self.say(shim, "a", 100000, "-")
        self.until(lambda: shim.log().count(b"a") > 70000, "the beginning")
        moved = self.log_path("a") + ".moved"
        os.rename(self.log_path("a"), moved)
        self.said(shim, "b", 400000)
        self.assertLessEqual(os.path.getsize(moved), 300000)
        self.end(shim)
        data = self.read(moved) + self.all(shim)
        self.same(self.joined(data), [b"a" * 100000 + b"b" * 400000])

    def test_replaced_by_a_folder(self):
        shim = self.begin()
        self.said(shim, "one")
        os.unlink(self.log_path("a"))
        os.mkdir(self.log_path("a"))
        self.say(shim, "two")
        self.until(lambda: any(f.kind == "LOST" for f in self.look(shim)), "loss")
        os.rmdir(self.log_path("a"))
        self.until(lambda: os.path.exists(self.log_path("a")) and
                   b'svcd lines lost=1 reason="Is a directory"' in shim.log(), "the line that tells it")
        self.said(shim, "three")
        self.end(shim)

    def test_no_rotated_files_are_kept(self):
        """log.keep: 0: the file begins anew, and what comes is in it."""
        shim = self.shim(log_max_size=4096, log_keep=0)
        self.python(shim, "for i in range(3000): print(i)\nprint('x' * 10000)\nprint('last')")
        self.finish(shim)
        self.ended(shim)
        self.assertEqual(os.listdir(os.path.dirname(self.log_path("a"))), ["a.log"])
        self.assertLessEqual(os.path.getsize(self.log_path("a")), 4096)
        self.whole(shim.log())
        self.assertIn(b" out last\n", shim.log())


if __name__ == "__main__":
    unittest.main()
