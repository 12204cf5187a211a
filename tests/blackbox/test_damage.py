"""What svcd keeps on disk, damaged in every way while no svcd runs, or taken away under one that does."""

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys

from svcdtest import SLOW, SvcdTest, alive, children, command_line

ONCE = ("started", "ready", "exited")


class Damage(SvcdTest):
    def state_file(self, name="state.json"):
        return os.path.join(self.root, "svcd", name)

    def written_whole(self):
        """Waits until state.json holds everything, some seconds after the last change."""
        def there():
            try:
                return os.path.getsize(self.state_file("state.journal")) == 0
            except FileNotFoundError:
                return False  # just being begun anew
        self.until(there, what="the state, written")

    def svcd_log(self):
        return self.read(self.state_file("svcd.log"))

    def check_events(self):
        """Numbers grow, and what happens to a run is told once."""
        events = self.events()
        seqs = [e["seq"] for e in events]
        self.assertEqual(seqs, sorted(set(seqs)), events)
        told = [(e["event"], e.get("service"), e.get("run")) for e in events if e["event"] in ONCE]
        self.assertEqual(len(told), len(set(told)), told)
        return events

    def crash_with(self, damage, wait=True):
        self.kill_svcd()
        damage()
        self.start(wait=wait)


class Events(Damage):
    def up(self):
        # No delay: its shim starts it again by itself however soon it is killed.
        self.config("services: {a: {command: sleep 1000, restart: {delay: 0s}}, b: {command: sleep 1000}}\n")
        self.start()
        self.running("b")
        return self.running("a")["pid"]

    def path(self):
        return self.state_file("events.ndjson")

    def lines(self):
        with open(self.path(), encoding="utf-8") as f:
            return f.read().splitlines()

    def again(self, pid):
        os.kill(pid, signal.SIGKILL)
        return self.new_run("a", pid)["pid"]

    def test_what_was_on_record_and_not_written_is_written_once(self):
        pid = self.up()
        self.again(pid)
        for n in (1, 3, None):
            self.killed_with_a_stop_on_record()
            before = self.lines()
            self.write(self.path(), "".join(x + "\n" for x in before[:-n if n else 0]))
            self.start()
            self.running("a")
            # Those of the last turns are back; none is there twice.
            self.assertIn(before[-1], self.lines())
            self.check_events()
            self.svcctl("start", "b")
            self.running("b")

    def killed_with_a_stop_on_record(self):
        """The journal has it, and the state that is written now and then has not: what it has, has been told."""
        self.svcctl("stop", "b")
        self.kill_svcd()
        while os.path.getsize(self.state_file("state.journal")) == 0:
            self.start()
            self.svcctl("start", "b")
            self.svcctl("stop", "b")
            self.kill_svcd()

    def test_a_torn_line_is_taken_off(self):
        pid = self.up()
        with_torn = "".join(x + "\n" for x in self.lines()) + '{"seq":99,"at":"20'
        self.crash_with(lambda: self.write(self.path(), with_torn))
        self.again(pid)
        self.check_events()
        self.assertNotIn('{"seq":99,"at":"20', self.read(self.path()))

    def test_garbage_in_the_middle_stays_and_does_no_harm(self):
        pid = self.up()
        lines = self.lines()
        garbage = b"".join(x.encode() + b"\n" for x in lines[:1]) + b"\xff\x00{[\n" + \
            b"".join(x.encode() + b"\n" for x in lines[1:])
        self.crash_with(lambda: self.write(self.path(), garbage))
        self.again(pid)
        with open(self.path(), "rb") as f:
            raw = f.read().replace(b"\xff\x00{[\n", b"")
        self.write(self.path(), raw)
        self.check_events()

    def test_deleted_or_rotated_the_numbers_go_on(self):
        pid = self.up()
        for damage in (lambda: os.unlink(self.path()),
                       lambda: os.rename(self.path(), self.path() + ".1"),
                       lambda: self.write(self.path(), "")):
            last = json.loads(self.lines()[-1])["seq"]
            # What is on record as written is not written again.
            self.written_whole()
            self.crash_with(damage)
            pid = self.again(pid)
            seqs = [json.loads(x)["seq"] for x in self.lines()]
            self.assertGreater(seqs[0], last)
            self.assertEqual(seqs, list(range(seqs[0], seqs[0] + len(seqs))))
            for name in ("", ".1"):
                if os.path.exists(self.path() + name):
                    os.unlink(self.path() + name)
            self.again_quietly()

    def again_quietly(self):
        self.svcctl("stop", "b")
        self.svcctl("start", "b")

    def test_replaced_while_svcd_runs(self):
        pid = self.up()
        self.write(self.path(), "")
        pid = self.again(pid)
        os.unlink(self.path())
        pid = self.again(pid)
        self.check_events()
        os.unlink(self.path())
        os.mkdir(self.path())  # no file at all: they are kept
        pid = self.again(pid)
        self.until(lambda: "cannot write" in self.svcd_log(), what="the complaint")
        self.crash_with(lambda: os.rmdir(self.path()))
        self.running("a")
        events = self.check_events()
        self.assertEqual([e["run"] for e in events if e["event"] == "exited" and e["service"] == "a"], [3])

    def test_an_exit_while_svcd_is_away_has_its_own_time(self):
        pid = self.up()
        self.kill_svcd()
        os.kill(pid, signal.SIGKILL)
        self.gone(pid)
        shim = next(p for p in children(os.getpid()) if command_line(p).startswith("svc-shim a"))
        self.until(lambda: any(alive(p) for p in children(shim)), what="the new run")
        ended = self.logged("a", r"^(\S+) svcd exited run=1")[1]
        self.start()
        self.running("a")
        exits = [e for e in self.check_events() if e["event"] == "exited"]
        self.assertEqual([(e["run"], e["at"]) for e in exits], [(1, ended)])
        started = [e for e in self.events("a") if e["event"] == "started"]
        self.assertEqual([e["run"] for e in started], [1, 2])
        self.assertEqual(len([t for t in self.log_texts("a", "svcd") if t.startswith("exited run=1")]), 1)


class Definitions(Damage):
    GOOD = ("environment: {WHO: me}\n"
            "services:\n"
            "  a: {command: sleep 1000}\n"
            "  b: {command: sleep 1000}\n"
            "  c: {command: [sh, -c, 'echo $WHO; exec sleep 1000'], restart: {delay: 10ms}}\n"
            "  d: {command: sleep 1000}\n")

    def bad(self, how):
        if how == "unreadable":
            os.chmod(os.path.join(self.root, "config/services.yaml"), 0o000)
        elif how == "gone bad":
            self.config(self.GOOD.replace("services:", "services: ["))
        else:
            self.config("")

    def test_definitions_that_cannot_be_used_over_several_starts(self):
        for how in ("gone bad", "empty") + (("unreadable",) if os.getuid() else ()):
            with self.subTest(how=how):
                self.config(self.GOOD)
                self.start()
                for n in "abcd":
                    self.running(n)
                self.svcctl("stop", "a")
                self.svcctl("disable", "b")
                before = self.services()
                shims = [self.shim_of(before[n]["pid"]) for n in "cd"]
                self.kill_svcd()
                self.bad(how)
                os.kill(shims[1], signal.SIGKILL)
                self.gone(shims[1])
                for _ in range(3):
                    self.start()
                    now = self.services()
                    self.assertEqual(sorted(now), list("abcd"))
                    self.assertEqual(self.running("c")["pid"], before["c"]["pid"])  # once its shim has answered
                    self.running("d")  # a svcd that is killed as it begins a run has used its number up
                    self.kill_svcd()
                os.chmod(os.path.join(self.root, "config/services.yaml"), 0o600)
                self.config(self.GOOD)
                self.start()
                self.assertEqual(self.running("c")["pid"], before["c"]["pid"])
                self.assertEqual(self.running("d")["run"], before["d"]["run"] + 1)
                now = self.services()
                self.assertEqual((now["a"]["state"], now["a"]["run"]), ("stopped", before["a"]["run"]))
                self.assertEqual((now["b"]["state"], now["b"]["disabled_cause"]), ("disabled", "command"))
                self.svcctl("enable", "b")
                self.svcctl("start", "a", "b")
                self.assertEqual(self.service("a")["run"], before["a"]["run"] + 1)
                self.assertEqual(self.end_svcd(), 0)


class State(Damage):
    """state.json and its journal."""

    def up(self):
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}, "
                    "c: {command: sleep 1000, restart: {delay: 10ms, max_failures: 0}}}\n")
        self.start()
        for n in "abc":
            self.running(n)
        self.svcctl("stop", "a")
        self.svcctl("disable", "b")
        pid = self.running("c")["pid"]
        os.kill(pid, signal.SIGKILL)
        return self.new_run("c", pid)

    def as_it_was(self, c):
        now = self.services()
        self.assertEqual(now["a"]["state"], "stopped")
        self.assertEqual((now["b"]["state"], now["b"]["disabled_cause"]), ("disabled", "command"))
        s = self.running("c")
        self.assertEqual((s["pid"], s["run"]), (c["pid"], c["run"]))
        self.check_events()

    def replace(self, make, name="state.json"):
        path = self.state_file(name)

        def damage():
            if os.path.lexists(path):
                os.unlink(path)
            make(path)
        return damage

    def test_a_damaged_state_is_put_aside_and_the_safe_one_taken(self):
        c = self.up()
        whole = self.read(self.state_file())
        state = json.loads(whole)
        kinds = {
            "empty": lambda p: self.write(p, ""),
            "cut": lambda p: self.write(p, whole[:len(whole) // 2]),
            "garbage": lambda p: self.write(p, os.urandom(5000)),
            "another format": lambda p: self.write(p, json.dumps({**state, "format": "x"})),
            "services no object": lambda p: self.write(p, json.dumps({**state, "services": []})),
            "no object": lambda p: self.write(p, "[1]"),
            "a folder": os.mkdir,
            "a fifo": os.mkfifo,
            "a link to itself": lambda p: os.symlink(p, p),
        }
        for kind, make in kinds.items():
            with self.subTest(kind=kind):
                for f in ("state.json.bad", "svcd.log"):
                    path = self.state_file(f)
                    if os.path.isdir(path) and not os.path.islink(path):
                        os.rmdir(path)
                    elif os.path.lexists(path):
                        os.unlink(path)
                self.crash_with(self.replace(make))
                self.as_it_was(c)
                self.assertTrue(os.path.lexists(self.state_file("state.json.bad")))
                self.until(lambda: "put aside" in self.svcd_log() and
                           "the state was taken from" in self.svcd_log(), what="the message")

    def test_wrong_types_and_a_newer_version(self):
        c = self.up()
        self.kill_svcd()
        state = json.loads(self.read(self.state_file()))
        state.update({"version": 99, "what": {"is": "new"}, "events": 7, "seq": "x", "journal": []})
        state["services"]["c"].update({"exits": {}, "tally_ms": "x", "restarts": -5, "more": [1]})
        self.write(self.state_file(), json.dumps(state))
        self.start()
        s = self.running("c")
        self.assertEqual((s["pid"], s["run"]), (c["pid"], c["run"]))
        self.assertEqual(self.state("a"), "stopped")

    def test_a_state_that_cannot_be_read_now_is_not_done_without(self):
        if os.getuid() == 0:
            self.skipTest("root may read everything")
        c = self.up()
        for name in ("state.json", "state.journal"):
            self.kill_svcd()
            before = self.read(self.state_file(name))
            os.chmod(self.state_file(name), 0)
            svcd = self.start(wait=False)
            self.assertEqual(svcd.wait(20 * SLOW), 1)
            self.assertIn("cannot read the state", self.stderr())
            self.assertFalse(os.path.exists(self.state_file("state.json.bad")))
            os.chmod(self.state_file(name), 0o600)
            self.assertEqual(self.read(self.state_file(name)), before)
            self.start()
            self.as_it_was(c)

    def test_it_can_be_read_a_moment_later(self):
        if os.getuid() == 0:
            self.skipTest("root may read everything")
        c = self.up()
        self.kill_svcd()
        os.chmod(self.state_file(), 0)
        self.start(wait=False)
        self.until(lambda: os.path.exists(os.path.join(self.run_dir, "lock")), what="the lock")
        os.chmod(self.state_file(), 0o600)
        self.until(self.answers, what="svcd's answer")
        self.as_it_was(c)

    def test_a_damaged_journal(self):
        c = self.up()
        kinds = {
            "garbage before": lambda p: self.write(p, "{]\n" + self.kept),
            "torn": lambda p: self.write(p, self.kept + '{"journal":1,"serv'),
            "wrong types": lambda p: self.write(p, '{"journal":999999,"services":7,"events":{}}\n' + self.kept),
            "a folder": os.mkdir,
            "a fifo": os.mkfifo,
            "a link": lambda p: os.symlink("/dev/null", p),
            "nothing": lambda p: None,
        }
        gone = ("a folder", "a fifo", "a link", "nothing")  # and with it the last two seconds
        for kind, make in kinds.items():
            with self.subTest(kind=kind):
                os.kill(c["pid"], signal.SIGKILL)
                c = self.new_run("c", c["pid"])
                if kind in gone:
                    self.written_whole()
                self.kill_svcd()
                self.kept = self.read(self.state_file("state.journal")) \
                    if os.path.isfile(self.state_file("state.journal")) else ""
                self.replace(make, "state.journal")()
                self.start()
                self.as_it_was(c)

    def test_taken_away_while_svcd_runs(self):
        c = self.up()
        for name in ("state.journal", "state.json", "state.json.safe"):
            if name == "state.journal":
                self.written_whole()
            os.unlink(self.state_file(name))
            os.kill(c["pid"], signal.SIGKILL)
            c = self.new_run("c", c["pid"])
            self.crash_with(lambda: None)
            self.as_it_was(c)


class Believed(SvcdTest):
    def test_last_good_definitions_that_others_could_have_written(self):
        """They are executed like the user's own, and are believed as little."""
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        pid = self.running("a")["pid"]
        self.kill_svcd()
        self.config("services: {a: {comand: [x")
        os.chmod(os.path.join(self.root, "svcd"), 0o777)
        self.start()
        self.until(lambda: "the last good definitions in it are not used" in self.stderr(), what="a word of it")
        self.assertIn("every user can write to this directory", self.stderr())
        os.chmod(os.path.join(self.root, "svcd"), 0o700)
        self.assertTrue(alive(pid))


class Socket(SvcdTest):
    LISTEN = """
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
os.chdir(sys.argv[1])
s.bind("control.sock")
s.listen(5)
child = os.fork()
if child:
    print(child, flush=True)
if not child or sys.argv[2] == "stay":
    sys.stdin.read()
"""

    def listener(self, how):
        """A process that listens as a svcd without its lock files would; it may leave that to its child. Returns it
        and the child's pid."""
        folder = os.path.join(self.root, "run")
        os.makedirs(folder, 0o700)
        p = subprocess.Popen([sys.executable, "-c", self.LISTEN, folder, how], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
        self.addCleanup(p.wait)
        self.addCleanup(p.stdin.close)
        self.addCleanup(p.stdout.close)
        return p, int(p.stdout.readline())  # said when it listens

    def test_one_that_lives_is_not_replaced(self):
        self.config("services: {}\n")
        listener, child = self.listener("stay")
        self.start(wait=False)
        self.until(lambda: self.svcd.poll() is not None, what="its refusal")
        listener.stdin.close()
        self.gone(child)
        self.assertIn("another svcd answers at", self.stderr())

    def test_one_that_is_dead_but_for_a_child_is(self):
        """svcd was killed between the fork and the exec of something: for that moment the child has all it had."""
        self.config("services: {a: {command: sleep 1000}}\n")
        listener, child = self.listener("leave")
        listener.wait()
        self.start(wait=False)
        self.until(lambda: "svcd is up" in self.stderr(), what="svcd")  # until then the child has the socket
        listener.stdin.close()
        self.gone(child)
        self.running("a")


    def test_one_that_is_not_found_is_not_said_to_be_down(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        os.kill(self.svcd.pid, signal.SIGSTOP)
        try:
            os.unlink(os.path.join(self.run_dir, "control.sock"))
            self.assertEqual(self.svcctl("stop", "a", status=5).err,
                             f"svcctl: svcd runs for {self.root} (pid {self.svcd.pid}), but {self.run_dir}/control.sock "
                             "does not exist; it puts back what was deleted: try again in some seconds; "
                             "`svcctl doctor` looks closer\n")
        finally:
            os.kill(self.svcd.pid, signal.SIGCONT)
        self.until(lambda: os.path.exists(os.path.join(self.run_dir, "control.sock")), what="the socket")
        self.kill_svcd()
        self.assertIn("svcd is not running for", self.svcctl("stop", "a", status=5).err)
        self.start()


class Records(Damage):
    """RUN/shims/NAME"""

    def test_left_empty_for_the_next_shim(self):
        """From run to run and from svcd to svcd it is the same file; that of a service which is gone is gone."""
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}, c: {command: sleep 1000}}\n")
        self.start()
        shims = os.path.join(self.run_dir, "shims")
        path = os.path.join(shims, "a")
        pid, inode = self.running("a")["pid"], os.stat(path).st_ino
        self.running("b")
        self.running("c")
        self.svcctl("stop", "a")
        self.gone(pid)
        self.until(lambda: self.shim_has_left("a"), what="a's shim to leave")
        self.svcctl("start", "a")
        self.assertEqual((self.running("a")["run"], os.stat(path).st_ino), (2, inode))
        self.svcctl("stop", "b")
        self.until(lambda: self.shim_has_left("b"), what="b's shim to leave")
        self.config("services: {a: {command: sleep 1000}, c: {command: sleep 1000}}\n")
        self.svcctl("reload")
        self.until(lambda: sorted(os.listdir(shims)) == ["a", "c"], what="b's record to go")
        self.end_svcd()
        self.assertEqual([os.path.getsize(os.path.join(shims, n)) for n in sorted(os.listdir(shims))], [0, 0])
        self.config("services: {a: {command: sleep 1000}}\n")
        os.unlink(os.path.join(self.root, "svcd/state.json"))
        os.unlink(os.path.join(self.root, "svcd/state.json.safe"))
        self.start()
        self.assertEqual((self.running("a")["run"], os.stat(path).st_ino), (3, inode))
        self.assertEqual(os.listdir(shims), ["a"])

    def test_only_the_logs_are_left(self):
        """State and records are gone: runs are counted on from the log, also from what it was before it was rotated."""
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}}\n")
        self.start()
        for run in (1, 2):
            for name in "ab":
                self.assertEqual(self.running(name)["run"], run)
            self.assertEqual(self.end_svcd(), 0)
            shutil.rmtree(os.path.join(self.root, "svcd"))
            shutil.rmtree(self.run_dir)
            os.rename(self.log_path("b"), self.log_path("b") + ".1")
            self.start()
        self.assertEqual([self.running(name)["run"] for name in "ab"], [3, 3])

    def test_damaged_while_no_svcd_runs(self):
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}}\n")
        self.start()
        pid = self.running("a")["pid"]
        path = os.path.join(self.run_dir, "shims/a")

        def instead(make):
            def damage():
                """Its shim looks for it now and then, and may have made it anew in between."""
                made = False
                while not made:
                    os.unlink(path)
                    with contextlib.suppress(FileExistsError):
                        make()
                        made = True
            return damage
        kinds = {
            "deleted": lambda: os.unlink(path),
            "moved": lambda: os.rename(path, path + ".moved"),
            "truncated": lambda: os.truncate(path, 0),
            "overwritten": lambda: self.write(path, os.urandom(300)),
            "garbage instead": instead(lambda: self.write(path, "run=77\nboot=x\n")),
            "folder": instead(lambda: os.mkdir(path)),
            "fifo": instead(lambda: os.mkfifo(path)),
            "link": instead(lambda: os.symlink("/etc/passwd", path)),
            "mode": lambda: os.chmod(path, 0),
            "folder's mode": lambda: os.chmod(os.path.dirname(path), 0),
        }
        for kind, damage in kinds.items():
            with self.subTest(kind=kind):
                self.crash_with(damage)
                s = self.running("a")
                self.assertEqual((s["pid"], s["run"]), (pid, 1))
                self.assertTrue(stat.S_ISREG(os.lstat(path).st_mode))
                if os.path.exists(path + ".moved"):
                    os.unlink(path + ".moved")
        self.svcctl("stop", "a")
        self.gone(pid)
        self.until(lambda: self.shim_has_left("a"), what="a's shim to leave")
        os.chmod(path, 0o400)
        self.svcctl("start", "a")
        self.assertEqual(self.running("a")["run"], 2)
