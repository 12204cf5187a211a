"""svcctl logs without svcd: what it prints of log files as they may be, rotated, large, deleted and written to."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from ctlcase import LIMIT, SVCCTL, Case


def stamp(n):
    return f"2026-11-20T11:{n // 60:02}:{n % 60:02}.000+01:00"


class Logs(Case):
    def setUp(self):
        super().setUp()
        self.folder = os.path.join(self.root, "logs/services")
        os.makedirs(self.folder)

    def write(self, name, text, mode="w"):
        with open(os.path.join(self.folder, name), mode, encoding="utf-8") as f:
            f.write(text)

    def rotate(self, name, keep=3):
        path = os.path.join(self.folder, name)
        for i in range(keep - 1, 0, -1):
            if os.path.exists(f"{path}.{i}"):
                os.rename(f"{path}.{i}", f"{path}.{i + 1}")
        os.rename(path, path + ".1")

    def lines(self, *arguments):
        status, out, err = self.run_svcctl("logs", *arguments)
        self.assertEqual((status, err), (0, ""))
        return out.splitlines()

    def test_last_lines_through_rotation(self):
        self.write("a.log.2", "".join(f"{stamp(i)} out {i}\n" for i in range(40)))
        self.write("a.log.1", "".join(f"{stamp(i)} out {i}\n" for i in range(40, 80)))
        self.write("a.log", "".join(f"{stamp(i)} out {i}\n" for i in range(80, 90)))
        every = [f"{stamp(i)} out {i}" for i in range(90)]
        self.assertEqual(self.lines("a"), every[-50:])
        self.assertEqual(self.lines("a", "-n5"), every[-5:])
        self.assertEqual(self.lines("a", "-n", "85"), every[-85:])
        self.assertEqual(self.lines("a", "--lines=all"), every)
        self.assertEqual(self.lines("a", "-n", "0"), [])
        self.assertEqual(self.lines("a", "--since", "2026-11-20T11:01:20"), every[80:])
        self.assertEqual(self.lines("a", "--since", "2026-11-20T11:01:20", "-n3"), every[-3:])

    def test_bytes_are_passed_on(self):
        data = b"\xff\x1b[31m no time stamp\0\n\n" + stamp(1).encode() + b" out \x9b\tx\nno newline"
        with open(self.folder + "/a.log", "wb") as f:
            f.write(data)
        p = subprocess.run([SVCCTL, "logs", "a"], env=self.env, capture_output=True, timeout=LIMIT)
        self.assertEqual(p.stdout, data + b"\n")

    def test_sources(self):
        self.write("a.log", "".join(f"{stamp(i)} {s} {i}\n" for i, s in enumerate(
            ["svcd", "out", "err", "mon", "out"])) + "plain\n")
        status, out, err = self.run_svcctl("logs", "a", "--source", "out")
        self.assertEqual((status, [x[-1] for x in out.splitlines()]), (0, ["1", "4"]))
        self.assertEqual(err, "a: has lines without time and source (log.timestamps: false): they go with the last "
                              "line that has a time, and only with --source out,err\n")
        self.assertEqual(self.lines("a", "--source", "out,err"),
                         [f"{stamp(1)} out 1", f"{stamp(2)} err 2", f"{stamp(4)} out 4", "plain"])
        self.assertEqual([x[-1] for x in self.lines("a", "--source=svcd,mon", "-n1")], ["3"])

    def test_several_are_merged(self):
        self.write("web-1.log", f"{stamp(1)} out one\n{stamp(3)} out three\n")
        self.write("web-2.log", f"{stamp(2)} out two\n{stamp(4)} out four\n")
        self.write("other.log", f"{stamp(0)} out zero\n")
        wanted = [f"web-1  {stamp(1)} out one", f"web-2  {stamp(2)} out two", f"web-1  {stamp(3)} out three",
                  f"web-2  {stamp(4)} out four"]
        self.assertEqual(self.lines("web-1", "web-2"), wanted)
        self.assertEqual(self.lines("web-*"), wanted)
        self.assertEqual(self.lines("web-*", "-n3"), wanted[1:])
        self.assertEqual(self.lines("--all", "-n", "all")[0], f"other  {stamp(0)} out zero")

    def test_json(self):
        self.write("a.log", f"{stamp(1)} out h\u00e9\nplain\n")
        self.assertEqual(self.expect_json(0, "logs", "a"), [
            {"time": stamp(1), "source": "out", "text": "h\u00e9", "service": "a"},
            {"time": None, "source": None, "text": "plain", "service": "a"}])
        self.write("a.log", "")
        self.assertEqual(self.expect_json(0, "logs", "a"), [])

    def test_unknown(self):
        self.write("redis.log", "")
        self.expect(4, "logs", "rediss", out="", err="rediss: no such service, and no log of one (did you mean redis?)")
        for follow in ([], ["-f", "--timeout", "100ms"]):
            self.expect(4, "logs", "x-*", *follow, err="no log matches")
        self.expect(4, "logs", "../redis", err="no such service")
        self.assertEqual(self.expect_json(4, "logs", "nobody")["error"]["code"], "no-such-service")
        os.makedirs(self.root + "/config", mode=0o700)
        with open(self.root + "/config/services.yaml", "w") as f:
            f.write("services: {fresh: {command: 'true'}, off: {command: 'true', enabled: false}, "
                    "none: {command: 'true', log: {file: false}}, "
                    "away: {command: 'true', log: {file: false, journal: true}}, "
                    "bad: {command: 'true', nonsense: 1}, worse: [1], "
                    "unkept: {command: 'true', log: {file: false}, nonsense: 1}}\n")
        os.chmod(self.root + "/config/services.yaml", 0o600)
        for name, why in (("fresh", "it has not been started yet, or its files were deleted"),
                          ("off", "enabled is false, it has not been started"),
                          ("none", "log.file is false, what it says is not kept"),
                          ("away", "log.file is false, what it says is in the journal: journalctl SVCD_SERVICE=away"),
                          *((name, "its definition has an error, it is not started with it (`svcctl check`)")
                            for name in ("bad", "worse", "unkept"))):
            self.assertEqual(self.run_svcctl("logs", name), (0, "", f"{name}: has no log: {why}\n"))
        self.assertEqual(self.expect_json(0, "logs", "fresh"), [])
        self.expect(0, "logs", "-f", "fre*", "--timeout", "100ms", out="") # it may come
        self.expect(4, "logs", "fres", err="fres: no such service, and no log of one (did you mean fresh?)")

    def test_what_is_no_file(self):
        os.mkdir(self.folder + "/a.log")
        self.expect(1, "logs", "a", out="", err=f"a: cannot read {self.folder}/a.log: Is a directory")
        os.mkfifo(self.folder + "/b.log")
        self.expect(1, "logs", "b", out="", err="b.log: it is a FIFO, a socket or a device, not a file")

    def test_since_without_times(self):
        self.write("a.log", f"{stamp(1)} svcd started run=1\none\ntwo\n")
        self.expect(0, "logs", "a", "--since", "10m", out="", err="a: has lines without time and source")

    @unittest.skipIf(os.geteuid() == 0, "root may read everything")
    def test_a_folder_that_cannot_be_read(self):
        os.chmod(self.folder, 0)
        self.addCleanup(os.chmod, self.folder, 0o700)
        self.expect(1, "logs", "a", out="", err=f"cannot read {self.folder}: Permission denied")

    def test_a_huge_log_is_not_read(self):
        path = self.folder + "/a.log"
        with open(path, "wb") as f:
            f.truncate(1 << 40)  # sparse: reading it would take minutes
            f.seek(0, os.SEEK_END)
            f.write("".join(f"\n{stamp(i)} out {i}" for i in range(200)).encode() + b"\n")
        self.assertEqual(self.lines("a", "-n2"), [f"{stamp(i)} out {i}" for i in (198, 199)])
        self.assertEqual(len(self.lines("a", "--since", stamp(100), "--source", "out")), 100)

    def read_for(self, *arguments):
        """The lines of svcctl logs, and how many bytes it and what it started have read."""
        with tempfile.TemporaryFile() as out:
            p = subprocess.Popen([SVCCTL, "logs", "-q", *arguments], env=self.env, stdout=out, stderr=subprocess.DEVNULL)
            os.waitid(os.P_PID, p.pid, os.WEXITED | os.WNOWAIT)
            with open(f"/proc/{p.pid}/io", encoding="ascii") as f:
                count = int(f.readline().split()[1])
            self.assertEqual(p.wait(), 0)
            out.seek(0)
            return out.read().decode().splitlines(), count

    def test_of_ten_gigabytes_little_is_read(self):
        """101 files of 100 MB, mostly holes: whatever is asked for, it is sought."""
        def name(i):
            return "a.log" if i == 100 else f"a.log.{100 - i}"

        def at(i, k):  # line k of 0 to 29 of file i
            return f"2026-11-{1 + i // 24:02}T{i % 24:02}:{2 * k:02}:00.000+01:00"
        for i in range(101):
            with open(os.path.join(self.folder, name(i)), "wb") as f:
                for k in range(30):
                    f.seek(k * 3_500_000)
                    f.write(f"\n{at(i, k)} {'svcd' if k == 0 else 'out'} {i}.{k}\n".encode())
            os.utime(os.path.join(self.folder, name(i)), ns=(0, 1793487600 * 10 ** 9 + (i + 1) * 3600 * 10 ** 9))
        limit = 2_000_000 + self.read_for("a", "-n0")[1]  # what a sanitizer and the C library read
        lines, count = self.read_for("a", "-n1")
        self.assertEqual(lines, [f"{at(100, 29)} out 100.29"])
        self.assertLess(count, limit)
        for i in (100, 99, 57, 3, 0):
            # A hole is a line: where one is met, up to its end.
            lines, count = self.read_for("a", "--since", at(i, 29), "--until", at(i, 29), "--source", "out", "-n1")
            self.assertEqual(lines, [f"{at(i, 29)} out {i}.29"])
            self.assertLess(count, limit + 18_000_000, i)

    def follow(self, *arguments):
        p = subprocess.Popen([SVCCTL, "logs", "-f", *arguments], env=self.env, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        self.addCleanup(p.stderr.close)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        watchdog = threading.Timer(LIMIT, p.kill)
        watchdog.start()
        self.addCleanup(watchdog.cancel)
        return p

    def test_follow(self):
        self.write("a.log", "one\ntwo\n")
        p = self.follow("a", "-n1")
        read = lambda: p.stdout.readline().rstrip("\n")
        self.assertEqual(read(), "two")
        self.write("a.log", "three\nfo", "a")
        self.assertEqual(read(), "three")
        self.write("a.log", "ur\n", "a")
        self.assertEqual(read(), "four")
        self.rotate("a.log")
        self.write("a.log", "five\n")
        self.assertEqual(read(), "five")
        self.rotate("a.log")
        self.write("a.log", "six\n")
        self.rotate("a.log")
        self.write("a.log", "seven\n")
        self.assertEqual([read(), read()], ["six", "seven"])
        os.unlink(self.folder + "/a.log")
        self.write("a.log", "eight\n")
        self.assertEqual(read(), "eight")
        with open(self.folder + "/a.log", "r+") as f:
            f.truncate(0)
        self.write("a.log", "9\n", "a")
        self.assertEqual(read(), "9")

    def test_follow_what_comes_later(self):
        self.write("web-1.log", "")
        p = self.follow("web-*", "--json")
        self.write("web-1.log", f"{stamp(1)} out one\n", "a")
        self.assertEqual(json.loads(p.stdout.readline())["text"], "one")
        self.write("other.log", "no\n")
        self.write("web-2.log", f"{stamp(2)} err two\n")
        self.assertEqual(json.loads(p.stdout.readline()),
                         {"time": stamp(2), "source": "err", "text": "two", "service": "web-2"})

    def test_follow_loses_nothing_through_many_rotations(self):
        """A fast writer that rotates all the time, never more files ahead than are kept."""
        lines, each, keep = 40000, 400, 20
        path = self.folder + "/a.log"
        self.write("a.log", "begin\n")
        p = self.follow("a")
        self.assertEqual(p.stdout.readline(), "begin\n")
        seen, advanced = [], threading.Condition()

        def reader():
            for line in p.stdout:
                with advanced:
                    seen.append(line)
                    advanced.notify()
                    if len(seen) == lines:
                        return
        thread = threading.Thread(target=reader)
        thread.start()
        f = open(path, "a", buffering=1)
        for i in range(lines):
            f.write(f"{i}\n")
            if i % each == each - 1:
                f.close()
                with advanced:
                    self.assertTrue(advanced.wait_for(lambda: i - len(seen) < each * (keep - 5), LIMIT))
                self.rotate("a.log", keep)
                f = open(path, "a", buffering=1)
        f.close()
        thread.join(LIMIT)
        self.assertEqual(seen, [f"{i}\n" for i in range(lines)])

    def test_follow_for_a_time(self):
        self.write("a.log", "one\n")
        begin = time.monotonic()
        p = self.follow("a", "--timeout", "300ms")
        self.assertEqual(p.stdout.read(), "one\n")
        self.assertEqual((p.wait(LIMIT), p.stderr.read()), (0, ""))
        self.assertGreaterEqual(time.monotonic() - begin, 0.3)

    def test_follow_for_a_time_while_lines_come(self):
        self.write("a.log", "one\n")
        p = self.follow("a", "--timeout", "300ms")
        ended = threading.Event()

        def write():
            while not ended.wait(0.01):
                self.write("a.log", "more\n", "a")
        writer = threading.Thread(target=write)
        writer.start()
        try:
            self.assertTrue(p.stdout.read().startswith("one\n"))
            self.assertEqual(p.wait(LIMIT), 0)
        finally:
            ended.set()
            writer.join()

    def test_follow_ends_with_its_reader(self):
        self.write("a.log", "one\n")
        p = self.follow("a")
        self.assertEqual(p.stdout.readline(), "one\n")
        p.stdout.close()
        self.assertEqual(p.wait(LIMIT), 0)
        self.assertEqual(p.stderr.read(), "")

    def waits(self, p):
        """Until P has looked at what is there and waits for what comes."""
        end = time.monotonic() + LIMIT
        folder = f"/proc/{p.pid}/fdinfo"
        while time.monotonic() < end:
            with contextlib.suppress(FileNotFoundError):  # one that has been closed meanwhile
                for n in os.listdir(folder):
                    with open(os.path.join(folder, n)) as f:
                        if "inotify wd:" in f.read():
                            return
            time.sleep(0.01)
        self.fail("nothing is watched")

    def test_follow_into_a_folder_that_is_made_anew(self):
        """With all that it is in, up to ROOT; and a folder that is not there yet is waited for."""
        shutil.rmtree(self.root)
        p = self.follow("a*")
        self.waits(p)  # a folder that is there, and has no such log, would be an error
        read = lambda: p.stdout.readline().rstrip("\n")
        parents = [self.folder, self.root + "/logs", self.root]
        for i, parent in enumerate([self.root] + 3 * parents):
            shutil.rmtree(parent, ignore_errors=True)
            os.makedirs(self.folder)
            self.write("a.log", f"{i}\n")
            self.assertEqual(read(), f"a  {i}")
            self.write("a.log", f"{i} more\n", "a")
            self.assertEqual(read(), f"a  {i} more")
        os.rename(self.root, self.root + ".moved")
        self.addCleanup(shutil.rmtree, self.root + ".moved")
        os.makedirs(self.folder)
        self.write("a.log", "last\n")
        self.assertEqual(read(), "a  last")
        self.write("ab.log", "new\n")
        self.assertEqual(read(), "ab  new")

    def test_follow_several_by_time(self):
        for name in ("a", "b", "c"):
            self.write(name + ".log", f"{stamp(0)} out {name}\n")
        p = self.follow("a", "b", "c", "--grep", "^[^x]")
        read = lambda: p.stdout.readline().rstrip("\n")
        self.assertEqual([read() for _ in range(3)], [f"{x}  {stamp(0)} out {x}" for x in "abc"])
        os.kill(p.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, p.pid, os.WSTOPPED | os.WNOWAIT)
        self.write("a.log", f"{stamp(3)} out 3\n{stamp(5)} out 5\n", "a")
        self.write("b.log", f"{stamp(2)} out 2\n{stamp(2)} out x\n{stamp(4)} out 4\n", "a")
        self.write("c.log", f"{stamp(1)} out 1\n{stamp(6)} out 6\n", "a")
        os.kill(p.pid, signal.SIGCONT)
        self.assertEqual([read()[-1] for _ in range(6)], list("123456"))

    def test_follow_a_line_that_is_taken_back(self):
        """A writer without room cuts off what it wrote of a line, and may write others in its place."""
        self.write("a.log", "one\ntwo lines")
        path = self.folder + "/a.log"
        p = self.follow("a", "-n", "all")
        read = lambda: p.stdout.readline().rstrip("\n")
        self.assertEqual(read(), "one")
        for i in range(20):
            os.truncate(path, os.path.getsize(path) - 9)
            self.write("a.log", f"x{i}\n", "a")
            self.assertEqual(read(), f"x{i}")
            self.write("a.log", "two lines", "a")
        os.kill(p.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, p.pid, os.WSTOPPED | os.WNOWAIT)
        os.truncate(path, os.path.getsize(path) - 9)
        self.write("a.log", "much longer than it was\nand more\n", "a")
        os.kill(p.pid, signal.SIGCONT)
        self.assertEqual([read(), read()], ["much longer than it was", "and more"])
        os.kill(p.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, p.pid, os.WSTOPPED | os.WNOWAIT)
        with open(path, "w", encoding="utf-8") as f:  # emptied, and then more than there was
            f.write("".join(f"{i} again\n" for i in range(1000)))
        os.kill(p.pid, signal.SIGCONT)
        self.assertEqual([read() for _ in range(1000)], [f"{i} again" for i in range(1000)])

    def test_follow_what_a_writer_takes_along(self):
        """Into the next file, when it finds its file deleted, or rotates in the middle of a line."""
        path = self.folder + "/a.log"
        self.write("a.log", "begin\n")
        p = self.follow("a")
        read = lambda: p.stdout.readline().rstrip("\n")
        self.assertEqual(read(), "begin")
        for i in range(20):
            with open(path, "a", encoding="utf-8", buffering=1) as old:
                os.unlink(path)
                size = os.fstat(old.fileno()).st_size
                old.write(f"{i} one\n{i} two\n")
                self.assertEqual([read(), read()], [f"{i} one", f"{i} two"])
                if i % 2:
                    old.write(f"{i} three\nhal")
                self.write("a.log", "")
                self.write("a.log", f"{i} one\n{i} two\n", "a")
                if i % 2:
                    self.write("a.log", f"{i} three\nhal", "a")
                old.truncate(size)
                self.write("a.log", "f a line\n" if i % 2 else f"{i} four\n", "a")
            self.assertEqual([read(), read()] if i % 2 else read(),
                             [f"{i} three", "half a line"] if i % 2 else f"{i} four")
            size = os.path.getsize(path)
            self.write("a.log", "rot", "a")
            self.write("next", "rot")
            self.rotate("a.log")
            os.rename(self.folder + "/next", path)
            os.truncate(path + ".1", size)
            self.write("a.log", "ated\n", "a")
            self.assertEqual(read(), "rotated")

    def test_follow_far_behind(self):
        """What has been rotated, compressed or deleted meanwhile: each line that is left, once."""
        self.write("a.log", f"{stamp(0)} out 0\n")
        self.write("a.log.1", f"{stamp(0)} out older\n")
        p = self.follow("a", "-n1")
        read = lambda: p.stdout.readline().rstrip("\n")
        self.assertEqual(read(), f"{stamp(0)} out 0")
        for number, spoil in enumerate((None, "gzip", "unlink")):
            os.kill(p.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, p.pid, os.WSTOPPED | os.WNOWAIT)
            base = 10 + number * 10
            self.write("a.log", f"{stamp(base)} out {base}\n", "a")
            path = self.folder + "/a.log"
            # Files of different ages, as rotated ones are.
            now = time.time_ns() // 10 ** 9 * 10 ** 9
            for i in range(1, 5):
                os.utime(path, ns=(now, now + i * 10 ** 7))
                self.rotate("a.log", 9)
                self.write("a.log", f"{stamp(base + i)} out {base + i}\n")
            os.utime(path, ns=(now, now + 9 * 10 ** 7))
            if spoil == "gzip":
                subprocess.run(["gzip", path + ".2", path + ".3", path + ".4"], check=True)
                for i in range(2, 5):  # by some programs the time is kept in whole seconds
                    os.utime(f"{path}.{i}.gz", ns=(now, now))
            if spoil == "unlink":
                os.unlink(path + ".4")
            os.kill(p.pid, signal.SIGCONT)
            # The deleted one is still open: what was added to it is not lost either.
            self.assertEqual([read()[-2:] for _ in range(5)], [str(base + i) for i in range(5)])

    def test_run_until_compressed(self):
        self.write("a.log.2", f"{stamp(1)} svcd started run=1 pid=5\n{stamp(2)} out x\n{stamp(3)} svcd exited run=1\n")
        self.write("a.log.1", f"{stamp(4)} svcd started run=2 pid=6\n{stamp(5)} out y\n")
        self.write("a.log", f"{stamp(6)} svcd exited run=2\n{stamp(7)} svcd started run=3 pid=7\n")
        self.write("other.log", f"{stamp(1)} out z\n")
        subprocess.run(["gzip", self.folder + "/a.log.2"], check=True)
        self.assertEqual([x[-8:] for x in self.lines("a", "--run", "1", "--source", "out,err")], [":02.000+01:00 out x"[-8:]])
        self.assertEqual(self.lines("a", "--run", "2", "-n1"), [f"{stamp(6)} svcd exited run=2"])
        self.assertEqual(self.lines("a", "--until", stamp(4), "--since", stamp(3)),
                         [f"{stamp(3)} svcd exited run=1", f"{stamp(4)} svcd started run=2 pid=6"])
        self.assertEqual(self.lines("a", "--run", "1", "--grep", "^X$", "-i"), [f"{stamp(2)} out x"])
        self.expect(1, "logs", "a", "--run", "9", out="", err="a: there is no run 9; the newest is run 3")
        self.expect(1, "logs", "other", "--run", "1", out="", err="other: no run begins in its log")
        self.assertEqual(self.expect_json(1, "logs", "a", "other", "--run", "1")["error"]["code"], "failed")
        self.expect(1, "logs", "a", "other", "--run", "1", out=f"a      {stamp(2)} out x\n", err="other: no run begins")
        os.unlink(self.folder + "/a.log.2.gz")
        self.expect(1, "logs", "a", "--run", "-5", err="a: --run -5: runs 2 to 3 are all that are left in the log")
        with open(self.folder + "/a.log.2.gz", "wb") as f:
            f.write(b"\x1f\x8b\x08no")
        self.expect(1, "logs", "a", "-n", "all", out="out y", err="a.log.2.gz cannot be read whole: it is damaged")
        told = self.expect_json(1, "logs", "a", "-n", "all")
        self.assertEqual([x["text"] for x in told][1:2], ["y"])
        self.assertEqual([x["error"]["message"] for x in told if "error" in x],
                         [f"a: {self.folder}/a.log.2.gz cannot be read whole: it is damaged"])
        with open(self.folder + "/a.log.3.gz", "wb") as f:
            f.write(b"garbage")
        self.expect(1, "logs", "a", "-n", "all", out="out y", err="a.log.3.gz cannot be read whole: it is damaged")
        self.assertEqual(self.expect_json(1, "logs", "a", "-n", "all", "--source", "mon"),
                         {"error": {"code": "failed", "message": "; ".join(
                             f"a: {self.folder}/a.log.{i}.gz cannot be read whole: it is damaged" for i in (2, 3))}})
        os.unlink(self.folder + "/a.log.3.gz")
        env = {**self.env, "PATH": self.root}
        p = subprocess.run([SVCCTL, "logs", "a", "-n", "all"], env=env, capture_output=True, text=True, timeout=LIMIT)
        self.assertEqual((p.returncode, p.stderr), (1, f"a: {self.folder}/a.log.2.gz cannot be read whole: gzip, which "
                                                       "unpacks it, cannot be executed\n"))

    def test_wrong_options(self):
        self.write("a.log", "")
        for arguments, err in ((["--until", "soon"], "--until takes a time"), (["--grep", "("], "--grep: "),
                               (["-i"], "-i goes with --grep"), (["--run", "x"], "--run takes"),
                               (["-f", "--until", "10m"], "-f goes on for ever, --until ends"),
                               (["-f", "--run", "1"], "-f goes on for ever, a run ends"),
                               (["--since", "1m", "--until", "2m"], "--since 1m is later than --until 2m")):
            self.expect(2, "logs", "a", *arguments, out="", err=err)

    def test_events_of_what_has_rotated_away(self):
        os.makedirs(self.root + "/svcd")
        with open(self.root + "/svcd/events.ndjson", "w", encoding="utf-8") as f:
            for i, (event, more) in enumerate((("started", ""), ("exited", ', "code": 1, "ran": "1s", "ran_ms": 1000'),
                                               ("restart requested", ', "uid": 7, "signal": "HUP"'))):
                f.write(f'{{"seq": {i}, "at": "{stamp(i)}", "event": "{event}","service":"a", "run": 1{more}}}\n')
        self.write("a.log", f"{stamp(1)} svcd exited run=1 code=1 ran=1s\n{stamp(3)} out x\n")
        self.assertEqual(self.lines("a", "--source", "svcd"),
                         [f"{stamp(0)} svcd started run=1", f"{stamp(1)} svcd exited run=1 code=1 ran=1s"])
        self.assertEqual(len(self.lines("a")), 2)
        self.write("a.log", "")
        self.assertEqual(self.lines("a", "--source", "svcd")[1:],
                         [f"{stamp(1)} svcd exited run=1 code=1 ran=1s",
                          f"{stamp(2)} svcd restart requested run=1 by uid=7 signal=HUP"])

    def test_quiet_end_of_a_pipe(self):
        self.write("a.log", "line\n" * 200000)
        p = subprocess.Popen([SVCCTL, "logs", "a", "-n", "all"], env=self.env, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        p.stdout.readline()
        p.stdout.close()
        self.assertEqual((p.wait(LIMIT), p.stderr.read()), (0, b""))
        p.stderr.close()
