"""log.compress and log.max_age: rotated files are compressed in the background and deleted when they are old; none
is lost or doubled, whatever dies while that is done."""

import os
import re
import shutil
import signal
import time
import unittest

from svcdtest import SLOW, SvcdTest, children, command_line, stat_fields

KIND = ".zst" if shutil.which("zstd") else ".gz"


class CompressTest(SvcdTest):
    def writer(self):
        """A service that writes as many numbered lines of 100 bytes as the file `wanted` says, and stays."""
        return self.python("w.py", """
            import os, sys, time
            n = 0
            while True:
                try:
                    wanted = int(open("wanted").read())
                except (OSError, ValueError):
                    wanted = 0
                while n < wanted:
                    os.write(1, b"%d %s\\n" % (n, b"x" * 90))
                    n += 1
                if n == wanted:
                    open("written", "w").write(str(n))
                time.sleep(0.01)
            """)

    def lines(self, n):
        """Has N lines written altogether."""
        self.write("wanted.new", str(n))
        os.rename(os.path.join(self.home, "wanted.new"), os.path.join(self.home, "wanted"))
        self.until(lambda: os.path.exists(os.path.join(self.home, "written")) and self.read("written") == str(n),
                   what=f"{n} lines", limit=30)

    def numbers(self):
        """Those of the lines in the log, in its order."""
        return [int(m[1]) for m in (re.search(r" out (\d+) x", line) for line in self.log("a")) if m]

    def whole(self, n):
        """Every line is there, once, in order."""
        self.until(lambda: len(self.numbers()) >= n, what=f"{n} lines in the log")
        self.assertEqual(self.numbers(), list(range(n)))

    def packed(self, limit=20):
        """Waits until all rotated files but .1 are compressed, and nothing else is there."""
        folder = os.path.join(self.root, "logs/services")
        self.until(lambda: all(n == "1" or n.endswith(KIND) for n in self.rotated("a")) and
                   not [n for n in os.listdir(folder) if n.startswith(".")], limit=limit,
                   what="compressed files")

    def configure(self, more="compress: true", size="8K", keep=200):
        self.config(f"services: {{a: {{command: {self.writer()}, log: {{max_size: {size}, keep: {keep}, "
                    f"{more}}}}}}}\n")


class Compress(CompressTest):
    def test_rotated_files_are_compressed(self):
        self.configure("compress: true, mode: 0640")
        self.start()
        self.lines(500)
        self.packed()
        rotated = self.rotated("a")
        self.assertGreater(len(rotated), 4)
        self.assertIn("1", rotated)
        self.assertEqual(sorted(int(n.split(".")[0]) for n in rotated), list(range(1, len(rotated) + 1)))
        for n in rotated:
            self.assertEqual(self.mode(f"{self.log_path('a')}.{n}"), 0o640)
        self.whole(500)
        self.lines(800)
        self.packed()
        self.whole(800)

    def test_keep_counts_both_kinds(self):
        self.configure(keep=4)
        self.start()
        self.lines(1000)
        self.packed()
        self.assertEqual(sorted(self.rotated("a")), ["1"] + [f"{n}{KIND}" for n in (2, 3, 4)])
        self.configure(keep=2)
        self.svcctl("reload")
        self.until(lambda: sorted(self.rotated("a")) == ["1", f"2{KIND}"], what="fewer files")

    def test_turned_on_and_off(self):
        self.configure("compress: false")
        self.start()
        self.lines(400)
        self.assertEqual([n for n in self.rotated("a") if "." in n], [])
        self.configure()
        self.svcctl("reload")
        self.packed()
        self.configure("compress: false")
        self.svcctl("reload")
        self.lines(600)
        self.until(lambda: "3" in self.rotated("a"), what="plain files again")
        self.whole(600)

    def test_gzip_where_there_is_no_zstd(self):
        folder = os.path.join(self.home, "bin")
        os.makedirs(folder)
        for name in ("python3", "sh", "gzip", "sleep", "env"):
            os.symlink(shutil.which(name), os.path.join(folder, name))
        self.svcd_env["PATH"] = folder
        self.configure()
        self.start()
        self.lines(300)
        self.until(lambda: self.rotated("a") and all(n == "1" or n.endswith(".gz") for n in self.rotated("a")),
                   what="files of gzip")
        self.whole(300)

    def test_without_any_program_they_stay_as_they_are(self):
        self.svcd_env["PATH"] = os.path.join(self.home, "nothing")
        self.configure()
        self.start()
        self.lines(300)
        self.until(lambda: "neither zstd nor gzip is installed" in self.stderr(), what="the reason")
        self.whole(300)
        self.assertEqual([n for n in self.rotated("a") if "." in n], [])

    def test_a_service_that_is_down(self):
        self.configure("compress: false")
        self.start()
        self.lines(400)
        self.svcctl("stop", "a")
        self.configure()
        self.svcctl("reload")
        self.packed()
        self.whole(400)

    def test_what_cannot_be_compressed_stays(self):
        """The program fails: the file stays, nothing half done is left, and it is said once."""
        folder = os.path.join(self.home, "bin")
        self.script("bin/zstd", "head -c 50; echo 'zstd: /*stdout*\\: No space left on device' >&2; exit 1\n")
        self.svcd_env["PATH"] = folder + ":" + os.environ["PATH"]
        self.configure()
        self.start()
        self.lines(300)
        self.until(lambda: "cannot compress" in self.stderr(), what="the reason")
        self.assertIn("No space left on device", self.stderr())
        self.lines(600)
        self.whole(600)
        self.assertEqual(self.stderr().count("cannot compress"), 1)
        logs = os.path.join(self.root, "logs/services")
        self.assertEqual([n for n in os.listdir(logs) if not re.fullmatch(r"a\.log(\.\d+)?", n)], [])

    def test_it_is_in_nobodys_way(self):
        self.script("bin/zstd", "exec sleep 1000\n")
        self.svcd_env["PATH"] = os.path.join(self.home, "bin") + ":" + os.environ["PATH"]
        self.configure()
        self.start()
        self.lines(300)
        pack = self.until(self.pack_process, what="the process")
        self.until(lambda: [int(stat_fields(pack)[i]) for i in (16, 38)] == [19, 5],
                   what="nice 19, SCHED_IDLE")
        # One at a time, and everything else goes on.
        self.lines(600)
        self.assertEqual(len(self.pack_processes()), 1)
        below = self.until(lambda: children(pack), what="the program")
        self.assertEqual(self.end_svcd(), 0)
        self.gone(pack, *below)
        self.svcd = None

    def pack_processes(self):
        return [p for p in children(self.svcd.pid) if "--pack" in command_line(p)]

    def pack_process(self):
        return next(iter(self.pack_processes()), None)


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
        self.packed(limit=30)
        self.whole(8 * 400 + 200)

    def test_twins_are_one(self):
        """Killed between the rename of the compressed file and the end of the plain one."""
        self.configure()
        self.start()
        self.lines(400)
        self.packed()
        self.svcctl("stop", "a")
        path = self.log_path("a") + ".2"
        text, before = self.unpacked(path + KIND), os.stat(path + KIND)
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


class Age(CompressTest):
    def old(self, number, age_s, kind=""):
        path = f"{self.log_path('a')}.{number}{kind}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.write(path, f"old {number}\n")
        at = time.time() - age_s
        os.utime(path, (at, at))

    def test_old_files_are_deleted(self):
        for number, age_s in ((1, 10), (2, 3000), (3, 3700), (4, 7300)):
            self.old(number, age_s, ".gz" if number == 4 else "")
        self.config("services: {a: {command: sleep 1000, log: {max_age: 1h}}}\n")
        self.start()
        self.until(lambda: sorted(self.rotated("a")) == ["1", "2"], what="the end of what is old")

    def test_when_its_time_has_come(self):
        self.old(1, 3600 - 6 * SLOW)
        self.old(2, 3600 - 5 * SLOW)
        self.config("services: {a: {command: sleep 1000, log: {max_age: 1h}}}\n")
        self.start()
        self.until(lambda: not self.rotated("a"), what="the end of what is old by now")

    def test_a_log_that_is_old_is_rotated(self):
        for state in ("running", "stopped"):
            old = "2001-09-09T01:46:40.123+00:00 out a line of long ago\n"
            os.makedirs(os.path.dirname(self.log_path(state)), exist_ok=True)
            self.write(self.log_path(state), old)
        self.config("""
            defaults: {log: {max_age: 1d}}
            services:
              running: {command: sleep 1000}
              stopped: {command: sleep 1000, enabled: false}
            """)
        self.start()
        for name in ("running", "stopped"):
            self.until(lambda n=name: self.rotated(n) == ["1"], what=f"the rotation of {name}")
            with open(self.log_path(name) + ".1", encoding="ascii") as f:
                self.assertIn("long ago", f.read())
        # Not again and again: what it begins with now is new.
        self.svcctl("reload")
        self.svcctl("restart", "running")
        self.assertEqual(self.rotated("running"), ["1"])

    def test_nothing_is_deleted_unless_asked(self):
        self.old(1, 10 * 365 * 86400)
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000, log: {max_age: 1s}}}\n")
        self.old(2, 10 * 365 * 86400, ".gz")
        path = self.log_path("b") + ".1"
        self.write(path, "x")
        self.start()
        self.until(lambda: not os.path.exists(path), what="a look at the logs", limit=20)
        self.assertEqual(sorted(self.rotated("a")), ["1", "2.gz"])


if __name__ == "__main__":
    unittest.main()
