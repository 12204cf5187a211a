"""What `make install` puts where, and that uninstall takes all of it away again."""

import os
import shutil
import subprocess
import tempfile
import unittest

BUILD = os.path.abspath(os.environ["SVCD_BIN"])
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Install(unittest.TestCase):
    def setUp(self):
        self.dest = tempfile.mkdtemp(prefix="install-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.dest)

    def make(self, goal):
        # What is built is taken as it is (-o all), whatever it was built with.
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        p = subprocess.run(["make", "-s", "-C", TOP, "-o", "all", goal, "B=" + BUILD, "DESTDIR=" + self.dest,
                            "prefix=/usr"], env=env, capture_output=True, text=True, timeout=100)
        self.assertEqual((p.returncode, p.stderr), (0, ""))

    def files(self):
        return {os.path.relpath(os.path.join(folder, f), self.dest)
                for folder, _, names in os.walk(self.dest) for f in names}

    def test_install_and_uninstall(self):
        self.make("install")
        there = self.files()
        for path in ("usr/bin/svcd", "usr/bin/svcctl", "usr/libexec/svcd/svc-shim",
                     "usr/share/svcd/org.svcd.Supervisor.varlink", "usr/share/man/man8/svcd.8",
                     "usr/share/svcd/json/status.schema.json", "usr/share/svcd/policy.schema.json",
                     "usr/share/bash-completion/completions/svcctl",
                     "usr/share/fish/vendor_completions.d/svcctl.fish"):
            self.assertIn(path, there)
        self.assertTrue({"usr/share/zsh/vendor-completions/_svcctl", "usr/share/zsh/site-functions/_svcctl"} & there)
        self.assertEqual({p for p in there if "systemd" in p},
                         {"usr/lib/systemd/user/svcd.service", "usr/lib/systemd/system/svcd@.service"})
        for unit in ("user/svcd.service", "system/svcd@.service"):
            path = os.path.join(self.dest, "usr/lib/systemd", unit)
            with open(path, encoding="utf-8") as f:
                text = f.read()
            self.assertIn("ExecStart=/usr/bin/svcd\n", text)
            self.assertNotIn("@", text.replace("svcd@USER", ""))
            self.assertEqual("Type=notify\n" in text, "ExecReload=/usr/bin/svcctl --quiet reload\n" in text)
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o644)
        self.make("uninstall")
        self.assertEqual(self.files(), set())


if __name__ == "__main__":
    unittest.main()
