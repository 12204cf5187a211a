"""disk: two ways to have no room. Both undo themselves by `free`."""

import ctypes
import os
import resource

from svcdtest import command_line, descendants

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18
PAGE = 4096


class Tmpfs:
    """Root's: the account's ROOT is a small file system of its own, in a mount namespace of its own."""

    name = "a full file system"
    journal = True  # has room of its own

    def __init__(self, size_mib):
        self.size, self.path = size_mib, None

    def prepare(self, root):
        libc = ctypes.CDLL(None, use_errno=True)
        options = f"size={self.size}m,mode=0700".encode()
        if libc.unshare(CLONE_NEWNS) < 0 or \
                libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) < 0 or \
                libc.mount(b"chaos", root.encode(), b"tmpfs", 0, options) < 0:
            raise OSError(ctypes.get_errno(), "cannot mount a tmpfs in a namespace of its own")
        self.path = os.path.join(root, "filler")

    def fill(self, _, room):
        """All but ROOM pages; what others write meanwhile may take some of it."""
        with open(self.path, "wb") as f:
            for _ in range(20):
                free = os.statvfs(self.path)
                size = free.f_bavail * free.f_bsize - room * PAGE
                if size <= 0:
                    break
                try:
                    os.posix_fallocate(f.fileno(), os.fstat(f.fileno()).st_size, size)
                except OSError:
                    pass

    def free(self, _):
        os.unlink(self.path)

    def done(self):
        ctypes.CDLL(None).umount2(os.path.dirname(self.path).encode(), 2)  # MNT_DETACH


class FileSize:
    """Anybody's: no file of svcd's and the shims' may grow beyond a few pages. The first can always be written
    again, as on a disk that is full: a limit of nothing would forbid that, too."""

    name = "RLIMIT_FSIZE"
    journal = False

    def prepare(self, root):
        pass

    @staticmethod
    def _limit(soft):
        for p in descendants(os.getpid()):
            words = command_line(p).split()
            if not words or os.path.basename(words[0]) not in ("svcd", "svc-shim"):
                continue
            try:
                hard = resource.prlimit(p, resource.RLIMIT_FSIZE)[1]
                resource.prlimit(p, resource.RLIMIT_FSIZE, (hard if soft is None else soft, hard))
            except (ProcessLookupError, PermissionError):
                pass

    def fill(self, _, room):
        self._limit(max(room, 1) * PAGE)

    def free(self, _):
        self._limit(None)

    def done(self):
        pass
