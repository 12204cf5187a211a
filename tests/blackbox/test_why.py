"""svcctl why: one screen on why a service is not running, keeps restarting, or runs well."""

import json
import os
import signal
import socket
import unittest

from svcdtest import SvcdTest, alive, free_port


class Why(SvcdTest):
    def why(self, name):
        """The page as text, and as JSON."""
        page = self.svcctl("why", name).out
        return page, json.loads(self.svcctl("--json", "why", name).out)

    @staticmethod
    def codes(why):
        return [s["code"] for s in why["said"]]

    def test_crash_loop(self):
        self.script("bad.sh", "echo starting; echo Error: no such table >&2; echo at line 7 >&2; exit $1\n")
        self.config("""
          services:
            a:
              command: ./bad.sh 3
              restart: {max_failures: 3, delay: 10ms}
        """)
        self.start()
        self.in_state("a", "disabled")
        page, why = self.why("a")
        self.assertRegex(page, r"^a: disabled \(failures\)\n  it is disabled: 3 failures within 60s: exited with "
                               r"code 3 after \d")
        self.assertIn("  `svcctl start a` or `svcctl enable a` lets it run again", page)
        self.assertRegex(page, r"\nlast exits\n(  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  run \d: exited with code 3 after "
                               r"\S+ \(failure\)\n){3}")
        self.assertRegex(page, r"\nlast lines of stderr \(run 3\)\n  \d\d:\d\d:\d\d\.\d{3}  Error: no such table\n"
                               r"  \d\d:\d\d:\d\d\.\d{3}  at line 7\n$")
        self.assertEqual(self.codes(why), ["failures", "release", "no-retry"])
        self.assertEqual([e["run"] for e in why["exits"]], [3, 2, 1])
        self.assertEqual([line["text"] for line in why["output"]["lines"]], ["Error: no such table", "at line 7"])
        # The log says it too.
        self.logged("a", r"svcd disabled cause=failures failures=3 window=60s last=\"exited with code 3 after ")

    def test_a_failed_check_after_a_crash_of_svcd(self):
        # What ended the run is known as well as before.
        self.config("""
          services:
            a:
              command: sleep 1000
              restart: {delay: 60s, max_delay: 60s}
              monitoring: {command: exit 3, interval: 100ms}
        """)
        self.start()
        self.in_state("a", "backoff")
        said = {s["code"]: s["text"] for s in self.why("a")[1]["said"]}
        self.assertEqual(said["checks"], "its check failed, so svcd has ended it: exit code 3")
        self.kill_svcd()
        self.start()
        self.in_state("a", "backoff")
        page, why = self.why("a")
        self.assertEqual({s["code"]: s["text"] for s in why["said"]}["checks"], said["checks"])
        self.assertIn("  its check failed, so svcd has ended it: exit code 3\n", page)

    def test_runs_well(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        self.running("a")
        page, why = self.why("a")
        self.assertRegex(page, r"^a: running\n  it runs well: pid \d+, up \d+\w+\n$")
        self.assertEqual(self.codes(why), ["runs"])

    def test_all_states(self):
        self.config("""
          services:
            stopped: {command: sleep 1000}
            off: {command: sleep 1000, enabled: false}
            wrong: {comand: sleep 1000}
            never: {command: ./missing, restart: {max_failures: 1}}
            waits: {command: sleep 1000, requires: [never]}
            chain: {command: sleep 1000, requires: [waits]}
            once: {command: "true", restart: never}
        """)
        self.start()
        self.svcctl("stop", "stopped")
        self.in_state("never", "disabled")
        self.until(lambda: "ended" in self.codes(self.why("once")[1]), what="the end of once")
        for name, said, advice in (
                ("stopped", "it is stopped: somebody has said `svcctl stop`", "`svcctl start stopped` starts it"),
                ("off", "it is disabled: enabled: false in ", "take `enabled: false` out of its definition"),
                ("wrong", "its definition has an error: ", "correct it (`svcctl check`), and `svcctl reload`"),
                ("never", f"there is no program {self.home}/missing", "`svcctl start never` or"),
                ("waits", "it is waiting for never (disabled: failures)", "`svcctl why never` says"),
                ("chain", "it is waiting for waits, which waits for never (disabled: failures)",
                 "`svcctl why never` says"),
                ("once", "it has ended, and is not to run again: exited with code 0", "`svcctl start once`")):
            page, why = self.why(name)
            with self.subTest(name):
                self.assertIn(said, page)
                self.assertIn(advice, page.split("what to do\n")[1])
                self.assertEqual([s["part"] for s in why["said"]].count("state"), 1)
        self.svcctl("why", "nobody", status=4)
        self.assertEqual(self.service("chain")["note"], "waiting for waits, which waits for never (disabled: failures)")

    def test_what_changed(self):
        self.script("good.sh", "exec sleep 1000\n")
        self.script("bad.sh", "exit 1\n")
        text = """
          services:
            a:
              command: ./good.sh
              environment: {API_TOKEN: old, COLOUR: red}
              restart: {max_failures: 2, window: 1s, delay: 10ms}
        """
        self.config(text)
        self.start()
        self.running("a")
        self.until(lambda: self.service("a")["uptime_ms"] > 1100, what="a run longer than the window")
        self.config(text.replace("good", "bad").replace("old", "new").replace("red", "blue"))
        self.svcctl("reload")
        self.in_state("a", "disabled")
        page, why = self.why("a")
        self.assertRegex(page, r"its definition was changed at \d{4}-\d\d-\d\d \d\d:\d\d \(command, "
                               r"environment\.API_TOKEN, environment\.COLOUR\); before that it ran for \d+s: `svcctl "
                               r"rollback a` brings that definition back")
        self.assertIn("what changed since it ran well\n  command: ./good.sh -> ./bad.sh\n", page)
        self.assertIn("  environment.COLOUR: red -> blue\n", page)
        self.assertNotIn("old", json.dumps(why["changes"]))
        self.svcctl("rollback", "a")
        self.running("a")
        self.assertIn("rolled-back", self.codes(self.why("a")[1]))

    def test_port_is_held(self):
        port = free_port()
        self.config(f"""
          services:
            a: {{command: "echo address in use >&2; exec sleep 1000", port: {port}}}
        """)
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", port))
            other.listen()
            self.start()
            self.until(lambda: self.service("a")["pid"], what="the start")
            page, _ = self.why("a")
            self.assertRegex(page, rf"its port {port} is held by pid {os.getpid()} \(.*\), at 127.0.0.1:{port}")

    def test_checks(self):
        self.config("""
          services:
            a:
              command: sleep 1000
              monitoring: {command: "echo database is gone; exit 1", interval: 100ms, failures: 100}
        """)
        self.start()
        self.until(lambda: self.service("a")["health"] == "failing", what="a failed check")
        page, why = self.why("a")
        self.assertRegex(page, r"it runs, but monitoring failed \d+ of 100 times: .*exit code 1")
        self.assertRegex(page, r"\nlast check that was no good\n  [-0-9]+ [0-9:]+  exit code 1\n"
                         r"  \$ echo database is gone; exit 1\n  database is gone\n")
        self.assertEqual(self.codes(why)[0], "unhealthy")

    def test_hostile_output(self):
        self.script("bad.sh", r"""printf '\033[2J\233x\001\377 %s\n' "$(head -c 5000 /dev/zero | tr '\0' y)" >&2; exit 1
""")
        self.config("services: {a: {command: ./bad.sh, restart: {max_failures: 1}}}\n")
        self.start()
        self.in_state("a", "disabled")
        page, why = self.why("a")
        self.assertNotRegex(page, r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
        self.assertIn(r"\x1b[2J", page)
        self.assertLess(len(why["output"]["lines"][0]["text"]), 500)

    def test_while_svcd_is_down(self):
        self.script("bad.sh", "echo Error: no such table >&2; exit 3\n")
        self.config("""
          services:
            a: {command: ./bad.sh, restart: {max_failures: 2, delay: 10ms}}
            b: {command: sleep 1000}
            c: {command: sleep 1000}
            d: {command: sleep 1000, enabled: false}
            e: {comand: x}
        """)
        self.start()
        self.in_state("a", "disabled")
        self.running("b")
        self.svcctl("disable", "c")
        self.kill_svcd()
        for name, code in (("a", "down-failures"), ("b", "down-up"), ("c", "down-command"),
                           ("d", "down-definition"), ("e", "down-invalid")):
            page, why = self.why(name)
            with self.subTest(name):
                self.assertIn(f"svcd is not running for {self.root}", page)
                self.assertIn("start svcd; `svcctl doctor`", page.split("what to do\n")[1])
                self.assertEqual(self.codes(why), ["down"] + [code] + ["down-start"])
        page, why = self.why("a")
        self.assertRegex(page, r"last exits\n(  [-0-9 :]+  run \d: exited with code 3 after \S+ \(failure\)\n){2}")
        self.assertRegex(page, r"last lines of stderr \(run 2\)\n  [0-9:.]+  Error: no such table\n")
        r = self.svcctl("why", "nobody", status=4)
        self.assertIn("no such service, as far as can be known while svcd is not running", r.err)
        self.start()  # and what was up is taken over
        self.running("b")

    def test_a_warning_of_its_definition(self):
        self.config("services:\n  a: {command: [sleep, $PORT], ready: exec, restart: {max_failures: 1}, "
                    f"port: {free_port()}}}\n")
        self.start()
        self.in_state("a", "disabled")
        page, why = self.why("a")
        self.assertIn("warning", self.codes(why))
        self.assertIn('\n  services.a.command: a list is executed as it is: nothing replaces the variable in "$PORT" '
                      '(write a string instead: sleep "$PORT")\n', page)

    def test_the_heading_while_svcd_is_down(self):
        """Nothing that is up is called stopped; nor is it up for who cannot know that."""
        self.config("services:\n  up: {command: sleep 1000}\n  off: {command: sleep 1000}\n"
                    "  lost: {command: sleep 1000}\n  waits: {command: sleep 1000, start: on-demand, "
                    f"sockets: [\"127.0.0.1:{free_port()}\"]}}\n")
        self.start()
        pids = {n: self.running(n) for n in ("up", "off", "lost")}
        self.in_state("waits", "waiting")
        self.svcctl("stop", "off")
        shims = {n: pids[n]["shim"] for n in ("up", "lost")}
        self.kill_svcd()
        os.kill(shims["lost"], signal.SIGKILL)
        self.until(lambda: not alive(shims["lost"]), what="the end of a shim")
        for name, state, codes in (("up", "running", ["down-up"]), ("off", "stopped", ["down-stopped"]),
                                   ("lost", "unknown", ["down-open"]), ("waits", "unknown", ["down-held"])):
            page, why = self.why(name)
            with self.subTest(name):
                self.assertTrue(page.startswith(f"{name}: {state}\n"), page)
                self.assertEqual(self.codes(why), ["down"] + codes + ["down-start"])
        self.assertIn(f"it is up (pid {pids['up']['pid']}), held by its svc-shim (pid {shims['up']}): services go "
                      "on without svcd\n", self.why("up")[0])
        self.start()  # which puts an end to what is left
        self.running("lost")

    def test_stopped_while_svcd_is_down(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        self.running("a")
        self.svcctl("stop", "a")
        self.end_svcd()
        self.assertEqual(self.codes(self.why("a")[1]), ["down", "down-stopped", "down-start"])
        for name in ("state.json", "events.ndjson", "state.journal"):
            self.write(os.path.join(self.root, "svcd", name), b"\xff{[\n")
        self.assertEqual(self.codes(self.why("a")[1]), ["down", "down-start"])
        for name in ("state.json", "events.ndjson", "state.journal"):
            os.unlink(os.path.join(self.root, "svcd", name))
            os.mkfifo(os.path.join(self.root, "svcd", name))
        self.assertEqual(self.codes(self.why("a")[1]), ["down", "down-start"])

    def test_killed(self):
        self.config("services: {a: {command: sleep 1000, restart: {max_failures: 1}}}\n")
        self.start()
        os.kill(self.running("a")["pid"], signal.SIGKILL)
        self.in_state("a", "disabled")
        self.assertIn("killed", self.codes(self.why("a")[1]))


if __name__ == "__main__":
    unittest.main()
