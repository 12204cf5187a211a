"""svcctl upgrade: another svcd in the same process. Services, their checks and clients notice nothing."""

import json
import os
import re
import resource
import select
import signal
import socket
import time

from svcdtest import SLOW, alive, children, command_line, free_port, process_environment, sanitized, stat_fields
from upgradetest import NEWER, UpgradeTest


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
        self.assertTrue(self.info()["definitions_changed"])
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
        self.config(f"services: {{a: {{command: {self.deaf()}, stop: {{timeout: {4 * SLOW}s}}}}}}")
        self.start()
        pid = self.running("a")["pid"]
        self.written("deaf")
        self.install_newer()
        stop = self.in_background("stop", "a")
        self.in_state("a", "stopping")
        self.upgrade()  # within that time
        self.assertEqual(self.glimpse("a")["state"], "stopping")
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
