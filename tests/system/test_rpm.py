"""The RPM, which rpmbuild made here: what is in it, by whom and with which modes; what it does at upgrade and removal, by its
scriptlets, with the programs that they call as dummies; and that rpm installs and removes it.
SYSTEM_RPM is its file. Run by tests/system/rpm."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

RPM = os.environ["SYSTEM_RPM"]
DUMMY = "#!/bin/sh\necho \"${0##*/} $*\" >>\"$SAID\"\n"
LINE = re.compile(r"([-dl]\S{9}) +\d+ +(\S+) +(\S+) +\d+ .{12} (/.*)")


def rpm(*argv):
    return subprocess.run(["rpm", *argv], check=True, capture_output=True, text=True, timeout=100).stdout


class Rpm(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="svcd-rpm-", dir="/var/tmp")
        self.addCleanup(shutil.rmtree, self.work)

    def test_files(self):
        found = {}
        for line in rpm("-qlvp", RPM).splitlines():
            mode, user, group, path = LINE.fullmatch(line).groups()
            found[path.split(" -> ")[0]] = mode
            self.assertEqual((user, group), ("root", "root"), line)
        for path in ("/usr/bin/svcd", "/usr/bin/svcctl", "/usr/libexec/svcd/svc-shim", "/usr/libexec/svcd/stop-all",
                     "/usr/share/doc/svcd/examples/openrc/svcd", "/usr/share/doc/svcd/examples/s6/svcd/run"):
            self.assertEqual(found[path], "-rwxr-xr-x", path)
        for path in ("/usr/lib/systemd/system/svcd@.service", "/usr/lib/systemd/user/svcd.service",
                     "/usr/share/svcd/services.schema.json", "/usr/share/svcd/org.svcd.Supervisor.varlink",
                     "/usr/share/svcd/json/status.schema.json", "/usr/share/zsh/site-functions/_svcctl",
                     "/usr/share/bash-completion/completions/svcctl"):
            self.assertEqual(found[path], "-rw-r--r--", path)
        for page in ("man1/svcctl.1", "man5/services.yaml.5", "man7/svcd-protocol.7", "man8/svcd.8"):
            self.assertTrue(any(p.startswith(f"/usr/share/man/{page}") for p in found), page)
        # Folders of its own go with it; those of others are not its.
        self.assertEqual({p for p, mode in found.items() if mode[0] == "d" and "build-id" not in p and "/doc/" not in p
                          and "/licenses/" not in p},
                         {"/usr/libexec/svcd", "/usr/share/svcd", "/usr/share/svcd/json"})
        self.assertEqual({p for p in found if re.match(r"/(etc|var|run|home)\b", p)}, set())
        self.assertEqual(len([p for p in found if p.endswith("/LICENSE")]), 1)

    def scriptlet(self, name, *argv):
        """What it calls."""
        said = f"{self.work}/said"
        for program in ("systemctl", "svcctl", "rm", "stop-all"):
            with open(f"{self.work}/{program}", "w", encoding="ascii") as f:
                f.write(DUMMY)
            os.chmod(f"{self.work}/{program}", 0o755)
        open(said, "w", encoding="ascii").close()
        text = rpm("-qp", "--qf", f"%{{{name}}}", RPM).replace("/usr/libexec/svcd/stop-all", "stop-all")
        subprocess.run(["/bin/sh", "-n", "-c", text], check=True)
        subprocess.run(["/bin/sh", "-c", text, name, *argv], check=True,
                       env={"PATH": f"{self.work}:{os.environ['PATH']}", "SAID": said})
        with open(said, encoding="ascii") as f:
            return [line for line in f.read().splitlines() if "daemon-reload" not in line]

    def test_scriptlets(self):
        self.assertEqual(self.scriptlet("POSTIN", "1"), [])
        self.assertEqual(self.scriptlet("POSTIN", "2"), ["svcctl upgrade --all-accounts"])
        self.assertEqual(self.scriptlet("PREUN", "1"), [])
        self.assertEqual(self.scriptlet("PREUN", "0"), ["stop-all "])
        self.assertEqual(self.scriptlet("POSTUN", "1"), [])
        removed, = self.scriptlet("POSTUN", "0")
        self.assertTrue(removed.startswith("rm -f /etc/systemd/system/multi-user.target.wants/svcd@"), removed)

    def test_requires(self):
        requires = rpm("-qp", "--requires", RPM)
        for library in ("libev.so.4", "libjansson.so.4", "libyaml-0.so.2", "systemd-libs"):
            self.assertIn(library, requires)
        self.assertNotIn("openrc", requires)  # an example's program is not needed

    @unittest.skipUnless(os.geteuid() == 0, "rpm's root is root's")
    def test_install_and_remove(self):
        where = ("--root", self.work, "--dbpath", "/rpmdb", "--noscripts")

        def files():
            return {p for folder, _, names in os.walk(self.work) for p in names if "/rpmdb" not in folder}
        rpm(*where, "--nodeps", "-i", RPM)
        self.assertTrue({"svcd", "svcctl", "svc-shim", "svcd@.service"} <= files())
        rpm(*where, "-e", "svcd")
        self.assertEqual(files(), set())


if __name__ == "__main__":
    unittest.main()
