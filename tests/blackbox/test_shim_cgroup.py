"""svc-shim: a fresh cgroup for each run, killed and removed with it."""

import os
import signal
import struct
import subprocess
import unittest

import cgrouptest
from shimproto import ORDER_ARMED, PYTHON, ShimTest, alive

RLIMIT_NPROC = 6
# In the background for good, and not to be found by its parent.
DAEMON = """
import os, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
open(sys.argv[1], 'w').write(str(os.getpid()) + '\\n')
time.sleep(1000)
"""


class Cgroup(ShimTest):
    def setUp(self):
        super().setUp()
        self.base = cgrouptest.make()
        self.addCleanup(cgrouptest.remove, self.base)
        self.prefix = os.path.join(self.base, "a@0123")

    def of_run(self, run):
        return f"{self.prefix}.{run}"

    def kill(self, shim):
        """Until nothing is left: what is killed together need not end in the same moment."""
        shim.send("KILL")
        if shim.expect("EXITED").leftover:
            shim.expect("EMPTY")

    def test_a_run_is_in_a_folder_of_its_own(self):
        shim = self.shim()
        self.assertEqual(shim.hello.cgroup, b"")
        started = shim.sh("sleep 1000 & exec sleep 1000", cgroup=self.prefix)
        self.assertEqual(started.cgroup.decode(), self.of_run(1))
        self.assertEqual(started.cgroup_errno, 0)
        self.until(lambda: len(cgrouptest.pids(self.of_run(1))) == 2, "both processes")
        self.assertIn(started.main_pid, cgrouptest.pids(self.of_run(1)))
        self.assertNotEqual(cgrouptest.of(shim.pid), self.of_run(1))
        shim.send("KILL")
        if shim.expect("EXITED").leftover:  # the other one takes its time
            shim.expect("EMPTY", run=1)
        self.assertEqual(cgrouptest.folders(self.base), [])
        second = shim.start(["sleep", "1000"], cgroup=self.prefix)
        self.assertEqual(second.cgroup.decode(), self.of_run(2))
        self.assertEqual(cgrouptest.folders(self.base), ["a@0123.2"])

    def test_a_standing_order_makes_a_fresh_one(self):
        shim = self.shim()
        first = shim.start(["sleep", "1000"], cgroup=self.prefix)
        shim.send("ORDER", flags=ORDER_ARMED)
        # A folder in which cgroup.kill was written kills what is cloned into it.
        cgrouptest.write("1", self.of_run(1), "cgroup.kill")
        shim.expect("EXITED", run=1, restarted=1)
        second = shim.expect("STARTED", run=2)
        self.assertEqual(second.cgroup.decode(), self.of_run(2))
        self.assertEqual(cgrouptest.of(second.main_pid), self.of_run(2))
        self.assertTrue(alive(second.main_pid))
        self.assertNotEqual(first.main_pid, second.main_pid)
        self.assertEqual(cgrouptest.folders(self.base), ["a@0123.2"])

    def test_a_shim_whose_own_folder_was_killed_once(self):
        """Kernels kill what is cloned by it into any other folder; the run starts all the same."""
        old = os.path.join(self.base, "supervisor")
        os.mkdir(old)
        cgrouptest.write("1", old, "cgroup.kill")
        shim = self.shim()
        cgrouptest.write(str(shim.pid), old, "cgroup.procs")
        for run in (1, 2):
            started = shim.start(["sleep", "1000"], run=run, cgroup=self.prefix)
            self.assertEqual(cgrouptest.of(started.main_pid), self.of_run(run))
            self.assertIsNone(shim.quiet(0.05))
            shim.send("KILL")
            shim.expect("EXITED", run=run)

    def test_a_left_over_folder_is_not_used(self):
        os.mkdir(self.of_run(1))
        inner = os.path.join(self.of_run(1), "inner")
        os.mkdir(inner)
        shim = self.shim()
        started = shim.start(["sleep", "1000"], cgroup=self.prefix, run=1,
                             rlimit_else=struct.pack("=IIQQ", 7, 0, 100, 100))
        self.assertEqual((started.cgroup, started.cgroup_errno), (b"", 17))
        self.assertEqual(cgrouptest.of(started.main_pid), cgrouptest.of(shim.pid))
        self.assertIn("Max open files            100 ", self.read(f"/proc/{started.main_pid}/limits").decode())
        shim.send("KILL")
        shim.expect("EXITED")
        os.rmdir(inner)
        os.rmdir(self.of_run(1))
        os.mkdir(self.of_run(2))  # empty: gone and made anew
        self.assertEqual(shim.start(["sleep", "1000"], cgroup=self.prefix).cgroup.decode(), self.of_run(2))

    def test_no_folder_is_no_reason_not_to_start(self):
        shim = self.shim()
        for prefix, error in ((self.base + "/no/such", 2), ("/" + "x" * 5000, 36)):
            started = shim.start(["sleep", "1000"], cgroup=prefix)
            self.assertEqual((started.cgroup, started.cgroup_errno), (b"", error))
            shim.send("KILL")
            shim.expect("EXITED")

    def test_a_start_that_fails_leaves_no_folder(self):
        shim = self.shim()
        shim.start(["/no/such/program"], wait=False, cgroup=self.prefix)
        self.assertEqual(shim.expect("START_FAILED").stage_name, "exec")
        self.assertEqual(cgrouptest.folders(self.base), [])

    def test_a_limit_that_a_cgroup_takes_over(self):
        shim = self.shim()
        rlimit = struct.pack("=IIQQ", 7, 0, 100, 100)
        started = shim.start(["sleep", "1000"], cgroup=self.prefix, rlimit_else=rlimit)
        limits = f"/proc/{started.main_pid}/limits"
        self.assertNotIn("Max open files            100 ", self.read(limits).decode())
        shim.send("LIMITS", rlimit=struct.pack("=IIQQ", 7, 0, 90, 90))
        self.until(lambda: b"Max open files            90 " in self.read(limits), "the new limit")

    def test_settings_are_written_now_and_for_the_next_run(self):
        shim = self.shim()
        shim.start(["sleep", "1000"], cgroup=self.prefix,
                   cgroup_set=["cgroup.max.depth=3", "cgroup.max.descendants=7", "no.such=1",
                               "../x=1", "nothing", "x" * 300 + "=1"])
        self.assertEqual(cgrouptest.read(self.of_run(1), "cgroup.max.depth"), "3")
        self.assertEqual(cgrouptest.read(self.of_run(1), "cgroup.max.descendants"), "7")
        shim.send("LIMITS", cgroup_set=["cgroup.max.depth=5"])
        self.until(lambda: cgrouptest.read(self.of_run(1), "cgroup.max.depth") == "5", "the new value")
        shim.send("ORDER", flags=ORDER_ARMED)
        shim.send("SIGNAL", signo=int(signal.SIGKILL))
        shim.expect("STARTED", run=2)
        self.assertEqual(cgrouptest.read(self.of_run(2), "cgroup.max.depth"), "5")
        self.assertEqual(cgrouptest.read(self.of_run(2), "cgroup.max.descendants"), "max")

    def test_accounting_is_of_the_whole_tree(self):
        shim = self.shim()
        burn = f"{PYTHON} -c 'import time\nwhile time.process_time() < 0.3: pass' </dev/null &"
        # Its children are not waited for, so that rusage does not have them.
        main = shim.sh(f"{burn} {burn} exec sleep 1000", cgroup=self.prefix).main_pid
        self.until(lambda: self.read(f"/proc/{main}/comm") == b"sleep\n" and
                   cgrouptest.pids(self.of_run(1)) == [main], "the end of both")
        shim.send("KILL")
        ended = shim.expect("EXITED")
        tree, alone = ended.tree_user_ms + ended.tree_system_ms, ended.user_ms + ended.system_ms
        self.assertGreaterEqual(tree - alone, 550)
        self.assertEqual(ended.oom, 0)

    def test_what_has_left_the_tree_is_killed_with_the_folder(self):
        """A process that is no descendant of the shim, put into the folder by somebody."""
        shim = self.shim()
        shim.start(["sleep", "1000"], cgroup=self.prefix)
        stranger = subprocess.Popen(["sleep", "1000"])
        self.addCleanup(stranger.wait)
        self.addCleanup(stranger.kill)
        cgrouptest.write(str(stranger.pid), self.of_run(1), "cgroup.procs")
        shim.send("SIGNAL", signo=int(signal.SIGKILL))
        ended = shim.expect("EXITED")
        self.assertEqual(ended.leftover, 1)
        self.assertIsNone(stranger.poll())
        shim.send("KILL")
        shim.expect("EMPTY")
        self.assertEqual(stranger.wait(), -signal.SIGKILL)
        self.assertEqual(cgrouptest.folders(self.base), [])

    def test_what_has_left_the_folder_is_killed_with_the_tree(self):
        shim = self.shim()
        path = os.path.join(self.folder, "pid")
        shim.sh(f"{PYTHON} -c '{DAEMON.replace(chr(39), chr(34))}' {path}; exec sleep 1000",
                cgroup=self.prefix)
        daemon = int(self.until(lambda: self.read(path).strip(), "the daemon"))
        cgrouptest.write(str(daemon), self.base, "cgroup.procs")
        self.kill(shim)
        self.assertFalse(alive(daemon))

    def test_a_frozen_tree_is_killed(self):
        shim = self.shim()
        shim.sh("sleep 1000 & exec sleep 1000", cgroup=self.prefix)
        cgrouptest.write("1", self.of_run(1), "cgroup.freeze")
        self.kill(shim)
        self.assertEqual(cgrouptest.folders(self.base), [])

    def test_a_new_svcd_hears_of_it(self):
        shim = self.shim()
        shim.start(["sleep", "1000"], cgroup=self.prefix)
        server = self.listen()
        shim.close()
        link = self.accept(server)
        self.assertEqual(link.expect("HELLO").cgroup.decode(), self.of_run(1))

    def test_a_fork_bomb(self):
        shim = self.shim()
        shim.start([PYTHON, "-c", "import os\nfor _ in range(7): os.fork()\nwhile True:\n"
                    " if os.fork(): os._exit(0)"], cgroup=self.prefix)
        self.until(lambda: len(cgrouptest.pids(self.of_run(1))) > 50, "many processes")
        shim.send("KILL")
        shim.expect("EXITED")
        self.until(lambda: cgrouptest.folders(self.base) == [], "nothing left")

    def test_with_real_memory_limit(self):
        if "memory" not in cgrouptest.controllers(self.base):
            self.skipTest(f"no memory controller in {self.base}")
        cgrouptest.write("+memory", self.base, "cgroup.subtree_control")
        shim = self.shim()
        shim.sh(f"sleep 1000 & exec {PYTHON} -c 'x = bytearray(200 << 20)'", cgroup=self.prefix,
                cgroup_set=["memory.max=33554432", "memory.swap.max=0", "memory.oom.group=1"])
        ended = shim.expect("EXITED")
        self.assertEqual(os.waitstatus_to_exitcode(ended.wstatus), -signal.SIGKILL)
        self.assertEqual((ended.oom, ended.leftover), (1, 0))
        self.assertTrue(24 << 20 <= ended.peak_bytes <= 33554432, ended)


if __name__ == "__main__":
    unittest.main()
