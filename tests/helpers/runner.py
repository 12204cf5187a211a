"""runner: runs the tests of one group, counts them, and shows what a failed one printed.

    runner.py --build DIR --results DIR [--jobs N] GROUP [PROGRAM or TEST...]

Groups: unit (cmocka programs), sim (one test a seed), fuzz (one test a corpus), golden, blackbox (Python
files; as root each runs twice, as root and as an unprivileged user, see --once), chaos (tests/chaos/chaos.py with the
arguments given after `--`, as both users too; one test a guarantee), fault (tests/fault/fault.py likewise; one
test a case), command (`command NAME -- CMD...`,
one test) and totals, which sums up what the others left in the results folder.

Every program has a time limit and is ended together with all that it started: the runner is a
subreaper, so that even a daemon comes back to it. For a file of Python tests and for a check of the
sources it is counted from one sign of life to the next: each test has a limit of its own, and how many a
file has must not matter on a slow machine. What counts as one test: a test function, a case, a seed, a
corpus, a check.
"""

import argparse
import concurrent.futures
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
PR_SET_CHILD_SUBREAPER = 36
UNPRIVILEGED = "nobody"
LIMITS = {"unit": 120, "sim": 600, "fuzz": 120, "golden": 300, "blackbox": 900, "command": 300,
          "chaos": 900, "fault": 900}


class Outcome:
    """What one program did: how many of its tests passed, and which did not."""

    def __init__(self, name):
        self.name, self.passed, self.failed, self.skipped = name, 0, [], []
        self.output, self.seconds = "", 0.0


def children(pid):
    """The direct children of a process, all its threads' ones."""
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                found += [int(p) for p in f.read().split()]
    except OSError:
        pass
    return found


def end_tree(pid):
    """Kills a process and all that descends from it, children first found, first killed."""
    for child in children(pid):
        end_tree(child)
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def ended(proc, limit, out, signs):
    """Its status; None after LIMIT seconds. SIGNS: after as many in which nothing more came into OUT."""
    size, end = 0, time.monotonic() + limit
    while True:
        try:
            return proc.wait(min(limit, 1))
        except subprocess.TimeoutExpired:
            now = os.fstat(out.fileno()).st_size
            if signs and now != size:
                size, end = now, time.monotonic() + limit
            if time.monotonic() >= end:
                return None


def execute(argv, limit, env=None, cwd=None, preexec=None, signs=False):
    """Runs a program; returns (status, output). Status None: it was ended at the time limit (see ended)."""
    with tempfile.TemporaryFile() as out:
        proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                env=env, cwd=cwd, preexec_fn=preexec, start_new_session=True)
        status = ended(proc, limit, out, signs)
        if status is None:
            end_tree(proc.pid)
            proc.wait()
        out.seek(0)
        return status, out.read().decode(errors="replace")


def judge(outcome, status, limit):
    """A program that was ended, or that failed without naming a test, is a failed test itself."""
    if status is None:
        outcome.failed.append(f"{outcome.name}: not done {limit} s after its start, or its last sign of life")
    elif status != 0 and not outcome.failed:
        how = f"signal {-status}" if status < 0 else f"status {status}"
        outcome.failed.append(f"{outcome.name}: ended with {how}")
    elif outcome.passed + len(outcome.failed) + len(outcome.skipped) == 0:
        outcome.failed.append(f"{outcome.name}: ran no test")
    return outcome


def run_tap(program, limit):
    """A program that prints TAP (`ok 1 - name`, `not ok 2 - name`)."""
    name = os.path.basename(program)
    outcome = Outcome(name)
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    status, outcome.output = execute([program], limit, env)
    for line in outcome.output.splitlines():
        m = re.match(r"(not )?ok \d+(?: -)? (.*)", line)
        if not m:
            continue
        if "# SKIP" in m[2]:
            outcome.skipped.append(f"{name}: {m[2]}")
        elif m[1]:
            outcome.failed.append(f"{name}: {m[2]}")
        else:
            outcome.passed += 1
    return judge(outcome, status, limit)


def run_sim(program, limit):
    """The simulation says `sim: N events, seeds A..B, ok`; each seed is a test."""
    outcome = Outcome(os.path.basename(program))
    status, outcome.output = execute([program], limit)
    m = re.search(r"^sim: (\d+) events, seeds (\d+)\.\.(\d+), ok$", outcome.output, re.MULTILINE)
    if status == 0 and m:
        outcome.passed = int(m[3]) - int(m[2]) + 1
        if int(m[1]) < 10**6:
            outcome.failed.append(f"sim: only {m[1]} events")
    return judge(outcome, status, limit)


def run_fuzz(program, limit):
    """The replay of tests/fuzz/corpus/NAME: one test."""
    name = os.path.basename(program)
    outcome = Outcome(name)
    corpus = os.path.join(TOP, "tests/fuzz/corpus", name.removeprefix("fuzz_"))
    status, outcome.output = execute([program, corpus], limit)
    outcome.passed = int(status == 0)
    return judge(outcome, status, limit)


def run_command(name, argv, limit):
    """77 is "skipped", as elsewhere."""
    outcome = Outcome(name)
    status, outcome.output = execute(argv, limit, signs=True)
    outcome.passed = int(status == 0)
    if status == 77:
        last = outcome.output.strip().splitlines()[-1:]
        outcome.skipped.append(f"{name}: {''.join(last)}")
        status = 0
    return judge(outcome, status, limit)


def run_python(argv, name, limit, env, preexec=None, cwd=None):
    """A file of unittest tests, run by pyrun.py, which prints one TAP line a test, and above one that failed the
    reason in a line: that goes with the test's name, so that the end of a long output says what was wrong."""
    outcome, because = Outcome(name), []
    status, outcome.output = execute(argv, limit, env, cwd, preexec, signs=True)
    for line in outcome.output.splitlines():
        if line.startswith("# because: "):
            because.append(line.removeprefix("# because: ")[:300])
        m = re.match(r"(not )?ok \d+ - (.*?)(?: # SKIP (.*))?$", line)
        if m and m[3] is not None:
            outcome.skipped.append(f"{name}: {m[2]}: {m[3]}")
        elif m and m[1]:
            outcome.failed.append(": ".join([f"{name}: {m[2]}", *because[:2]]))
        elif m:
            outcome.passed += 1
        because = [] if m else because
    return judge(outcome, status, limit)


def stage(build):
    """A copy of programs and tests that an unprivileged user can reach, wherever the tree is."""
    top = tempfile.mkdtemp(prefix="svcd-stage-", dir="/tmp")
    os.chmod(top, 0o755)
    shutil.copytree(os.path.join(TOP, "tests"), os.path.join(top, "tests"),
                    ignore=shutil.ignore_patterns("__pycache__", "corpus"))
    shutil.copytree(os.path.join(TOP, "conf"), os.path.join(top, "conf"))
    shutil.copytree(os.path.join(TOP, "packaging"), os.path.join(top, "packaging"))
    os.makedirs(os.path.join(top, "build/tests/helpers"))
    for name in ("svcd", "svcctl", "svc-shim"):
        if os.path.exists(os.path.join(build, name)):
            shutil.copy2(os.path.join(build, name), os.path.join(top, "build"))
    helpers = os.path.join(build, "tests/helpers")
    for name in os.listdir(helpers) if os.path.isdir(helpers) else []:
        if os.access(os.path.join(helpers, name), os.X_OK):
            shutil.copy2(os.path.join(helpers, name), os.path.join(top, "build/tests/helpers"))
    subprocess.run(["chmod", "-R", "go+rX", top], check=True)
    return top


def become(name):
    """For preexec_fn: the user NAME, with nothing of root left."""
    import pwd
    user = pwd.getpwnam(name)

    def switch():
        os.setgroups([])
        os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
        os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    return user, switch


def python_for(switch):
    """A Python that the user can execute: the one that runs this may be in somebody's home."""
    for path in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            if subprocess.run([path, "-c", ""], preexec_fn=switch, check=False, cwd="/").returncode == 0:
                return path
        except OSError:
            continue
    return "python3"


def users():
    """(who, how to become it) of each kind of user that a program is run as."""
    return [(None, None)] if os.getuid() else [(None, None), become(UNPRIVILEGED)]


def stage_environment(top):
    base = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.path.join(top, "tests/helpers"), "LC_ALL": "C.UTF-8",
            "SVCD_BIN": os.path.join(top, "build")}
    base.update({k: v for k, v in os.environ.items()
                 if k in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS") or
                 k.startswith("SVCD_TEST_")})
    return base


def each_user(top, programs, alone=()):
    """One job for each program and each kind of user; for those that ALONE names the last kind alone. PROGRAMS:
    (name, arguments of Python)."""
    base, jobs, kinds = stage_environment(top), [], users()
    for user, switch in kinds:
        label = f"uid {user.pw_uid if user else os.getuid()}"
        home = tempfile.mkdtemp(prefix="home-", dir=top)
        python = python_for(switch)
        if user:
            os.chown(home, user.pw_uid, user.pw_gid)
        for name, argv in programs:
            if name in alone and (user, switch) != kinds[-1]:
                continue
            jobs.append(([python, "-B", *argv], f"{name} ({label})", dict(base, HOME=home), switch, home))
    return jobs


def asks_who_runs_it(path):
    with open(path, encoding="utf-8") as f:
        return re.search(r"\bgete?uid\(\)|\bcgrouptest\b", f.read()) is not None


def blackbox_jobs(build, wanted, once):
    """WANTED: files, FILE::Class.test, or nothing, that is all. ONCE: of all, those that do not ask who runs them run as
    an account's user alone."""
    top = stage(build)
    folder = os.path.join(top, "tests/blackbox")
    picks = {}
    for w in wanted:
        path, _, test = w.partition("::")
        picks.setdefault(os.path.basename(path).removesuffix(".py"), []).extend([test] if test else [])
    names = [f[:-3] for f in sorted(os.listdir(folder)) if re.fullmatch(r"test_\w+\.py", f)]
    if picks:
        names = [n for n in names if n in picks]
    pyrun = os.path.join(top, "tests/helpers/pyrun.py")
    alone = [n for n in names if once and not picks and not asks_who_runs_it(os.path.join(folder, n + ".py"))]
    return top, each_user(top, [(n, [pyrun, os.path.join(folder, n + ".py"), *picks.get(n, [])])
                                for n in names], alone)


def program_jobs(build, group, arguments):
    """tests/GROUP/GROUP.py, which prints TAP lines itself."""
    top = stage(build)
    return top, each_user(top, [(group, [os.path.join(top, f"tests/{group}/{group}.py"), *arguments])])


def what_failed(output):
    """Of a program's output the parts above each `not ok`; all of it if there is no such line."""
    shown, part = [], []
    for line in output.splitlines():
        part.append(line)
        if line.startswith("not ok "):
            shown += part[-150:]
        if line.startswith(("ok ", "not ok ")):
            part = []
    return shown + part[-150:]


def in_parallel(jobs, count):
    """Runs callables, a few at a time; prints a line for each as it ends."""
    outcomes = []

    def timed(job):
        begin = time.monotonic()
        outcome = job()
        outcome.seconds = time.monotonic() - begin
        return outcome
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        for done in concurrent.futures.as_completed([pool.submit(timed, j) for j in jobs]):
            o = done.result()
            outcomes.append(o)
            mark = "FAIL" if o.failed else "ok"
            skipped = f", {len(o.skipped)} skipped" if o.skipped else ""
            print(f"  {mark:4}  {o.name}: {o.passed} passed, {len(o.failed)} failed{skipped}"
                  f" ({o.seconds:.1f} s)", flush=True)
            if o.failed:
                print("\n".join("        " + line for line in what_failed(o.output)), flush=True)
    return outcomes


def group_jobs(group, args):
    """(jobs, folder to remove afterwards)"""
    limit = LIMITS[group] * int(os.environ.get("SVCD_TEST_SLOWER", "1"))
    if group == "command":
        name, argv = args.what[0], [a for a in args.what[1:]]
        return [lambda: run_command(name, argv, limit)], None
    if group == "unit":
        return [lambda p=p: run_tap(p, limit) for p in args.what], None
    if group == "sim":
        return [lambda p=p: run_sim(p, limit) for p in args.what], None
    if group == "fuzz":
        return [lambda p=p: run_fuzz(p, limit) for p in args.what], None
    if group == "golden":
        env = dict(os.environ, SVCD_BIN=args.build, PYTHONPATH=HERE, PYTHONDONTWRITEBYTECODE="1",
                   LC_ALL="C.UTF-8")
        folder = os.path.join(TOP, "tests/golden")
        files = [f for f in sorted(os.listdir(folder)) if re.fullmatch(r"test_\w+\.py", f)]
        return [lambda f=f: run_python([sys.executable, "-B", os.path.join(HERE, "pyrun.py"),
                                        os.path.join(folder, f)], f[:-3], limit, env)
                for f in files], None
    if group in ("chaos", "fault"):
        limit += float(args.what[args.what.index("--seconds") + 1]) if "--seconds" in args.what else 0
        top, found = program_jobs(args.build, group, args.what)
    else:
        top, found = blackbox_jobs(args.build, args.what, args.once)
    return [lambda j=j: run_python(j[0], j[1], limit, j[2], j[3], j[4]) for j in found], top


def totals(folder):
    """Prints one line a group and the sum; the exit status says whether all passed."""
    passed, failed, skipped, names = 0, 0, 0, []
    print()
    for f in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        with open(os.path.join(folder, f)) as fp:
            r = json.load(fp)
        print(f"  {r['group']:10} {r['passed']:6} passed {len(r['failed']):4} failed"
              f" {len(r['skipped']):4} skipped {r['seconds']:8.1f} s")
        passed, failed = passed + r["passed"], failed + len(r["failed"])
        skipped, names = skipped + len(r["skipped"]), names + r["failed"]
        for s in r["skipped"]:
            print(f"    skipped: {s}")
    for n in names:
        print(f"    failed: {n}")
    print(f"{passed} passed, {failed} failed" + (f" ({skipped} skipped)" if skipped else ""))
    return 0 if failed == 0 and passed else 1


def main():
    parser = argparse.ArgumentParser(description="runs one group of tests")
    parser.add_argument("--build", required=True)
    parser.add_argument("--results", required=True)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--jitter", type=int, metavar="SEED", help="halt the programs at random (jitter.py)")
    parser.add_argument("--once", action="store_true", help="black-box: see blackbox_jobs")
    parser.add_argument("group", choices=[*LIMITS, "totals"])
    parser.add_argument("what", nargs="*")
    args = parser.parse_args()
    args.build = os.path.abspath(args.build)
    if args.group == "totals":
        return totals(args.results)
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    begin = time.monotonic()
    if args.jitter is not None:
        os.environ["SVCD_TEST_JITTER"] = str(args.jitter)
    jobs, folder = group_jobs(args.group, args)
    if args.jitter is not None:
        subprocess.Popen([sys.executable, "-B", os.path.join(HERE, "jitter.py"), str(args.jitter), str(os.getpid())])
    try:
        outcomes = in_parallel(jobs, max(1, args.jobs))
    finally:
        for pid in children(os.getpid()):
            end_tree(pid)
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
    group = args.what[0] if args.group == "command" else args.group
    result = {"group": group, "passed": sum(o.passed for o in outcomes),
              "failed": [f for o in outcomes for f in o.failed],
              "skipped": [s for o in outcomes for s in o.skipped],
              "seconds": time.monotonic() - begin}
    os.makedirs(args.results, exist_ok=True)
    with open(os.path.join(args.results, group + ".json"), "w") as f:
        json.dump(result, f)
    if args.group != "command":
        print(f"{group}: {result['passed']} passed, {len(result['failed'])} failed")
    return 1 if result["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
