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
# Beside svcd's prefix and another name of that, more of a shell's text: before stop-all, and what runs it.
INSIDE = """
mount -t tmpfs tmpfs /run || exit 77 # whatever systemd the machine has is not asked to stop anything
"$1/bin/svcd" 2>"$HOME/errors" &
while ! grep -q "svcd ready" "$HOME/admin/logs/services/a.log" 2>/dev/null; do sleep 0.1; done
eval "$3"
${4:-} "$2/libexec/svcd/stop-all"
echo "status $?"
for p in /proc/[0-9]*; do readlink "$p/exe"; done | grep -c 'svcd$'
"""
# An account whose svcd.service is asked to stop, by a program that may be in the account's hands: it says what it has got,
# and goes no further.
ACCOUNT = """
mkdir -p /run/systemd/system /run/user/65534/systemd
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("/run/user/65534/systemd/private")'
mkdir "$HOME/bin"
cat >"$HOME/bin/systemctl" <<'EOF'
#!/bin/sh
[ "$1" = --user ] || exit 0
got=$(id -u; readlink /proc/$$/fd/[0-8]; env; cut -d" " -f6,7 /proc/$$/stat; echo $$)
echo "$got" >>"${0%/bin/*}/got"
kill -STOP $$
EOF
chmod 755 "$HOME/bin/systemctl"
chmod 711 "$HOME" "${HOME%/*}"
(umask 0; : >"$HOME/got")
PATH="$HOME/bin:$PATH" SECRET=of-root
export PATH SECRET
exec 5>"$HOME/five"
"""
# A root of its own, in which everything is that the machine has.
CHROOT = """
mkdir "$HOME/root"
mount -t tmpfs tmpfs "$HOME/root"
for d in /*; do
    if [ -L "$d" ]; then cp -P "$d" "$HOME/root/"; elif [ -d "$d" ]; then mkdir "$HOME/root$d"; mount --rbind "$d" "$HOME/root$d"; fi
done
"""


@unittest.skipUnless(os.getuid() == 0, "root alone may make a PID namespace")
class StopAll(SvcdTest):
    def stop_all(self, config, limit=600, before="", by=""):
        self.config(config)
        prefix = os.path.join(self.home, "prefix")
        os.makedirs(f"{prefix}/libexec/svcd")
        os.mkdir(f"{prefix}/bin")
        for program in ("svcd", "svcctl", "svc-shim"):
            shutil.copy2(os.path.join(BIN, program), f"{prefix}/bin")
        with open(STOP_ALL, encoding="utf-8") as f:
            text = f.read()
        self.assertIn("limit=600 ", text)
        self.assertIn("ask=10 ", text)
        self.write("prefix/libexec/svcd/stop-all", text.replace("limit=600 ", f"limit={limit} ").replace("ask=10 ", f"ask={2 * SLOW} "),
                   0o700)
        os.symlink("prefix", os.path.join(self.home, "elsewhere"))
        ran = subprocess.run(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", INSIDE, "-",
                              prefix, os.path.join(self.home, "elsewhere"), before, by], cwd=self.home, env=self.environment(),
                             capture_output=True, text=True, check=False, timeout=60 * SLOW)
        if "unshare" in ran.stderr or ran.returncode == 77:
            self.skipTest(ran.stderr)
        return ran

    def test_all_end(self):
        ran = self.stop_all("services: {a: {command: sleep 1000}}\n")
        self.assertEqual(ran.stdout.split("\n")[-3:-1], ["status 0", "0"], ran)
        self.assertIn(" svcd stopped", self.read(os.path.join(self.root, "logs/services/a.log")))

    def test_one_that_takes_a_day(self):
        ran = self.stop_all("services:\n  a: {command: [sh, -c, 'trap \"\" TERM; echo deaf; while :; do sleep 1; done'], "
                            "stop: {timeout: 1d}}\n", limit=1,
                            before='until grep -q " out deaf" "$HOME/admin/logs/services/a.log"; do sleep 0.1; done')
        self.assertEqual(ran.stdout.split("\n")[-3:-1], ["status 0", "1"], ran)
        self.assertRegex(ran.stderr, r"not waited for any longer; .*: pid \d+ \(root\)")

    def test_outside_of_a_chroot(self):
        """A package that is removed from a chroot, whose /proc is the machine's, leaves the machine's svcd alone."""
        ran = self.stop_all("services: {a: {command: sleep 1000}}\n", before=CHROOT, by=f"chroot {self.home}/root")
        self.assertEqual(ran.stdout.split("\n")[-3:-1], ["status 0", "1"], ran)
        self.assertNotIn(" svcd stopped", self.read(os.path.join(self.root, "logs/services/a.log")))

    def test_an_account_gets_nothing_of_roots(self):
        ran = self.stop_all("services: {a: {command: sleep 1000}}\n", before=ACCOUNT)
        self.assertEqual(ran.stdout.split("\n")[-3:-1], ["status 0", "0"], ran)
        uid, *got, numbers, pid = self.read("got").splitlines()
        self.assertEqual((uid, numbers), ("65534", f"{pid} 0"))  # a session of its own, and no terminal
        self.assertEqual([x for x in got if x.startswith("/")], ["/dev/null"] * 3)
        self.assertNotIn("SECRET", "\n".join(got))


if __name__ == "__main__":
    unittest.main()
