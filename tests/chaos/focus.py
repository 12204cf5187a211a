"""focus: what is printed of a failed chaos: so much that it can be understood from that alone. For a violation
that names a service and a run: what was done, and what the log, the events and svcd.log say, around the
times at which that run is told of. For others: what was done just before."""

import datetime
import json
import os
import re

AROUND_S = 2.0
LINES = 60
NAMED = re.compile(r"(?P<name>[a-z][a-z0-9-]*): .*?\brun[ =](?P<run>\d+)(?:\.\d+)?\b")


def _time(text):
    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def _svcd_log(root):
    for n in ("svcd.log.1", "svcd.log"):
        path = os.path.join(root, "svcd", n)
        if os.path.exists(path):
            with open(path, errors="replace", encoding="utf-8") as f:
                yield from f


class Focus:
    """STORY's lines, of which those about actions and notes say when; BEGIN is the wall time of their zero."""

    def __init__(self, story, begin, root):
        self.story, self.begin, self.root = story, begin, root

    def _stories(self):
        """(seconds, line)"""
        at = 0.0
        for line in self.story:
            if line.startswith("{"):
                at = json.loads(line)["t"]
            elif m := re.match(r"# +(\d+\.\d+) ", line):
                at = float(m[1])
            yield at, line

    def before(self, seconds):
        return [line for at, line in self._stories() if at <= seconds][-LINES:]

    def around(self, log, events, run):
        """RUN: its number, or the pid of its main process."""
        said = [(at, folder, f"{source} {text}") for (at, source, text), folder in zip(log.entries, log.folders)
                if source == "svcd"]
        mine = [e for e in events.found if e.get("service") == log.name]
        times = [at for at, _, text in said if re.search(rf"\b(run|pid)={run}\b", text)]
        times += [_time(e["at"]) for e in mine if str(run) in (str(e.get("run")), str(e.get("pid")))]

        def near(at):
            return at is not None and any(abs(at - t) <= AROUND_S for t in times)
        out = [f"---- around what is told of run {run} of {log.name}"]
        out += [line for at, line in self._stories() if near(self.begin + at)][:2 * LINES]
        out.append(f"---- its log (folder -1 is the one that is there), and its events, then svcd.log; from {len(times)} places")
        out += [f"{folder:3} {datetime.datetime.fromtimestamp(at).isoformat(timespec='milliseconds')} {text[:160]}"
                for at, folder, text in said if near(at)][:LINES]
        out += [json.dumps(e)[:200] for e in mine if near(_time(e["at"]))][:LINES]
        out += [line.rstrip()[:200] for line in _svcd_log(self.root)
                if near(_time(line.split(" ", 1)[0])) and
                (f" {log.name}: " in line or re.search(r" svcd: [^:]*$| is up | cannot | can be ", line))][:LINES]
        return out

    def of(self, text, seconds, log_of, events):
        m = NAMED.search(text)
        if m:
            try:
                return self.around(log_of(m["name"]), events, int(m["run"]))
            except OSError:
                pass
        return ["---- before that"] + self.before(seconds)
