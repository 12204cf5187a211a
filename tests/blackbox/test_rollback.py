"""svcctl rollback: back to the definition with which a service last ran well."""

import os
import signal
import unittest

from svcdtest import SvcdTest

GOOD = """
  services:
    a:
      command: ./good.sh
      environment: {WHICH: good, WORDS: 'a "b" ${HOME} # c'}
      restart: {max_failures: 2, window: 1s, delay: 10ms}
      requires: [b]
    b: {command: sleep 1000}
"""
# Disabled by its first failure, and no run of it is longer than its window, however slow the machine is.
BAD = GOOD.replace("./good.sh", "./bad.sh").replace("max_failures: 2, window: 1s", "max_failures: 1, window: 10m")


class Rollback(SvcdTest):
    def begin(self):
        """`a` runs well, longer than its window; then it gets a definition that fails at once."""
        self.script("good.sh", "echo good $WHICH >> ran; echo $WORDS > words; exec sleep 1000\n")
        self.script("bad.sh", "echo bad >> ran; echo this cannot work >&2; exit 3\n")
        self.config(GOOD)
        self.start()
        self.running("a")
        self.until(lambda: self.service("a")["uptime_ms"] > 1100, what="a run longer than the window")

    def broken(self):
        self.begin()
        self.config(BAD)
        self.svcctl("reload")
        self.in_state("a", "disabled")

    def kept(self):
        return os.path.join(self.root, "svcd/last-good/a.yaml")

    def test_back_and_how_long(self):
        self.broken()
        self.assertIn("requires: [b]", self.read(self.kept()))
        r = self.svcctl("rollback", "a")
        self.assertRegex(r.out, r"^a: started with the definition that is in use now \(pid \d+\)$")
        s = self.running("a")
        self.assertEqual(s["command"], "./good.sh")
        self.assertRegex(s["note"], r"^rolled back to .*; .*/services\.yaml still has the other$")
        self.assertIsNotNone(s["rolled_back"])
        self.until(lambda: self.read("words").strip() == f'a "b" {self.home} # c', what="the same words")
        # Neither a reload nor the end of svcd ends it.
        self.assertNotIn("restart", self.svcctl("plan").out)
        self.svcctl("reload")
        self.assertEqual(self.running("a")["pid"], s["pid"])
        self.kill_svcd()
        self.start()
        self.until(lambda: self.service("a")["state"] == "running", what="a, taken over")
        now = self.service("a")
        self.assertEqual((now["pid"], now["command"], now["rolled_back"]),
                         (s["pid"], "./good.sh", s["rolled_back"]))
        # What else stands in the file does not concern it; another definition of `a` does.
        self.config(BAD.replace("sleep 1000", "sleep 1001"))
        self.svcctl("reload")
        self.assertIsNotNone(self.service("a")["rolled_back"])
        self.config(BAD.replace("./bad.sh", "./good.sh new"))
        self.svcctl("reload")
        new = self.new_run("a", s["pid"])
        self.assertIsNone(new["rolled_back"])
        self.assertEqual(new["command"], "./good.sh new")
        self.logged("a", "rollback ended reason=\"its file has another definition\"")

    def test_undo(self):
        self.broken()
        self.svcctl("rollback", "a")
        old = self.running("a")["pid"]
        self.script("bad.sh", "exec sleep 1000\n")  # mended
        r = self.svcctl("rollback", "--undo", "a")
        self.assertIn("started with the definition that is in use now", r.out)
        self.assertEqual(self.new_run("a", old)["command"], "./bad.sh")
        self.assertEqual(self.svcctl("rollback", "--undo", "a").out, "a: is not rolled back\n")

    def test_upgrade(self):
        self.broken()
        self.svcctl("rollback", "a")
        before = self.running("a")
        self.svcctl("upgrade")
        after = self.service("a")
        self.assertEqual((after["pid"], after["command"], after["rolled_back"]),
                         (before["pid"], "./good.sh", before["rolled_back"]))

    def test_changed_while_svcd_was_away(self):
        self.begin()
        old = self.service("a")["pid"]
        self.kill_svcd()
        self.config(BAD)
        self.start()
        self.until(lambda: self.service("a")["state"] == "running", what="a, taken over")
        self.svcctl("reload")
        self.in_state("a", "disabled")
        self.svcctl("rollback", "a")
        self.assertEqual(self.new_run("a", old)["command"], "./good.sh")

    def test_nothing_to_go_back_to(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        self.running("a")
        r = self.svcctl("rollback", "a", status=1)
        self.assertIn("a: there is no good definition to go back to: none has been ready and run for longer than "
                      "restart.window yet", r.err)

    def test_nothing_but_what_runs(self):
        self.config("services: {a: {command: sleep 1000, restart: {window: 1s}}}\n")
        self.start()
        self.running("a")
        said = "a: there is no good definition to go back to: it runs well with the one that it has, the only one so far"
        self.until(lambda: said in self.svcctl("rollback", "a", status=1).err, what="a run longer than restart.window")

    def test_the_same(self):
        self.begin()
        os.kill(self.service("a")["pid"], signal.SIGKILL)
        self.until(lambda: os.path.exists(self.kept()), what="the definition to be kept")
        r = self.svcctl("rollback", "a", status=1)
        self.assertIn("its definition is the one with which it last ran well", r.err)

    def test_others_can_write_there(self):
        self.broken()
        os.chmod(os.path.dirname(self.kept()), 0o777)
        r = self.svcctl("rollback", "a", status=1)
        self.assertRegex(r.err, r"there is no good definition to go back to: .*last-good: refused: every user can write")
        self.assertEqual(self.state("a"), "disabled")

    def test_damaged(self):
        self.broken()
        self.write(self.kept(), "services: {a: {comand: x}}\n")
        r = self.svcctl("rollback", "a", status=1)
        self.assertRegex(r.err, r"last-good/a\.yaml:1:\d+: services\.a\.comand: unknown key")

    def test_damaged_while_in_force(self):
        self.broken()
        self.svcctl("rollback", "a")
        pid = self.running("a")["pid"]
        self.kill_svcd()
        self.write(self.kept(), "")
        self.start()
        self.until(lambda: self.service("a")["state"] == "running", what="a, taken over")
        s = self.service("a")
        self.assertEqual((s["pid"], s["rolled_back"]), (pid, None))
        self.assertIn("cannot go on with what it was rolled back to", self.stderr())

    def test_cannot_be_kept(self):
        self.begin()
        folder = os.path.dirname(self.kept())
        with open(folder, "w"):
            pass  # a file where the folder would be
        self.config(BAD)
        self.svcctl("reload")
        self.in_state("a", "disabled")
        self.assertIn("a: cannot keep the definition that ran well", self.stderr())
        self.svcctl("rollback", "a", status=1)

    def test_removed(self):
        self.broken()
        self.config("services: {b: {command: sleep 1000}}\n")
        self.svcctl("reload")
        self.until(lambda: not os.path.exists(self.kept()), what="the end of what is kept")


if __name__ == "__main__":
    unittest.main()
