"""NAME.log: the format that product.md promises; whole lines, in order, none lost."""

import datetime
import os
import re

from svcdtest import SvcdTest

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"
SPAN = r"(\d+ms|(\d+[dhms])+(\d+ms)?)"


class Format(SvcdTest):
    def test_the_lines_of_a_life(self):
        run = self.script("p.sh", "echo out line\necho err line >&2\nexec sleep 1000\n")
        self.config(f"services: {{a: {{command: {run} --option, stop: {{timeout: 5s}}}}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.logged("a", "err line", "err")
        self.logged("a", "out line", "out")
        self.svcctl("restart", "a")
        self.svcctl("stop", "a")
        self.logged("a", "svcd stopped")
        uid = os.getuid()
        expected = [rf'svcd started run=1 pid={pid} command="{re.escape(run)} --option"',
                    rf"svcd ready run=1 after={SPAN}",
                    rf"svcd restart requested by uid={uid} signal=HUP",
                    rf"svcd exited run=1 pid={pid} signal=HUP ran={SPAN}",
                    r'svcd started run=2 pid=\d+ command=".*"',
                    rf"svcd ready run=2 after={SPAN}",
                    rf"svcd stop requested by uid={uid}( signal=TERM)?",
                    rf"svcd exited run=2 pid=\d+ signal=TERM ran={SPAN}",
                    r"svcd stopped.*"]
        svcd = [line for line in self.log("a") if " svcd " in line]
        for pattern, line in zip(expected, svcd):
            self.assertRegex(line, f"^{TIME} {pattern}$")
        self.assertEqual(len(svcd), len(expected), svcd)
        for line in self.log("a"):
            self.assertRegex(line, f"^{TIME} (svcd|out|err|mon) ")

    def test_failures_and_disabling_with_the_contracts_own_figures(self):
        self.config("services: {a: {command: sh -c 'exit 1', restart: {delay: 0s}}}\n")
        self.start()
        self.in_state("a", "disabled")
        self.logged("a", rf"^{TIME} svcd disabled cause=failures failures=5 window=60s")
        words = [t.split()[0] for t in self.log_texts("a", "svcd")]
        self.assertEqual(words, ["started", "ready", "exited"] * 5 + ["disabled"])
        lines = [line for line in self.log("a") if " svcd exited" in line]
        for i, line in enumerate(lines, 1):
            self.assertRegex(line, rf"^{TIME} svcd exited run={i} pid=\d+ code=1 ran={SPAN} failure={i}/5$")

    def test_the_times_are_true_and_in_order(self):
        self.config("services: {a: {command: sh -c 'for i in 1 2 3 4 5; do echo $i; done; exec sleep 1000'}}\n")
        before = datetime.datetime.now().astimezone()
        self.start()
        self.logged("a", " 5$", "out")
        after = datetime.datetime.now().astimezone()
        times = [datetime.datetime.fromisoformat(line.split(" ", 1)[0]) for line in self.log("a")]
        second = datetime.timedelta(seconds=1)
        self.assertTrue(before - second <= times[0] and times[-1] <= after + second)
        self.assertEqual(times, sorted(times))

    def test_the_zone_is_the_accounts(self):
        self.svcd_env["TZ"] = "IST-5:30"  # in no need of the zones' files
        self.config("services: {a: {command: sh -c 'echo x; exec sleep 1000'}}\n")
        self.start()
        for source in ("out", "svcd"):
            self.logged("a", r"^\S+\+05:30 ", source)


class Output(SvcdTest):
    def output(self, command, more=""):
        self.config(f"services:\n  a:\n    command: {command}\n    restart: never\n{more}")
        self.start()
        self.in_state("a", "stopped", limit=30)

    def test_everything_is_there_at_the_end(self):
        # A burst, and death at once: drained before the exit is reported.
        self.output(self.python("p.py", """
            import os
            os.write(1, b"".join(b"line %d\\n" % i for i in range(20000)))
            os._exit(3)
        """))
        self.assertEqual(self.log_texts("a", "out"), [f"line {i}" for i in range(20000)])
        self.logged("a", " svcd exited run=1 ")
        lines = self.log("a")
        last_out = max(i for i, line in enumerate(lines) if " out " in line)
        exited = next(i for i, line in enumerate(lines) if " svcd exited" in line)
        self.assertLess(last_out, exited)

    def test_a_last_line_without_an_end(self):
        self.output("printf 'whole\\nhalf'")
        self.assertEqual(self.log_texts("a", "out"), ["whole", "half"])
        with open(self.log_path("a"), "rb") as f:
            self.assertTrue(f.read().endswith(b"\n"))

    def test_a_start_at_once_after_a_stop(self):
        """svcd's own lines come behind the last ones of the shim that leaves."""
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        for run in range(2, 22):
            self.running("a")
            with self.varlink() as v:
                v.call("Stop", {"names": ["a"]})
                v.call("Start", {"names": ["a"]})
            self.logged("a", f"ready run={run}")
        times = [line.split(" ")[0] for line in self.log("a")]
        words = [text.split(" ")[0] for text in self.log_texts("a", "svcd")]
        self.assertEqual(words, ["started", "ready"] +
                         ["stop", "exited", "stopped", "start", "started", "ready"] * 20)
        self.assertEqual(times, sorted(times))

    def test_bytes_survive(self):
        self.output(self.python("p.py", r"""
            import os
            os.write(1, "grüße ☃\n".encode() + b"\xff\xfe\n" + b"tab\there\n" + b"\n" + b"cr\r\n")
        """))
        with open(self.log_path("a"), "rb") as f:
            data = f.read()
        for part in ("grüße ☃\n".encode(), b" out \xff\xfe\n", b" out tab\there\n"):
            self.assertIn(part, data)
        self.assertEqual(len(self.log_texts("a", "out")), 5)

    def test_a_very_long_line(self):
        self.output(self.python("p.py", """
            import os
            data = b"x" * 1000000 + b"\\nshort\\n"
            while data:
                data = data[os.write(1, data):]
        """))
        texts = self.log_texts("a", "out")
        self.assertEqual(sum(len(t) for t in texts if t.startswith("x")), 1000000)
        self.assertEqual(texts[-1], "short")

    def test_two_sources_do_not_mix_within_lines(self):
        self.output(self.script("p.sh", """
            (for i in 1 2 3 4 5 6 7 8 9; do printf 'out part'; printf ' %d\\n' $i; done) &
            (for i in 1 2 3 4 5 6 7 8 9; do printf 'err part' >&2; printf ' %d\\n' $i >&2; done) &
            wait
        """))
        self.assertEqual(self.log_texts("a", "out"), [f"out part {i}" for i in range(1, 10)])
        self.assertEqual(self.log_texts("a", "err"), [f"err part {i}" for i in range(1, 10)])

    def test_rotation_loses_nothing(self):
        self.output(self.python("p.py", """
            for i in range(20000): print("line", i)
        """), "    log: {max_size: 64K, keep: 100}\n")
        self.assertEqual(self.log_texts("a", "out"), [f"line {i}" for i in range(20000)])
        folder = os.path.dirname(self.log_path("a"))
        names = sorted(os.listdir(folder))
        self.assertGreater(len(names), 5)
        for n in names:
            path = os.path.join(folder, n)
            self.assertLessEqual(os.path.getsize(path), 64 * 1024, n)
            self.assertEqual(self.mode(path), 0o600)
            with open(path, "rb") as f:
                self.assertTrue(f.read().endswith(b"\n"), n)

    def test_rotation_keeps_as_many_as_it_should(self):
        self.output(self.python("p.py", """
            for i in range(20000): print("line", i)
        """), "    log: {max_size: 16K, keep: 3}\n")
        names = sorted(os.listdir(os.path.dirname(self.log_path("a"))))
        self.assertEqual(names, ["a.log", "a.log.1", "a.log.2", "a.log.3"])
        texts = self.log_texts("a", "out")
        self.assertEqual(texts[-1], "line 19999")
        first = int(texts[0].split()[1])
        self.assertEqual(texts, [f"line {i}" for i in range(first, 20000)])

    def test_without_timestamps_the_bytes_are_untouched(self):
        self.output("printf 'one\\ntwo'", "    log: {timestamps: false}\n")
        # svcd's own lines stand between the program's, never within one
        with open(self.log_path("a"), "rb") as f:
            said = [x for x in f.read().split(b"\n") if b" svcd " not in x]
        self.assertEqual(b"\n".join(said).rstrip(), b"one\ntwo")

    def test_a_removed_log_file_comes_back(self):
        self.config("services: {a: {command: sh -c 'while :; do echo tick; sleep 0.02; done'}}\n")
        self.start()
        self.logged("a", "tick", "out")
        os.rename(self.log_path("a"), self.log_path("a") + ".moved")
        self.until(lambda: os.path.exists(self.log_path("a")), what="a new file", limit=30)


class Settings(SvcdTest):
    def test_without_a_file(self):
        """log.file: false: events and status tell what there is to tell, and nobody writes a file."""
        self.config("""
            services:
              a: {command: sh -c 'echo said; exec sleep 1000', log: {file: false}}
              b: {command: sleep 1000, restart: {delay: 60s, max_delay: 60s}, log: {file: false}}
        """)
        self.start()
        self.running("a")
        os.kill(self.running("b")["pid"], 9)
        self.in_state("b", "backoff")
        self.svcctl("stop", "--all")
        self.assertIn("stopped", [e["event"] for e in self.events("a")])
        self.assertFalse(os.path.exists(self.log_path("a")) or os.path.exists(self.log_path("b")))
        self.assertEqual(self.svcctl("check").err.count("is kept nowhere"), 2)
        # One again, without touching the process.
        self.svcctl("start", "a")
        pid = self.running("a")["pid"]
        self.config("services: {a: {command: sh -c 'echo said; exec sleep 1000'}, b: {command: sleep 1000}}")
        self.svcctl("reload")
        self.svcctl("restart", "a")
        self.logged("a", rf"exited run=2 pid={pid}")

    def test_mode_and_rate_by_reload(self):
        run = self.python("p.py", """
            import time
            while True:
                print("tick", flush=True)
                time.sleep(0.002)
        """)
        self.config(f"services: {{a: {{command: {run}, log: {{mode: 0640}}}}}}")
        self.start()
        pid = self.running("a")["pid"]
        self.logged("a", "tick", "out")
        self.assertEqual(self.mode(self.log_path("a")), 0o640)
        self.config(f"services: {{a: {{command: {run}, log: {{mode: 0644, rate_limit: 5}}}}}}")
        self.svcctl("reload")
        self.logged("a", r"lines suppressed=\d+ rate_limit=5$", "svcd")
        self.assertEqual(self.mode(self.log_path("a")), 0o644)
        self.assertEqual(self.running("a")["pid"], pid)


class Own(SvcdTest):
    """svcd.log and events.ndjson"""

    def test_svcd_log_tells_the_same(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        pid = self.running("a")["pid"]
        text = self.read(os.path.join(self.root, "svcd/svcd.log"))
        self.assertRegex(text, rf"a.*started run=1 pid={pid}")
        self.assertRegex(self.stderr(), rf"a.*started run=1 pid={pid}")

    def test_events_hold_the_pairs_of_the_lines(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        s = self.running("a")
        self.svcctl("stop", "a")
        events = self.events("a")
        words = [e["event"] for e in events]
        self.assertEqual(words, ["started", "ready", "stop requested", "exited", "stopped"])
        self.assertEqual((events[0]["run"], events[0]["pid"]), (1, s["pid"]))
        self.assertEqual((events[2]["uid"]), os.getuid())
        self.assertEqual((events[3]["run"], events[3]["signal"]), (1, "TERM"))
