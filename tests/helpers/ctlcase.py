"""ctlcase: svcctl for tests that need no svcd: an empty ROOT of its own, a stand-in for svcd where one is wanted
(mocksvcd), and what svcctl printed, judged."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

from mocksvcd import MockSvcd, service

BIN = os.path.abspath(os.environ["SVCD_BIN"])
SVCCTL = os.path.join(BIN, "svcctl")
LIMIT = 30  # seconds; ends a hopeless wait


class Case(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="svcctl-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.root)
        self.env = {"PATH": "/usr/bin:/bin", "HOME": self.root, "SVCD_ROOT": self.root, "TERM": "xterm",
                    "LC_ALL": "C.UTF-8", "TZ": "CET-1"}
        self.env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})

    def mock(self):
        m = MockSvcd(self.root)
        self.addCleanup(m.stop)
        m.services = [service("redis", pid=4242), service("web", pid=4243), service("chat", "stopped")]
        return m

    def run_svcctl(self, *arguments, **kwargs):
        p = subprocess.run([SVCCTL, *arguments], env=self.env, capture_output=True, timeout=LIMIT, **kwargs)
        return p.returncode, p.stdout.decode(errors="surrogateescape"), p.stderr.decode()

    def expect(self, status, *arguments, out=None, err=None):
        got = self.run_svcctl(*arguments)
        self.assertEqual(got[0], status, got)
        for wanted, text in ((out, got[1]), (err, got[2])):
            if wanted == "":
                self.assertEqual(text, "", got)
            elif wanted is not None:
                self.assertIn(wanted, text, got)
        return got

    def expect_json(self, status, *arguments):
        """One document on stdout, nothing on stderr."""
        got = self.run_svcctl("--json", *arguments)
        self.assertEqual((got[0], got[2]), (status, ""), got)
        return json.loads(got[1])
