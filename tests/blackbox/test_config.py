"""Bad definitions: each has a clear error that says where and what to do, and costs nobody else anything."""

import json
import os
import re
import resource
import subprocess
import unittest

from svcdtest import BIN, SLOW, SvcdTest

GOOD = "  good: {command: sleep 1000}\n"


class Bad(SvcdTest):
    def check(self, text, *patterns, name="services.yaml", status=1):
        """svcctl check, without svcd, refuses TEXT with a message that matches each pattern."""
        path = self.config(text, name) if isinstance(text, str) else self.write("admin/config/" + name, text)
        r = self.svcctl("check", status=status)
        said = r.out + r.err
        for p in patterns:
            self.assertRegex(said, p.replace("FILE", re.escape(path)))
        return said

    def service(self, more, *patterns):
        return self.check(f"services:\n  a: {{command: sleep 1, {more}}}\n", *patterns)

    def test_unknown_key(self):
        self.service("prot: 8300", r'FILE:2:\d+: services\.a\.prot: unknown key \(did you mean "port"\?\)')

    def test_unknown_key_in_a_group(self):
        self.service("restart: {dealy: 1s}", r'FILE:2:\d+: services\.a\.restart\.dealy: .*"delay"')

    def test_unknown_key_at_the_top(self):
        self.check("servcies: {}\n", r'FILE:1:1: servcies: unknown key \(did you mean "services"\?\)')

    def test_wrong_type(self):
        self.service("port: high", r"FILE:2:\d+: services\.a\.port: .*number")
        self.service("enabled: 7", r"services\.a\.enabled: .*true or false")
        self.service("requires: {x: y}", r"services\.a\.requires: .*list")
        self.service("ready_timeout: soon", r"services\.a\.ready_timeout: .*duration")
        self.service("stop: {signal: FOO}", r"services\.a\.stop\.signal: .*signal")
        self.service("log: 5", r"services\.a\.log: ")

    def test_out_of_range(self):
        self.service("port: 80", r"FILE:2:\d+: services\.a\.port: .*8300.*8499")
        self.service("restart: {max_failures: 99}", r"services\.a\.restart\.max_failures: .*32")
        self.service("monitoring: {command: x, interval: 1ms}", r"services\.a\.monitoring\.interval: ")
        self.service("umask: '0999'", r"services\.a\.umask: ")

    def test_no_command(self):
        self.check("services:\n  a: {port: 8300}\n", r"FILE:2:\d+: services\.a.*command")

    def test_duplicate_name_in_one_file(self):
        self.check("services:\n  a: {command: sleep 1}\n  a: {command: sleep 2}\n",
                   r"FILE:3:3: .*a.*", r":2(:3)?\b")

    def test_duplicate_name_in_two_files(self):
        first = self.config("services:\n  a: {command: sleep 1}\n")
        said = self.check("services:\n  a: {command: sleep 2}\n", name="services.d/b.yaml")
        self.assertIn(first + ":2", said)
        self.assertIn("services.d/b.yaml:2:3", said)

    def test_duplicate_port(self):
        self.check("services:\n  a: {command: sleep 1, port: 8300}\n  b: {command: sleep 1, port: 8300}\n",
                   r"FILE:3:\d+: services\.b\.port: .*8300.*a")

    def test_bad_name(self):
        self.check("services:\n  Web Server: {command: sleep 1}\n", r"FILE:2:3: .*Web Server")
        self.check(f"services:\n  {'x' * 64}: {{command: sleep 1}}\n", r"FILE:2:3: ")

    def test_cycle(self):
        self.check("""
            services:
              a: {command: x, requires: [b]}
              b: {command: x, requires: [c]}
              c: {command: x, requires: [a]}
              d: {command: x}
        """, r"a .*b .*c .*a|b .*c .*a .*b|c .*a .*b .*c")

    def test_requires_nobody(self):
        self.check("services:\n  redis: {command: x}\n  b: {command: x, requires: [reids]}\n",
                   r'FILE:3:\d+: services\.b\.requires.*reids.*did you mean "redis"')

    def test_tabs(self):
        self.check("services:\n\ta: {command: sleep 1}\n", r"FILE:2:\d+: .*tab")

    def test_broken_yaml(self):
        self.check("services:\n  a: {command: [sleep\n", r"FILE:\d+:\d+: ")

    def test_binary(self):
        self.check(bytes(range(256)) * 10, r"FILE:.*\S")

    def test_empty(self):
        self.check("", r"FILE:1:1: the file is empty .*services: \{\}")
        self.config("# nothing yet\n")
        self.svcctl("check")

    def test_wrong_top(self):
        self.check("- a\n- b\n", r"FILE:1:1: ")
        self.check("services: [a]\n", r"FILE:1:\d+: services: ")
        self.check("services: {a: sleep 1}\n", r"FILE:1:\d+: services\.a: ")

    def test_reserved_words(self):
        self.check("web: {}\n", r"FILE:1:1: web: .*reserved")

    def test_100_mb(self):
        path = os.path.join(self.root, "config/services.yaml")
        with open(path, "w") as f:
            f.truncate(100 * 1024 * 1024)
        r = self.svcctl("check", status=1)
        self.assertRegex(r.out + r.err, re.escape(path) + r".*(1M|1 MiB|larg)")

    def test_alias_bomb(self):
        text = "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for i in range(12):
            text += f"b{i}: &a{i + 1} [{', '.join(['*a%d' % i] * 10)}]\n"
        self.check("environment: {X: y}\n" + text, r"FILE:")

    def test_deep_nesting(self):
        self.check("services: " + "[" * 5000 + "]" * 5000 + "\n", r"FILE:")

    def test_a_folder_in_its_place(self):
        path = os.path.join(self.root, "config/services.yaml")
        os.makedirs(path)
        r = self.svcctl("check", status=1)
        self.assertRegex(r.out + r.err, re.escape(path) + r".*director")

    def test_no_permission(self):
        if os.getuid() == 0:
            self.skipTest("root may read everything")
        path = self.config("services: {}\n")
        os.chmod(path, 0)
        r = self.svcctl("check", status=1)
        self.assertRegex(r.out + r.err, re.escape(path) + r".*Permission denied")

    def test_a_file_that_others_can_write(self):
        path = self.config("services: {a: {command: sleep 1}}\n")
        os.chmod(path, 0o622)
        r = self.svcctl("check", status=1)
        self.assertRegex(r.out + r.err, re.escape(path) + r".*writ.*chmod")

    def test_a_folder_that_others_can_write(self):
        self.config("services: {a: {command: sleep 1}}\n")
        for folder in ("config", ""):
            path = os.path.join(self.root, folder).rstrip("/")
            os.chmod(path, 0o777)
            r = self.svcctl("check", status=1)
            self.assertRegex(r.out + r.err, re.escape(path) + r"\b.*writ")
            os.chmod(path, 0o700)
        self.svcctl("check")

    def test_a_file_of_somebody_else(self):
        if os.getuid():
            self.skipTest("only root can give a file away")
        path = self.config("services: {a: {command: sleep 1}}\n")
        os.chown(path, 65534, 65534)
        r = self.svcctl("check", status=1)
        self.assertRegex(r.out + r.err, re.escape(path) + r".*own")

    def test_all_errors_of_all_files_at_once(self):
        self.config("services:\n  a: {command: x, prot: 1}\n  b: {port: 1}\n")
        self.config("services:\n  c: {command: x, umsk: 1}\n", "services.d/c.yaml")
        r = self.svcctl("check", status=1)
        for p in (r"services\.yaml:2:.*prot", r"services\.yaml:3:.*port", r"c\.yaml:2:.*umsk"):
            self.assertRegex(r.out + r.err, p)

    def test_check_of_a_named_file(self):
        path = self.write("other.yaml", "services: {a: {command: x, prot: 1}}\n")
        r = self.svcctl("check", path, status=1)
        self.assertIn(path + ":1:", r.out + r.err)
        r = self.svcctl("check", self.home + "/none.yaml", status=1)
        self.assertRegex(r.out + r.err, r"none\.yaml.*No such file")


class OthersGoOn(SvcdTest):
    def test_what_runs_goes_on_when_the_file_is_emptied(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.config("")
        self.svcctl("reload", status=1)
        self.assertEqual(self.running("a")["pid"], pid)

    def test_a_bad_service_costs_only_itself(self):
        self.config("services:\n" + GOOD + "  bad: {command: sleep 1000, prot: 1}\n")
        self.start()
        self.running("good")
        s = self.service("bad")
        self.assertEqual((s["state"], s["pid"]), ("invalid", None))
        self.assertRegex(s["error"], r"services\.yaml:3:.*prot")
        self.assertRegex(self.svcctl("status", "bad", status=3).out, r"did you mean \"port\"")
        r = self.svcctl("start", "bad", status=1)
        self.assertRegex(r.out + r.err, r"prot")

    def test_a_running_service_keeps_its_last_good_definition(self):
        self.config("services:\n" + GOOD)
        self.start()
        pid = self.running("good")["pid"]
        self.config("services:\n  good: {command: sleep 1000, prot: 1}\n  new: {command: sleep 1000}\n")
        r = self.run_svcctl("reload")
        self.assertEqual(r.status, 1, r)
        self.assertIn("prot", r.out + r.err)
        self.running("new")
        s = self.service("good")
        self.assertEqual((s["state"], s["pid"]), ("running", pid))
        self.assertIn("prot", s["error"])
        self.assertRegex(self.svcctl("status", "good").out, r"prot")
        # and it is restarted with it
        self.svcctl("restart", "good")
        self.assertEqual(self.service("good")["command"], "sleep 1000")

    def test_a_file_that_cannot_be_parsed_stops_nothing(self):
        self.config("services:\n" + GOOD)
        self.config("services:\n  other: {command: sleep 1000}\n", "services.d/o.yaml")
        self.start()
        pids = {n: self.running(n)["pid"] for n in ("good", "other")}
        for broken in ("services: {good: [", "services:\n\tgood: x\n", "\0\1\2", "[" * 3000):
            self.config(broken)
            r = self.run_svcctl("reload")
            self.assertEqual(r.status, 1, r)
            self.assertIn("services.yaml:", r.out + r.err)
            self.assertEqual({n: self.running(n)["pid"] for n in pids}, pids)
        path = os.path.join(self.root, "config/services.yaml")
        os.chmod(path, 0o666)
        self.assertEqual(self.run_svcctl("reload").status, 1)
        self.assertEqual({n: self.running(n)["pid"] for n in pids}, pids)
        os.unlink(path)
        os.mkdir(path)
        self.assertEqual(self.run_svcctl("reload").status, 1)
        self.assertEqual({n: self.running(n)["pid"] for n in pids}, pids)

    def test_a_start_with_a_broken_file(self):
        self.config("services: {a: [")
        self.config("services:\n  other: {command: sleep 1000}\n", "services.d/o.yaml")
        self.start()
        self.running("other")
        self.assertRegex(self.stderr(), r"services\.yaml:\d+:\d+: ")


class Unreadable(SvcdTest):
    def test_what_cannot_be_read_at_the_start_is_tried_again(self):
        """A home, or a part of it, that is mounted after svcd has begun."""
        late = os.path.join(self.tmp, "late.yaml")
        path = self.config(GOOD)
        os.unlink(path)
        os.symlink(late, path)
        self.start()
        self.until(lambda: "cannot be read" in self.stderr(), what="a word of it")
        self.assertEqual(json.loads(self.svcctl("--json", "status").out), [])
        self.write(late, "services:\n" + GOOD)
        self.until(lambda: "svcd: good: started" in self.stderr(), what="its start")
        self.running("good")
        with open(late, "a", encoding="ascii") as f:  # nobody has asked for this one
            f.write("  more: {command: sleep 1000}\n")
        self.svcctl("status", "more", status=4)


@unittest.skipIf(os.geteuid() == 0, "the kernel refuses root nothing")
class Refused(SvcdTest):
    """Limits that the kernel does not give to this account."""

    def setUp(self):
        super().setUp()
        self.svcd_becomes = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (500, 500))

    def check(self):
        return subprocess.run([os.path.join(BIN, "svcctl"), "check"], env=self.environment(), capture_output=True,
                              text=True, check=False, preexec_fn=self.svcd_becomes, timeout=30 * SLOW)

    def test_is_said_before_it_happens(self):
        self.config("""
            services:
              most: {command: sleep 1000, limits: {files: 500}}
              more: {command: sleep 1000, limits: {files: 501}}
              nice: {command: sleep 1000, limits: {nice: -20}}
            """)
        r = self.check()
        self.assertEqual(r.returncode, 0, r)
        said = [line.split(": ", 1)[1] for line in r.stderr.splitlines() if ": warning: " in line]
        self.assertEqual(said, [
            'services.more.limits.files: warning: more than the hard limit here, which is 500: a start fails with '
            '"Operation not permitted"',
            'services.nice.limits.nice: warning: only root may have it so low here: a start fails with '
            '"Permission denied"'])
        self.start()
        self.running("most")
        self.logged("more", "start failed .*Operation not permitted")
        self.logged("nice", "start failed .*Permission denied")
