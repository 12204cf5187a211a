"""svc-shim: rotated files are deleted beside the writing of the next one, and nobody is the worse for it: where the disk
has room for the files that are kept and no more, no line is lost."""

import ctypes
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from shimlog import Writer  # noqa: E402
from svcdtest import libc, private_mounts  # noqa: E402

MB = 1 << 20


class SmallDisk(Writer):
    def disk(self, size):
        place = os.path.join(self.folder, "logs")
        os.mkdir(place, 0o700)
        if libc.mount(b"none", place.encode(), b"tmpfs", 6, b"size=%d,mode=0700" % size) < 0:
            self.skipTest(f"no tmpfs: {os.strerror(ctypes.get_errno())}")
        self.addCleanup(libc.umount2, place.encode(), 2)

    def flood(self, shim, mb):
        self.python(shim, "import os\nfor i in range(%d):\n b = (b'%%6d ' %% i + b'y' * 56 + b'\\n') * 1024\n"
                    " while b: b = b[os.write(1, b):]" % (16 * mb))
        return self.finish(shim)

    def last(self, shim, mb):
        """The numbers in the files are the last ones, without a gap."""
        numbers = [int(t.split()[0]) for t in self.texts(self.all(shim), "out")]
        self.assertEqual(numbers, [i // 1024 for i in range(16 * mb * 1024 - len(numbers), 16 * mb * 1024)])
        self.assertGreater(len(numbers), 3 * MB // 100)

    def test_what_is_kept_and_no_more(self):
        self.disk(2 * 4 * MB + 256 * 1024)
        shim = self.shim(log_max_size=4 * MB, log_keep=1)
        ended = self.flood(shim, 40)
        self.assertEqual(ended.dropped_lines, 0)
        self.last(shim, 40)

    def test_above_the_floor(self):
        """logs.min_free, likewise."""
        self.disk(3 * 4 * MB)
        shim = self.shim(log_max_size=4 * MB, log_keep=1, log_min_free=7 * MB // 2)
        ended = self.flood(shim, 40)
        self.assertEqual(ended.dropped_lines, 0)
        self.last(shim, 40)


def setUpModule():
    private_mounts()


if __name__ == "__main__":
    unittest.main()
