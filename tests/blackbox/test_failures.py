"""Exits nobody asked for: new runs, back-off, crash loops, what cannot be started, monitoring."""

import json
import os
import re
import resource
import signal
import unittest

from svcdtest import SLOW, SvcdTest, alive, free_port


class CrashLoop(SvcdTest):
    def crash(self, more="max_failures: 3, window: 40s, delay: 50ms", command="sh -c 'exit 3'"):
        self.config(f"""
            services:
              a: {{command: {command}, restart: {{{more}}}}}
              b: {{command: sleep 1000}}
        """)
        self.start()
        return self.in_state("a", "disabled")

    def test_is_disabled_and_everything_says_why(self):
        s = self.crash()
        self.assertEqual((s["disabled_cause"], s["failures"], s["run"]), ("failures", 3, 3))
        self.assertEqual((s["last_exit"]["kind"], s["last_exit"]["code"]), ("exited", 3))
        self.assertRegex(s["note"], r"3 failures within 40s.*code 3")
        self.logged("a", r" svcd disabled cause=failures failures=3 window=40s")
        self.logged("a", r" svcd exited run=1 pid=\d+ code=3 ran=\S+ failure=1/3")
        self.logged("a", r" svcd exited run=3 pid=\d+ code=3 ran=\S+ failure=3/3")
        page = self.svcctl("status", "a", status=3).out
        self.assertRegex(page, r"disabled")
        self.assertRegex(page, r"code 3")
        table = self.svcctl("status", status=3).out
        self.assertRegex(table, r"(?m)^a\s+disabled.*3 failures")
        gone = [e for e in self.events("a") if e["event"] == "disabled"]
        self.assertEqual([(e["cause"], e["failures"]) for e in gone], [("failures", 3)])
        self.assertEqual(self.state("b"), "running")

    def test_it_is_disabled_again_if_nothing_was_mended(self):
        self.crash()
        self.svcctl("enable", "a")
        self.until(lambda: self.service("a")["run"] == 6, what="three more runs")
        self.assertEqual(self.in_state("a", "disabled")["failures"], 3)

    def test_enable_clears_it(self):
        self.crash(command="sh -c 'test -e ok || exit 3; exec sleep 1000'")
        self.write("ok", "")
        self.svcctl("enable", "a")
        s = self.running("a")
        self.assertEqual((s["failures"], s["disabled_cause"]), (0, None))

    def test_start_clears_it(self):
        self.crash(command="sh -c 'test -e ok || exit 3; exec sleep 1000'")
        self.write("ok", "")
        self.svcctl("start", "a")
        self.assertEqual(self.state("a"), "running")

    def test_a_changed_definition_clears_it(self):
        self.crash()
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}}\n")
        self.svcctl("reload")
        self.running("a")

    def test_a_changed_executable_clears_it(self):
        path = self.script("p.sh", "exit 3\n")
        self.crash(command=path)
        self.script("p.sh", "exec sleep 1000\n")
        self.running("a", limit=30)

    def test_it_is_tried_again_after_retry_after(self):
        """What was down for a while (a database) need not keep a service down for the night."""
        s = self.crash("max_failures: 2, delay: 50ms, retry_after: 2s",
                       "sh -c 'test -e ok || exit 3; exec sleep 1000'")
        self.assertRegex(s["note"], r"2 failures within 60s.*; tried again in \d")
        self.logged("a", r" svcd disabled cause=failures failures=2 window=60s retry=2s")
        self.kill_svcd()  # the plan outlives svcd
        self.start()
        self.logged("a", r" svcd enabled by=retry_after")
        self.logged("a", r" svcd disabled cause=failures failures=2 window=60s retry=4s")
        self.write("ok", "")
        self.assertEqual(self.running("a")["run"], 5)

    def test_it_outlives_svcd(self):
        self.crash()
        self.kill_svcd()
        self.start()
        s = self.service("a")
        self.assertEqual((s["state"], s["disabled_cause"], s["run"]), ("disabled", "failures", 3))

    def test_zero_never_disables(self):
        self.config("services: {a: {command: 'false', restart: {max_failures: 0, delay: 0s}}}\n")
        self.start()
        self.until(lambda: self.service("a")["run"] > 10, what="ten runs")
        self.assertNotEqual(self.state("a"), "disabled")

    def test_no_restart_status_stops_at_once(self):
        self.config("services: {a: {command: sh -c 'exit 78', restart: {no_restart_status: [2, 78]}}}\n")
        self.start()
        s = self.in_state("a", "disabled")
        self.assertEqual((s["disabled_cause"], s["run"]), ("failures", 1))
        self.assertIn("78", s["note"])


class BackOff(SvcdTest):
    def test_the_delay_doubles_up_to_its_maximum(self):
        self.config("""
            services:
              a: {command: 'false', restart: {delay: 400ms, max_delay: 1s, max_failures: 0}}
        """)
        self.start()
        self.until(lambda: self.service("a")["run"] >= 5, what="five runs")
        starts = [e for e in self.events("a") if e["event"] == "started"]
        at = [self.wall(e["at"]) for e in starts][:5]
        gaps = [b - a for a, b in zip(at, at[1:])]
        # From start to start. What an event calls the start may itself be late on a busy machine, which
        # makes the next gap look shorter; hence the tenth of a second.
        for gap, least in zip(gaps, (0.4, 0.8, 1.0, 1.0)):
            self.assertGreater(gap, least - 0.1, gaps)

    @staticmethod
    def wall(text):
        import datetime
        return datetime.datetime.fromisoformat(text).timestamp()

    def test_the_state_says_when_it_goes_on(self):
        self.config("services: {a: {command: 'false', restart: {delay: 30s}}}\n")
        self.start()
        s = self.in_state("a", "backoff")
        self.assertRegex(s["note"], r"\d+s")
        self.assertIsNone(s["pid"])
        self.svcctl("stop", "a")
        self.assertEqual(self.state("a"), "stopped")

    def test_start_does_not_wait_for_the_delay(self):
        self.config("""
            services:
              a: {command: "sh -c 'test -e ok || exit 1; exec sleep 1000'", restart: {delay: 1h, max_delay: 1h}}
        """)
        self.start()
        self.in_state("a", "backoff")
        self.write("ok", "")
        self.svcctl("start", "a")
        self.assertEqual(self.state("a"), "running")

    def test_a_long_run_is_followed_at_once(self):
        self.config("services: {a: {command: sleep 1000, restart: {delay: 300ms}}}\n")
        self.start()
        first = self.running("a")
        self.until(lambda: self.service("a")["uptime_ms"] > 400, what="a long run")
        os.kill(first["pid"], signal.SIGKILL)
        new = self.new_run("a", first["pid"])
        self.assertEqual(new["run"], 2)


class Policy(SvcdTest):
    def ends(self, restart, command):
        self.config(f"services: {{a: {{command: {command}, restart: {restart}}}}}\n")
        self.start()

    def test_never(self):
        self.ends("never", "sh -c 'exit 4'")
        s = self.in_state("a", "stopped")
        self.assertEqual((s["run"], s["last_exit"]["code"], s["failures"]), (1, 4, 0))

    def test_on_failure_accepts_code_0(self):
        self.ends("on-failure", "'true'")
        s = self.in_state("a", "stopped")
        self.assertEqual((s["run"], s["last_exit"]["code"]), (1, 0))

    def test_on_failure_restarts_code_1(self):
        self.ends("{policy: on-failure, delay: 0s, max_failures: 2}", "'false'")
        self.assertEqual(self.in_state("a", "disabled")["run"], 2)

    def test_always_restarts_code_0(self):
        self.ends("{delay: 0s, max_failures: 2}", "'true'")
        s = self.in_state("a", "disabled")
        self.assertEqual((s["run"], s["last_exit"]["code"]), (2, 0))


class CannotStart(SvcdTest):
    def fails(self, definition, *patterns):
        self.config(f"services:\n  a: {definition}\n  b: {{command: sleep 1000}}\n")
        self.start()
        self.running("b")
        s = self.until(lambda: (s := self.service("a"))["last_exit"] and s, what="a failed start")
        self.assertEqual(s["last_exit"]["kind"], "start-failed")
        page = self.svcctl("status", "a", status=3).out
        self.logged("a", "start failed")  # the shim writes it, once svcd has told it the words
        log = "\n".join(self.log("a"))
        for p in patterns:
            self.assertRegex(s["last_exit"]["text"], p)
            self.assertRegex(page, p)
            self.assertRegex(log, p)
        self.assertNotIn("code=127", log)
        return s

    def test_a_command_that_does_not_exist(self):
        s = self.fails("{command: ./no-such-program --port 1}", r"exec", r"no-such-program",
                       r"No such file or directory")
        self.assertEqual((s["last_exit"]["stage"], s["last_exit"]["error"]),
                         ("exec", "No such file or directory"))

    def test_a_command_that_is_not_in_the_path(self):
        self.fails("{command: no-such-program}", r"exec", r"no-such-program", r"No such file")

    def test_a_working_directory_that_does_not_exist(self):
        s = self.fails("{command: sleep 1, working_directory: no/where}", r"chdir",
                       re.escape(os.path.join(self.home, "no/where")), r"No such file or directory")
        self.assertEqual(s["last_exit"]["stage"], "chdir")

    @unittest.skipIf(os.getuid() == 0, "root may have any limit")
    def test_a_limit_that_the_system_does_not_grant(self):
        s = self.fails("{command: sleep 1, limits: {nice: -5}}", r"limits\.nice", r"-5", r"Permission denied")
        self.assertEqual(s["last_exit"]["text"], "cannot start: limits.nice -5: Permission denied")
        self.end_svcd()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 1000:
            self.skipTest("too few descriptors")
        self.config("services: {}\n")
        self.start()
        resource.prlimit(self.svcd.pid, resource.RLIMIT_NOFILE, (1000, 1000))
        self.config("services: {c: {command: sleep 1, limits: {files: 2000}}}\n")
        self.assertIn("c: cannot start: limits.files 2000", self.svcctl("reload", status=1).err)
        s = self.until(lambda: (s := self.service("c"))["last_exit"] and s, what="a failed start")
        self.assertEqual(s["last_exit"]["text"], "cannot start: limits.files 2000: Operation not permitted")
        self.logged("c", r'start failed run=1 stage=limits error="Operation not permitted" setting=limits.files value=2000')

    def test_a_command_that_is_not_executable(self):
        self.write("plain", "hello\n")
        self.fails("{command: ./plain}", r"exec", r"plain", r"Permission denied")

    def test_a_script_whose_interpreter_is_missing(self):
        self.write("p", "#!/no/such/interpreter\n", 0o700)
        self.fails("{command: ./p}", r"exec", r"No such file")

    def test_a_missing_environment_file(self):
        self.config("services: {a: {command: sleep 1000, environment_file: no.env}}\n")
        self.start()
        self.until(lambda: re.search(r"no\.env.*No such file", json.dumps(self.service("a"))),
                   what="the reason")
        self.write("no.env", "X=1\n")
        self.svcctl("reload")
        self.running("a")

    def test_a_missing_optional_environment_file(self):
        self.config("services: {a: {command: sleep 1000, environment_file: -no.env}}\n")
        self.start()
        self.running("a")

    def test_start_says_what_failed(self):
        self.config("services: {a: {command: ./no, enabled: true}}\n")
        self.start()
        r = self.svcctl("start", "a", status=1)
        self.assertRegex(r.err + r.out, r"a: .*exec.*no: No such file or directory")


class Monitoring(SvcdTest):
    def test_a_failing_command_restarts(self):
        self.config("""
            services:
              a:
                command: sleep 1000
                restart: {delay: 50ms}
                monitoring: {command: "sh -c 'test ! -e sick || { echo feeling bad; exit 9; }'", interval: 100ms}
        """)
        self.start()
        first = self.running("a")
        self.until(lambda: self.service("a")["health"] == "ok", what="health")
        self.write("sick", "")
        self.logged("a", r" svcd monitoring failed ")
        os.unlink(os.path.join(self.home, "sick"))
        new = self.new_run("a", first["pid"])
        self.assertFalse(alive(first["pid"]))
        self.assertGreaterEqual(new["failures"], 1)
        self.assertEqual((new["last_exit"]["cause"], new["last_exit"]["failure"]), ("monitoring", True))
        self.logged("a", "feeling bad", "mon")

    def test_it_counts_towards_disabling(self):
        self.config("""
            services:
              a:
                command: sleep 1000
                restart: {delay: 0s, max_failures: 3}
                monitoring: {command: 'false', interval: 100ms}
        """)
        self.start()
        s = self.in_state("a", "disabled")
        self.assertEqual((s["run"], s["disabled_cause"]), (3, "failures"))

    def test_only_failures_in_a_row_count(self):
        # fails two of three times: never three in a row
        check = self.script("check.sh", """
            n=$(cat n 2>/dev/null || echo 0); n=$((n + 1)); echo $n > n
            [ $((n % 3)) = 0 ]
        """)
        self.config(f"""
            services:
              a: {{command: sleep 1000, monitoring: {{command: {check}, interval: 100ms, failures: 3}}}}
        """)
        self.start()
        self.running("a")
        self.until(lambda: os.path.exists(self.home + "/n") and int(self.read("n") or 0) >= 10,
                   what="ten checks")
        self.assertEqual(self.service("a")["run"], 1)

    def test_beyond_its_timeout_its_whole_tree_is_killed(self):
        check = self.script("check.sh", "sleep 1003 & echo $! >> pids\nsetsid sleep 1004 & echo $! >> pids\nwait\n")
        self.config(f"""
            services:
              a:
                command: sleep 1000
                restart: {{delay: 0s, max_failures: 0}}
                monitoring: {{command: {check}, interval: 100ms, timeout: {300 * SLOW}ms}}
        """)
        self.start()
        # As often as it takes on a slow machine, on which one may be killed before it has said anything.
        pids = [int(p) for p in self.written("pids", 4)]
        self.gone(*pids[:2])
        self.svcctl("stop", "a")
        self.gone(*(int(p) for p in self.read("pids").split()))

    def test_never_twice_at_once(self):
        check = self.script("check.sh", "mkdir busy || { echo twice >> twice; exit 1; }\n"
                                        "sleep 0.3\nrmdir busy\necho x >> done\n")
        self.config(f"""
            services: {{a: {{command: sleep 1000, monitoring: {{command: {check}, interval: 100ms}}}}}}
        """)
        self.start()
        self.until(lambda: os.path.exists(self.home + "/done") and len(self.read("done")) >= 6,
                   what="three checks")
        self.assertFalse(os.path.exists(self.home + "/twice"))

    def test_it_has_the_environment_and_directory_of_the_service(self):
        os.makedirs(self.home + "/w")
        port = free_port()
        self.config(f"""
            services:
              a:
                command: sleep 1000
                working_directory: w
                environment: {{FOO: bar}}
                port: {port}
                ready: exec
                monitoring: {{command: "sh -c 'echo $PWD $FOO $PORT $SVCD_SERVICE > seen'", interval: 100ms}}
        """)
        self.start()
        # Each check empties the file before it writes: what was seen to be whole counts.
        self.assertEqual(self.written("w/seen", 4), [self.home + "/w", "bar", str(port), "a"])

    def test_tcp(self):
        port = free_port()
        serve = self.python("serve.py", f"""
            import os, socket, signal
            s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            signal.signal(signal.SIGUSR1, lambda *_: s.close())
            s.bind(("127.0.0.1", {port})); s.listen(100)
            while True: signal.pause()
        """)
        self.config(f"""
            services:
              a:
                command: {serve}
                port: {port}
                restart: {{delay: 50ms}}
                monitoring: {{tcp: {port}, interval: 100ms}}
        """)
        self.start()
        first = self.running("a")
        self.until(lambda: self.service("a")["health"] == "ok", what="health")
        os.kill(first["pid"], signal.SIGUSR1)
        new = self.new_run("a", first["pid"])
        self.assertEqual(new["last_exit"]["cause"], "monitoring")

    def test_start_delay(self):
        self.config("""
            services:
              a: {command: sleep 1000, monitoring: {command: 'false', interval: 100ms, start_delay: 1h}}
              b: {command: sleep 1000, monitoring: {command: sh -c 'echo x >> checks', interval: 100ms}}
        """)
        self.start()
        self.until(lambda: os.path.exists(self.home + "/checks") and len(self.read("checks")) > 6,
                   what="checks of b")
        self.assertEqual(self.service("a")["run"], 1)

    def test_a_command_that_cannot_be_executed_says_so(self):
        self.config("""
            services:
              a: {command: sleep 1000, restart: {delay: 0s, max_failures: 1},
                  monitoring: {command: ./no-such-check, interval: 100ms}}
        """)
        self.start()
        self.in_state("a", "disabled")
        self.logged("a", r"no-such-check.*No such file")
