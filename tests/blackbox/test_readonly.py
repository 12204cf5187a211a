"""Files and folders of svcd's are taken away while it runs: deleted, moved, without permission, read-only.
Services do not notice; what can be put back is, what cannot is said once and works again by itself."""

import ctypes
import json
import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "helpers"))
from svcdtest import SLOW, SvcdTest, at_rest, libc, private_mounts

ROOT = os.geteuid() == 0
MS_RDONLY, MS_REMOUNT, MS_BIND, MNT_DETACH = 1, 32, 4096, 2
TICKS = "sh -c 'n=0; while :; do echo $n; n=$((n+1)); sleep 0.05; done'"


def setUpModule():
    private_mounts()


class Taken(SvcdTest):
    def up(self):
        self.config(f"services: {{a: {{command: \"{TICKS}\"}}, b: {{command: sleep 1000}}}}")
        self.start()
        self.a = self.running("a")
        self.running("b")
        self.until(lambda: len(self.log_texts("a", "out")) > 3, what="output")

    @staticmethod
    def remove(path):
        """rm -r, which may find that svcd was quicker and something is there again."""
        shutil.rmtree(path, ignore_errors=True)

    def unharmed(self):
        """It answers, and the services are the same."""
        self.until(self.answers, what="svcd's answer", limit=20)
        a = self.running("a")
        self.assertEqual((a["pid"], a["run"]), (self.a["pid"], 1))

    def svcd_log(self):
        path = os.path.join(self.root, "svcd/svcd.log")
        return self.read(path) if os.path.exists(path) else ""

    def said(self, text):
        return [l for l in self.stderr().splitlines() if text in l]

    def writes(self, name="a"):
        """Its output arrives in the log."""
        def number():
            out = self.log_texts(name, "out")
            return int(out[-1]) if out else -1
        n = number()
        self.until(lambda: number() > n, what="output in the log")

    def successor(self):
        """A svcd that comes after finds everything."""
        self.kill_svcd()
        self.start()
        self.unharmed()

    # ---- deleted ----

    def test_state_folder_deleted(self):
        self.up()
        self.remove(os.path.join(self.root, "svcd"))
        self.until(lambda: os.path.exists(os.path.join(self.root, "svcd/lock")), what="the lock file")
        self.unharmed()
        self.svcctl("disable", "b")
        state = json.loads(self.read(os.path.join(self.root, "svcd/state.json")))
        self.assertEqual(state["services"]["b"]["holds"], ["command"])
        # It is locked again: no second svcd.
        first, self.svcd = self.svcd, None
        second = self.start(wait=False)
        self.assertEqual(second.wait(20 * SLOW), 1)
        self.svcd = first
        self.assertIn("another svcd", self.stderr())
        self.successor()

    def test_lock_file_deleted(self):
        self.up()
        lock = os.path.join(self.root, "svcd/lock")
        before = os.stat(lock).st_ino
        os.rename(lock, lock + ".away")
        self.until(lambda: os.path.exists(lock) or os.unlink(lock + ".away") or True, what="nothing")
        self.until(lambda: os.path.exists(lock) and os.stat(lock).st_ino != before, what="a new lock file")
        self.unharmed()

    def test_run_deleted(self):
        self.up()
        self.remove(self.run_dir)
        self.unharmed()
        self.until(lambda: os.path.exists(os.path.join(self.run_dir, "shims/a")), what="the record of a")
        # rm goes step by step, and so does svcd
        self.until(lambda: self.said("was deleted: put back"), what="a word of it")
        self.successor()

    def test_run_moved_away(self):
        """What is in it is still there, and of no use: the records are made anew, too."""
        self.up()
        os.rename(self.run_dir, self.run_dir + ".moved")
        self.unharmed()
        self.until(lambda: os.path.exists(os.path.join(self.run_dir, "shims/a")), what="the record of a")
        self.successor()
        self.remove(self.run_dir + ".moved")
        self.unharmed()

    def test_log_folder_deleted(self):
        self.up()
        self.remove(os.path.join(self.root, "logs"))
        self.writes()
        self.svcctl("stop", "b")
        self.logged("b", "stopped")
        self.unharmed()

    def test_everything_deleted(self):
        """All of ROOT but the definitions."""
        self.up()
        for name in ("run", "svcd", "logs"):
            self.remove(os.path.join(self.root, name))
        self.unharmed()
        self.writes()
        self.successor()

    def test_root_becomes_a_link(self):
        """Moved to another disk, with a link in its place."""
        self.up()
        os.rename(self.root, self.root + ".new")
        os.symlink(self.root + ".new", self.root)
        self.unharmed()
        self.writes()
        self.svcctl("restart", "--replace", "b")
        self.assertTrue(os.path.islink(self.root))
        self.successor()

    def test_root_becomes_a_link_to_an_empty_folder(self):
        self.up()
        os.rename(self.root, self.root + ".old")
        os.mkdir(self.root + ".new", 0o700)
        os.symlink(self.root + ".new", self.root)
        self.unharmed()
        self.writes()
        self.until(lambda: os.path.exists(os.path.join(self.run_dir, "shims/a")), what="the record of a")

    # ---- permissions ----

    @unittest.skipIf(ROOT, "root may do everything")
    def test_no_permission(self):
        self.up()
        for name, text in (("run", "cannot be reached: Permission denied"),
                           ("svcd", "cannot save the state"),
                           ("logs/services", None)):
            path = os.path.join(self.root, name)
            os.chmod(path, 0)
            with at_rest(self, self.svcd.pid, seconds=1.2):
                if name == "svcd":
                    self.run_svcctl("disable", "b")
                if text:
                    self.until(lambda t=text: self.said(t), what=text)
            if text:
                self.assertEqual(len(self.said(text)), 1)
            os.chmod(path, 0o700)
            self.unharmed()
            self.writes()
        self.until(lambda: self.said("the state can be saved again"), what="the state", limit=20)
        self.assertIn("cannot save the state", self.until(self.svcd_log, what="svcd.log"))
        self.assertEqual(self.state("b"), "disabled")
        texts = "\n".join(self.log_texts("a", "svcd"))
        numbers = [int(t) for t in self.log_texts("a", "out")]
        if "lines lost" not in texts:
            self.assertEqual(numbers, list(range(len(numbers))))
        self.successor()

    @unittest.skipIf(ROOT, "root may do everything")
    def test_root_without_permission(self):
        self.up()
        os.chmod(self.root, 0)
        try:
            with at_rest(self, self.svcd.pid, seconds=2):
                self.assertEqual(self.run_svcctl("status").status, 5)
        finally:
            os.chmod(self.root, 0o700)
        self.unharmed()
        self.writes()

    # ---- read-only ----

    def read_only(self, path):
        """Bound over itself, read-only; returns what ends that."""
        path = os.path.join(self.root, path).encode()
        for flags in (MS_BIND, MS_REMOUNT | MS_BIND | MS_RDONLY):
            if libc.mount(path, path, None, flags | (6 if not ROOT else 0), None) < 0:
                raise OSError(ctypes.get_errno(), "mount")
        done = []

        def again():
            if not done:
                libc.umount2(path, MNT_DETACH)
                done.append(1)
        self.addCleanup(again)
        return again

    def start_in_here(self):
        """svcd shares our mounts; what is mounted later is seen by it too."""
        self.up()

    def test_read_only(self):
        """ROOT as a whole: nothing can be saved or said on disk, everything goes on."""
        self.start_in_here()
        # What is open could be written on, as the mount is read-only, not the disk.
        journal = os.path.join(self.root, "svcd/state.journal")
        os.rename(journal, journal + ".not")
        again = self.read_only("")
        before = self.read(os.path.join(self.root, "svcd/state.json"))
        with at_rest(self, self.svcd.pid):
            result = self.run_svcctl("disable", "b")
            self.assertIn("Read-only file system", result.err)
            self.until(lambda: self.said("cannot save the state"), what="the complaint")
            a = self.service("a")
            self.assertEqual((a["state"], a["pid"]), ("running", self.a["pid"]))
            # Its shim has stayed, since nobody else could put its end on record, and serves again.
            self.run_svcctl("enable", "b")
            self.assertEqual(self.running("b")["run"], 2)
        self.assertEqual(self.read(os.path.join(self.root, "svcd/state.json")), before)
        again()
        self.running("b", limit=20)
        self.until(lambda: self.said("the state can be saved again"), what="the state", limit=20)
        self.unharmed()
        self.until(lambda: "cannot save the state" in self.svcd_log(), what="svcd.log to tell it", limit=20)
        self.successor()

    def test_logs_read_only(self):
        """What is open is written on; the others lose lines, and it is told."""
        self.start_in_here()
        again = self.read_only("logs")
        with at_rest(self, self.svcd.pid):
            self.svcctl("stop", "b")
            self.svcctl("start", "b")
            self.until(lambda: self.said("b: lines of its log are being lost: Read-only file system"),
                       what="the complaint")
        again()
        self.logged("b", "lines lost=[0-9]+ reason=\"Read-only file system\"", source="svcd")
        self.unharmed()
        numbers = [int(t) for t in self.log_texts("a", "out")]
        self.assertEqual(numbers, list(range(len(numbers))))

    def test_a_start_of_svcd_on_a_read_only_root_says_why(self):
        self.up()
        self.kill_svcd()
        again = self.read_only("")
        first = self.start(wait=False)
        self.assertEqual(first.wait(20 * SLOW), 1)
        self.assertIn("Read-only file system", self.stderr())
        again()
        self.start()
        self.unharmed()


if __name__ == "__main__":
    unittest.main()
