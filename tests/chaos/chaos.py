"""chaos: things go wrong at random for a while, and what svcd promises is looked at from outside.

    chaos.py [--seconds S] [--seed N] [--without ACTION]... [--replay FILE] [--keep]

What is done and when comes from the seed alone. One TAP line a guarantee; the exit status says whether all
were kept. After a failure what was done around it is printed (focus.py), and the log of actions is kept in a
file that --replay takes. SIGTERM ends it at once and leaves nothing. See README.md; used by `make check-chaos` and `make chaos`.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "helpers"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import actions
from disk import FileSize, Tmpfs
from focus import Focus
from svcdtest import BIN, SLOW, command_line, descendants, kill_if_there
from witness import Log, Output, check_exits, check_numbers
from world import SERVICES, World

ROUND_S = 12   # of things going wrong, between two rests
REST_S = 60    # for coming to what is wanted
END_S = 60     # for svcd's end
GUARANTEES = ("one run at a time", "run numbers", "exits on record once", "no line lost or doubled",
              "nothing left after stop", "stopped stays stopped", "svcctl", "svcd", "rest", "growth",
              "the end")


class Story:
    """The log of actions: what was done, when, and what came of it."""

    def __init__(self, aloud):
        self.begin, self.lines, self.aloud = time.monotonic(), [], aloud
        self.wall = time.time()

    def add(self, line):
        self.lines.append(line)
        if self.aloud:
            print(line, flush=True)

    def did(self, pause_s, name, parameters, result):
        row = {"t": round(time.monotonic() - self.begin, 3), "pause": round(pause_s, 4), "do": name,
               "with": parameters}
        self.add(json.dumps({**row, "->": result} if result else row))

    def note(self, text):
        self.add(f"# {time.monotonic() - self.begin:8.3f} {text}")

    def save(self, seed):
        path = f"/tmp/svcd-chaos-{seed}-{os.getuid()}.log"
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(self.lines) + "\n")
        return path


def drawn(seed, seconds, without):
    """(pause, name, parameters) until the time is over; None where there is a rest."""
    rng, begin = random.Random(seed), time.monotonic()
    while time.monotonic() - begin < seconds:
        round_begin = time.monotonic()
        while time.monotonic() - round_begin < ROUND_S and time.monotonic() - begin < seconds:
            yield actions.draw(rng, without)
        yield None


def replayed(path):
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.startswith("{"):
                row = json.loads(line)
                yield None if row["do"] == "rest" else (row["pause"], row["do"], row["with"])


class Chaos:
    def __init__(self, args):
        self.args, self.story = args, Story(args.verbose)
        size = 64 + int(args.seconds * 0.1)
        self.world = World(self.story.note, Tmpfs(size) if os.getuid() == 0 else FileSize())
        self.done = 0

    def act(self, pause_s, name, parameters):
        w, end = self.world, time.monotonic() + pause_s
        while True:
            w.tick()
            if time.monotonic() >= end and len(w.calls) < 8:
                break
            time.sleep(0.005)
        result = actions.ACTIONS[name][2](w, **parameters)
        self.done += 1
        self.story.did(pause_s, name, parameters, result)

    # ---- a rest: everything is undone, and must come to what is wanted ----

    def rest(self, rng):
        w = self.world
        self.story.did(0, "rest", {}, None)
        w.due(everything=True)
        w.broken = False
        w.define()
        for p in descendants(os.getpid()):
            kill_if_there(p, signal.SIGCONT)
        w.wait(lambda: not w.calls, 30, "svcctl's calls do not end", "svcctl")
        w.wait(w.answered, REST_S, lambda: f"svcd does not answer: {w.stderr()[-500:]}", "rest")
        w.obey("reload")
        for name, s in w.services.items():
            if s.unknown() or s.busy:
                w.obey("enable", name)
                w.obey(rng.choice(["start", "start", "stop"]), name)
        w.wait(lambda: not w.misfits(), REST_S, lambda: f"not as wanted: {w.misfits()}", "rest")
        for name, s in w.services.items():
            if s.down():
                s.settled_at = len(w.witness.runs(name))
        w.wait(lambda: not w.growth(), 15, lambda: "; ".join(w.growth()), "growth")
        self.story.note(f"rested; {self.done} actions so far")

    # ---- the end ----

    def end(self):
        """svcd ends as at the machine's shutdown; then the records are read."""
        w = self.world
        if w.up():
            w.ending = True
            w.svcd.terminate()
            try:
                w.svcd.wait(END_S * SLOW)
                if w.svcd.returncode != 0:
                    w.violation("the end", f"svcd ended with {w.svcd.returncode}: {w.stderr()[-2000:]}")
            except subprocess.TimeoutExpired:
                w.violation("the end", f"svcd did not end within {END_S * SLOW} s of SIGTERM")
        left = w._left()
        for line in left:
            w.violation("the end", f"left over: {line}")
        w.events_file.poll()

    def judge(self):
        w = self.world
        for text in w.events_file.wrong:
            w.violation("exits on record once", text)
        lines = runs = 0
        for name in list(SERVICES) + w.every_guest:
            log = Log(name, w.logs_dir, w.archive)
            counts, started = w.witness.counts(name), w.witness.runs(name)
            for text in Output(log, w.events_file, counts, w.excuses).check():
                w.violation("no line lost or doubled", text)
            for text in check_numbers(log, w.events_file, w.excuses):
                w.violation("run numbers", text)
            for text in check_exits(log, w.events_file, started, w.excuses):
                w.violation("exits on record once", text)
            lines += sum(sum(c) for c in counts.values())
            runs += len(started)
        return f"{self.done} actions, {runs} runs, {lines} lines"

    def focus(self, wrong):
        w, seen = self.world, []
        focus = Focus(self.story.lines, self.story.wall, w.root)
        for _, text, at in wrong[:3]:
            lines = focus.of(text, at, lambda name: Log(name, w.logs_dir, w.archive), w.events_file)
            if lines not in seen:
                print("\n".join([f"==== {text[:300]}", *lines]))
            seen.append(lines)

    def show(self, wrong):
        """Above the first `not ok`, where runner.py looks for it."""
        print(self.world.evidence()[-10000:])
        print(f"replay with: --replay {self.story.save(self.args.seed)}")
        self.focus(wrong)

    def report(self, what):
        wrong, failed = self.world.wrong, False
        print(f"# seed {self.args.seed}, uid {os.getuid()}, {self.world.disk.name}: {what}")
        for i, kind in enumerate(GUARANTEES, 1):
            mine = [(text, at) for k, text, at in wrong if k == kind]
            if mine and not failed:
                self.show(wrong)
            for text, at in mine:
                print(f"# because: after {at:.3f} s: {text}")
            failed |= bool(mine)
            print(f"{'not ok' if mine else 'ok'} {i} - {kind}")
        return int(failed)

    def run(self):
        w = self.world
        w.prepare()
        try:
            w.start()
            rng = random.Random(self.args.seed + 1)
            source = replayed(self.args.replay) if self.args.replay else \
                drawn(self.args.seed, self.args.seconds, self.without())
            for step in source:
                if step is None:
                    self.rest(rng)
                else:
                    self.act(*step)
                if len(w.wrong) > 20:
                    break
            self.end()
            return self.report(self.judge())
        finally:
            w._kill_everything()
            w.archive.close()
            w.events_file.close()
            if self.args.keep:
                shutil.copytree(w.tmp, w.tmp + "-kept", symlinks=True)
                print(f"kept: {w.tmp}-kept")
            w.disk.done()
            shutil.rmtree(w.tmp, ignore_errors=True)

    def without(self):
        known = subprocess.run([os.path.join(BIN, "svcctl"), "help"], capture_output=True, text=True,
                               check=False).stdout
        return set(self.args.without) | (set() if " upgrade" in known else {"upgrade"})


def main():
    parser = argparse.ArgumentParser(description="svcd among things that go wrong")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without", action="append", default=[], choices=list(actions.ACTIONS))
    parser.add_argument("--replay")
    parser.add_argument("--keep", action="store_true", help="the account, as it was at the end")
    parser.add_argument("--verbose", action="store_true", help="print the log of actions as it grows")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Whoever looks for leaks at its end stops itself by ptrace, and waits for ever if a SIGCONT takes that stop away.
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    return Chaos(parser.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
