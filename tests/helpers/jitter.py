"""jitter: stops programs under test for moments, at random by a seed, so that every order of events comes about that
a busy machine would bring about some day.

    jitter.py SEED PID [NAME...]

Whatever descends from PID and is called by one of the NAMEs (the kernel's `comm`; svcd, svc-shim and svcctl if none is
given) is halted now and then: mostly for some milliseconds, at times for a quarter of a second. It ends when PID does.
That is done as a debugger does it, without signals, so that a test may stop and continue the same process. While a test
has a strace, nobody is halted. What counts the wake-ups of a program (test_memory, test_shim_writer) fails by it.
"""

import contextlib
import ctypes
import os
import random
import sys
import time

SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def below(pid):
    """All that descends from PID."""
    found, todo = [], [pid]
    while todo:
        p = todo.pop()
        try:
            for task in os.listdir(f"/proc/{p}/task"):
                with open(f"/proc/{p}/task/{task}/children", encoding="ascii") as f:
                    todo += map(int, f.read().split())
        except OSError:
            continue
        found.append(p)
    return found


def name_of(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as f:
            return f.read().strip()
    except OSError:
        return ""


def halt(pid, seconds):
    """The first thread of PID does nothing for that long; returns whether it was so."""
    if libc.ptrace(SEIZE, pid, None, None) < 0:
        return False
    libc.ptrace(INTERRUPT, pid, None, None)
    try:
        status = os.waitpid(pid, WALL)[1]
    except ChildProcessError:
        return False
    if not os.WIFSTOPPED(status):
        return False  # it ended
    time.sleep(seconds)
    # What it was stopped by may be a signal that came first: it is passed on.
    event = status >> 16
    if libc.ptrace(DETACH, pid, None, None if event else os.WSTOPSIG(status)) < 0:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, WALL)  # it was killed meanwhile: until its tracer knows, its parent does not
    return True


def main():
    rng, top = random.Random(int(sys.argv[1])), int(sys.argv[2])
    names = set(sys.argv[3:]) or {"svcd", "svc-shim", "svcctl"}
    while os.path.exists(f"/proc/{top}"):
        all_of_them = {p: name_of(p) for p in below(top)}
        found = [p for p, name in all_of_them.items() if name in names]
        if found and "strace" not in all_of_them.values():
            long = rng.random() < 0.05
            halt(rng.choice(found), rng.uniform(0.1, 0.25) if long else rng.expovariate(1 / 0.008))
        time.sleep(rng.expovariate(1 / 0.008))


if __name__ == "__main__":
    main()
