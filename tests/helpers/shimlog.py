"""What tests of svc-shim's log share: reading it, and putting the pieces of a line together."""

import os
import re

from shimproto import PYTHON, ShimTest

LINE = re.compile(rb"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d (svcd|out|err|mon) (.*)$", re.S)


class Writer(ShimTest):
    def finish(self, shim):
        """The end of the run; and its line, where there is a log."""
        ended = shim.expect("EXITED")
        self.at_the_end = shim.log() if os.path.exists(self.log_path(shim.name)) else b""
        shim.ack(ended, f"exited run={shim.run}")
        return ended

    def ended(self, shim):
        self.until(lambda: b"svcd exited run=%d" % shim.run in shim.log(), "exited line")

    def python(self, shim, code, **more):
        shim.start([PYTHON, "-c", code], **more)

    def texts(self, data, *sources):
        """What the lines of these sources say. Of one that is just being written nothing may be there but the time."""
        whole, _, rest = data.rpartition(b"\n")
        found = [LINE.match(line) for line in whole.splitlines()] + [m for m in [LINE.match(rest)] if m]
        return [m[2] for m in found if m[1].decode() in sources]

    def files(self, shim):
        """The rotated files, oldest first, then the current one."""
        path = self.log_path(shim.name)
        folder, base = os.path.split(path)
        numbers = sorted((int(n[len(base) + 1:]) for n in os.listdir(folder)
                          if re.fullmatch(re.escape(base) + r"\.\d+", n)), reverse=True)
        return [f"{path}.{n}" for n in numbers] + [path] * os.path.exists(path)

    def all(self, shim):
        return b"".join(self.read(f) for f in self.files(shim))

    def joined(self, data, source="out"):
        """The lines of one source, with the pieces of those that were cut put together."""
        lines, mark = [], f"line continued source={source}".encode()
        goes_on = False
        for line in data.splitlines():
            m = LINE.match(line)
            self.assertTrue(m, line[:200])
            if m[1] == b"svcd" and m[2] == mark:
                goes_on = True
                continue
            if m[1] == source.encode():
                if goes_on:
                    lines[-1] += m[2]
                else:
                    lines.append(m[2])
            goes_on = False
        return lines

    def same(self, found, expected):
        """assertEqual for lists of long texts."""
        if found != expected:
            self.fail("\n".join(f"{name}: " + ", ".join(f"{t[:20]}…{t[-20:]} ({len(t)})" for t in texts[:50])
                                for name, texts in (("found", found), ("expected", expected))))

    def whole(self, data):
        """Every line has time and source, and the last one an end."""
        for line in data.split(b"\n")[:-1]:
            self.assertTrue(LINE.match(line), line[:200])
        self.assertTrue(data.endswith(b"\n"), data[-100:])
