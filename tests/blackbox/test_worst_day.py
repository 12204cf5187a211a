"""What a supervisor must not do on a bad day: leak, lock its owner out, claim what is not so."""
import os
import socket
import subprocess
import unittest

import svcdtest
from svcdtest import SLOW, SvcdTest


class Leaks(SvcdTest):
    def test_checks_leave_nothing_behind(self):
        self.config("services:\n"
                    "  a: {command: sleep 1000, monitoring: {command: 'echo x >> checks', interval: 100ms}}\n"
                    "  b: {command: sleep 1001, monitoring: {command: [sleep, '100'], interval: 100ms,\n"
                    "      timeout: 100ms, failures: 100}}\n")
        self.start()
        self.running("a")
        fds = f"/proc/{self.svcd.pid}/fd"
        self.until(lambda: len(self.written("checks")) > 3, what="some checks")
        before, seen = len(os.listdir(fds)), len(self.written("checks"))
        self.until(lambda: len(self.written("checks")) > seen + 20, what="many checks")
        self.assertLessEqual(len(os.listdir(fds)), before + 4)
        children = open(f"/proc/{self.svcd.pid}/task/{self.svcd.pid}/children").read().split()
        self.assertLessEqual(len(children), 7)  # nursery, two shims, the checks under way

    def test_descriptors_of_the_caller_are_closed(self):
        r, w = os.pipe()
        os.set_inheritable(w, True)
        self.config("services: {}\n")
        self.start(pass_fds=(w,))
        os.close(w)
        os.set_blocking(r, False)
        self.assertEqual(os.read(r, 1), b"")  # end of file: nobody else holds it
        os.close(r)


class Clients(SvcdTest):
    def test_silent_connections_lock_nobody_out(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        self.running("a")
        folder = os.open(self.run_dir, os.O_PATH | os.O_DIRECTORY)
        silent = []
        for _ in range(300):
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(20 * SLOW)
            s.connect(f"/proc/self/fd/{folder}/control.sock")
            silent.append(s)
        for _ in range(5):
            self.assertIn("a", self.svcctl("status").out)
        for s in silent:
            s.close()
        os.close(folder)
        self.running("a")


class Saving(SvcdTest):
    @unittest.skipIf(os.getuid() == 0, "root may write everywhere")
    def test_a_folder_that_takes_no_file(self):
        """Its journal is open: what is said to be done is on record. What is not at all: test_disk."""
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        self.running("a")
        state = os.path.join(self.root, "svcd")
        os.chmod(state, 0o500)
        self.svcctl("disable", "a")
        self.until(lambda: "cannot replace state.json" in self.read(os.path.join(state, "svcd.log")),
                   what="a word of it")
        self.kill_svcd()
        os.chmod(state, 0o700)
        self.start()
        self.assertEqual(self.state("a"), "disabled")


class Executable(SvcdTest):
    def test_replaced_while_svcd_was_away(self):
        bad = self.script("prog", "exit 1\n")
        self.config(f"services: {{a: {{command: {bad}, restart: {{delay: 10ms, max_failures: 2}}}}}}\n")
        self.start()
        self.in_state("a", "disabled")
        self.end_svcd()
        self.start()
        self.assertEqual(self.state("a"), "disabled")  # nothing has changed
        self.end_svcd()
        self.script("prog.new", "exec sleep 1000\n")
        os.rename(os.path.join(os.path.dirname(bad), "prog.new"), bad)
        self.start()
        self.running("a")
        self.logged("a", "enabled by=executable")


class Second(SvcdTest):
    def test_refused_even_without_lock_files(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        pid = self.running("a")["pid"]
        os.unlink(os.path.join(self.root, "svcd/lock"))
        os.unlink(os.path.join(self.run_dir, "lock"))
        r = subprocess.run([os.path.join(svcdtest.BIN, "svcd"), "--root", self.root], env=self.environment(),
                           capture_output=True, text=True, timeout=20 * SLOW)
        self.assertEqual(r.returncode, 1)
        # If it was quicker than the first one, which puts the files back, the socket tells.
        self.assertRegex(r.stderr, "another svcd (answers|.*already runs)")
        self.assertEqual(self.running("a")["pid"], pid)


class Sample(SvcdTest):
    def test_is_for_the_first_start_only(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        self.running("a")
        self.end_svcd()
        os.unlink(os.path.join(self.root, "config/services.yaml"))
        self.start()
        self.assertFalse(os.path.exists(os.path.join(self.root, "config/services.yaml")))


if __name__ == "__main__":
    unittest.main()
