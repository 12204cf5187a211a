"""Screens of svcctl, as a person sees them on terminals of several widths, compared with those in screens/.

Escape sequences are written as they can be read: ESC is `^[`. After a wanted change:
`UPDATE_SCREENS=1 make check-golden`, then read the difference.
"""

import os
import re
import shutil
import tempfile
import threading
import time
import unicodedata
import unittest

import ptyrun
import vt
from mocksvcd import MockSvcd, error, reply, result, service

BIN = os.path.abspath(os.environ["SVCD_BIN"])
SCREENS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "screens")

EXIT = {"run": 4, "kind": "exited", "code": 1, "cause": "exit", "failure": True, "pid": 4250, "ran_ms": 9000,
        "user_ms": 3, "system_ms": 1, "maxrss_bytes": 4000000, "at": "2026-11-20T11:15:09.500+01:00",
        "text": "exited with code 1 after 9s"}
KILLED = {**EXIT, "run": 3, "kind": "signaled", "signal": "KILL", "failure": False,
          "at": "2026-11-20T11:15:00.020+01:00", "text": "killed by signal 9 (KILL) after 2m46s"}


def usual():
    """An account as many are: one of each state, long and odd texts."""
    return [
        service("chat", "backoff", restarts=3, failures=3, port=8301, run=5, last_exit=EXIT,
                last_exits=[EXIT, KILLED], command="bin/mattermost", annotation="Mattermost",
                working_directory="/home/a/mattermost", definition="/home/a/admin/config/services.yaml:12",
                note="next start in 4s; last: exited with code 1 after 9s"),
        service("api.v2", "waiting", note="waiting for redis (disabled: failures)"),
        service("nightly-report", "stopped", note="stopped by request", port=8302),
        service("redis", pid=4242, run=3, uptime_ms=166000, cpu_ms=9400, memory_bytes=12900000,
                port=8300, processes=1, health="ok", annotation="cache of the shop",
                command="./src/redis-server redis.conf --bind :: --port 8300",
                working_directory="/home/a/redis", status_text="Ready to accept connections",
                definition="/home/a/admin/config/services.yaml:4"),
        service("web-1", pid=31337, run=12, restarts=11, uptime_ms=446400000, cpu_ms=11520000,
                memory_bytes=1610612736, port=8310, health="failing", processes=17,
                note="monitoring failed 2 of 3: connection refused"),
        service("web-2", "disabled", enabled=False, disabled_cause="failures", failures=5,
                note="5 failures within 1m: exited with code 1 after 9s; exited with code 1 after 8s; killed by "
                     "signal 9 (KILL) after 2s"),
        service("worker", "invalid", error="services.yaml:30:5: services.worker.prot: unknown key (did you "
                                           "mean \"port\"?)",
                note="services.yaml:30:5: services.worker.prot: unknown key (did you mean \"port\"?)"),
    ]


def checks():
    """Of which the results are: passed, slow, degraded, failed, not run."""
    def result(word, took_ms, code=None):
        return {"at": "2026-11-20T11:15:09.500+01:00", "took_ms": took_ms, "result": word, "code": code}
    results = [result("passed", 12, 0), result("not run", 0), result("failed", 10000, 1), result("failed", 30),
               result("degraded", 40, 2), result("passed", 500, 0), result("passed", 1900, 0), result("passed", 3, 0)]
    return [{"name": "redis-cli", "failed": 0, "failures": 1, "health": "ok", "running": False, "results": results},
            {"name": "tcp", "failed": 0, "failures": 1, "running": False, "results": []}]


LOG = """\
2026-11-20T11:12:13.123+01:00 svcd started run=3 pid=4242 command="./src/redis-server redis.conf"
2026-11-20T11:12:13.180+01:00 svcd ready run=3 after=57ms
2026-11-20T11:12:14.000+01:00 out * Ready to accept connections
2026-11-20T11:12:15.000+01:00 err # WARNING\tmemory overcommit must be enabled
2026-11-20T11:12:16.000+01:00 mon PONG
"""


class Screens(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="screens-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.root)
        self.mock = MockSvcd(self.root)
        self.addCleanup(self.mock.stop)
        self.mock.services = usual()

    def terminal(self, columns, rows, *arguments, **env):
        base = {"PATH": "/usr/bin:/bin", "HOME": "/home/a", "SVCD_ROOT": self.root, "TERM": "xterm",
                "LC_ALL": "C.UTF-8", "TZ": "CET-1"}
        base.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        return ptyrun.Terminal([os.path.join(BIN, "svcctl"), *arguments], columns, rows, {**base, **env})

    def run_svcctl(self, columns, *arguments, rows=50, **env):
        return self.terminal(columns, rows, *arguments, **env).finish()

    def golden(self, name, text):
        """Compares with screens/NAME; returns that."""
        path = os.path.join(SCREENS, name)
        if os.environ.get("UPDATE_SCREENS"):
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        with open(path, encoding="utf-8") as f:
            wanted = f.read()
        self.assertEqual(text, wanted)
        return wanted

    def screen(self, name, columns, *arguments, status=0, rows=50, **env):
        """Compares what appears with screens/NAME."""
        got, text = self.run_svcctl(columns, *arguments, rows=rows, **env)
        text = text.replace(self.root, "/home/a/admin").replace("\x1b", "^[")
        text = re.sub(r"(since.*?)\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(\w+\)", r"\1DATE TIME (AGE)", text)
        head = f"$ svcctl {' '.join(arguments)}   ({columns} columns)\n"
        wanted = self.golden(name, head + text)
        self.assertEqual(got, status, text)
        if columns >= 80 and env.get("LC_ALL") != "C":
            for line in re.sub(r"\^\[\[[0-9;]*m", "", text).splitlines():
                if "status" in arguments[:1] or not arguments:
                    if "NAME" in wanted:
                        self.assertLessEqual(len(line), columns)

    def write_log(self, name, text):
        folder = os.path.join(self.root, "logs/services")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, name + ".log"), "w", encoding="utf-8") as f:
            f.write(text)

    def test_status(self):
        for columns, rows in self.SIZES.items():
            self.screen(f"status-{columns}", columns, status=3, rows=rows)

    def test_status_fits_at_any_width(self):
        self.mock.services[3].update(annotation="日本語の注釈、とても長いので切らなければならない", status_text=None)
        self.mock.services += [service("a-name-as-long-as-names-may-be-" * 2, pid=4194304, restarts=100000,
                                       uptime_ms=10 ** 12, cpu_ms=10 ** 12, memory_bytes=10 ** 15, port=65535)]
        self.mock.info["definitions_changed"] = True
        for columns in [*range(20, 60), *range(60, 130, 5), 200, 400]:
            _, text = self.run_svcctl(columns, "--no-color")
            for line in text.splitlines():
                if "definitions have" not in line:  # sentences go round
                    width = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)
                    self.assertLessEqual(width, columns, text)

    def test_status_narrow(self):
        self.screen("status-40", 40, status=3)

    def test_a_long_name_is_not_worth_the_columns_of_all(self):
        self.mock.services.append(service("a-name-as-long-as-names-may-be-" * 2, pid=4194304))
        self.screen("status-long-name", 80, status=3)

    def test_status_without_colours(self):
        self.screen("status-no-color", 120, "--no-color", status=3)
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}):
            self.assertNotIn("\x1b", self.run_svcctl(120, **env)[1])

    def test_status_ascii(self):
        self.mock.services[3]["annotation"] = "le caché du magasin"
        self.mock.services[3]["status_text"] = None
        self.screen("status-ascii", 80, status=3, LC_ALL="C")

    def test_status_all_running(self):
        self.mock.services = [s for s in usual() if s["name"] == "redis"]
        self.mock.services[0]["annotation"] = "日本語の注釈、とても長いので切らなければならない日本語の注釈、とても長い"
        self.mock.services[0]["status_text"] = None
        self.screen("status-wide-characters", 100)

    def test_status_empty(self):
        self.mock.services = []
        self.screen("status-empty", 80)

    def test_banner(self):
        self.mock.info["definitions_changed"] = True
        self.mock.info["errors"] = [{"severity": "error", "message": "x"}, {"severity": "warning", "message": "y"}]
        self.mock.services = self.mock.services[:1]
        self.screen("status-banner", 80, status=3)

    SIZES = {80: 24, 200: 50}

    def test_page(self):
        self.write_log("redis", LOG)
        self.mock.on("Checks", reply({"checks": checks()}))
        for columns, rows in self.SIZES.items():
            self.screen(f"page-{columns}", columns, "status", "redis", rows=rows)
        self.screen("page-ascii", 80, "status", "redis", "--no-color", LC_ALL="C")

    def test_page_of_a_svcd_that_knows_no_checks(self):
        self.assertNotIn("checks", self.run_svcctl(80, "status", "redis", "--no-color")[1])

    def test_page_with_a_line_that_never_ends(self):
        """Of a log of 8 GB without a newline no more is read than its end."""
        folder = os.path.join(self.root, "logs/services")
        os.makedirs(folder)
        with open(os.path.join(folder, "redis.log"), "wb") as f:
            f.seek(8 << 30)
            f.write(b"\n2026-11-20T11:12:14.000+01:00 out short\n")
        _, text = self.run_svcctl(80, "status", "redis", "--no-color")
        lines = text.splitlines()
        self.assertEqual(lines[-2], "    (before that: a line longer than 8.0M; `svcctl logs redis` shows it)")
        self.assertRegex(lines[-1], r" out +short$")

    def test_page_with_a_very_long_line(self):
        self.write_log("redis", LOG + "2026-11-20T11:12:14.500+01:00 out x" + "\u00e9" * 2500000 + "\n"
                       + "2026-11-20T11:12:15.000+01:00 out short\n")
        for columns in (80, 200):
            _, text = self.run_svcctl(columns, "status", "redis", "--no-color")
            self.assertLess(len(text), 5000)
            lines = text.splitlines()
            self.assertRegex(lines[-2], r" out +x\u00e9{999} \[4\.8M more\]$")
            self.assertRegex(lines[-1], r" out +short$")

    def test_page_of_a_failing_one(self):
        self.screen("page-backoff", 80, "status", "chat", status=3)
        self.screen("page-disabled", 80, "status", "web-2", status=3)

    def test_page_with_a_changed_definition(self):
        self.mock.services[3].update(changed=True, error="services.yaml:5:7: services.redis.prot: unknown key")
        self.screen("page-changed", 80, "status", "redis")

    def test_page_of_one_that_was_rolled_back(self):
        self.mock.services[3].update(rolled_back="2026-11-20T11:12:13.123+01:00")
        self.screen("page-rolled-back", 80, "status", "redis")

    def test_hostile_text(self):
        evil = "\x1b]0;title\x07\x1b[2J\r\n\x9b31m\x7f \u202etfel-ot-thgir"
        self.mock.services = [service("redis", pid=1, annotation=evil, command=evil, status_text=evil)]
        self.write_log("redis", "2026-11-20T11:12:14.000+01:00 out " + evil.replace("\n", "") + "\n")
        self.screen("hostile-table", 120, "--no-color")
        self.screen("hostile-page", 120, "status", "redis", "--no-color")
        self.screen("hostile-logs", 120, "logs", "redis", "--no-color")
        self.mock.on("Events", reply({"events": [{"at": evil, "event": "x" + evil, "service": evil, evil: evil}]}))
        self.screen("hostile-events", 120, "events", "--no-color")
        for arguments in (["status"], ["status", "redis"], ["events"], ["logs", "redis"]):
            status, text = self.run_svcctl(120, "--json", *arguments)
            self.assertEqual(status, 0, text)
            for c in "\x1b\x07\x9b\u202e":
                self.assertNotIn(c, text, arguments)
            self.assertIn("\\u202e", text.lower(), arguments)

    def test_logs(self):
        self.write_log("redis", LOG)
        self.write_log("chat", "2026-11-20T11:12:14.500+01:00 out listening\n  more\n")
        self.screen("logs-one", 80, "logs", "redis")
        self.screen("logs-two", 80, "logs", "redis", "chat")
        self.screen("logs-since", 80, "logs", "redis", "chat", "--since", "2026-11-20 11:12:14.500", "-n3")
        for i in range(8):  # more names than colours
            self.write_log(f"w{i}", f"2026-11-20T11:12:{20 + i}.000+01:00 out {i}\n")
        self.screen("logs-many", 80, "logs", "w*", "chat")

    def test_logs_of_runs(self):
        self.write_log("redis", LOG + "2026-11-20T11:13:00.000+01:00 svcd exited run=3 pid=4242 code=1 ran=47s failure=1/5\n"
                                      "2026-11-20T11:13:01.000+01:00 svcd started run=4 pid=4250 command=x\n")
        self.screen("logs-run", 80, "logs", "redis", "--run", "3")
        self.screen("logs-no-run", 80, "logs", "redis", "--run", "5", status=1)
        self.write_log("redis", LOG.split("\n", 2)[2])
        self.screen("logs-run-cut", 80, "logs", "redis", "--run", "0", "-n", "1")

    def test_plan(self):
        self.mock.on("Plan", reply({"changes": [
            {"name": "api", "action": "add", "diffs": [{"path": "command", "before": None, "after": "x"}]},
            {"name": "chat", "action": "restart", "diffs": [
                {"path": "command", "before": "bin/mattermost", "after": "[bin/mattermost, server]"},
                {"path": "port", "before": "8301", "after": None}]},
            {"name": "old", "action": "remove", "diffs": []},
            {"name": "redis", "action": "live", "diffs": [
                {"path": "stop.timeout", "before": "10s", "after": "30s"}]},
            {"name": "same", "action": "unchanged", "diffs": []},
            {"name": "web-1", "action": "nothing", "diffs": [
                {"path": "annotation", "before": None, "after": "the shop"}]},
            {"name": "worker", "action": "invalid", "diffs": [], "error": "unknown key prot"}],
            "diagnostics": [{"severity": "error", "file": "/home/a/admin/config/services.yaml", "line": 30,
                             "column": 5, "path": "services.worker.prot", "service": "worker",
                             "message": "unknown key (did you mean \"port\"?)",
                             "source": "    prot: 8310"}]}))
        self.screen("plan", 80, "plan", status=1)
        self.mock.on("Plan", reply({"changes": [{"name": "a", "action": "unchanged", "diffs": []}],
                                    "diagnostics": []}))
        self.screen("plan-nothing", 80, "plan")

    PLAN = {"changes": [
        {"name": "api", "action": "add", "pid": None, "note": None, "because": [], "diffs": [
            {"path": "command", "before": None, "after": "bin/api --listen 8311"},
            {"path": "port", "before": None, "after": "8311"}]},
        {"name": "cache", "action": "stop", "pid": 4200, "because": ["enabled"], "note": None, "diffs": [
            {"path": "enabled", "before": "true", "after": "false"}]},
        {"name": "chat", "action": "restart", "pid": 4242, "note": None,
         "because": ["command", "environment.API_TOKEN"], "diffs": [
             {"path": "command", "before": "bin/mattermost --config config/config.json --port 8301",
              "after": "bin/mattermost server --config config/config.json --port 8301"},
             {"path": "stop.timeout", "before": "10s", "after": "30s"},
             {"path": "environment.API_TOKEN", "before": "********", "after": "********"}]},
        {"name": "mail", "action": "stop", "pid": 4201, "because": [], "diffs": [],
         "note": "it requires cache, which is disabled: definition"},
        {"name": "nightly", "action": "nothing", "pid": None, "because": [], "note": "stopped", "diffs": [
            {"path": "command", "before": "bin/a", "after": "bin/b"}]},
        {"name": "new", "action": "add", "pid": None, "because": [], "diffs": [],
         "note": "it requires cache, which is disabled: definition"},
        {"name": "odd", "action": "somersault", "pid": 1, "because": [], "note": None, "diffs": []},
        {"name": "old", "action": "remove", "pid": 4202, "because": [], "note": None, "diffs": [
            {"path": "command", "before": "bin/old", "after": None}]},
        {"name": "older", "action": "remove", "pid": None, "because": [], "note": None, "diffs": []},
        {"name": "redis", "action": "live", "pid": 4203, "because": [], "note": None, "diffs": [
            {"path": "limits.memory", "before": None, "after": "512M"}]},
        {"name": "shop", "action": "start", "pid": None, "because": [], "diffs": [],
         "note": "until now: disabled: failures"},
        {"name": "same", "action": "unchanged", "pid": 4204, "because": [], "note": None, "diffs": []},
        {"name": "worker", "action": "invalid", "pid": 4205, "because": [], "note": None, "diffs": [],
         "error": "its file has errors: /home/a/admin/config/services.d/worker.yaml"}],
        "account": [{"path": "start_concurrency", "before": "8", "after": "4"}], "diagnostics": []}

    def test_plan_with_reasons(self):
        self.mock.on("Plan", reply(self.PLAN))
        for columns in (80, 200):
            self.screen(f"plan-{columns}", columns, "plan", status=10)
        self.screen("plan-ascii", 80, "plan", "--no-color", status=10, LC_ALL="C")

    def test_reload(self):
        a = {"name": "a", "action": "restart", "diffs": [{"path": "port", "before": "8300", "after": "8301"}]}
        nothing = {"changes": [], "account": [], "diagnostics": []}
        self.mock.on("Reload", reply({"changes": [a], "diagnostics": []}))  # of an earlier version
        self.screen("reload", 80, "reload")
        gone = {"name": "old", "action": "remove", "diffs": [], "pid": None}
        self.mock.on("Reload", reply({**nothing, "changes": [{**a, "because": ["port"], "pid": 4242}, gone],
                                      "results": [result("old", "removed", state="stopped")]}, True),
                     reply({**nothing, "results": [
                         result("a", "cannot start: exec bin/a: No such file or directory; next start in 1s",
                                "failed", "backoff")]}))
        self.screen("reload-results", 80, "reload", status=1)

    def test_progress(self):
        """What stands on the screen while it takes long, and that nothing of it is left."""
        def since(seconds):
            return time.strftime("%Y-%m-%dT%H:%M:%S.000+00:00", time.gmtime(time.time() - seconds))
        self.write_log("chat", f"{since(60)} svcd started run=5\n{since(30)} out loading plugins\n"
                               f"{since(20)} err compiling 17 of 40 \x1b[31massets\n")
        self.mock.services = [
            service("chat", "starting", pid=4250, since=since(61), note="waiting for port 8301 to be listened on"),
            service("redis", pid=4242),
            service("web-1", "waiting", since=since(61), note="waiting for chat (starting)"),
            service("web-2", "stopping", pid=4251, since=since(61), note="what is left is killed in 8s; a long "
                    "note that does not fit into the line of a terminal of eighty columns")]
        for columns, rows in ((80, 24), (200, 50)):
            ended = threading.Event()

            def rest(_):
                ended.wait(20)
                return reply({"results": [result("chat", "started (pid 4250)", pid=4250)]}, True)
            self.mock.on("Start", reply({"results": [result("redis", "already running (pid 4242)", "nothing")]}, True),
                         rest, reply({"results": [result("web-1", "started (pid 4260)"),
                                                  result("web-2", "superseded by a later stop", "superseded")]}))
            t = self.terminal(columns, rows, "start", "redis", "chat", "web-*")
            t.read_until(lambda data: b"\x1b[J" in data.partition(b"assets")[2])  # the picture is whole
            text = re.sub(r"\b[0-9]+(m[0-9]+)?s (?= |\()|, [0-9]+s", lambda m: re.sub("[0-9]", "N", m[0]),
                          vt.shown(t.data, columns, rows))
            ended.set()
            got, _ = t.finish()
            after = vt.shown(t.data, columns, rows)
            self.golden(f"progress-{columns}", f"$ svcctl start redis chat web-*   ({columns}x{rows}, under way)\n"
                        f"{text}----\n{after}")
            self.assertEqual(got, 1)

    def test_progress_of_wait_and_upgrade(self):
        self.mock.services = [
            service("chat", "starting", pid=4250, since="2026-11-20T11:15:09.500+01:00", note="not ready yet"),
            service("redis", pid=4242, since="2026-11-20T11:15:09.500+01:00")]
        done = {"from": "0.1.0", "to": "0.2.0", "pid": 4242, "services": 2, "missing": [], "took_ms": 20}
        for method, arguments, end in (("Wait", ["wait", "chat"], {"services": [service("chat", pid=4250)]}),
                                       ("Upgrade", ["upgrade"], done)):
            ended = threading.Event()

            def rest(_, ended=ended, end=end):
                ended.wait(20)
                return reply(end)
            self.mock.on(method, rest)
            t = self.terminal(80, 24, *arguments)
            t.read_until(lambda data: b"\x1b[J" in data.partition(b"Ctrl-C ends")[2])
            text = re.sub(", [0-9]+s", ", Ns", vt.shown(t.data, 80, 24))
            text = re.sub("[0-9dhm]+ +(?=not)", "AGE  ", text)
            ended.set()
            self.assertEqual(t.finish()[0], 0)
            self.golden(f"progress-{arguments[0]}", f"$ svcctl {' '.join(arguments)}   (under way)\n{text}----\n"
                        f"{vt.shown(t.data, 80, 24)}")

    def test_why(self):
        line = {"time": "2026-11-20T11:16:00.123+01:00"}
        why = {"name": "web-2", "state": "disabled", "disabled_cause": "failures",
               "at": "2026-11-20T11:17:00.000+01:00",
               "said": [
                   {"code": "failures", "part": "state", "text": "it is disabled: 5 failures within 60s: exited "
                                                                 "with code 1 after 9s"},
                   {"code": "changed", "part": "change", "text":
                    "its definition was changed at 2026-11-20 11:14 (command, port); before that it ran for 3d: "
                    "`svcctl rollback web-2` brings that definition back"},
                   {"code": "release", "part": "advice", "text": "`svcctl start web-2` lets it run again"},
                   {"code": "no-retry", "part": "advice", "text": "svcd does not try again by itself"}],
               "changes": [{"path": "command", "before": "bin/web", "after": "bin/web --fast"},
                           {"path": "port", "before": None, "after": "8311"}],
               "exits": [dict(EXIT, run=5, text="exited with code 1 after 9s", failure=True),
                         dict(EXIT, run=4, text="exited with code 0 after 1h", failure=False)],
               "output": {"run": 5, "source": "err", "lines": [
                   dict(line, text="Error: listen\tEADDRINUSE \x1b[31m:::8311"), dict(line, text=""),
                   dict(line, text="    at Server.listen (net.js:1)")]},
               "checks": [{"name": "curl", "at": "2026-11-20T11:16:00.123+01:00", "text": "exit code 7",
                           "command": "curl -sf\x1b[2J localhost:8311", "output": "first\ncurl: (7) caché\n"},
                          {"name": "tcp", "at": "2026-11-20T11:15:00.123+01:00", "text": "port 8311: refused",
                           "command": None, "output": ""}]}
        self.mock.on("Why", reply({"why": why}))
        self.screen("why", 80, "why", "web-2")
        self.screen("why-ascii", 80, "why", "web-2", "--no-color", LC_ALL="C")
        self.mock.on("Why", reply({"why": {
            "name": "redis", "state": "running", "said": [
                {"code": "runs", "part": "state", "text": "it runs well: pid 4242, up 3d"}], "changes": [],
            "exits": [], "output": {"run": 1, "source": None, "lines": []}, "checks": []}}))
        self.screen("why-well", 80, "why", "redis")
        self.mock.on("Why", reply({"why": {}}))  # no svcd says that
        self.screen("why-nothing", 80, "why", "redis", status=5)

    def test_show_and_env(self):
        self.mock.on("Show", reply({"service": service("redis"), "settings": [
            {"path": "command", "value": "./src/redis-server redis.conf", "origin": "services.yaml:5",
             "change": "restart", "help": ""},
            {"path": "port", "value": None, "origin": "default", "change": "restart", "help": ""},
            {"path": "restart.max_failures", "value": "5", "origin": "services.yaml:2 (defaults)",
             "change": "live", "help": ""}]}))
        self.screen("show", 80, "show", "redis")
        self.mock.on("Show", reply({"service": service("redis"), "settings": [
            {"path": "annotation", "value": "cache of the shop", "origin": "services.yaml:4"},
            {"path": "command", "value": "./src/redis-server redis.conf --bind :: --port 8300 --protected-mode no",
             "origin": "services.yaml:5"},
            {"path": "restart.max_failures", "value": "5", "origin": "services.yaml:2 (defaults)"}]}))
        self.screen("show-long", 80, "show", "redis")
        self.mock.on("Environment", reply({"variables": [
            {"name": "HOME", "value": "/home/a", "origin": "account", "masked": False},
            {"name": "API_TOKEN", "value": "********", "origin": "services.yaml:9", "masked": True},
            {"name": "ODD", "value": "two\nlines \x1b[31m", "origin": "/home/a/.env:2", "masked": False}]}))
        self.screen("env", 80, "env", "redis")

    def test_events_have_colours_with_a_meaning(self):
        at = "2026-11-20T11:12:13.123+01:00"
        self.mock.on("Events", reply({"events": [
            {"at": at, "event": "ready", "service": "redis", "run": 3, "after": "57ms", "after_ms": 57},
            {"at": at, "event": "monitoring failed", "service": "redis", "error": "exit code 1"},
            {"at": at, "event": "exited", "service": "redis", "run": 3, "code": 1, "failure": "1/5"},
            {"at": at, "event": "disabled", "service": "redis", "cause": "failures"}]}))
        self.screen("events-colours", 80, "events")

    def test_events(self):
        self.mock.on("Events", reply({"events": [
            {"at": "2026-11-20T11:12:13.123+01:00", "event": "started", "service": "redis", "run": 3, "pid": 4242,
             "command": "./src/redis-server redis.conf"},
            {"at": "2026-11-20T11:15:00.020+01:00", "event": "exited", "service": "redis", "run": 3,
             "pid": 4242, "signal": "HUP", "ran": "2m46s", "ran_ms": 166000},
            {"at": "2026-11-20T11:16:00.000+01:00", "event": "reloaded"}]}))
        self.screen("events", 80, "events")

    def test_errors(self):
        self.screen("no-such-service", 80, "status", "rediss", status=4)
        self.screen("usage", 80, "start", status=2)
        self.mock.on("Plan", error("org.example.SomethingElse"))
        self.screen("other-error", 80, "plan", status=1)

    def test_help(self):
        for columns in (80, 200):
            self.screen(f"help-{columns}", columns, "help")
        self.screen("help-logs", 80, "help", "logs")
        self.screen("help-ascii", 80, "logs", "--help", LC_ALL="C")


if __name__ == "__main__":
    unittest.main()
