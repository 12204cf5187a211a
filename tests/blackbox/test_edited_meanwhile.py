"""Definitions that were edited and not reloaded when svcd is replaced: by svcctl upgrade, or after it was killed.
A new svcd is no reload: a half-finished edit is the usual state of a file when a package is upgraded."""

import os
import signal

from svcdtest import free_port
from upgradetest import UpgradeTest


class Upgraded(UpgradeTest):
    """What was in force is in force, as a whole."""

    def unchanged(self, before, *names):
        """No run ended, nothing is told of these but that they were taken over."""
        for name in names:
            s = self.running(name)
            self.assertEqual((s["pid"], s["run"], s["failures"]), (before[name]["pid"], before[name]["run"], 0))
            self.assertEqual([e["event"] for e in self.events(name)
                              if e["event"] not in ("started", "ready", "adopted")], [])

    def test_a_check(self):
        port, other = free_port(), free_port()
        server = self.python("server.py", f"""
            import socket, time
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", {port}))
            s.listen(100)
            time.sleep(1000)
            """)
        text = (f"services: {{a: {{command: {server}, port: PORT, "
                f"monitoring: {{command: echo PORT >> checks, interval: 100ms}}}}}}\n")
        self.config(text.replace("PORT", str(port)))
        self.start()
        before = {"a": self.running("a")}
        self.written("checks", 2)
        self.config(text.replace("PORT", str(other)))
        for n in (1, 2):
            self.assertIn("1 service untouched", self.svcctl("upgrade").out)
            count = len(self.written("checks"))
            self.written("checks", count + 3)
            self.assertEqual(set(self.written("checks")), {str(port)}, n)
            self.unchanged(before, "a")
            self.assertTrue(self.info()["definitions_changed"])
            self.assertIn(str(other), self.svcctl("plan", status=10).out)
        os.kill(before["a"]["pid"], signal.SIGKILL)  # the next run too is of what was loaded
        self.assertEqual(self.new_run("a", before["a"]["pid"])["port"], port)
        self.config(text.replace("PORT", str(port)))
        self.assertFalse(self.info()["definitions_changed"])

    def test_disabled_and_limited_and_new_and_gone(self):
        self.config("""
          environment: {OF: account}
          start_concurrency: 3
          alerts: {command: [cat], on: [disabled]}
          services:
            off: {command: sleep 1000}
            small: {command: sleep 1000}
            gone: {command: sleep 1000, enabled: false}
            halted: {command: sleep 1000}
            wrong: {command: sleep 1000, prot: 8300}
            needs: {command: sleep 1000, requires: [wrong], enabled: false}
          """)
        self.start()
        names = ("off", "small")
        self.svcctl("wait", *names, "halted")
        self.svcctl("stop", "halted")
        before = {n: self.running(n) for n in names}
        account = self.svcctl("show").out
        info = self.info()
        notes = {n: s["note"] for n, s in self.services().items()}
        self.config("""
          services:
            off: {command: sleep 1000, enabled: false}
            small: {command: sleep 1000, limits: {memory: 5M}, environment: {SOME: other}}
            halted: {command: sleep 2000}
            wrong: {command: sleep 1000}
          """)
        self.write(os.path.join(self.root, "config/services.d/new.yaml"), "services: {new: {command: sleep 1000}}\n")
        self.upgrade(self.version)
        self.unchanged(before, *names)
        now = self.services()
        self.assertEqual(sorted(now), sorted(notes))
        self.assertEqual([now[n]["state"] for n in ("gone", "halted", "wrong")], ["disabled", "stopped", "invalid"])
        self.assertEqual({n: s["note"] for n, s in now.items() if n != "gone" and n != "needs"},
                         {n: t for n, t in notes.items() if n != "gone" and n != "needs"})
        self.assertTrue(self.info()["definitions_changed"])
        self.assertEqual(self.info()["errors"], info["errors"])
        strip = [line.split()[:2] for line in account.splitlines()]
        self.assertEqual([line.split()[:2] for line in self.svcctl("show").out.splitlines()], strip)
        plan = self.svcctl("plan", status=10).out
        for what in ("+ new: add and start", "limits.memory", "- gone: ", "enabled", "start_concurrency"):
            self.assertIn(what, plan)
        self.svcctl("reload")
        self.in_state("new", "running")
        self.assertEqual(self.state("off"), "disabled")
        self.assertNotIn("gone", self.services())
        self.assertFalse(self.info()["definitions_changed"])

    def test_broken_when_loaded(self):
        """What is known of files that were broken then is known now, and what they kept is kept."""
        self.config("services: {b: {command: sleep 1000}}\n")
        drop = os.path.join(self.root, "config/services.d/a.yaml")
        self.write(drop, "services: {a: {command: sleep 1000}}\n")
        self.start()
        before = {n: self.running(n) for n in "ab"}
        self.write(drop, "services: [\n")
        self.run_svcctl("reload")
        errors, note = self.info()["errors"], self.service("a")["note"]
        self.assertIn("its file has errors", note)
        self.config("services: {b: {command: sleep 2000}}\n")
        for _ in range(2):
            self.upgrade(self.version)
            self.unchanged(before, "a", "b")
            self.assertEqual((self.info()["errors"], self.service("a")["note"]), (errors, note))
        self.write(drop, "services: {a: {command: sleep 1000}}\n")
        self.svcctl("reload")
        self.new_run("b", before["b"]["pid"])
        self.unchanged(before, "a")

    def test_rolled_back(self):
        """The files as they were loaded are known too: undo goes back to them."""
        self.config("services: {a: {command: sleep 1000, restart: {window: 1s}}}\n")
        self.start()
        first = self.running("a")
        self.until(lambda: self.service("a")["uptime_ms"] > 1100, what="a run that is longer than the window")
        self.config("services: {a: {command: sleep 2000, restart: {window: 1s}}}\n")
        self.svcctl("reload")
        second = self.new_run("a", first["pid"])
        self.svcctl("rollback", "a")
        third = self.new_run("a", second["pid"])
        self.config("services: {a: {command: sleep 3000, restart: {window: 1s}}}\n")
        self.upgrade(self.version)
        s = self.running("a")
        self.assertEqual((s["pid"], s["command"], s["rolled_back"]),
                         (third["pid"], "sleep 1000", third["rolled_back"]))
        self.svcctl("rollback", "--undo", "a")
        self.assertEqual(self.new_run("a", third["pid"])["command"], "sleep 2000")

    def test_every_setting_in_the_examples_goes_over(self):
        """Nothing of a definition is lost on the way: with the edit taken back, nothing is to be done."""
        folder = os.path.join(os.path.dirname(__file__), "../../conf/examples")
        names = sorted(f for f in os.listdir(folder) if f.endswith(".yaml"))
        self.assertTrue(names)
        for name in names:
            with self.subTest(name=name):
                with open(os.path.join(folder, name), encoding="utf-8") as f:
                    text = "defaults: {enabled: false}\n" + f.read()
                if text.count("\ndefaults:"):
                    continue
                self.config(text)
                self.start()
                if not self.info()["errors"]:
                    self.config(text + "# edited\n")
                    self.upgrade(self.version)
                    self.assertTrue(self.info()["definitions_changed"])
                    plan = self.svcctl("plan").out
                    self.assertNotIn("~", plan)
                self.end_svcd()


class Killed(UpgradeTest):
    """After a crash what runs keeps its definition, whole; what does not run, and what is new, has that of the files."""

    def edited(self):
        """Services that run, killed svcd, edited files, another svcd. Returns the runs of then."""
        self.config("""
          services:
            off: {command: sleep 1000}
            small: {command: sleep 1000, monitoring: {command: "true", interval: 100ms}}
            same: {command: sleep 1000, requires: [wrong]}
            wrong: {command: sleep 1000, prot: 1}
            halted: {command: sleep 1000}
          """)
        self.start()
        before = {n: self.running(n) for n in ("off", "small")}
        self.svcctl("stop", "halted")
        self.kill_svcd()
        self.config("""
          services:
            off: {command: sleep 1000, enabled: false}
            small:
              command: sleep 1000
              monitoring: {command: "false", interval: 100ms}
              limits: {memory: 1M}
            same: {command: sleep 1000, requires: [wrong]}
            wrong: {command: sleep 1000, prot: 1}
            halted: {command: sleep 2000}
            new: {command: sleep 1000}
          """)
        self.start()
        return before

    def test_it_is_kept_until_reload(self):
        before = self.edited()
        for how in ("killed", "upgraded", "killed again"):
            self.running("new")
            for name, then in before.items():
                s = self.running(name)
                self.assertEqual((s["pid"], s["run"], s["failures"]), (then["pid"], 1, 0), how)
                if how == "killed":
                    self.assertIn("earlier definition", s["note"])
            self.assertTrue(self.info()["definitions_changed"], how)
            self.assertIn("limits.memory", self.run_svcctl("plan").out)
            if how == "killed":
                self.upgrade(self.version)
            else:
                self.crash()
        self.assertEqual(self.service("halted")["command"], "sleep 2000")
        os.kill(before["off"]["pid"], signal.SIGKILL)
        self.new_run("off", before["off"]["pid"])  # enabled, as it was
        self.run_svcctl("reload")
        self.in_state("off", "disabled")
        self.until(lambda: self.service("small")["failures"] > 0, what="the new check")
        self.assertFalse(self.info()["definitions_changed"])

    def crash(self):
        self.kill_svcd()
        self.start()

    def test_files_that_say_the_same(self):
        self.config("""
          environment: {OF: account}
          services:
            a: {command: [sleep, "1000"], environment: {B: "c d"}, limits: {files: 100}, umask: "027"}
            b: {command: sleep 1000, requires: [a]}
          """)
        self.start()
        self.running("b")
        with open(os.path.join(self.root, "config/services.yaml"), "a", encoding="ascii") as f:
            f.write("# edited\n")
        self.crash()
        self.assertEqual([self.running(n)["note"] for n in "ab"], ["", ""])
        self.assertFalse(self.info()["definitions_changed"])
