"""The disk is full, for real: ROOT is a small tmpfs in a private mount namespace. Services go on, nothing
that is on disk becomes less, and what could not be written is counted and told when there is room again."""

import ctypes
import json
import os
import shutil
import signal
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "helpers"))
from svcdtest import SLOW, SvcdTest, alive, at_rest, libc, private_mounts

MS_NOSUID_NODEV = 6
MNT_DETACH = 2


def setUpModule():
    private_mounts()


class Disk(SvcdTest):
    where = ""  # below ROOT
    size = "1m"
    inodes = 0

    def setUp(self):
        super().setUp()
        place = os.path.join(self.root, self.where)
        os.makedirs(place, exist_ok=True)
        options = f"size={self.size},mode=0700" + (f",nr_inodes={self.inodes}" if self.inodes else "")
        if libc.mount(b"none", place.encode(), b"tmpfs", MS_NOSUID_NODEV, options.encode()) < 0:
            raise OSError(ctypes.get_errno(), "mount")
        self.addCleanup(libc.umount2, place.encode(), MNT_DETACH)
        os.makedirs(os.path.join(self.root, "config"), mode=0o700, exist_ok=True)
        self.ballast = os.path.join(place, "ballast")

    def tearDown(self):
        self.free()
        super().tearDown()

    def fill(self):
        """To the last byte. Returns how many there were."""
        n = 0
        with open(self.ballast, "ab", buffering=0) as f:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        n += f.write(b"x" * size)
                except OSError:
                    pass
        return n

    def fill_for_good(self):
        """Also what svcd gives back when it has done what it is at: files that took others' places."""
        full = []

        def stays():
            full.append(self.fill() == 0)
            return len(full) > 20 and all(full[-20:])
        self.until(stays, what="a disk that stays full")

    def free(self):
        if os.path.exists(self.ballast):
            os.unlink(self.ballast)

    def svcd_log(self):
        return self.read(os.path.join(self.root, "svcd/svcd.log"))

    def complained(self, text):
        """On stderr, since svcd.log cannot take it."""
        return self.until(lambda: text in self.stderr(), what=f"{text!r} on stderr")

    def complete(self, name, of_svcd=0):
        """Numbered output lines are in order, each gap is told in its place with its size, in which up to
        OF_SVCD other lines are counted too; returns the number that comes next, and how many were lost."""
        expected, lost = 0, 0
        for line in self.log(name):
            source, text = (line.split(" ", 2) + [""])[1:3]
            if source == "svcd" and text.startswith("lines lost="):
                n = int(text.split()[1].split("=")[1])
                self.assertIn('reason="No space left on device"', text)
                expected, lost = expected + n, lost + n
            elif source == "out":
                extra = expected - int(text.split()[0])
                self.assertTrue(0 <= extra <= of_svcd, f"{name}, where {expected} should be: {line}")
                of_svcd -= extra
                expected += 1 - extra
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d (svcd|out) ")
        return expected, lost


class Full(Disk):
    COUNTER = """
        import sys, time
        n = 0
        while True:
            for _ in range(20):
                sys.stdout.write(f"{n} {'x' * 50}\\n")
                n += 1
            sys.stdout.flush()
            with open(f"{sys.argv[1]}", "w") as f: f.write(f"{n}\\n")
            time.sleep(0.005)
    """

    def progress(self, name="n"):
        path = os.path.join(self.home, name)
        text = self.read(path) if os.path.exists(path) else ""
        return int(text) if text else 0

    def works(self):
        """It is not blocked."""
        n = self.progress()
        self.until(lambda: self.progress() > n + 200, what="a service that works")

    def test_services_go_on_and_what_is_lost_is_counted(self):
        program = self.python("counter", self.COUNTER)
        self.config(f"services: {{a: {{command: {program} n, log: {{max_size: 10M}}}}}}")
        self.start()
        a = self.running("a")
        self.until(lambda: self.progress() > 100, what="output")
        self.fill()
        with at_rest(self, self.svcd.pid):
            self.complained("a: lines of its log are being lost: No space left on device")
            self.works()
            # svcd may give some room back, by what it writes some seconds after a change; the lines soon take it.
            s = self.until(lambda: "lines of its log are being lost: No space left on device" in
                           (s := self.service("a"))["note"] and s, what="the note")
            self.assertEqual((s["pid"], s["state"]), (a["pid"], "running"))
        self.free()
        self.until(lambda: [e for e in self.events("a") if e["event"] == "lines lost"], what="the event")
        self.until(lambda: not self.service("a")["note"], what="nothing to be said any more")
        told = [e["event"] for e in self.events("a")]
        self.assertLess(told.index("log not written"), told.index("lines lost"))
        self.works()
        self.svcctl("stop", "a")
        total, lost = self.complete("a")
        self.assertGreater(lost, 100)
        told = [e for e in self.events("a") if e["event"] == "lines lost"]
        self.assertEqual(sum(e["lost"] for e in told), lost)
        self.assertEqual({e["reason"] for e in told}, {"No space left on device"})
        self.assertIn("a: lines of its log are being lost: No space left on device", self.svcd_log())
        self.assertEqual(total, max(total, self.progress()))

    def test_svcd_is_killed_and_comes_back_while_the_disk_is_full(self):
        program = self.python("counter", self.COUNTER)
        self.config(f"""
          services:
            a: {{command: {program} n}}
            b: {{command: sleep 1000}}
        """)
        self.start()
        a = self.running("a")
        self.svcctl("disable", "b")
        self.fill()
        self.complained("a: lines of its log are being lost")
        self.kill_svcd()
        self.works()
        self.start()
        s = self.running("a")
        self.assertEqual((s["pid"], s["run"]), (a["pid"], 1))
        self.assertEqual(self.state("b"), "disabled")
        self.free()
        self.until(lambda: [e for e in self.events("a") if e["event"] == "lines lost"], what="the event")
        self.svcctl("stop", "a")
        self.complete("a", of_svcd=2)  # adopted, ready

    def test_a_run_whose_record_had_no_room(self):
        """No svcd could save that it began, its shim could not write it down and was killed, its log is gone."""
        self.config("services: {a: {command: sleep 1000, restart: never}}")
        self.start()
        os.kill(self.running("a")["pid"], signal.SIGKILL)
        self.in_state("a", "stopped")
        self.until(lambda: self.shim_has_left("a"), what="a's shim to leave")
        self.kill_svcd()
        obstacle = self.cannot_save()
        self.start()
        self.svcctl("stop", "a", status=1)  # the first try makes room, by what it replaces
        self.fill_for_good()
        self.svcctl("start", "--no-wait", "a", status=1)  # done, but forgotten when svcd ends
        a = self.running("a")
        with open(os.path.join(self.run_dir, "shims/a"), "rb") as f:
            self.assertEqual(f.read(), b"\0\0")
        shim = self.shim_of(a["pid"])
        self.kill_svcd()
        for p in shim, a["pid"]:
            os.kill(p, signal.SIGKILL)
        self.gone(shim, a["pid"])
        self.free()
        os.rmdir(obstacle)
        shutil.rmtree(os.path.join(self.root, "logs"))
        self.start()
        self.until(lambda: [e["run"] for e in self.events("a") if e["event"] == "exited"] == [1, 2], what="both ends")
        self.svcctl("start", "a")
        self.assertEqual(self.running("a")["run"], 3)

    def test_a_start_that_cannot_be_saved_is_not_said_to_be_done(self):
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}}\n")
        self.start()
        self.running("b")
        self.svcctl("stop", "a")
        self.kill_svcd()
        obstacle = self.cannot_save()
        self.start()
        self.in_state("b", "running")
        for options in ([], ["--no-wait"]):
            r = self.svcctl("start", "a", *options, status=1)
            self.assertRegex(r.err, r"^a: (started \(pid \d+\)|requested); but that could not be saved and is "
                                    r"forgotten when svcd ends: ")
            self.running("a")
            self.svcctl("stop", "a", status=1)
        self.svcctl("start", "b")  # nothing of it is to be remembered
        self.svcctl("restart", "--replace", "b")
        os.rmdir(obstacle)
        self.svcctl("start", "a")

    def test_a_service_ends_and_starts_again(self):
        """Everything that a restart writes fails; it takes place all the same, and is on record."""
        program = self.python("counter", self.COUNTER)
        self.config(f"services: {{a: {{command: {program} n, restart: {{delay: 0s}}}}}}")
        self.start()
        a = self.running("a")
        self.fill()
        self.complained("a: lines of its log are being lost")
        for _ in range(3):
            os.kill(a["pid"], signal.SIGKILL)
            a = self.new_run("a", a["pid"])
        self.works()
        self.free()
        self.until(lambda: "lines lost=" in "\n".join(self.log("a")), what="the line")
        s = self.service("a")
        self.assertEqual((s["run"], s["failures"]), (4, 3))
        self.assertEqual([e["run"] for e in self.events("a") if e["event"] == "exited"], [1, 2, 3])

    def test_rotation_loses_no_older_file(self):
        """The next file cannot be made: those that are there stay, the log grows or loses lines."""
        program = self.python("counter", self.COUNTER)
        self.config(f"services: {{a: {{command: {program} n, log: {{max_size: 20K, keep: 3}}}}}}")
        self.start()
        self.running("a")
        logs = os.path.dirname(self.log_path("a"))
        self.until(lambda: os.path.exists(self.log_path("a") + ".3"), what="three rotated files")
        self.fill()
        self.complained("a: lines of its log are being lost")
        self.works()
        self.assertEqual(sorted(os.listdir(logs))[:4], ["a.log", "a.log.1", "a.log.2", "a.log.3"])
        sizes = [os.path.getsize(os.path.join(logs, n)) for n in ("a.log.1", "a.log.2", "a.log.3")]
        self.assertTrue(all(10000 < s <= 20480 for s in sizes), sizes)
        self.free()
        n = self.progress()
        self.until(lambda: self.progress() > n + 2000, what="rotation")
        self.svcctl("stop", "a")
        self.assertTrue(all(os.path.getsize(os.path.join(logs, n)) <= 20480 for n in os.listdir(logs)))


class FullState(Disk):
    """ROOT/svcd only."""

    where = "svcd"

    def test_the_state_is_never_less(self):
        self.config("""
          services:
            a: {command: sleep 1000}
            b: {command: sleep 1000}
            c: {command: sleep 1000}
        """)
        self.start()
        for name in "abc":
            self.running(name)
        self.svcctl("disable", "c")
        state = os.path.join(self.root, "svcd/state.json")
        self.fill_for_good()
        before = json.loads(self.read(state))

        def never_less(path):
            """Whole, no older than it was, and all of it there. (What it replaces may make room for it.)"""
            now = json.loads(self.read(path))
            self.assertGreaterEqual(now["seq"], before["seq"])
            self.assertEqual(sorted(now["services"]), list("abc"))
            self.assertEqual(now["services"]["c"]["holds"], ["command"])

        with at_rest(self, self.svcd.pid):
            self.run_svcctl("disable", "b")
            self.in_state("b", "disabled")
            never_less(state)
            never_less(state + ".safe")
        # The journal has room of its own, but not for ever.
        for n in range(500):
            r = self.run_svcctl("enable" if n % 2 == 0 else "disable", "b", "--no-wait")
            if r.status != 0:
                break
        self.assertGreater(n, 10)
        self.assertIn("could not be saved and is forgotten when svcd ends: No space left on device", r.err)
        self.complained("cannot save the state")
        with at_rest(self, self.svcd.pid):
            self.run_svcctl("disable", "b")
            self.in_state("b", "disabled")
            never_less(state)
            never_less(state + ".safe")
        self.free()
        # Without anybody asking, and the file says what is.
        want = [None, ["command"], ["command"]]
        self.until(lambda: [json.loads(self.read(state))["services"][n].get("holds") for n in "abc"] == want,
                   what="the state to be saved", limit=20)
        self.until(lambda: "the state can be saved again" in self.svcd_log(), what="the news")

    def test_the_journal_has_room(self):
        """What happens on a full disk is on record, and what is asked for: svcds that are killed know of it."""
        self.config("""
          services:
            a: {command: sleep 1000, restart: {delay: 0s, max_failures: 0}}
            b: {command: sleep 1000}
        """)
        self.start()
        a = self.running("a")
        self.running("b")
        self.fill_for_good()
        self.svcctl("disable", "b")
        for run in range(2, 30):
            os.kill(a["pid"], signal.SIGKILL)
            a = self.new_run("a", a["pid"])
            self.assertEqual(a["run"], run)
            if run % 7 == 3:
                self.kill_svcd()
                self.start()
                self.assertEqual(self.running("a")["pid"], a["pid"])
                self.assertEqual(self.state("b"), "disabled")
        self.assertNotIn("cannot save the state", self.stderr())
        self.assertIn("cannot replace state.json", self.stderr())
        # All of them are lost at once, with their shims and what these have written down.
        pids = [a["pid"], self.shim_of(a["pid"])]
        self.kill_svcd()
        for p in reversed(pids):
            os.kill(p, signal.SIGKILL)
        self.gone(*pids)
        shutil.rmtree(self.run_dir)
        shutil.rmtree(os.path.join(self.root, "logs"))
        self.start()
        self.assertEqual(self.running("a")["run"], 30)
        self.assertEqual(self.state("b"), "disabled")
        self.free()
        self.until(lambda: [e["run"] for e in self.events("a") if e["event"] == "exited"] == list(range(1, 30)),
                   what="all ends in the events")


class FullLogs(Disk):
    """The logs only: nothing else makes room there."""

    where = "logs"

    def test_lost_at_the_very_end(self):
        """The shim is gone before there is room: svcd says it, and then the log does."""
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        self.logged("a", "ready")
        self.fill()
        self.fill_log("a")
        self.svcctl("stop", "a")
        self.complained("lines of its log are lost (No space left on device), which cannot be said there yet")
        self.free()
        self.logged("a", r"svcd lines lost=(\d+) reason=\"No space left on device\"$", source="svcd")
        told = self.until(lambda: [e for e in self.events("a") if e["event"] == "lines lost"], what="the event")
        self.assertEqual(sum(e["lost"] for e in told), 3)  # stop requested, exited, stopped
        self.assertTrue(self.log("a")[-1].split(" ", 2)[2].startswith("lines lost="))

    def test_lost_by_a_service_that_is_no_longer_defined(self):
        """Nobody's log will tell it: the events do."""
        self.config("services: {a: {command: 'echo out; exec sleep 1000'}, b: {command: sleep 1000}}")
        self.start()
        self.logged("a", "ready")
        self.logged("a", "out out")
        self.fill()
        self.fill_log("a")
        self.config("services: {b: {command: sleep 1000}}")
        self.svcctl("reload")
        self.until(lambda: [e["lost"] for e in self.events("a") if e["event"] == "lines lost"] == [3],
                   what="what was lost: stop requested, exited, stopped")

    def test_lost_while_down_told_by_the_next_shim(self):
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        self.logged("a", "ready")
        self.fill()
        self.fill_log("a")
        self.svcctl("stop", "a")
        self.complained("cannot be said there yet")
        self.svcctl("start", "a")
        self.free()
        self.logged("a", "lines lost=", source="svcd")
        self.until(lambda: [e for e in self.events("a") if e["event"] == "lines lost"], what="the event")
        self.assertEqual(sum("lines lost=" in l for l in self.log("a")), 1)

    def test_what_cannot_be_compressed_for_want_of_room(self):
        """The plain files stay, and nothing is left of what was begun; with room again it is done."""
        program = self.python("some", """
            import os, time
            for i in range(1000):
                os.write(1, b"%d %s\\n" % (i, os.urandom(50).hex().encode()))
            open("done", "w").close()
            time.sleep(1000)
            """)
        definition = f"services: {{a: {{command: {program}, log: {{max_size: 64K, keep: 9%s}}}}}}\n"
        self.config(definition % "")
        self.start()
        self.logged("a", " 999 ", "out")
        self.fill_for_good()
        before = {n: os.stat(f"{self.log_path('a')}.{n}").st_size for n in self.rotated("a")}
        self.config(definition % ", compress: true")
        self.svcctl("reload")
        self.complained("cannot compress")
        self.assertIn("No space left on device", self.stderr())
        self.assertEqual({n: os.stat(f"{self.log_path('a')}.{n}").st_size for n in self.rotated("a")}, before)
        folder = os.path.join(self.root, "logs/services")
        self.until(lambda: not [n for n in os.listdir(folder) if n.startswith(".")], what="the end of what was begun")
        self.free()
        self.svcctl("reload")
        self.until(lambda: sum("." in n for n in self.rotated("a")) == len(before) - 1, limit=60, what="compressed files")
        self.assertEqual([t.split()[0] for t in self.log_texts("a", "out")], [str(n) for n in range(1000)])

    def fill_log(self, name):
        """The rest of the log's last page too."""
        with open(self.log_path(name), "ab", buffering=0) as f:
            try:
                while True:
                    f.write(b"2026-11-20T11:12:13.123+01:00 out x\n")
            except OSError:
                pass


class NoInodes(Disk):
    size = "4m"
    inodes = 64

    def fill(self):
        """No file can be made any more; those that there are can grow."""
        os.makedirs(self.ballast, exist_ok=True)
        try:
            for i in range(self.inodes):
                os.close(os.open(os.path.join(self.ballast, str(i)), os.O_CREAT | os.O_WRONLY, 0o600))
        except OSError:
            pass

    def free(self):
        for name in os.listdir(self.ballast) if os.path.isdir(self.ballast) else []:
            os.unlink(os.path.join(self.ballast, name))

    def test_out_of_inodes(self):
        self.config("""
          services:
            a: {command: sleep 1000}
            b: {command: sleep 1000, enabled: true, restart: {max_failures: 1}}
        """)
        self.start()
        a = self.running("a")
        self.running("b")
        self.svcctl("stop", "b")
        self.until(lambda: self.shim_has_left("b"), what="b's shim to leave")
        os.unlink(os.path.join(self.run_dir, "shims/b"))  # with it the next run would need no inode
        state = os.path.join(self.root, "svcd/state.json")
        self.fill()
        before = self.read(state)  # it may have been replaced until now, some seconds after the last change
        with at_rest(self, self.svcd.pid):
            self.run_svcctl("start", "b")
            b = self.in_state("b", "backoff")
            self.assertEqual((b["last_exit"]["stage"], b["last_exit"]["shortage"]), ("lock", True))
            self.assertEqual(self.service("a")["pid"], a["pid"])
            self.assertEqual(self.read(state), before)
        self.free()
        self.running("b", limit=20)
        self.until(lambda: self.read(state) != before, what="the state to be saved", limit=20)

    def test_rotation_takes_the_oldest_for_it(self):
        """With no inode left the oldest file makes room for the new one."""
        program = self.python("counter", Full.COUNTER)
        self.config(f"services: {{a: {{command: {program} n, log: {{max_size: 20K, keep: 2}}}}}}")
        self.start()
        self.running("a")
        self.until(lambda: os.path.exists(self.log_path("a") + ".2"), what="two rotated files")
        self.fill()
        path = os.path.join(self.home, "n")
        n = int(self.read(path).strip() or 0)
        self.until(lambda: int(self.read(path).strip() or 0) > n + 3000, what="work")
        self.run_svcctl("stop", "a")
        self.assertNotIn("lines lost", "\n".join(self.log("a")))
        logs = os.path.dirname(self.log_path("a"))
        for name in os.listdir(logs):
            self.assertLessEqual(os.path.getsize(os.path.join(logs, name)), 20480)


if __name__ == "__main__":
    unittest.main()
