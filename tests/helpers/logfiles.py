"""The files of a service's log, as a reader from outside finds them: plain, rotated, compressed."""

import contextlib
import gzip
import os
import re
import subprocess


def in_order(name, names):
    """Of these file names those of a service's log, oldest first. One that has just been compressed may be there
    in both forms; it counts once."""
    found = {0: name + ".log"} if name + ".log" in names else {}
    for n in sorted(names):
        m = re.fullmatch(re.escape(name) + r"\.log\.(\d+)(\.gz|\.zst)?", n)
        if m:
            found.setdefault(-int(m[1]), n)
    return [n for _, n in sorted(found.items())]


def unpacked(path, data):
    """The text of a log file's content, compressed or not."""
    if path.endswith(".gz"):
        return gzip.decompress(data)
    if path.endswith(".zst"):
        return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def _listed(name, folder):
    return [os.path.join(folder, n)
            for n in in_order(name, os.listdir(folder) if os.path.isdir(folder) else [])]


def at_one_instant(name, folder):
    """The texts of all files of a log, oldest first; None when a rotation came between the first and the last that
    was opened: what was read would lack a file, or have one twice."""
    return opened_at_one_instant(lambda: _listed(name, folder))


def opened_at_one_instant(listed, read=None):
    """The same of the files whose paths LISTED says; READ: what is made of their bytes, unpacked if None."""
    with contextlib.ExitStack() as files:
        try:
            paths = listed()
            found = [files.enter_context(open(p, "rb")) for p in paths]
            if paths != listed() or \
                    not all(os.path.samestat(os.fstat(f.fileno()), os.stat(f.name)) for f in found):
                return None
        except FileNotFoundError:
            return None
        return [read(f.read()) if read else unpacked(f.name, f.read()) for f in found]
