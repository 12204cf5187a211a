"""plan and reload: only what changed is touched, and only as much as the change needs."""

import json
import os

from svcdtest import SvcdTest, alive


class Reload(SvcdTest):
    def setUp(self):
        super().setUp()
        self.define(a="command: sleep 1000", b="command: sleep 1000")
        self.start()
        self.pids = {n: self.running(n)["pid"] for n in "ab"}

    def define(self, **services):
        self.config("services:\n" + "".join(f"  {n}: {{{d}}}\n" for n, d in services.items()))

    def plan(self):
        changes = json.loads(self.run_svcctl("--json", "plan").out)
        if isinstance(changes, dict):
            changes = changes["changes"]
        return {c["name"]: c["action"] for c in changes if c["action"] != "unchanged"}

    def test_nothing_changed(self):
        self.assertEqual(self.plan(), {})
        self.svcctl("reload")
        self.assertEqual({n: self.running(n)["pid"] for n in "ab"}, self.pids)

    def test_plan_does_nothing(self):
        self.define(a="command: sleep 2000", c="command: sleep 1000")
        self.assertEqual(self.plan(), {"a": "restart", "b": "remove", "c": "add"})
        self.assertEqual({n: self.running(n)["pid"] for n in "ab"}, self.pids)
        self.assertNotIn("c", self.services())
        text = self.svcctl("plan", status=10).out
        self.assertRegex(text, r"a\b.*restart")
        self.assertRegex(text, r"(?s)sleep 1000.*sleep 2000")

    def test_a_changed_command_gets_a_new_run(self):
        self.define(a="command: sleep 2000", b="command: sleep 1000")
        self.svcctl("reload")
        s = self.new_run("a", self.pids["a"])
        self.assertEqual((s["command"], s["failures"]), ("sleep 2000", 0))
        self.assertEqual(self.running("b")["pid"], self.pids["b"])

    def test_a_new_service_starts_and_a_removed_one_stops(self):
        self.define(a="command: sleep 1000", c="command: sleep 1000")
        self.svcctl("reload")
        self.running("c")
        self.gone(self.pids["b"])
        self.until(lambda: "b" not in self.services(), what="b forgotten")
        self.assertEqual(self.running("a")["pid"], self.pids["a"])

    def test_live_changes_keep_the_run(self):
        self.define(a="command: sleep 1000, annotation: hi, restart: {delay: 7s}, stop: {timeout: 3s}, log: {keep: 9}",
                    b="command: sleep 1000")
        self.assertEqual(set(self.plan()), {"a"})
        self.assertIn(self.plan()["a"], ("live", "nothing"))
        self.svcctl("reload")
        s = self.running("a")
        self.assertEqual((s["pid"], s["annotation"]), (self.pids["a"], "hi"))

    def test_a_new_monitoring_command_takes_effect(self):
        self.define(a="command: sleep 1000, monitoring: {command: touch checked, interval: 100ms}",
                    b="command: sleep 1000")
        self.svcctl("reload")
        self.until(lambda: os.path.exists(self.home + "/checked"), what="a check")
        self.assertEqual(self.running("a")["pid"], self.pids["a"])

    def test_enabled_false_stops_it_and_true_starts_it(self):
        self.define(a="command: sleep 1000, enabled: false", b="command: sleep 1000")
        self.svcctl("reload")
        self.assertEqual(self.in_state("a", "disabled")["disabled_cause"], "definition")
        self.assertFalse(alive(self.pids["a"]))
        self.define(a="command: sleep 1000", b="command: sleep 1000")
        self.svcctl("reload")
        self.running("a")

    def test_comments_and_order_are_no_change(self):
        self.config("# new\nservices:\n\n  b:\n    command: 'sleep 1000' # same\n  a:\n    command: sleep 1000\n")
        self.assertEqual(self.plan(), {})

    def test_the_accounts_environment_restarts(self):
        self.config("environment: {X: y}\nservices:\n  a: {command: sleep 1000}\n  b: {command: sleep 1000}\n")
        self.assertEqual(self.plan(), {"a": "restart", "b": "restart"})

    def test_a_file_moved_to_a_dropin_is_no_change(self):
        self.config("services:\n  a: {command: sleep 1000}\n")
        self.config("services:\n  b: {command: sleep 1000}\n", "services.d/b.yaml")
        self.svcctl("reload")
        self.assertEqual({n: self.running(n)["pid"] for n in "ab"}, self.pids)
