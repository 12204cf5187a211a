"""svc-shim's log in others' hands: deleted, moved, truncated, replaced, rotated by logrotate."""

import gzip
import os
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from shimlog import Writer  # noqa: E402

LOGROTATE = shutil.which("logrotate", path=os.environ["PATH"] + ":/usr/sbin")


class Talker(Writer):
    """A service that writes what it is told."""

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

    def look(self, shim):
        frame = shim.quiet(0.001)
        if frame:
            shim.seen.append(frame)
        return shim.seen

    def numbers(self, texts, n):
        found = [int(t) for t in texts]
        wrong = next((i for i, x in enumerate(found) if x != i), len(found))
        self.assertEqual((len(found), wrong), (n, n), found[max(0, wrong - 3):wrong + 3])


class Hands(Talker):
    """What others do to the file while the service writes."""

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

    def test_deleted_at_full_speed(self):
        """What was in the files that were deleted is gone, and nothing that came after."""
        shim = self.shim(log_max_size=10 << 20, log_keep=5)
        enough = os.path.join(self.folder, "enough")
        self.python(shim, "import os\nn = 0\nwhile n < 300000 or not os.path.exists('enough'):\n"
                    "    for n in range(n, n + 10000): print(n)\n    n += 1\nopen('n', 'w').write(str(n))")
        path, deleted = self.log_path("a"), [-1]

        def take():
            try:
                with open(path, "rb") as f:
                    os.unlink(path)
                    data = f.read()
            except FileNotFoundError:
                data = b""
            deleted.extend(int(t) for t in self.texts(data[:data.rfind(b"\n") + 1], "out")[-1:])
            if len(deleted) > 5 and not os.path.exists(enough):
                os.mkdir(enough)
            return any(f.kind == "EXITED" for f in self.look(shim))
        self.until(take, "the end")
        self.finish(shim)
        self.until(lambda: os.path.exists(path) and b"svcd exited" in self.read(path), "exited line")
        n = int(self.read(os.path.join(self.folder, "n")))
        rest = [int(t) for t in self.texts(self.read(path), "out")] or [n]
        self.assertLessEqual(rest[0], max(deleted) + 1)
        self.assertEqual(rest, list(range(rest[0], n)) or [n])

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

    def test_moved_and_made(self):
        """A new file in its place is seen before the next write: what is done with the old one costs nothing."""
        shim = self.begin()
        path = self.log_path("a")
        for i in range(10):
            self.said(shim, f"line {i}")
            os.rename(path, path + ".moved")
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
            self.said(shim, f"next {i}")
            self.same(self.texts(self.read(path), "out"), [b"next %d" % i])
        self.end(shim)

    def test_moved_long_ago(self):
        """While nothing was written: nor does the first line go into the one that was moved."""
        shim = self.begin()
        path = self.log_path("a")
        self.said(shim, "line")
        os.rename(path, path + ".moved")
        then = os.stat(path + ".moved").st_ctime
        self.until(lambda: time.time() > then + 0.5, "half a second")
        self.said(shim, "next")
        self.same(self.texts(self.read(path + ".moved"), "out"), [b"line"])
        self.end(shim)

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


@unittest.skipUnless(LOGROTATE, "logrotate is not installed")
class Logrotate(Talker):
    def rotate(self, how):
        conf = os.path.join(self.folder, "logrotate.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write(f"{self.log_path('a')} {{\n  rotate 50\n  {how}\n}}\n")
        os.chmod(conf, 0o600)
        subprocess.run([LOGROTATE, "-f", "-s", os.path.join(self.folder, "state"), conf], check=True)

    def create(self, how):
        """While lines are written: none is lost, none is there twice."""
        shim = self.shim(log_max_size=100_000, log_keep=50)
        go = os.path.join(self.folder, "go")
        self.python(shim, f"import os, time\ni = 0\nwhile not os.path.exists({go!r}):\n"
                    "    print(i, flush=True)\n    i += 1\n    time.sleep(0.0005)")
        for _ in range(4):
            self.until(lambda: os.path.exists(self.log_path("a")) and
                       len(self.texts(self.read(self.log_path("a")), "out")) > 50, "lines in a new file")
            self.rotate(how)
        with open(go, "w"):
            pass
        self.finish(shim)
        self.until(lambda: b"svcd exited" in self.all(shim), "exited line")
        texts = self.texts(self.all(shim), "out")
        self.numbers(texts, len(texts))
        self.assertGreater(len(texts), 200)
        self.assertGreaterEqual(len(self.files(shim)), 4)

    def test_create(self):
        self.create("create")

    def test_nocreate(self):
        self.create("nocreate")

    def test_compress(self):
        """Without delaycompress: what is compressed and deleted is not written to any more."""
        shim = self.shim(log_max_size=10_000_000, log_keep=50)
        go, path = os.path.join(self.folder, "go"), self.log_path("a")
        self.python(shim, f"import os, time\ni = 0\nwhile not os.path.exists({go!r}):\n"
                    "    for _ in range(50): print(i); i += 1\n    time.sleep(0.002)")
        for _ in range(10):
            self.until(lambda: os.path.exists(path) and os.path.getsize(path) > 5000, "lines in a new file")
            self.rotate("create\n  compress")
        with open(go, "w"):
            pass
        self.finish(shim)
        self.until(lambda: b"svcd exited" in self.all(shim), "exited line")
        data = b""
        for i in range(10, 0, -1):
            with gzip.open(f"{path}.{i}.gz") as f:
                data += f.read()
        texts = self.texts(data + self.all(shim), "out")
        self.numbers(texts, len(texts))

    def test_copytruncate(self):
        """Nothing is lost of what was not written while it copied, and the account of the size is right."""
        shim = self.begin(log_max_size=10000, log_keep=50)
        for i in range(5):
            self.said(shim, f"{i} before", 500)
            self.rotate("copytruncate")
            self.assertEqual(os.path.getsize(self.log_path("a")), 0)
            self.said(shim, f"{i} after ", 500)
            self.rotate("copytruncate")
        self.end(shim)
        self.same(self.texts(self.all(shim), "out"),
                  [f"{i} {word}".encode() * 500 for i in range(5) for word in ("before", "after ")])
        # Had the shim not seen the truncations it would have rotated, too.
        self.assertEqual(len(self.files(shim)), 11)


if __name__ == "__main__":
    unittest.main()
