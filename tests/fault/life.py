"""life: one scripted life of an account, with one fault in it.

Each step does something and waits for what must come of it, whatever the fault has done meanwhile: a
command that was refused is given again, a svcd that has died is started again, without the fault. The
fault happens once, so that everything must come right within the limit.
"""

import json
import os
import shutil
import signal
import subprocess
import time
import traceback

from inject import Injection
from svcdtest import BIN, SLOW, SvcdTest, command_line, descendants, kill_if_there, parent, stat_fields
from witness import Events, Excuses, Log, Output, Witness, check_exits, check_numbers

SUBJECT = os.path.join(BIN, "tests/helpers/subject")
LIMIT_S = 60
SERVICES = {"a": "lines=50 hup=catch", "b": "lines=20 burst=50", "c": "ready=20 children=1"}
MORE = {"c": "ready: notify, requires: [a], "}


class Wrong(Exception):
    """The life went on otherwise than it may."""


class Life(SvcdTest):
    """Not a test, but set up like one."""

    def runTest(self):
        raise NotImplementedError

    def live(self, case, recorded=None):
        """Returns (wrong, outcome): sentences, and one of carried on, refused, died, not met."""
        self.setUp()
        signal.alarm(0)
        self.dir = os.path.join(self.tmp, "witness")
        os.mkdir(self.dir, 0o700)
        self.injection = Injection(self.tmp, case, recorded)
        self.case, self.recorded = case, recorded
        self.witness, self.excuses, self.gen = Witness(self.dir), Excuses(counting=True), 0
        self.records = Events(os.path.join(self.root, "svcd/events.ndjson"))
        self.wrong, self.refusals, self.deaths, self.killing = [], [], [], False
        self.faulty, self.words, self.let_go_at, self.ending = False, 0, None, 0
        try:
            self.script()
        except Wrong as e:
            self.wrong.append(str(e))
        except Exception:  # of the script itself: with the evidence that any other failure has
            self.wrong.append(traceback.format_exc())
        try:
            if not self.wrong:
                self.judge()
            happened = bool(case) and self.injection.happened()
            if bool(case) and self.injection.impossible():
                self.wrong, happened = [], False
            outcome = "not met" if not happened else "died" if self.deaths else \
                "refused" if self.refusals else "carried on"
            return self.wrong, outcome, self.evidence() if self.wrong else ""
        finally:
            self._kill_everything()
            self.records.close()
            self.calls = self.injection.recorded() if recorded else None
            shutil.rmtree(self.tmp, ignore_errors=True)

    # ---- the script ----

    def script(self):
        self.define()
        self.begin("svcd")
        self.all_run("a", "b", "c")
        self.crash("b")
        self.ctl("stop", "a")
        self.down("a")
        self.ctl("start", "a")
        self.all_run("a", "b", "c")
        self.gen += 1
        before = len(self.witness.runs("b"))
        self.define()
        self.ctl("reload", "--no-wait")
        self.wait(lambda: len(self.witness.runs("b")) > before, "a run of b by its new definition")
        self.ctl("status")
        self.ctl("logs", "-n", "5", "a")
        self.ctl("restart", "--replace", "c")
        self.kill_svcd_and("b")
        self.all_run("a", "b", "c")
        self.ctl("disable", "c")
        self.down("c")
        self.idle()
        self.finish()

    def define(self):
        lines = ["services:"]
        for name, args in SERVICES.items():
            words = [SUBJECT, self.dir, name, *args.split(), f"gen={self.gen if name == 'b' else 0}"]
            lines.append(f"  {name}: {{command: [{', '.join(words)}], {MORE.get(name, '')}"
                         "restart: {delay: 50ms, max_delay: 200ms, max_failures: 0}}")
        self.config("\n".join(lines) + "\n")

    def begin(self, which):
        """WHICH: svcd, next (both perhaps with the fault), or again (without)."""
        self.faulty = self.injection.who == which
        self.svcd_env = {} if which == "again" and self.injection.who != "shim" else \
            self.injection.environment(which)
        errors = open(self.svcd_errors, "ab")
        self.words = errors.tell()
        self.svcd = subprocess.Popen([*self.injection.prefix(which), os.path.join(BIN, "svcd")],
                                     stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                                     env=self.environment(), cwd=self.home, start_new_session=True)
        errors.close()

    def attend(self):
        """A svcd that has died is looked at, and followed by one without the fault."""
        self.let_go()
        self.records.poll()
        for text in self.witness.violations():
            raise Wrong(text)
        status = self.svcd.poll()
        if status is None or (status == 0 and self.ending == self.svcd.pid):
            return
        said = self.stderr()[self.words:]
        killed = self.case and self.case.how == "KILL" and status == -9 and self.faulty
        out_of_memory = self.case and status == -6 and ("memory" in said or "allocat" in said)
        if not (killed or out_of_memory or (status > 0 and said.strip() and self.faulty)):
            raise Wrong(f"svcd ended with status {status}, and said: {said[-1500:] or 'nothing'}")
        if "Sanitizer" in said:
            raise Wrong(said[-3000:])
        self.deaths.append(f"{status} {said.strip().splitlines()[-1:]}")
        self.begin("again")

    def let_go(self):
        """Each shim meets the fault at its own Nth call; that a shim which takes its place meets it again
        is not meant, so strace goes when it has done its work. It goes too when the nursery is dead,
        since it has a copy of the nursery's socket."""
        if self.injection.who != "shim" or not self.case or self.let_go_at == 0:
            return
        if self.let_go_at is None:
            if self.injection.happened():
                self.let_go_at = time.monotonic() + 0.1
            return
        if time.monotonic() >= self.let_go_at:
            self.let_go_at = 0
            for p in descendants(os.getpid()):
                if command_line(p).startswith("strace -D"):
                    kill_if_there(p)  # it ends with the shim that it looks at

    def wait(self, condition, what, limit=LIMIT_S):
        end = time.monotonic() + limit * SLOW
        while True:
            self.attend()
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise Wrong(f"after {limit * SLOW} s not yet: {what() if callable(what) else what}")
            time.sleep(0.01)

    def ctl(self, *argv):
        """svcctl, until it succeeds; each refusal must say why."""
        def once():
            try:
                r = self.run_svcctl("--timeout=5s", *argv, timeout=15)
            except subprocess.TimeoutExpired:
                raise Wrong(f"svcctl {' '.join(argv)}: no answer, time-out or not") from None
            if r.status in (0, 3) and "Sanitizer" not in r.err:
                return True
            said = (r.err or r.out).strip()
            if r.status not in (1, 4, 5, 6) or not said:
                raise Wrong(f"svcctl {' '.join(argv)}: {r}")
            if r.status != 5 or self.svcd.poll() is None:
                self.refusals.append(said)
            time.sleep(0.02)
            return False
        self.wait(once, lambda: f"svcctl {argv}: {self.refusals[-1:]}")

    def all_run(self, *names):
        self.wait(lambda: all(self.witness.holder(n) for n in names), f"runs of {names}")
        def states():
            r = self.run_svcctl("--timeout=5s", "--json", "status", *names, timeout=15)
            return r.status == 0 and all(
                s["state"] == "running" and str(self.witness.holder(s["name"])).startswith(f"{s['pid']}.")
                for s in json.loads(r.out))
        self.wait(states, f"{names} running, by svcctl's and their own word")

    def main_pid(self, name):
        return self.wait(lambda: self.witness.main_pid(name), f"a run of {name}")

    def crash(self, name):
        before = len(self.witness.runs(name))
        kill_if_there(self.main_pid(name), signal.SIGSEGV)
        self.wait(lambda: len(self.witness.runs(name)) > before, f"a new run of {name} after a crash")

    def down(self, name):
        """svcctl has said that it is."""
        if self.witness.holder(name):
            raise Wrong(f"{name} was said to be down, but {self.witness.holder(name)} lives")

    def kill_svcd_and(self, name):
        """Both at once; the next svcd takes over."""
        self.attend()
        self.svcd.kill()
        self.svcd.wait()
        pid = self.witness.main_pid(name)
        if pid:
            kill_if_there(pid)
        self.begin("next")

    def idle(self):
        """With nothing to do, svcd does nothing."""
        def ticks():
            fields = stat_fields(self.svcd.pid)
            return int(fields[11]) + int(fields[12]) if fields else 0
        before, begin = ticks(), time.monotonic()
        time.sleep(0.1)
        if ticks() - before >= 8:  # a second look, before anybody is called busy
            before, begin = ticks(), time.monotonic()
            time.sleep(1)
            used = (ticks() - before) / os.sysconf("SC_CLK_TCK")
            if used > 0.5 * (time.monotonic() - begin):
                raise Wrong(f"svcd spins: {used:.2f} s of CPU in a second of nothing to do")

    def finish(self):
        """SIGTERM, until a svcd has ended with 0."""
        def ended():
            if self.ending != self.svcd.pid and self.answers_now():
                self.ending = self.svcd.pid
                self.svcd.terminate()
            return self.svcd.poll() == 0 and self.ending == self.svcd.pid
        self.wait(ended, "the end of svcd after SIGTERM")
        for name in SERVICES:
            self.down(name)

    def answers_now(self):
        try:
            return self.answers()
        except (OSError, AssertionError):
            return False

    def evidence(self):
        """What svcd said; of the logs its own lines."""
        parts = [self.stderr()[-10000:]]
        for name in SERVICES:
            lines = [x for x in self.log(name) if " svcd " in x or " subject: " in x]
            parts.append(f"---- {name}: {' '.join(self.witness.runs(name))}\n" + "\n".join(lines[-40:]))
        parts += [f"{p} (parent {parent(p)}) {command_line(p)[:150]}" for p in descendants(os.getpid())]
        return "\n".join(parts)

    # ---- the verdict ----

    def judge(self):
        end = time.monotonic() + 10 * SLOW
        while True:
            self.let_go()
            self._reap()
            left = [f"{p}: {command_line(p)}" for p in descendants(os.getpid())
                    if not command_line(p).startswith("strace ")]
            if not left or time.monotonic() > end:
                break
            time.sleep(0.01)
        self.wrong += [f"left over: {line}" for line in left]
        self.records.poll()
        self.wrong += self.records.wrong
        logs = os.path.join(self.root, "logs/services")
        for name in SERVICES:
            log, counts = Log(name, logs), self.witness.counts(name)
            if self.case and self.case.who == "shim" and self.case.how == "KILL":
                self.excuses.torn[name].update(counts)
            self.wrong += Output(log, self.records, counts, self.excuses).check()
            self.wrong += check_numbers(log, self.records, self.excuses)
            self.wrong += check_exits(log, self.records, self.witness.runs(name), self.excuses)
