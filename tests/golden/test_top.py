"""The screens of `svcctl top`, as a person sees them on terminals of several sizes, compared with those in screens/.

Colours are not in them; that the selected row is shown in reverse, and nothing else, is looked at. After a wanted
change: `UPDATE_SCREENS=1 make check-golden`, then read the difference.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import vt
from mocksvcd import MockSvcd, close, hang, reply, result, service

from test_screens import BIN, LOG, SCREENS, usual

WHY = {"name": "chat", "state": "backoff", "at": "2026-11-20T11:15:10.000+01:00", "said": [
    {"code": "backoff", "part": "state", "text": "it is tried again in 4s; it has failed 3 times within 1m, 5 times "
                                                 "disable it"},
    {"code": "exit-1", "part": "cause", "text": "exited with code 1 after 9s"},
    {"code": "start", "part": "advice", "text": "`svcctl start chat` starts it at once"}],
    "changes": [], "exits": [], "output": {"run": 5, "source": "err", "lines": [
        {"time": "2026-11-20T11:15:09.400+01:00", "text": "FATAL: cannot open \x1b[2Jmattermost.json"}]}, "checks": []}


class Top(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="screens-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.root)
        self.mock = MockSvcd(self.root)
        self.addCleanup(self.mock.stop)
        self.mock.services = usual()
        self.terms = []
        self.addCleanup(self.end_all)

    def end_all(self):
        for term in self.terms:
            if term.process.poll() is None:
                term.process.kill()
                term.process.wait()

    def top(self, columns=80, rows=24, *arguments, see=None, **env):
        base = {"PATH": "/usr/bin:/bin", "HOME": "/home/a", "SVCD_ROOT": self.root, "TERM": "xterm",
                "LC_ALL": "C.UTF-8", "TZ": "CET-1"}
        base.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        term = vt.Watched([os.path.join(BIN, "svcctl"), "top", *arguments], columns, rows, {**base, **env})
        self.terms.append(term)
        term.see(see or (" 0.0 " if rows > 8 else "> api.v2"))  # two samples were taken, where one can see it
        return term

    def compare(self, name, term):
        def text():
            return f"svcctl top ({term.screen.columns}x{term.screen.rows})\n" + \
                term.screen.text().replace(self.root, "/home/a/admin")
        path = os.path.join(SCREENS, name)
        if os.environ.get("UPDATE_SCREENS"):
            with open(path, "w", encoding="utf-8") as f:
                f.write(text())
        with open(path, encoding="utf-8") as f:
            wanted = f.read()
        with contextlib.suppress(AssertionError):  # what was seen may be half a picture
            term.read_until(lambda _: text() == wanted, 5)
        self.assertEqual(text(), wanted)

    def leave(self, term, status=0):
        term.type("q")
        self.assertEqual(term.finish()[0], status)
        self.assertTrue(term.screen.as_it_was())

    def test_table(self):
        for columns, rows in ((80, 24), (200, 50), (40, 10), (120, 6)):
            term = self.top(columns, rows)
            self.compare(f"top-{columns}x{rows}", term)
            marked = [line for line in term.screen.lines() if line.startswith("> ")]
            self.assertEqual([term.screen.lines()[i] for i in term.screen.reversed()], marked)
            self.leave(term)

    def test_the_definitions_have_changed(self):
        self.mock.info["definitions_changed"] = True
        self.mock.services = [service("wide", pid=77, cpu_ms=1, note="日本語の文字は二つ分の幅がある 😀😀 and é is one of two parts"),
                              service("ctl", note="\x1b]0;x\x07\x1b[2J bold \x1b[1m\u202e"),
                              service("b" * 63, state="starting")]
        term = self.top()
        self.compare("top-odd", term)
        self.leave(term)

    def test_other_modes(self):
        folder = os.path.join(self.root, "logs/services")
        os.makedirs(folder)
        with open(os.path.join(folder, "api.v2.log"), "w", encoding="utf-8") as f:
            f.write(LOG + "2026-11-20T11:12:17.000+01:00 out \x1b[2J" + "long " * 40 + "\n")
        self.mock.on("Why", reply({"why": WHY}))
        term = self.top()
        for keys, seen, name in (("?", "any key: back", "help"), ("x/web", "show only: web", "filter"),
                                 ("\r", "(Esc: all)", "filtered"), ("r", "restart web-1?", "confirm"),
                                 ("n\x1b", "nothing was done", None), ("gl", "q back", "log"),
                                 ("qw", "exited with code 1 after 9s", "why")):
            term.type(keys)
            term.see(seen)
            if name:
                self.compare(f"top-{name}", term)
        term.type("q")
        self.leave(term)

    def test_no_colours_and_no_utf8(self):
        for env in ({"NO_COLOR": "1"}, {"LC_ALL": "C"}):
            term = self.top(**env)
            term.type("jjjj")
            term.see("> web-1")
            self.leave(term)
            styles = b"\x1b[7m" in term.data
            self.assertEqual(styles, "NO_COLOR" not in env)
            if env.get("LC_ALL") == "C":
                self.assertTrue(term.data.isascii())
                self.assertIn(b"NAME*", term.data)

    def test_actions(self):
        self.mock.on("Stop", reply({"results": [result("web-1", "stopped after 12ms", state="stopped")]}))
        self.mock.on("Restart", close)
        self.mock.on("Start", hang)
        term = self.top()
        term.type("jjjjxy")
        term.see("web-1: stopped after 12ms")
        term.type("ry")
        term.see("what was asked for goes on")
        for _ in range(8):
            term.type("s")
            term.see("web-1: is being started")
        term.type("s")
        term.see("too much is going on")
        self.assertEqual([r["parameters"]["names"] for r in self.mock.requests if r["method"].endswith(".Stop")],
                         [["web-1"]])
        self.leave(term)

    def test_one_question_at_a_time(self):
        """A svcd that does not answer is not asked again until it is given up, and then found again."""
        term = self.top(80, 24, "--interval", "100ms", "--timeout", "1s")
        term.see("every 100ms")
        self.mock.on("Status", hang)
        before = len(self.mock.requests)

        def asked():
            return [r for r in self.mock.requests[before:] if r["method"].endswith(".Status")]
        while not asked():
            term.read_some(0.01)
        for key, name in ("j", "chat"), ("k", "api.v2"), ("j", "chat"), ("k", "api.v2"):  # turns of its loop
            term.type(key)
            term.see("> " + name)
        term.see("svcd does not answer for")
        self.assertEqual(len(asked()), 1)
        term.see(lambda screen: "> api.v2" in screen.text())  # what is known stays
        self.mock.answers.clear()
        term.see("every 100ms")
        self.leave(term)

    def test_who_measures(self):
        """svcctl itself, if it sees the processes that svcd sees; a svcd of before does it."""
        term = self.top()
        self.leave(term)
        asked = [(r["method"].rsplit(".")[-1], r.get("parameters", {}).get("usage")) for r in self.mock.requests]
        self.assertEqual([a for a in asked if a[0] != "GetInfo"][:3],
                         [("List", True), ("Status", True), ("Status", True)])
        self.mock.info["pid"] = os.getpid()
        shim = subprocess.Popen(["sh", "-c", "cat; :"], stdin=subprocess.PIPE)
        self.addCleanup(shim.wait)
        self.addCleanup(shim.stdin.close)
        self.mock.on("List", reply({"services": [service("a", pid=os.getpid(), shim=shim.pid)]}))
        self.mock.requests.clear()
        term = self.top(see=lambda screen: re.search(r" \d+\.\d +[0-9.]+[KMG] ", screen.text()))
        self.assertRegex(term.line("> a"), r"running +\d+ +\d+\.\d +[0-9.]+[KMG] ")
        self.leave(term)
        self.assertEqual({r.get("parameters", {}).get("usage") for r in self.mock.requests if r["method"].endswith(".List")},
                         {False})

    def test_refused(self):
        for env, arguments, text in (({"TERM": "dumb"}, [], "(TERM=dumb); `svcctl status`"),
                                     ({"TERM": ""}, [], "cannot be drawn on"),
                                     ({}, ["--json"], "`svcctl --json status`"),
                                     ({}, ["-d", "1"], "not a duration from 100ms to 1h"),
                                     ({}, ["redis"], "takes no arguments")):
            term = vt.ptyrun.Terminal([os.path.join(BIN, "svcctl"), "top", *arguments],
                                      env={"SVCD_ROOT": self.root, "HOME": "/home/a", "TERM": "xterm", **env})
            status, out = term.finish()
            self.assertIn(status, (1, 2), out)
            self.assertIn(text, out)
            self.assertNotIn("\x1b", out)
        self.mock.stop()
        term = vt.ptyrun.Terminal([os.path.join(BIN, "svcctl"), "top"],
                                  env={"SVCD_ROOT": self.root, "HOME": "/home/a", "TERM": "xterm"})
        status, out = term.finish()
        self.assertEqual(status, 5)
        self.assertNotIn("\x1b", out)


if __name__ == "__main__":
    unittest.main()
