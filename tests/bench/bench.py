"""bench: figures, as ratios of one run.

    bench.py [--rounds N] [--rows WORD,…] [--write]

The machines are shared and noisy, so no figure stands alone: in each round all subjects of a row are measured
one after the other, each round begins with another one, and what counts is a subject's ratio to the row's
base in the same round, the median over the rounds. Nothing here is a test.

A row is a function below rows_*.py with @row; its comment says how it is measured. It gets a Bench and returns
{subject: callable}; a callable measures once and returns a number (or a dict of numbers: then each key is a line of
its own). One that has `rounds` is measured in so many only.
"""

import argparse
import atexit
import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests/helpers"))
sys.path.insert(0, HERE)

ROWS = []


class Row:
    def __init__(self, name, about, unit, targets, measure):
        self.name, self.about, self.unit, self.targets, self.measure = name, about, unit, targets, measure
        self.how = " ".join((measure.__doc__ or "").split())  # how it is measured, for the report


def row(name, about, unit, targets=()):
    """TARGETS: (subject, ">=" or "<=", number, base); base None: the number itself, not a ratio."""
    def add(measure):
        ROWS.append(Row(name, about, unit, targets, measure))
        return measure
    return add


class Missing(Exception):
    """A program that this subject needs is not installed."""


class Bench:
    """What a row needs: a folder that is empty for each measurement, and programs."""

    def __init__(self, build, scale):
        self.build = build
        self.scale = scale  # of the amounts of work; 1 = as the figures were meant
        self.folder = self.run = None  # run: what a reboot may take, in memory as /run is
        self.keeps = False  # the folder, until the end of it all
        self.kept = []
        atexit.register(lambda: [shutil.rmtree(f, ignore_errors=True) for f in self.kept])

    def program(self, name):
        path = shutil.which(name, path=os.environ["PATH"] + ":/command:/usr/sbin:/sbin")
        if not path:
            raise Missing(f"{name} is not installed (make bench-deps)")
        return path

    def built(self, name):
        return os.path.join(self.build, name)

    def fresh(self):
        self.done()
        os.sync()  # what was there before has its writing done, so that nobody measures it
        self.folder = tempfile.mkdtemp(prefix="svcd-bench-", dir=os.environ.get("BENCH_DIR", "/var/tmp"))
        self.run = tempfile.mkdtemp(prefix="svcd-bench-", dir="/dev/shm")
        return self.folder

    def done(self):
        if self.run:
            shutil.rmtree(self.run, ignore_errors=True)
        self.run = None
        if self.folder and self.keeps:
            self.kept.append(self.folder)
        elif self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder = None


def measure_row(bench, r, rounds, say):
    """{subject: [a number of each round]}, {subject: why it is missing}"""
    values, missing = {}, {}
    subjects = r.measure(bench)
    names = list(subjects)
    for i in range(rounds):
        for name in names[i % len(names):] + names[:i % len(names)]:
            if name in missing or i >= (getattr(subjects[name], "rounds", None) or rounds):
                continue
            begun = time.monotonic()
            try:
                bench.keeps = getattr(subjects[name], "keeps", False)
                bench.fresh()
                got = subjects[name]()
            except Missing as e:
                missing[name] = str(e)
                continue
            except (OSError, subprocess.SubprocessError) as e:  # one subject's trouble is not the others'
                missing[name] = f"failed: {e}"
                continue
            finally:
                bench.done()
            for key, value in (got if isinstance(got, dict) else {"": got}).items():
                values.setdefault(f"{name}{': ' if key else ''}{key}", []).append(value)
            say(f"    {r.name}: {name}: {time.monotonic() - begun:.0f} s")
        say(f"  {r.name}: round {i + 1} of {rounds}")
    return values, missing


def main():
    parser = argparse.ArgumentParser(description="figures of svcd, as ratios of one run")
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", default="", help="only rows whose name has one of these words in it")
    parser.add_argument("--scale", type=float, default=1, help="of the amounts of work")
    parser.add_argument("--write", action="store_true", help="into RESULTS.md")
    options = parser.parse_args()
    for signo in signal.SIGINT, signal.SIGTERM:  # however it is ended, what it has started ends too
        signal.signal(signo, lambda *_: sys.exit(1))
    os.environ["SVCD_BIN"] = os.path.abspath(options.build)
    sys.modules["bench"] = sys.modules["__main__"]
    for name in sorted(os.listdir(HERE)):
        if name.startswith("rows_") and name.endswith(".py"):
            importlib.import_module(name[:-3])
    bench = Bench(os.path.abspath(options.build), options.scale)
    words = [w for w in options.rows.split(",") if w]
    results, begun = [], time.monotonic()
    for r in ROWS:
        if words and not any(w in r.name for w in words):
            continue
        try:
            results.append((r, *measure_row(bench, r, options.rounds, lambda t: print(t, file=sys.stderr, flush=True))))
        except Exception:  # one row's trouble is not the others'
            traceback.print_exc()
    from results import report
    text = report(results, options.rounds, time.monotonic() - begun)
    print(text)
    if options.write:
        with open(os.path.join(HERE, "RESULTS.md"), "w", encoding="utf-8") as f:
            f.write("# Results of `make bench`\n\n" + text)


if __name__ == "__main__":
    main()
