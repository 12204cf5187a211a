"""What svcd keeps on disk, damaged in every way while no svcd runs, or taken away under one that does."""

import json
import os
import shutil
import signal
import stat

from svcdtest import SLOW, SvcdTest, alive, children, command_line

ONCE = ("started", "ready", "exited")


class Damage(SvcdTest):
    def state_file(self, name="state.json"):
        return os.path.join(self.root, "svcd", name)

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
        self.config("services: {a: {command: sleep 1000, restart: {delay: 10ms}}, b: {command: sleep 1000}}\n")
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
        self.svcctl("stop", "b")
        before = self.lines()
        for n in (1, 3, len(before)):
            self.crash_with(lambda n=n: self.write(self.path(), "".join(
                x + "\n" for x in before[:-n])))
            self.running("a")
            # Those of the last turns are back; none is there twice.
            self.assertIn(before[-1], self.lines())
            self.check_events()
            self.svcctl("start", "b")
            self.running("b")
            self.svcctl("stop", "b")
            before = self.lines()

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
            self.until(lambda: not self.state_has_news(), what="the state, written")
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

    def state_has_news(self):
        return os.path.getsize(self.state_file("state.journal")) > 0

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
