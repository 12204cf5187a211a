"""ptyrun: runs a program on a terminal of its own and returns what appeared there.

    status, text = ptyrun.run(["svcctl"], columns=80, env={...})

Terminal is the same for tests that type or resize while the program runs.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time


class Terminal:
    def __init__(self, argv, columns=80, rows=50, env=None, cwd=None):
        self.master, slave = pty.openpty()
        attributes = termios.tcgetattr(slave)
        attributes[1] &= ~termios.OPOST  # newlines as they were written
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        self.resize(columns, rows)

        def control():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=env, cwd=cwd,
                                        preexec_fn=control)
        os.close(slave)
        self.data = b""

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def read_until(self, wanted, limit=60):
        """Reads until WANTED (bytes, or a function of all that was read) is there."""
        end = time.monotonic() + limit
        done = wanted if callable(wanted) else lambda data: wanted in data
        while not done(self.data):
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(f"not seen on the terminal: {wanted!r}; only {self.data!r}")
            if not self.read_some(left) and not done(self.data):
                raise AssertionError(f"ended without {wanted!r}: {self.data!r}")

    def read_some(self, limit):
        if not select.select([self.master], [], [], limit)[0]:
            return True
        try:
            chunk = os.read(self.master, 65536)
        except OSError:  # EIO: the last one who had it open has ended
            return False
        self.data += chunk
        return bool(chunk)

    def finish(self, limit=60):
        end = time.monotonic() + limit
        while self.read_some(max(0, end - time.monotonic())):
            if time.monotonic() > end:
                self.process.send_signal(signal.SIGKILL)
                raise AssertionError(f"has not ended: {self.data!r}")
        status = self.process.wait(limit)
        os.close(self.master)
        return status, self.data.decode(errors="replace")


def run(argv, columns=80, rows=50, env=None, cwd=None):
    return Terminal(argv, columns, rows, env, cwd).finish()
