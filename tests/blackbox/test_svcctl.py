"""svcctl: exit statuses, JSON, names and globs, waiting, logs, events."""

import json
import os
import re
import signal
import subprocess

from svcdtest import BIN, SLOW, SvcdTest, alive, free_port

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"


class Status(SvcdTest):
    """The exit statuses of the contract."""

    def up(self):
        self.config("""
            services:
              a: {command: sleep 1000}
              web-1: {command: sleep 1000}
              web-2: {command: sleep 1000}
              off: {command: sleep 1000, enabled: false}
        """)
        self.start()
        for n in ("a", "web-1", "web-2"):
            self.running(n)

    def test_0_and_3(self):
        self.up()
        self.svcctl("status", "a", status=0)
        self.svcctl("status", "off", status=3)
        self.svcctl("status", status=3)
        self.svcctl("stop", "a", status=0)
        self.svcctl("status", "a", status=3)

    def test_2_wrong_usage(self):
        self.up()
        for arguments in (["frobnicate"], ["start"], ["--no-such-option", "status"], ["stop", "--frob", "a"],
                          ["signal", "NOSUCH", "a"], ["wait", "a", "--for", "godot"], ["show", "a", "web-1"],
                          ["--timeout", "soon", "status"], ["logs", "a", "-n", "many"]):
            r = self.svcctl(*arguments, status=2)
            self.assertTrue(r.err.strip(), arguments)
            self.assertEqual(r.out, "", arguments)
        self.assertIn("status", self.svcctl("stauts", status=2).err)  # did you mean

    def test_4_no_such_service(self):
        self.up()
        for verb in ("status", "start", "stop", "restart", "enable", "disable", "show"):
            r = self.svcctl(verb, "nobody", status=4)
            self.assertIn("nobody", r.err)
        self.svcctl("signal", "USR1", "nobody", status=4)
        self.svcctl("stop", "a", "nobody", status=4)
        self.assertEqual(self.state("a"), "running")  # all or none
        self.svcctl("stop", "zzz-*", status=4)

    def test_5_not_running(self):
        for arguments in (["status"], ["start", "a"], ["reload"], ["plan"], ["events"]):
            r = self.svcctl(*arguments, status=5)
            self.assertRegex(r.err, r"(?i)not running|cannot reach|connect")
            self.assertIn(self.root, r.err)

    def test_6_timed_out(self):
        self.up()
        r = self.svcctl("wait", "a", "--for", "stopped", "--timeout", "200ms", status=6)
        self.assertIn("wait: timed out waiting for a to be stopped: a is running; look with `svcctl ", r.err)
        self.config("services: {a: {command: sleep 1000, ready: notify}}\n")
        self.svcctl("reload")
        self.svcctl("--timeout", "200ms", "restart", "--replace", "a", status=6)

    def test_1_refused(self):
        self.up()
        self.svcctl("start", "off", status=1)

    def test_a_silent_svcd_is_timed_out(self):
        self.up()
        os.kill(self.svcd.pid, signal.SIGSTOP)
        try:
            r = self.run_svcctl("--timeout", "500ms", "status")
            self.assertEqual(r.status, 6, r)
        finally:
            os.kill(self.svcd.pid, signal.SIGCONT)


class Names(SvcdTest):
    def setUp(self):
        super().setUp()
        self.config("services:\n" + "".join(f"  {n}: {{command: sleep 1000}}\n"
                                             for n in ("a", "web-1", "web-2")))
        self.start()
        for n in ("a", "web-1", "web-2"):
            self.running(n)

    def states(self):
        return {n: s["state"] for n, s in self.services().items()}

    def test_globs(self):
        self.svcctl("stop", "web-*")
        self.assertEqual(self.states(), {"a": "running", "web-1": "stopped", "web-2": "stopped"})
        self.svcctl("start", "web-?")
        self.assertEqual(set(self.states().values()), {"running"})

    def test_all(self):
        self.svcctl("stop", "--all")
        self.assertEqual(set(self.states().values()), {"stopped"})
        self.svcctl("start", "--all")
        self.assertEqual(set(self.states().values()), {"running"})
        self.assertEqual(len(json.loads(self.svcctl("status", "--all", "--json").out)), 3)
        self.assertEqual(self.svcctl("events", "-a", "-n5").out, self.svcctl("events", "-n5").out)

    def test_several(self):
        said = self.svcctl("restart", "a", "web-1").out
        self.assertRegex(said, r"(?m)^a: ")
        self.assertRegex(said, r"(?m)^web-1: ")

    def test_quiet(self):
        r = self.svcctl("--quiet", "restart", "a")
        self.assertEqual((r.out, r.err), ("", ""))

    def test_options_anywhere(self):
        json.loads(self.svcctl("status", "--json").out)
        json.loads(self.svcctl("status", "a", "--json").out)
        self.svcctl("stop", "a", "--no-wait")


class Json(SvcdTest):
    KEYS = {"name", "state", "pid", "run", "since", "uptime_ms", "restarts", "failures", "enabled",
            "disabled_cause", "health", "port", "memory_bytes", "cpu_ms", "last_exit", "note"}
    EXIT = {"kind", "code", "signal", "ran_ms", "at"}

    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.config(f"""
            services:
              a: {{command: sleep 1000, port: {self.port}, ready: exec, annotation: "tick \\"x\\" ü"}}
              b: {{command: 'false', restart: never}}
        """)
        self.start()
        self.running("a")
        self.in_state("b", "stopped")

    def test_status(self):
        result = self.svcctl("--json", "status", status=3)
        self.assertEqual(result.err, "")
        listed = json.loads(result.out)
        self.assertEqual([s["name"] for s in listed], ["a", "b"])
        for s in listed:
            self.assertEqual(self.KEYS - set(s), set())
            self.assertRegex(s["since"], "^" + TIME + "$")
        a, b = listed
        self.assertEqual((a["state"], a["port"], a["run"], a["last_exit"], a["health"], a["enabled"]),
                         ("running", self.port, 1, None, None, True))
        self.assertTrue(alive(a["pid"]))
        self.assertGreater(a["memory_bytes"], 0)
        self.assertEqual(self.EXIT - set(b["last_exit"]), set())
        self.assertEqual((b["last_exit"]["kind"], b["last_exit"]["code"], b["last_exit"]["signal"]),
                         ("exited", 1, None))
        self.assertRegex(b["last_exit"]["at"], "^" + TIME + "$")

    def test_every_verb_prints_one_document(self):
        for arguments, status in ((["status"], 3), (["start", "a"], 0), (["restart", "a"], 0), (["stop", "a"], 0),
                                  (["disable", "a"], 0), (["enable", "a"], 0), (["start", "a"], 0), (["check"], 0),
                                  (["plan"], 0), (["reload"], 0), (["show", "a"], 0),
                                  (["wait", "a"], 0), (["version"], 0), (["signal", "CONT", "a"], 0),
                                  (["logs", "a"], 0), (["env", "a"], 0)):
            with self.subTest(arguments=arguments):
                r = self.svcctl("--json", *arguments, status=status)
                json.loads(r.out)

    def test_errors_are_documents_too(self):
        for arguments, status in ((["stop", "nobody"], 4), (["start"], 2)):
            r = self.svcctl("--json", *arguments, status=status)
            if r.out.strip():
                json.loads(r.out)
            self.assertTrue(r.out.strip() or r.err.strip())

    def test_check_lists_diagnostics(self):
        self.config("services: {a: {command: x, prot: 1}}\n")
        r = self.svcctl("--json", "check", status=1)
        self.assertIn("prot", r.out)
        json.loads(r.out)

    def test_events_are_ndjson(self):
        r = self.svcctl("--json", "events", "-n", "100")
        events = [json.loads(line) for line in r.out.splitlines()]
        self.assertTrue({"started", "ready", "exited"} <= {e["event"] for e in events})
        for e in events:
            self.assertRegex(e["at"], "^" + TIME + "$")
        self.assertEqual({e.get("service") for e in
                          map(json.loads, self.svcctl("--json", "events", "a").out.splitlines())}, {"a"})


class Table(SvcdTest):
    def setUp(self):
        super().setUp()
        self.config("services: {a: {command: sleep 1000, annotation: hello}, b: {command: sleep 1000}}\n")
        self.start()
        self.running("a")
        self.running("b")

    def test_plain_when_piped(self):
        out = self.svcctl("status").out
        self.assertNotIn("\x1b", out)
        self.assertRegex(out, r"(?m)^a\s+running\s+\d+")
        self.assertEqual([line.split()[0] for line in self.svcctl().out.splitlines()],
                         [line.split()[0] for line in out.splitlines()])

    def test_colour_on_a_terminal_only_and_not_when_refused(self):
        def on_terminal(*arguments, **env):
            r = subprocess.run(["script", "-qec", " ".join([os.path.join(BIN, "svcctl"), *arguments]), "/dev/null"],
                               stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                               env={**self.environment(), "TERM": "xterm", "SHELL": "/bin/sh", **env}, timeout=30 * SLOW)
            return r.stdout
        self.assertIn("\x1b[", on_terminal("status"))
        self.assertNotIn("\x1b[", on_terminal("status", "--no-color"))
        self.assertNotIn("\x1b[", on_terminal("status", NO_COLOR="1"))
        self.assertNotIn("\x1b[", on_terminal("status", TERM="dumb"))

    def test_the_page_of_one_service(self):
        out = self.svcctl("status", "a").out
        for word in ("running", "sleep 1000", "hello", "services.yaml", "started run=1"):
            self.assertIn(word, out)

    def test_help(self):
        out = self.svcctl("help").out
        for verb in ("status", "start", "stop", "restart", "logs", "reload"):
            self.assertRegex(out, rf"(?m)^\s+{verb}\b")
        self.assertEqual(self.svcctl("--help").out, out)
        self.assertIn("--replace", self.svcctl("help", "restart").out)

    def test_version(self):
        self.assertRegex(self.svcctl("version").out, r"\d+\.\d+\.\d+")
        self.end_svcd()
        self.assertRegex(self.svcctl("version").out, r"\d+\.\d+\.\d+")

    def test_show(self):
        out = self.svcctl("show", "a").out
        self.assertRegex(out, r"command\W+sleep 1000.*services\.yaml:1")
        self.assertRegex(out, r"restart\.delay|delay")

    def test_env(self):
        self.config("services: {a: {command: sleep 1000, environment: {API_TOKEN: hunter2, X: y}}}\n")
        self.svcctl("reload")
        out = self.svcctl("env", "a").out
        self.assertNotIn("hunter2", out)
        self.assertRegex(out, r"(?m)^X\s+y\s+services\.yaml:1$")
        self.assertIn("hunter2", self.svcctl("env", "a", "--show-secrets").out)
        self.assertNotIn("hunter2", self.svcctl("show", "a").out)
        self.assertIn("hunter2", self.svcctl("show", "a", "--show-secrets").out)

    def test_each_error_of_a_plan_once(self):
        self.config("services: {a: {command: sleep 1000, prot: 1}, b: {command: sleep 1000}}\n")
        for verb in ("plan", "reload"):
            r = self.svcctl(verb, status=1)
            self.assertRegex(r.out, r"(?m)^! a: not usable, it goes on as it is$")
            self.assertRegex(r.err, r"services\.yaml:1:\d+: services\.a\.prot: ")
            self.assertEqual((r.out + r.err).count("services.a.prot"), 1)

    def test_signal(self):
        pid = self.service("b")["pid"]
        self.svcctl("signal", "KILL", "b")
        self.new_run("b", pid)


class Waiting(SvcdTest):
    def test_wait_ends_when_it_is_so(self):
        self.config("services: {a: {command: sleep 1000, monitoring: {command: test -e ok, interval: 100ms, "
                    "failures: 100}}}\n")
        self.start()
        self.svcctl("wait", "a")
        r = self.svcctl("wait", "a", "--for", "healthy", "--timeout", "300ms", status=6)
        self.assertRegex(r.err, r"for a to be healthy: a is running \(.*\); look with `svcctl .*status a`")
        w = subprocess.Popen([os.path.join(BIN, "svcctl"), "wait", "a", "--for", "healthy"], env=self.environment())
        self.programs.append(w)
        self.write("ok", "")
        self.assertEqual(w.wait(20 * SLOW), 0)
        self.svcctl("stop", "a")
        self.svcctl("wait", "a", "--for", "stopped")

    def test_ctrl_c_detaches_and_the_action_goes_on(self):
        run = self.script("p.sh", "trap '' TERM\necho up\nuntil test -e ~/go; do sleep 0.1; done\n")
        self.config(f"services: {{a: {{command: {run}, stop: {{timeout: 1h}}}}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.logged("a", "up", "out")
        w = subprocess.Popen([os.path.join(BIN, "svcctl"), "stop", "a"], env=self.environment(),
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.programs.append(w)
        self.in_state("a", "stopping")
        w.send_signal(signal.SIGINT)
        said = w.communicate(timeout=20 * SLOW)[0]
        self.assertNotEqual(w.returncode, 0)
        self.assertRegex(said, r"(?i)goes on|continues|background")
        self.write("go", "")
        self.in_state("a", "stopped")
        self.assertFalse(alive(pid))

    def test_start_waits_for_ready(self):
        self.config("services: {a: {command: sleep 1000, ready: monitoring, monitoring: "
                    "{command: test -e ok, interval: 100ms, failures: 100}}}\n")
        self.start()
        self.in_state("a", "starting")
        w = subprocess.Popen([os.path.join(BIN, "svcctl"), "start", "a"], env=self.environment(),
                             stdout=subprocess.PIPE, text=True)
        self.programs.append(w)
        self.assertEqual(self.state("a"), "starting")
        self.assertIsNone(w.poll())
        self.write("ok", "")
        said = w.communicate(timeout=20 * SLOW)[0]
        self.assertEqual(w.returncode, 0, said)
        self.assertEqual(self.state("a"), "running")


class Logs(SvcdTest):
    def setUp(self):
        super().setUp()
        run = self.script("p.sh", "for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done\n"
                                  "trap 'echo more' USR1\necho up\nwhile :; do sleep 0.05; done\n")
        self.config(f"services: {{a: {{command: {run}}}, b: {{command: sleep 1000}}}}\n")
        self.start()
        self.logged("a", "up", "out")
        self.logged("a", "err 5", "err")
        self.logged("a", "ready run=1", "svcd")
        self.logged("b", "started run=1", "svcd")
        self.running("b")

    def test_last_lines(self):
        out = self.svcctl("logs", "a", "-n", "2").out.splitlines()
        self.assertEqual(out, self.log("a")[-2:])

    def test_all_lines_of_one_source(self):
        out = self.svcctl("logs", "a", "-n", "all", "--source", "err").out.splitlines()
        self.assertEqual([line.split(" ", 2)[2] for line in out], [f"err {i}" for i in range(1, 6)])

    def test_with_svcd_down(self):
        self.end_svcd()
        self.assertIn("out 5", self.svcctl("logs", "a").out)

    def test_follow(self):
        path = os.path.join(self.tmp, "followed")
        with open(path, "w") as f:
            p = subprocess.Popen([os.path.join(BIN, "svcctl"), "logs", "-f", "a"], stdout=f,
                                 env=self.environment())
        self.programs.append(p)
        self.until(lambda: "up" in self.read(path), what="the old lines")
        self.svcctl("signal", "USR1", "a")
        self.until(lambda: "more" in self.read(path), what="a new line")
        p.send_signal(signal.SIGINT)
        p.wait(20 * SLOW)

    def test_unknown_service(self):
        self.svcctl("logs", "nobody", status=4)

    def test_several_names_are_told_apart(self):
        out = self.svcctl("logs", "a", "b", "-n", "all").out
        self.assertRegex(out, r"(?m)^.*\bb\b.*started run=1")
        self.assertRegex(out, r"(?m)^.*\ba\b.*out 1")

    def test_follow_events(self):
        path = os.path.join(self.tmp, "followed")
        with open(path, "w") as f:
            p = subprocess.Popen([os.path.join(BIN, "svcctl"), "--json", "events", "-f", "b"], stdout=f,
                                 env=self.environment())
        self.programs.append(p)
        self.until(lambda: "started" in self.read(path), what="the old events")
        self.svcctl("stop", "b")
        self.until(lambda: "exited" in self.read(path), what="a new event")
        for line in self.read(path).split("\n")[:-1]:
            self.assertEqual(json.loads(line)["service"], "b")
        self.assertTrue(re.search('"stop', self.read(path)))
