"""svc-shim: rotated files, plain and compressed: what they are called, and that none is lost or doubled whatever
the shim dies of while it gives them other names."""

import errno
import gzip
import os
import re
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
import logfiles  # noqa: E402
import straced  # noqa: E402
from shimproto import (OLD_DROP, OLD_PACK, OLD_ROTATE, OLD_ROTATED, OLD_SEEN, PYTHON, ShimTest,  # noqa: E402
                       alive)


class Files(ShimTest):
    def setUp(self):
        super().setUp()
        self.lines = 0
        os.makedirs(os.path.dirname(self.log_path("a")))

    def put(self, number, text, kind=""):
        """A rotated file; its inode."""
        path = f"{self.log_path('a')}.{number}{kind}"
        with open(path, "wb") as f:
            f.write(text)
        return os.stat(path).st_ino

    def there(self):
        """The rotated files that there are at one instant: {what comes behind NAME.log: content}."""
        folder = os.path.dirname(self.log_path("a"))

        def listed():
            return [os.path.join(folder, n) for n in sorted(os.listdir(folder)) if re.fullmatch(r"a\.log\.\d.*", n)]
        found = []

        def held():
            names, texts = listed(), logfiles.opened_at_one_instant(listed, bytes)
            found[:] = [(n.split("a.log.", 1)[1], t) for n, t in zip(names, texts or [])]
            return texts is not None and len(names) == len(texts) and names == listed()
        self.until(held, "an instant without a rotation")
        return dict(found)

    def pack_path(self, inode):
        return os.path.join(os.path.dirname(self.log_path("a")), f".a.log.{inode}.pack")

    def pack_file(self, inode, text=b"packed"):
        with open(self.pack_path(inode), "wb") as f:
            f.write(text)

    def fill(self, shim):
        """Makes the shim rotate, once: lines of which two do not fit into a file."""
        path = self.log_path("a")
        inode = os.stat(path).st_ino if os.path.exists(path) else None
        while inode is None or os.stat(path).st_ino == inode:
            self.lines += 1
            line = b"%d %s" % (self.lines, b"x" * 3000)
            shim.send("LOG", text=line)
            self.until(lambda: line in (shim.log() if os.path.exists(path) else b""), "the line")
            inode = inode or os.stat(path).st_ino

    def old(self, shim, op, inode, number, text=None):
        shim.send("OLDLOG", old_op=op, old_inode=inode, old_number=number, text=text)
        return shim.expect("OLDLOG", old_op=op, old_inode=inode).errno


class OldLogs(Files):
    def test_both_kinds_move_and_count(self):
        self.put(1, b"one")
        self.put(2, b"two", ".gz")
        self.put(3, b"three", ".zst")
        self.put(4, b"four", ".gz")
        shim = self.shim(log_max_size=4096, log_keep=4)
        self.fill(shim)
        self.until(lambda: len(self.there()) == 4 and self.there().get("2") == b"one", "the rotation")
        there = self.there()
        self.assertIn(b"xxx", there.pop("1"))
        self.assertEqual(there, {"2": b"one", "3.gz": b"two", "4.zst": b"three"})

    def test_a_number_that_is_free_is_filled(self):
        self.put(1, b"one")
        self.put(3, b"three", ".gz")
        shim = self.shim(log_max_size=4096, log_keep=3)
        self.fill(shim)
        self.until(lambda: self.there().get("2") == b"one", "the rotation")
        self.assertEqual(self.there()["3.gz"], b"three")

    def test_more_than_keep_are_deleted(self):
        for n in range(1, 6):
            self.put(n, b"x", ".gz" if n % 2 else "")
        shim = self.shim(log_max_size=4096, log_keep=2)
        self.fill(shim)
        self.until(lambda: set(self.there()) == {"1", "2.gz"}, f"two files: {self.there()}")

    def test_a_rotation_is_told_once_until_it_was_seen(self):
        shim = self.shim(log_max_size=4096, log_keep=9)
        self.fill(shim)
        shim.expect("OLDLOG", old_op=OLD_ROTATED)
        self.fill(shim)
        self.fill(shim)
        self.assertFalse([f for f in shim.seen if f.kind == "OLDLOG"])
        shim.send("OLDLOG", old_op=OLD_SEEN)
        shim.expect("OLDLOG", old_op=OLD_ROTATED)

    def test_packed(self):
        inode = self.put(2, b"two")
        self.put(1, b"one")
        self.pack_file(inode)
        shim = self.shim(log_max_size=4096, log_keep=9)
        self.fill(shim)  # it is .3 by now
        self.until(lambda: "3" in self.there(), "the rotation")
        self.assertEqual(self.old(shim, OLD_PACK, inode, 2, ".zst"), 0)
        there = self.there()
        self.assertEqual((there.get("3.zst"), there.get("2"), "3" in there), (b"packed", b"one", False))
        self.assertFalse(os.path.exists(self.pack_path(inode)))

    def test_what_cannot_be_packed_is_left_as_it_is(self):
        inode, other = self.put(1, b"one"), self.put(2, b"two")
        shim = self.shim(log_max_size=4096, log_keep=9)
        self.assertEqual(self.old(shim, OLD_PACK, inode, 1, ".gz"), errno.ENOENT)  # no .pack
        self.pack_file(inode)
        self.pack_file(other)
        self.assertEqual(self.old(shim, OLD_PACK, inode, 1, "/../x"), errno.EINVAL)
        self.assertEqual(self.old(shim, OLD_PACK, inode, 1, ""), errno.EINVAL)
        self.assertEqual(self.old(shim, OLD_PACK, 1, 1, ".gz"), errno.ENOENT)
        self.assertEqual(self.old(shim, OLD_PACK, inode, 0, ".gz"), errno.ENOENT)
        self.put(2, b"somebody's", ".gz")
        self.assertEqual(self.old(shim, OLD_PACK, other, 2, ".gz"), errno.EEXIST)
        self.assertEqual(self.there(), {"1": b"one", "2": b"two", "2.gz": b"somebody's"})

    def test_dropped(self):
        inode = self.put(1, b"one", ".gz")
        keep = self.put(2, b"two")
        shim = self.shim(log_max_size=4096, log_keep=9)
        self.assertEqual(self.old(shim, OLD_DROP, inode, 1), 0)
        self.assertEqual(self.old(shim, OLD_DROP, inode, 1), errno.ENOENT)
        self.assertEqual(self.there(), {"2": b"two"})
        self.fill(shim)
        self.until(lambda: "1" in self.there(), "the rotation")
        self.assertEqual(self.old(shim, OLD_DROP, keep, 2), 0)
        self.assertEqual(set(self.there()), {"1"})

    def test_rotated_on_request(self):
        shim = self.shim(log_max_size=1 << 20, log_keep=3)
        shim.send("LOG", text="first")
        self.until(lambda: b"first" in shim.log(), "a line")
        inode = os.stat(self.log_path("a")).st_ino
        self.assertEqual(self.old(shim, OLD_ROTATE, inode + 1, 0), errno.ENOENT)
        self.assertEqual(self.old(shim, OLD_ROTATE, inode, 0), 0)
        self.assertEqual(shim.log(), b"")
        self.assertEqual(os.stat(self.log_path("a") + ".1").st_ino, inode)
        again = os.stat(self.log_path("a")).st_ino
        self.assertEqual(self.old(shim, OLD_ROTATE, again, 0), 0)  # it is empty: nothing to do
        self.assertEqual(set(self.there()), {"1"})

    def test_a_line_that_has_begun_goes_along(self):
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        shim = self.shim(log_max_size=1 << 20, log_keep=3)
        shim.start([PYTHON, "-c", f"import os\nos.write(1, b'a' * 100000)\nopen({fifo!r}).read()\n"
                    "os.write(1, b'b' * 100000 + b'\\n')"])
        self.until(lambda: b"aaaa" in shim.log(), "beginning of the line")
        first = os.stat(self.log_path("a")).st_ino
        self.assertEqual(self.old(shim, OLD_ROTATE, first, 0), 0)
        self.assertNotIn(b"a" * 100, self.read(self.log_path("a") + ".1"))
        # There is nothing else in the new file: nothing to rotate.
        inode = os.stat(self.log_path("a")).st_ino
        self.assertEqual(self.old(shim, OLD_ROTATE, first, 0), errno.ENOENT)
        self.assertEqual(self.old(shim, OLD_ROTATE, inode, 0), errno.EAGAIN)
        with open(fifo, "w", encoding="ascii"):
            pass
        shim.ack(shim.expect("EXITED"), "exited")
        self.until(lambda: b"svcd exited" in shim.log(), "exited line")
        self.assertEqual([len(x) for x in self.output(shim)], [200000])
        self.assertEqual(self.old(shim, OLD_ROTATE, inode, 0), 0)


@unittest.skipUnless(shutil.which("strace"), "strace, which kills at the right moment, is not installed")
class Killed(Files):
    """kill -9 at each rename and unlink."""

    def killed_at(self, shim, call, when, act):
        tracer = straced.attached(self, shim.pid, "-e", f"trace={call}", "-e",
                                  f"inject={call}:signal=SIGKILL:when={when}")
        act()
        self.until(lambda: not alive(shim.pid), "the shim's death")
        tracer.wait()

    def test_in_the_middle_of_a_rotation(self):
        for when in range(1, 9):  # three kinds, but of the log itself one; the new file's at last
            folder = os.path.dirname(self.log_path("a"))
            for name in os.listdir(folder):
                os.unlink(os.path.join(folder, name))
            self.put(1, b"one")
            self.put(2, b"two", ".gz")
            with open(self.log_path("a"), "wb") as f:
                f.write(b"now\n")
            shim = self.shim(log_max_size=4096, log_keep=5)
            self.killed_at(shim, "rename", when,
                           lambda: shim.start([PYTHON, "-c", "print('x' * 5000)"], wait=False))
            self.assertEqual(self.all_texts(), ["now", "one", "two"], f"killed at rename {when}")
            shim = self.shim(log_max_size=4096, log_keep=5)
            self.fill(shim)
            self.assertEqual(self.all_texts(), ["now", "one", "two"], f"after one more rotation, {when}")
            shim.send("EXIT")
            shim.expect("BYE")

    def all_texts(self):
        files = list(self.there().values())
        if os.path.exists(self.log_path("a")):
            files.append(self.read(self.log_path("a")))
        return sorted(w.decode() for f in files for w in re.findall(rb"^(?:one|two|now)$", f, re.M))

    def test_while_a_packed_file_takes_its_place(self):
        for when, call in ((1, "rename"), (1, "unlink")):
            inode = self.put(1, b"one")
            self.pack_file(inode, gzip.compress(b"one"))
            shim = self.shim(log_max_size=1 << 20, log_keep=5)
            self.killed_at(shim, call, when, lambda: shim.send(
                "OLDLOG", old_op=OLD_PACK, old_inode=inode, old_number=1, text=".gz"))
            there = self.there()
            self.assertIn(set(there), ({"1"}, {"1.gz"}, {"1", "1.gz"}))
            self.assertEqual({gzip.decompress(v) if k.endswith(".gz") else v for k, v in there.items()}, {b"one"})
            for k in there:
                os.unlink(f"{self.log_path('a')}.{k}")


if __name__ == "__main__":
    unittest.main()
