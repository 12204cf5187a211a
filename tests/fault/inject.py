"""inject: how a fault gets into svcd or its shims, and which faults there are.

A case is WHO:WHAT:HOW:N (README.md). System calls are made to fail by strace, which runs beside the
process (-D), so that who is whose parent stays as it is; allocations by a preloaded library.
"""

import os
import re
import struct
from collections import Counter

from svcdtest import BIN

FAILALLOC = os.path.join(BIN, "tests/helpers/preload_failalloc.so")

FILES = "ENOSPC EDQUOT EIO EROFS EACCES"
OPEN = "ENOSPC EDQUOT EIO EMFILE ENFILE ENOMEM EACCES EROFS EINTR"
READ = "EIO EINTR EAGAIN ENOMEM ECONNRESET"
WRITE = "ENOSPC EDQUOT EIO EFBIG EROFS"  # of files; sockets are written by sendto and sendmsg
SEND = "EPIPE ECONNRESET ENOBUFS ENOMEM EAGAIN EINTR"
FORK = "EAGAIN ENOMEM"
FD = "EMFILE ENFILE ENOMEM"

# The errors that a call can have in the worst case. A call that is not here either cannot fail (close is
# one of those that must not be looked at; wait4 is never asked to wait), or not but by a mistake of the
# program.
ERRORS = {
    **dict.fromkeys(("open", "openat", "creat"), OPEN),
    **dict.fromkeys(("read", "readv", "pread64", "preadv", "recvfrom", "recvmsg"), READ),
    **dict.fromkeys(("write", "writev", "pwrite64", "pwritev"), WRITE),
    **dict.fromkeys(("sendto", "sendmsg"), SEND),
    **dict.fromkeys(("rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "symlink",
                     "link", "ftruncate", "truncate", "rmdir"), FILES),
    **dict.fromkeys(("fsync", "fdatasync"), "EIO ENOSPC EDQUOT"),
    **dict.fromkeys(("chmod", "fchmod", "fchmodat"), "EROFS EIO"),
    **dict.fromkeys(("stat", "fstat", "lstat", "newfstatat", "statx", "access", "faccessat",
                     "faccessat2", "readlink", "readlinkat", "statfs"), "EIO ENOMEM EACCES"),
    "getdents64": "EIO ENOMEM",
    **dict.fromkeys(("socket", "socketpair", "pipe2", "pipe", "epoll_create1", "eventfd2", "signalfd4",
                     "timerfd_create", "inotify_init1", "pidfd_open", "dup", "dup2", "dup3"), FD),
    "accept4": "EMFILE ENFILE ENOMEM ENOBUFS ECONNABORTED EAGAIN EINTR",
    "accept": "EMFILE ENFILE ENOMEM ENOBUFS ECONNABORTED EAGAIN EINTR",
    "connect": "ECONNREFUSED EAGAIN EINTR ENOMEM",
    "bind": "EADDRINUSE EROFS ENOSPC EIO ENOMEM",
    "listen": "EADDRINUSE",
    "inotify_add_watch": "ENOSPC ENOMEM",
    "epoll_ctl": "ENOMEM ENOSPC",
    **dict.fromkeys(("epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect6"),
                    "EINTR ENOMEM"),
    **dict.fromkeys(("fork", "vfork", "clone", "clone3"), FORK),
    "execve": "EAGAIN ENOMEM ENOENT EACCES EMFILE EIO",
    **dict.fromkeys(("mmap", "brk", "mremap", "munmap", "mprotect"), "ENOMEM"),
    "madvise": "ENOMEM EAGAIN",
    "fcntl": "ENOLCK EINTR ENOMEM",
    "flock": "ENOLCK EINTR",
    "kill": "EPERM ESRCH",
    "pidfd_send_signal": "EPERM ESRCH",
    "setrlimit": "EPERM",
    "prlimit64": "EPERM",
    "setsid": "EPERM",
    "setpriority": "EACCES EPERM",
    "chdir": "EIO ENOMEM EACCES",
    "timerfd_settime": "EINVAL",
    "setsockopt": "ENOMEM ENOBUFS",
    "getsockopt": "ENOBUFS",
    "prctl": "EINVAL",
    "nanosleep": "EINTR",
    "clock_nanosleep": "EINTR",
}
# What never returns, or before which there is nothing.
NEVER = {"exit", "exit_group", "rt_sigreturn", "restart_syscall"}


class Case:
    def __init__(self, who, what, how, n):
        self.who, self.what, self.how, self.n = who, what, how, int(n)

    @classmethod
    def parse(cls, text):
        return cls(*text.removeprefix("life/").split(":"))

    def __str__(self):
        return f"life/{self.who}:{self.what}:{self.how}:{self.n}"

    def expression(self):
        # The kernel's brk tells no error, but where the end of the heap is: not where it was wanted. An error
        # number would be taken for a very high address, as success.
        how = "signal=KILL" if self.how == "KILL" else "retval=0" if self.what == "brk" else f"error={self.how}"
        return f"inject={self.what}:{how}:when={self.n}"


class Injection:
    """Applies a case, or with None and WHO (alloc-svcd, alloc-next: its allocations) records the calls
    that WHO makes. FOLDER is for its files."""

    def __init__(self, folder, case, who=None):
        self.folder, self.case = folder, case
        self.who = case.who if case else who
        self.out = os.path.join(folder, "strace")
        self.alloc = os.path.join(folder, "failalloc")

    def _of_allocations(self):
        return self.case.what == "malloc" if self.case else self.who.startswith("alloc-")

    def _strace(self, *more):
        what = ["-e", f"trace={self.case.what}", "-e", self.case.expression()] if self.case else \
            ["-e", "trace=all"]
        return ["strace", "-D", "-q", "-y", "-s", "0", "-o", self.out, *more, *what]

    def prefix(self, which):
        """What goes before svcd's command line. WHICH: svcd or next."""
        return self._strace() if self.who == which and not self._of_allocations() else []

    def environment(self, which):
        if self.who == "shim":
            return {"SVCD_SHIM": self._wrapper()}
        if self.who.removeprefix("alloc-") != which or not self._of_allocations():
            return {}
        with open(self.alloc, "wb") as f:
            f.write(bytes(8))
        return {"LD_PRELOAD": FAILALLOC, "FAILALLOC_FILE": self.alloc,
                "FAILALLOC_AT": str(self.case.n if self.case else 0)}

    def allocations(self):
        with open(self.alloc, "rb") as f:
            return struct.unpack("=q", f.read(8))[0]

    def _wrapper(self):
        """svc-shim, the first nursery of them seen by strace: it follows the nursery's shims, and lets go
        of the service at its exec (unless execve is the call in question)."""
        path = os.path.join(self.folder, "svc-shim")
        more = ["-f"] + ([] if self.case and self.case.what == "execve" else ["-b", "execve"])
        words = [*self._strace(*more), os.path.join(BIN, "svc-shim")]
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\n[ ! -e {self.folder}/nursery ] || exec {words[-1]} \"$@\"\n"
                    f"echo $$ >{self.folder}/nursery\nexec {' '.join(words)} \"$@\"\n")
        os.chmod(path, 0o700)
        return path

    def happened(self):
        """Whether the fault has been met."""
        if self._of_allocations():
            return self.allocations() >= self.case.n
        try:
            with open(self.out, encoding="utf-8", errors="replace") as f:
                text = f.read()
        except FileNotFoundError:
            return False
        return "(INJECTED" in text or (self.case.how == "KILL" and "= ?\n" in text)

    def impossible(self):
        """Whether it met what cannot fail so: a write to an eventfd, by which libev's signal handler wakes
        its loop (eventfd(2) knows EAGAIN and EINVAL)."""
        try:
            with open(self.out, encoding="utf-8", errors="replace") as f:
                return any("(INJECTED" in line and "[eventfd]" in line for line in f)
        except FileNotFoundError:
            return False

    def recorded(self):
        """{call: (how often the dynamic loader made it, how often the process did that made it most often)}"""
        if self._of_allocations():
            return {"malloc": (0, self.allocations())}
        most, by_pid, loader = {}, Counter(), {}
        with open(self.out, encoding="utf-8", errors="replace") as f:
            for line in f:
                m = re.match(r"(?:(\d+) +)?(\w+)\(", line)
                if m:
                    by_pid[m[1], m[2]] += 1
                if m and m[2] == "prlimit64" and not loader:  # of the C library, when all is loaded
                    loader = {call: n for (_, call), n in by_pid.items()}
        for (_, call), n in by_pid.items():
            most[call] = max(n, most.get(call, 0))
        return {call: (loader.get(call, 0), n) for call, n in most.items()}


def matrix(who, calls):
    """All cases of WHO, given how often each call is made. What the dynamic loader does with an error is not
    ours to test (without memory it crashes)."""
    for call, (loader, n) in sorted(calls.items()):
        if call in NEVER:
            continue
        hows = ["ENOMEM"] if call == "malloc" else [*ERRORS.get(call, "").split(), "KILL"]
        for how in hows:
            for i in range(1 if how == "KILL" or who == "shim" else loader + 1, n + 1):
                yield Case(who, call, how, i)
