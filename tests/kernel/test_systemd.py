"""svcd as a unit of a real systemd: killed and started again with its services untouched, stopped with all of
them, limits by controllers, and a clock that is set by years. As root, in a machine of its own (guest.sh)."""

import json
import os
import pwd
import signal
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../helpers"))
os.environ.setdefault("SVCD_BIN", "/usr/local/bin")
import cgrouptest  # noqa: E402
from svcdtest import SLOW, alive  # noqa: E402

USER = pwd.getpwnam("svcuser")
YEARS = 10 * 365 * 86400
CONFIG = """
services:
  hog:
    command: "sleep 1000 & exec python3 -c 'x = bytearray(300 << 20)'"
    limits: {memory: 48M}
    restart: {max_failures: 2, delay: 10ms}
  tick:
    command: "while :; do echo tick; sleep 1; done"
    limits: {memory: 64M, cpu: 50%, processes: 20}
    monitoring: {command: "true", interval: 1s}
  left: {command: "sleep 2000 & exec sleep 1000"}
"""


def run(*argv, status=0, **more):
    p = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60 * SLOW, **more)
    if status is not None and p.returncode != status:
        raise AssertionError(f"{argv}: status {p.returncode}\n{p.stdout}\n{p.stderr}")
    return p.stdout.strip()


def until(condition, what, limit=30):
    end = time.monotonic() + limit * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {limit * SLOW} s for {what}")
        time.sleep(0.1)


class Unit:
    """What both kinds of units must do. A subclass says how systemctl is called."""

    prefix, unit = (), ""

    def systemctl(self, *argv, status=0):
        return run(*self.prefix, "systemctl", *self.scope, *argv, status=status)

    def setUp(self):
        os.makedirs(f"{USER.pw_dir}/admin/config", 0o700, exist_ok=True)
        self.config(CONFIG)
        self.systemctl("start", self.unit)
        self.addCleanup(self.end)

    def end(self):
        self.systemctl("stop", self.unit, status=None)
        self.systemctl("reset-failed", self.unit, status=None)
        subprocess.run(["rm", "-rf", f"{USER.pw_dir}/admin"], check=True)

    def config(self, text):
        path = f"{USER.pw_dir}/admin/config/services.yaml"
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        subprocess.run(["chown", "-R", "svcuser:", f"{USER.pw_dir}/admin"], check=True)

    def property(self, name):
        return self.systemctl("show", "-P", name, self.unit)

    def svcctl(self, *argv, status=0):
        return run("setpriv", "--reuid=1500", "--regid=1500", "--clear-groups", "env", "-i",
                   f"HOME={USER.pw_dir}", "PATH=/usr/bin:/bin", "/usr/local/bin/svcctl", *argv, status=status)

    def services(self):
        text = self.svcctl("--json", "status", status=None)
        try:
            return {s["name"]: s for s in json.loads(text)}
        except (ValueError, TypeError):
            return {}

    def base(self):
        return "/sys/fs/cgroup" + self.property("ControlGroup")

    def up(self):
        def there():
            s = self.services()
            return all(s.get(n, {}).get("state") == "running" for n in ("tick", "left")) and s
        return until(there, "tick and left running")

    def folder(self, name):
        found = [f for f in cgrouptest.folders(self.base()) if f.startswith(name + "@")]
        return os.path.join(self.base(), found[-1]) if found else None

    def test_limits_and_out_of_memory(self):
        self.up()
        hog = until(lambda: (s := self.services())["hog"]["state"] == "disabled" and s["hog"], "the end of hog")
        self.assertTrue(hog["last_exit"]["oom"], hog)
        self.assertIn("killed by the kernel: memory limit 48M exceeded (peak ", hog["note"])
        self.assertEqual(self.property("ActiveState"), "active")
        tick = self.folder("tick")
        self.assertEqual([cgrouptest.read(tick, n) for n in ("memory.max", "cpu.max", "pids.max")],
                         [str(64 << 20), "50000 100000", "20"])
        found = {f["check"]: f for f in json.loads(self.svcctl("--json", "doctor", status=None))}
        self.assertEqual(found["cgroups"]["state"], "ok", found)
        self.assertIn("memory", found["cgroups"]["text"])

    def test_systemd_starts_a_killed_svcd_again(self):
        before = self.up()
        for _ in range(2):
            main = self.property("MainPID")
            self.systemctl("kill", "--kill-whom=main", "--signal=KILL", self.unit)
            until(lambda: self.property("MainPID") not in ("0", main) and
                  self.property("ActiveState") == "active", "a new svcd")
            after = self.up()
            for name in ("tick", "left"):
                self.assertEqual((after[name]["pid"], after[name]["run"]),
                                 (before[name]["pid"], before[name]["run"]))
            tick = self.folder("tick")
            until(lambda: cgrouptest.read(tick, "memory.max") == str(64 << 20), "the limit, set again")
            self.assertEqual(cgrouptest.read(tick, "cpu.max"), "50000 100000")
            self.assertIn(after["tick"]["pid"], cgrouptest.pids(tick))

    def test_stop_ends_everything(self):
        self.up()
        base = self.base()
        pids = cgrouptest.pids(base)
        self.assertGreater(len(pids), 5)
        self.systemctl("stop", self.unit)
        until(lambda: not any(map(alive, pids)), "the end of all of it", limit=5)
        self.assertEqual(self.property("Result"), "success")

    def test_the_clock_is_set_by_years(self):
        before = self.up()
        now = time.time()
        for jump in (YEARS, -YEARS):
            run("date", "-s", f"@{int(now + jump)}")
            try:
                mark = len(self.svcctl("logs", "-n", "all", "tick").splitlines())
                until(lambda m=mark: len(self.svcctl("logs", "-n", "all", "tick").splitlines()) > m + 3,
                      "lines after the clock was set")
                after = self.up()
                for name in ("tick", "left"):
                    self.assertEqual((after[name]["pid"], after[name]["restarts"]), (before[name]["pid"], 0))
                    self.assertLess(after[name]["uptime_ms"], 3600 * 1000)
                pid = after["left"]["pid"]
                os.kill(pid, signal.SIGKILL)
                after = until(lambda p=pid: (s := self.up())["left"]["pid"] != p and s, "a new run of left", limit=60)
                before["left"] = dict(after["left"], restarts=0)
                self.svcctl("restart", "--replace", "left")
                before = self.up()
                before["left"]["restarts"] = before["tick"]["restarts"] = 0
                self.svcctl("stop", "left")
                self.svcctl("start", "left")
                before = self.up()
            finally:
                run("date", "-s", f"@{int(now)}")


class System(Unit, unittest.TestCase):
    scope, unit = (), "svcd@svcuser.service"

    def test_what_is_spared_when_memory_runs_out(self):
        pid = self.up()["left"]["pid"]
        shim = cgrouptest.read("/proc", f"{pid}/stat").rsplit(") ", 1)[1].split()[1]
        scores = [int(cgrouptest.read("/proc", f"{p}/oom_score_adj")) for p in (self.property("MainPID"), shim, pid)]
        self.assertEqual(scores, [-500, -500, 0])


class User(Unit, unittest.TestCase):
    """Under the account's own systemd."""

    scope, unit = ("--user", "-M", "svcuser@"), "svcd.service"

    def systemctl(self, *argv, status=0):
        env = {"XDG_RUNTIME_DIR": f"/run/user/{USER.pw_uid}", "HOME": USER.pw_dir, "PATH": "/usr/bin:/bin"}
        return run("setpriv", "--reuid=1500", "--regid=1500", "--clear-groups", "systemctl", "--user", *argv,
                   status=status, env=env)

    def setUp(self):
        until(lambda: os.path.exists(f"/run/user/{USER.pw_uid}/systemd/private"), "the account's systemd")
        super().setUp()


if __name__ == "__main__":
    unittest.main()
