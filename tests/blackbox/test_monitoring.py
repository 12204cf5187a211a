"""Monitoring: several checks, degraded, how many at once, and what is remembered of them."""

import json
import os
import signal
import unittest

from svcdtest import SvcdTest, alive, at_rest, children, command_line, descendants, parent, stat_fields


class Monitoring(SvcdTest):
    def checks(self, name="a"):
        shown = json.loads(self.svcctl("show", name, "--json").out)
        return {c["name"]: c for c in shown["checks"]}

    def health(self, want, name="a"):
        return self.until(lambda: self.service(name)["health"] == want and self.service(name), what=f"health {want}")

    def test_degraded_is_shown_and_restarts_nothing(self):
        check = self.script("check.sh", "s=$(cat status 2>/dev/null || echo 0); echo disk at 91 %; exit $s\n")
        self.config(f"""
            services:
              a: {{command: sleep 1000, monitoring: {{command: {check}, interval: 100ms}}}}
        """)
        self.start()
        pid = self.health("ok")["pid"]
        self.write("status", "2")
        s = self.health("degraded")
        self.assertEqual((s["pid"], s["state"], s["failures"]), (pid, "running", 0))
        self.assertEqual(s["note"], "monitoring says that it is degraded: exit code 2: disk at 91 %")
        self.assertIn("disk at 91 %", self.svcctl("status").out)
        self.logged("a", r' svcd monitoring degraded error="exit code 2"')
        self.until(lambda: sum(r["result"] == "degraded" for r in self.checks()["monitoring"]["results"]) > 3,
                   what="more checks")
        told = [e for e in self.events("a") if e["event"] == "monitoring degraded"]
        self.assertEqual(len(told), 1)
        self.assertEqual(self.log_texts("a", "mon"), ["disk at 91 %"])  # told once
        self.run_svcctl("wait", "a", "--for", "healthy", "--timeout", "200ms")
        self.write("status", "0")
        s = self.health("ok")
        self.assertEqual((s["pid"], s["note"]), (pid, ""))
        self.logged("a", r" svcd monitoring passed")

    def test_what_counts_as_degraded_can_be_said(self):
        self.config("""
            services:
              a: {command: sleep 1000, restart: {delay: 0s, max_failures: 1},
                  monitoring: {command: sh -c 'exit 2', interval: 100ms, degraded_status: []}}
              b: {command: sleep 1000, monitoring: {command: sh -c 'exit 7', interval: 100ms, degraded_status: [1, 7]}}
        """)
        self.start()
        self.in_state("a", "disabled")
        self.health("degraded", "b")

    def test_several_checks(self):
        self.config("""
            services:
              a:
                command: sleep 1000
                restart: {delay: 50ms}
                monitoring:
                  - ./fine
                  - {name: sick, command: test ! -e sick, interval: 100ms, failures: 2}
                  - {command: ./slow, interval: 1h}
        """)
        for name in ("fine", "slow"):
            self.script(name, f"echo x >> {name}.n\n")
        self.start()
        pid = self.health("ok")["pid"]
        self.until(lambda: all(c["results"] for c in self.checks().values()), what="each check once")
        checks = self.checks()
        self.assertEqual(list(checks), ["fine", "sick", "slow"])
        self.assertEqual(checks["fine"]["command"], "./fine")
        self.assertEqual((checks["sick"]["failures"], checks["sick"]["bad"]), (2, None))
        r = checks["slow"]["results"][0]
        self.assertEqual((r["result"], r["code"]), ("passed", 0))
        self.assertGreater(checks["slow"]["next_ms"], 1000 * 1000)
        self.write("sick", "")
        self.new_run("a", pid)
        self.logged("a", r" svcd monitoring failed check=sick failures=1/2 error=\"exit code 1\"")
        self.logged("a", r" svcd monitoring failed check=sick failures=2/2 ")
        os.unlink(os.path.join(self.home, "sick"))
        self.assertEqual(self.checks()["sick"]["bad"]["text"], "exit code 1")

    def test_no_more_at_once_than_may_be_and_everybody_has_a_turn(self):
        check = self.script("check.sh", """
            echo begins $SVCD_SERVICE >> turns
            : > running/$SVCD_SERVICE; ls running | wc -l >> seen; sleep 0.05
            rm running/$SVCD_SERVICE; echo ends $SVCD_SERVICE >> turns
        """)
        os.makedirs(self.home + "/running")
        names = [f"s{i}" for i in range(8)]
        self.config("monitoring: {concurrency: 2}\nservices:\n" + "".join(
            f"  {n}: {{command: sleep 1000, monitoring: {{command: {check}, interval: 100ms}}}}\n" for n in names))
        self.start()
        self.written("turns")
        self.until(lambda: all(self.read("turns").count(f"ends {n}\n") >= 3 for n in names), limit=30,
                   what="three checks of each")
        self.assertEqual(max(int(n) for n in self.read("seen").split()), 2)
        # In turn: while one waits for its next, no other has more than two.
        since = {n: dict.fromkeys(names, 0) for n in names}
        for what, name in (line.split() for line in self.read("turns").splitlines()):
            since[name] = dict.fromkeys(names, 0)
            if what == "begins":
                for waiting in since.values():
                    waiting[name] += 1
                self.assertLessEqual(max(max(waiting.values()) for waiting in since.values()), 2, self.read("turns"))

    def test_what_was_is_known_to_the_next_svcd(self):
        check = self.script("check.sh", "if [ -e sick ]; then echo feeling bad; exit 3; fi\n")
        self.config(f"""
            services:
              a: {{command: sleep 1000, monitoring: {{command: {check}, interval: 500ms, failures: 100}}}}
        """)
        self.start()
        pid = self.health("ok")["pid"]
        self.write("sick", "")
        self.until(lambda: self.checks()["monitoring"]["failed"] > 2, what="failures")
        os.unlink(os.path.join(self.home, "sick"))
        self.health("ok")
        bad = self.checks()["monitoring"]["bad"]
        self.assertEqual((bad["result"], bad["code"], bad["text"], bad["output"]),
                         ("failed", 3, "exit code 3", "feeling bad\n"))
        before = self.checks()["monitoring"]["results"]
        self.svcctl("upgrade")
        after = self.checks()["monitoring"]
        self.assertEqual(after["bad"], bad)
        self.assertIn(before[0], after["results"])
        self.assertEqual(self.service("a")["pid"], pid)
        self.kill_svcd()
        self.start()
        self.running("a")
        self.assertEqual(self.checks()["monitoring"]["bad"], bad)
        self.assertEqual(self.service("a")["pid"], pid)

    def test_one_that_outlives_its_service_is_killed(self):
        check = self.script("check.sh", "sleep 1003 & echo $! $$ > pids\nwait\n")
        self.config(f"""
            services:
              a: {{command: sleep 1000, monitoring: {{command: {check}, interval: 100ms, timeout: 1h}}}}
        """)
        self.start()
        pids = [int(p) for p in self.written("pids", 2)]
        self.svcctl("stop", "a")
        self.gone(*pids)
        os.unlink(self.home + "/pids")
        self.svcctl("start", "a")
        pids = [int(p) for p in self.written("pids", 2)]
        self.kill_svcd()  # nor does one outlive svcd
        self.gone(*pids)
        self.start()
        self.assertTrue(alive(self.running("a")["pid"]))

    def fails_too_late(self, stop):
        """svcd hears in one moment of the check that failed, and that the shim has followed the run up already: that
        costs the next run nothing."""
        check = self.script("check.sh", "[ -e well ] && exit 0\n: >checking\nread x <gate\nexit 1\n")
        os.mkfifo(self.home + "/gate")
        self.config(f"""
            services:
              a: {{command: sleep 1000, restart: {{delay: 0s}}, stop: {{timeout: {stop}}},
                   monitoring: {{command: {check}, interval: 100ms}}}}
        """)
        self.start()
        first = self.running("a")["pid"]
        shim = self.shim_of(first)
        self.until(lambda: os.path.exists(self.home + "/checking"), what="a check")
        self.svcd.send_signal(signal.SIGSTOP)
        os.kill(first, signal.SIGKILL)
        second = self.until(lambda: next((p for p in children(shim) if p != first and alive(p)), None), what="run 2")
        self.write("well", "")
        main = next(p for p in descendants(os.getpid()) if "check.sh" in command_line(p))
        its_shim = parent(main)
        with open(self.home + "/gate", "w", encoding="ascii") as f:
            f.write("now\n")
        self.until(lambda: not os.path.exists(f"/proc/{main}") and (stat_fields(its_shim) or "S")[0] == "S",
                   what="the check's end to be told")
        self.svcd.send_signal(signal.SIGCONT)
        s = self.health("ok")
        self.assertEqual((s["pid"], s["run"], s["failures"]), (second, 2, 1))
        return second

    def test_a_check_that_fails_too_late(self):
        self.fails_too_late("10s")

    def test_a_check_that_fails_too_late_for_a_kill(self):
        """Nor is the shim taken for one that does not answer, later on."""
        second = self.fails_too_late("0s")
        with at_rest(self, self.svcd.pid, seconds=7.0):
            pass
        self.assertEqual(self.service("a")["pid"], second)
        self.assertNotIn("does not answer", self.stderr())

    def test_ready_when_all_checks_have_passed(self):
        self.config("""
            services:
              a:
                command: sleep 1000
                ready: monitoring
                monitoring: [test -e one, test -e two]
        """)
        self.start()
        self.until(lambda: len(self.checks()) == 2 and all(c["results"] for c in self.checks().values()),
                   what="checks")
        self.write("one", "")
        self.until(lambda: self.checks()["test"]["health"] == "ok", what="the first")
        self.assertEqual(self.state("a"), "starting")
        self.write("two", "")
        self.running("a")

    def test_reload_changes_checks_and_not_the_service(self):
        self.config("services: {a: {command: sleep 1000, monitoring: [{tcp: 1, interval: 1h, start_delay: 1h}]}}")
        self.start()
        pid = self.running("a")["pid"]
        self.config("services: {a: {command: sleep 1000, monitoring: ['true', {tcp: 1, start_delay: 1h}]}}")
        plan = self.svcctl("plan", status=10).out
        self.assertIn("monitoring.checks", plan)
        self.svcctl("reload")
        self.health("ok")
        self.assertEqual(self.service("a")["pid"], pid)
        self.assertEqual(list(self.checks()), ["true", "tcp-1"])
        self.config("services: {a: {command: sleep 1000}}")
        self.svcctl("reload")
        self.until(lambda: self.service("a")["health"] is None and not self.checks(), what="no checks")
        self.assertEqual(self.service("a")["pid"], pid)


if __name__ == "__main__":
    unittest.main()
