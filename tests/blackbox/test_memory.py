"""limits.memory where no cgroup keeps it: svcd looks every two seconds, and restarts what holds too much."""

import json
import os
import time
import unittest

from svcdtest import SvcdTest

# Holds as much as the first line of the file "hold" says, in this many processes.
HOLDER = """
    import mmap, os, sys, time
    children, shared = int(sys.argv[1]), len(sys.argv) > 2
    area = mmap.mmap(-1, 1 << 30) if shared else bytearray()
    for _ in range(children):
        if os.fork() == 0: break
    while True:
        try: want = int(open("hold").read())
        except (OSError, ValueError): want = 0
        if shared:
            for at in range(0, want << 20, 4096): area[at] = 1
        elif len(area) != want << 20:
            area = bytearray(want << 20)
        open(f"held.{os.getpid()}", "w").write(str(want))
        time.sleep(0.1)
"""


class Memory(SvcdTest):
    limit = 90

    def setUp(self):
        super().setUp()
        self.svcd_env["SVCD_CGROUP"] = "no"

    def holder(self, children=0, more=""):
        return f"{self.python('holder.py', HOLDER)} {children} {more}".strip()

    def wakeups(self):
        """How often svcd has slept."""
        with open(f"/proc/{self.svcd.pid}/status", encoding="ascii") as f:
            return int(next(line for line in f if line.startswith("voluntary")).split()[1])

    def exceeded(self):
        return len([t for t in self.log_texts("a", "svcd") if t.startswith("memory limit exceeded")])

    def test_a_tree_above_its_limit_is_restarted(self):
        """The sum over the whole tree counts, none of it alone is above the limit."""
        self.config(f"services: {{a: {{command: '{self.holder(2)}', limits: {{memory: 150M}}}}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.write("hold", "60")
        s = self.new_run("a", pid, limit=30)
        os.unlink(os.path.join(self.home, "hold"))
        e = s["last_exit"]
        self.assertEqual((e["cause"], e["failure"], e["signal"]), ("memory", True, "TERM"))
        self.assertTrue(150 << 20 < e["peak_bytes"] < 320 << 20, e)  # svcd may look when not all of them hold it
        self.assertRegex(e["text"], r"memory limit 150M exceeded \(peak [0-9.]+M\)")
        self.logged("a", r"svcd memory limit exceeded run=1 used=\S+M limit=150M")
        self.logged("a", r"svcd exited run=1 pid=\d+ signal=TERM ran=\S+ failure=1/5")
        told = [x for x in self.events("a") if x["event"] == "memory limit exceeded"]
        self.assertEqual([(x["run"], x["limit_bytes"]) for x in told], [(1, 150 << 20)])

    def test_shared_memory_counts_once(self):
        self.config(f"services: {{a: {{command: '{self.holder(3, 'shared')}', limits: {{memory: 200M}}}}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.write("hold", "90")  # 360 M resident, 90 M in truth
        self.until(lambda: sum(1 for n in os.listdir(self.home) if n.startswith("held.") and
                               self.read(n) == "90") == 4, what="all of them to hold it")
        samples = self.wakeups() + 3
        self.until(lambda: self.wakeups() >= samples, what="some samples", limit=30)
        s = self.service("a")
        self.assertEqual((s["pid"], s["run"]), (pid, 1))
        self.assertGreater(s["memory_bytes"], 300 << 20)
        self.assertEqual(self.exceeded(), 0)

    def test_a_new_limit_is_looked_at_at_once(self):
        run = self.holder()
        self.write("hold", "100")
        self.config(f"services: {{a: {{command: '{run}'}}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.until(lambda: self.service("a")["memory_bytes"] > 90 << 20, what="100 M in use")
        self.config(f"services: {{a: {{command: '{run}', limits: {{memory: 50M}}}}}}\n")
        self.svcctl("reload")
        self.assertEqual(self.service("a")["pid"], pid)
        self.new_run("a", pid, limit=30)

    def test_after_a_crash_of_svcd(self):
        self.config(f"services: {{a: {{command: '{self.holder()}', limits: {{memory: 50M}}}}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.kill_svcd()
        self.write("hold", "100")
        self.start()
        s = self.new_run("a", pid, limit=30)
        self.assertEqual(s["last_exit"]["cause"], "memory")

    def test_it_counts_as_a_failure(self):
        self.write("hold", "100")
        self.config(f"services: {{a: {{command: '{self.holder()}', limits: {{memory: 50M}}, restart: "
                    "{max_failures: 1}}}\n")
        self.start()
        s = self.in_state("a", "disabled", limit=30)
        self.assertEqual(s["disabled_cause"], "failures")
        self.assertIn("memory limit 50M exceeded", s["note"])

    def test_nobody_looks_where_nobody_asks(self):
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000, limits: {memory: 99M}}}\n")
        self.start()
        self.running("a")
        self.running("b")
        before = self.wakeups()
        self.until(lambda: self.wakeups() >= before + 2, what="svcd to look at b")
        self.svcctl("stop", "b")
        self.until(self.is_quiet, what="svcd to look at nothing", limit=40)

    def is_quiet(self):
        before = self.wakeups()
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            if self.wakeups() != before:
                return False
            time.sleep(0.05)
        return True

    def test_what_is_said(self):
        self.config("services: {a: {command: sleep 1000, limits: "
                    "{memory: 99M, cpu: 50%, processes: 500, files: 99, nice: 1}}}\n")
        self.start()
        self.running("a")
        kept = {s["path"]: s["kept_by"] for s in json.loads(self.svcctl("--json", "show", "a").out)["settings"]}
        self.assertEqual(kept["limits.memory"], "svcd, which looks every 2 s (no cgroup: SVCD_CGROUP=no)")
        self.assertEqual(kept["limits.cpu"], "nobody (no cgroup: SVCD_CGROUP=no); limits.nice works everywhere")
        self.assertIn("rlimit" if os.getuid() else "nobody: RLIMIT_NPROC does not bind root",
                      kept["limits.processes"])
        self.assertEqual((kept["limits.files"], kept["limits.nice"]), ("rlimit", "scheduling priority"))
        self.assertIsNone(kept["restart.delay"])
        self.assertIn("limits.memory", self.svcctl("show", "a").out.split("Limits, and who keeps them:")[1])
        self.assertIn("a: limits.cpu is kept by nobody", self.read("admin/svcd/svcd.log"))

    def test_doctor(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        found = {f["check"]: f for f in json.loads(self.svcctl("--json", "doctor", status=1).out)}
        self.assertEqual((found["svcd"]["state"], found["folders"]["state"]), ("problem", "problem"))
        self.start()
        found = {f["check"]: f for f in json.loads(self.svcctl("--json", "doctor").out)}
        self.assertEqual([found[c]["state"] for c in ("svcd", "folders", "definitions", "open files")], ["ok"] * 4)
        self.assertIn("SVCD_CGROUP=no", found["cgroups"]["text"])
        self.assertIn("python", found["started"]["text"])
        os.chmod(os.path.join(self.root, "logs/services"), 0o777)
        self.config("services: {a: {command: sleep 1000, oops: 1}}\n")
        page = self.svcctl("doctor", status=1).out
        self.assertRegex(page, r"problem +folders +\S+/logs/services can be written to by others \(mode 777\)")
        self.assertRegex(page, r"problem +definitions +1 error in the definitions")


if __name__ == "__main__":
    unittest.main()
