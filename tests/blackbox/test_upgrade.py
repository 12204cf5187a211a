"""svcctl upgrade: another svcd in the same process. Services, clients and whoever started svcd notice nothing;
an installed svcd that is no good is refused, and the running one goes on."""

import json
import os
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from svcdtest import BIN, SLOW, SvcdTest, alive, children, command_line, free_port, process_environment, \
    sanitized, stat_fields  # noqa: E402

NEWER = "9.9.9"


class UpgradeTest(SvcdTest):
    """svcd runs from a folder of the test's own, where another one can be installed."""

    def setUp(self):
        super().setUp()
        self.installed = os.path.join(self.tmp, "installed")
        os.mkdir(self.installed)
        shutil.copy(os.path.join(BIN, "svc-shim"), self.installed)
        with open(os.path.join(BIN, "svcd"), "rb") as f:
            self.image = f.read()
        self.version = subprocess.run([os.path.join(BIN, "svcd"), "--version"], capture_output=True, check=True,
                                      text=True).stdout.split()[1]
        self.svcd_program = os.path.join(self.installed, "svcd")
        self.install(self.image)

    def start(self, *arguments, **more):
        return super().start(*arguments, program=self.svcd_program, **more)

    def install(self, content, mode=0o755):
        """As a package manager does it: another file in the old one's place. None: it is removed."""
        if content is None:
            os.unlink(self.svcd_program)
            return
        new = self.svcd_program + ".new"
        with open(new, "wb") as f:
            f.write(content.encode() if isinstance(content, str) else content)
        os.chmod(new, mode)
        os.rename(new, self.svcd_program)

    def newer(self, **changes):
        """The image of a svcd that is the same but says it is NEWER; texts of the same length may change."""
        image = self.image.replace(self.version.encode(), NEWER.encode())
        for old, new in changes.items():
            old = old.replace("_", "-").encode()
            self.assertIn(old + b"\0", image)
            image = image.replace(old + b"\0", new.encode() + b"\0")
        return image

    def install_newer(self):
        self.install(self.newer())

    def upgrade(self, to=NEWER):
        """svcctl upgrade that succeeds; its JSON."""
        answer = json.loads(self.svcctl("--json", "upgrade").out)
        self.assertEqual((answer["to"], answer["pid"], answer["missing"]), (to, self.svcd.pid, []))
        return answer

    def in_background(self, *arguments):
        proc = subprocess.Popen([os.path.join(BIN, "svcctl"), *arguments], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=self.environment(), cwd=self.home)
        self.programs.append(proc)
        return proc

    def ended(self, proc, status=0):
        out, err = proc.communicate(timeout=30 * SLOW)
        self.assertEqual(proc.returncode, status, out + err)
        return out

    def info(self):
        with self.varlink() as v:
            return v.call("GetInfo")["parameters"]["info"]

    def notifier(self):
        """The command of a service that becomes ready once there is a file `go`."""
        return self.python("notifier.py", """
            import os, socket, time
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            while not os.path.exists("go"):
                time.sleep(0.01)
            s.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"].replace("@", chr(0), 1))
            time.sleep(1000)
            """)

    def deaf(self):
        """A service that ignores TERM, and writes `deaf` once it does."""
        return self.python("deaf.py", """
            import signal, time
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            open("deaf", "w").write("yes")
            time.sleep(1000)
            """)


class Services(UpgradeTest):
    def test_what_is_said(self):
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}, c: {command: sleep 1000}}")
        self.start()
        before = {n: self.running(n)["pid"] for n in "abc"}
        self.svcctl("stop", "c")
        self.install_newer()
        said = self.svcctl("upgrade").out
        self.assertEqual(said, f"svcd {self.version} -> {NEWER} (pid {self.svcd.pid}), 2 services untouched\n")
        self.assertEqual(self.info()["version"], NEWER)
        for name in "ab":
            s = self.service(name)
            self.assertEqual((s["pid"], s["run"], s["state"]), (before[name], 1, "running"))
        self.assertEqual(self.state("c"), "stopped")
        self.assertIn(f"has taken over from {self.version}", self.read(os.path.join(self.root, "svcd/svcd.log")))
        # nothing of it is to be seen from outside
        self.assertEqual(command_line(self.svcd.pid), self.svcd_program)
        self.assertEqual([e["event"] for e in self.events("a")], ["started", "ready", "adopted"])
        os.kill(before["a"], signal.SIGKILL)
        again = self.new_run("a", before["a"])
        self.assertNotIn("SVCD_HANDOVER", process_environment(again["pid"]))

    def test_a_service_that_is_no_longer_defined(self):
        """An upgrade is no reload: what somebody has just taken out of the file runs on until one."""
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}}")
        self.start()
        pids = {n: self.running(n)["pid"] for n in "ab"}
        self.config("services: {b: {command: sleep 1000}}")
        self.install_newer()
        self.assertIn("2 services untouched", self.svcctl("upgrade").out)
        for name in "ab":
            s = self.running(name)
            self.assertEqual((s["pid"], s["run"]), (pids[name], 1))
        self.assertIn("no longer defined", self.service("a")["note"])
        self.assertIn("- a: stop and remove", self.svcctl("plan", status=10).out)
        self.svcctl("reload")
        self.until(lambda: "a" not in self.services(), what="a forgotten")
        self.assertEqual(self.running("b")["pid"], pids["b"])

    def test_the_same_one(self):
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        pid = self.running("a")["pid"]
        answer = self.upgrade(self.version)
        self.assertEqual((answer["from"], answer["services"]), (self.version, 1))
        self.assertEqual(self.service("a")["pid"], pid)

    def test_no_line_is_lost(self):
        program = self.python("count.py", """
            import time
            n = 0
            while True:
                print(*range(n, n + 5), sep="\\n", flush=True)
                n += 5
                time.sleep(0.001)
            """)
        self.config(f"services: {{a: {{command: {program}}}}}")
        self.start()
        pid = self.running("a")["pid"]
        self.install_newer()
        for _ in range(5):
            before = len(self.log_texts("a", "out"))
            self.upgrade()
            self.until(lambda n=before: len(self.log_texts("a", "out")) > n + 50, what="more lines")
        self.assertEqual(self.service("a")["pid"], pid)
        self.svcctl("stop", "a")
        lines = self.log_texts("a", "out")
        self.assertEqual(lines, [str(i) for i in range(len(lines))])

    def test_ten_times(self):
        """Nothing grows: descriptors, processes, memory."""
        names = [f"s{i}" for i in range(5)]
        self.config("services:\n" + "".join(f"  {n}: {{command: sleep 1000}}\n" for n in names))
        self.start()
        pids = {n: self.running(n)["pid"] for n in names}

        def descriptors():
            folder = f"/proc/{self.svcd.pid}/fd"
            try:
                return sorted(re.sub(r"\d+", "", os.readlink(os.path.join(folder, f))) for f in os.listdir(folder))
            except FileNotFoundError:  # a client has just gone
                return []

        def memory():
            with open(f"/proc/{self.svcd.pid}/smaps_rollup", encoding="ascii") as f:
                return int(re.search(r"Private_Dirty: *(\d+)", f.read())[1])

        def settled():
            """Without clients that have just gone: a socket for each shim, one to listen at."""
            found = descriptors()
            return found.count("socket:[]") == len(names) + 1 and found
        self.upgrade(self.version)
        fds, kib = self.until(settled, what="no client"), memory()
        for _ in range(9):
            self.upgrade(self.version)
        self.assertEqual(self.until(settled, what="no client"), fds)
        if not sanitized():
            self.assertLess(memory(), kib + 100)
        self.assertEqual({n: self.service(n)["pid"] for n in names}, pids)
        # shims only: the nurseries have ended and were reaped
        self.until(lambda: len(children(self.svcd.pid)) == len(names), what="no child but the shims")

    def test_whatever_is_going_on(self):
        """Upgraded again and again while services start, stop, back off, are killed."""
        deaf = self.deaf()
        self.config(f"""
          services:
            crash: {{command: sh -c 'exit 1', restart: {{delay: 50ms, max_delay: 50ms, max_failures: 0}}}}
            once: {{command: sh -c 'exit 3', restart: {{delay: 1h, max_delay: 1h}}}}
            deaf: {{command: {deaf}, stop: {{timeout: 100ms}}}}
            steady: {{command: sleep 1000}}
            needs: {{command: sleep 1000, requires: [steady]}}
            leaves: {{command: sh -c 'sleep 1000 & exit 0', restart: {{delay: 50ms, max_failures: 0}}}}
          """)
        self.start()
        self.running("needs")
        clients = []
        for i in range(8):
            clients.append(self.in_background("restart", "--replace", "deaf"))
            clients.append(self.in_background("stop" if i % 2 else "start", "steady"))
            self.upgrade(self.version)
        for c in clients:  # each got an answer, whatever it was
            c.communicate(timeout=30 * SLOW)
            self.assertIn(c.returncode, (0, 1))
        self.svcctl("start", "steady")
        self.svcctl("wait", "deaf", "needs")
        self.assertEqual((self.state("once"), self.service("once")["run"]), ("backoff", 1))
        self.svcctl("stop", "--all")
        for name in ("crash", "once", "deaf", "steady", "needs", "leaves"):
            runs = [(e["event"], e["run"]) for e in self.events(name) if e["event"] in ("started", "exited")]
            self.assertEqual(len(runs), len(set(runs)), f"{name}: told twice")
            n = self.service(name)["run"]
            self.assertEqual(sorted(r for e, r in runs if e == "exited"), list(range(1, n + 1)), name)

    def test_limits_of_services(self):
        """What svcd has raised for itself is not what services get, now or then."""
        self.config("services: {a: {command: sleep 1000}}")
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (500, before[1]))
        self.start()
        limits = resource.prlimit(self.running("a")["pid"], resource.RLIMIT_NOFILE)
        self.assertEqual(limits[0], 500)
        self.upgrade(self.version)
        self.svcctl("stop", "a")
        self.svcctl("start", "a")  # by a shim of the new svcd's nursery
        self.assertEqual(resource.prlimit(self.running("a")["pid"], resource.RLIMIT_NOFILE), limits)

    def test_stopped_stays_stopped(self):
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}, c: {command: sleep 1000}}")
        self.start()
        self.svcctl("wait", "--all")
        self.svcctl("stop", "a")
        self.svcctl("disable", "b")
        self.upgrade(self.version)
        self.assertEqual([self.state(n) for n in "abc"], ["stopped", "disabled", "running"])


class Checks(UpgradeTest):
    def test_monitoring(self):
        """A command that runs is ended, begun anew, and no failure."""
        self.config("""
          services:
            a:
              command: sleep 1000
              monitoring: {command: echo x >> checks; exec sleep 1234, timeout: 60s, interval: 100ms}
          """)
        self.start()
        pid = self.running("a")["pid"]
        self.written("checks", 1)
        for n in (2, 3):
            self.upgrade(self.version)
            self.written("checks", n)
        s = self.service("a")
        self.assertEqual((s["pid"], s["failures"], s["health"]), (pid, 0, None))
        self.assertEqual(self.log_texts("a", "mon"), [])
        self.until(lambda: len(self.checks_alive()) == 1, what="one check")
        zombies = [p for p in children(self.svcd.pid) if stat_fields(p) and stat_fields(p)[0] == "Z"]
        self.until(lambda: not any(stat_fields(p) for p in zombies), what="no zombie")

    def checks_alive(self):
        return [p for shim in children(self.svcd.pid) for p in children(shim) if "1234" in command_line(p)]

    def test_port(self):
        """Readiness by a port that is not there yet."""
        port = free_port()
        program = self.python("server.py", f"""
            import os, socket, time
            while not os.path.exists("go"):
                time.sleep(0.01)
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", {port}))
            s.listen()
            time.sleep(1000)
            """)
        self.config(f"services: {{a: {{command: {program}, port: {port}}}}}")
        self.start()
        pid = self.until(lambda: self.service("a")["pid"], what="a pid")
        self.upgrade(self.version)
        self.assertEqual(self.state("a"), "starting")
        self.write("go", "")
        self.assertEqual(self.running("a")["pid"], pid)


class Clients(UpgradeTest):
    def test_start_of_a_slow_one(self):
        self.config(f"services: {{a: {{command: {self.notifier()}, ready: notify}}, b: {{command: sleep 1000}}}}")
        self.start()
        self.in_state("a", "starting")
        waiting = [self.in_background("start", "a"), self.in_background("wait", "a", "b"),
                   self.in_background("--json", "wait", "a")]
        for proc in waiting:
            self.until(lambda p=proc: self.sleeps(p), what="clients that wait")
        self.install_newer()
        self.upgrade()
        self.upgrade()
        self.write("go", "")
        pid = self.running("a")["pid"]
        self.assertEqual(self.ended(waiting[0]), f"a: started (pid {pid})\n")
        self.assertIn(f"a: running (pid {pid})", self.ended(waiting[1]))
        self.assertEqual(json.loads(self.ended(waiting[2]))[0]["pid"], pid)

    @staticmethod
    def sleeps(proc):
        """Whether svcctl has sent what it had to say and waits: it has a connection, and is in ppoll."""
        fds = f"/proc/{proc.pid}/fd"
        with open(f"/proc/{proc.pid}/wchan", encoding="ascii") as f:
            if "poll" not in f.read():
                return False
        try:
            return any("socket:" in os.readlink(os.path.join(fds, n)) for n in os.listdir(fds))
        except FileNotFoundError:  # of a file that it has just read
            return False

    def test_stop_of_a_deaf_one(self):
        self.config(f"services: {{a: {{command: {self.deaf()}, stop: {{timeout: 1500ms}}}}}}")
        self.start()
        pid = self.running("a")["pid"]
        self.written("deaf")
        stop = self.in_background("stop", "a")
        self.in_state("a", "stopping")
        self.install_newer()
        self.upgrade()
        self.assertEqual(self.state("a"), "stopping")
        self.assertEqual(self.ended(stop), "a: stopped\n")
        self.assertFalse(alive(pid))
        self.assertEqual(len([e for e in self.events("a") if e["event"] == "exited"]), 1)

    def test_rest_of_a_wait(self):
        """Wait has a time limit; what is left of it counts on."""
        self.config(f"services: {{a: {{command: {self.notifier()}, ready: notify}}}}")
        self.start()
        self.in_state("a", "starting")
        with self.varlink() as v:
            begin = time.monotonic()
            v.send(b'{"method":"org.svcd.Supervisor.Wait","parameters":{"names":["a"],"state":"running",'
                   b'"timeout_ms":2000}}\0')
            self.upgrade(self.version)
            early = time.monotonic() - begin
            answer = v.receive()
            took = time.monotonic() - begin
        self.assertEqual(answer["error"], "org.svcd.Supervisor.TimedOut")
        self.assertEqual(answer["parameters"], {"pending": ["a"]})
        self.assertGreaterEqual(took, 1.9)
        self.assertLess(took, max(2.0, early) + 1.5 * SLOW)

    def test_events(self):
        """Each event once, in order, to who follows and in the file."""
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}}")
        self.start()
        self.running("a")
        self.running("b")
        before = len(self.events())
        with self.varlink() as v:
            self.assertEqual(v.call("Events", {"last": 0}, more=True)["parameters"], {"events": []})
            self.svcctl("stop", "a")
            self.upgrade(self.version)
            self.svcctl("start", "a")
            self.upgrade(self.version)
            self.svcctl("restart", "--replace", "b")
            wanted = self.events()[before:]
            got = []
            while len(got) < len(wanted):
                got += v.receive()["parameters"]["events"]
        self.assertEqual(got, wanted)
        self.assertEqual(len({(e["service"], e["event"], e.get("run")) for e in got if e["event"] != "adopted"}),
                         len([e for e in got if e["event"] != "adopted"]))

    def test_half_a_request(self):
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        self.running("a")
        whole = b'{"method":"org.svcd.Supervisor.Status","parameters":{"names":["a"]}}\0'
        with self.varlink() as v, self.varlink() as other, self.varlink() as silent:
            v.send(whole[:20])
            other.send(whole[:1])
            v2 = self.varlink()
            v2.call("GetInfo")  # svcd has read what was before it
            self.upgrade(self.version)
            v.send(whole[20:30])
            self.upgrade(self.version)
            v.send(whole[30:])
            other.send(whole[1:])
            silent.send(whole)
            for client in (v, other, silent, v2):
                if client is v2:
                    client.send(whole)
                self.assertEqual(client.receive()["parameters"]["services"][0]["name"], "a")
            v2.close()

    def test_requests_in_a_row(self):
        """What was sent behind a call that waits is answered after it."""
        self.config(f"services: {{a: {{command: {self.notifier()}, ready: notify}}}}")
        self.start()
        self.in_state("a", "starting")
        with self.varlink() as v:
            for method, parameters in (("Wait", {"names": ["a"], "state": "running"}), ("GetInfo", {}),
                                       ("Status", {"names": ["a"]})):
                v.send(json.dumps({"method": "org.svcd.Supervisor." + method, "parameters": parameters}).encode()
                       + b"\0")
            self.install_newer()
            self.upgrade()
            self.write("go", "")
            self.assertEqual(v.receive()["parameters"]["services"][0]["state"], "running")
            self.assertEqual(v.receive()["parameters"]["info"]["version"], NEWER)
            self.assertEqual(v.receive()["parameters"]["services"][0]["name"], "a")

    def test_one_that_does_not_read(self):
        """Output that waits for a client comes whole, across the upgrade."""
        names = [f"service-with-a-long-name-{i:03}" for i in range(200)]
        self.config("services:\n" + "".join(f"  {n}: {{command: sleep 1000, enabled: false}}\n" for n in names))
        self.start()
        with self.varlink() as v:
            v.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            for _ in range(20):
                v.send(b'{"method":"org.svcd.Supervisor.Status"}\0')
            self.upgrade(self.version)
            for _ in range(20):
                self.assertEqual([s["name"] for s in v.receive()["parameters"]["services"]], names)

    def test_logs_follow(self):
        program = self.python("tick.py", """
            import time
            n = 0
            while True:
                print("tick", n, flush=True)
                n += 1
                time.sleep(0.01)
            """)
        self.config(f"services: {{a: {{command: {program}}}}}")
        self.start()
        self.running("a")
        follow = self.in_background("logs", "-f", "-n", "all", "--source", "out", "a")
        seen = b""

        def more(count):
            nonlocal seen
            begin = seen.count(b"\n")
            while seen.count(b"\n") < begin + count:
                self.assertTrue(select.select([follow.stdout], [], [], 20 * SLOW)[0])
                seen += os.read(follow.stdout.fileno(), 65536)
        more(5)
        self.upgrade(self.version)
        more(20)
        follow.terminate()
        follow.communicate()
        ticks = [int(n) for n in re.findall(rb"tick (\d+)\n", seen)]
        self.assertEqual(ticks, list(range(len(ticks))))

    def test_results_one_by_one(self):
        """A call with `more` whose first results are told before, and the last after."""
        self.config(f"""
          services:
            a: {{command: sleep 1000}}
            b: {{command: {self.deaf()}, stop: {{timeout: 1s}}}}
          """)
        self.start()
        self.running("a")
        self.written("deaf")
        with self.varlink() as v:
            first = v.call("Stop", {"names": ["a", "b"]}, more=True)
            self.assertEqual([r["name"] for r in first["parameters"]["results"]], ["a"])
            self.assertTrue(first["continues"])
            self.upgrade(self.version)
            last = v.receive()
            self.assertEqual([(r["name"], r["outcome"]) for r in last["parameters"]["results"]], [("b", "ok")])
            self.assertNotIn("continues", last)

    def test_all_results_at_once(self):
        self.config(f"""
          services:
            a: {{command: sleep 1000}}
            b: {{command: {self.deaf()}, stop: {{timeout: 1s}}}}
          """)
        self.start()
        self.running("a")
        self.written("deaf")
        with self.varlink() as v:
            v.send(b'{"method":"org.svcd.Supervisor.Stop","parameters":{"names":["b","a"]}}\0')
            self.in_state("a", "stopped")
            self.upgrade(self.version)
            results = v.receive()["parameters"]["results"]
            self.assertEqual([(r["name"], r["outcome"]) for r in results], [("b", "ok"), ("a", "ok")])


class Refused(UpgradeTest):
    def setUp(self):
        super().setUp()
        self.config("services: {a: {command: sleep 1000, annotation: mine}}")
        self.start()
        self.pid = self.running("a")["pid"]

    def refused(self, pattern):
        result = self.svcctl("upgrade", status=1)
        self.assertEqual(result.out, "")
        self.assertRegex(result.err, rf"^svcctl: not upgraded, svcd {re.escape(self.version)} goes on: ")
        self.assertRegex(result.err, pattern)
        self.goes_on()

    def goes_on(self):
        self.assertEqual(self.info()["version"], self.version)
        s = self.service("a")
        self.assertEqual((s["pid"], s["state"]), (self.pid, "running"))
        self.assertEqual(len([e for e in self.events("a") if e["event"] == "adopted"]), 0)

    def works_after_all(self):
        self.install_newer()
        self.upgrade()
        self.assertEqual(self.service("a")["pid"], self.pid)

    def test_bad_ones(self):
        path = re.escape(self.svcd_program)
        for content, mode, pattern in (
                (None, 0, rf"{path}: No such file or directory"),
                (self.image, 0o644, rf"cannot run {path}: Permission denied"),
                ("#!/bin/sh\nexec /bin/true\n", 0o755, "does not say that it can take over"),
                ("#!/bin/sh\nexit 0\n", 0o755, "does not say that it can take over"),
                ("#!/bin/sh\nexec /bin/false\n", 0o755, r"cannot take over: \(exit status 1\)"),
                ("#!/bin/sh\necho svcd 9.9.9 can take over: 00000000000000000000000000000000\n", 0o755,
                 "does not say that it can take over"),
                ("#!/bin/sh\necho one >&2; echo 'svcd: it is broken' >&2; exit 7\n", 0o755,
                 r"cannot take over: svcd: it is broken \(exit status 7\)"),
                ("#!/bin/sh\nkill -SEGV $$\n", 0o755, r"was killed by signal 11 \(SEGV\)"),
                ("#!/no/such/interpreter\n", 0o755, "No such file or directory"),
                ("neither ELF nor script", 0o755, "Exec format error"),
                (self.image[:2000], 0o755, "."),
                (self.image[:20000], 0o755, ".")):
            with self.subTest(pattern):
                self.install(content, mode)
                self.refused(pattern)
        for program in ("/bin/true", "/bin/false"):
            with open(program, "rb") as f:
                self.install(f.read())
            self.refused("take over")
        self.works_after_all()

    def test_cannot_load(self):
        """A svcd, but one that does not understand the state, the definitions or what is handed over."""
        for changes, pattern in (({"svcd_state": "svcd-other"}, "this is no state of svcd"),
                                 ({"svcd_handover": "svcd-handower"}, "what the running svcd hands over"),
                                 ({"annotation": "annotatiom"},
                                  r"services\.yaml:1:\d+: services\.a\.annotation: unknown key")):
            with self.subTest(pattern):
                self.install(self.newer(**changes))
                self.refused(pattern)
        self.works_after_all()

    def test_broken_definitions_are_no_reason(self):
        """The user's error is one for both: what runs goes on, as with a new svcd."""
        self.config("services: {a: {command: sleep 1000, annotation: mine, prot: 1}}")
        self.install_newer()
        self.upgrade()
        self.assertEqual(self.service("a")["pid"], self.pid)

    def test_one_that_hangs(self):
        self.install("#!/bin/sh\necho $$ > hangs\nsleep 1000\n")
        first = self.in_background("upgrade")
        hanging = int(self.written("hangs")[0])
        second = self.svcctl("upgrade", status=1)
        self.assertIn("an upgrade is under way already", second.err)
        self.goes_on()
        child = self.until(lambda: children(hanging), what="the sleep")[0]
        out, err = first.communicate(timeout=30 * SLOW)
        self.assertEqual((first.returncode, out), (1, ""))
        self.assertIn("did not say within 10 s whether it can take over", err)
        self.gone(hanging, child)
        self.goes_on()
        self.works_after_all()

    def test_end_while_it_is_asked(self):
        self.install("#!/bin/sh\necho $$ > hangs\nsleep 1000\n")
        first = self.in_background("upgrade")
        hanging = int(self.written("hangs")[0])
        self.assertEqual(self.end_svcd(), 0)
        self.gone(hanging, self.pid)
        out, err = first.communicate(timeout=30 * SLOW)
        self.assertEqual((first.returncode, out), (1, ""))
        self.assertIn("svcd is shutting down", err)

    def last_moment(self, what, pattern):
        """Proves that it can, and then does something to itself."""
        real = os.path.join(self.installed, "real")
        shutil.copy(os.path.join(BIN, "svcd"), real)
        self.install(f"#!/bin/sh\n{real} \"$@\"\n{what}\n")
        self.refused(pattern)

    def test_vanishes_at_the_last_moment(self):
        self.last_moment('rm "$0"', "has changed since it was asked")
        self.works_after_all()

    def test_fails_at_the_last_moment(self):
        waiting = self.in_background("wait", "a", "--for", "stopped")
        self.last_moment('chmod a-x "$0"', r"cannot run .*: Permission denied")
        self.svcctl("stop", "a")  # signals, clients and locks are as they were
        self.assertEqual(self.ended(waiting), "a: stopped\n")
        self.svcctl("start", "a")
        self.pid = self.running("a")["pid"]
        self.works_after_all()

    @unittest.skipIf(os.getuid() == 0, "root may write anywhere")
    def test_state_cannot_be_saved(self):
        folder = os.path.join(self.root, "svcd")
        os.unlink(os.path.join(folder, "state.journal"))  # which would do
        os.chmod(folder, 0o500)
        self.install_newer()
        try:
            self.refused("the state cannot be saved: Permission denied")
        finally:
            os.chmod(folder, 0o700)
        self.works_after_all()


class Surroundings(UpgradeTest):
    def manager(self):
        """A service manager's socket."""
        path = os.path.join(self.tmp, "notify")
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(path)
        self.addCleanup(sock.close)
        self.svcd_env["NOTIFY_SOCKET"] = path
        return sock

    def heard(self, sock, wanted):
        """Receives until one message has WANTED; all that came."""
        got = []
        sock.settimeout(20 * SLOW)
        while not got or not wanted in got[-1]:
            got.append(sock.recv(4096).decode())
        return got

    def test_manager(self):
        """RELOADING, READY, and a watchdog that never misses."""
        sock = self.manager()
        self.config("services: {a: {command: sleep 1000}}")
        if not os.path.exists("/lib/x86_64-linux-gnu/libsystemd.so.0") and shutil.which("systemd-notify") is None:
            self.skipTest("no libsystemd")
        self.svcd_env["WATCHDOG_USEC"] = "400000"
        self.start()
        self.running("a")
        self.heard(sock, "READY=1")
        self.upgrade(self.version)
        got = self.heard(sock, "RELOADING=1") + self.heard(sock, "READY=1")
        self.assertTrue(any("MONOTONIC_USEC=" in m for m in got))
        for _ in range(2):
            self.heard(sock, "WATCHDOG=1")
        self.upgrade(self.version)
        self.heard(sock, "RELOADING=1")
        self.heard(sock, "READY=1")
        self.heard(sock, "WATCHDOG=1")
        self.heard(sock, "WATCHDOG=1")

    def test_link_that_is_turned(self):
        new = os.path.join(self.tmp, "new")
        os.mkdir(new)
        shutil.copy(os.path.join(BIN, "svc-shim"), new)
        with open(os.path.join(new, "svcd"), "wb") as f:
            f.write(self.newer())
        os.chmod(os.path.join(new, "svcd"), 0o755)
        link = os.path.join(self.tmp, "current")
        os.symlink(self.installed, link)
        self.svcd_program = os.path.join(link, "svcd")
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        self.running("a")
        os.symlink(new, link + ".new")
        os.rename(link + ".new", link)
        self.upgrade()
        os.symlink(self.installed, link + ".new")
        os.rename(link + ".new", link)
        self.upgrade(self.version)

    def test_found_in_path(self):
        self.svcd_env["PATH"] = self.installed + ":" + os.environ["PATH"]
        self.svcd_program = "svcd"
        self.config("services: {a: {command: sleep 1000}}")
        path = os.environ["PATH"]
        os.environ["PATH"] = self.installed + ":" + path  # Popen looks there
        self.addCleanup(os.environ.__setitem__, "PATH", path)
        self.start()
        self.running("a")
        self.svcd_program = os.path.join(self.installed, "svcd")
        self.install_newer()
        self.upgrade()

    def test_started_by_a_script(self):
        """What is executed last counts; and a script may stand in the place of what was installed."""
        self.config("services: {a: {command: sleep 1000}}")
        self.start("--verbose")
        self.running("a")
        real = os.path.join(self.installed, "real")
        with open(real, "wb") as f:
            f.write(self.newer())
        os.chmod(real, 0o755)
        self.install(f'#!/bin/sh\nexec {real} "$@"\n')
        self.upgrade()
        self.assertEqual(command_line(self.svcd.pid), f"{real} --verbose")

    def test_a_second_svcd_is_refused(self):
        """The locks go over."""
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        self.upgrade(self.version)
        for root in ([], ["--root", self.root]):
            second = subprocess.run([self.svcd_program, *root], env=self.environment(), capture_output=True,
                                    text=True, check=False, timeout=20 * SLOW)
            self.assertEqual(second.returncode, 1)
            self.assertIn(f"another svcd (pid {self.svcd.pid}) already runs", second.stderr)

    def test_socket_is_put_back(self):
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        self.upgrade(self.version)
        os.unlink(os.path.join(self.run_dir, "control.sock"))
        self.until(self.answers, what="the socket")
        self.upgrade(self.version)

    def test_signals_at_that_moment(self):
        """TERM is not lost, whenever it comes: svcd stops everything and ends with 0."""
        self.config("services: {a: {command: sleep 1000}}")
        for delay_ms in (0, 2, 5, 8, 12, 18, 25, 40):
            self.start()
            pid = self.running("a")["pid"]
            with self.varlink() as v:
                v.send(b'{"method":"org.svcd.Supervisor.Upgrade"}\0')
                time.sleep(delay_ms / 1000)
                self.assertEqual(self.end_svcd(), 0, f"TERM after {delay_ms} ms")
                self.assertFalse(alive(pid))

    @unittest.skipUnless(shutil.which("strace"), "strace is missing")
    def test_signal_in_the_last_turn(self):
        """TERM comes while svcd hears that the installed one is fit, and sleeps no more before it is executed."""
        self.config("services: {a: {command: sleep 1000}}")
        self.to_be_traced()
        self.start()
        pid = self.running("a")["pid"]
        strace = subprocess.Popen(["strace", "-q", "-o", "/dev/null", "-e", "trace=wait4", "-e",
                                   "inject=wait4:signal=TERM:when=1", "-p", str(self.svcd.pid)],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(strace.wait)
        self.addCleanup(strace.kill)
        self.until(lambda: "TracerPid:\t0\n" not in self.read(f"/proc/{self.svcd.pid}/status"), what="strace")
        with self.varlink() as v:
            v.send(b'{"method":"org.svcd.Supervisor.Upgrade"}\0')
            self.assertEqual(self.svcd.wait(20 * SLOW), 0)
        self.assertFalse(alive(pid))

    def test_reload_at_that_moment(self):
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        with self.varlink() as v:
            for i in range(5):
                self.config(f"services: {{a: {{command: sleep 1000, annotation: n{i}}}}}")
                v.send(b'{"method":"org.svcd.Supervisor.Upgrade"}\0')
                time.sleep(i * 0.005)
                os.kill(self.svcd.pid, signal.SIGHUP)
                self.assertIn("to", v.receive()["parameters"])
                self.until(lambda i=i: self.service("a")["annotation"] == f"n{i}", what="the reload")

    def test_client_has_gone(self):
        """Who asked hangs up: it goes on, and another one can be asked for."""
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        self.running("a")
        self.install_newer()
        with self.varlink() as v:
            v.send(b'{"method":"org.svcd.Supervisor.Upgrade"}\0')
        self.until(lambda: self.info()["version"] == NEWER, what="the newer one")
        self.until(lambda: self.run_svcctl("upgrade").status == 0, what="another one")

    def test_a_shim_that_is_slow(self):
        """The answer names who has not answered, after 5 s."""
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}}")
        self.start()
        self.running("b")
        shim = self.shim_of(self.running("a")["pid"])
        os.kill(shim, signal.SIGSTOP)
        try:
            result = self.svcctl("upgrade")
        finally:
            os.kill(shim, signal.SIGCONT)
        self.assertIn("a: its svc-shim has not answered the new svcd yet", result.err)
        self.running("a")
        self.assertEqual(self.service("a")["run"], 1)


if __name__ == "__main__":
    unittest.main()
