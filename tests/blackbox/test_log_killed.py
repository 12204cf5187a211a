"""Files that are being compressed: none is lost or doubled, whatever is killed meanwhile."""

import os
import shutil
import signal
import unittest

import logfiles
from svcdtest import SLOW, children, command_line
from test_log_compress import KIND, CompressTest


class Killed(CompressTest):
    """kill -9 in the middle of it."""

    def slow(self):
        """A zstd that takes its time, until the gate is opened."""
        real = shutil.which("zstd")
        if not real:
            self.skipTest("zstd is not installed")
        os.mkfifo(os.path.join(self.home, "gate"))
        self.script("bin/zstd", f"head -c 2000 | {real} -q -c\nread x <{self.home}/gate\nexec {real} -q -c\n")
        self.svcd_env["PATH"] = os.path.join(self.home, "bin") + ":" + os.environ["PATH"]

    def pack(self, but=None):
        return self.until(lambda: next((p for p in children(self.svcd.pid)
                                        if "--pack" in command_line(p) and p != but), None),
                          what="the process that compresses")

    def go(self):
        gate = os.open(os.path.join(self.home, "gate"), os.O_RDWR)
        self.addCleanup(os.close, gate)
        os.write(gate, b"\n" * 1000)

    def test_of_the_child(self):
        self.slow()
        self.configure()
        self.start()
        self.lines(300)
        pack = self.pack()
        below = self.until(lambda: children(pack), what="the program")
        os.kill(pack, signal.SIGKILL)
        self.gone(pack, *below)
        self.until(lambda: "cannot compress" in self.stderr(), what="a word of it")
        self.whole(300)
        self.go()
        self.svcctl("reload")  # else it is tried again ten minutes later
        self.packed()
        self.whole(300)

    def test_of_svcd(self):
        self.slow()
        self.configure()
        self.start()
        self.lines(300)
        pack = self.pack()
        below = self.until(lambda: children(pack), what="the program")
        self.kill_svcd()
        self.gone(pack, *below)
        self.whole(300)
        self.go()
        self.start()
        self.packed()
        self.whole(300)

    def test_svcd_ends(self):
        """It takes the compressor along, and is not gone before that is."""
        self.slow()
        self.configure()
        self.start()
        self.lines(300)
        pack = self.pack()
        below = self.until(lambda: children(pack), what="the program")
        self.svcd.terminate()
        self.svcd.wait(20 * SLOW)
        left = [p for p in (pack, *below) if os.path.exists(f"/proc/{p}")]
        self.assertEqual([command_line(p) for p in left], [])
        self.whole(300)

    def test_of_the_shim(self):
        self.slow()
        self.configure()
        self.start()
        self.lines(300)
        self.pack()
        os.kill(self.shim_of(self.running("a")["pid"]), signal.SIGKILL)
        self.go()
        self.svcctl("reload")
        self.until(lambda: self.service("a")["run"] > 1, what="a new run")
        self.packed()
        numbers = self.numbers()
        self.assertEqual(numbers[:300], list(range(300)))

    def test_an_upgrade(self):
        self.slow()
        self.configure()
        self.start()
        self.lines(300)
        pack = self.pack()
        self.svcctl("upgrade")
        self.gone(pack)
        self.pack(pack)
        self.go()
        self.svcctl("upgrade")
        self.packed()
        self.whole(300)

    def test_at_any_moment(self):
        """Rotations, compression and kills of svcd without pause: every line is there, once."""
        self.configure(size="16K", keep=1000)
        self.start()
        for i in range(1, 9):
            self.lines(i * 400)
            self.kill_svcd()
            self.lines(i * 400 + 200)
            self.start()
        self.packed()
        self.whole(8 * 400 + 200)

    def test_twins_are_one(self):
        """Killed between the rename of the compressed file and the end of the plain one."""
        self.configure()
        self.start()
        self.lines(400)
        self.packed()
        self.svcctl("stop", "a")
        path = self.log_path("a") + ".2"
        with open(path + KIND, "rb") as f:
            text, before = logfiles.unpacked(f.name, f.read()), os.fstat(f.fileno())
        self.write(path, text)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.svcctl("reload")
        self.until(lambda: not os.path.exists(path), what="one of the two")
        self.whole(400)

    def test_what_was_left_over_goes(self):
        folder = os.path.join(self.root, "logs/services")
        os.makedirs(folder)
        for name in (".a.log.123.part", ".a.log.124.pack", ".gone.log.5.pack", ".a.log.mine", "a.log.mine"):
            self.write(os.path.join(folder, name), "x")
        self.configure()
        self.start()
        self.until(lambda: sorted(n for n in os.listdir(folder) if n != "a.log") == [".a.log.mine", "a.log.mine"],
                   what="the end of what was left over")


if __name__ == "__main__":
    unittest.main()
