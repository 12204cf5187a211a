"""upgradetest: svcd of a folder of the test's own, where another one can be installed in its place, and svcctl upgrade."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time

from svcdtest import BIN, SLOW, SvcdTest


NEWER = "9.9.9"


class UpgradeTest(SvcdTest):
    """svcd runs from a folder of the test's own, where another one can be installed."""

    def setUp(self):
        super().setUp()
        self.installed = os.path.join(self.tmp, "installed")
        os.mkdir(self.installed)
        shutil.copy(os.path.join(BIN, "svc-shim"), self.installed)
        with open(os.path.join(BIN, "svcd"), "rb") as f:
            self.image = f.read()
        self.version = subprocess.run([os.path.join(BIN, "svcd"), "--version"], capture_output=True, check=True,
                                      text=True).stdout.split()[1]
        self.svcd_program = os.path.join(self.installed, "svcd")
        self.install(self.image)

    def start(self, *arguments, **more):
        return super().start(*arguments, program=self.svcd_program, **more)

    def install(self, content, mode=0o755):
        """As a package manager does it: another file in the old one's place. None: it is removed."""
        if content is None:
            os.unlink(self.svcd_program)
            return
        new = self.svcd_program + ".new"
        with open(new, "wb") as f:
            f.write(content.encode() if isinstance(content, str) else content)
        os.chmod(new, mode)
        os.rename(new, self.svcd_program)

    def newer(self, **changes):
        """The image of a svcd that is the same but says it is NEWER; texts of the same length may change."""
        image = self.image.replace(self.version.encode(), NEWER.encode())
        for old, new in changes.items():
            old = old.replace("_", "-").encode()
            self.assertIn(old + b"\0", image)
            image = image.replace(old + b"\0", new.encode() + b"\0")
        return image

    def install_newer(self):
        self.install(self.newer())

    def upgrade(self, to=NEWER):
        """svcctl upgrade that succeeds; its JSON."""
        answer = json.loads(self.svcctl("--json", "upgrade").out)
        self.assertEqual((answer["to"], answer["pid"], answer["missing"]), (to, self.svcd.pid, []))
        return answer

    def in_background(self, *arguments):
        proc = subprocess.Popen([os.path.join(BIN, "svcctl"), *arguments], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=self.environment(), cwd=self.home)
        self.programs.append(proc)
        return proc

    def ended(self, proc, status=0):
        out, err = proc.communicate(timeout=30 * SLOW)
        self.assertEqual(proc.returncode, status, out + err)
        return out

    def info(self):
        with self.varlink() as v:
            return v.call("GetInfo")["parameters"]["info"]

    def notifier(self):
        """The command of a service that becomes ready once there is a file `go`."""
        return self.python("notifier.py", """
            import os, socket, time
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            while not os.path.exists("go"):
                time.sleep(0.01)
            s.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"].replace("@", chr(0), 1))
            time.sleep(1000)
            """)

    def deaf(self):
        """A service that ignores TERM, and writes `deaf` once it does."""
        return self.python("deaf.py", """
            import signal, time
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            open("deaf", "w").write("yes")
            time.sleep(1000)
            """)
