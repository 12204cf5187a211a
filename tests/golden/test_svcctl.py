"""svcctl against a stand-in for svcd: exit statuses, what is said when svcd misbehaves, --json, and logs
from files: things that a real svcd does not do on request."""

import contextlib
import errno
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unicodedata
import unittest

import ptyrun
from mocksvcd import MockSvcd, close, error, hang, reply, result, service

BIN = os.path.abspath(os.environ["SVCD_BIN"])
SVCCTL = os.path.join(BIN, "svcctl")
LIMIT = 30  # seconds; ends a hopeless wait


class Case(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="svcctl-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.root)
        self.env = {"PATH": "/usr/bin:/bin", "HOME": self.root, "SVCD_ROOT": self.root, "TERM": "xterm",
                    "LC_ALL": "C.UTF-8", "TZ": "CET-1"}
        self.env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})

    def mock(self):
        m = MockSvcd(self.root)
        self.addCleanup(m.stop)
        m.services = [service("redis", pid=4242), service("web", pid=4243), service("chat", "stopped")]
        return m

    def run_svcctl(self, *arguments, **kwargs):
        p = subprocess.run([SVCCTL, *arguments], env=self.env, capture_output=True, timeout=LIMIT, **kwargs)
        return p.returncode, p.stdout.decode(errors="surrogateescape"), p.stderr.decode()

    def expect(self, status, *arguments, out=None, err=None):
        got = self.run_svcctl(*arguments)
        self.assertEqual(got[0], status, got)
        for wanted, text in ((out, got[1]), (err, got[2])):
            if wanted == "":
                self.assertEqual(text, "", got)
            elif wanted is not None:
                self.assertIn(wanted, text, got)
        return got

    def expect_json(self, status, *arguments):
        """One document on stdout, nothing on stderr."""
        got = self.run_svcctl("--json", *arguments)
        self.assertEqual((got[0], got[2]), (status, ""), got)
        return json.loads(got[1])


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

    def test_quiet(self):
        self.mock()
        self.expect(3, "-q", out="", err="")
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
        m.info["services"] = 200
        self.assertEqual(asked("status"), [True])
        m.info["services"] = 201
        self.assertEqual(asked("status"), [False])
        self.assertEqual(asked("status", "redis"), [True])
        self.assertEqual(asked("status", "--json"), [True])

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

    def test_wait(self):
        m = self.mock()
        m.on("Wait", reply({"services": [service("redis", pid=4242), service("web")]}))
        self.expect(0, "wait", "redis", "web", "--for=healthy", out="redis: healthy (pid 4242)\nweb: healthy\n")
        m.on("Wait", error("Refused", reason="off: disabled (definition)"))
        self.expect(3, "wait", "off", err="off: disabled (definition)")
        m.on("Wait", error("TimedOut", pending=["web"]))
        self.expect(6, "wait", "web", "--timeout", "1s", err="web")

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


def stamp(n):
    return f"2026-11-20T11:{n // 60:02}:{n % 60:02}.000+01:00"


class Logs(Case):
    def setUp(self):
        super().setUp()
        self.folder = os.path.join(self.root, "logs/services")
        os.makedirs(self.folder)

    def write(self, name, text, mode="w"):
        with open(os.path.join(self.folder, name), mode, encoding="utf-8") as f:
            f.write(text)

    def rotate(self, name, keep=3):
        path = os.path.join(self.folder, name)
        for i in range(keep - 1, 0, -1):
            if os.path.exists(f"{path}.{i}"):
                os.rename(f"{path}.{i}", f"{path}.{i + 1}")
        os.rename(path, path + ".1")

    def lines(self, *arguments):
        status, out, err = self.run_svcctl("logs", *arguments)
        self.assertEqual((status, err), (0, ""))
        return out.splitlines()

    def test_last_lines_through_rotation(self):
        self.write("a.log.2", "".join(f"{stamp(i)} out {i}\n" for i in range(40)))
        self.write("a.log.1", "".join(f"{stamp(i)} out {i}\n" for i in range(40, 80)))
        self.write("a.log", "".join(f"{stamp(i)} out {i}\n" for i in range(80, 90)))
        every = [f"{stamp(i)} out {i}" for i in range(90)]
        self.assertEqual(self.lines("a"), every[-50:])
        self.assertEqual(self.lines("a", "-n5"), every[-5:])
        self.assertEqual(self.lines("a", "-n", "85"), every[-85:])
        self.assertEqual(self.lines("a", "--lines=all"), every)
        self.assertEqual(self.lines("a", "-n", "0"), [])
        self.assertEqual(self.lines("a", "--since", "2026-11-20T11:01:20"), every[80:])
        self.assertEqual(self.lines("a", "--since", "2026-11-20T11:01:20", "-n3"), every[-3:])

    def test_bytes_are_passed_on(self):
        data = b"\xff\x1b[31m no time stamp\0\n\n" + stamp(1).encode() + b" out \x9b\tx\nno newline"
        with open(self.folder + "/a.log", "wb") as f:
            f.write(data)
        p = subprocess.run([SVCCTL, "logs", "a"], env=self.env, capture_output=True, timeout=LIMIT)
        self.assertEqual(p.stdout, data + b"\n")

    def test_sources(self):
        self.write("a.log", "".join(f"{stamp(i)} {s} {i}\n" for i, s in enumerate(
            ["svcd", "out", "err", "mon", "out"])) + "plain\n")
        status, out, err = self.run_svcctl("logs", "a", "--source", "out")
        self.assertEqual((status, [x[-1] for x in out.splitlines()]), (0, ["1", "4"]))
        self.assertEqual(err, "a: has lines without time and source (log.timestamps: false): they go with the last "
                              "line that has a time, and only with --source out,err\n")
        self.assertEqual(self.lines("a", "--source", "out,err"),
                         [f"{stamp(1)} out 1", f"{stamp(2)} err 2", f"{stamp(4)} out 4", "plain"])
        self.assertEqual([x[-1] for x in self.lines("a", "--source=svcd,mon", "-n1")], ["3"])

    def test_several_are_merged(self):
        self.write("web-1.log", f"{stamp(1)} out one\n{stamp(3)} out three\n")
        self.write("web-2.log", f"{stamp(2)} out two\n{stamp(4)} out four\n")
        self.write("other.log", f"{stamp(0)} out zero\n")
        wanted = [f"web-1  {stamp(1)} out one", f"web-2  {stamp(2)} out two", f"web-1  {stamp(3)} out three",
                  f"web-2  {stamp(4)} out four"]
        self.assertEqual(self.lines("web-1", "web-2"), wanted)
        self.assertEqual(self.lines("web-*"), wanted)
        self.assertEqual(self.lines("web-*", "-n3"), wanted[1:])
        self.assertEqual(self.lines("--all", "-n", "all")[0], f"other  {stamp(0)} out zero")

    def test_json(self):
        self.write("a.log", f"{stamp(1)} out h\u00e9\nplain\n")
        self.assertEqual(self.expect_json(0, "logs", "a"), [
            {"time": stamp(1), "source": "out", "text": "h\u00e9", "service": "a"},
            {"time": None, "source": None, "text": "plain", "service": "a"}])
        self.write("a.log", "")
        self.assertEqual(self.expect_json(0, "logs", "a"), [])

    def test_unknown(self):
        self.write("redis.log", "")
        self.expect(4, "logs", "rediss", out="", err="rediss: no such service, and no log of one (did you mean redis?)")
        for follow in ([], ["-f", "--timeout", "100ms"]):
            self.expect(4, "logs", "x-*", *follow, err="no log matches")
        self.expect(4, "logs", "../redis", err="no such service")
        self.assertEqual(self.expect_json(4, "logs", "nobody")["error"]["code"], "no-such-service")
        os.makedirs(self.root + "/config", mode=0o700)
        with open(self.root + "/config/services.yaml", "w") as f:
            f.write("services: {fresh: {command: 'true'}, off: {command: 'true', enabled: false}, "
                    "none: {command: 'true', log: {file: false}}, "
                    "away: {command: 'true', log: {file: false, journal: true}}}\n")
        os.chmod(self.root + "/config/services.yaml", 0o600)
        for name, why in (("fresh", "it has not been started yet, or its files were deleted"),
                          ("off", "enabled is false, it has not been started"),
                          ("none", "log.file is false, what it says is not kept"),
                          ("away", "log.file is false, what it says is in the journal: journalctl SVCD_SERVICE=away")):
            self.assertEqual(self.run_svcctl("logs", name), (0, "", f"{name}: has no log: {why}\n"))
        self.assertEqual(self.expect_json(0, "logs", "fresh"), [])
        self.expect(0, "logs", "-f", "fre*", "--timeout", "100ms", out="") # it may come
        self.expect(4, "logs", "fres", err="fres: no such service, and no log of one (did you mean fresh?)")

    def test_what_is_no_file(self):
        os.mkdir(self.folder + "/a.log")
        self.expect(1, "logs", "a", out="", err=f"a: cannot read {self.folder}/a.log: Is a directory")
        os.mkfifo(self.folder + "/b.log")
        self.expect(1, "logs", "b", out="", err="b.log: it is a FIFO, a socket or a device, not a file")

    def test_since_without_times(self):
        self.write("a.log", f"{stamp(1)} svcd started run=1\none\ntwo\n")
        self.expect(0, "logs", "a", "--since", "10m", out="", err="a: has lines without time and source")

    @unittest.skipIf(os.geteuid() == 0, "root may read everything")
    def test_a_folder_that_cannot_be_read(self):
        os.chmod(self.folder, 0)
        self.addCleanup(os.chmod, self.folder, 0o700)
        self.expect(1, "logs", "a", out="", err=f"cannot read {self.folder}: Permission denied")

    def test_a_huge_log_is_not_read(self):
        path = self.folder + "/a.log"
        with open(path, "wb") as f:
            f.truncate(1 << 40)  # sparse: reading it would take minutes
            f.seek(0, os.SEEK_END)
            f.write("".join(f"\n{stamp(i)} out {i}" for i in range(200)).encode() + b"\n")
        self.assertEqual(self.lines("a", "-n2"), [f"{stamp(i)} out {i}" for i in (198, 199)])
        self.assertEqual(len(self.lines("a", "--since", stamp(100), "--source", "out")), 100)

    def read_for(self, *arguments):
        """The lines of svcctl logs, and how many bytes it and what it started have read."""
        with tempfile.TemporaryFile() as out:
            p = subprocess.Popen([SVCCTL, "logs", "-q", *arguments], env=self.env, stdout=out, stderr=subprocess.DEVNULL)
            os.waitid(os.P_PID, p.pid, os.WEXITED | os.WNOWAIT)
            with open(f"/proc/{p.pid}/io", encoding="ascii") as f:
                count = int(f.readline().split()[1])
            self.assertEqual(p.wait(), 0)
            out.seek(0)
            return out.read().decode().splitlines(), count

    def test_of_ten_gigabytes_little_is_read(self):
        """101 files of 100 MB, mostly holes: whatever is asked for, it is sought."""
        def name(i):
            return "a.log" if i == 100 else f"a.log.{100 - i}"

        def at(i, k):  # line k of 0 to 29 of file i
            return f"2026-11-{1 + i // 24:02}T{i % 24:02}:{2 * k:02}:00.000+01:00"
        for i in range(101):
            with open(os.path.join(self.folder, name(i)), "wb") as f:
                for k in range(30):
                    f.seek(k * 3_500_000)
                    f.write(f"\n{at(i, k)} {'svcd' if k == 0 else 'out'} {i}.{k}\n".encode())
            os.utime(os.path.join(self.folder, name(i)), ns=(0, 1793487600 * 10 ** 9 + (i + 1) * 3600 * 10 ** 9))
        limit = 2_000_000 + self.read_for("a", "-n0")[1]  # what a sanitizer and the C library read
        lines, count = self.read_for("a", "-n1")
        self.assertEqual(lines, [f"{at(100, 29)} out 100.29"])
        self.assertLess(count, limit)
        for i in (100, 99, 57, 3, 0):
            # A hole is a line: where one is met, up to its end.
            lines, count = self.read_for("a", "--since", at(i, 29), "--until", at(i, 29), "--source", "out", "-n1")
            self.assertEqual(lines, [f"{at(i, 29)} out {i}.29"])
            self.assertLess(count, limit + 18_000_000, i)

    def follow(self, *arguments):
        p = subprocess.Popen([SVCCTL, "logs", "-f", *arguments], env=self.env, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        self.addCleanup(p.stderr.close)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        watchdog = threading.Timer(LIMIT, p.kill)
        watchdog.start()
        self.addCleanup(watchdog.cancel)
        return p

    def test_follow(self):
        self.write("a.log", "one\ntwo\n")
        p = self.follow("a", "-n1")
        read = lambda: p.stdout.readline().rstrip("\n")
        self.assertEqual(read(), "two")
        self.write("a.log", "three\nfo", "a")
        self.assertEqual(read(), "three")
        self.write("a.log", "ur\n", "a")
        self.assertEqual(read(), "four")
        self.rotate("a.log")
        self.write("a.log", "five\n")
        self.assertEqual(read(), "five")
        self.rotate("a.log")
        self.write("a.log", "six\n")
        self.rotate("a.log")
        self.write("a.log", "seven\n")
        self.assertEqual([read(), read()], ["six", "seven"])
        os.unlink(self.folder + "/a.log")
        self.write("a.log", "eight\n")
        self.assertEqual(read(), "eight")
        with open(self.folder + "/a.log", "r+") as f:
            f.truncate(0)
        self.write("a.log", "9\n", "a")
        self.assertEqual(read(), "9")

    def test_follow_what_comes_later(self):
        self.write("web-1.log", "")
        p = self.follow("web-*", "--json")
        self.write("web-1.log", f"{stamp(1)} out one\n", "a")
        self.assertEqual(json.loads(p.stdout.readline())["text"], "one")
        self.write("other.log", "no\n")
        self.write("web-2.log", f"{stamp(2)} err two\n")
        self.assertEqual(json.loads(p.stdout.readline()),
                         {"time": stamp(2), "source": "err", "text": "two", "service": "web-2"})

    def test_follow_loses_nothing_through_many_rotations(self):
        """A fast writer that rotates all the time, never more files ahead than are kept."""
        lines, each, keep = 40000, 400, 20
        path = self.folder + "/a.log"
        self.write("a.log", "begin\n")
        p = self.follow("a")
        self.assertEqual(p.stdout.readline(), "begin\n")
        seen, advanced = [], threading.Condition()

        def reader():
            for line in p.stdout:
                with advanced:
                    seen.append(line)
                    advanced.notify()
                    if len(seen) == lines:
                        return
        thread = threading.Thread(target=reader)
        thread.start()
        f = open(path, "a", buffering=1)
        for i in range(lines):
            f.write(f"{i}\n")
            if i % each == each - 1:
                f.close()
                with advanced:
                    self.assertTrue(advanced.wait_for(lambda: i - len(seen) < each * (keep - 5), LIMIT))
                self.rotate("a.log", keep)
                f = open(path, "a", buffering=1)
        f.close()
        thread.join(LIMIT)
        self.assertEqual(seen, [f"{i}\n" for i in range(lines)])

    def test_follow_for_a_time(self):
        self.write("a.log", "one\n")
        begin = time.monotonic()
        p = self.follow("a", "--timeout", "300ms")
        self.assertEqual(p.stdout.read(), "one\n")
        self.assertEqual((p.wait(LIMIT), p.stderr.read()), (0, ""))
        self.assertGreaterEqual(time.monotonic() - begin, 0.3)

    def test_follow_for_a_time_while_lines_come(self):
        self.write("a.log", "one\n")
        p = self.follow("a", "--timeout", "300ms")
        ended = threading.Event()

        def write():
            while not ended.wait(0.01):
                self.write("a.log", "more\n", "a")
        writer = threading.Thread(target=write)
        writer.start()
        try:
            self.assertTrue(p.stdout.read().startswith("one\n"))
            self.assertEqual(p.wait(LIMIT), 0)
        finally:
            ended.set()
            writer.join()

    def test_follow_ends_with_its_reader(self):
        self.write("a.log", "one\n")
        p = self.follow("a")
        self.assertEqual(p.stdout.readline(), "one\n")
        p.stdout.close()
        self.assertEqual(p.wait(LIMIT), 0)
        self.assertEqual(p.stderr.read(), "")

    def waits(self, p):
        """Until P has looked at what is there and waits for what comes."""
        end = time.monotonic() + LIMIT
        folder = f"/proc/{p.pid}/fdinfo"
        while time.monotonic() < end:
            with contextlib.suppress(FileNotFoundError):  # one that has been closed meanwhile
                for n in os.listdir(folder):
                    with open(os.path.join(folder, n)) as f:
                        if "inotify wd:" in f.read():
                            return
            time.sleep(0.01)
        self.fail("nothing is watched")

    def test_follow_into_a_folder_that_is_made_anew(self):
        """With all that it is in, up to ROOT; and a folder that is not there yet is waited for."""
        shutil.rmtree(self.root)
        p = self.follow("a*")
        self.waits(p)  # a folder that is there, and has no such log, would be an error
        read = lambda: p.stdout.readline().rstrip("\n")
        parents = [self.folder, self.root + "/logs", self.root]
        for i, parent in enumerate([self.root] + 3 * parents):
            shutil.rmtree(parent, ignore_errors=True)
            os.makedirs(self.folder)
            self.write("a.log", f"{i}\n")
            self.assertEqual(read(), f"a  {i}")
            self.write("a.log", f"{i} more\n", "a")
            self.assertEqual(read(), f"a  {i} more")
        os.rename(self.root, self.root + ".moved")
        self.addCleanup(shutil.rmtree, self.root + ".moved")
        os.makedirs(self.folder)
        self.write("a.log", "last\n")
        self.assertEqual(read(), "a  last")
        self.write("ab.log", "new\n")
        self.assertEqual(read(), "ab  new")

    def test_follow_several_by_time(self):
        for name in ("a", "b", "c"):
            self.write(name + ".log", f"{stamp(0)} out {name}\n")
        p = self.follow("a", "b", "c", "--grep", "^[^x]")
        read = lambda: p.stdout.readline().rstrip("\n")
        self.assertEqual([read() for _ in range(3)], [f"{x}  {stamp(0)} out {x}" for x in "abc"])
        os.kill(p.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, p.pid, os.WSTOPPED | os.WNOWAIT)
        self.write("a.log", f"{stamp(3)} out 3\n{stamp(5)} out 5\n", "a")
        self.write("b.log", f"{stamp(2)} out 2\n{stamp(2)} out x\n{stamp(4)} out 4\n", "a")
        self.write("c.log", f"{stamp(1)} out 1\n{stamp(6)} out 6\n", "a")
        os.kill(p.pid, signal.SIGCONT)
        self.assertEqual([read()[-1] for _ in range(6)], list("123456"))

    def test_follow_a_line_that_is_taken_back(self):
        """A writer without room cuts off what it wrote of a line, and may write others in its place."""
        self.write("a.log", "one\ntwo lines")
        path = self.folder + "/a.log"
        p = self.follow("a", "-n", "all")
        read = lambda: p.stdout.readline().rstrip("\n")
        self.assertEqual(read(), "one")
        for i in range(20):
            os.truncate(path, os.path.getsize(path) - 9)
            self.write("a.log", f"x{i}\n", "a")
            self.assertEqual(read(), f"x{i}")
            self.write("a.log", "two lines", "a")
        os.kill(p.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, p.pid, os.WSTOPPED | os.WNOWAIT)
        os.truncate(path, os.path.getsize(path) - 9)
        self.write("a.log", "much longer than it was\nand more\n", "a")
        os.kill(p.pid, signal.SIGCONT)
        self.assertEqual([read(), read()], ["much longer than it was", "and more"])
        os.kill(p.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, p.pid, os.WSTOPPED | os.WNOWAIT)
        with open(path, "w", encoding="utf-8") as f:  # emptied, and then more than there was
            f.write("".join(f"{i} again\n" for i in range(1000)))
        os.kill(p.pid, signal.SIGCONT)
        self.assertEqual([read() for _ in range(1000)], [f"{i} again" for i in range(1000)])

    def test_follow_what_a_writer_takes_along(self):
        """Into the next file, when it finds its file deleted, or rotates in the middle of a line."""
        path = self.folder + "/a.log"
        self.write("a.log", "begin\n")
        p = self.follow("a")
        read = lambda: p.stdout.readline().rstrip("\n")
        self.assertEqual(read(), "begin")
        for i in range(20):
            with open(path, "a", encoding="utf-8", buffering=1) as old:
                os.unlink(path)
                size = os.fstat(old.fileno()).st_size
                old.write(f"{i} one\n{i} two\n")
                self.assertEqual([read(), read()], [f"{i} one", f"{i} two"])
                if i % 2:
                    old.write(f"{i} three\nhal")
                self.write("a.log", "")
                self.write("a.log", f"{i} one\n{i} two\n", "a")
                if i % 2:
                    self.write("a.log", f"{i} three\nhal", "a")
                old.truncate(size)
                self.write("a.log", "f a line\n" if i % 2 else f"{i} four\n", "a")
            self.assertEqual([read(), read()] if i % 2 else read(),
                             [f"{i} three", "half a line"] if i % 2 else f"{i} four")
            size = os.path.getsize(path)
            self.write("a.log", "rot", "a")
            self.write("next", "rot")
            self.rotate("a.log")
            os.rename(self.folder + "/next", path)
            os.truncate(path + ".1", size)
            self.write("a.log", "ated\n", "a")
            self.assertEqual(read(), "rotated")

    def test_follow_far_behind(self):
        """What has been rotated, compressed or deleted meanwhile: each line that is left, once."""
        self.write("a.log", f"{stamp(0)} out 0\n")
        self.write("a.log.1", f"{stamp(0)} out older\n")
        p = self.follow("a", "-n1")
        read = lambda: p.stdout.readline().rstrip("\n")
        self.assertEqual(read(), f"{stamp(0)} out 0")
        for number, spoil in enumerate((None, "gzip", "unlink")):
            os.kill(p.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, p.pid, os.WSTOPPED | os.WNOWAIT)
            base = 10 + number * 10
            self.write("a.log", f"{stamp(base)} out {base}\n", "a")
            path = self.folder + "/a.log"
            # Files of different ages, as rotated ones are.
            now = time.time_ns() // 10 ** 9 * 10 ** 9
            for i in range(1, 5):
                os.utime(path, ns=(now, now + i * 10 ** 7))
                self.rotate("a.log", 9)
                self.write("a.log", f"{stamp(base + i)} out {base + i}\n")
            os.utime(path, ns=(now, now + 9 * 10 ** 7))
            if spoil == "gzip":
                subprocess.run(["gzip", path + ".2", path + ".3", path + ".4"], check=True)
                for i in range(2, 5):  # by some programs the time is kept in whole seconds
                    os.utime(f"{path}.{i}.gz", ns=(now, now))
            if spoil == "unlink":
                os.unlink(path + ".4")
            os.kill(p.pid, signal.SIGCONT)
            # The deleted one is still open: what was added to it is not lost either.
            self.assertEqual([read()[-2:] for _ in range(5)], [str(base + i) for i in range(5)])

    def test_run_until_compressed(self):
        self.write("a.log.2", f"{stamp(1)} svcd started run=1 pid=5\n{stamp(2)} out x\n{stamp(3)} svcd exited run=1\n")
        self.write("a.log.1", f"{stamp(4)} svcd started run=2 pid=6\n{stamp(5)} out y\n")
        self.write("a.log", f"{stamp(6)} svcd exited run=2\n{stamp(7)} svcd started run=3 pid=7\n")
        self.write("other.log", f"{stamp(1)} out z\n")
        subprocess.run(["gzip", self.folder + "/a.log.2"], check=True)
        self.assertEqual([x[-8:] for x in self.lines("a", "--run", "1", "--source", "out,err")], [":02.000+01:00 out x"[-8:]])
        self.assertEqual(self.lines("a", "--run", "2", "-n1"), [f"{stamp(6)} svcd exited run=2"])
        self.assertEqual(self.lines("a", "--until", stamp(4), "--since", stamp(3)),
                         [f"{stamp(3)} svcd exited run=1", f"{stamp(4)} svcd started run=2 pid=6"])
        self.assertEqual(self.lines("a", "--run", "1", "--grep", "^X$", "-i"), [f"{stamp(2)} out x"])
        self.expect(1, "logs", "a", "--run", "9", out="", err="a: there is no run 9; the newest is run 3")
        self.expect(1, "logs", "other", "--run", "1", out="", err="other: no run begins in its log")
        self.assertEqual(self.expect_json(1, "logs", "a", "other", "--run", "1")["error"]["code"], "failed")
        self.expect(1, "logs", "a", "other", "--run", "1", out=f"a      {stamp(2)} out x\n", err="other: no run begins")
        os.unlink(self.folder + "/a.log.2.gz")
        self.expect(1, "logs", "a", "--run", "-5", err="a: --run -5: runs 2 to 3 are all that are left in the log")
        with open(self.folder + "/a.log.2.gz", "wb") as f:
            f.write(b"\x1f\x8b\x08no")
        self.expect(1, "logs", "a", "-n", "all", out="out y", err="a.log.2.gz cannot be read whole: it is damaged")
        told = self.expect_json(1, "logs", "a", "-n", "all")
        self.assertEqual([x["text"] for x in told][1:2], ["y"])
        self.assertEqual([x["error"]["message"] for x in told if "error" in x],
                         [f"a: {self.folder}/a.log.2.gz cannot be read whole: it is damaged"])
        with open(self.folder + "/a.log.3.gz", "wb") as f:
            f.write(b"garbage")
        self.expect(1, "logs", "a", "-n", "all", out="out y", err="a.log.3.gz cannot be read whole: it is damaged")
        self.assertEqual(self.expect_json(1, "logs", "a", "-n", "all", "--source", "mon"),
                         {"error": {"code": "failed", "message": "; ".join(
                             f"a: {self.folder}/a.log.{i}.gz cannot be read whole: it is damaged" for i in (2, 3))}})
        os.unlink(self.folder + "/a.log.3.gz")
        env = {**self.env, "PATH": self.root}
        p = subprocess.run([SVCCTL, "logs", "a", "-n", "all"], env=env, capture_output=True, text=True, timeout=LIMIT)
        self.assertEqual((p.returncode, p.stderr), (1, f"a: {self.folder}/a.log.2.gz cannot be read whole: gzip, which "
                                                       "unpacks it, cannot be executed\n"))

    def test_wrong_options(self):
        self.write("a.log", "")
        for arguments, err in ((["--until", "soon"], "--until takes a time"), (["--grep", "("], "--grep: "),
                               (["-i"], "-i goes with --grep"), (["--run", "x"], "--run takes"),
                               (["-f", "--until", "10m"], "-f goes on for ever, --until ends"),
                               (["-f", "--run", "1"], "-f goes on for ever, a run ends"),
                               (["--since", "1m", "--until", "2m"], "--since 1m is later than --until 2m")):
            self.expect(2, "logs", "a", *arguments, out="", err=err)

    def test_events_of_what_has_rotated_away(self):
        os.makedirs(self.root + "/svcd")
        with open(self.root + "/svcd/events.ndjson", "w", encoding="utf-8") as f:
            for i, (event, more) in enumerate((("started", ""), ("exited", ', "code": 1, "ran": "1s", "ran_ms": 1000'),
                                               ("restart requested", ', "uid": 7, "signal": "HUP"'))):
                f.write(f'{{"seq": {i}, "at": "{stamp(i)}", "event": "{event}","service":"a", "run": 1{more}}}\n')
        self.write("a.log", f"{stamp(1)} svcd exited run=1 code=1 ran=1s\n{stamp(3)} out x\n")
        self.assertEqual(self.lines("a", "--source", "svcd"),
                         [f"{stamp(0)} svcd started run=1", f"{stamp(1)} svcd exited run=1 code=1 ran=1s"])
        self.assertEqual(len(self.lines("a")), 2)
        self.write("a.log", "")
        self.assertEqual(self.lines("a", "--source", "svcd")[1:],
                         [f"{stamp(1)} svcd exited run=1 code=1 ran=1s",
                          f"{stamp(2)} svcd restart requested run=1 by uid=7 signal=HUP"])

    def test_quiet_end_of_a_pipe(self):
        self.write("a.log", "line\n" * 200000)
        p = subprocess.Popen([SVCCTL, "logs", "a", "-n", "all"], env=self.env, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        p.stdout.readline()
        p.stdout.close()
        self.assertEqual((p.wait(LIMIT), p.stderr.read()), (0, b""))
        p.stderr.close()


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


if __name__ == "__main__":
    unittest.main()
