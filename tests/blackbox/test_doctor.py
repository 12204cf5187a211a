"""svcctl doctor: the set-up, looked at end to end. What each finding says is shown by unit/test_ctl_doctor.c; here
is shown that it is found."""

import json
import os
import resource
import shutil
import signal
import socket
import unittest

from svcdtest import BIN, SvcdTest, free_port


class Doctor(SvcdTest):
    def doctor(self, status=None, **env):
        """What was found, by check."""
        r = self.run_svcctl("--json", "doctor", env=env)
        if status is not None:
            self.assertEqual(r.status, status, r)
        return {f["check"]: f for f in json.loads(r.out)}

    def codes(self, **env):
        return {check: f["code"] for check, f in self.doctor(**env).items()}

    def begin(self, text="services: {a: {command: sleep 1000}}\n"):
        self.config(text)
        self.start()
        self.until(lambda: all(s["state"] != "starting" for s in self.services().values()), what="the services")

    def test_all_is_well(self):
        self.begin()
        found = self.doctor(status=0)
        for check, code in (("svcd", "svcd-ok"), ("folders", "folders-ok"), ("disk", "disk-ok"),
                            ("definitions", "definitions-ok"), ("programs", "programs-ok"), ("ports", "ports-ok"),
                            ("shims", "shims-ok"), ("open files", "files-ok"), ("clock", "clock-ok"),
                            ("journal", "journal-ok")):
            self.assertEqual(found[check]["code"], code, found[check])
        self.assertEqual(found["alerts"]["code"], "alerts-off")
        page = self.svcctl("doctor").out
        self.assertRegex(page, r"(?m)^ok +svcd +\S+ runs for ")
        self.assertEqual(os.listdir(os.path.join(self.root, "svcd/alerts"))
                         if os.path.exists(os.path.join(self.root, "svcd/alerts")) else [], [])
        self.assertFalse([n for n in os.listdir(os.path.join(self.root, "svcd")) if "doctor" in n])

    def test_there_is_no_shim(self):
        self.begin()
        self.assertEqual(self.doctor(status=0, SVCD_SHIM=os.path.join(BIN, "svc-shim"))["shims"]["code"], "shims-ok")
        found = self.doctor(status=1, SVCD_SHIM="/nowhere/svc-shim")["shims"]
        self.assertEqual((found["code"], found["text"]),
                         ("shims-missing", "/nowhere/svc-shim cannot be executed: is it there?"))

    def test_svcd_is_down(self):
        self.begin()
        self.end_svcd()
        found = self.doctor(status=1)
        self.assertEqual((found["svcd"]["code"], found["svcd"]["state"]), ("svcd-down", "problem"))
        self.assertEqual(found["cgroups"]["code"], "cgroups-unknown")

    def test_svcd_was_killed(self):
        self.begin()
        self.kill_svcd()
        found = self.doctor(status=1)
        self.assertEqual((found["svcd"]["code"], found["shims"]["code"]), ("svcd-down", "shims-alone"))
        self.assertEqual(found["shims"]["text"], "1 service goes on without svcd")

    def test_svcd_is_silent(self):
        self.begin()
        self.svcd.send_signal(signal.SIGSTOP)
        try:
            r = self.run_svcctl("--json", "--timeout", "500ms", "doctor")
        finally:
            self.svcd.send_signal(signal.SIGCONT)
        found = {f["check"]: f["code"] for f in json.loads(r.out)}
        self.assertEqual((r.status, found["svcd"]), (1, "svcd-silent"))

    def test_socket_is_gone(self):
        self.begin()
        self.svcd.send_signal(signal.SIGSTOP)
        try:
            os.unlink(os.path.join(self.run_dir, "control.sock"))
            self.assertEqual(self.codes()["svcd"], "svcd-no-socket")
        finally:
            self.svcd.send_signal(signal.SIGCONT)
        self.until(lambda: self.codes()["svcd"] == "svcd-ok", what="the socket")

    def test_few_descriptors(self):
        """A svcd that cannot take connections is not called one that does not run."""
        self.svcd_becomes = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        self.begin()
        self.assertEqual(self.codes()["open files"], "files-few")

    def test_folders(self):
        self.begin()
        for folder in ("logs", "logs/services", "svcd", "run"):
            path = os.path.join(self.root, folder)
            os.chmod(path, 0o777)
            found = self.doctor(status=1)["folders"]
            self.assertEqual(found["code"], "folders-wrong")
            self.assertIn(f"{path} can be written to by others (mode 777)", found["text"])
            os.chmod(path, 0o700)
        self.assertEqual(self.codes()["folders"], "folders-ok")

    def test_svcd_says_so_too(self):
        """Whoever can write to ROOT/svcd or RUN could do anything: svcd does not pass over that in silence."""
        self.begin()
        self.end_svcd()
        os.chmod(os.path.join(self.root, "svcd"), 0o777)
        os.chmod(os.path.join(self.root, "run"), 0o770)
        self.start()
        said = self.stderr()
        self.assertIn(f"{self.root}/svcd can be written to by others", said)
        self.assertIn(f"{self.root}/run can be written to by others", said)

    def test_disk(self):
        if os.geteuid() == 0:
            self.skipTest("root may write anywhere")
        self.begin()
        os.chmod(os.path.join(self.root, "svcd"), 0o500)
        try:
            found = self.doctor(status=1)["disk"]
        finally:
            os.chmod(os.path.join(self.root, "svcd"), 0o700)
        self.assertEqual(found["code"], "disk-refuses")
        self.assertIn("Permission denied", found["text"])

    def test_definitions(self):
        self.begin()
        self.config("services: {a: {command: sleep 1001}}\n")
        self.assertEqual(self.codes()["definitions"], "definitions-changed")
        self.config("services: {a: {comand: sleep 1001}}\n")
        self.assertEqual(self.codes()["definitions"], "definitions-errors")
        self.config("services: {}\n")
        self.svcctl("reload")
        self.assertEqual(self.codes()["definitions"], "definitions-none")

    def test_programs(self):
        self.script("there.sh", "exec sleep 1000\n")
        self.begin("""
          services:
            a: {command: ./missing.sh, restart: never}
            b: {command: no-such-program-anywhere x, restart: never}
            c: {command: ./there.sh}
            d: {command: "no-such-program-anywhere | cat", enabled: false}
        """)
        found = self.doctor()["programs"]
        self.assertEqual(found["code"], "programs-missing")
        self.assertEqual(found["text"], "not found: a (./missing.sh), b (no-such-program-anywhere)")

    def test_ports(self):
        mine, others = free_port(), free_port()
        program = self.python("listen.py", f"""
            import socket, time
            s = socket.create_server(("127.0.0.1", {mine}))
            time.sleep(1000)
        """)
        self.begin(f"""
          services:
            a: {{command: '{program}', port: {mine}}}
            b: {{command: sleep 1000, port: {others}, ready: exec}}
        """)
        self.running("a")
        self.running("b")
        found = self.doctor()["ports"]
        self.assertEqual((found["code"], found["state"], found["text"]),
                         ("ports-silent", "warning", f"nobody listens on the port of what runs: b {others}"))
        self.svcctl("stop", "b")
        found = self.doctor()["ports"]
        self.assertEqual((found["code"], found["text"]),
                         ("ports-local", f"listened on locally only, not reachable from outside: a {mine}"))
        with socket.create_server(("127.0.0.1", others)):
            found = self.doctor()["ports"]
            self.assertEqual((found["code"], found["text"]), ("ports-held", f"held by somebody else: b {others}"))

    def test_alerts(self):
        sendmail = self.script("sendmail", "exit 1\n")
        self.svcd_env["SVCD_SENDMAIL"] = sendmail
        self.script("bad.sh", "exit 1\n")
        self.begin("alerts: {email: me@example.org}\nservices: {a: {command: ./bad.sh, restart: {max_failures: 1}}}\n")
        self.in_state("a", "disabled")
        self.until(lambda: self.codes()["alerts"] == "alerts-wait", what="an alert that cannot be sent")
        self.assertEqual(self.codes(SVCD_SENDMAIL="/nowhere/sendmail")["alerts"], "alerts-no-sendmail")
        self.script("sendmail", "cat > /dev/null\n")  # until it is tried again, it may still be written about
        self.until(lambda: self.codes()["alerts"] == "alerts-ok", what="an alert that was sent")
        self.config("alerts: {command: ./missing.sh}\nservices: {}\n")
        self.assertEqual(self.codes()["alerts"], "alerts-no-command")

    def test_clock(self):
        self.begin()
        self.end_svcd()
        with open(os.path.join(self.root, "svcd/events.ndjson"), "a", encoding="utf-8") as f:
            f.write('{"seq":999,"at":"2999-01-01T00:00:00.000+00:00","event":"x"}\n')
        self.assertEqual(self.codes()["clock"], "clock-back")

    def starts_here(self, text=""):
        """The user's own systemd starts svcd; TEXT: of a drop-in."""
        units = os.path.join(self.home, ".config/systemd/user")
        os.makedirs(os.path.join(units, "default.target.wants"), exist_ok=True)
        os.makedirs(os.path.join(units, "svcd.service.d"), exist_ok=True)
        link = os.path.join(units, "default.target.wants/svcd.service")
        if not os.path.lexists(link):
            os.symlink("/usr/lib/systemd/user/svcd.service", link)
        self.write(os.path.join(units, "svcd.service.d/root.conf"), text)

    def test_boot(self):
        self.begin()
        self.starts_here()
        self.assertIn(self.codes()["boot"], ("boot-linger", "boot-ok"))

    def crontab(self, script, code, says):
        """What doctor says of the boot where `crontab -l` is SCRIPT."""
        self.script("bin/crontab", script)
        found = self.doctor(PATH=f"{self.home}/bin:{os.environ['PATH']}")["boot"]
        self.assertEqual((found["code"], found["text"]), (code, says), script)

    def test_boot_by_cron(self):
        self.begin()
        self.crontab("echo '@reboot exec svcd 2>/dev/null'\n", "boot-ok", "cron starts svcd at boot")
        self.crontab(f"echo '@reboot exec svcd --root={self.root} &'\n", "boot-ok", "cron starts svcd at boot")
        none = "nothing was found that starts svcd at boot"
        for script in ("echo '@reboot svcctl status'\n", "echo '#@reboot svcd'\n", "exit 1\n"):
            self.crontab(script, "boot-none", none)

    def test_boot_of_another_root(self):
        self.begin()
        says = f"starts svcd at boot, but for /other: nothing does for {self.root}"
        for line in ("@reboot /usr/local/bin/svcd --root /other", "@reboot SVCD_ROOT=/other exec svcd",
                     "SVCD_ROOT = /other\n@reboot svcd --verbose"):
            self.crontab(f"cat <<'E'\n{line}\nE\n", "boot-other", f"cron {says}")
        self.starts_here("[Service]\nEnvironment=SVCD_ROOT=/other\n")
        self.crontab("exit 1\n", "boot-other", f"the user's systemd (svcd.service) {says}")
        self.crontab("echo '@reboot svcd'\n", "boot-ok", "cron starts svcd at boot")

    def test_a_crontab_that_does_not_answer(self):
        """It has a limit of time and one of size; it is not waited for, nor are its own processes left."""
        self.begin()
        not_known = "whether cron starts svcd at boot is not known, and nothing else was found that does"
        self.crontab("echo '@reboot svcd'; sleep 1000; echo\n", "boot-unknown",
                     f"`crontab -l` does not answer: {not_known}")
        self.crontab("yes svcd\n", "boot-unknown", f"`crontab -l` says too much: {not_known}")


if __name__ == "__main__":
    unittest.main()
