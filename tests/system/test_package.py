"""The package in a Debian with systemd as process 1: installed, used by two accounts (a unit of the system; the account's
own systemd with lingering), svcd killed and stopped, the package upgraded, the machine rebooted, the package removed.
Tests go on where the one before them ended, in the order of their numbers. Run by tests/system/run."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
TREE, PACKAGE = os.environ["SYSTEM_TREE"], os.environ["SYSTEM_PACKAGE"]
LIMIT = 60  # seconds for what takes one
CONFIG = """
services:
  web: {command: "while :; do echo tick; sleep 1; done"}
  tree: {command: "sleep 2000 & exec sleep 1000"}
"""
ALICE, BOB = "svcd@alice.service", "svcd.service"
QUICK = "[Service]\nWatchdogSec=8s\nTimeoutAbortSec=1s\n"


def until(condition, what, limit=LIMIT):
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {limit} s for {what}")
        time.sleep(0.1)




class Machine:
    """A tree that boots. Everything of it is in one cgroup and one pid namespace, and ends with process 1."""

    def __init__(self):
        self.work = tempfile.mkdtemp(prefix="svcd-system-", dir="/var/tmp")
        self.tree = f"{self.work}/tree"
        subprocess.run(["cp", "-a", "--reflink=auto", TREE, self.tree], check=True)
        self.cgroups = tempfile.mkdtemp(dir=self.work)
        subprocess.run(["mount", "-t", "cgroup2", "cgroup2", self.cgroups], check=True)
        self.outside, self.cgroup, self.init = None, None, None

    def boot(self):
        with open(f"{self.work}/boot_id", "w", encoding="ascii") as f:
            f.write(f"{uuid.uuid4()}\n")
        self.cgroup = tempfile.mkdtemp(prefix="svcd-system-", dir=self.cgroups)
        os.chmod(self.cgroup, 0o755)  # it is the root of all folders in there
        self.outside = subprocess.Popen(
            ["sh", "-c", 'echo 0 >"$1/cgroup.procs" && shift && exec "$@"', "sh", self.cgroup, "unshare", "-mpuinC",
             "--fork", "--kill-child", "--propagation", "private", "sh", f"{HERE}/boot.sh", self.tree,
             f"{self.work}/boot_id"], stdin=subprocess.DEVNULL)
        self.init = until(self._init, "process 1")
        until(lambda: self.run("systemctl", "is-system-running", status=None) in ("running", "degraded"), "the boot")

    def _init(self):
        try:
            with open(f"/proc/{self.outside.pid}/task/{self.outside.pid}/children", encoding="ascii") as f:
                pids = f.read().split()
            with open(f"/proc/{pids[0]}/comm", encoding="ascii") as f:
                return int(pids[0]) if f.read() == "systemd\n" else None
        except (OSError, IndexError):
            return None

    def run(self, *argv, status=0, user=None, more=""):
        """A command in there; what it says. STATUS None: however it ends."""
        if user:
            argv = ["runuser", "-u", user, "--", "env", f"HOME=/home/{user}", *argv]
        p = subprocess.run(["nsenter", "-t", str(self.init), "-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w", "env", "-i",
                            "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
                            *argv], capture_output=True, text=True, check=False, timeout=5 * LIMIT, input=more)
        if status is not None and p.returncode != status:
            raise AssertionError(f"{' '.join(argv)}: status {p.returncode}\n{p.stdout}\n{p.stderr}")
        return (p.stdout + p.stderr if status else p.stdout).strip()

    def put(self, path, text, user=None):
        self.run("sh", "-c", 'mkdir -p "${1%/*}" && cat >"$1"', "sh", path, user=user, more=text)

    def over(self):
        """Waits for the end of a shutdown."""
        self.outside.wait(LIMIT)
        until(self._left, "the end of the cgroup")

    def _left(self):
        for folder, _, _ in os.walk(self.cgroup, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                return False
        return True

    def done(self):
        if self.outside and self.outside.poll() is None:
            os.kill(self.init or self.outside.pid, signal.SIGKILL)
            self.over()
        subprocess.run(["umount", self.cgroups], check=False)
        shutil.rmtree(self.work, ignore_errors=True)


def version_after(package, folder):
    """The same package, as the next version. A file of it that is executed is another one after its installation."""
    tree = f"{folder}/next"
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    with open(f"{tree}/DEBIAN/control", encoding="utf-8") as f:
        text = f.read()
    with open(f"{tree}/DEBIAN/control", "w", encoding="utf-8") as f:
        f.write(re.sub(r"(?m)^Version: .*", lambda m: m[0] + "+1", text))
    subprocess.run(["dpkg-deb", "-b", "--root-owner-group", tree, f"{folder}/next.deb"], check=True,
                   stdout=subprocess.DEVNULL)
    return f"{folder}/next.deb"


class Package(unittest.TestCase):
    broken = None  # the test that failed: those after it have nothing to go on with

    @classmethod
    def setUpClass(cls):
        cls.m = m = Machine()
        cls.addClassCleanup(m.done)
        shutil.copy(PACKAGE, f"{m.tree}/root/svcd.deb")
        shutil.copy(version_after(PACKAGE, m.work), f"{m.tree}/root/next.deb")
        m.boot()

    def run(self, result=None):
        if self.broken:
            result.startTest(self)
            result.addSkip(self, f"{self.broken} has failed")
            result.stopTest(self)
            return result
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            type(self).broken = self.id().split(".")[-1]
            if self.m.outside.poll() is None:
                print(self.m.run("journalctl", "-b", "-n", "60", "--no-pager", status=None), flush=True)
        return result

    # ---- looking ----

    def systemctl(self, unit, *argv, status=0):
        if unit != BOB:
            return self.m.run("systemctl", *argv, unit, status=status)
        uid = self.m.run("id", "-u", "bob")
        return self.m.run("env", f"XDG_RUNTIME_DIR=/run/user/{uid}", "systemctl", "--user", *argv, unit, status=status,
                          user="bob")

    def property(self, unit, name):
        return self.systemctl(unit, "show", "-P", name)

    def services(self, user):
        text = self.m.run("svcctl", "--json", "status", user=user, status=None)
        try:
            return {s["name"]: s for s in json.loads(text)}
        except (ValueError, TypeError):
            return {}

    def up(self, user, *names):
        def there():
            s = self.services(user)
            return all(s.get(n, {}).get("state") == "running" for n in names or ("web", "tree")) and s
        return until(there, f"the services of {user}")

    def pids(self, user):
        return {n: (s["pid"], s["run"]) for n, s in self.up(user).items()}

    def inside(self, *argv):
        return self.m.run("sh", "-c", *argv)

    # ---- what happens ----

    @unittest.skipUnless(shutil.which("lintian"), "no lintian here")
    def test_0_lintian(self):
        p = subprocess.run(["lintian", "--fail-on", "error,warning", "--allow-root", PACKAGE], capture_output=True, text=True,
                           check=False)
        self.assertEqual((p.returncode, p.stdout), (0, ""), p.stderr)

    def test_1_install_and_enable(self):
        self.m.run("apt-get", "install", "-y", "/root/svcd.deb")
        for user in ("alice", "bob"):
            self.m.run("useradd", "-m", "-s", "/bin/sh", user)
            self.m.put(f"/home/{user}/admin/config/services.yaml", CONFIG, user=user)
        # A watchdog of minutes would make this test as long.
        self.m.put("/etc/systemd/system/svcd@.service.d/quick.conf", QUICK)
        self.m.run("systemctl", "enable", "--now", ALICE)
        self.m.run("systemctl", "start", f"user@{self.m.run('id', '-u', 'bob')}.service")
        until(lambda: self.systemctl(BOB, "show", "-P", "LoadState", status=None).startswith("loaded"), "bob's systemd")
        self.assertRegex(self.doctor("bob")["boot"][1], "nothing .*; systemd .* would start it if it were enabled: ")
        self.systemctl(BOB, "enable", "--now")
        self.up("bob")
        self.assertEqual(self.doctor("bob")["boot"][0], "boot-linger")
        self.m.run("loginctl", "enable-linger", "bob")
        for user, unit in (("alice", ALICE), ("bob", BOB)):
            self.up(user)
            self.assertEqual(self.property(unit, "ActiveState"), "active")
            self.assertEqual(self.property(unit, "StatusText"), "2 of 2 services running")
            found = self.doctor(user)
            self.assertEqual((found["started"], found["boot"][0]), (("started-ok", "svcd was started by systemd"), "boot-ok"))
            self.assertIn(found["cgroups"][0], ("cgroups-ok", "cgroups-part"))  # by what controllers there are
        self.assertEqual(self.m.run("stat", "-c", "%U %a", "/run/svcd/alice", "/run/svcd"), "alice 700\nroot 755")
        self.m.run("test", "-S", "/run/svcd/alice/control.sock")
        for page in ("man8/svcd.8.gz", "man1/svcctl.1.gz", "man5/services.yaml.5.gz"):
            self.m.run("test", "-e", f"/usr/share/man/{page}")

    def test_2_what_is_for_svcd_is_not_for_services(self):
        pid = self.up("alice")["tree"]["pid"]
        look = "cat /proc/{0}/oom_score_adj; sed -n 's/^CapBnd:\t//p;s/^NoNewPrivs:\t//p' /proc/{0}/status; "
        main, of_init = self.property(ALICE, "MainPID"), look.format(1)
        service = self.inside(look.format(pid)).split()
        self.assertEqual(service, ["0", self.inside(of_init).split()[1], "0"])
        # A machine that has no CAP_SYS_RESOURCE (bit 24) cannot spare anybody.
        spared = "-500" if int(service[1], 16) >> 24 & 1 else "0"
        self.assertEqual(self.inside(look.format(main)).split()[0], spared)
        shim = self.inside(f"sed -n 's/^PPid:\t//p' /proc/{pid}/status")
        self.assertEqual(self.inside(look.format(shim)).split()[0], spared)
        self.assertEqual(self.inside(f"sed -n 's/^Umask:\t//p' /proc/{pid}/status"), "0022")

    def test_3_reload(self):
        self.m.put("/home/alice/admin/config/services.yaml", CONFIG + "  more: {command: sleep 1000}\n", user="alice")
        before = self.pids_of("alice", "web", "tree")
        self.systemctl(ALICE, "reload")
        self.up("alice", "more")
        self.m.put("/home/alice/admin/config/services.yaml", CONFIG, user="alice")
        self.systemctl(ALICE, "reload")
        until(lambda: "more" not in self.services("alice"), "the end of it")
        self.assertEqual(self.pids("alice"), before)
        self.assertEqual(self.property(ALICE, "ActiveState"), "active")

    def pids_of(self, user, *names):
        return {n: p for n, p in self.pids(user).items() if n in names}

    def again(self, user, unit, signo):
        """Its svcd gets a signal; systemd starts another, and no service notices."""
        before, main = self.pids(user), self.property(unit, "MainPID")
        self.m.run("kill", f"-{signo}", main)
        until(lambda: self.property(unit, "MainPID") not in ("0", main) and
              self.property(unit, "ActiveState") == "active", "a new svcd")
        self.assertEqual(self.pids(user), before)

    def test_4_killed(self):
        for _ in range(2):
            self.again("alice", ALICE, "KILL")
            self.again("bob", BOB, "KILL")

    def test_5_watchdog(self):
        """One that is stopped says nothing any more."""
        self.again("alice", ALICE, "STOP")
        said = self.m.run("journalctl", "-u", ALICE, "--no-pager")
        self.assertIn("Watchdog timeout", said)

    def test_6_package_upgrade(self):
        before = {u: self.pids(u) for u in ("alice", "bob")}
        mains = {u: self.property(u, "MainPID") for u in (ALICE, BOB)}
        said = self.m.run("apt-get", "install", "-y", "/root/next.deb")
        self.assertRegex(said, r"alice: svcd \S+ (->|→) \S+ \(pid \d+\), 2 services untouched")
        for user, unit in (("alice", ALICE), ("bob", BOB)):
            self.assertEqual(self.pids(user), before[user])
            self.assertEqual(self.property(unit, "MainPID"), mains[unit])
            self.assertEqual(self.property(unit, "ActiveState"), "active")
            self.assertEqual(self.m.run("readlink", f"/proc/{mains[unit]}/exe"), "/usr/bin/svcd")
        found = {a["user"]: (a["svcd"], a["running"]) for a in json.loads(
            self.m.run("svcctl", "--json", "accounts", status=None))}
        self.assertEqual(found, {"alice": ("up", 2), "bob": ("up", 2)})

    def test_7_reboot(self):
        log = "/home/alice/admin/logs/services/tree.log"
        before = self.pids("alice")["tree"][1]
        self.m.run("systemctl", "--no-block", "reboot")
        self.m.over()
        with open(self.m.tree + log, encoding="utf-8") as f:
            self.assertRegex(f.read(), rf"svcd exited run={before} .*signal=TERM .*\n\S+ svcd stopped\n$")
        self.m.boot()
        for user in ("alice", "bob"):
            self.up(user)
        self.assertEqual(self.property(ALICE, "ActiveState"), "active")
        until(lambda: self.property(BOB, "ActiveState") == "active", "bob's unit")

    def test_8_stop(self):
        pids = [int(p) for p in self.inside("cat $(find /sys/fs/cgroup" + self.property(ALICE, "ControlGroup") +
                                            " -name cgroup.procs)").split()]
        self.assertGreater(len(pids), 5)
        self.systemctl(ALICE, "stop")
        left = self.m.run("ps", "-u", "alice", "-o", "pid=,args=", status=None)
        self.assertEqual(left, "")
        self.assertEqual(self.property(ALICE, "Result"), "success")
        self.systemctl(ALICE, "start")
        self.up("alice")

    def kept_by(self, user, kind, folder, enable, start, reload, stop):
        """Under a supervisor that knows svcd as one of its services: told to start, to read the definitions again and to
        end, and killed; and what doctor makes of it, before and after it is to start svcd at boot."""
        self.m.run("useradd", "-m", "-s", "/bin/sh", user)
        self.m.run("usermod", "-aG", "games,users", user)
        self.m.put(f"/home/{user}/admin/config/services.yaml", CONFIG, user=user)
        self.m.run("mkdir", "-p", os.path.dirname(folder))
        self.m.run("cp", "-R", f"/usr/share/doc/svcd/examples/{kind}/svcd", folder)
        self.assertEqual(self.doctor(user)["boot"][0], "boot-none")
        self.m.run(*start)
        before = self.pids(user)
        self.m.run("test", "-S", f"/run/svcd/{user}/control.sock")
        groups = self.inside(f"sed -n 's/^Groups://p' /proc/{before['tree'][0]}/status").split()
        self.assertEqual(set(groups), set(self.m.run("id", "-G", user).split()))
        self.m.run(*enable)
        found = self.doctor(user)
        self.assertEqual((found["boot"][0], found["started"][0]), ("boot-ok", "started-ok"), found)
        main = self.info(user)["pid"]
        self.m.put(f"/home/{user}/admin/config/services.yaml", CONFIG + "  more: {command: sleep 1000}\n", user=user)
        self.m.run(*reload)
        self.up(user, "web", "tree", "more")
        self.assertEqual(self.info(user)["pid"], main)
        before = self.pids(user)
        self.m.run("kill", "-KILL", str(main))
        until(lambda: self.m.run("svcctl", "status", user=user, status=None).count(" running ") == 3, "a new svcd")
        self.assertNotEqual(self.info(user)["pid"], main)
        self.assertEqual(self.pids(user), before)
        self.m.run(*stop)
        until(lambda: not self.m.run("ps", "-u", user, "-o", "pid=", status=None), "the end of all")
        with open(f"{self.m.tree}/home/{user}/admin/logs/services/tree.log", encoding="utf-8") as f:
            self.assertRegex(f.read(), r"svcd stopped\n$")
        return found

    def doctor(self, user):
        """By check: code and text."""
        return {f["check"]: (f["code"], f["text"]) for f in json.loads(
            self.m.run("svcctl", "--json", "doctor", user=user, status=None))}

    def info(self, user):
        return {a["user"]: a for a in json.loads(self.m.run("svcctl", "--json", "accounts", status=None))}[user]

    def test_8_nobody_has_that_name(self):
        """It is said at once, and nothing else is touched."""
        before = self.pids("alice")
        said = self.m.run("systemctl", "enable", "--now", "svcd@alcie.service", status=1)
        self.assertIn("svcd@alcie.service failed", said)
        self.assertIn("217/USER", self.m.run("systemctl", "status", "--no-pager", "svcd@alcie.service", status=None))
        self.m.run("systemctl", "disable", "--now", "svcd@alcie.service")
        self.assertIn(self.m.run("systemctl", "is-active", "svcd@alcie.service", status=None), ("inactive", "failed"))
        self.assertEqual(self.pids("alice"), before)

    def test_8_disabled(self):
        self.m.run("systemctl", "disable", "--now", ALICE)
        command = "`systemctl enable --now svcd@alice` as root"
        self.assertIn(command, self.m.run("svcctl", "status", user="alice", status=5))
        found = self.doctor("alice")
        self.assertEqual((found["svcd"][0], found["boot"][0]), ("svcd-down", "boot-none"))
        self.assertIn(command, found["boot"][1])
        self.m.run("systemctl", "enable", ALICE)
        self.assertIn("`systemctl start svcd@alice` as root", self.doctor("alice")["svcd"][1])
        self.m.run("systemctl", "start", ALICE)
        self.up("alice")

    def test_8_installed_again(self):
        before = {u: self.pids(u) for u in ("alice", "bob")}
        self.m.run("apt-get", "install", "-y", "--reinstall", "/root/next.deb")
        self.assertEqual({u: self.pids(u) for u in ("alice", "bob")}, before)

    def test_8_under_runit(self):
        folder = "/etc/sv/svcd-rita"
        found = self.kept_by("rita", "runit", folder, ["ln", "-s", folder, "/etc/service/"],
                             ["systemd-run", "--unit=runit", "runsv", folder], ["sv", "hup", folder],
                             ["sv", "-w", "30", "down", folder])
        self.assertEqual(found["boot"][1], "runit starts svcd at boot")
        self.assertIn("run:", self.m.run("sv", "status", f"{folder}/log"))
        self.assertIn(" svcd: ", self.m.run("cat", f"{folder}/log/main/current"))
        self.m.run("systemctl", "stop", "runit.service")

    def test_8_under_s6(self):
        folder = "/etc/s6/svcd-sixtus"
        self.m.run("mkdir", "-p", "/run/service")
        found = self.kept_by("sixtus", "s6", folder, ["ln", "-s", folder, "/run/service/"], ["systemd-run", "--unit=s6", "s6-supervise", folder],
                             ["s6-svc", "-h", folder], ["s6-svc", "-wD", "-T", "30000", "-d", folder])
        self.assertEqual(found["boot"][1], "s6 starts svcd at boot")
        self.m.run("systemctl", "stop", "s6.service")

    def test_8_under_openrc(self):
        # As OpenRC's own sysinit leaves it.
        self.inside("cd /run && mkdir -p openrc/exclusive openrc/daemons openrc/started && echo default >openrc/softlevel")
        script = "/etc/init.d/svcd"
        self.m.run("ln", "-s", "svcd", f"{script}.olga")
        self.m.run("ln", "-s", "svcd", f"{script}.nobody-here")
        rc = ["rc-service", "svcd.olga"]
        found = self.kept_by("olga", "openrc", script, ["rc-update", "add", "svcd.olga"], [*rc, "start"], [*rc, "reload"],
                             [*rc, "stop"])
        self.assertEqual(found["boot"][1], "OpenRC starts svcd at boot")
        self.assertIn("no account nobody-here", self.m.run("rc-service", "svcd.nobody-here", "start", status=1))
        self.assertIn("svcd.USER", self.m.run("rc-service", "svcd", "start", status=1))
        self.m.run(*rc, "status", status=3)
        self.m.run(*rc, "start")
        before = self.pids("olga")
        self.m.run(*rc, "status")
        self.m.run(*rc, "restart")
        after = self.pids("olga")
        self.assertEqual(set(before), set(after))
        self.assertFalse({p for p, _ in before.values()} & {p for p, _ in after.values()})
        # By itself supervise-daemon gives up after ten.
        for _ in range(11):
            main = self.info("olga")["pid"]
            self.m.run("kill", "-KILL", str(main))
            until(lambda: self.info("olga")["pid"] not in (None, main), "a new svcd")
        self.assertEqual(self.pids("olga"), after)
        self.m.run(*rc, "stop")

    def test_9_remove(self):
        # One that nothing of systemd's has started, too, and that somebody has stopped.
        self.m.run("useradd", "-m", "-s", "/bin/sh", "carol")
        self.m.put("/home/carol/admin/config/services.yaml", CONFIG, user="carol")
        self.m.run("sh", "-c", "setsid svcd >/dev/null 2>&1 </dev/null &", user="carol")
        self.up("carol")
        self.m.run("kill", "-STOP", str(self.info("carol")["pid"]))
        self.m.run("apt-get", "remove", "-y", "svcd")
        self.assertEqual(self.inside("pgrep -fa '[s]vc-shim|bin/[s]vcd|[s]leep [12]000' || :"), "")
        for user in ("alice", "bob", "carol"):
            with open(f"{self.m.tree}/home/{user}/admin/logs/services/tree.log", encoding="utf-8") as f:
                self.assertRegex(f.read(), r"signal=TERM .*\n\S+ svcd stopped\n$")
        # It comes back, and with it what its removal has stopped.
        self.m.run("apt-get", "install", "-y", "/root/next.deb")
        self.up("alice", "web", "tree")
        self.assertEqual(self.property(ALICE, "ActiveState"), "active")
        self.m.run("systemctl", "--global", "enable", "svcd.service")
        self.m.run("apt-get", "purge", "-y", "svcd")
        self.assertEqual(self.inside("find /etc/systemd -name 'svcd*.service'; ls -d /var/lib/svcd 2>/dev/null || :"), "")
        for user in ("alice", "bob", "carol"):
            self.m.run("test", "-s", f"/home/{user}/admin/config/services.yaml")


if __name__ == "__main__":
    unittest.main()
