"""cgrouptest: folders of cgroup v2 for tests, and what is in them.

A test that needs one gets a folder of its own, below $SVCD_TEST_CGROUP (tests/kernel: a delegated folder
with controllers) or else below the cgroup in which the test itself runs; where none can be made, it is
skipped and says why. The folder goes when the test ends, with all that is in it.
"""

import os
import signal
import tempfile
import time
import unittest


def mounted():
    """Where cgroup v2 is mounted (a hybrid layout has it beside the old ones), or None."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as f:
        for line in f:
            left, _, right = line.partition(" - ")
            if right.split()[0] == "cgroup2":
                return left.split()[4]
    return None


def of(pid="self"):
    """The folder of cgroup v2 in which a process is, or None."""
    top = mounted()
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8") as f:
            for line in f:
                if top and line.startswith("0::"):
                    return os.path.normpath(top + line[3:].strip())
    except OSError:
        pass
    return None


def read(*path):
    try:
        with open(os.path.join(*path), encoding="ascii") as f:
            return f.read().strip()
    except OSError:
        return ""


def write(value, *path):
    with open(os.path.join(*path), "w", encoding="ascii") as f:
        f.write(value)


def controllers(folder):
    return read(folder, "cgroup.controllers").split()


def folders(folder):
    """The names of the folders in it."""
    try:
        return sorted(e.name for e in os.scandir(folder) if e.is_dir(follow_symlinks=False))
    except OSError:
        return []


def pids(folder):
    """Of all that is in it or below."""
    found = [int(p) for p in read(folder, "cgroup.procs").split()]
    for name in folders(folder):
        found += pids(os.path.join(folder, name))
    return found


def make(uid=None, owner=True):
    """A new folder, given to UID as systemd gives one (OWNER: the folder itself too); SkipTest if that
    is not possible here."""
    above = os.environ.get("SVCD_TEST_CGROUP") or of()
    if not above:
        raise unittest.SkipTest("no cgroup v2 is mounted here")
    try:
        folder = tempfile.mkdtemp(prefix="svcd-test-", dir=above)
    except OSError as e:
        raise unittest.SkipTest(f"no folder can be made in {above}: {e.strerror}") from None
    os.chmod(folder, 0o755)
    have = [c for c in ("memory", "pids", "cpu") if c in controllers(above)]
    for c in have if folder.startswith(above) else []:
        try:
            write("+" + c, above, "cgroup.subtree_control")
        except OSError:
            pass
    if uid is not None:
        for name in ("", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"):
            if name or owner:
                os.chown(os.path.join(folder, name), uid, -1)
    return folder


def remove(folder, limit=10):
    """Kills what is in it and removes it, with all below."""
    end = time.monotonic() + limit
    while os.path.isdir(folder):
        for pid in pids(folder):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for top, names, _ in os.walk(folder, topdown=False):
            for name in names:
                try:
                    os.rmdir(os.path.join(top, name))
                except OSError:
                    pass
        try:
            os.rmdir(folder)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)
