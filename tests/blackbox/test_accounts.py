"""`svcctl accounts` and `svcctl upgrade --all-accounts`: root sees every svcd of the host, wherever its RUN is; one that
does not answer holds up nobody; who is not root sees his own. Root's view is that of a mount namespace of its own,
with other users in its /etc/passwd and another /run."""

import json
import os
import re
import stat
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from mocksvcd import MockSvcd, error, reply, service  # noqa: E402
from svcdtest import BIN, SLOW, SvcdTest  # noqa: E402

UID = 61000
CONFIG = """
services:
  web: {command: sleep 1000}
  broken: {command: "false", restart: {delay: 10ms, max_failures: 1}}
"""
INSIDE = """
mount --bind "$1/passwd" /etc/passwd && mount -t tmpfs tmpfs /run && mkdir /run/svcd &&
mount --bind "$1/system" /run/svcd || exit 77
shift
exec "$@"
"""


# A svcd of one's own making: whoever has an account may say anything of it.
LIAR = """
import json, os, socket, sys
os.chdir(sys.argv[1])
s = socket.socket(socket.AF_UNIX)
s.bind("control.sock")
s.listen(5)
info = {"version": "0.1.0", "pid": os.getpid(), "uptime_ms": 5, "root": "/", "started_by": "x", "errors": []}
service = {"name": "x", "state": "running", "pid": 1, "shim": 1, "cgroup": sys.argv[1], "restarts": 0}
upgrade = {"from": "1", "to": "2", "pid": os.getpid(), "services": 1, "missing": [], "took_ms": 1}
for key, value in json.loads(sys.argv[2]).items():
    {"uptime_ms": info, "cpu_ms": service, "services": upgrade}[key][key] = value
answers = {"GetInfo": {"info": info}, "Status": {"services": [service]}, "Upgrade": upgrade}
while True:
    c, got = s.accept()[0], b""
    while data := c.recv(65536):
        *whole, got = (got + data).split(b"\\0")
        for m in whole:
            c.send(json.dumps({"parameters": answers[json.loads(m)["method"].split(".")[-1]]}).encode() + b"\\0")
"""
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = rf'{NAME}="(?:[^"\\\n]|\\["\\n])*"'
fine = set()  # texts that promtool, which is slow, has judged
SAMPLE = re.compile(rf"({NAME})(\{{{LABEL}(?:,{LABEL})*\}}) (-?[0-9]+(?:\.[0-9]+)?)")


def judge(test, text):
    """Whether it is text of Prometheus's format, version 0.0.4: each family once, announced by HELP and TYPE, its samples
    together, none twice; and named as is the custom: counters, and nothing else, end in _total."""
    test.assertTrue(text.endswith("\n"))
    families, series, family = {}, set(), None
    lines = text[:-1].split("\n")
    for i, line in enumerate(lines):
        if line.startswith("# HELP "):
            family = line.split()[2]
            test.assertRegex(family, rf"^{NAME}$")
            test.assertNotIn(family, families)
            kind = re.fullmatch(rf"# TYPE {family} (gauge|counter)", lines[i + 1])
            test.assertTrue(kind, lines[i + 1])
            families[family] = kind[1]
            test.assertEqual(family.endswith("_total"), kind[1] == "counter", family)
        elif not line.startswith("# TYPE "):
            sample = SAMPLE.fullmatch(line)
            test.assertTrue(sample, line)
            test.assertEqual(sample[1], family)
            test.assertNotIn(sample[1] + sample[2], series)
            series.add(sample[1] + sample[2])
    if shutil.which("promtool") and text not in fine:
        p = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        test.assertEqual((p.returncode, p.stderr), (0, ""))
        fine.add(text)


class Own(SvcdTest):
    @unittest.skipIf(os.geteuid() == 0, "root sees all")
    def test_who_is_not_root_sees_his_own(self):
        self.config(CONFIG)
        self.start()
        self.running("web")
        self.until(lambda: self.service("broken")["state"] == "disabled", what="the end of broken")
        found = self.svcctl("--json", "accounts", status=3)
        one, = json.loads(found.out)
        self.assertEqual((one["uid"], one["svcd"], one["pid"]), (os.geteuid(), "up", self.svcd.pid))
        self.assertEqual({s["name"] for s in one["services"]}, {"web", "broken"})
        web, = [s for s in one["services"] if s["name"] == "web"]
        self.assertGreater(web["memory_bytes"], 0)
        self.assertEqual(one["memory_bytes"], web["memory_bytes"])
        self.one_of_metrics()
        self.assertIn("--root names one", self.svcctl("--root", self.root, "upgrade", "--all-accounts", status=2).err)
        upgraded, = json.loads(self.svcctl("--json", "upgrade", "--all-accounts").out)
        self.assertEqual((upgraded["pid"], upgraded["error"]), (self.svcd.pid, None))

    @unittest.skipIf(os.geteuid() == 0, "root sees all")
    def test_a_last_good_definition(self):
        """Whatever has broken it: the service is named."""
        self.config("services: {web: {command: sleep 1000}, gone: {command: sleep 1000}}\n")
        self.start()
        for name in ("web", "gone"):
            self.running(name)
        self.svcctl("accounts")
        self.svcctl("stop", "gone")
        for broken, named in (("services: {web: {command: sleep 1000, nonsense: 1}}\n", {"web"}),
                              ("services: {web: {comand: x}, gone: {comand: x}}\n", {"web", "gone"}),
                              ("services: {web: {command: sleep 1000\n", {"web"})):
            with self.subTest(broken):
                self.config(broken)
                self.svcctl("reload", status=1)
                row = self.svcctl("accounts", status=3).out
                self.assertLessEqual(named, set(re.findall(r"(\w+) (?:has an )?invalid", row)), row)
                self.assertIn(" 1/", row)

    def one_of_metrics(self):
        file = f"{self.tmp}/svcd.prom"
        self.assertEqual(self.svcctl("metrics", "-o", file).out, "")
        with open(file, encoding="utf-8") as f:
            text = f.read()
        self.assertEqual(os.stat(file).st_mode & 0o777, 0o644 & ~self.umask())
        self.assertEqual(os.path.exists(file + ".tmp"), False)
        judge(self, text)
        self.svcctl("metrics", "-o", f"{self.tmp}/none/x", status=1)
        fifo, link = f"{self.tmp}/fifo", f"{self.tmp}/link"
        os.mkfifo(fifo)
        self.assertIn("not a file", self.svcctl("metrics", "-o", fifo, status=1).err)
        self.assertTrue(stat.S_ISFIFO(os.stat(fifo).st_mode))
        os.symlink(file, link)
        self.svcctl("metrics", "-o", link)
        self.assertTrue(os.path.islink(link))

    @staticmethod
    def umask():
        mask = os.umask(0)
        os.umask(mask)
        return mask


SAYS = "its answer is not one of svcd's: "
WEB = service("web", pid=4242, uptime_ms=5000, cpu_ms=70, memory_bytes=4096, health="ok")
INFO = {"version": "0.1.0", "pid": 1234, "uptime_ms": 5000, "errors": []}
# What no svcd answers: to GetInfo, or services to Status; and what is said of it.
STRANGE = (
    (None, [WEB, service("x", cpu_ms=-5)], "services[1].cpu_ms is -5"),
    (None, [WEB, service("x", memory_bytes=-1)], "services[1].memory_bytes is -1"),
    (None, [service("x", uptime_ms=10**18)], f"services[0].uptime_ms is {10**18}"),
    (None, [service("x", restarts=1e300)], "services[0].restarts is no number"),
    (None, [service("x", restarts="\x1b[2J")], "services[0].restarts is no number"),
    (None, [service("x", last_exit={"run": -1})], "services[0].last_exit.run is -1"),
    (None, [WEB, service("x"), WEB], "services[2] is there twice"),
    (None, [service('x"} 1\n# TYPE y z\n')], "services[0].name is no name"),
    (None, [service("x" * 5000)], "services[0].name is no name"),
    (None, [service("x", state="N" * 5000)], "services[0].state is no word"),
    (None, [service(f"s{n}") for n in range(10001)], "services has more than 10000 entries"),
    (None, [WEB, 5], "services[1] is no object"),
    (None, {}, "services is no list"),
    ({**INFO, "uptime_ms": -10**18}, [], f"info.uptime_ms is -{10**18}"),
    ({**INFO, "version": "\x1b]0;x\x07" * 8}, [], "info.version is no version"),
    ({**INFO, "version": "1" * 64}, [], "info.version is no version"),
    ({**INFO, "pid": 0}, [], "info.pid is 0"),
    ({**INFO, "root": 5}, [], "info.root is no text"),
    ([], [], "info is no object"),
)
LACKS = {key: None for key in ("pid", "uptime_ms", "disabled_cause", "health", "port", "memory_bytes", "cpu_ms",
                               "last_exit")}
UPGRADED = {"from": "0.1.0", "to": "0.1.0", "pid": 1234, "services": 1, "missing": [], "took_ms": 5}


class Strange(SvcdTest):
    """What an account's svcd answers is not believed: what no svcd can say is no answer. `hang` is never waited for."""
    def setUp(self):
        super().setUp()
        self.mock = MockSvcd(self.root)
        self.addCleanup(self.mock.stop)

    def asked(self, *arguments, status):
        return self.svcctl("--root", self.root, "--timeout", "25s", *arguments, status=status)

    def is_refused(self, says):
        one, = json.loads(self.asked("--json", "accounts", status=3).out)
        self.assertEqual((one["svcd"], one["error"], one["services"], one["pid"]), ("silent", says, None, None))
        table = self.asked("accounts", status=3).out
        self.assertRegex(table, r"(?m)^\S+ +silent +- +- +- +- +")
        self.assertIn(says[:40], table)
        self.assertLess(max(map(len, table.split("\n"))), 200)
        text = self.asked("metrics", status=0).out
        judge(self, text)
        self.assertEqual([line.split()[-1] for line in text.split("\n") if line.startswith("svcd_")], ["0"])

    def test_no_answers_of_a_svcd(self):
        for info, services, says in STRANGE:
            with self.subTest(says):
                self.mock.on("GetInfo", reply({"info": INFO if info is None else info}))
                self.mock.on("Status", reply({"services": services}))
                self.is_refused(SAYS + says)

    def test_no_messages_of_a_svcd(self):
        """Each is said at once, and not after the time that an answer may take."""
        for message, says in ((reply({"x": 1}), SAYS + "info is missing"),
                              (b"hello\0", SAYS + "it is no message of the protocol, or too long"),
                              (b'{"parameters":{"info":{"pid":99999999999999999999}}}\0',
                               SAYS + "it is no message of the protocol, or too long"),
                              (b'{"parameters":{"info":{"version":"1","pid":1,"x":[0' + b",0" * 2000000 + b"]}}}\0",
                               SAYS + "it is no message of the protocol, or too long"),
                              (error("org.varlink.service.PermissionDenied"),
                               "its svcd refused: org.varlink.service.PermissionDenied"),
                              (error("\x1b[2J" * 900), SAYS + "its error is no name")):
            with self.subTest(says):
                self.mock.on("GetInfo", message)
                self.is_refused(says)

    def test_what_a_svcd_can_say(self):
        """What is not known to this svcctl is left out, and what one of an earlier release lacks is not missed."""
        self.mock.on("GetInfo", reply({"info": {**INFO, "new": [1]}}))
        last = {"run": 1, "kind": "exited", "code": 3, "signal": None, "cause": "exit", "failure": True,
                "shortage": False, "pid": 7, "ran_ms": 5, "user_ms": 0, "system_ms": 0, "maxrss_bytes": 0, "oom": False,
                "at": "2026-11-20T11:12:13.123+01:00", "text": "exited with code 3"}
        self.mock.on("Status", reply({"services": [{**LACKS, **WEB, "new": {}, "last_exits": [{**last, "new": 1}]},
                                                     {**LACKS, **service("b", "stopped")}]}))
        one, = json.loads(self.asked("--json", "accounts", status=0).out)
        self.assertEqual((one["svcd"], one["error"], one["states"]), ("up", None, {"running": 1, "stopped": 1}))
        self.assertEqual(one["services"][0], {**LACKS, **WEB, "last_exits": [last]})
        self.mock.on("Status", reply({"services": [WEB, {"name": "b", "state": "some-new-one"}]}))
        self.assertRegex(self.asked("accounts", status=0).out, r"(?m) 1/2 ")
        text = self.asked("metrics", status=0).out
        judge(self, text)
        self.assertRegex(text, r'(?m)^svcd_service_cpu_seconds_total\{.*service="web"\} 0\.070$')

    def test_the_one_account_of_root(self):
        """Each command judges what it needs, as accounts does; with --json there is one document, the error."""
        for method, what, commands in (
                ("GetInfo", "info is missing", (["status"], ["ps"])),
                ("Status", "services is missing", (["status", "web"],)),
                ("Why", "why is missing", (["why", "web"],)),
                ("Show", "service is missing", (["show", "web"],)),
                ("ShowAccount", "settings is missing", (["show"],)),
                ("Environment", "variables is missing", (["env", "web"],)),
                ("Plan", "changes is missing", (["plan"],)),
                ("Reload", "changes is missing", (["reload"],)),
                ("Start", "results is missing", (["start", "web"],)),
                ("Wait", "services is missing", (["wait", "web"],)),
                ("Events", "events is missing", (["events"], ["events", "-f"]))):
            self.mock.on("GetInfo", reply({"info": INFO}))
            self.mock.on("Status", reply({"services": [WEB]}))
            self.mock.on(method, reply())
            for command in commands:
                with self.subTest(command):
                    p = self.asked(*command, status=5)
                    self.assertEqual(p.out, "")
                    self.assertIn(f"what listens at {self.mock.path} does not speak as svcd does ({what})\n", p.err)
                    said = json.loads(self.asked("--json", *command, status=5).out)["error"]
                    self.assertEqual(said["code"], "unreachable")
        self.mock.on("GetInfo", reply({"info": INFO}))
        self.mock.on("Status", reply())
        self.assertIn("(services is missing)", self.asked("--json", "status", status=5).out)
        self.mock.on("Why", reply({"why": {"name": "web", "state": "running", "said": [5]}}))
        self.assertIn("(why.said[0] is no object)", self.asked("why", "web", status=5).err)

    def test_what_lies_beside_the_file_of_metrics(self):
        """In a folder that others can write to: it is not waited for, and not written to."""
        self.mock.on("GetInfo", reply({"info": INFO}))
        self.mock.on("Status", reply({"services": [WEB]}))
        file, other = f"{self.tmp}/svcd.prom", f"{self.tmp}/other"
        self.write(other, "as it was")
        for make in (os.mkfifo, lambda path: os.symlink(other, path), lambda path: os.link(other, path)):
            make(file + ".tmp")
            self.asked("metrics", "-o", file, status=0)
            with open(file, encoding="utf-8") as f:
                judge(self, f.read())
            self.assertEqual((self.read(other), os.path.lexists(file + ".tmp")), ("as it was", False))

    def test_upgrade(self):
        """Root's --root and the own svcd go the same way; see All.test_liars for --all-accounts."""
        for change in ({"pid": -3}, {"services": -2}, {"to": "\x1b[2J"}, {"missing": ["a b"]}, {"from": None}):
            with self.subTest(change):
                self.mock.on("Upgrade", reply({**UPGRADED, **change}))
                refused = self.asked("upgrade", status=5)
                self.assertEqual(refused.out, "")
                self.assertIn("does not speak as svcd does", refused.err)
        self.mock.on("Upgrade", error("org.varlink.service.MethodNotFound"))
        self.assertIn("svcd 0.1.0 cannot be upgraded in place", self.asked("upgrade", status=1).err)
        self.mock.on("GetInfo", reply({"info": {**INFO, "version": "x" * 5000}}))
        self.assertIn("does not speak as svcd does", self.asked("upgrade", status=5).err)
        self.mock.on("Upgrade", reply(UPGRADED))
        self.assertIn("(pid 1234), 1 service untouched", self.asked("upgrade", status=0).out)


@unittest.skipUnless(os.geteuid() == 0, "needs root, to be several users")
class All(SvcdTest):
    def setUp(self):
        super().setUp()
        os.chmod(self.tmp, 0o711)
        shutil.copy("/etc/passwd", f"{self.tmp}/passwd")
        os.mkdir(f"{self.tmp}/system")
        self.daemons, self.liars = {}, []

    def account(self, n, folder):
        """User "acctN" with a home, and, if FOLDER, one in /run/svcd, or elsewhere if that is a path."""
        uid, home = UID + n, f"{self.tmp}/h{n}"
        with open(f"{self.tmp}/passwd", "a", encoding="ascii") as f:
            f.write(f"acct{n}:x:{uid}:{uid}::{home}:/bin/sh\n")
        os.makedirs(f"{home}/admin/config")
        with open(f"{home}/admin/config/services.yaml", "w", encoding="ascii") as f:
            f.write(CONFIG)
        run = f"{self.tmp}/system/acct{n}" if folder else f"{home}/admin/run"
        run = folder if isinstance(folder, str) else run
        os.makedirs(run, exist_ok=True)
        for path in (home, f"{home}/admin", f"{home}/admin/config", f"{home}/admin/config/services.yaml", run):
            os.chown(path, uid, uid)
        return uid, home, run

    def daemon(self, n, folder):
        uid, home, run = self.account(n, folder)
        env = {"HOME": home, "PATH": os.environ["PATH"], "SVCD_RUNTIME_DIR": run}
        with open(f"{self.tmp}/err{n}", "w", encoding="utf-8") as err:
            self.daemons[n] = subprocess.Popen([f"{BIN}/svcd"], user=uid, group=uid, extra_groups=[], env=env,
                                               stderr=err)

    def inside(self, *argv, home=None, path=None):
        p = subprocess.run(["unshare", "-m", "sh", "-c", INSIDE, "sh", self.tmp, f"{BIN}/svcctl", *argv],
                           capture_output=True, text=True, check=False, timeout=50 * SLOW,
                           env={**os.environ, **({"HOME": home} if home else {}),
                                **({"PATH": f"{path}:{os.environ['PATH']}"} if path else {})})
        if p.returncode in (77, 1) and "svcctl" not in p.stderr and not p.stdout:
            self.skipTest(f"no mount namespace here: {p.stderr.strip()}")
        return p

    def accounts(self, *options):
        found = self.inside("--json", *options, "accounts")
        return {a["user"]: a for a in json.loads(found.stdout)}

    def end(self):
        for p in self.daemons.values():
            p.send_signal(signal.SIGCONT)
            p.terminate()
        for p in self.daemons.values():
            self.assertEqual(p.wait(30 * SLOW), 0)
        for pid in self.liars:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def settled(self):
        """Each account has one service that runs and one that is disabled."""
        found = self.accounts()
        return found if all(a["states"] == {"running": 1, "disabled": 1}
                            for a in found.values() if a["svcd"] == "up") and len(found) > 3 else None

    def test_all_of_them(self):
        self.daemon(1, True)
        self.daemon(2, False)
        self.daemon(3, True)
        self.daemon(6, f"{self.tmp}/elsewhere")
        self.account(4, True)   # nobody listens there
        self.account(5, False)  # nobody ever did
        try:
            self.until(lambda: sum(a["svcd"] == "up" for a in self.accounts().values()) == 4, what="four svcds")
            found = self.until(self.settled, what="their services")
            self.assertEqual({u: a["svcd"] for u, a in found.items() if u.startswith("acct")},
                             {"acct1": "up", "acct2": "up", "acct3": "up", "acct4": "down", "acct6": "up"})
            self.assertEqual([found[f"acct{n}"]["pid"] for n in (1, 2, 3)],
                             [self.daemons[n].pid for n in (1, 2, 3)])
            table = self.inside("accounts")
            self.assertEqual(table.returncode, 3)
            self.assertRegex(table.stdout, r"(?m)^acct2 +[0-9.]+ +\S+ +1/2 .* broken disabled$")
            self.of_another_account(found)
            self.one_by_root()
            self.measured()
            self.upgraded(found)
            self.one_is_silent()
            self.one_lies()
        finally:
            self.end()

    def of_another_account(self, found):
        """--root is enough, wherever RUN is."""
        for n in (1, 2, 6):
            status = self.inside("--root", f"{self.tmp}/h{n}/admin", "--json", "status", "web")
            pids = [s["pid"] for s in found[f"acct{n}"]["services"] if s["name"] == "web"]
            self.assertEqual([s["pid"] for s in json.loads(status.stdout)], pids)

    def one_by_root(self):
        """--root narrows it to one, of whichever user; DOWN is one, too."""
        for n, says in ((1, "up"), (2, "up"), (4, "down")):
            one, = self.accounts("--root", f"{self.tmp}/h{n}/admin").items()
            self.assertEqual((one[0], one[1]["uid"], one[1]["svcd"]), (f"acct{n}", UID + n, says))
        text = self.inside("--root", f"{self.tmp}/h2/admin", "metrics").stdout
        self.assertEqual(set(re.findall(r'account="([^"]*)"', text)), {"acct2"})

    def measured(self):
        text = self.inside("metrics").stdout
        judge(self, text)
        for n in (1, 2, 3):
            self.assertRegex(text, rf'(?m)^svcd_service_memory_bytes\{{account="acct{n}",service="web"\}} [1-9]')
        for n, up in ((1, 1), (2, 1), (3, 1), (4, 0)):
            self.assertIn(f'svcd_up{{account="acct{n}"}} {up}\n', text)
        self.assertIn('svcd_services{account="acct2",state="disabled"} 1\n', text)
        self.assertIn('svcd_service_up{account="acct3",service="web"} 1\n', text)

    def upgraded(self, found):
        p = self.inside("upgrade", "--all-accounts")
        self.assertEqual(p.returncode, 0, p)
        self.assertRegex(p.stdout, r"(?m)^acct3: svcd \S+ -> \S+ \(pid \d+\), 1 service untouched$")
        after = self.accounts()
        for user in ("acct1", "acct2", "acct3"):
            self.assertEqual([s["pid"] for s in after[user]["services"]],
                             [s["pid"] for s in found[user]["services"]])

    def one_is_silent(self):
        self.daemons[2].send_signal(signal.SIGSTOP)
        found = self.accounts("--timeout", f"{2 * SLOW}s")
        self.assertEqual([found[f"acct{n}"]["svcd"] for n in (1, 2, 3)], ["up", "silent", "up"])
        p = self.inside("--timeout", f"{5 * SLOW}s", "upgrade", "--all-accounts")
        self.assertEqual(p.returncode, 1)
        self.assertEqual(p.stderr.strip(), "acct2: its svcd does not answer")
        self.assertEqual(p.stdout.count("untouched"), 3)
        self.daemons[2].send_signal(signal.SIGCONT)

    def one_lies(self):
        """A link to another's socket is not believed, and a folder of another's neither."""
        self.daemons[2].terminate()
        self.daemons[2].wait(30 * SLOW)
        socket = f"{self.tmp}/h2/admin/run"
        shutil.rmtree(socket)
        os.symlink(f"{self.tmp}/system/acct1", socket)
        self.assertEqual(self.accounts()["acct2"]["svcd"], "down")


    def test_of_root_with_another_home(self):
        """It is in nobody's folder; root sees it if he looks from there."""
        self.config(CONFIG)
        self.start()
        self.running("web")
        pids = [a["pid"] for a in json.loads(self.inside("--json", "accounts", home=self.home).stdout)]
        self.assertEqual(pids.count(self.svcd.pid), 1)
        one, = json.loads(self.inside("--json", "--root", self.root, "accounts").stdout)
        self.assertEqual((one["user"], one["pid"], one["run"]), ("root", self.svcd.pid, self.run_dir))

    def test_doctor_of_another_account(self):
        """Root's own crontab is not that of the account, and what belongs to the account is right."""
        self.account(1, True)
        self.script("bin/crontab", 'test "$*" = "-u acct1 -l" && echo "@reboot svcd" || echo "@reboot svcd --root /x"\n')
        p = self.inside("--root", f"{self.tmp}/h1/admin", "doctor", path=f"{self.home}/bin")
        self.assertIn("cron starts svcd at boot\n", p.stdout)
        self.assertNotIn("belongs to", p.stdout)

    def liar(self, n, **lies):
        uid, _, run = self.account(n, True)
        os.mkfifo(f"{run}/cpu.stat")
        liar = os.fork()
        if liar == 0:
            try:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
                sys.argv = ["liar", run, json.dumps(lies)]
                exec(LIAR, {})
            finally:
                os._exit(1)
        self.liars.append(liar)

    def test_liars(self):
        """What others have is not counted as its own; what no svcd says harms nobody but the account."""
        try:
            self.liar(7)
            self.liar(8, cpu_ms=-5, services=-2)
            self.liar(9, uptime_ms=-10**18, services="\x1b[2J")
            self.daemon(1, True)
            found = self.until(lambda: (a := self.accounts())["acct1"]["svcd"] == a["acct7"]["svcd"] == "up" and
                               a["acct8"]["error"] and a["acct9"]["error"] and a, what="their answers")
            honest, lies = found["acct7"], [found[f"acct{n}"] for n in (8, 9)]
            self.assertEqual((honest["memory_bytes"], honest["cpu_ms"], honest["states"]), (0, 0, {"running": 1}))
            self.assertEqual([(a["svcd"], a["error"]) for a in lies],
                             [("silent", SAYS + "services[0].cpu_ms is -5"),
                              ("silent", SAYS + f"info.uptime_ms is -{10**18}")])
            text = self.inside("metrics").stdout
            judge(self, text)
            self.assertEqual(re.findall(r'svcd_up\{account="acct(.)"\} (.)', text),
                             [("1", "1"), ("7", "1"), ("8", "0"), ("9", "0")])
            self.assertNotIn('svcd_service_memory_bytes{account="acct7"', text)
            p = self.inside("upgrade", "--all-accounts")
            self.assertEqual(p.returncode, 1)
            self.assertEqual(sorted(p.stderr.splitlines()),
                             [f"acct8: {SAYS}services is -2", f"acct9: {SAYS}services is no number"])
            self.assertEqual([line.split(":")[0] for line in p.stdout.splitlines()], ["acct1", "acct7"])
        finally:
            self.end()


if __name__ == "__main__":
    unittest.main()
