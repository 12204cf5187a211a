"""witness: what a supervised program saw (tests/helpers/subject.c), compared with what svcd says of it.

Used by tests/chaos and tests/fault. Everything here looks from outside: at the files that the program
leaves in a folder of its own, and at the logs and events that svcd promises. Functions that check return
a list of sentences, each one a violation; an empty list is good news.
"""

import datetime
import fcntl
import json
import os
import re
import struct
import time
from collections import defaultdict

import logfiles

LOOKED_AT = 48 * 1024  # supervisord/rescue.h: RESCUE_LOG_BYTES, less the longest line
COUNT = struct.Struct("=qqqq")  # struct count of subject.c
FLOCK = struct.Struct("hhqqi4x")  # struct flock, 64 bit
FILL = "abcdefghijklmnopqrstuvwxyz" * 2
SUBJECT = re.compile(r"(\d+\.\d+) (\d+) (\w*)\.")
ENTRY = re.compile(r"(\d{4}-\d\d-\d\dT\S+) (svcd|out|err|mon) ?(.*)", re.DOTALL)
PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)')


def pairs(text):
    return dict(PAIR.findall(text))


# ---- what the program left ----

class Witness:
    def __init__(self, folder):
        self.folder = folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def _read(self, name, mode="r"):
        try:
            with open(self.path(name), mode) as f:
                return f.read()
        except FileNotFoundError:
            return b"" if "b" in mode else ""

    def violations(self):
        return [f"two runs at once: {line}" for line in self._read("violations").splitlines()]

    def runs(self, name):
        """`PID.TICKS` of each run that got as far as saying so, oldest first."""
        return self._read(name + ".runs").split()

    def counts(self, name):
        """{PID.TICKS: (lines to stdout, lines to stderr)}"""
        data = self._read(name + ".counts", "rb")
        found = {}
        for at in range(0, len(data) - COUNT.size + 1, COUNT.size):
            pid, ticks, out, err = COUNT.unpack_from(data, at)
            found[f"{pid}.{ticks}"] = (out, err)
        return found

    def holder(self, name):
        """`PID.TICKS` of the run that lives, or of which something lives, `?` before it has said so; None if there is
        none."""
        try:
            fd = os.open(self.path(name + ".lock"), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            # Asked, not taken: a run that begins now must not stumble over this.
            asked = FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            if FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_OFD_GETLK, asked))[0] == fcntl.F_UNLCK:
                return None
            return os.pread(fd, 64, 0).decode() or "?"
        finally:
            os.close(fd)

    def main_pid(self, name):
        """Of the run that lives, or of which something lives; None too while it has not said who it is."""
        pid = (self.holder(name) or "?").partition(".")[0]
        return int(pid) if pid != "?" else None


# ---- events.ndjson as it grows ----

class Events:
    """Follows ROOT/svcd/events.ndjson through its rotation. Call poll() often enough that the file is
    not rotated twice in between (5 MB each)."""

    def __init__(self, path):
        self.path, self.file, self.rest = path, None, b""
        self.found, self.wrong = [], []

    def _take(self):
        data = self.rest + self.file.read()
        *lines, self.rest = data.split(b"\n")
        for line in lines:
            try:
                self.found.append(json.loads(line))
            except ValueError:
                self.wrong.append(f"events.ndjson: a line that is no JSON: {line[:200]!r}")

    def poll(self):
        while True:
            if self.file:
                self._take()
            try:
                now = os.stat(self.path)
            except FileNotFoundError:
                return
            if self.file:
                mine = os.fstat(self.file.fileno())
                if (mine.st_dev, mine.st_ino) == (now.st_dev, now.st_ino):
                    return
                self._take()
                self.file.close()
            try:
                self.file = open(self.path, "rb")
            except FileNotFoundError:  # rotated since
                self.file = None
                return

    def of(self, name, event):
        return [e for e in self.found if e.get("service") == name and e.get("event") == event]

    def close(self):
        if self.file:
            self.file.close()
            self.file = None


# ---- logs, those that were taken away too ----

class Archive:
    """Log folders that were deleted or moved: their files stay open, so that what a shim writes into
    them before it notices can still be read."""

    def __init__(self):
        self.sets = []  # one for each folder: {file name: file object}

    def keep(self, folder):
        files = {}
        for n in sorted(os.listdir(folder)):
            files[n] = open(os.path.join(folder, n), "rb")
        self.sets.append(files)

    def texts(self, name):
        """(number of the folder, text) of each file."""
        for i, files in enumerate(self.sets):
            for n in logfiles.in_order(name, files):
                files[n].seek(0)
                yield i, logfiles.unpacked(n, files[n].read())

    def close(self):
        for files in self.sets:
            for f in files.values():
                f.close()


def _patiently(name, folder):
    for _ in range(1000):
        texts = logfiles.at_one_instant(name, folder)
        if texts is not None:
            return texts
        time.sleep(0.01)
    raise TimeoutError(f"{folder}: the log of {name} was rotated at each of 1000 looks")


class Log:
    """All lines of one service's log, taken apart: entries are (time, source, text), malformed lines
    (time of the line before, text); `folders` has for each entry the number of the folder it was in."""

    def __init__(self, name, folder, archive=None):
        self.name, self.entries, self.folders, self.malformed = name, [], [], []
        self.bytes, self.offsets = 0, []  # of each entry, over all files
        for i, data in archive.texts(name) if archive else ():
            self._add(data, i)
        for text in _patiently(name, folder):
            self._add(text, -1)

    def _add(self, data, folder):
        at = None
        for line in data.decode(errors="replace").split("\n"):
            self.bytes += len(line) + 1
            m = ENTRY.fullmatch(line)
            if m:
                at = datetime.datetime.fromisoformat(m[1]).timestamp()
                self.entries.append((at, m[2], m[3]))
                self.folders.append(folder)
                self.offsets.append(self.bytes)
            elif line:
                self.malformed.append((at, line))

    def told(self, event):
        """The key=value pairs of svcd's lines that begin with EVENT."""
        return [pairs(text) for _, source, text in self.entries
                if source == "svcd" and text.startswith(event + " ")]

    def out_of_sight(self, event, run):
        """Whether it is told twice of a run, and the first time could not be seen at the second: the log was taken
        away between the two, or so much was written that nobody looks so far back."""
        found = [i for i, (_, source, text) in enumerate(self.entries)
                 if source == "svcd" and text.startswith(f"{event} run={run} ")]
        return len(found) == 2 and (self.folders[found[0]] != self.folders[found[1]] or
                                    self.offsets[found[1]] - self.offsets[found[0]] > LOOKED_AT)

    def suppressed(self):
        """How many lines log.rate_limit has cost, as the log says."""
        return sum(int(p.get("suppressed", 0)) for p in self.told("lines"))

    def lost(self, events):
        """How many lines are said to be missing: by the log, or, of its very end, by the events."""
        return max(sum(int(p.get("lost", 0)) for p in self.told("lines")),
                   sum(int(e.get("lost", 0)) for e in events.of(self.name, "lines lost")))


# ---- what must be so ----

class Excuses:
    """What was done to a service that its contract allows to cost something.
    torn     runs (PID.TICKS) whose shim was killed: what it held of their output is gone,
             and with a full disk the ends of the runs that only it and svcd knew of
    unseen   services whose shim was killed while its record was deleted, or had gone and its record was: what
             had happened since svcd could save something is told by the log alone, if that is where it was
    unsaved  [from, to] of wall time in which nothing could be saved at all, at the end of which svcd was told to end:
             of a service's runs it knows the last, from its shim's record
    windows  [from, to] of wall time in which nothing could be written: lines may be missing
    counting lines may be missing at any time, if it is told how many"""

    def __init__(self, slack_s=3, counting=False):
        self.torn, self.unseen, self.unsaved = defaultdict(set), set(), []
        self.windows, self.slack, self.counting = [], slack_s, counting

    def full(self, begin, end=None):
        """Whether the time from BEGIN to END touches a window. None: not known, any window will do."""
        if begin is None:
            return bool(self.windows)
        end = begin if end is None else end
        return any(a - self.slack <= end and begin <= (b or time.time()) + self.slack
                   for a, b in self.windows)

    def forgotten(self, at):
        return at is not None and any(a <= at <= b for a, b in self.unsaved)


class Output:
    """The check of one service's numbered lines: all there, in order, once, unchanged."""

    def __init__(self, log, events, counts, excuses):
        self.log, self.name, self.excuses = log, log.name, excuses
        self.told = log.lost(events) + log.suppressed()
        self.counting = excuses.counting or log.suppressed() > 0
        self.counts = counts
        self.wrong, self.gaps, self.missing = [], [], 0
        self.last = defaultdict(lambda: [0, 0])
        self.last_at = {}

    def check(self):
        for at, source, text in self.log.entries:
            if source in ("out", "err") and not text.startswith("subject: "):
                self._line(at, source, text)
        for run, written in self.counts.items():
            for which in (0, 1):
                self._tail(run, which, written[which])
        for at, line in self.log.malformed:
            if not self.excuses.torn[self.name] and not self.excuses.full(at):
                self.wrong.append(f"{self.name}: no line of a log: {line[:200]!r}")
        if not self.counting:
            self.wrong += self.gaps
        if self.missing > self.told and not self.excuses.torn[self.name]:
            self.wrong += self.gaps if self.counting else []
            self.wrong.append(f"{self.name}: {self.missing} lines are missing, {self.told} are told of")
        return self.wrong

    def _line(self, at, source, text):
        m = SUBJECT.fullmatch(text)
        if not m or m[3] != FILL[:int(m[2]) * 7 % 50]:
            if not self.excuses.torn[self.name] and not self.excuses.full(at):
                self.wrong.append(f"{self.name}: not as it was written: {when(at)} {source} {text[:100]!r}")
            return
        run, n, which = m[1], int(m[2]), int(source == "err")
        last = self.last[run][which]
        if n <= last:
            self.wrong.append(f"{self.name}: run {run}: {source} line {n} after {last} ({when(at)})")
        elif n > last + 1:
            self.missing += n - last - 1
            if not self.excuses.full(self.last_at.get(run), at):
                self.gaps.append(f"{self.name}: run {run}: {source} lines {last + 1} to {n - 1} are missing"
                                  f" (before {when(at)})")
        self.last[run][which] = max(n, last)
        self.last_at[run] = at

    def _tail(self, run, which, written):
        there, source = self.last[run][which], ("out", "err")[which]
        if there > written + 1:
            self.wrong.append(f"{self.name}: run {run}: {source} line {there}, but {written} were written")
        if there < written and run not in self.excuses.torn[self.name]:
            self.missing += written - there
            if not self.excuses.full(self.last_at.get(run)):
                self.gaps.append(f"{self.name}: run {run}: the last {written - there} of {written}"
                                  f" {source} lines are missing")


def when(at):
    return datetime.datetime.fromtimestamp(at).isoformat(timespec="milliseconds")


def check_numbers(log, events, excuses):
    """Run numbers only grow, and no start is told twice."""
    wrong = []
    for where, told in (("log", log.told("started")), ("events", events.of(log.name, "started"))):
        last, last_pid = 0, None
        for p in told:
            run = int(p["run"])
            gone = where == "log" and log.name in excuses.unseen and log.out_of_sight("started", run)
            if run <= last and not gone:
                wrong.append(f"{log.name}: {where}: started run={run} pid={p.get('pid')} after"
                             f" run={last} pid={last_pid}")
            last, last_pid = max(run, last), p.get("pid")
    return wrong


def check_exits(log, events, runs, excuses):
    """Each end is on record once, in the log and in the events; each run of which the program knows has
    its start on record. To be called when nothing runs any more."""
    name, wrong = log.name, []
    torn = {r.split(".")[0] for r in excuses.torn[name]}
    started = {int(p["run"]): p.get("pid") for p in log.told("started")}
    began = {int(pairs(text)["run"]): at for at, source, text in log.entries
             if source == "svcd" and text.startswith("started run=")}
    ended = {}  # from when to when it may have been: of one that nobody saw, svcd knows when it learned of it
    for e in events.of(name, "exited"):
        at = datetime.datetime.fromisoformat(e["at"]).timestamp()
        ended[int(e["run"])] = (began.get(int(e["run"])) if e.get("lost") else at, at)
    for e in events.of(name, "started"):
        started.setdefault(int(e["run"]), str(e.get("pid")))
    for where, told in (("log", log.told("exited")), ("events", events.of(name, "exited"))):
        ends = defaultdict(int)
        for p in told:
            ends[int(p["run"])] += 1
        for run, n in sorted(ends.items()):
            gone = where == "log" and name in excuses.unseen and log.out_of_sight("exited", run)
            if n > 1 and not gone:
                wrong.append(f"{name}: {where}: the end of run {run} is told {n} times")
        for run, pid in sorted(started.items()):
            if where == "log" and (excuses.full(*ended.get(run, (None,))) or excuses.counting and log.lost(events)):
                continue  # such a line may be among those
            if where == "events" and torn and (pid in torn or excuses.full(began.get(run))) and excuses.windows:
                continue  # svcd could not save what it and a shim alone knew, and both died
            if where == "events" and excuses.forgotten(began.get(run)):
                continue
            if run not in ends:
                wrong.append(f"{name}: {where}: the end of run {run} (pid {pid}) is not on record")
    pids = {str(p) for p in started.values()}
    for run in runs:
        pid = run.split(".")[0]
        if pid not in pids and pid not in torn and not excuses.windows:
            wrong.append(f"{name}: run {run} is not on record as started")
    return wrong
