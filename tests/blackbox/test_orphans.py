"""The shim is killed: whatever its service has forked and however it hides, all of it is killed before the
next run begins. The programs that hide are in tests/helpers/escape.c, what they do in test_escape.py."""

import os
import resource
import signal
import unittest

from svcdtest import BIN, SvcdTest, alive, command_line, descendants, parent
from test_escape import ESCAPE, MODES, EscapeTest, lives

# With a svcd that was not there when the shim began, nobody has these as children, they carry no tag and
# are in no session of the run's: they are not found, and svcd(8) says so.
LOST = ["untagged", "untagged-hop"]


class ShimKilled(EscapeTest):
    def next_run(self, main, pids):
        """Waits until the next run is up, of which nothing of the old one may be left."""
        second = self.new_run("a", main)["pid"]
        self.assertEqual([p for p in (main, *pids) if lives(p)], [])
        pids = self.told(second)
        s = self.service("a")
        self.assertEqual((s["run"], s["last_exit"]["kind"], s["last_exit"]["cause"]), (2, "lost", "shim lost"))
        self.svcctl("stop", "a")
        self.nothing_left(second, *pids)
        self.assertEqual([t for t in self.log_texts("a", "out") if "overlap" in t], [])

    def shim_is_killed(self, mode):
        main, pids = self.escape(mode)
        os.kill(self.shim_of(main), signal.SIGKILL)
        self.next_run(main, pids)

    def both_are_killed(self, mode):
        """svcd first, so that nobody has the tree for children; the next svcd finds it."""
        main, pids = self.escape(mode)
        shim = self.shim_of(main)
        self.kill_svcd()
        os.kill(shim, signal.SIGKILL)
        self.gone(shim)
        self.start()
        self.next_run(main, pids)


for mode in MODES:
    name = mode.replace("-", "_")
    setattr(ShimKilled, f"test_{name}", lambda self, mode=mode: self.shim_is_killed(mode))
    if mode not in LOST:
        setattr(ShimKilled, f"test_svcd_too_{name}", lambda self, mode=mode: self.both_are_killed(mode))


class Looking(EscapeTest):
    def test_what_cannot_be_looked_at_is_not_gone(self):
        # No descriptor for /proc: that is no proof that nothing is there, and no new run begins.
        main, pids = self.escape("daemon")
        shim = self.shim_of(main)
        soft, hard = resource.prlimit(self.svcd.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.svcd.pid, resource.RLIMIT_NOFILE, (3, hard))
        os.kill(shim, signal.SIGKILL)
        self.gone(shim)
        files = lambda: [n for n in os.listdir(self.home) if n.startswith("pids.")]  # noqa: E731
        self.until(lambda: "cannot look for what is left: Too many open files" in self.stderr(),
                   what="a word of svcd's")
        self.assertEqual(len(files()), 1)
        self.assertTrue(all(map(alive, pids)))
        resource.prlimit(self.svcd.pid, resource.RLIMIT_NOFILE, (soft, hard))
        second = self.new_run("a", main)["pid"]
        self.assertFalse(any(map(alive, [main, *pids])))
        self.told(second)

    def test_the_trees_of_others_are_left_alone(self):
        self.config(f"services:\n  a: {{command: {self.command('hop')}, restart: {{delay: 20ms}}}}\n"
                    f"  b: {{command: {self.command('daemon')}}}\n"
                    f"  c: {{command: {self.command('untagged')}}}\n")
        self.start()
        first = {n: self.running(n)["pid"] for n in "abc"}
        pids = [p for n in "bc" for p in self.told(first[n])]
        self.told(first["a"])
        for i in range(3):
            a = self.running("a")["pid"]
            os.kill(self.shim_of(a), signal.SIGKILL)
            self.new_run("a", a)
        self.assertTrue(all(map(alive, [first["b"], first["c"], *pids])))
        self.assertEqual([self.service(n)["run"] for n in "abc"], [4, 1, 1])


class Nested(EscapeTest):
    def test_a_svcd_that_is_a_service(self):
        # Its limit is lowered already: its own services' tags are below that.
        inner = os.path.join(self.home, "inner")
        for path in (inner, inner + "/config"):
            os.makedirs(path, mode=0o700)
        names = ["a", "b", "c", "d"]
        self.write(inner + "/config/services.yaml", "services:\n" + "".join(
            f"  {n}: {{command: {ESCAPE} daemon {self.home}/{n}.pids, restart: {{delay: 1s}}}}\n" for n in names))
        self.config(f"services: {{svcd: {{command: {BIN}/svcd --root {inner}}}}}\n")
        self.start()
        pids = {n: int(self.written(f"{n}.pids", 2)[0]) for n in names}
        for n in names:
            shim = next(p for p in descendants(os.getpid()) if command_line(p) == f"svc-shim {n}")
            os.kill(shim, signal.SIGKILL)
        self.gone(*pids.values())
        self.until(lambda: all(len(self.read(f"{n}.pids").split()) == 4 for n in names), what="the next runs")
        # And what the whole of it was is found by the outer one.
        os.kill(self.shim_of(self.running("svcd")["pid"]), signal.SIGKILL)
        self.until(lambda: self.service("svcd")["run"] == 2, what="the next svcd")
        self.gone(*[int(w) for n in names for w in self.read(f"{n}.pids").split()[:4] if w.isdigit()])


class Checks(SvcdTest):
    """The command of a check has a shim and a tree of its own."""

    def define(self):
        check = self.script("check.sh", "setsid sleep 1011 & echo $! >> checks\nexec sleep 1012\n")
        self.config(f"""
            services:
              a:
                command: sleep 1000
                monitoring: {{command: {check}, interval: 1s, timeout: 60s}}
        """)

    def check(self):
        """(shim, main process, child) of the check that runs."""
        child = int(self.written("checks")[-1])
        main = self.until(lambda: next((p for p in descendants(os.getpid())
                                        if command_line(p) == "sleep 1012"), None), what="the check")
        return parent(main), main, child

    def test_a_shim_that_is_killed_leaves_nothing(self):
        self.define()
        self.start()
        pid = self.running("a")["pid"]
        shim, main, child = self.check()
        os.kill(shim, signal.SIGKILL)
        again = self.until(lambda: len(self.read("checks").split()) > 1, what="the next check")
        self.assertTrue(again)
        self.assertFalse(alive(main) or alive(child))
        s = self.service("a")
        self.assertEqual((s["pid"], s["failures"]), (pid, 0))  # it tells nothing of the service

    def test_killed_as_its_service_stops(self):
        self.define()
        self.start()
        self.running("a")
        shim, main, child = self.check()
        os.kill(shim, signal.SIGSTOP)
        self.svcctl("stop", "--no-wait", "a")
        os.kill(shim, signal.SIGKILL)
        self.gone(main, child)

    def test_killed_together_with_svcd(self):
        self.define()
        self.start()
        self.running("a")
        shim, main, child = self.check()
        os.kill(shim, signal.SIGSTOP)  # else it would see svcd's end, and clean up itself
        self.kill_svcd()
        os.kill(shim, signal.SIGKILL)
        self.start()
        self.gone(main, child)
        self.until(lambda: len(self.read("checks").split()) > 1, what="the next check")


if __name__ == "__main__":
    unittest.main()
