"""fault: the matrix of cases, each a life with one fault in it. See README.md.

    fault.py [--cases PATTERN...] [--sample N] [--seed S] [--jobs N] [--list]

Without --cases: the cases of found.txt and a sample of N of all others, drawn by the seed. One TAP line a
case.
"""

import argparse
import concurrent.futures
import fnmatch
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "helpers"))
sys.path.insert(0, HERE)

from inject import Case, matrix
from svcdtest import BIN, descendants, kill_if_there, sanitized


ENDING = []  # not empty: no life is begun any more


def one(case, who=None):
    """One life in a process of its own, since each wants to be a subreaper. Returns what it printed, and
    what to say if that is no verdict."""
    if ENDING:
        return "", "it was not begun any more"
    argv = [sys.executable, "-B", os.path.abspath(__file__), "--one", str(case or who)]
    r = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    said = r.stderr.strip() or r.stdout.strip() or "nothing"
    return r.stdout, f"it ended with {r.returncode}, and said: {said[-3000:]}"


def child(what):
    from life import Life
    life = Life()
    case = Case.parse(what) if ":" in what else None
    wrong, outcome, evidence = life.live(case, None if case else what)
    print(json.dumps({"wrong": wrong, "outcome": outcome, "evidence": evidence, "calls": life.calls,
                      "deaths": life.deaths, "refusals": life.refusals[-3:]}))


def run(case=None, who=None):
    text, otherwise = one(case, who)
    try:
        return json.loads(text.splitlines()[-1])
    except (ValueError, IndexError):
        return {"wrong": [f"the test itself: {otherwise}"], "outcome": "?", "evidence": "", "calls": None,
                "deaths": [], "refusals": []}


def record(pool):
    """All cases there are, by lives without a fault."""
    whos = ["svcd", "next", "shim", "alloc-svcd", "alloc-next"]
    cases, wrong = [], []
    for who, r in zip(whos, pool.map(lambda w: run(who=w), whos)):
        if r["wrong"] or not r["calls"]:
            wrong.append(f"a life without a fault ({who}): {r['wrong']}\n{r['evidence']}")
            continue
        cases += matrix(who.removeprefix("alloc-"), r["calls"])
    return cases, wrong


def found():
    with open(os.path.join(HERE, "found.txt"), encoding="utf-8") as f:
        return [line.split("#")[0].strip() for line in f if line.split("#")[0].strip()]


def end_now(*_):
    """At once, lives that are under way included: they are all below this process."""
    ENDING.append(True)
    end = time.monotonic() + 0.3  # for one that another thread was about to begin
    while descendants(os.getpid()) or time.monotonic() < end:
        for p in descendants(os.getpid()):
            kill_if_there(p)
    os._exit(143)


def why_not():
    if sanitized():
        return "sanitizers and ptrace get in each other's way, and libasan has its own malloc"
    if not shutil.which("strace"):
        return "there is no strace"
    probe = subprocess.run(["strace", "-D", "-q", "-o", "/dev/null", "-e", "trace=none", "true"],
                           capture_output=True, text=True, check=False)
    return f"strace cannot trace here: {probe.stderr.strip()[:200]}" if probe.returncode else None


def main():
    parser = argparse.ArgumentParser(description="each call fails once")
    parser.add_argument("--cases", nargs="*", default=[])
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--sample", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--one")
    args = parser.parse_args()
    os.environ["SVCD_BIN"] = os.path.abspath(BIN)
    signal.signal(signal.SIGTERM, end_now)
    if args.one:
        return child(args.one)
    no = why_not()
    if no:
        print(f"ok 1 - fault # SKIP {no}")
        return 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        everything, wrong = record(pool)
        for i, text in enumerate(wrong):
            print(f"{text}\nnot ok {i} - a life without a fault", flush=True)
        return report(pool, args, everything) or bool(wrong)


def chosen(args, everything):
    names = [str(c) for c in everything]
    if args.cases:
        return [c for c, n in zip(everything, names) if any(fnmatch.fnmatch(n, p) for p in args.cases)]
    if args.all:
        return everything
    always = [c for c, n in zip(everything, names) if any(fnmatch.fnmatch(n, p) for p in found())]
    rest = sorted(set(everything) - set(always), key=str)
    # A call that is made a hundred times is not a hundred times as likely: one is drawn of each kind. Each kind for
    # itself: that a call was made once more or less than last time, or not at all, changes nothing for the others.
    kinds = {}
    for c in rest:
        kinds.setdefault((c.who, c.what, c.how), []).append(c)

    def drawn(*of):
        return random.Random(f"{args.seed} {os.getuid()} {of}").random()
    picked = sorted(kinds, key=lambda k: drawn("kind", *k))[:args.sample]
    return always + [sorted(kinds[k], key=lambda c: c.n)[int(drawn("case", *k) * len(kinds[k]))] for k in picked]


def report(pool, args, everything):
    cases, failed, outcomes = chosen(args, everything), 0, {}
    if args.list:
        print("\n".join(map(str, cases)))
        return 0
    for i, (case, r) in enumerate(zip(cases, pool.map(run, cases)), 1):
        outcomes[r["outcome"]] = outcomes.get(r["outcome"], 0) + 1
        if r["wrong"]:
            failed += 1
            print(r["evidence"])
            print("\n".join(f"# because: {w}" for w in r["wrong"][:20]))
        about = "; ".join(r["deaths"][:2] + r["refusals"][:2])
        print(f"{'not ok' if r['wrong'] else 'ok'} {i} - {case} ({r['outcome']})", flush=True)
        if about and args.cases:
            print(f"#    {about[:400]}", flush=True)
    print(f"# of {len(everything)} cases {len(cases)} were run: " +
          ", ".join(f"{n} {o}" for o, n in sorted(outcomes.items())))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
