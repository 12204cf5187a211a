"""svcctl upgrade to a svcd that is no good is refused, and the running one goes on; what is around svcd: its supervisor,
lock, descriptors and memory."""

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest

import straced
from svcdtest import BIN, SLOW, alive, children, command_line
from upgradetest import NEWER, UpgradeTest


class Refused(UpgradeTest):
    def setUp(self):
        super().setUp()
        self.config("services: {a: {command: sleep 1000, annotation: mine}}")
        self.start()
        self.pid = self.running("a")["pid"]

    def refused(self, pattern):
        result = self.svcctl("upgrade", status=1)
        self.assertEqual(result.out, "")
        self.assertRegex(result.err, rf"^svcctl: not upgraded, svcd {re.escape(self.version)} goes on: ")
        self.assertRegex(result.err, pattern)
        self.goes_on()

    def goes_on(self):
        self.assertEqual(self.info()["version"], self.version)
        s = self.service("a")
        self.assertEqual((s["pid"], s["state"]), (self.pid, "running"))
        self.assertEqual(len([e for e in self.events("a") if e["event"] == "adopted"]), 0)

    def works_after_all(self):
        self.install_newer()
        self.upgrade()
        self.assertEqual(self.service("a")["pid"], self.pid)

    def test_bad_ones(self):
        path = re.escape(self.svcd_program)
        for content, mode, pattern in (
                (None, 0, rf"{path}: No such file or directory"),
                (self.image, 0o644, rf"cannot run {path}: Permission denied"),
                ("#!/bin/sh\nexec /bin/true\n", 0o755, "does not say that it can take over"),
                ("#!/bin/sh\nexit 0\n", 0o755, "does not say that it can take over"),
                ("#!/bin/sh\nexec /bin/false\n", 0o755, r"cannot take over: \(exit status 1\)"),
                ("#!/bin/sh\necho svcd 9.9.9 can take over: 00000000000000000000000000000000\n", 0o755,
                 "does not say that it can take over"),
                ("#!/bin/sh\necho one >&2; echo 'svcd: it is broken' >&2; exit 7\n", 0o755,
                 r"cannot take over: svcd: it is broken \(exit status 7\)"),
                ("#!/bin/sh\nkill -SEGV $$\n", 0o755, r"was killed by signal 11 \(SEGV\)"),
                ("#!/no/such/interpreter\n", 0o755, "No such file or directory"),
                ("neither ELF nor script", 0o755, "Exec format error"),
                (self.image[:2000], 0o755, "."),
                (self.image[:20000], 0o755, ".")):
            with self.subTest(pattern):
                self.install(content, mode)
                self.refused(pattern)
        for program in ("/bin/true", "/bin/false"):
            with open(program, "rb") as f:
                self.install(f.read())
            self.refused("take over")
        self.works_after_all()

    def test_cannot_load(self):
        """A svcd, but one that does not understand the state, the definitions or what is handed over."""
        for changes, pattern in (({"svcd_state": "svcd-other"}, "this is no state of svcd"),
                                 ({"svcd_handover": "svcd-handower"}, "what the running svcd hands over"),
                                 ({"annotation": "annotatiom"},
                                  r"services\.yaml:1:\d+: services\.a\.annotation: unknown key")):
            with self.subTest(pattern):
                self.install(self.newer(**changes))
                self.refused(pattern)
        self.works_after_all()

    def test_broken_definitions_are_no_reason(self):
        """The user's error is one for both: what runs goes on, as with a new svcd."""
        self.config("services: {a: {command: sleep 1000, annotation: mine, prot: 1}}")
        self.install_newer()
        self.upgrade()
        self.assertEqual(self.service("a")["pid"], self.pid)

    def test_one_that_hangs(self):
        self.install("#!/bin/sh\necho $$ > hangs\nsleep 1000\n")
        first = self.in_background("upgrade")
        hanging = int(self.written("hangs")[0])
        second = self.svcctl("upgrade", status=1)
        self.assertIn("an upgrade is under way already", second.err)
        self.goes_on()
        child = self.until(lambda: children(hanging), what="the sleep")[0]
        out, err = first.communicate(timeout=30 * SLOW)
        self.assertEqual((first.returncode, out), (1, ""))
        self.assertIn("did not say within 10 s whether it can take over", err)
        self.gone(hanging, child)
        self.goes_on()
        self.works_after_all()

    def test_end_while_it_is_asked(self):
        self.install("#!/bin/sh\necho $$ > hangs\nsleep 1000\n")
        first = self.in_background("upgrade")
        hanging = int(self.written("hangs")[0])
        self.assertEqual(self.end_svcd(), 0)
        self.gone(hanging, self.pid)
        out, err = first.communicate(timeout=30 * SLOW)
        self.assertEqual((first.returncode, out), (1, ""))
        self.assertIn("svcd is shutting down", err)

    def last_moment(self, what, pattern):
        """Proves that it can, and then does something to itself."""
        real = os.path.join(self.installed, "real")
        shutil.copy(os.path.join(BIN, "svcd"), real)
        self.install(f"#!/bin/sh\n{real} \"$@\"\n{what}\n")
        self.refused(pattern)

    def test_vanishes_at_the_last_moment(self):
        self.last_moment('rm "$0"', "has changed since it was asked")
        self.works_after_all()

    def test_fails_at_the_last_moment(self):
        waiting = self.in_background("wait", "a", "--for", "stopped")
        self.last_moment('chmod a-x "$0"', r"cannot run .*: Permission denied")
        self.svcctl("stop", "a")  # signals, clients and locks are as they were
        self.assertEqual(self.ended(waiting), "a: stopped\n")
        self.svcctl("start", "a")
        self.pid = self.running("a")["pid"]
        self.works_after_all()

    @unittest.skipIf(os.getuid() == 0, "root may write anywhere")
    def test_state_cannot_be_saved(self):
        folder = os.path.join(self.root, "svcd")
        os.unlink(os.path.join(folder, "state.journal"))  # which would do
        os.chmod(folder, 0o500)
        self.install_newer()
        try:
            self.refused("the state cannot be saved: Permission denied")
        finally:
            os.chmod(folder, 0o700)
        self.works_after_all()


class Surroundings(UpgradeTest):
    def manager(self):
        """A service manager's socket."""
        if not os.path.exists("/lib/x86_64-linux-gnu/libsystemd.so.0") and shutil.which("systemd-notify") is None:
            self.skipTest("no libsystemd")
        path = os.path.join(self.tmp, "notify")
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(path)
        self.addCleanup(sock.close)
        self.svcd_env["NOTIFY_SOCKET"] = path
        return sock

    def listen_to(self, sock):
        """As a manager does: all the time, or there is no room any more for what is said."""
        def read():
            while said := sock.recv(4096).decode():
                self.said.append(said)
        self.said = []
        reader = threading.Thread(target=read)
        self.addCleanup(reader.join)
        self.addCleanup(sock.shutdown, socket.SHUT_RD)
        reader.start()

    def heard(self, wanted):
        """Waits until one message has WANTED; all that came."""
        got = []

        def there():
            while self.said and not (got and wanted in got[-1]):
                got.append(self.said.pop(0))
            return got and wanted in got[-1]
        self.until(there, 20, f"{wanted} for the manager")
        return got

    def nothing_more_to_be_heard(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.connect(self.svcd_env["NOTIFY_SOCKET"])
            self.until(lambda: not select.select([], [other], [], 0)[1], what="a queue that is full")

    def test_manager(self):
        """RELOADING, READY, and a watchdog that never misses."""
        sock = self.manager()
        self.listen_to(sock)
        self.config("services: {a: {command: sleep 1000}}")
        self.svcd_env["WATCHDOG_USEC"] = "400000"
        self.start()
        self.running("a")
        self.heard("READY=1")
        self.upgrade(self.version)
        got = self.heard("RELOADING=1") + self.heard("READY=1")
        self.assertTrue(any("MONOTONIC_USEC=" in m for m in got))
        for _ in range(2):
            self.heard("WATCHDOG=1")
        self.upgrade(self.version)
        self.heard("RELOADING=1")
        self.heard("READY=1")
        self.heard("WATCHDOG=1")
        self.heard("WATCHDOG=1")

    def test_a_manager_that_does_not_read(self):
        """There is no room any more for what svcd says: it goes on without, and says it when there is."""
        sock = self.manager()
        self.config("services: {a: {command: sleep 1000}}")
        self.svcd_env["WATCHDOG_USEC"] = "20000"
        self.start()
        pid = self.running("a")["pid"]
        self.nothing_more_to_be_heard()
        self.assertEqual(self.service("a")["pid"], pid)
        self.svcctl("reload")
        self.svcctl("stop", "a")
        self.listen_to(sock)
        self.heard("RELOADING=1")
        self.heard("READY=1")
        self.heard("STATUS=0 of 1 services running")

    def test_the_end_with_a_manager_that_does_not_read(self):
        self.manager()
        self.config("services: {a: {command: sleep 1000}}")
        self.svcd_env["WATCHDOG_USEC"] = "20000"
        self.start()
        self.running("a")
        self.nothing_more_to_be_heard()
        self.assertEqual(self.end_svcd(), 0)

    def test_link_that_is_turned(self):
        new = os.path.join(self.tmp, "new")
        os.mkdir(new)
        shutil.copy(os.path.join(BIN, "svc-shim"), new)
        with open(os.path.join(new, "svcd"), "wb") as f:
            f.write(self.newer())
        os.chmod(os.path.join(new, "svcd"), 0o755)
        link = os.path.join(self.tmp, "current")
        os.symlink(self.installed, link)
        self.svcd_program = os.path.join(link, "svcd")
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        self.running("a")
        os.symlink(new, link + ".new")
        os.rename(link + ".new", link)
        self.upgrade()
        os.symlink(self.installed, link + ".new")
        os.rename(link + ".new", link)
        self.upgrade(self.version)

    def test_found_in_path(self):
        self.svcd_env["PATH"] = self.installed + ":" + os.environ["PATH"]
        self.svcd_program = "svcd"
        self.config("services: {a: {command: sleep 1000}}")
        path = os.environ["PATH"]
        os.environ["PATH"] = self.installed + ":" + path  # Popen looks there
        self.addCleanup(os.environ.__setitem__, "PATH", path)
        self.start()
        self.running("a")
        self.svcd_program = os.path.join(self.installed, "svcd")
        self.install_newer()
        self.upgrade()

    def test_started_by_a_script(self):
        """What is executed last counts; and a script may stand in the place of what was installed."""
        self.config("services: {a: {command: sleep 1000}}")
        self.start("--verbose")
        self.running("a")
        real = os.path.join(self.installed, "real")
        with open(real, "wb") as f:
            f.write(self.newer())
        os.chmod(real, 0o755)
        self.install(f'#!/bin/sh\nexec {real} "$@"\n')
        self.upgrade()
        self.assertEqual(command_line(self.svcd.pid), f"{real} --verbose")

    def test_a_second_svcd_is_refused(self):
        """The locks go over."""
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        self.upgrade(self.version)
        for root in ([], ["--root", self.root]):
            second = subprocess.run([self.svcd_program, *root], env=self.environment(), capture_output=True,
                                    text=True, check=False, timeout=20 * SLOW)
            self.assertEqual(second.returncode, 1)
            self.assertIn(f"another svcd (pid {self.svcd.pid}) already runs", second.stderr)

    def test_socket_is_put_back(self):
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        self.upgrade(self.version)
        os.unlink(os.path.join(self.run_dir, "control.sock"))
        self.until(self.answers, what="the socket")
        self.upgrade(self.version)

    def test_signals_at_that_moment(self):
        """TERM is not lost, whenever it comes: svcd stops everything and ends with 0."""
        self.config("services: {a: {command: sleep 1000}}")
        for delay_ms in (0, 2, 5, 8, 12, 18, 25, 40):
            self.start()
            pid = self.running("a")["pid"]
            with self.varlink() as v:
                v.send(b'{"method":"org.svcd.Supervisor.Upgrade"}\0')
                time.sleep(delay_ms / 1000)
                self.assertEqual(self.end_svcd(), 0, f"TERM after {delay_ms} ms")
                self.assertFalse(alive(pid))

    @unittest.skipUnless(shutil.which("strace"), "strace is missing")
    def test_signal_in_the_last_turn(self):
        """TERM comes while svcd hears that the installed one is fit, and sleeps no more before it is executed."""
        self.config("services: {a: {command: sleep 1000}}")
        self.to_be_traced()
        self.start()
        pid = self.running("a")["pid"]
        straced.attached(self, self.svcd.pid, "-e", "trace=wait4", "-e", "inject=wait4:signal=TERM:when=1")
        with self.varlink() as v:
            v.send(b'{"method":"org.svcd.Supervisor.Upgrade"}\0')
            self.assertEqual(self.svcd.wait(20 * SLOW), 0)
        self.assertFalse(alive(pid))

    @unittest.skipUnless(shutil.which("strace"), "strace is missing")
    def test_reload_in_the_last_moment(self):
        """HUP comes when no turn is left in which the old svcd could hear it."""
        self.config("services: {a: {command: sleep 1000}}")
        self.to_be_traced()
        self.start()
        self.running("a")
        self.config("services: {a: {command: sleep 1000, annotation: new}}")
        straced.attached(self, self.svcd.pid, "-e", "trace=execve", "-e", "inject=execve:signal=HUP:when=1")
        with self.varlink() as v:
            v.send(b'{"method":"org.svcd.Supervisor.Upgrade"}\0')
            self.assertIn("to", v.receive()["parameters"])
        self.until(lambda: self.service("a")["annotation"] == "new", what="the reload")

    def test_reload_at_that_moment(self):
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        with self.varlink() as v:
            for i in range(5):
                self.config(f"services: {{a: {{command: sleep 1000, annotation: n{i}}}}}")
                v.send(b'{"method":"org.svcd.Supervisor.Upgrade"}\0')
                time.sleep(i * 0.005)
                os.kill(self.svcd.pid, signal.SIGHUP)
                self.assertIn("to", v.receive()["parameters"])
                self.until(lambda i=i: self.service("a")["annotation"] == f"n{i}", what="the reload")

    def test_client_has_gone(self):
        """Who asked hangs up: it goes on, and another one can be asked for."""
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        self.running("a")
        self.install_newer()
        with self.varlink() as v:
            v.send(b'{"method":"org.svcd.Supervisor.Upgrade"}\0')
        self.until(lambda: self.info()["version"] == NEWER, what="the newer one")
        self.until(lambda: self.run_svcctl("upgrade").status == 0, what="another one")

    def test_a_shim_that_is_slow(self):
        """The answer names who has not answered, after 5 s."""
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}}")
        self.start()
        self.running("b")
        shim = self.shim_of(self.running("a")["pid"])
        os.kill(shim, signal.SIGSTOP)
        try:
            result = self.svcctl("upgrade")
        finally:
            os.kill(shim, signal.SIGCONT)
        self.assertIn("a: its svc-shim has not answered the new svcd yet", result.err)
        self.running("a")
        self.assertEqual(self.service("a")["run"], 1)
