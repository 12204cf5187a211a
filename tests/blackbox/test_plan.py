"""plan says what a reload would do and for what, reload does it and says how each change ended; and what one
sees while it takes long."""

import json
import os
import signal
import subprocess

import ptyrun
import vt
from svcdtest import BIN, SLOW, SvcdTest, alive, free_port


class Terminals(SvcdTest):
    """svcctl on a terminal."""

    def terminal(self, *arguments, columns=80, rows=24):
        env = {**self.environment(), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        t = ptyrun.Terminal([os.path.join(BIN, "svcctl"), *arguments], columns, rows, env)
        self.programs.append(t.process)
        return t


class Plan(SvcdTest):
    def plan(self, status):
        doc = json.loads(self.svcctl("--json", "plan", status=status).out)
        return {c["name"]: c for c in doc["changes"] if c["action"] != "unchanged"}

    def test_exit_statuses(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        self.running("a")
        self.assertEqual(self.svcctl("plan").out, "nothing to do\n")
        self.config("services: {a: {command: sleep 1001}}\n")
        self.assertIn("1 to restart", self.svcctl("plan", status=10).out)
        self.assertEqual(self.svcctl("-q", "plan", status=10).out, "")
        self.config("services: {a: {command: sleep 1001, prot: 1}}\n")
        self.svcctl("plan", status=1)
        self.config("start_concurrency: 3\nservices: {a: {command: sleep 1000}}\n")
        self.svcctl("plan", status=10)

    def test_because_of_what(self):
        self.config("environment: {ACCOUNT: '1'}\nservices:\n"
                    "  a: {command: sleep 1000, environment: {FOO: '1', API_TOKEN: hunter1}}\n"
                    "  b: {command: sleep 1000}\n  c: {command: sleep 1000, requires: [b]}\n"
                    "  d: {command: sleep 1000}\n  off: {command: sleep 1000, enabled: false}\n")
        self.start()
        pids = {n: self.running(n)["pid"] for n in "abcd"}
        self.config("environment: {ACCOUNT: '1'}\nservices:\n"
                    "  a: {command: sleep 1000, environment: {FOO: '2', API_TOKEN: hunter2}, stop: {timeout: 3s}}\n"
                    "  b: {command: sleep 1000, enabled: false}\n  c: {command: sleep 1000, requires: [b]}\n"
                    "  off: {command: sleep 1000}\n  new: {command: sleep 1000, requires: [b]}\n")
        changes = self.plan(10)
        self.assertEqual({n: (c["action"], c["because"]) for n, c in changes.items()},
                         {"a": ("restart", ["environment.FOO", "environment.API_TOKEN"]), "b": ("stop", ["enabled"]),
                          "c": ("stop", []), "d": ("remove", []), "new": ("add", []), "off": ("start", ["enabled"])})
        self.assertEqual(changes["c"]["note"], "it requires b, which is disabled: definition")
        self.assertEqual((changes["d"]["pid"], changes["off"]["pid"]), (pids["d"], None))
        out = self.svcctl("plan", status=10).out
        self.assertNotIn("hunter", out)
        self.assertIn("~ a: restart (because: environment.FOO, environment.API_TOKEN)\n"
                      "    stop.timeout: 10s -> 3s\n"
                      "    environment.FOO: 1 -> 2\n    environment.API_TOKEN: ******** -> ********\n", out)
        self.assertTrue(out.endswith("\nPlan: 1 to add, 1 to start, 1 to restart, 2 to stop, 1 to remove\n"), out)
        # It comes as it was said.
        said = self.svcctl("reload").out
        self.assertTrue(said.startswith(out))
        self.assertEqual({line.partition(" (pid")[0] for line in said[len(out):].splitlines()},
                         {"a: restarted", "b: stopped (disabled: definition)", "d: stopped and removed",
                          "c: waiting for b (disabled: definition)", "off: started",
                          "new: waiting for b (disabled: definition)"})
        self.assertFalse(any(alive(pids[n]) for n in "abcd"))
        self.assertEqual(self.plan(0), {})

    def test_how_many_errors_are_not_listed(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        self.running("a")
        self.config("services:\n" + "".join(f"  s{i}: {{command: sleep 1, prot: 1}}\n" for i in range(1100)))
        for verb in ("plan", "reload"):
            r = self.svcctl(verb, status=1)
            self.assertEqual(r.err.count("unknown key"), 1000)
            self.assertIn("… and 100 more", r.err)
            last = json.loads(self.svcctl("--json", verb, status=1).out)["diagnostics"][-1]
            self.assertEqual((last["left_out"], last["message"]), (100, "100 more are not listed"))

    def test_what_defaults_have_wrong_is_said_once(self):
        self.config("defaults: {environment: {X: '${'}}\nservices:\n"
                    "  a: {command: sleep 1000}\n  b: {command: sleep 1000}\n  c: {command: sleep 1000}\n")
        self.start()
        for verb in ("check", "plan"):
            said = self.svcctl(verb, status=1).err
            self.assertEqual(said.count("is not closed"), 1, said)
            self.assertIn("(the same for 2 more services)", said)
        for n in "abc":
            self.assertIn("is not closed", self.service(n)["note"])


class Reload(Terminals):
    def test_what_fails_is_said(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        self.running("a")
        self.config("services: {a: {command: /no/such/program}, b: {command: sleep 1000}}\n")
        r = self.svcctl("reload", status=1)
        self.assertRegex(r.err, r"^a: cannot start: exec /no/such/program: No such file or directory; next start in ")
        self.assertRegex(r.out, r"(?m)^b: started \(pid \d+\)$")
        self.config("services: {b: {command: sleep 1001}}\n")
        doc = json.loads(self.svcctl("--json", "reload").out)
        self.assertEqual({x["name"]: x["outcome"] for x in doc["results"]}, {"a": "ok", "b": "ok"})
        self.assertEqual(json.loads(self.svcctl("--json", "reload").out)["results"], [])

    def test_without_waiting(self):
        self.config("services: {}\n")
        self.start()
        self.config("services: {a: {command: sleep 1000, ready: notify}}\n")
        doc = json.loads(self.svcctl("--json", "reload", "--no-wait").out)
        self.assertEqual([c["action"] for c in doc["changes"]], ["add"])
        self.in_state("a", "starting")
        r = self.svcctl("--timeout", "300ms", "restart", "--replace", "a", status=6)
        self.assertIn("timed out waiting for a; the action goes on; look with `svcctl status a`", r.err)

    def test_ctrl_c_leaves_it_to_itself(self):
        self.config("services: {}\n")
        self.start()
        self.config(f"services: {{a: {{command: {self.script('p.sh', 'until test -e go; do sleep 0.1; done; exec sleep 1000')}"
                    f", ready: monitoring, monitoring: {{command: test -e go, interval: 100ms}}}}}}\n")
        t = self.terminal("reload")
        t.read_until(b"waiting for 1 service", 20 * SLOW)
        t.type("\x03")
        status, _ = t.finish(20 * SLOW)
        self.assertEqual(status, 130)
        shown = vt.shown(t.data)
        self.assertIn("+ a: add and start\n", shown)
        self.assertTrue(shown.endswith("svcctl: reload: no longer waiting for a; the action goes on; look with "
                                       "`svcctl s\ntatus a`\n"), shown)
        self.write("go", "")
        self.running("a")

    def test_a_svcd_that_takes_over_meanwhile_tells_how_it_ended(self):
        self.config("services: {}\n")
        self.start()
        self.config("services: {a: {command: sleep 1000, ready: monitoring, "
                    "monitoring: {command: test -e go, interval: 100ms}}}\n")
        w = subprocess.Popen([os.path.join(BIN, "svcctl"), "reload"], env=self.environment(),
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.programs.append(w)
        self.until(lambda: self.services().get("a", {}).get("state") == "starting", what="a, defined and starting")
        self.svcctl("upgrade")
        self.write("go", "")
        said = w.communicate(timeout=20 * SLOW)[0]
        self.assertEqual(w.returncode, 0, said)
        self.assertRegex(said, r"(?m)^a: started \(pid \d+\)$")


class Progress(Terminals):
    def test_what_a_slow_start_waits_for(self):
        port = free_port()
        run = self.script("slow.sh", "n=0\nuntil test -e go; do n=$((n+1)); echo loading chunk $n; sleep 0.2; done\n"
                                     f"exec nc -lk 127.0.0.1 {port}\n")
        self.config(f"services: {{slow: {{command: {run}, port: {port}}}, after: {{command: sleep 1000, "
                    "requires: [slow]}, quick: {command: sleep 1000}}\n")
        self.start()
        self.running("quick")
        for columns, rows in ((80, 24), (200, 50)):
            t = self.terminal("start", "slow", "after", "quick", columns=columns, rows=rows)
            t.read_until(lambda data: b"\x1b[J" in data.partition(b"loading chunk")[2], 30 * SLOW)
            shown = vt.shown(t.data, columns, rows)
            self.assertRegex(shown, r"quick: already running \(pid \d+\)\n"
                                    r"start: waiting for 2 services, \d+s \(Ctrl-C ends the waiting only\)\n")
            self.assertRegex(shown, rf"(?m)^  slow   starting  \S+ +waiting for port {port} to be listened on$")
            self.assertRegex(shown, r"(?m)^  after  waiting   \S+ +waiting for slow \(starting\)$")
            self.assertRegex(shown, r"(?m)^      loading chunk \d+$")
            t.type("\x03")
            self.assertEqual(t.finish(20 * SLOW)[0], 130)
        t = self.terminal("start", "slow", "after")
        t.read_until(b"waiting for 2 services", 20 * SLOW)
        self.write("go", "")
        self.assertEqual(t.finish(20 * SLOW)[0], 0)
        self.assertRegex(vt.shown(t.data), r"\Aslow: started \(pid \d+\)\nafter: started \(pid \d+\)\n\Z")

    def test_not_where_it_would_be_in_the_way(self):
        self.config("services: {a: {command: sleep 1000, ready: notify}}\n")
        self.start()
        self.in_state("a", "starting")
        started = []
        for env, arguments in (({"TERM": "dumb"}, []), ({}, ["--json"]), ({}, ["--quiet"])):
            started.append(ptyrun.Terminal([os.path.join(BIN, "svcctl"), "--timeout", "2s", *arguments, "start", "a"],
                                           env={**self.environment(), "TERM": "xterm", **env}))
            self.programs.append(started[-1].process)
        for t in started:
            status, text = t.finish(20 * SLOW)
            self.assertEqual(status, 6 if "timed out" in text else 1, text)  # 1: superseded by the later one
            self.assertNotIn("waiting for 1", text)
            self.assertNotIn("\x1b", text)


class Accepted(SvcdTest):
    """A request that was accepted is carried out, whatever becomes of who asked."""

    def test_even_if_the_client_dies(self):
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000, enabled: true}}\n")
        self.start()
        pid = self.running("a")["pid"]
        with self.varlink() as v:  # gone before svcd has even read it
            v.send(json.dumps({"method": "org.svcd.Supervisor.Stop", "parameters": {"names": ["a"]},
                               "more": True}).encode() + b"\0")
        self.in_state("a", "stopped")
        self.assertFalse(alive(pid))
        with self.varlink() as v:
            v.send(json.dumps({"method": "org.svcd.Supervisor.Start", "parameters": {"names": ["a"]},
                               "oneway": True}).encode() + b"\0")
        self.running("a")
        self.config("services: {a: {command: sleep 1001}}\n")
        with self.varlink() as v:
            v.send(json.dumps({"method": "org.svcd.Supervisor.Reload", "more": True}).encode() + b"\0")
        self.until(lambda: set(self.services()) == {"a"}, what="b removed")
        self.until(lambda: self.service("a")["command"] == "sleep 1001" and self.state("a") == "running", what="a, anew")

    def test_killed_svcctl(self):
        run = self.script("deaf.sh", "trap '' TERM\n: > deaf.$$\nwhile :; do sleep 0.1; done\n")
        self.config(f"services: {{a: {{command: {run}, stop: {{timeout: 1s}}}}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        for n, signo in enumerate((signal.SIGKILL, signal.SIGHUP), 1):
            self.until(lambda p=pid: os.path.exists(f"{self.home}/deaf.{p}"), what="the trap")
            w = subprocess.Popen([os.path.join(BIN, "svcctl"), "restart", "--replace", "a"], env=self.environment(),
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.programs.append(w)
            self.until(lambda n=n: [e["event"] for e in self.events("a")].count("restart requested") == n,
                       what="the request")
            w.send_signal(signo)
            w.wait(20 * SLOW)
            pid = self.new_run("a", pid)["pid"]


if __name__ == "__main__":
    import unittest
    unittest.main()
