"""The host's policy: what its provider rules for every account, whose word is believed, what an error in it
costs; and the settings of the account as a whole, which are shown beside it."""

import json
import os
import pwd
import shutil
import tempfile
import textwrap
import unittest

from svcdtest import SvcdTest, process_environment


@unittest.skipIf(os.getuid(), "only root can write a policy that counts")
class PolicyTest(SvcdTest):
    """Each test has a policy of its own, in a folder in which only root can write."""

    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix="svcd-test-", dir="/run")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        self.file = os.path.join(self.folder, "policy.yaml")

    def policy(self, text):
        """Replaces it, as an editor does."""
        with open(self.file + ".new", "w") as f:
            f.write(textwrap.dedent(text))
        os.chmod(self.file + ".new", 0o644)
        os.rename(self.file + ".new", self.file)

    def start(self, *arguments, **options):
        return super().start("--policy", self.file, *arguments, **options)

    def check(self, status=0):
        result = self.svcctl("check", "--policy", self.file, status=status)
        return result.out + result.err


class Limits(PolicyTest):
    def test_what_is_above_them_names_the_policy_everywhere(self):
        self.policy("""\
            ports: {first: 8300, last: 8310}
            max:
              services: 4
              memory: 1G
        """)
        path = self.config("""\
            services:
              good: {command: sleep 1000}
              big: {command: sleep 1000, limits: {memory: 2G}}
              far: {command: sleep 1000, port: 8311}
              small: {command: sleep 1000, limits: {memory: 1G}}
              fifth: {command: sleep 1000}
        """)
        wrong = {
            "big": f"{path}:3:47: services.big.limits.memory: 2G is too much, the host's policy allows 1G "
                   f"({self.file}:4)",
            "far": f"{path}:4:36: services.far.port: 8311 is out of range (8300 to 8310; the host's policy, "
                   f"{self.file}:1)",
            "fifth": f"{path}:6:3: services.fifth: 5 services, the host's policy allows 4 ({self.file}:3)",
        }
        said = self.check(status=1)
        for line in wrong.values():
            self.assertIn(line, said)
        self.start()
        self.running("good")
        self.running("small")
        for name, line in wrong.items():
            s = self.service(name)
            self.assertEqual((s["state"], s["error"]), ("invalid", line))
        said = self.svcctl("plan", status=1).err
        for line in wrong.values():
            self.assertIn(line, said)
        log = self.read("admin/svcd/svcd.log")
        for line in wrong.values():
            self.assertIn(line, log)
        self.assertIn(f"the host's policy is {self.file}", log)
        # svcctl check of one file is judged as well
        result = self.svcctl("check", "--policy", self.file, path, status=1)
        self.assertIn(wrong["big"], result.err)

    def test_a_limit_is_the_value_where_nothing_is_said(self):
        self.policy("max:\n  memory: 1G\n  log_size: 5M\n")
        self.config("services:\n  a: {command: sleep 1000, limits: {memory: 64M}}\n  b: {command: sleep 1000}\n")
        self.start()
        with self.varlink() as v:
            got = {n: {s["path"]: (s["value"], s["origin"]) for s in
                       v.call("Show", {"name": n})["parameters"]["settings"]} for n in "ab"}
        rule = f"{self.file}:%d (the host's policy)"
        self.assertEqual(got["b"]["limits.memory"], ("1G", rule % 2))
        self.assertEqual(got["b"]["log.max_size"], ("5M", rule % 3))
        self.assertEqual(got["a"]["limits.memory"][0], "64M")
        self.assertRegex(self.run_svcctl("doctor").out, rf"ok +policy +{self.file} is in force")
        shown = self.svcctl("show").out
        self.assertRegex(shown, rf"policy\.max\.memory +1G +{self.file}:2")

    def test_services_that_run_outlive_a_stricter_policy(self):
        self.policy("max: {memory: 2G}\n")
        self.config("services:\n  a: {command: sleep 1000, limits: {memory: 2G}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.policy("max: {memory: 1G, services: 1}\nports: {first: 9000, last: 9001}\n")
        said = self.svcctl("reload", status=1)
        self.assertIn("2G is too much, the host's policy allows 1G", said.err)
        self.assertIn("policy.max.memory: 2G -> 1G", said.out)
        for _ in range(2):  # and the svcd after that one
            s = self.running("a")  # once its shim has answered
            self.assertEqual(s["pid"], pid)
            self.assertIn("goes on with its last good definition", s["note"])
            self.kill_svcd()
            self.start()
        self.running("a")
        # a new run is one with the last good definition too
        os.kill(pid, 9)
        self.new_run("a", pid)
        self.policy("max: {memory: 4G}\n")
        self.svcctl("reload")
        self.assertIsNone(self.service("a")["error"])


class Gives(PolicyTest):
    def test_the_environment_and_where_it_is_from(self):
        user = pwd.getpwuid(os.getuid()).pw_name
        self.policy("""\
            host_name: services-{account}.example.net
            path: /opt/bin:/usr/bin:/bin
            environment:
              NODEJS_VERSION: "22"
              PYTHON_VERSION: "3.12"
        """)
        self.config("""\
            environment: {NODEJS_VERSION: "20"}
            services:
              a: {command: sleep 1000, environment: {URL: "http://${SVCD_HOST}/"}}
        """)
        self.start()
        s = self.running("a")
        host = f"services-{user}.example.net"
        env = process_environment(s["pid"])
        self.assertEqual({k: env.get(k) for k in ("SVCD_HOST", "PATH", "NODEJS_VERSION", "PYTHON_VERSION", "URL")},
                         {"SVCD_HOST": host, "PATH": "/opt/bin:/usr/bin:/bin", "NODEJS_VERSION": "20",
                          "PYTHON_VERSION": "3.12", "URL": f"http://{host}/"})
        shown = self.svcctl("env", "a").out
        self.assertRegex(shown, rf"PATH +/opt/bin:/usr/bin:/bin +{self.file}:2\n")
        self.assertRegex(shown, rf"SVCD_HOST +{host} +{self.file}:1\n")
        self.assertRegex(shown, rf"PYTHON_VERSION +3\.12 +{self.file}:5\n")
        self.assertRegex(shown, r"NODEJS_VERSION +20 +services\.yaml:1\n")
        self.assertEqual(s["host"], host)
        self.assertRegex(self.svcctl("status", "a").out, rf"host +{host}")

    def test_a_change_of_it_is_a_new_run_with_the_next_reload(self):
        self.policy('environment: {V: "1"}\nmax: {services: 9}\n')
        self.config("start_concurrency: 3\nservices:\n  a: {command: sleep 1000}\n")
        self.start()
        pid = self.running("a")["pid"]
        with self.varlink() as v:
            self.assertFalse(v.call("GetInfo")["parameters"]["info"]["definitions_changed"])
            self.policy('environment: {V: "2"}\nmax: {services: 8}\n')
            self.assertTrue(v.call("GetInfo")["parameters"]["info"]["definitions_changed"])
        plan = self.svcctl("plan", status=10).out
        self.assertIn("~ the account: change\n    policy.environment: {V: \"1\"} -> {V: \"2\"}\n"
                      "    policy.max.services: 9 -> 8\n", plan)
        self.assertIn("~ a: restart (because: environment.V)\n    environment.V: 1 -> 2\n", plan)
        self.assertEqual(self.service("a")["pid"], pid)
        self.svcctl("reload")
        new = self.new_run("a", pid)
        self.assertEqual(process_environment(new["pid"])["V"], "2")

    def test_its_secrets_are_not_in_a_plan(self):
        self.policy("environment: {DB_PASSWORD: hunter1}\n")
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        self.running("a")
        self.policy("environment: {DB_PASSWORD: hunter2}\n")
        out = self.svcctl("plan", status=10).out
        self.assertIn("~ a: restart (because: environment.DB_PASSWORD)", out)
        self.assertNotIn("hunter", out + self.svcctl("reload").out)

    def test_a_svcd_of_an_unprivileged_account(self):
        nobody = pwd.getpwnam("nobody")
        self.policy("host_name: \"{account}.example.net\"\nmax: {services: 1}\n")
        self.config("services:\n  a: {command: sleep 1000}\n  b: {command: sleep 1000}\n")
        os.chmod(self.tmp, 0o755)
        for folder, _, files in os.walk(self.home):
            for path in [folder, *(os.path.join(folder, f) for f in files)]:
                os.chown(path, nobody.pw_uid, nobody.pw_gid)

        def become():
            os.setgroups([])
            os.setresgid(*[nobody.pw_gid] * 3)
            os.setresuid(*[nobody.pw_uid] * 3)
        self.svcd_becomes = become
        self.start()
        s = self.running("a")
        self.assertEqual((s["host"], self.state("b")), ("nobody.example.net", "invalid"))
        self.assertTrue(os.path.exists(os.path.join(self.root, "svcd/last-good-policy.yaml")))

    def test_svcctl_looks_where_svcd_does(self):
        """Whatever file svcd was told to read: nobody is sent to a port that svcd then refuses."""
        self.policy("ports: {first: 9000, last: 9003}\n")
        self.config("services:\n  a: {command: sleep 1000, port: 9001, ready: exec}\n")
        self.start()
        self.running("a")
        ports = json.loads(self.svcctl("ports", "--json").out)
        self.assertEqual((ports["first"], ports["last"]), (9000, 9003))
        self.svcctl("check")
        self.config("services:\n  a: {command: sleep 1000, port: 8300, ready: exec}\n")
        said = self.svcctl("check", status=1).err
        self.assertIn(f"8300 is out of range (9000 to 9003; the host's policy, {self.file}:1)", said)
        self.assertRegex(self.run_svcctl("doctor").out, r"problem +definitions +.*1 error")

    def test_an_upgrade_keeps_the_policy(self):
        self.policy("ports: {first: 9000, last: 9100}\n")
        self.config("services:\n  a: {command: sleep 1000, port: 9000, ready: exec}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.svcctl("upgrade")
        s = self.running("a")
        self.assertEqual((s["pid"], s["port"], s["error"]), (pid, 9000, None))


class Trust(PolicyTest):
    def refused(self, why):
        """It is not in force, is said to be so, and nothing is held up by it."""
        said = self.check(status=1)
        self.assertIn(why, said)
        self.start()
        self.assertEqual(self.running("a")["error"], None)
        self.assertIn(f"the host's policy: {why}", self.stderr())
        self.assertRegex(self.run_svcctl("doctor").out, rf"warning +policy +{self.file}: not used: ")
        self.end_svcd()

    def test_only_what_nobody_but_root_can_have_written(self):
        self.config("services:\n  a: {command: sleep 1000, limits: {memory: 2G}}\n")
        nobody = pwd.getpwnam("nobody").pw_uid
        self.policy("max: {memory: 1G}\n")
        self.assertIn("2G is too much", self.check(status=1))
        os.chown(self.file, nobody, -1)
        self.refused(f"not used: the file {self.file} does not belong to root; none is in force")
        self.policy("max: {memory: 1G}\n")
        os.chmod(self.file, 0o664)
        self.refused(f"not used: the file {self.file} can be written to by a group, its mode is 0664")
        os.chmod(self.file, 0o644)
        os.chmod(self.folder, 0o777)
        self.refused(f"not used: the folder {self.folder} can be written to by every user")
        os.chmod(self.folder, 0o755)
        os.chown(self.folder, nobody, -1)
        self.refused(f"not used: the folder {self.folder} does not belong to root")
        os.chown(self.folder, 0, -1)
        os.rename(self.file, self.file + ".real")
        os.symlink(self.file + ".real", self.file)
        self.refused(f"not used: {self.file} is a symbolic link")
        os.unlink(self.file)
        os.mkfifo(self.file)
        self.refused(f"not used: {self.file} is not a regular file")

    def test_the_last_good_one_stays_in_force(self):
        self.config("services:\n  a: {command: sleep 1000}\n")
        self.policy("max: {memory: 1G}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.policy("max: {memory: lots}\nservices: {}\n")
        self.config("services:\n  a: {command: sleep 1000}\n"
                    "  b: {command: sleep 1000, limits: {memory: 2G}}\n")
        said = self.svcctl("reload", status=1).err
        kept = os.path.join(self.root, "svcd/last-good-policy.yaml")
        self.assertIn(f'{self.file}:1:15: max.memory: warning: the host\'s policy: expected a size', said)
        self.assertIn("the last good one stays in force", said)
        self.assertIn(f"2G is too much, the host's policy allows 1G ({kept}:1)", said)
        self.end_svcd()
        self.start()
        self.assertNotEqual(self.running("a")["pid"], pid)
        self.assertEqual(self.state("b"), "invalid")
        # one that is gone is none, and is not remembered
        os.unlink(self.file)
        self.svcctl("reload")
        self.running("b")
        self.assertFalse(os.path.exists(kept))

    def test_a_broken_one_at_a_first_start_stops_nothing(self):
        self.config("services:\n  a: {command: sleep 1000}\n"
                    "  b: {command: sleep 1000, limits: {memory: 2G}}\n")
        self.policy("max: {memory: 1G, servces: 3}\n")
        self.start()
        self.running("a")
        self.assertEqual(self.state("b"), "invalid")
        self.assertIn('unknown key (did you mean "services"?); what was understood of it is in force', self.stderr())

    def test_a_missing_one_is_none(self):
        self.config("services:\n  a: {command: sleep 1000, limits: {memory: 2G}}\n")
        self.start()
        self.running("a")
        self.assertNotIn("policy", self.stderr())
        # but who names one means one
        self.assertIn("No such file or directory", self.check(status=1))


class Account(SvcdTest):
    def test_its_settings_are_shown_with_their_origin(self):
        path = self.config("start_concurrency: 3\nservices:\n  a: {command: sleep 1000}\n")
        self.start()
        self.assertRegex(self.svcctl("show").out, rf"start_concurrency +3 +{path}:1\n")
        self.config("services:\n  a: {command: sleep 1000}\n")
        self.assertEqual(self.svcctl("plan", status=10).out, "~ the account: change\n    start_concurrency: 3 -> 8\n")
        self.assertEqual(self.svcctl("reload").out, "~ the account: change\n    start_concurrency: 3 -> 8\n")
        self.assertEqual(self.svcctl("plan").out, "nothing to do\n")
        self.assertRegex(self.svcctl("show").out, r"start_concurrency +8 +default\n")
        self.assertIn("takes at most one service", self.svcctl("show", "a", "b", status=2).err)

    def test_a_policy_of_ones_own_is_none(self):
        file = self.write("policy.yaml", "max: {services: 1}\n")
        self.config("services:\n  a: {command: sleep 1000}\n  b: {command: sleep 1000}\n")
        self.start("--policy", file)
        self.running("b")
        self.assertIn("not used: ", self.stderr())


if __name__ == "__main__":
    unittest.main()
