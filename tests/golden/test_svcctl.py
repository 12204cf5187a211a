"""svcctl against a stand-in for svcd: exit statuses, what is said when svcd misbehaves, --json: things that a real
svcd does not do on request."""

import errno
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import unicodedata

import ptyrun
from ctlcase import BIN, LIMIT, SVCCTL, Case
from mocksvcd import close, error, hang, reply, result, service


class Unreachable(Case):
    def test_no_socket(self):
        _, _, err = self.expect(5, "status", out="", err=f"svcd is not running for {self.root}: ")
        self.assertIn("control.sock does not exist; start it with `svcd`", err)
        self.expect(5, "--root", self.root, "stop", "a", err=f"start it with `svcd --root {self.root}`")
        self.assertEqual(self.expect_json(5, "status")["error"]["code"], "not-running")

    def test_the_command_to_start_it_can_be_pasted(self):
        for name, word in (("a b", "'{}/a b'"), ("a`id`", "'{}/a`id`'"), ("it's", "'{}/it'\\''s'"), ("ü", "{}/ü")):
            self.expect(5, "--root", f"{self.root}/{name}", "status",
                        err=f"start it with `svcd --root {word.format(self.root)}`")
        self.assertNotIn("\x1b", self.run_svcctl("--root", self.root + "/\x1b[2J", "status")[2])

    def test_no_home(self):
        """Nothing is wrong with the command line, and svcd cannot be found."""
        if os.getuid():
            self.skipTest("needs root, to be a user without an entry")
        program = os.path.join(self.root, "svcctl")
        shutil.copy2(SVCCTL, program)
        os.chmod(self.root, 0o755)
        for home, said in ((None, "HOME is not set"), ("foo", 'HOME is "foo", which is no absolute path')):
            env = {k: v for k, v in self.env.items() if k not in ("HOME", "SVCD_ROOT")}
            if home:
                env["HOME"] = home
            for arguments in (["status"], ["--json", "check"]):
                p = subprocess.run([program, *arguments], env=env, capture_output=True, text=True, user=60123,
                                   group=60123, extra_groups=[], cwd="/", timeout=LIMIT)
                self.assertEqual(p.returncode, 1, p)
                text = json.loads(p.stdout)["error"]["message"] if p.stdout else p.stderr
                self.assertIn(said, text)
                self.assertIn("user 60123 has no entry in the passwd database", text)

    def test_no_listener(self):
        os.mkdir(self.root + "/run")
        s = socket.socket(socket.AF_UNIX)
        s.bind(self.root + "/run/control.sock")
        s.close()
        self.expect(5, "status", err="has no listener; start it with `svcd`")

    def test_of_another_user(self):
        if os.getuid() == 0:
            os.mkdir(self.root + "/run", 0o700)
            os.chmod(self.root, 0o711)

            def drop():
                os.setgroups([])
                os.setresgid(65534, 65534, 65534)
                os.setresuid(65534, 65534, 65534)
            program = os.path.join(self.root, "svcctl")
            shutil.copy2(SVCCTL, program)
            p = subprocess.run([program, "status"], env=self.env, capture_output=True, text=True,
                               preexec_fn=drop, cwd="/", timeout=LIMIT)
            status, err = p.returncode, p.stderr
        else:
            self.env["SVCD_RUNTIME_DIR"] = "/root/run"
            status, _, err = self.run_svcctl("status")
            if "does not exist" in err:
                self.skipTest("/root may be looked into here")
        self.assertEqual(status, 5, err)
        self.assertIn("belongs to user root; svcctl has to run as that user (or as root)", err)

    def test_silence_is_ended(self):
        m = self.mock()
        m.on("Status", hang)
        self.expect(6, "--timeout", "200ms", "status", out="", err="does not answer")
        self.assertEqual(self.expect_json(6, "--timeout=200ms", "status")["error"]["code"], "timed-out")

    def test_silence_is_ended_by_itself(self):
        self.mock().on("Plan", hang)
        begin = time.monotonic()
        self.expect(6, "plan", err="does not answer")
        self.assertGreater(time.monotonic() - begin, 9)

    def test_nobody_accepts(self):
        os.mkdir(self.root + "/run")
        s = socket.socket(socket.AF_UNIX)
        s.bind(self.root + "/run/control.sock")
        s.listen(0)
        waiting = socket.socket(socket.AF_UNIX)
        waiting.connect(self.root + "/run/control.sock")  # fills the queue
        self.expect(6, "status", err="svcd accepts no connection")
        waiting.close()
        s.close()

    def test_nonsense(self):
        m = self.mock()
        for nonsense in (b"hello\0", b"[]\0", b'{"error": 1}\0', b'{"parameters": {"services": 7}}\0',
                         b'{"parameters": [1]}\0'):
            m.on("Status", nonsense)
            self.expect(5, "status", out="", err="does not speak as svcd does")
        m.on("GetInfo", b"\0")
        self.expect(5, "status", out="", err="does not speak as svcd does")

    def test_hang_up(self):
        m = self.mock()
        m.on("Status", close)
        self.expect(5, "status", out="", err="has ended before the answer")
        m.on("Status", b'{"parameters": {"serv', close)
        self.expect(5, "status", out="", err="has ended before the answer")


class Answers(Case):
    def test_errors(self):
        m = self.mock()
        for answer, status, text in (
                (error("Refused", reason="svcd is shutting down"), 1, "svcctl: svcd is shutting down\n"),
                (error("LimitReached", limit="clients", maximum=64), 1, "its limit of 64 clients"),
                (error("TimedOut", pending=["web"]), 6, "timed out; not in that state yet: web"),
                (error("NoSuchService", names=["rediss", "zzz*"]), 4,
                 "rediss: no such service (did you mean redis?); zzz*: no such service matches"),
                (error("SomethingNew"), 1, "svcd refused: something new"),
                (error("org.varlink.service.PermissionDenied"), 5, "answers only its own user and root"),
                (error("org.varlink.service.MethodNotFound", method="x"), 1, "is of another version"),
                (error("org.varlink.service.InvalidParameter", parameter="usage"), 1, '"usage"'),
                (error("org.example.Odd", why="\x1b[31m"), 1, "svcd refused: odd")):
            with self.subTest(answer=answer):
                m.on("Plan", answer)
                _, _, err = self.expect(status, "plan", out="", err=text)
                self.assertNotIn("org.", err)
                self.assertIn("message", self.expect_json(status, "plan")["error"])

    def test_states(self):
        m = self.mock()
        self.expect(3, "status", out="chat")
        self.expect(0, "status", "redis", "web", out="redis")
        self.expect(3, "status", "chat")
        m.services[1]["state"] = "reloading"
        self.expect(0, "status", "redis", "w*")
        m.services = []
        self.expect(0, "status", out="no services are defined")
        self.assertEqual(self.expect_json(0, "status"), [])

    def test_status_json_has_every_key(self):
        m = self.mock()
        m.services[0]["last_exit"] = {"kind": "exited", "code": 1}
        for s in self.expect_json(3, "status"):
            for key in ("name state pid run since uptime_ms restarts failures enabled disabled_cause health "
                        "port memory_bytes cpu_ms last_exit note").split():
                self.assertIn(key, s)
        self.assertEqual(self.expect_json(0, "status", "redis")[0]["last_exit"],
                         {"kind": "exited", "code": 1, "signal": None, "ran_ms": None, "at": None})

    def test_all(self):
        m = self.mock()
        self.expect(3, "status", "--all", out="chat")
        self.assertEqual(len(self.expect_json(3, "status", "-a")), 3)
        m.on("Events", reply({"events": []}))
        self.expect(0, "events", "--all")
        self.assertEqual(m.requests[-1]["parameters"]["names"], [])  # svcd's own too
        self.expect(2, "status", "--all", "redis", err="either names or --all")

    def test_show_secrets(self):
        m = self.mock()
        m.on("Show", reply({"service": service("redis"), "settings": []}))
        self.expect(0, "show", "redis")
        self.assertEqual(m.requests[-1]["parameters"], {"name": "redis"})
        self.expect(0, "show", "redis", "--show-secrets")
        self.assertEqual(m.requests[-1]["parameters"], {"name": "redis", "secrets": True})

    def test_each_error_of_a_plan_once(self):
        m = self.mock()
        message = 'unknown key (did you mean "port"?)'
        m.on("Plan", reply({"changes": [
            {"name": "a", "action": "invalid", "diffs": [], "error": "s.yaml:3:5: services.a.prot: " + message},
            {"name": "b", "action": "invalid", "diffs": [], "error": "of which nothing else is said"}],
            "diagnostics": [{"severity": "error", "file": "s.yaml", "line": 3, "column": 5,
                             "path": "services.a.prot", "service": "a", "message": message}]}))
        self.expect(1, "plan", out="! a: not usable\n! b: not usable: of which nothing else is said\n",
                    err="s.yaml:3:5: services.a.prot: " + message)

    # What svcctl prints with --quiet, of each verb: NOTHING where it says what it did or where the exit status is the
    # answer; the ANSWER where that is all there is.
    QUIET = {
        "nothing": [["status"], ["status", "redis"], ["start", "redis"], ["stop", "redis"], ["restart", "redis"],
                    ["enable", "redis"], ["disable", "redis"], ["rollback", "redis"], ["signal", "HUP", "redis"],
                    ["check"], ["plan"], ["reload"], ["wait", "redis"], ["upgrade"], ["doctor"],
                    ["add", "one", "--no-reload", "--", "x"], ["edit", "--yes", "--no-reload"],
                    ["set", "a", "annotation", "x", "--no-reload"], ["rename", "a", "c", "--no-reload"],
                    ["remove", "b", "--yes", "--no-reload"], ["import", "Procfile", "-o", "new.yaml"],
                    ["metrics", "-o", "metrics.prom"]],
        "answer": [["logs", "a"], ["why", "redis"], ["show", "redis"], ["show"], ["env", "redis"], ["events"], ["ps"],
                   ["import", "Procfile"], ["ports"], ["accounts"], ["schema"], ["completion", "bash"],
                   ["completion", "words", "--", "svcctl", ""], ["metrics"], ["version"], ["--version"], ["help"],
                   ["help", "logs"], ["run", "a", "--", "echo", "said"], ["run", "a", "--", "true"]],
        "terminal": [["top"], ["shell", "a"]],  # which need one, and then are nothing but what they print
    }

    def quiet_mock(self):
        m = self.mock()
        m.info["pid"] = os.getpid()  # ps looks for it
        done = reply({"results": [result("redis", "done")]})
        for method in ("Start", "Stop", "Restart", "Enable", "Disable", "Rollback", "Signal"):
            m.on(method, done)
        changes = {"changes": [{"name": "a", "action": "add", "diffs": []}], "account": [], "diagnostics": []}
        m.on("Plan", reply(changes))
        m.on("Reload", reply({**changes, "results": [result("a", "added")]}))
        m.on("Wait", reply({"services": [service("redis", pid=4242)]}))
        m.on("Upgrade", reply({"from": "1", "to": "2", "pid": 1, "services": 1, "missing": [], "took_ms": 1}))
        settings = {"settings": [{"path": "command", "value": "x", "origin": "default"}]}
        m.on("Show", reply({"service": service("redis"), **settings}))
        m.on("ShowAccount", reply(settings))
        m.on("Environment", reply({"variables": [{"name": "A", "value": "b", "origin": "account"}]}))
        m.on("Events", reply({"events": [{"at": "2026-11-20T11:12:13.123+01:00", "event": "started", "service": "a"}]}))
        m.on("Why", reply({"why": {"name": "redis", "state": "running", "at": "2026-11-20T11:12:13.123+01:00", "said": [
            {"code": "running", "part": "state", "text": "it runs"}], "changes": [], "exits": [], "checks": []}}))
        return m

    def quiet_files(self):
        for folder in ("config", "logs/services"):
            shutil.rmtree(os.path.join(self.root, folder), ignore_errors=True)
            os.makedirs(os.path.join(self.root, folder), 0o700)
        for name in ("new.yaml", "metrics.prom"):
            if os.path.exists(os.path.join(self.root, name)):
                os.unlink(os.path.join(self.root, name))
        for name, text in (("config/services.yaml", "services:\n  a: {command: x}\n  b: {command: y}\n"),
                           ("logs/services/a.log", "2026-11-20T11:12:13.123+01:00 out hello\n"),
                           ("Procfile", "web: node web.js\n")):
            with open(os.path.join(self.root, name), "w", encoding="utf-8") as f:
                f.write(text)

    def test_quiet(self):
        os.chmod(self.root, 0o700)
        self.env["VISUAL"] = "sed -i s/y/z/"
        self.quiet_mock()
        listed = {v["verb"] for v in self.expect_json(0, "help")["verbs"]}
        self.assertEqual({a[0] for all_ in self.QUIET.values() for a in all_ if a[0] in listed}, listed)
        for kind in ("nothing", "answer"):
            for arguments in self.QUIET[kind]:
                with self.subTest(arguments=arguments):
                    self.quiet_files()
                    loud = self.run_svcctl(*arguments, cwd=self.root)
                    self.quiet_files()
                    quiet = self.run_svcctl("-q", *arguments, cwd=self.root)
                    self.assertEqual(quiet[0], loud[0], quiet)
                    self.assertEqual(quiet[2], "")
                    if kind == "nothing":
                        self.assertTrue(loud[1] or loud[2] or arguments[0] == "metrics")
                        if arguments[0] == "doctor":  # what is wrong is said
                            self.assertNotRegex(quiet[1], "(?m)^(ok|note|warning) ")
                        else:
                            self.assertEqual(quiet[1], "")
                    elif arguments[0] in ("ports", "metrics", "accounts"):  # of the machine, which changes
                        self.assertNotEqual(quiet[1], "")
                    else:
                        self.assertEqual(quiet[1], loud[1])
        self.expect(4, "-q", "status", "nobody", out="", err="no such service")

    def test_banner_goes_beside_a_pipe(self):
        m = self.mock()
        m.info["definitions_changed"] = True
        _, out, _ = self.expect(3, "status", err="definitions have changed: `svcctl plan`")
        self.assertTrue(out.startswith("NAME "))
        self.assertNotIn("\x1b", out)

    def test_usage_is_measured_for_who_looks(self):
        m = self.mock()

        def asked(*arguments):
            m.requests.clear()
            self.run_svcctl(*arguments)
            return [r["parameters"]["usage"] for r in m.requests if r["method"].endswith("Status")]
        # svcctl measures, and asks svcd to do so once it is told that it sees other processes.
        m.info["services"] = 200
        self.assertEqual(asked("status"), [True])
        m.info["services"] = 201
        self.assertEqual(asked("status"), [False])
        self.assertEqual(asked("status", "redis"), [False, True])
        self.assertEqual(asked("status", "--json"), [False, True])
        m.info["pid"] = os.getpid()
        self.assertEqual(asked("status", "redis"), [False])
        self.assertEqual(asked("status", "--json"), [False])
        m.info["services"] = 200
        self.assertEqual(asked("status"), [False])

    def test_version(self):
        status, out, _ = self.run_svcctl("version")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"^svcctl \S+\nsvcd is not running for ")
        self.assertIsNone(self.expect_json(0, "version")["svcd"])
        self.mock()
        self.expect(0, "version", out="svcd 0.1.0 (pid 1234, up 3h12m)")
        self.assertEqual(self.expect_json(0, "version")["svcd"]["pid"], 1234)
        self.assertRegex(self.expect(0, "--version")[1], r"^svcctl \S+\n$")

    def test_upgrade(self):
        m = self.mock()
        done = {"from": "0.1.0", "to": "0.2.0", "pid": 4242, "services": 12, "missing": [], "took_ms": 20}
        m.on("Upgrade", reply(done))
        self.expect(0, "upgrade", out="svcd 0.1.0 -> 0.2.0 (pid 4242), 12 services untouched\n", err="")
        self.assertEqual(self.expect_json(0, "upgrade"), done)
        m.on("Upgrade", reply(dict(done, services=1, missing=["redis"])))
        self.expect(0, "upgrade", out="1 service untouched\n",
                    err="redis: its svc-shim has not answered the new svcd yet")
        m.on("Upgrade", error("Refused", reason="not upgraded, svcd 0.1.0 goes on: no"))
        self.expect(1, "upgrade", out="", err="svcctl: not upgraded, svcd 0.1.0 goes on: no\n")
        m.on("Upgrade", close)
        self.expect(5, "upgrade", out="", err="has ended before the answer")
        m.on("Upgrade", hang)
        self.expect(6, "--timeout", "50ms", "upgrade", out="")
        self.expect(2, "upgrade", "now", out="")

    def test_upgrade_of_one_that_cannot(self):
        self.mock()
        self.expect(1, "upgrade", out="", err="the running svcd 0.1.0 cannot be upgraded in place; end it "
                    "with `kill -KILL 1234` and start svcd again")
        self.assertEqual(self.expect_json(1, "upgrade")["error"]["code"], "refused")

    def test_usage_errors(self):
        for arguments in (["bogus"], ["start"], ["show", "a", "b"], ["plan", "x"], ["--frob"],
                          ["status", "--quiet=1"], ["--timeout", "soon", "plan"], ["signal", "NOSUCH", "a"],
                          ["wait", "a", "--for", "godot"], ["logs", "a", "-n", "-1"], ["logs", "a", "-n"],
                          ["logs", "a", "--since", "never"], ["logs", "a", "--source", "x"],
                          ["events", "-n", "x"], ["status", "--watch"], ["stop", "--all", "a"],
                          ["help", "bogus"], ["--root", "", "status"]):
            with self.subTest(arguments=arguments):
                self.expect(2, *arguments, out="", err="svcctl: ")
                self.assertEqual(self.expect_json(2, *arguments)["error"]["code"], "usage")

    def test_help_for_programs(self):
        verbs = {v["verb"] for v in self.expect_json(0, "help")["verbs"]}
        self.assertLess({"status", "start", "logs"}, verbs)
        self.assertEqual(self.expect_json(0, "help", "logs")["verb"], "logs")


class Actions(Case):
    STARTED = result("redis", "started (pid 4242)", pid=4242)
    FAILED = result("web", "cannot start: working_directory /home/a/x: No such file or directory",
                    outcome="failed", state="backoff")

    def test_each_on_its_line(self):
        m = self.mock()
        m.on("Start", reply({"results": [self.STARTED]}, True), reply({"results": [self.FAILED]}))
        self.expect(1, "start", "redis", "web", out="redis: started (pid 4242)\n",
                    err="web: cannot start: working_directory /home/a/x: No such file or directory\n")
        self.assertEqual(m.requests[-1]["parameters"], {"names": ["redis", "web"]})
        self.assertTrue(m.requests[-1]["more"])
        self.assertEqual(self.expect_json(1, "start", "--all"), [self.STARTED, self.FAILED])
        self.assertEqual(m.requests[-1]["parameters"], {"names": ["*"]})
        self.expect(1, "-q", "start", "--all", out="", err="web: ")

    def test_what_has_become_of_one_since(self):
        """Said once more, as it is at the end; who reads JSON is told that alone."""
        m = self.mock()
        since = result("redis", "exited with code 2 after 3s; next start in 1s", outcome="failed", state="backoff")
        web = result("web", "started (pid 4260)", pid=4260)
        m.on("Start", reply({"results": [self.STARTED]}, True), reply({"results": [web, since]}))
        self.expect(1, "start", "redis", "web", out="redis: started (pid 4242)\nweb: started (pid 4260)\n",
                    err="redis: exited with code 2 after 3s; next start in 1s\n")
        self.assertEqual(self.expect_json(1, "start", "redis", "web"), [since, web])

    def test_outcomes(self):
        m = self.mock()
        for outcome, status in (("ok", 0), ("nothing", 0), ("refused", 1), ("failed", 1), ("superseded", 1)):
            m.on("Stop", reply({"results": [result("redis", "text", outcome=outcome)]}))
            self.expect(status, "stop", "redis")

    def test_parameters(self):
        m = self.mock()
        for arguments, method, parameters, more in (
                (["stop", "a", "--no-wait"], "Stop", {"names": ["a"], "wait": False}, False),
                (["restart", "--replace", "web-*"], "Restart", {"names": ["web-*"], "replace": True}, True),
                (["signal", "SIGUSR1", "a", "b"], "Signal", {"names": ["a", "b"], "signal": "SIGUSR1"}, False),
                (["disable", "--", "-a"], "Disable", {"names": ["-a"]}, True),
                (["wait", "a", "--timeout", "1s"], "Wait",
                 {"names": ["a"], "state": "running", "timeout_ms": 1000}, False)):
            m.on(method, reply({"results": [], "services": []}))
            self.expect(0, *arguments)
            self.assertEqual(m.requests[-1]["parameters"], parameters)
            self.assertEqual(m.requests[-1].get("more", False), more)

    def test_timeout(self):
        m = self.mock()
        m.on("Start", reply({"results": [self.STARTED]}, True), hang)
        self.expect(6, "start", "redis", "web", "--timeout", "200ms", out="redis: started",
                    err="timed out waiting for web; the action goes on")
        doc = self.expect_json(6, "start", "redis", "web", "--timeout", "200ms")
        self.assertEqual((doc["error"]["code"], doc["results"]), ("timed-out", [self.STARTED]))

    def test_connection_lost(self):
        m = self.mock()
        m.on("Stop", reply({"results": [self.STARTED]}, True), close)
        self.expect(5, "stop", "redis", "web", out="redis: started",
                    err="svcd has gone away while waiting for web")
        doc = self.expect_json(5, "stop", "redis", "web")
        self.assertEqual((doc["error"]["code"], doc["results"]), ("connection-lost", [self.STARTED]))

    def test_ctrl_c_detaches(self):
        m = self.mock()
        m.on("Restart", reply({"results": [self.STARTED]}, True), hang)
        t = ptyrun.Terminal([SVCCTL, "restart", "redis", "web"], env=self.env)
        t.read_until(b"redis: started")
        t.type("\x03")
        status, text = t.finish()
        self.assertEqual(status, 130)
        self.assertIn("no longer waiting for web; the action goes on; look with `svcctl status web`", text)
        t = ptyrun.Terminal([SVCCTL, "restart", "web"], env=self.env)
        t.read_until(b"redis: started")
        t.type("\x03")
        status, text = t.finish()
        self.assertIn("look with `svcctl status web`", text)
        t = ptyrun.Terminal([SVCCTL, "--root", self.root, "restart", "web-*", "it's"], env=self.env)
        t.read_until(b"redis: started")
        t.type("\x03")
        status, text = t.finish()
        self.assertIn(f"look with `svcctl --root {self.root} status 'web-*' 'it'\\''s'`", text)

    def test_ctrl_c_ends_the_waiting_of_wait_and_upgrade(self):
        m = self.mock()
        for method, arguments, said in (
                ("Wait", ["wait", "web", "redis"],
                 "svcctl: wait: no longer waiting for web, redis; look with `svcctl status web redis`\n"),
                ("Upgrade", ["upgrade"],
                 "svcctl: upgrade: no longer waiting; svcd goes on with it; look with `svcctl version`\n")):
            for options in ([], ["--json"]):
                asked = threading.Event()
                m.on(method, lambda _, asked=asked: (asked.set(), hang)[1])
                t = ptyrun.Terminal([SVCCTL, *options, *arguments], columns=100, env=self.env)
                self.assertTrue(asked.wait(LIMIT))
                t.type("\x03")
                status, text = t.finish()
                self.assertEqual(status, 130, text)
                if options:
                    self.assertEqual(json.loads(text), {"error": {"code": "interrupted", "message": said[8:-1]}})
                else:
                    self.assertEqual(text, said)
        self.expect(6, "--timeout", "50ms", "upgrade", out="",
                    err="upgrade: timed out waiting; svcd goes on with it; look with `svcctl version`")

    def test_wait(self):
        m = self.mock()
        m.on("Wait", reply({"services": [service("redis", pid=4242), service("web")]}))
        self.expect(0, "wait", "redis", "web", "--for=healthy", out="redis: healthy (pid 4242)\nweb: healthy\n")
        m.on("Wait", error("Refused", reason="off: disabled (definition)"))
        self.expect(3, "wait", "off", err="off: disabled (definition)")
        m.on("Wait", error("TimedOut", pending=["web"]))
        m.on("Status", reply({"services": [service("web", "starting", note="waiting for redis")]}))
        self.expect(6, "wait", "web", "redis", "--timeout", "1s", out="",
                    err="svcctl: wait: timed out waiting for web to be running: web is starting (waiting for redis); "
                        "look with `svcctl status web`\n")
        m.on("Status", error("SomethingNew"))
        self.expect(6, "wait", "web", "--timeout", "1s", "--for", "stopped", out="",
                    err="svcctl: wait: timed out waiting for web to be stopped; look with `svcctl status web`\n")

    def test_events(self):
        m = self.mock()
        events = [{"at": "2026-11-20T11:12:13.123+01:00", "event": "started", "service": "redis", "pid": 1}]
        m.on("Events", reply({"events": events}))
        self.expect(0, "events", out="2026-11-20T11:12:13.123+01:00 redis started pid=1\n")
        self.assertEqual(m.requests[-1]["parameters"], {"names": [], "last": 20})
        self.assertEqual(self.run_svcctl("events", "--json")[1], json.dumps(events[0], separators=(",", ":")) + "\n")
        m.on("Events", reply({"events": events}, True), reply({"events": events}, True), close)
        status, out, _ = self.expect(5, "events", "-f")
        self.assertEqual((status, out.count("started")), (5, 2))

    def test_events_as_a_log_line_has_them(self):
        """Values that can be read back: in quotes what is not plain, and quotes and newlines in it by \\."""
        m = self.mock()
        m.on("Events", reply({"events": [{
            "at": "2026-11-20T11:12:13.123+01:00", "event": "started", "service": "a", "run": 1, "failure": "1/5",
            "command": 'sh -c "echo \\"', "note": "two\nlines\ta=b\x1b[0m", "empty": "", "path": "/a/b-c.d_e",
            "restarted": False, "to": ["a", 1]}]}))
        self.expect(0, "events", out='2026-11-20T11:12:13.123+01:00 a started run=1 failure=1/5 '
                    'command="sh -c \\"echo \\\\\\"" note="two\\nlines\\x09a=b\\x1b[0m" empty="" path=/a/b-c.d_e '
                    'restarted=false to="[\\"a\\",1]"\n')

    def test_reader_gone(self):
        m = self.mock()
        m.on("Events", reply({"events": [{"at": "x", "event": "y"}] * 50}, True), hang)
        p = subprocess.Popen([SVCCTL, "events", "-f"], env=self.env, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        p.stdout.readline()
        p.stdout.close()
        for connection, _ in m.connections:
            try:
                connection.sendall(json.dumps(reply({"events": [{"at": "x", "event": "y"}]}, True)).encode()
                                   + b"\0")
            except OSError as e:
                self.assertEqual(e.errno, errno.EPIPE)
        self.assertEqual((p.wait(LIMIT), p.stderr.read()), (0, b""))
        p.stderr.close()

    def test_output_cannot_be_written(self):
        self.mock()
        with open("/dev/full", "w") as full:
            p = subprocess.run([SVCCTL, "status"], env=self.env, stdout=full, stderr=subprocess.PIPE,
                               timeout=LIMIT)
        self.assertEqual(p.returncode, 1)
        self.assertIn(b"cannot write the output: No space left on device", p.stderr)


class Watch(Case):
    def test_redraw_resize_and_end(self):
        m = self.mock()
        m.services = [service("redis", pid=4242, annotation="the annotation of redis")]
        t = ptyrun.Terminal([SVCCTL, "--watch"], columns=200, env=self.env)
        t.read_until(b"NOTE")
        t.data = b""
        t.resize(60, 10)
        t.read_until(lambda d: b"PORT\x1b[0m\x1b[K" in d)  # no room for the note beside the row any more
        m.services = [service("redis", "stopped")]
        t.data = b""
        t.read_until(b"stopped")
        m.stop()
        t.data = b""
        t.read_until(b"svcd is not running")
        t.type("\x03")
        status, text = t.finish()
        self.assertEqual(status, 5, text)

    def test_svcd_goes_away_and_comes_back(self):
        """What was seen last stays, with a word on it; no line of an error, nothing ends."""
        m = self.mock()
        m.services = [service("redis", pid=4242, annotation="seen before")]
        t = ptyrun.Terminal([SVCCTL, "status", "--watch", "--no-color"], columns=80, env=self.env)
        t.read_until(b"seen before")
        m.stop()
        t.data = b""
        t.read_until(lambda d: re.search(rb", as seen at \d\d:\d\d:\d\d\x1b\[K\nsvcd is not running for \S+, or does "
                                         rb"not answer\x1b\[K\nNAME.*\x1b\[K\nredis .*seen before", d))
        m = self.mock()
        m.services = [service("redis", pid=4242, annotation="seen again")]
        t.data = b""
        t.read_until(b"seen again")
        t.type("\x03")
        status, text = t.finish()
        self.assertEqual(status, 0, text)
        self.assertNotIn("svcctl:", text)

    def test_nothing_flickers(self):
        """The screen is cleared at the beginning and when its size changes, never between two pictures; the cursor
        is out of sight, and comes back."""
        m = self.mock()
        t = ptyrun.Terminal([SVCCTL, "status", "--watch", "--no-color"], columns=80, env=self.env)
        t.read_until(lambda d: d.count(b"\x1b[H") >= 3)
        self.assertEqual(t.data.count(b"\x1b[2J"), 1)
        for picture in t.data.split(b"\x1b[H")[1:-1]:
            for line in picture.split(b"\n")[:-1]:
                self.assertTrue(line.endswith(b"\x1b[K"), picture)
        t.resize(100, 20)
        t.read_until(lambda d: d.count(b"\x1b[2J") == 2)
        t.type("\x03")
        _, text = t.finish()
        self.assertTrue(text.startswith("\x1b[?25l\x1b[2J"), text[:20])
        self.assertTrue(text.endswith("\x1b[?25h\n"), text[-20:])

    def test_the_page_fits_the_screen(self):
        """Lines that would go round at the edge are cut: what follows would not be where it is meant."""
        m = self.mock()
        m.services = [service("redis", pid=4242, command="x" * 300, annotation="日本" * 30)]
        os.makedirs(os.path.join(self.root, "logs/services"))
        with open(os.path.join(self.root, "logs/services/redis.log"), "w") as f:
            f.write("2026-11-20T11:12:14.000+01:00 out a\tb" + "y" * 300 + "\x1b[31m\n")
        t = ptyrun.Terminal([SVCCTL, "status", "redis", "--watch"], columns=60, rows=40, env=self.env)
        t.read_until(b"yyy\x1b[0m\x1b[K\n")
        t.type("\x03")
        status, text = t.finish()
        self.assertEqual(status, 0)
        for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).splitlines():
            columns = sum(2 if unicodedata.east_asian_width(c) == "W" else 1 for c in line.expandtabs(8))
            self.assertLessEqual(columns, 60, line)
        self.assertNotIn("31m", text)

    def test_ctrl_c_while_svcd_is_silent(self):
        m = self.mock()
        m.on("GetInfo", hang)
        t = ptyrun.Terminal([SVCCTL, "status", "--watch", "--timeout", "1h"], env=self.env)
        end = time.monotonic() + LIMIT
        while not m.requests and time.monotonic() < end:
            time.sleep(0.01)
        t.type("\x03")
        self.assertEqual(t.finish()[0], 0)

    def test_a_terminal_that_can_do_nothing(self):
        t = ptyrun.Terminal([SVCCTL, "status", "--watch"], env={**self.env, "TERM": "dumb"})
        status, text = t.finish()
        self.assertEqual(status, 2)
        self.assertNotIn("\x1b", text)

    def test_not_beyond_the_screen(self):
        m = self.mock()
        m.services = [service(f"s{i}") for i in range(30)]
        t = ptyrun.Terminal([SVCCTL, "status", "--watch"], rows=10, env=self.env)
        t.read_until(b"(more)")
        self.assertNotIn(b"s9", t.data)
        t.type("\x03")
        self.assertEqual(t.finish()[0], 0)


class Check(Case):
    def test_check(self):
        os.makedirs(self.root + "/config", mode=0o700)
        self.expect(0, "check", out=f"no definitions: {self.root}/config/services.yaml does not exist")
        path = self.root + "/config/services.yaml"
        with open(path, "w") as f:
            f.write("services:\n  a: {command: 'true'}\n  b: {command: 'true'}\n")
        os.chmod(path, 0o600)
        self.expect(0, "check", out="2 services in 1 file, no errors\n", err="")
        self.assertEqual(self.expect_json(0, "check"), [])
        with open(path, "w") as f:
            f.write("services:\n  a: {command: 'true', prot: 1}\n")
        self.expect(1, "check", out="", err=f"{path}:2:")
        doc = self.expect_json(1, "check")
        self.assertEqual((doc[0]["severity"], doc[0]["file"], doc[0]["line"]), ("error", path, 2))
        self.expect(1, "check", path, err="prot")
        self.expect(1, "check", self.root + "/nowhere.yaml", err="nowhere.yaml")

    def files(self, **texts):
        paths = []
        for name, text in texts.items():
            paths.append(f"{self.root}/{name}.yaml")
            with open(paths[-1], "w", encoding="utf-8") as f:
                f.write(text)
            os.chmod(paths[-1], 0o600)
        return paths

    def test_last_line_counts_right(self):
        good, bad = "services:\n  a: {command: 'true'}\n", "services:\n  b: {command: 'true', prot: 1, prt: 2}\n"
        for files, last in (({"x": "services: [\n"}, "1 error in 1 file"),
                            ({"x": good, "y": bad}, "2 errors in 1 file"),
                            ({"x": bad, "y": bad.replace("b:", "c:")}, "4 errors in 2 files")):
            _, _, err = self.expect(1, "check", *self.files(**files), out="")
            self.assertEqual(err.splitlines()[-1], last)

    def test_more_errors_than_are_listed(self):
        many = "services:\n  a:\n    command: 'true'\n" + "".join(f"    zz{i}: 1\n" for i in range(6000))
        path, = self.files(x=many)
        _, _, err = self.expect(1, "check", path)
        self.assertEqual(err.splitlines()[-2:], ["… and 5000 more", "6000 errors"])
        doc = self.expect_json(1, "check", path)
        self.assertEqual(len(doc), 1001)
        self.assertEqual({k: v for k, v in doc[-1].items() if v is not None},
                         {"severity": "error", "message": "5000 more are not listed", "left_out": 5000})
        self.assertEqual(set(doc[-1]), set(doc[0]) | {"left_out"})

    def test_svcd_counts_right(self):
        os.makedirs(self.root + "/config", mode=0o700)
        self.files(**{"config/services": "services:\n  a: {command: 'true'}\n"})
        p = subprocess.run([os.path.join(BIN, "svcd"), "--check"], env=self.env, capture_output=True, text=True,
                           timeout=LIMIT)
        self.assertEqual((p.returncode, p.stdout), (0, "1 service in 1 file, no errors\n"))
