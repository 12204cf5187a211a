"""A service writes numbered lines as fast as it can while everything happens that can happen to it, to svcd and to
its log. Every line is there once and in order, or counted where the contract says that it is."""

import ctypes
import os
import re
import shutil
import signal
import subprocess
import unittest

from svcdtest import SLOW, SvcdTest, libc, private_mounts, stat_fields

BURST = 20000  # lines of one go: some ten pipes full

WRITER = """
    import os, sys, time
    # BURST lines whenever the file `go` says so, at full speed, and with `drip` one now and then in between; what has
    # been written is in `done.PID`.
    me, n, burst, drip, idle = os.getpid(), 0, int(sys.argv[1]), "drip" in sys.argv, 0

    def told():
        try:
            return int(open("go").read() or 0)
        except OSError:
            return 0

    def write(lines):
        global n
        while lines > 0:
            some = min(lines, 500)
            block = b"".join(b"%d %d .......\\n" % (me, i) for i in range(n + 1, n + some + 1))
            while block:
                block = block[os.write(1, block):]
            n, lines = n + some, lines - some
            os.pwrite(done, b"%12d" % n, 0)

    begun = told()
    done = os.open(f"done.{me}", os.O_CREAT | os.O_RDWR, 0o600)
    while True:
        if told() > begun:
            begun += 1
            write(burst)
            continue
        time.sleep(0.002)
        idle += 1
        if drip and idle % 20 == 0:
            write(1)
"""


class Storm(SvcdTest):
    limit = 90
    LOG = "max_size: 256K, keep: 900"

    def up(self, log=None, more="", drip=""):
        self.rounds = 0
        self.config(f"services: {{a: {{command: {self.python('w.py', WRITER)} {BURST} {drip}, stop: {{timeout: 1s}},"
                    f" restart: {{delay: 0s, max_failures: 0}}, log: {{{log or self.LOG}}}}}{more}}}\n")
        self.start()
        self.pid, self.pids = None, []
        self.again()

    def wrote(self, pid=None):
        """How many lines the writer knows to have written."""
        return int(self.read(f"done.{pid or self.pid}") or 0)

    def go(self):
        """A burst has begun and is not over, as far as that can be known: its first lines are written."""
        self.rounds += 1
        before = self.wrote()
        self.write("go.new", str(self.rounds))
        os.rename(os.path.join(self.home, "go.new"), os.path.join(self.home, "go"))
        self.until(lambda: self.wrote() > before, what="the burst")
        return before + BURST

    def done(self, end):
        self.until(lambda: self.wrote() >= end, limit=30, what=f"{end} lines")

    def again(self):
        """The next run, which waits for word."""
        self.pid = self.new_run("a", self.pid)["pid"]
        self.pids.append(self.pid)
        self.until(lambda: os.path.exists(os.path.join(self.home, f"done.{self.pid}")), what="the writer")

    def lines(self, name="a"):
        """The log's lines, each (source, text), as `svcctl logs` joins them."""
        found = []
        for line in self.log(name):
            m = re.fullmatch(r"\d{4}-\d\d-\d\dT\S+ (\S+) ?(.*)", line)
            self.assertTrue(m, f"no line of a log: {line[:200]!r}")
            found.append((m[1], m[2]))
        return found

    def whole(self, counted=r"(?!)", last=None):
        """Of each run every line, once, in order, but those that are counted by notes of svcd's. Returns how many lines
        are missing."""
        missing, skipped = self.order(counted, last)
        self.assertEqual(missing, skipped, "lines that are missing, and those that are told of")
        return missing

    def order(self, counted=r"(?!)", last=None):
        at, skipped, missing, over = dict.fromkeys(self.pids, 0), 0, 0, set()
        for source, text in self.lines():
            if source == "svcd":
                m = re.match(counted, text)
                skipped += int(m[1]) if m else 0
                continue
            m = re.fullmatch(r"(\d+) (\d+) \.{7}", text)
            torn = [p for p in self.pids[:-1] if p not in over and f"{p} {at[p] + 1} .......".startswith(text)]
            if not m and torn:
                over.add(torn[0])  # killed in the middle of a line, which is its last; pids may begin alike
                continue
            self.assertTrue(m, f"not as it was written: {text[:100]!r}")
            pid, n = int(m[1]), int(m[2])
            self.assertNotIn(pid, over)
            self.assertGreater(n, at[pid], f"run {self.pids.index(pid) + 1}: twice, or out of order")
            missing += n - at[pid] - 1
            at[pid] = n
        for pid in self.pids:
            if last is None or pid != self.pid:
                self.assertGreaterEqual(at[pid], self.wrote(pid), "the end is missing")
        if last is not None:
            missing += last - at[self.pid]
        return missing, skipped


class Killed(Storm):
    def test_svcd(self):
        self.up()
        for _ in range(3):
            end = self.go()
            self.kill_svcd()
            self.done(end)
            end = self.go()
            self.start()
            self.done(end)
        self.svcctl("stop", "a")
        self.whole()

    def test_an_upgrade(self):
        self.up()
        for _ in range(3):
            end = self.go()
            self.svcctl("upgrade")
            self.done(end)
        self.svcctl("stop", "a")
        self.whole()

    def test_the_service(self):
        self.up()
        for i in range(5):
            self.go()
            if i == 3:
                self.kill_svcd()
            os.kill(self.pid, signal.SIGKILL)
            if i == 3:
                self.gone(self.pid)
                self.start()
            self.again()
        self.done(self.go())
        self.svcctl("stop", "a")
        self.whole()
        self.logged("a", "svcd exited run=6 ")
        ends = [t.split(" ")[1] for s, t in self.lines() if s == "svcd" and t.startswith("exited ")]
        self.assertEqual(ends, [f"run={n}" for n in range(1, 7)])

    def test_stops_and_starts(self):
        self.up()
        for _ in range(3):
            self.go()
            self.svcctl("restart", "--replace", "a")
            self.again()
        self.svcctl("stop", "a")
        self.whole()


class Files(Storm):
    """What others do to the files."""

    def files(self):
        return [self.log_path("a")] + [f"{self.log_path('a')}.{n}" for n in self.rotated("a")]

    def current(self):
        """The log, whose writer has just begun another one or not."""
        return self.until(lambda: os.path.exists(self.log_path("a")) and self.log_path("a"), what="the log")

    def test_small_files(self):
        self.up("max_size: 32K, keep: 999")
        end = self.go()
        self.done(end)
        self.svcctl("stop", "a")
        self.assertGreater(len(self.rotated("a")), 20)
        self.whole()

    def test_moved(self):
        """Lines that went into the moved file are there; a file of another name is older than all the others."""
        self.up("max_size: 1G", drip="drip")
        moved = []
        for i in range(3):
            end = self.go()
            moved.append(self.log_path("a") + f".moved{i}")
            os.rename(self.current(), moved[-1])
            self.done(end)
            self.until(lambda: os.path.exists(self.log_path("a")), what="another file")
        self.svcctl("stop", "a")
        here = self.log("a")
        self.log = lambda name: [line for f in moved for line in self.read(f).splitlines()] + here
        self.whole()

    def test_deleted(self):
        """What was in the file is what somebody wanted to lose; what comes after is in the next."""
        self.up("max_size: 1G", drip="drip")
        kept, sizes = [], []
        for _ in range(3):
            end = self.go()
            kept.append(open(self.current(), errors="replace", encoding="utf-8"))
            os.unlink(self.log_path("a"))
            sizes.append(os.fstat(kept[-1].fileno()).st_size)
            self.done(end)
            self.until(lambda: os.path.exists(self.log_path("a")), what="another file")
        self.svcctl("stop", "a")
        here = self.log("a")
        self.log = lambda name: [line for f in kept for line in f.read().splitlines()] + here
        self.whole()
        for f, size in zip(kept, sizes):
            self.assertLessEqual(os.fstat(f.fileno()).st_size, size, "written to a file that nobody can read")
            f.close()

    def test_the_folder_is_deleted(self):
        self.up("max_size: 64K, keep: 900")
        folder = os.path.dirname(self.log_path("a"))
        end = self.go()
        os.rename(folder, folder + ".old")
        self.done(end)
        end = self.go()
        self.done(end)
        self.svcctl("stop", "a")
        here = self.log("a")
        names = sorted((n for n in os.listdir(folder + ".old") if re.fullmatch(r"a\.log(\.\d+)?", n)),
                       key=lambda n: -int(n[6:] or 0))
        before = [line for n in names for line in self.read(os.path.join(folder + ".old", n)).splitlines()]
        self.log = lambda name: before + here
        self.whole()

    def test_truncated(self):
        """From the moment on nothing is missing, and no hole is left in the file."""
        self.up("max_size: 1G")
        for _ in range(3):
            end = self.go()
            os.truncate(self.current(), 0)
            at = self.wrote()
            self.done(end)
        self.done(end := self.go())  # on a slow machine all of the last burst may have been there already
        self.svcctl("stop", "a")
        data = open(self.log_path("a"), "rb").read()
        self.assertNotIn(b"\0", data)
        lines = data.decode().splitlines()
        # Somebody may have cut the line that was being written: its rest is the first one.
        numbers = [int(m[1]) for m in (re.search(r" out \d+ (\d+) \.{7}$", line) for line in lines) if m]
        self.assertLessEqual(len(lines) - len([x for x in lines if " svcd " in x]) - len(numbers), 1, lines[:3])
        self.assertEqual(numbers, list(range(numbers[0], end + 1)))
        self.assertLessEqual(numbers[0], at + BURST)

    @unittest.skipUnless(shutil.which("logrotate"), "logrotate is not installed")
    def test_logrotate(self):
        self.up("max_size: 1G", drip="drip")
        conf = self.write("rotate.conf", f'"{self.log_path("a")}" {{\n rotate 99\n size 1\n missingok\n nocompress\n}}\n')
        for _ in range(3):
            end = self.go()
            r = subprocess.run(["logrotate", "-f", "-s", os.path.join(self.home, "rotate.state"), conf],
                               capture_output=True, text=True, timeout=30 * SLOW, check=False)
            self.assertEqual(r.returncode, 0, r.stderr)
            self.done(end)
            self.until(lambda: os.path.exists(self.log_path("a")), what="another file")
        self.svcctl("stop", "a")
        self.assertGreaterEqual(len(self.rotated("a")), 3)
        self.whole()

    def test_compressed(self):
        self.up("max_size: 256K, keep: 900, compress: true")
        for _ in range(3):
            self.done(self.go())
        self.svcctl("stop", "a")
        self.until(lambda: self.rotated("a") and all(n == "1" or n.endswith((".gz", ".zst")) for n in self.rotated("a")),
                   limit=30, what="compressed files")
        self.whole()


class Counted(Storm):
    def test_rate_limit(self):
        self.up("rate_limit: 1000, max_size: 256K, keep: 900")
        for _ in range(2):
            end = self.go()
            self.done(end)
        self.svcctl("stop", "a")
        self.until(lambda: any(t.startswith("exited ") for s, t in self.lines() if s == "svcd"), what="the end")
        self.assertGreater(self.whole(counted=r"lines suppressed=(\d+) ", last=end), 0)

    def test_oldest_files_go(self):
        """With a quota, or little to keep: what is left is the end, without a gap."""
        self.up("max_size: 64K, keep: 3")
        end = self.go()
        self.kill_svcd()
        self.done(end)
        self.start()
        self.svcctl("stop", "a")
        numbers = [int(t.split()[1]) for s, t in self.lines() if s == "out"]
        self.assertEqual(numbers, list(range(numbers[0], end + 1)))
        self.assertGreater(numbers[0], 1)
        self.assertEqual(len(self.rotated("a")), 3)


class FullDisk(Storm):
    """The logs' file system has room for less than a burst."""

    def setUp(self):
        super().setUp()
        place = os.path.join(self.root, "logs")
        os.makedirs(place, exist_ok=True)
        if libc.mount(b"none", place.encode(), b"tmpfs", 6, b"size=1m,mode=0700") < 0:
            raise OSError(ctypes.get_errno(), "mount")
        self.addCleanup(libc.umount2, place.encode(), 2)

    def test_full(self):
        self.up("max_size: 256K, keep: 900")
        end = self.go()
        self.done(end)
        self.kill_svcd()
        end = self.go()
        self.done(end)
        self.start()
        # There is room again, in the middle of it.
        end = self.go()
        shim = self.shim_of(self.pid)
        os.kill(shim, signal.SIGSTOP)
        self.until(lambda: stat_fields(shim)[0] == "T", what="a shim that holds still")
        kept = []
        for n in sorted(self.rotated("a"), key=lambda n: -int(n)):
            path = f"{self.log_path('a')}.{n}"
            kept += self.read(path).splitlines()
            os.unlink(path)
        os.kill(shim, signal.SIGCONT)
        self.done(end)
        self.until(lambda: any(t.startswith("lines lost=") for s, t in self.lines() if s == "svcd"), what="the note")
        self.svcctl("stop", "a")
        here = self.log("a")
        self.log = lambda name: kept + here
        # The last of them had no room to be told of in the log, and are when svcd ends. Up to eight are svcd's own.
        self.end_svcd()
        missing, _ = self.order(last=end)
        told = sum(e["lost"] for e in self.events("a") if e["event"] == "lines lost")
        self.assertGreater(missing, 0)
        self.assertLessEqual(missing, told)
        self.assertLessEqual(told, missing + 8)


class Others(Storm):
    """One that never stops writing holds nobody up: what is asked of svcd, and what others say, comes while it goes
    on."""

    def test_answers_and_other_logs(self):
        echo = self.python("echo.py", """
            import os, time
            seen = ""
            while True:
                said = open("say").read() if os.path.exists("say") else ""
                if said and said != seen:
                    print(said, flush=True)
                    seen = said
                time.sleep(0.002)
        """)
        self.up("max_size: 256K, keep: 2", f", b: {{command: {echo}}}, c: {{command: sleep 1000}}")
        self.running("b")
        # As many bursts as there is time for: it is busy from here on.
        self.rounds = 10 ** 6
        self.write("go", str(self.rounds))
        for i in range(5):
            before = self.until(self.wrote, what="output")
            self.write("say.new", f"word {i}")
            os.rename(os.path.join(self.home, "say.new"), os.path.join(self.home, "say"))
            self.logged("b", f" out word {i}$")
            self.svcctl("restart", "--replace", "c")
            self.until(lambda n=before: self.wrote() > n, what="more output")
        self.assertEqual(self.service("a")["pid"], self.pid)
        self.svcctl("stop", "a")
        texts = [t for s, t in self.lines() if s == "out"]
        if not texts[-1].endswith(" ......."):
            texts.pop()  # stopped in the middle of a line
        numbers = [int(re.fullmatch(r"\d+ (\d+) \.{7}", t)[1]) for t in texts]
        self.assertEqual(numbers, list(range(numbers[0], numbers[-1] + 1)))
        self.assertGreaterEqual(numbers[-1], self.wrote())


def setUpModule():
    private_mounts()


if __name__ == "__main__":
    unittest.main()
