"""world: the account that chaos happens to. It plays init for svcd, keeps what is wanted of each service,
and looks after svcctl's calls. What is done is actions.py's; this knows what must then be so."""

import json
import os
import re
import signal
import subprocess
import time

from svcdtest import BIN, SLOW, SvcdTest, children, command_line, descendants, parent, stat_fields
from witness import Archive, Events, Excuses, Witness

SUBJECT = os.path.join(BIN, "tests/helpers/subject")
CALL_TIMEOUT = 5  # seconds that svcctl is given
CALL_MARGIN = 10  # and what it may take beyond, on a slow machine
FDS_FEW, FDS_EACH = 24, 4  # descriptors of svcd, and for each service

# name: (arguments of subject, more of the definition, states in which it may rest)
ALIVE = ("running", "starting", "backoff", "stopping")
SERVICES = {
    "steady": ("lines=20 hup=catch", {}, ("running",)),
    "client": ("lines=5", {"requires": "[steady]"}, ("running", "waiting")),
    "crasher": ("lines=30 life=100-1500", {}, ALIVE),
    "deaf": ("term=deaf children=2 deaf=1", {"stop": "{timeout: 500ms}"}, ("running",)),
    "forker": ("children=3 lines=5", {}, ("running",)),
    "leaver": ("leave=1 children=2", {"restart": "{delay: 400ms, max_delay: 1s, max_failures: 0}"}, ALIVE),
    "notify": ("ready=100", {"ready": "notify"}, ("running",)),
    "chatty": ("lines=200 burst=1000", {}, ("running",)),
    "looper": ("life=10-50 seed=3", {"restart": "{delay: 100ms, max_delay: 200ms, max_failures: 3}"},
               ALIVE + ("disabled",)),
    "slow": ("term=300", {"monitoring": "{command: [test, '!', -e, %(dir)s/sick], interval: 300ms,"
                                        " timeout: 20s}"}, ("running",)),
}
RESTART = "{delay: 100ms, max_delay: 1s, max_failures: 0}"


class Service:
    """What is wanted of one. None: not known, since a call about it failed or is under way."""

    def __init__(self):
        self.stopped = self.disabled = False
        self.settled_at = None  # down, and said to be: number of runs then
        self.busy = False

    def down(self):
        return self.stopped is True or self.disabled is True

    def unknown(self):
        return self.stopped is None or self.disabled is None


class Call:
    """One svcctl that runs."""

    def __init__(self, proc, argv, verb, names, waits, before):
        self.proc, self.argv, self.verb, self.names = proc, argv, verb, names
        self.waits, self.before = waits, before
        self.until = time.monotonic() + CALL_TIMEOUT + CALL_MARGIN * SLOW


class World(SvcdTest):
    """Not a test: its setting-up, its ways to run svcd and its cleaning-up are those of tests."""

    def runTest(self):
        raise NotImplementedError

    killed = False

    def __init__(self, note, disk):
        super().__init__()
        self.note, self.disk = note, disk
        self.wrong = []
        self.began = time.monotonic()
        self.calls, self.tasks, self.ending = [], [], False
        self.next_gen, self.guests, self.every_guest, self.moved = 0, [], [], 0
        self.down_until, self.trouble = 0.0, set()
        self.services = {n: Service() for n in SERVICES}
        self.gens = dict.fromkeys(SERVICES, 0)
        self.logs, self.broken, self.undefined = "max_size: 64K", False, False
        self.last_runs = {}

    def violation(self, kind, text):
        if len(self.wrong) < 200 and (kind, text) not in [w[:2] for w in self.wrong]:
            at = time.monotonic() - self.began
            self.wrong.append((kind, text, at))
            self.note(f"VIOLATION ({kind}) {text}")

    def later(self, seconds, task):
        """TASK() by a later turn of the driver, or when there is a rest."""
        self.tasks.append((time.monotonic() + seconds, task))

    def due(self, everything=False):
        for row in [t for t in self.tasks if everything or t[0] <= time.monotonic()]:
            self.tasks.remove(row)
            row[1]()

    # ---- the account ----

    def prepare(self):
        self.setUp()
        signal.alarm(0)  # the driver has limits of its own
        self.dir = os.path.join(self.tmp, "witness")
        os.mkdir(self.dir, 0o700)
        self.disk.prepare(self.root)
        os.makedirs(os.path.join(self.root, "config"), mode=0o700, exist_ok=True)
        os.chmod(self.root, 0o700)
        self.witness = Witness(self.dir)
        self.events_file = Events(os.path.join(self.root, "svcd/events.ndjson"))
        self.archive, self.excuses = Archive(), Excuses()
        self.logs_dir = os.path.join(self.root, "logs/services")
        self.define()

    def define(self):
        """Writes the definitions as they are wanted now."""
        lines = ["services:"]
        for name in list(SERVICES) + self.guests:
            args, more, _ = SERVICES.get(name, ("lines=5 children=1", {}, None))
            gen = self.gens.get(name, 0)
            words = [SUBJECT, self.dir, name, *args.split(), f"gen={gen}"]
            lines.append(f"  {name}:")
            lines.append("    command: [" + ", ".join(words) + "]")
            keys = {"restart": RESTART, "log": f"{{{self.logs}, keep: 1000}}", **more}
            lines += [f"    {k}: {v % {'dir': self.dir}}" for k, v in keys.items()]
        if self.broken:
            lines.append("  broken: {comand: [x")
        try:
            self.config("\n".join(lines) + "\n")
            self.undefined = False
        except OSError as e:  # as an editor on a full disk: an empty file, until somebody saves again
            self.note(f"  no room for the definitions: {e}")
            self.undefined = True

    # ---- svcd, as an init system keeps it ----

    def up(self):
        return self.svcd is not None and self.svcd.poll() is None

    def attend(self):
        """Starts svcd when it is down and may come back; judges how it went down."""
        if self.svcd is not None and self.svcd.poll() is not None:
            self._went_down(self.svcd.returncode)
            self.svcd = None
        if self.svcd is None and time.monotonic() >= self.down_until:
            self.ending = False
            self.start(wait=False)

    def _went_down(self, status):
        self.note(f"svcd ended with {status}")
        self.down_until = max(self.down_until, time.monotonic() + 0.2)
        if status == -9 and self.killed:
            pass
        elif status == 0 and self.ending:
            left = [n for n in self._names() if self.witness.holder(n)]
            if left:
                self.violation("the end", f"svcd ended with 0, but something lives of {', '.join(left)}")
            if "disk full" in self.trouble and not self.disk.journal:
                self.excuses.unsaved.append([self.excuses.windows[-1][0], time.time()])
        elif status == -signal.SIGTERM and self.ending and not re.search(
                rf"svcd is up for .* pid {self.svcd.pid}\b", self.stderr()):
            pass  # it had not yet begun to listen to anybody
        elif status == 1 and self.trouble:
            pass  # refused to start, or to go on, and said so
        else:
            self.violation("svcd", f"ended with status {status} by itself (now in force:"
                           f" {', '.join(sorted(self.trouble)) or 'nothing'}):\n{self.stderr()[-1500:]}")
        self.killed = False

    def answered(self):
        """Whether svcd answers just now."""
        try:
            return self.up() and self.answers()
        except (OSError, AssertionError):
            return False

    def kill(self, hold_s=0.0):
        if self.up():
            self.killed = True
            self.svcd.kill()
            self.svcd.wait()
        self.down_until = max(self.down_until, time.monotonic() + hold_s)

    def _names(self):
        return list(SERVICES) + self.guests

    def shim(self, name):
        """The pid of a service's shim, or None. Its title is cut off in a long name only."""
        for p in descendants(os.getpid()):
            if command_line(p) == f"svc-shim {name}":
                return p
        return None

    def nursery(self):
        for p in descendants(os.getpid()):
            if command_line(p).startswith("svc-shim --"):
                return p
        return None

    def reap(self):
        """As pid 1 would. Popen waits for its own."""
        mine = {c.proc.pid for c in self.calls} | ({self.svcd.pid} if self.svcd else set())
        for p in children(os.getpid()):
            fields = stat_fields(p)
            if p not in mine and fields and fields[0] == "Z":
                try:
                    os.waitpid(p, os.WNOHANG)
                except ChildProcessError:
                    pass

    # ---- svcctl ----

    SETS = {"start": ("stopped", False), "restart": ("stopped", False), "stop": ("stopped", True),
            "disable": ("disabled", True), "enable": ("disabled", False)}

    def call(self, verb, names=(), more=(), waits=True):
        """Starts svcctl; `judge` looks at how it ends."""
        argv = [os.path.join(BIN, "svcctl"), f"--timeout={CALL_TIMEOUT}s", verb, *more, *names]
        if not waits:
            argv.append("--no-wait")
        before = {n: (self.services[n].stopped, self.services[n].disabled) for n in names
                  if n in self.services}
        if verb in self.SETS:
            for n in before:
                setattr(self.services[n], self.SETS[verb][0], None)
                self.services[n].settled_at = None
                self.services[n].busy = True
        proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=self.home,
                                stderr=subprocess.PIPE, env=self.environment(), text=True)
        self.calls.append(Call(proc, argv, verb, list(before), waits, before))
        return self.calls[-1]

    def look_at_calls(self):
        for c in list(self.calls):
            if c.proc.poll() is not None:
                self.calls.remove(c)
                self._judge(c, *c.proc.communicate())
            elif time.monotonic() > c.until:
                self.violation("svcctl", f"{' '.join(c.argv[1:])}: no answer, {CALL_MARGIN * SLOW} s beyond"
                               f" its time-out of {CALL_TIMEOUT} s")
                c.proc.kill()
                c.proc.wait()

    def _judge(self, c, out, err):
        status = c.proc.returncode
        said = " ".join(c.argv[1:])
        self.note(f"  {said}: {status} {(err or out).strip().splitlines()[-1:]}")
        if status not in (0, 1, 3, 4, 5, 6) and (c.verb, status) != ("plan", 10):
            self.violation("svcctl", f"{said}: status {status}: {err.strip()[-500:]}")
        elif status in (1, 4, 5, 6) and not (err.strip() or out.strip()):
            self.violation("svcctl", f"{said}: status {status}, and not a word")
        for n in c.names if c.verb in self.SETS else ():
            self._now_wanted(n, c, status)

    def _now_wanted(self, name, c, status):
        s, (key, value) = self.services[name], self.SETS[c.verb]
        s.busy = False
        if status == 0 and not c.waits and "disk full" in self.trouble:
            return  # "requested" promises nothing of what could not be saved
        if status == 0:
            setattr(s, key, value)
            if c.waits and c.verb in ("stop", "disable"):
                s.settled_at = len(self.witness.runs(name))
                self.look_at_stopped(name)
        elif status == 1 and c.verb in ("start", "restart") and c.before[name][1] is True:
            setattr(s, key, c.before[name][0])  # refused: it is disabled

    def look_at_stopped(self, name):
        """A service that was said to be down has nothing that lives, and begins no run."""
        s = self.services[name]
        if s.settled_at is None or not s.down():
            return
        holder, runs = self.witness.holder(name), self.witness.runs(name)
        if len(runs) > s.settled_at:
            self.violation("stopped stays stopped", f"{name}: was down, yet run {runs[-1]} began")
        elif holder:
            self.violation("nothing left after stop",
                           f"{name}: said to be down, but something of run {holder} lives: "
                           + "; ".join(f"{p} (parent {parent(p)}) {command_line(p)[-60:]}"
                                       for p in descendants(os.getpid()) if f" {name} " in command_line(p)))
        s.settled_at = len(runs)

    # ---- always, and at rest ----

    def tick(self):
        """What goes on beside the actions: every few milliseconds."""
        self.due()
        self.attend()
        self.look_at_calls()
        self.reap()
        for name in self.services:
            self.look_at_stopped(name)
        for v in self.witness.violations():
            self.violation("one run at a time", v)
        self.events_file.poll()

    def wait(self, condition, limit, what, kind):
        """Until CONDITION() is true or the limit has passed, which is a violation. Returns the value."""
        end = time.monotonic() + limit * SLOW
        while True:
            self.tick()
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                self.violation(kind, f"after {limit * SLOW} s: {what() if callable(what) else what}")
                return None
            time.sleep(0.02)

    def ask(self, *argv):
        """svcctl at once, its JSON; None if it did not answer."""
        try:
            r = self.run_svcctl(f"--timeout={CALL_TIMEOUT}s", "--json", *argv,
                                timeout=CALL_TIMEOUT + CALL_MARGIN)
        except subprocess.TimeoutExpired:
            self.violation("svcctl", f"{' '.join(argv)}: no answer")
            return None
        if r.status not in (0, 3):
            return None
        return json.loads(r.out)

    def obey(self, verb, *names):
        """A command that must succeed in the end, since nothing stands against it now. Not one that waits:
        what the service requires may be down."""
        done = {}

        def once():
            if "call" not in done:
                done["call"] = self.call(verb, names, waits=False)
            if done["call"] in self.calls:
                return False
            return done.pop("call").proc.returncode == 0
        self.wait(once, 60, f"svcctl {verb} {' '.join(names)} does not succeed", "rest")

    def misfits(self):
        """Services that are not as they should be by now, with what they are."""
        status = self.ask("status")
        if status is None:
            return {"svcd": "no answer"}
        found = {s["name"]: s for s in status}
        wrong = {}
        for name in self._names():
            s, wanted = found.get(name), self.services.get(name)
            rest = SERVICES[name][2] if name in SERVICES else ("running",)
            if s is None:
                wrong[name] = "not there"
            elif wanted and wanted.down():
                # It may have failed once too often just before it was to stop: then it is that, too.
                failed = s["state"] in rest and s["disabled_cause"] == "failures"
                if s["state"] != ("disabled" if wanted.disabled else "stopped") and not failed:
                    wrong[name] = s["state"]
            elif name == "client" and self.services["steady"].down():
                if s["state"] != "waiting":
                    wrong[name] = s["state"]
            elif s["state"] not in rest or (s["state"] == "disabled" and s["disabled_cause"] != "failures"):
                wrong[name] = f"{s['state']} ({s.get('note')})"
            elif rest == ("running",) and not str(self.witness.holder(name)).startswith(f"{s['pid']}."):
                wrong[name] = f"pid {s['pid']}, but the run that lives is {self.witness.holder(name)}"
            if s and s["run"] is not None:
                if s["run"] < self.last_runs.get(name, 0):
                    self.violation("run numbers", f"{name}: run {s['run']} after {self.last_runs[name]}")
                self.last_runs[name] = s["run"]
        for name in set(found) - set(self._names()):
            wrong[name] = "still there"
        return wrong

    def growth(self):
        """Descriptors that pile up, zombies that nobody reaps: in svcd, in shims."""
        wrong = []
        if not self.up():
            return ["svcd is down"]
        for p in [self.svcd.pid] + descendants(os.getpid()):
            is_shim = command_line(p).startswith("svc-shim")
            if p != self.svcd.pid and not is_shim:
                continue
            limit = 16 if is_shim else FDS_FEW + FDS_EACH * len(self._names())
            try:
                n = len(os.listdir(f"/proc/{p}/fd"))
            except OSError:
                continue
            if n > limit:
                wrong.append(f"{n} descriptors in {command_line(p)[-60:]} ({p})")
            for c in children(p):
                fields = stat_fields(c)
                if fields and fields[0] == "Z":
                    wrong.append(f"a zombie, {c}, child of {command_line(p)[-60:]} ({p})")
        return wrong
