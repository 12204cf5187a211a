"""svcd in a delegated cgroup v2: found, divided, given back; a fresh folder for each run.

Each test gives svcd a folder of its own; where none can be made, the tests are skipped and say why. As root
they run with svcd as root and as an unprivileged user in a folder that was given to it. What needs
controllers is skipped where there are none: tests/kernel runs it with all of them."""

import json
import os
import pwd
import re
import signal
import unittest

import cgrouptest
from svcdtest import PYTHON, SvcdTest, alive



class InFolder(SvcdTest):
    """svcd is started in `base`; `user` is who it runs as, None = as the test."""

    user = None

    def setUp(self):
        super().setUp()
        if self.user and os.getuid() != 0:
            self.skipTest("only root can become another user")
        who = pwd.getpwnam(self.user) if self.user else None
        uid = who.pw_uid if who else os.getuid()
        self.base = cgrouptest.make(uid)
        self.addCleanup(cgrouptest.remove, self.base)
        self.svcd_env["SVCD_CGROUP"] = "yes"
        if who:
            for top, _, files in os.walk(self.tmp):
                os.chown(top, who.pw_uid, who.pw_gid)
                for f in files:
                    os.chown(os.path.join(top, f), who.pw_uid, who.pw_gid)

        def enter():
            self.put_in(os.getpid())
            if who:
                os.setgroups([])
                os.setresgid(who.pw_gid, who.pw_gid, who.pw_gid)
                os.setresuid(who.pw_uid, who.pw_uid, who.pw_uid)
        self.svcd_becomes = enter

    def put_in(self, pid):
        """As the unit does: as long as an earlier svcd's controllers are on, nobody can come in."""
        for controller in cgrouptest.read(self.base, "cgroup.subtree_control").split():
            cgrouptest.write("-" + controller, self.base, "cgroup.subtree_control")
        cgrouptest.write(str(pid), self.base, "cgroup.procs")

    def config(self, text, name="services.yaml"):
        path = super().config(text, name)
        if self.user:
            os.chown(path, *pwd.getpwnam(self.user)[2:4])
        return path

    def python(self, name, text):
        """One that the other user can run, too."""
        command = super().python(name, text)
        if not self.user:
            return command
        os.chmod(os.path.join(self.home, name), 0o755)
        return command.replace(PYTHON, "/usr/bin/python3", 1)

    def run_of(self, name, run=1):
        """The folder of a run, or None."""
        found = [f for f in cgrouptest.folders(self.base) if re.fullmatch(rf"{name}@[0-9a-f]{{8}}\.{run}", f)]
        return os.path.join(self.base, found[0]) if found else None

    def runs(self):
        return [re.sub("@[0-9a-f]{8}", "", f) for f in cgrouptest.folders(self.base) if "@" in f]

    def kept_by(self, name):
        reply = json.loads(self.svcctl("--json", "show", name).out)
        return {s["path"]: s["kept_by"] for s in reply["settings"] if s["kept_by"]}

    def doctor(self):
        return {f["check"]: f for f in json.loads(self.run_svcctl("--json", "doctor").out)}

    def needs(self, controller):
        if controller not in cgrouptest.controllers(self.base):
            self.skipTest(f"no {controller} controller in {self.base}")


class Runs(InFolder):
    def test_each_run_has_a_fresh_folder(self):
        self.config("services:\n  a: {command: 'sleep 1000 & exec sleep 1000', restart: {delay: 10ms}}\n"
                    "  b: {command: sleep 1000}\n")
        self.start()
        a, b = self.running("a"), self.running("b")
        self.assertEqual(sorted(self.runs()), ["a.1", "b.1"])
        folder = self.run_of("a")
        self.until(lambda: len(cgrouptest.pids(folder)) == 2, what="both processes of a")
        self.assertEqual(cgrouptest.of(b["pid"]), self.run_of("b"))
        supervisor = os.path.join(self.base, "supervisor")
        for pid in (self.svcd.pid, self.shim_of(a["pid"])):
            self.assertEqual(cgrouptest.of(pid), supervisor)
        os.kill(a["pid"], signal.SIGKILL)
        self.until(lambda: self.run_of("a", 2), what="the next run's folder")
        self.running("a")
        self.until(lambda: sorted(self.runs()) == ["a.2", "b.1"], what="the old folder's end")
        self.svcctl("stop", "a")
        self.assertEqual(self.runs(), ["b.1"])
        self.assertEqual(self.end_svcd(), 0)
        self.assertEqual(cgrouptest.folders(self.base), [])

    def test_a_new_svcd_takes_over(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        pid = self.running("a")["pid"]
        for _ in range(2):
            self.kill_svcd()
            self.start()
            self.assertEqual(self.running("a")["pid"], pid)
            self.assertEqual(self.runs(), ["a.1"])
        self.svcctl("restart", "--replace", "a")
        self.assertEqual(cgrouptest.of(self.running("a")["pid"]), self.run_of("a", 2))

    def test_a_lost_shim(self):
        """What it left is killed, with a process that was put into the folder by somebody."""
        self.config("services: {a: {command: 'sleep 1000 & exec sleep 1000'}}\n")
        self.start()
        pid = self.running("a")["pid"]
        folder = self.run_of("a")
        self.until(lambda: len(cgrouptest.pids(folder)) == 2, what="both processes")
        old = cgrouptest.pids(folder)
        os.kill(self.shim_of(pid), signal.SIGKILL)
        self.new_run("a", pid)
        self.assertFalse(any(map(alive, old)))
        self.until(lambda: self.runs() == ["a.2"], what="the old folder's end")

    def test_left_over_folders(self):
        """Those of an earlier svcd are killed and removed, others' are left alone."""
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        self.running("a")
        stem = self.run_of("a").rsplit(".", 1)[0]
        self.end_svcd()
        dead, gone, other = f"{stem}.7", stem.replace("/a@", "/gone@") + ".3", f"{self.base}/b@01234567.1"
        strangers = []
        for folder in (dead, gone, other, f"{dead}/inner"):
            os.mkdir(folder)
            pid = os.spawnvp(os.P_NOWAIT, "sleep", ["sleep", "1000"])
            cgrouptest.write(str(pid), folder, "cgroup.procs")
            strangers.append(pid)
        if self.user:
            uid = pwd.getpwnam(self.user).pw_uid
            for folder in (dead, gone, f"{dead}/inner"):
                for name in ("", "cgroup.kill", "cgroup.procs"):
                    os.chown(os.path.join(folder, name), uid, -1)
        self.start()
        self.running("a")
        self.until(lambda: not os.path.exists(dead) and not os.path.exists(gone), what="the end of both")
        self.assertEqual([alive(p) for p in strangers], [False, False, True, False])
        self.assertTrue(os.path.isdir(other))
        os.kill(strangers[2], signal.SIGKILL)
        self.gone(*strangers)

    def test_folders_of_a_services_own(self):
        code = f"""
            import os, time
            base = {self.base!r}
            own = [l for l in open("/proc/self/cgroup") if l.startswith("0::")][0].strip()[3:]
            folder = os.path.join(base, os.path.basename(own), "inner")
            os.makedirs(folder + "/most")
            open("made", "w").write(folder)
            time.sleep(1000)
        """
        self.config(f"services: {{a: {{command: {self.python('p.py', code)}}}}}\n")
        self.start()
        folder = self.written("made")[0]
        self.assertTrue(os.path.isdir(folder))
        self.svcctl("stop", "a")
        self.until(lambda: self.runs() == [], what="the end of all folders")

    def test_what_is_said(self):
        self.config("services: {a: {command: sleep 1000, limits: {memory: 64M, cpu: 50%, processes: 50}}}\n")
        self.start()
        self.running("a")
        kept, found = self.kept_by("a"), self.doctor()["cgroups"]
        self.assertIn(self.base, found["text"])
        for path, controller, name in (("limits.memory", "memory", "memory.max"),
                                       ("limits.cpu", "cpu", "cpu.max"),
                                       ("limits.processes", "pids", "pids.max")):
            if controller in cgrouptest.controllers(self.base):
                self.assertEqual(kept[path], f"cgroup ({name})")
            else:
                self.assertIn(f"{self.base} has no {controller} controller", kept[path])
        self.assertEqual(kept["limits.core"], "rlimit")

    def test_no_folder_is_wanted(self):
        self.svcd_env["SVCD_CGROUP"] = "no"
        self.config("services: {a: {command: sleep 1000, limits: {cpu: 50%}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.assertEqual(cgrouptest.of(pid), self.base)
        self.assertEqual(cgrouptest.folders(self.base), [])
        self.assertIn("SVCD_CGROUP=no", self.kept_by("a")["limits.cpu"])
        self.assertIn("SVCD_CGROUP=no", self.doctor()["cgroups"]["text"])
        # the next svcd has one; the run that it takes over has none until it is replaced
        self.kill_svcd()
        self.svcd_env["SVCD_CGROUP"] = "yes"
        self.start()
        self.assertEqual(self.running("a")["pid"], pid)
        self.svcctl("restart", "--replace", "a")
        self.assertEqual(cgrouptest.of(self.running("a")["pid"]), self.run_of("a", 2))

    def test_a_folder_that_cannot_be_made(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        pid = self.running("a")["pid"]
        cgrouptest.write("2", self.base, "cgroup.max.descendants")  # supervisor, and the run that is up
        self.svcctl("stop", "a")
        cgrouptest.write("1", self.base, "cgroup.max.descendants")
        self.svcctl("start", "a")
        self.assertNotEqual(self.running("a")["pid"], pid)
        self.assertEqual(self.runs(), [])
        self.until(lambda: "a: run 2 has no cgroup: " in self.read("admin/svcd/svcd.log"), what="the reason")

    def test_delegation_is_found(self):
        """Without SVCD_CGROUP: a folder of our own that holds nothing but svcd."""
        del self.svcd_env["SVCD_CGROUP"]
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        self.running("a")
        if os.path.isdir("/run/systemd/system") and not self.user and os.getuid() == 0:
            self.assertEqual(self.runs(), [])  # systemd's, and it has not said so
            return
        self.assertEqual(self.runs(), ["a.1"])
        self.kill_svcd()
        self.start()
        self.assertEqual(self.runs(), ["a.1"])
        stranger = os.spawnvp(os.P_NOWAIT, "sleep", ["sleep", "1000"])
        self.kill_svcd()
        self.put_in(stranger)
        self.start()
        self.assertIn("holds processes other than svcd", self.doctor()["cgroups"]["text"])
        self.assertEqual(self.running("a")["run"], 1)
        os.kill(stranger, signal.SIGKILL)


class RunsUnprivileged(Runs):
    user = "nobody"


class Controllers(InFolder):
    def test_out_of_memory_is_named(self):
        self.needs("memory")
        self.config(f"""
            services:
              a:
                command: "sleep 1000 & exec {self.python('hog.py', 'x = bytearray(300 << 20)')}"
                limits: {{memory: 64M}}
                restart: {{max_failures: 2, delay: 10ms}}
        """)
        self.start()
        s = self.in_state("a", "disabled")
        e = s["last_exit"]
        self.assertEqual((e["signal"], e["oom"], e["kind"]), ("KILL", True, "signaled"))
        self.assertTrue(48 << 20 <= e["peak_bytes"] <= 64 << 20, e)
        self.assertRegex(e["text"], r"killed by the kernel: memory limit 64M exceeded \(peak \S+M\) after")
        self.assertIn("memory limit 64M exceeded", s["note"])
        self.logged("a", r"svcd exited run=1 pid=\d+ signal=KILL oom=yes peak=\S+M ran=")
        self.assertIn("memory limit 64M exceeded", self.svcctl("status", "a", status=3).out)

    def test_a_new_limit_is_in_force_at_once(self):
        self.needs("memory")
        self.needs("pids")
        self.needs("cpu")
        self.config("services: {a: {command: sleep 1000, limits: {memory: 64M, cpu: 50%, processes: 9}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        names = ("memory.max", "memory.oom.group", "pids.max", "cpu.max")

        def values():
            return [cgrouptest.read(self.run_of("a"), n) for n in names]
        self.assertEqual(values(), [str(64 << 20), "1", "9", "50000 100000"])
        self.config("services: {a: {command: sleep 1000, limits: {memory: 65M, cpu: 200%}}}\n")
        self.svcctl("reload")
        want = [str(65 << 20), "1", "max", "200000 100000"]
        self.until(lambda: values() == want, what=f"{want}")
        # The controllers are gone with svcd: the next one sets all of it again.
        self.kill_svcd()
        self.start()
        self.until(lambda: values() == want, what=f"{want} again")
        self.assertEqual(self.running("a")["pid"], pid)

    def test_processes(self):
        self.needs("pids")
        code = """
            import os, time
            n = 0
            try:
                while n < 100:
                    if os.fork() == 0: time.sleep(1000)
                    n += 1
            except OSError as e:
                open("result", "w").write(f"{n} {e.errno}")
            time.sleep(1000)
        """
        self.config(f"services: {{a: {{command: {self.python('p.py', code)}, limits: {{processes: 20}}}}}}\n")
        self.start()
        self.assertEqual(self.written("result", 2), ["19", "11"])
        self.svcctl("stop", "a")

    def test_cpu(self):
        self.needs("cpu")
        code = """
            import time
            begin, used = time.monotonic(), time.process_time()
            while time.monotonic() - begin < 2: pass
            open("result", "w").write(str(int((time.process_time() - used) * 100 / (time.monotonic() - begin))))
            time.sleep(1000)
        """
        self.config(f"services: {{a: {{command: {self.python('p.py', code)}, limits: {{cpu: 20%}}}}}}\n")
        self.start()
        self.assertLess(int(self.written("result")[0]), 75)  # %; a slow machine's ticks are coarse
        self.assertGreater(int(cgrouptest.read(self.run_of("a"), "cpu.stat").split("nr_throttled ")[1].split()[0]), 5)


class ControllersUnprivileged(Controllers):
    user = "nobody"


if __name__ == "__main__":
    unittest.main()
