"""log.journal with systemd's own journald, in a mount namespace where /run is nobody else's."""

import json
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "helpers"))
from svcdtest import SLOW, SvcdTest, libc, private_mounts

JOURNALD = next((p for p in ("/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald")
                 if os.path.exists(p)), None)


def why_not():
    if not JOURNALD or not shutil.which("journalctl"):
        return "systemd-journald is not installed"
    return "systemd-journald wants to be root" if os.geteuid() else None


def setUpModule():
    if not why_not():
        private_mounts()


@unittest.skipIf(why_not(), why_not())
class Journald(SvcdTest):
    def setUp(self):
        super().setUp()
        if libc.mount(b"none", b"/run", b"tmpfs", 6, b"size=64m,mode=0755") < 0:
            self.skipTest("/run cannot be mounted over")
        self.addCleanup(libc.umount2, b"/run", 2)
        for folder in ("systemd/journal", "log/journal"):
            os.makedirs(os.path.join("/run", folder))
        with open(os.path.join(self.tmp, "journald.stderr"), "wb") as errors:
            self.journald = subprocess.Popen([JOURNALD], stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
        self.programs.append(self.journald)
        self.until(lambda: os.path.exists("/run/systemd/journal/socket"), what="journald's socket")

    def entries(self, *match):
        out = subprocess.run(["journalctl", "--directory=/run/log/journal", "-o", "json", "--all", *match],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, timeout=30 * SLOW).stdout
        return [json.loads(line) for line in out.splitlines()]

    def test_what_journalctl_finds(self):
        self.config("""
            services:
              web:
                command: sh -c 'echo hello; echo trouble >&2; head -c 150000 /dev/zero | tr "\\0" y; echo; exec sleep 1000'
                log: {journal: true}
            """)
        self.start()
        self.running("web")
        self.logged("web", "yyyy", "out")
        self.svcctl("stop", "web")
        self.until(lambda: any(e["MESSAGE"] == "stopped" for e in self.entries("SVCD_SERVICE=web")),
                   what="the last line in the journal")
        self.logged("web", " svcd stopped")
        entries = self.entries("SVCD_SERVICE=web", "SVCD_RUN=1")
        self.assertEqual([e["MESSAGE"] for e in entries if len(e["MESSAGE"]) < 1000],
                         [t for t in (line.split(" ", 2)[2] for line in self.log("web")) if len(t) < 1000])
        self.assertEqual(sum(len(e["MESSAGE"]) for e in entries if len(e["MESSAGE"]) > 1000), 150000)
        self.assertEqual([e["MESSAGE"] for e in self.entries("-t", "web", "-p", "warning")], ["trouble"])
        hello, = [e for e in entries if e["MESSAGE"] == "hello"]
        self.assertEqual({k: hello[k] for k in ("SYSLOG_IDENTIFIER", "SVCD_SOURCE", "PRIORITY", "_TRANSPORT")},
                         {"SYSLOG_IDENTIFIER": "web", "SVCD_SOURCE": "out", "PRIORITY": "6", "_TRANSPORT": "journal"})


if __name__ == "__main__":
    unittest.main()
