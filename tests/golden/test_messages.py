"""What svcctl says when something is wrong: what failed, where, why, and what to do next; whole transcripts, compared
with those in screens/. After a wanted change: `UPDATE_SCREENS=1 make check-golden`, then read the difference.

What the permissions of files have to do with it is seen as an unprivileged user, by root, too.
"""

import os
import re
import shutil
import subprocess

from ctlcase import LIMIT, SVCCTL, Case
from mocksvcd import error, service

SCREENS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "screens")
FILE = "services:\n  web: {command: node web.js, environment: A=1}\n  worker: {command: node worker.js, requires: [web]}\n"


class Messages(Case):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.program = SVCCTL
        self.config = os.path.join(self.root, "config")
        self.file = os.path.join(self.config, "services.yaml")
        self.user = {}
        if os.getuid() == 0:
            self.user = {"user": 65534, "group": 65534, "extra_groups": []}
            self.program = os.path.join(self.root, "svcctl")
            shutil.copy2(SVCCTL, self.program)
        self.own(self.root)

    def own(self, path):
        if self.user:
            os.chown(path, 65534, 65534)

    def mock(self):
        os.chown(self.root, os.geteuid(), -1)  # the stand-in is of who runs this: one account
        return super().mock()

    def write(self, path, text, mode=0o600):
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        self.own(path)
        self.own(os.path.dirname(path))

    def transcript(self, name, *parts):
        """PARTS: a heading, or the arguments of a command."""
        text = ""
        for part in parts:
            if callable(part):
                part()
            elif isinstance(part, str):
                text += f"\n# {part}\n"
            else:
                p = subprocess.run([self.program, *part], env=self.env, stdin=subprocess.DEVNULL, capture_output=True,
                                   text=True, cwd=self.root, timeout=LIMIT, **self.user)
                text += f"$ svcctl {' '.join(part)}\n{p.stdout}{p.stderr}[{p.returncode}]\n"
        text = text.lstrip("\n").replace(self.root, "/home/a/admin")
        text = re.sub(r"\.edit-\w{6}", ".edit-XXXXXX", text)
        path = os.path.join(SCREENS, name)
        if os.environ.get("UPDATE_SCREENS"):
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        with open(path, encoding="utf-8") as f:
            self.assertEqual(text, f.read())

    CHANGES = (["add", "new", "--", "x"], ["add", "new", "--file", "services.d/n.yaml", "--", "x"],
               ["set", "web", "annotation", "x"], ["rename", "web", "shop"], ["remove", "worker", "--yes"],
               ["edit", "--yes"], ["edit", "web", "--yes"])

    def test_changing_definitions(self):
        self.env["VISUAL"] = "sed -i s/node/deno/"
        new = ["--", "x"]
        self.transcript(
            "messages-edit",
            "wrong usage",
            ["add"], ["add", "new"], ["add", "New", *new], ["add", "new", "--env", "A", *new],
            ["add", "new", "--set", "prot=1", *new], ["add", "new", "--file", "/etc/x.yaml", *new],
            ["set"], ["set", "web"], ["set", "web", "port"], ["set", "web", "port=8301"],
            ["set", "web", "prot", "1"], ["set", "web", "limits", "1"], ["set", "web", "port", "1", "2"],
            ["set", "web", "port", "1", "--unset"], ["set", "w*", "port", "auto"],
            ["rename", "web"],
            ["rename", "web", "Web"], ["remove"], ["remove", "--all", "web"], ["edit", "web", "worker"], ["edit"],
            "nothing is defined",
            *self.CHANGES[2:5], ["edit", "web", "--yes"], ["remove", "--all", "--yes"],
            lambda: self.write(self.file, FILE),
            "no such service",
            ["set", "wep", "port", "8300"], ["rename", "nobody", "x"], ["remove", "x*", "--yes"],
            ["remove", "worker", "nobody", "--yes"], ["edit", "wep", "--yes"],
            "what is there is in the way",
            ["add", "web", *new], ["rename", "web", "worker"], ["rename", "web", "web"], ["remove", "web", "--yes"],
            ["remove", "worker"], ["set", "web", "environment.A", "2"],
            "what would be wrong",
            ["add", "new", "--port", "80", *new], ["add", "new", "--requires", "nobody", *new],
            ["set", "web", "stop.timeout", "soon"], ["set", "web", "requires", "worker"], self.break_it,
            ["edit", "--yes"])

    def break_it(self):
        self.env["VISUAL"] = "sed -i s/command/comand/"
        self.addCleanup(shutil.rmtree, self.config)

    def test_what_the_files_do_not_allow(self):
        self.env["VISUAL"] = "sed -i s/node/deno/"
        folder = os.path.join(self.config, "services.d")
        self.write(self.file, FILE)
        self.addCleanup(os.chmod, self.config, 0o700)
        self.transcript(
            "messages-files",
            "a file that cannot be read", lambda: os.chmod(self.file, 0), *self.CHANGES, ["logs", "web"],
            ["why", "web"], ["run", "web", "--", "true"], lambda: os.chmod(self.file, 0o600),
            lambda: shutil.rmtree(folder),
            "a folder that cannot be written to", lambda: os.chmod(self.config, 0o500), *self.CHANGES,
            "a folder that others can write to", lambda: os.chmod(self.config, 0o777), *self.CHANGES,
            lambda: os.chmod(self.config, 0o700),
            "a file that others can write to", lambda: os.chmod(self.file, 0o666), *self.CHANGES[2:],
            "a file in the place of the folder", lambda: self.write(folder, ""), self.CHANGES[1],
            lambda: os.unlink(folder),
            "a file that is no YAML", lambda: self.write(self.file, "services:\n\tweb: 1\n"), self.CHANGES[0],
            *self.CHANGES[2:5], ["why", "web"], ["run", "web", "--", "true"])

    def test_no_svcd(self):
        self.write(self.file, FILE)
        verbs = ("status", "start web", "stop web", "restart web", "enable web", "disable web", "rollback web",
                 "signal HUP web", "plan", "reload", "show web", "env web", "events", "ps", "wait web", "upgrade")
        for verb in verbs:
            self.expect(5, *verb.split(), out="", err=f"svcctl: svcd is not running for {self.root}: {self.root}/run/"
                        "control.sock does not exist; start it with `svcd`\n")
        self.transcript("messages-no-svcd", "what needs no svcd", ["check"], ["logs", "web"], ["logs", "wep"],
                        ["logs", "web", "wep"], ["why", "wep"], ["run", "wep", "--", "true"], ["shell", "wep"],
                        ["run", "web", "--", "nosuchprogram"], ["ports", "web"], ["metrics", "-o", "/nowhere/x"],
                        "wrong usage", ["start"], ["signal"], ["signal", "HUP"], ["signal", "NOSUCH", "web"], ["why"],
                        ["env", "a", "b"], ["show", "a", "b"], ["plan", "x"], ["stop", "--all", "web"], ["run", "web"],
                        ["wait", "web", "--for", "x"], ["events", "-n", "x"], ["logs", "web", "--since", "x"],
                        ["--timeout", "x", "status"], ["help", "x"], ["completion", "ksh"], ["frobnicate"], ["statu"],
                        ["status", "--frob"], ["status", "--follow"])

    def test_several_of_which_one_is_unknown(self):
        m = self.mock()
        m.services = [service("web", pid=1)]
        for verb in ("start", "stop", "restart", "enable", "disable", "rollback", "signal HUP"):
            m.on(verb.split()[0].capitalize(), error("NoSuchService", names=["wep"]))
            self.expect(4, *verb.split(), "web", "wep", out="", err="svcctl: wep: no such service (did you mean web?); "
                        "nothing is done for the others\n")
            self.expect(4, *verb.split(), "wep", out="", err="svcctl: wep: no such service (did you mean web?)\n")

    def test_svcd_of_an_earlier_version(self):
        """Which knows no method: each verb says so, and what to do."""
        self.mock()
        for verb in ("start redis", "rollback redis", "plan", "reload", "show redis", "env redis", "events", "why redis"):
            _, _, err = self.expect(1, *verb.split(), out="", err="svcctl: the running svcd does not know ")
            self.assertTrue(err.endswith(": it is of another version (`svcctl version`); `svcctl upgrade` puts the "
                                         "installed one in its place\n"), err)
