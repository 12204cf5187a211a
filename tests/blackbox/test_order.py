"""Who requires whom: a change of it is applied as a whole, while everything runs; the end is in reverse."""

import unittest

from svcdtest import SvcdTest, alive

NOTIFIES = """
    import os, signal, socket, sys, time
    def note(what):
        with open("journal", "a") as f:
            f.write(f"{what}-{os.environ['SVCD_SERVICE']}\\n")
    def term(*_):
        time.sleep(0.2)  # long enough for a wrong order to show
        note("down")
        sys.exit(0)
    signal.signal(signal.SIGTERM, term)
    note("begun")
    time.sleep(0.2)
    note("ready")
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.sendto(b"READY=1", "\\0" + os.environ["NOTIFY_SOCKET"][1:])
    while True:
        signal.pause()
"""


class Order(SvcdTest):
    def setUp(self):
        super().setUp()
        self.program = self.python("n.py", NOTIFIES)

    def define(self, **requires):
        """Services with what each requires."""
        self.config("services:\n" + "".join(
            f"  {n}: {{command: {self.program}, ready: notify, working_directory: ., requires: [{', '.join(r)}]}}\n"
            for n, r in requires.items()))

    def up(self, **requires):
        self.define(**requires)
        self.start()
        return {n: self.running(n, limit=30)["pid"] for n in requires}

    def journal(self):
        return self.read("journal").split()

    def test_ready_before_the_next_begins_and_down_in_reverse(self):
        self.up(db=[], app=["db"], web=["app", "db"])
        self.assertEqual(self.journal(), ["begun-db", "ready-db", "begun-app", "ready-app", "begun-web", "ready-web"])
        self.write("journal", "")
        self.assertEqual(self.end_svcd(), 0)
        self.assertEqual(self.journal(), ["down-web", "down-app", "down-db"])

    def test_a_reversed_requirement_is_one_reload(self):
        """One after the other would be a cycle in between; both files change, and one reload takes both."""
        pids = self.up(a=[], b=["a"])
        self.define(a=["b"], b=[])
        plan = self.svcctl("plan", status=10).out
        self.assertIn("~ a: change without a restart\n    requires: [] -> [b]\n", plan)
        self.assertIn("~ b: change without a restart\n    requires: [a] -> []\n", plan)
        self.svcctl("reload")
        self.assertEqual({n: self.running(n)["pid"] for n in pids}, pids)
        self.write("journal", "")
        self.assertEqual(self.end_svcd(), 0)
        self.assertEqual(self.journal(), ["down-a", "down-b"])

    def test_a_requirement_that_moves_to_a_new_service(self):
        """app: from db to proxy, which is new and requires db: nothing that runs is touched."""
        pids = self.up(db=[], app=["db"])
        self.define(db=[], app=["proxy"], proxy=["db"])
        self.svcctl("reload")
        self.running("proxy", limit=30)
        self.assertEqual({n: self.running(n)["pid"] for n in pids}, pids)
        # and the old one can go in the same reload in which nobody requires it any more
        self.define(app=["proxy"], proxy=[])
        self.svcctl("reload")
        self.gone(pids["db"])
        self.assertEqual(self.running("app")["pid"], pids["app"])
        self.assertTrue(alive(self.running("proxy")["pid"]))

    def test_a_cycle_across_a_reload_costs_nobody_who_runs(self):
        pids = self.up(a=[], b=["a"])
        self.define(a=["b"], b=["a"])
        said = self.svcctl("reload", status=1).err
        self.assertRegex(said, r"a → b → a|b → a → b")
        self.assertEqual({n: self.running(n)["pid"] for n in pids}, pids)
        self.define(a=["b"], b=[])
        self.svcctl("reload")
        self.assertEqual({n: self.running(n)["pid"] for n in pids}, pids)


if __name__ == "__main__":
    unittest.main()
