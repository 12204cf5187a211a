"""A services.yaml that cannot be used: the account and its services go on with what it said when it was last good."""

import json
import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from svcdtest import SvcdTest, alive  # noqa: E402

ACCOUNT = ("logs: {quota: 20G}\n"
           "alerts: {command: bin/alert.sh, timeout: 7s}\n")
COMMON = ("environment: {NODE_ENV: production}\n"
          "defaults: {stop: {timeout: 3s}}\n")
SERVICES = "services:\n  a: {command: sleep 1000}\n"


class Unusable(SvcdTest):
    def setUp(self):
        super().setUp()
        self.file = os.path.join(self.root, "config/services.yaml")
        self.folder = os.path.join(self.root, "config")

    def ways(self):
        """What makes it unusable, and what makes it good again."""
        def text(t):
            return lambda: self.config(t)
        yield "empty", text("")
        yield "refused", lambda: os.chmod(self.file, 0o666)
        if os.getuid():
            yield "unreadable", lambda: os.chmod(self.file, 0o000)
        yield "folder refused", lambda: os.chmod(self.folder, 0o777)
        yield "folder gone", lambda: os.rename(self.folder, self.folder + ".away")
        yield "an error above", text("x: [\n" + self.good)
        yield "text", text("hello\n")

    def mend(self):
        if os.path.isdir(self.folder + ".away"):
            shutil.rmtree(self.folder, ignore_errors=True)
            os.rename(self.folder + ".away", self.folder)
        os.chmod(self.folder, 0o700)
        os.chmod(self.file, 0o600)
        self.config(self.good)

    def account(self):
        rows = json.loads(self.svcctl("--json", "show").out)["settings"]
        return {r["path"]: (r["value"], r["origin"]) for r in rows}

    def kept(self):
        """Of the settings that services.yaml had."""
        now = self.account()
        self.assertEqual({k: now[k][0] for k in ("logs.quota", "alerts.command", "alerts.timeout")},
                         {"logs.quota": "20G", "alerts.command": "bin/alert.sh", "alerts.timeout": "7s"})
        for k in ("logs.quota", "alerts.command", "alerts.timeout"):
            self.assertEqual(now[k][1], f"{self.file} (when it was last good)")

    def said(self, out):
        self.assertIn(f"{self.file}: warning: what it said of the account when it was last good stays in force: logs.quota, "
                      "alerts.command, alerts.timeout", out)


class Account(Unusable):
    good = ACCOUNT + SERVICES

    def test_its_settings_stay_over_reloads_and_new_svcds(self):
        self.config(self.good)
        self.start()
        pid = self.running("a")["pid"]
        for how, break_it in self.ways():
            with self.subTest(how=how):
                break_it()
                out = self.svcctl("plan", status=1)
                self.said(out.err)
                self.assertNotIn("the account", out.out)
                self.svcctl("reload", status=1)
                self.kept()
                self.svcctl("reload", status=1)
                self.kept()
                self.kill_svcd()
                self.start()
                self.kept()
                self.said(self.stderr())
                self.kill_svcd()
                self.start()
                self.kept()
                self.mend()
                self.svcctl("reload")
                self.assertEqual(self.account()["logs.quota"], ("20G", f"{self.file}:1"))
                self.assertEqual(self.running("a")["pid"], pid)

    def test_a_setting_with_an_error_keeps_its_value(self):
        self.config(self.good)
        self.start()
        self.running("a")
        for wrong in ("logs: {quota: much}", "logs: {quoat: 5G}", "logs: 5G", "log: {quota: 5G}",
                      "logs: {quota: 1M, quota: 2M}"):
            with self.subTest(wrong=wrong):
                self.config(self.good.replace("logs: {quota: 20G}", wrong))
                out = self.svcctl("plan", status=1)
                self.assertNotIn("the account", out.out)
                self.svcctl("reload", status=1)
                now = self.account()
                self.assertEqual(now["logs.quota"], ("20G", f"{self.file} (when it was last good)"))
                self.assertEqual(now["alerts.command"], ("bin/alert.sh", f"{self.file}:2"))

    def test_what_the_user_takes_away_is_gone(self):
        self.config(self.good)
        self.config("services: {b: {command: sleep 1000}}\n", "services.d/b.yaml")
        self.start()
        self.running("b")
        self.config(SERVICES)
        self.svcctl("reload")
        self.assertEqual(self.account()["logs.quota"], ("1G", "default"))
        self.config(self.good)
        self.svcctl("reload")
        self.assertEqual(self.account()["logs.quota"][0], "20G")
        os.unlink(self.file)
        self.svcctl("reload")
        self.assertEqual(self.account()["logs.quota"], ("1G", "default"))
        self.config("", "services.d/b.yaml")  # another one's error changes nothing in that
        self.svcctl("reload", status=1)
        self.kill_svcd()
        self.start()
        self.assertEqual(self.account()["logs.quota"], ("1G", "default"))


    def test_over_an_upgrade(self):
        self.good = ACCOUNT + COMMON + SERVICES
        self.config(self.good)
        self.config("services: {x: {command: sleep 1000}}\n", "services.d/x.yaml")
        self.start()
        before = {n: self.running(n)["pid"] for n in "ax"}
        for steps in (("reload", "upgrade", "upgrade", "reload"), ("upgrade", "reload", "upgrade")):
            with self.subTest(steps=steps):
                self.config("")
                for step in steps:
                    self.svcctl(step, status=1 if step == "reload" else 0)
                    self.assertEqual(self.account()["logs.quota"][0], "20G")
                    self.assertEqual({n: self.running(n)["pid"] for n in "ax"}, before)
                    self.assertRegex(self.svcctl("env", "x").out, r"NODE_ENV +production")
                self.kept()
                self.mend()
                self.svcctl("reload")
        # What was taken away is gone with the next reload, as everything else.
        self.config(COMMON + SERVICES)
        self.svcctl("upgrade")
        self.assertEqual(self.account()["logs.quota"][0], "20G")
        self.svcctl("reload")
        self.assertEqual(self.account()["logs.quota"], ("1G", "default"))
        self.assertEqual({n: self.running(n)["pid"] for n in "ax"}, before)


class Common(Unusable):
    good = COMMON + SERVICES

    def test_services_of_other_files_go_on_as_they_are(self):
        self.config(self.good)
        self.config("services: {x: {command: sleep 1000}}\n", "services.d/x.yaml")
        self.start()
        before = {n: self.running(n)["pid"] for n in "ax"}
        for how, break_it in self.ways():
            if how == "folder gone":  # a new svcd makes it: then their entries are gone, which is no error
                continue
            with self.subTest(how=how):
                break_it()
                self.svcctl("plan", status=1)
                self.svcctl("reload", status=1)
                self.as_before(before)
                self.kill_svcd()
                self.start()
                self.as_before(before)
                self.svcctl("reload", status=1)
                self.as_before(before)
                self.mend()
                self.svcctl("reload")
                self.assertEqual({n: self.running(n)["pid"] for n in "ax"}, before)
                self.assertIsNone(self.service("x")["error"])

    def as_before(self, before):
        self.assertEqual({n: self.running(n)["pid"] for n in before}, before)
        self.assertRegex(self.service("x")["error"], "/config/services")
        self.assertRegex(self.svcctl("env", "x").out, r"NODE_ENV +production")
        self.assertRegex(self.svcctl("show", "x").out, r"stop\.timeout +3s")

    def test_a_file_that_says_nothing_for_others_costs_them_nothing(self):
        self.good = SERVICES
        self.config(self.good)
        self.config("services: {x: {command: sleep 1000}}\n", "services.d/x.yaml")
        self.start()
        for n in "ax":
            self.running(n)
        for how, break_it in list(self.ways())[:2]:
            with self.subTest(how=how):
                break_it()
                self.svcctl("reload", status=1)
                self.assertIsNone(self.service("x")["error"])
                self.mend()


class Deleted(Unusable):
    LISTENER = """
        import os, socket, time
        s = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
        time.sleep(1000)
    """

    def test_what_svcd_has_on_record_is_put_back(self):
        program = self.python("listener.py", self.LISTENER)
        self.good = ACCOUNT + COMMON + f"services:\n  web: {{command: {program}, port: auto}}\n"
        self.config(self.good)
        self.start()
        web = self.running("web")
        names = ("ports", "last-good.yaml")
        before = {n: self.read(f"admin/svcd/{n}") for n in names}
        for broken in (False, True):
            if broken:
                self.config("")
                self.svcctl("reload", status=1)
            for victim in ("ports", "last-good.yaml", ""):
                with self.subTest(victim=victim, broken=broken):
                    path = os.path.join(self.root, "svcd", victim)
                    if victim:
                        os.unlink(path)
                    else:  # in one step: svcd puts things back while others are still deleted
                        os.rename(path, os.path.join(self.tmp, f"away-{broken}"))
                    for n in names:
                        self.until(lambda n=n: os.path.exists(os.path.join(self.root, "svcd", n)), what=n)
                    self.assertEqual({n: self.read(f"admin/svcd/{n}") for n in names}, before)
            self.kill_svcd()
            self.start()
            now = self.running("web")
            self.assertEqual((now["pid"], now["port"]), (web["pid"], web["port"]))
            self.assertTrue(alive(web["pid"]))


if __name__ == "__main__":
    unittest.main()
