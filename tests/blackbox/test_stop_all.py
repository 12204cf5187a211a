"""What packages run before they are removed: every svcd of the machine, here a PID namespace, stops its services and
ends, wherever it was installed; one that takes longer than an administrator waits is named."""

import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from svcdtest import BIN, SLOW, SvcdTest  # noqa: E402

STOP_ALL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../packaging/stop-all")
INSIDE = """
mount -t tmpfs tmpfs /run || exit 77 # whatever systemd the machine has is not asked to stop anything
"$1/bin/svcd" 2>"$HOME/errors" &
while ! grep -q "svcd ready" "$HOME/admin/logs/services/a.log" 2>/dev/null; do sleep 0.1; done
"$2/libexec/svcd/stop-all"
echo "status $?"
for p in /proc/[0-9]*; do readlink "$p/exe"; done | grep -c 'svcd$'
"""


@unittest.skipUnless(os.getuid() == 0, "root alone may make a PID namespace")
class StopAll(SvcdTest):
    def stop_all(self, config, limit=""):
        self.config(config)
        prefix = os.path.join(self.home, "prefix")
        os.makedirs(f"{prefix}/libexec/svcd")
        os.mkdir(f"{prefix}/bin")
        for program in ("svcd", "svcctl", "svc-shim"):
            shutil.copy2(os.path.join(BIN, program), f"{prefix}/bin")
        with open(STOP_ALL, encoding="utf-8") as f:
            text = f.read()
        self.assertIn("limit=600 ", text)
        self.write("prefix/libexec/svcd/stop-all", text.replace("limit=600 ", f"limit={limit or 600} "), 0o700)
        os.symlink("prefix", os.path.join(self.home, "elsewhere"))
        ran = subprocess.run(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", INSIDE, "-",
                              prefix, os.path.join(self.home, "elsewhere")], cwd=self.home, env=self.environment(),
                             capture_output=True, text=True, check=False, timeout=60 * SLOW)
        if "unshare" in ran.stderr or ran.returncode == 77:
            self.skipTest(ran.stderr)
        return ran

    def test_all_end(self):
        ran = self.stop_all("services: {a: {command: sleep 1000}}\n")
        self.assertEqual(ran.stdout.split("\n")[-3:-1], ["status 0", "0"], ran)
        self.assertIn(" svcd stopped", self.read(os.path.join(self.root, "logs/services/a.log")))

    def test_one_that_takes_a_day(self):
        ran = self.stop_all("services:\n  a: {command: [sh, -c, 'trap \"\" TERM; while :; do sleep 1; done'], "
                            "stop: {timeout: 1d}}\n", limit="1")
        self.assertEqual(ran.stdout.split("\n")[-3:-1], ["status 0", "1"], ran)
        self.assertRegex(ran.stderr, r"not waited for any longer; .*: pid \d+ \(root\)")


if __name__ == "__main__":
    unittest.main()
