"""log.compress: rotated files are compressed in the background, in nobody's way."""

import contextlib
import os
import re
import shutil
import unittest

from svcdtest import SvcdTest, children, command_line, stat_fields

KIND = ".zst" if shutil.which("zstd") else ".gz"


class CompressTest(SvcdTest):
    limit = 120

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
        self.until(lambda: os.path.exists(os.path.join(self.home, "written")) and self.read("written") == str(n) and
                   self.last() == n - 1, what=f"{n} lines", limit=30)

    def last(self):
        """The number of the last line in the newest file that has one."""
        for path in (self.log_path("a"), self.log_path("a") + ".1"):
            with contextlib.suppress(FileNotFoundError):
                with open(path, encoding="ascii") as f:
                    found = re.findall(r" out (\d+) x+\n", f.read())
                if found:
                    return int(found[-1])
        return None

    def numbers(self):
        """Those of the lines in the log, in its order."""
        return [int(m[1]) for m in (re.search(r" out (\d+) x", line) for line in self.log("a")) if m]

    def whole(self, n):
        """Every line is there, once, in order."""
        self.until(lambda: len(self.numbers()) >= n, what=f"{n} lines in the log")
        self.assertEqual(self.numbers(), list(range(n)))

    def packed(self, limit=60):
        """Waits until all rotated files but .1 are compressed, and nothing else is there: by a process that has the
        CPU when nobody else wants it."""
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


if __name__ == "__main__":
    unittest.main()
