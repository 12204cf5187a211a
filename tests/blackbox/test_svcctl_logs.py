"""svcctl logs on what svcd and its shims write: runs, rotation, compression, following whatever happens to
the files, several services, JSON. What needs no svcd is in tests/golden/test_svcctl.py."""

import json
import os
import shutil
import signal
import subprocess
import time

from svcdtest import BIN, SvcdTest, stat_fields


class Logs(SvcdTest):
    def follow(self, *arguments):
        """svcctl logs -f into a file; `said` gives its lines."""
        self.followed = os.path.join(self.tmp, f"followed-{len(self.programs)}")
        with open(self.followed, "wb") as f:
            p = subprocess.Popen([os.path.join(BIN, "svcctl"), "logs", "-f", *arguments], stdout=f,
                                 stdin=subprocess.DEVNULL, env=self.environment())
        self.programs.append(p)
        return p

    def said(self):
        with open(self.followed, "rb") as f:
            return f.read().decode(errors="replace").splitlines()

    def texts(self, lines):
        return [line.split(" ", 2)[2] for line in lines]

    def logs(self, *arguments):
        return self.svcctl("logs", *arguments).out.splitlines()


class Runs(Logs):
    CRASHING = """
        n=$(cat n 2>/dev/null || echo 0)
        echo $((n + 1)) > n
        echo run $((n + 1))
        [ -e stay ] && exec sleep 1000
        echo last words >&2
        exit $((n + 1))
        """

    def test_the_run_that_crashed(self):
        """Whether the service runs again, waits, or has been given up; with svcd, and without it."""
        run = self.script("p.sh", self.CRASHING)
        self.config(f"services: {{a: {{command: {run}, restart: {{delay: 0s, max_failures: 3}}}}}}\n")
        self.start()
        self.in_state("a", "disabled")
        self.logged("a", "svcd disabled")
        for _ in range(2):
            crashed = self.logs("a", "--run", "-1")
            self.assertRegex(crashed[0], r" svcd started run=3 ")
            self.assertEqual([line.split(" ", 2)[2] for line in crashed if " out " in line], ["run 3"])
            self.assertRegex(crashed[-1], r" svcd disabled cause=failures")
            self.assertEqual(crashed, self.logs("a", "--run", "3"))
            self.assertEqual(crashed, self.logs("a", "--run", "0"))
            self.assertEqual(self.texts(self.logs("a", "--run", "-3", "--source", "out,err")), ["run 1", "last words"])
            self.assertIn("a: --run -4: runs 1 to 3 are all that are left in the log",
                          self.svcctl("logs", "a", "--run", "-4", status=1).err)
            self.assertIn("a: there is no run 4; the newest is run 3",
                          self.svcctl("logs", "a", "--run", "4", status=1).err)
            if self.svcd.poll() is None:
                self.end_svcd()
        self.write("stay", "")
        self.start()
        self.svcctl("start", "a")
        self.logged("a", "run 4", "out")
        for _ in range(2):
            self.assertEqual(self.texts(self.logs("a", "--run", "0", "--source", "out,err")), ["run 4"])
            self.assertEqual(self.texts(self.logs("a", "--run", "-1", "--source", "out,err")), ["run 3", "last words"])
            if self.svcd.poll() is None:
                self.kill_svcd()  # the run goes on: it is no crashed one
        self.start()

    def test_what_has_rotated_away(self):
        """The output of a noisy run pushes all others out; that they were is still known."""
        run = self.script("p.sh", """
            n=$(cat n 2>/dev/null || echo 0)
            echo $((n + 1)) > n
            [ $n = 2 ] && seq -f 'line %g of many' 2000
            [ $n = 3 ] && exec sleep 1000
            exit 1
            """)
        self.config(f"services: {{a: {{command: {run}, restart: {{delay: 0s}}, log: {{max_size: 4K, keep: 2}}}}}}\n")
        self.start()
        self.logged("a", "started run=4", "svcd")
        self.running("a")
        for _ in range(2):
            words = [" ".join(t.split()[:2]) for t in self.texts(self.logs("a", "--source", "svcd", "-n", "all"))]
            for n in range(1, 4):
                self.assertIn(f"started run={n}", words)
                self.assertIn(f"exited run={n}", words)
            self.assertEqual(len(words), len(set(words)), words)
            first = self.svcctl("logs", "a", "--run", "1")
            self.assertIn("a: the output of run 1 has rotated away", first.err)
            self.assertRegex(first.out, r"(?s)^\S+ svcd started run=1 .*\n\S+ svcd exited run=1 [^\n]*code=1")
            third = self.svcctl("logs", "a", "--run", "3", "--source", "out")
            self.assertIn("a: the beginning of run 3 has rotated away", third.err)
            self.assertEqual(self.texts(third.out.splitlines())[-1], "line 2000 of many")
            self.assertEqual(self.svcctl("logs", "a", "--run", "4").err, "")
            if self.svcd.poll() is None:
                self.kill_svcd()
        self.start()


    def test_what_the_log_does_not_tell_of(self):
        """Lines were lost, or the log was deleted: svcd's record of events tells of the runs."""
        run = self.script("p.sh", self.CRASHING)
        self.config(f"services: {{a: {{command: {run}, restart: {{delay: 50ms, max_failures: 3}}}}}}\n")
        self.start()
        self.in_state("a", "disabled")
        self.logged("a", "svcd disabled")
        path = self.log_path("a")
        with open(path, "rb") as f:
            lines = f.read().splitlines(keepends=True)
        second = [i for i, line in enumerate(lines) if b" svcd started run=2 " in line][0]
        third = [i for i, line in enumerate(lines) if b" svcd started run=3 " in line][0]
        heads = ["started run=1", "exited run=1", "started run=2", "exited run=2", "started run=3",
                 "exited run=3", "disabled cause=failures"]

        def svcds(*arguments):
            texts = self.texts(self.logs("a", "--source", "svcd", "-n", "all", *arguments))
            return [" ".join(t.split()[:2]) for t in texts if t.startswith(("started", "exited", "disabled"))]
        self.assertEqual(svcds(), heads)
        for kept, of_three in ((lines[:second], "run 3 is not in the log"),
                               (lines[:second] + lines[third:], ""),
                               ([], "the output of run 3 is in no file"), (None, "the output of run 3 is in no file")):
            if kept is None:
                os.unlink(path)
            else:
                with open(path, "wb") as f:
                    f.write(b"".join(kept))
            self.assertEqual(svcds(), heads)
            for which in ("-1", "0", "3"):
                three = self.svcctl("logs", "a", "--run", which)
                self.assertEqual([" ".join(t.split()[:2]) for t in self.texts(three.out.splitlines())
                                  if t.startswith(("started", "exited", "disabled"))], heads[4:])
                self.assertIn(of_three, three.err)
                self.assertEqual(of_three == "", three.err == "", three.err)
            self.assertEqual(svcds("--run", "2"), heads[2:4])
            self.assertIn("there is no run 4; the newest is run 3",
                          self.svcctl("logs", "a", "--run", "4", status=1).err)
        os.unlink(os.path.join(self.root, "svcd/events.ndjson"))
        self.assertIn("a: has no log, and svcd has no record", self.svcctl("logs", "a", "--run", "-1", status=1).err)


class Following(Logs):
    def numbers(self, count, more=""):
        """A service that says numbers and waits; each line's time and number are checked by `check`."""
        run = self.python("numbers.py", f"""
            import os, signal, sys, time
            for i in range({count}):
                os.write(1, b"%d\\n" % i)
                {more or 'pass'}
            while True: signal.pause()
            """)
        return run

    def arrived(self, count):
        self.until(lambda: any(line.endswith(f" {count - 1}") for line in self.said()[-1:]), limit=40,
                   what=f"line {count - 1}")
        self.each_once(self.said(), count)

    def each_once(self, lines, count):
        for i, line in enumerate(lines):
            if line.split(" ")[-1] != str(i):
                self.fail(f"instead of {i}: " + "\n".join(lines[max(0, i - 3):i + 5]))
        self.assertEqual(len(lines), count)

    def test_through_rotation_and_compression(self):
        """Each line once and in order, while files are rotated and compressed as fast as that goes."""
        count = 30000
        run = self.numbers(count, "i % 100 or time.sleep(0.002)")
        self.config(f"services: {{a: {{command: {run}, log: {{max_size: 16K, keep: 1000, compress: true}}}}}}\n")
        self.start()
        self.follow("a", "-n", "all", "--source", "out,err")
        self.arrived(count)
        self.until(lambda: any(n[-1] in "tz" for n in self.rotated("a")), limit=60, what="compressed files")
        self.each_once(self.logs("a", "-n", "all", "--source", "out"), count)

    def test_deleted_emptied_and_the_folder_too(self):
        """What is in a file that is deleted has been read before; the new one is found, the new folder too."""
        run = self.numbers(600, "time.sleep(0.005)")
        self.config(f"services: {{a: {{command: {run}}}}}\n")
        self.start()
        shim = self.shim_of(self.running("a")["pid"])
        self.follow("a", "-n", "all", "--source", "out,err")
        for at, spoil in ((50, lambda: os.unlink(self.log_path("a"))),
                          (150, lambda: os.rename(self.log_path("a"), self.log_path("a") + ".old")),
                          (300, lambda: shutil.rmtree(os.path.dirname(self.log_path("a")))),
                          (450, lambda: shutil.rmtree(os.path.dirname(os.path.dirname(self.log_path("a")))))):
            self.until(lambda: len(self.said()) >= at, what=f"{at} lines")
            self.until(lambda: os.path.exists(self.log_path("a")), what="the log")
            # Or its shim makes a file again in a folder that is just being deleted.
            os.kill(shim, signal.SIGSTOP)
            self.until(lambda: stat_fields(shim)[0] == "T", what="a shim that holds still")
            spoil()
            os.kill(shim, signal.SIGCONT)
        self.arrived(600)

    def test_moved_and_made_at_once(self):
        """As logrotate's `create` does: the writer goes on in the moved file until it sees that."""
        path, at, count = self.log_path("a"), 0, 150
        os.makedirs(os.path.dirname(path), exist_ok=True)

        def write(f):
            nonlocal at
            f.write(b"2026-11-20T11:12:13.123+01:00 out %d\n" % at)
            at += 1
        f = open(path, "ab", buffering=0)
        write(f)
        self.follow("a", "-n", "all")
        while at < count:
            self.until(lambda: len(self.said()) == at, what="what was written")
            os.rename(path, f"{path}.{'moved' if at % 2 else '1'}")
            new = open(path, "ab", buffering=0)
            for _ in range(3):
                time.sleep(0.001)  # to let it go astray
                write(f)
            f.close()
            f = new
            write(f)
            write(f)
        f.close()
        self.arrived(at)

    def test_stopped_meanwhile(self):
        """Ctrl-Z, and later fg: far behind, and then level again."""
        count = 12000
        run = self.numbers(count, "i % 100 or time.sleep(0.002)")
        self.config(f"services: {{a: {{command: {run}, log: {{max_size: 16K, keep: 1000, compress: true}}}}}}\n")
        self.start()
        p = self.follow("a", "-n", "all", "--source", "out,err")
        self.until(self.said, what="the first line")
        p.send_signal(signal.SIGSTOP)
        self.until(lambda: len(self.rotated("a")) > 15, limit=30, what="many rotations")
        self.until(lambda: any(n[-1] in "tz" for n in self.rotated("a")), limit=60, what="compressed files")
        p.send_signal(signal.SIGCONT)
        self.arrived(count)

    def test_several_with_names(self):
        self.config("services:\n"
                    "  web-1: {command: \"sh -c 'while :; do echo one; sleep 0.05; done'\"}\n"
                    "  web-2: {command: \"sh -c 'while :; do echo two; sleep 0.05; done'\"}\n"
                    "  other: {command: \"sh -c 'echo no; exec sleep 1000'\"}\n")
        self.start()
        self.follow("web-*", "--grep", "^(one|two|no)$")
        self.until(lambda: len(self.said()) > 60, what="lines")
        lines = self.said()[:60]
        for line in lines:
            self.assertRegex(line, r"^web-(1  \S+ out one|2  \S+ out two)$")
        self.assertEqual({line[:5] for line in lines}, {"web-1", "web-2"})
        merged = [line.split()[1] for line in self.logs("web-1", "web-2", "-n", "all")]
        self.assertEqual(merged, sorted(merged))


class Content(Logs):
    def test_json_is_valid_whatever_a_service_writes(self):
        run = self.python("p.py", r"""
            import os, time
            os.write(1, b"\xff\xfe bad\0nul\n" + "grüße\n".encode() + b"\x1b[31mred\n" + b"x" * 1500000 + b"\nend\n")
            time.sleep(1000)
            """)
        self.config(f"services: {{a: {{command: {run}}}}}\n")
        self.start()
        self.logged("a", " end$", "out")
        doc = json.loads(self.svcctl("--json", "logs", "a", "--source", "out", "-n", "all").out)
        self.assertEqual([d["text"] for d in doc[:3]], ["\ufffd\ufffd bad\ufffdnul", "grüße", "\x1b[31mred"])
        self.assertEqual("".join(d["text"] for d in doc[3:-1]), "x" * 1500000)
        self.assertEqual([d.get("continued", False) for d in doc], [False] * 3 + [True, False, False])
        self.assertEqual(doc[-1]["text"], "end")
        self.assertTrue(all(d["source"] == "out" and d["time"] for d in doc))
        raw = subprocess.run([os.path.join(BIN, "svcctl"), "logs", "a", "--source", "out", "-n", "all"],
                             env=self.environment(), capture_output=True, check=True).stdout
        with open(self.log_path("a"), "rb") as f:
            self.assertEqual(raw, b"".join(line for line in f if b" out " in line[:36]))

    def test_without_times(self):
        self.config("services: {a: {command: \"sh -c 'echo one; echo two >&2; exec sleep 1000'\", "
                    "log: {timestamps: false}}}\n")
        self.start()
        self.running("a")
        self.logged("a", "^one$")
        self.logged("a", "^two$")
        self.assertEqual(sorted(self.logs("a", "--source", "out,err")), ["one", "two"])
        self.assertEqual(sorted(x for x in self.logs("a", "--run", "1") if " svcd " not in x), ["one", "two"])
        since = self.svcctl("logs", "a", "--since", "1h")
        self.assertIn("one\n", since.out)
        self.assertIn("a: has lines without time and source (log.timestamps: false)", since.err)
        one = self.svcctl("logs", "a", "--source", "err")
        self.assertEqual(one.out, "")
        self.assertIn("only with --source out,err", one.err)

    def test_a_line_that_no_file_can_hold(self):
        run = self.python("p.py", "import os, time\nos.write(1, b'y' * 30000 + b'\\nend\\n')\ntime.sleep(1000)\n")
        self.config(f"services: {{a: {{command: {run}, log: {{max_size: 8K, keep: 20}}}}}}\n")
        self.start()
        self.logged("a", " end$", "out")
        doc = json.loads(self.svcctl("--json", "logs", "a", "--source", "out", "-n", "all").out)
        self.assertEqual("".join(d["text"] for d in doc), "y" * 30000 + "end")
        self.assertEqual([d.get("rest", False) for d in doc], [False] + [True] * (len(doc) - 2) + [False])
