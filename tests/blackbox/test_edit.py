"""Changing definitions from the command line: add, set, rename, remove, and edit with an editor of the test's."""

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import stat
import struct
import subprocess
import sys
import unittest

import ptyrun
import straced
from svcdtest import BIN, SLOW, SvcdTest, free_port

SVCCTL = os.path.join(BIN, "svcctl")

FILE = """\
# what runs here
services:
  # the first
  a:
    command: sleep 1000   # for long
    annotation: 'it''s a'

  b:   # the second
    command: [sleep, "1000"]
    requires: [a]
    restart: {max_failures: 3}
"""


class Edit(SvcdTest):
    def setUp(self):
        super().setUp()
        self.file = os.path.join(self.root, "config/services.yaml")

    def text(self):
        with open(self.file, encoding="utf-8") as f:
            return f.read()

    def up(self, text=FILE):
        self.config(text)
        self.start()


class Scripts(Edit):
    """Without a terminal."""

    def test_the_first_service_of_an_account(self):
        os.rmdir(os.path.join(self.root, "config"))
        r = self.svcctl("add", "one", "--env", "A=b c", "--env", "D=${HOME}/x", "--", "sleep", "1000")
        self.assertIn("one: added to " + self.file, r.out)
        self.assertIn("svcd is not running", r.out)
        self.assertEqual(r.err, "")
        self.assertEqual(self.mode(self.file), 0o600)
        self.assertEqual(self.mode(os.path.dirname(self.file)), 0o700)
        lines = self.text().splitlines()
        self.assertRegex(lines[0], r'# yaml-language-server: \$schema=/.*/services.schema.json$')
        self.assertEqual(lines[1:], ["services:", "  one:", "    command: sleep 1000", "    environment:",
                                     "      A: b c", '      D: "${HOME}/x"'])
        self.start()
        self.running("one")

    def test_added_to_a_svcd_that_runs(self):
        self.up()
        port = free_port()
        listen = self.python("listen.py", """
            import os, socket, signal
            s = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
            signal.pause()
        """)
        self.svcctl("add", "c", "--port", port, "--requires", "a,b", "--annotation", "the third: c", "--set",
                    "limits.files=100", "--set", "restart.delay=2s", "--", *listen.split())
        self.assertEqual(self.running("c")["port"], port)
        self.assertTrue(self.text().startswith(FILE), self.text())
        shown = self.svcctl("show", "c").out
        for part in ("the third: c", "2s", "100"):
            self.assertIn(part, shown)

    def test_where_one_is(self):
        os.makedirs(os.path.join(self.home, "shop/front"))
        r = self.run_svcctl("add", "here", "--", "x", cwd=os.path.join(self.home, "shop"))
        self.assertEqual(r.status, 0, r)
        self.assertIn("it runs in shop, where you are", r.out)
        self.assertIn("working_directory: shop\n", self.text())
        for given, written in (("front", "shop/front"), (".", "shop"), ("..", '"~"'), ("/", "/"), ("~/x", '"~/x"')):
            name = f"w{len(self.text())}"
            r = self.run_svcctl("add", name, "--cwd", given, "--", "x", cwd=os.path.join(self.home, "shop"))
            self.assertEqual(r.status, 0, r)
            self.assertTrue(self.text().endswith(f"  {name}:\n    command: x\n    working_directory: {written}\n"),
                            self.text())

    def test_words_of_a_command(self):
        for words, written in ((["node", "a.js"], "node a.js"), (["node", "a b"], "[node, a b]"),
                               (["a", "$X"], '[a, "$X"]'), (["a | b"], '"a | b"'), (["a", ""], '[a, ""]')):
            name = f"w{len(self.text()) if os.path.exists(self.file) else 0}"
            self.svcctl("add", name, "--", *words)
            self.assertTrue(self.text().endswith(f"    command: {written}\n"), self.text())

    def test_add_is_refused(self):
        self.config(FILE)
        for arguments, status, said in (
                (["a", "--", "x"], 1, "a: is there already, at " + self.file + ":4"),
                (["A", "--", "x"], 2, "not a valid name"),
                (["c"], 2, "which command?"),
                (["c", "--port", "80", "--", "x"], 1, "services.c.port: 80 is out of range"),
                (["c", "--requires", "z", "--", "x"], 1, 'there is no service "z"'),
                (["c", "--env", "A", "--", "x"], 2, "write NAME=VALUE"),
                (["c", "--set", "prot=1", "--", "x"], 2, "did you mean port?"),
                (["c", "--file", "x.yaml", "--", "x"], 2, "services.d/")):
            r = self.svcctl("add", *arguments, status=status)
            self.assertIn(said, r.err)
            self.assertEqual(self.text(), FILE)
        self.assertEqual(os.listdir(os.path.dirname(self.file)), ["services.yaml"])

    def test_in_a_file_of_its_own(self):
        self.config(FILE)
        folder = os.path.join(self.root, "config/services.d")
        self.svcctl("add", "c", "--file", "services.d/c.yaml", "--port", "1", "--", "x", status=1)
        self.assertFalse(os.path.exists(folder))  # what is refused leaves nothing behind
        self.svcctl("add", "c", "--file", "services.d/c.yaml", "--", "x")
        self.assertEqual(self.mode(folder), 0o700)
        self.assertEqual(self.text(), FILE)
        with open(os.path.join(self.root, "config/services.d/c.yaml"), encoding="utf-8") as f:
            self.assertTrue(f.read().endswith("services:\n  c:\n    command: x\n"))
        self.svcctl("set", "c", "annotation", "there")
        self.assertEqual(self.text(), FILE)
        self.svcctl("rename", "a", "alpha")
        self.assertIn("requires: [alpha]", self.text())

    def test_set(self):
        self.up()
        self.running("b")
        pid = self.service("b")["pid"]
        r = self.svcctl("set", "b", "restart.max_failures", "4")
        self.assertIn("b: restart.max_failures: 4 (was 3)", r.out)
        self.assertEqual(self.text(), FILE.replace("failures: 3", "failures: 4"))
        self.assertIn("4", self.svcctl("show", "b").out)
        self.assertEqual(self.service("b")["pid"], pid)  # changed without a restart
        self.svcctl("set", "b", "environment.A", "b")
        self.new_run("b", pid)
        self.assertIn("    environment:\n      A: b\n", self.text())
        self.svcctl("set", "b", "environment.A", "--unset")
        self.assertEqual(self.text(), FILE.replace("failures: 3", "failures: 4"))
        self.assertIn("nothing to change", self.svcctl("set", "b", "restart.max_failures", "4").out)
        self.assertIn("nothing to change", self.svcctl("set", "b", "port", "--unset").out)

    def test_set_is_refused(self):
        self.config(FILE)
        for arguments, status, said in (
                (["nobody", "port", "8300"], 4, "nobody: no such service"),
                (["b", "requires", "b"], 1, "services.b.requires"),
                (["b", "stop.timeout", "soon"], 1, "expected a duration"),
                (["b", "port", "8300", "8301"], 2, "takes one value"),
                (["b", "port"], 2, "which value?"),
                (["b"], 2, "which key?")):
            self.assertIn(said, self.svcctl("set", *arguments, status=status).err)
            self.assertEqual(self.text(), FILE)

    def test_unset_below_a_short_form(self):
        """What may be in there is not said to be absent; what cannot be is."""
        text = FILE + "  c: {command: x, environment: A=1 B=2, restart: never}\n"
        self.config(text)
        for arguments in (["c", "environment.A", "--unset"], ["c", "environment.A", "3"]):
            r = self.svcctl("set", *arguments, status=1)
            self.assertIn("c: environment.A: ", r.err)
            self.assertIn("environment in line 12 is not written as a map of keys; it is not changed", r.err)
            self.assertEqual(self.text(), text)
        self.assertIn("nothing to change", self.svcctl("set", "c", "restart.delay", "--unset").out)
        self.assertEqual(self.text(), text)
        self.svcctl("set", "c", "restart.policy", "--unset")
        self.svcctl("set", "c", "environment", "--unset")
        self.assertEqual(self.text(), FILE + "  c: {command: x}\n")

    def test_unset_takes_a_whole_group(self):
        """In whichever form it is written."""
        base = FILE + "  c:\n    command: x\n"
        for group, written in (
                ("monitoring", "monitoring: {command: y, interval: 5s}"),
                ("monitoring", "monitoring: {checks: [{name: m, command: y}]}"),
                ("monitoring", "monitoring:\n      interval: 5s\n      checks: [y]"),
                ("monitoring", "monitoring: y"), ("restart", "restart: {delay: 3s}"), ("restart", "restart: never"),
                ("log", "log: {keep: 3}"), ("stop", "stop: {timeout: 3s}"), ("limits", "limits:\n      files: 100")):
            self.config(base + f"    {written}\n")
            r = self.svcctl("set", "c", group, "--unset")
            self.assertIn(f"c: {group}: taken away, in ", r.out)
            self.assertEqual(self.text(), base)
            self.assertIn("nothing to change", self.svcctl("set", "c", group, "--unset").out)

    def test_unset_takes_a_wrong_key(self):
        for key, written in (("prot", "prot: 1"), ("log.kep", "log: {kep: 3}"), ("logs.keep", "logs: {keep: 3}")):
            text = FILE + "  c:\n    command: x\n"
            self.config(text + f"    {written}\n")
            self.assertIn(f"c: {key}: taken away, in ", self.svcctl("set", "c", key, "--unset").out)
            self.assertEqual(self.text(), text)
            self.assertIn(f"{key}: unknown key", self.svcctl("set", "c", key, "--unset", status=2).err)

    def test_what_a_killed_one_left_is_removed(self):
        """By the next that saves; what is not certainly svcctl's stays, and so does what somebody typed."""
        self.config(FILE)
        folder = os.path.dirname(self.file)
        target = self.file + ".target"
        gone, stay = [".services.yaml.svcctl-aB3xyZ", ".edit-abcdef/"], [
            ".services.yaml.svcctl-abcdefg", ".services.yaml.backup", ".other.yaml.svcctl-abcdef", ".edit-typed1/",
            ".edit-fresh1/", ".services.yaml.svcctl-folder/"]
        for name in gone + stay:
            path = os.path.join(folder, name)
            if name.endswith("/"):
                os.mkdir(path)
            else:
                self.write(path, "x")
        os.symlink(target, os.path.join(folder, ".services.yaml.svcctl-symlnk"))
        self.write(os.path.join(folder, ".edit-typed1/services.yaml"), "typed")
        for name in (".edit-abcdef", ".edit-typed1", ".services.yaml.svcctl-folder"):
            os.utime(os.path.join(folder, name), (1, 1))
        self.svcctl("set", "b", "annotation", "x")
        self.assertEqual(sorted(os.listdir(folder)), sorted(
            [name.rstrip("/") for name in stay] + ["services.yaml", ".services.yaml.svcctl-symlnk"]))

    def test_a_limit_of_file_sizes(self):
        self.config(FILE)
        p = subprocess.run(["sh", "-c", 'ulimit -f 0; "$0" set b annotation x', SVCCTL], env=self.environment(),
                           capture_output=True, text=True, check=False)
        self.assertEqual((p.returncode, self.text()), (1, FILE), p.stderr)
        self.assertRegex(p.stderr, "cannot be saved: .*: File too large")
        self.assertEqual(os.listdir(os.path.dirname(self.file)), ["services.yaml"])

    def test_a_link_to_nothing(self):
        os.symlink("../nowhere.yaml", self.file)
        r = self.svcctl("add", "z", "--", "sleep", "1", status=1)
        self.assertIn("it is a symbolic link to ../nowhere.yaml, which is not there", r.err)

    def test_what_was_wrong_before_does_not_matter(self):
        broken = FILE + "  c: {command: x, prot: 1}\n"
        self.config(broken)
        self.svcctl("set", "a", "annotation", "other")
        self.assertEqual(self.text(), broken.replace("'it''s a'", "other"))
        r = self.svcctl("set", "c", "annotation", "c")
        self.assertIn("c is still wrong", r.err)
        self.config("services:\n\ta: 1\n")
        r = self.svcctl("add", "x", "--", "y", status=1)
        self.assertIn("not valid YAML; mend it first", r.err)
        self.assertEqual(self.text(), "services:\n\ta: 1\n")

    def test_rename(self):
        self.up()
        self.running("b")
        old = self.service("a")["pid"]
        r = self.svcctl("rename", "a", "alpha")
        self.assertIn("a: is called alpha now", r.out)
        self.assertIn("1 service requires it by its new name", r.out)
        self.assertEqual(self.text(), FILE.replace("  a:", "  alpha:").replace("[a]", "[alpha]"))
        self.running("alpha")
        self.gone(old)
        self.until(lambda: "a" not in self.services(), what="the end of a")
        self.svcctl("rename", "alpha", "b", status=1)
        self.svcctl("rename", "nobody", "c", status=4)
        self.svcctl("rename", "alpha", "B", status=2)

    def test_remove(self):
        self.up()
        pid = self.running("b")["pid"]
        r = self.svcctl("remove", "a", "--yes", status=1)
        self.assertIn('there is no service "a"', r.err)
        self.assertIn("--yes", self.svcctl("remove", "b", status=1).err)
        self.assertEqual(self.text(), FILE)
        self.svcctl("remove", "b", "--yes")
        self.gone(pid)
        self.assertEqual(self.text(), FILE[:FILE.index("\n  b:")])
        self.svcctl("remove", "*", "--yes")
        self.until(lambda: self.services() == {}, what="the end of all services")
        self.assertEqual(self.text(), "# what runs here\nservices:\n  # the first\n")
        self.svcctl("remove", "b", "--yes", status=4)

    def test_while_another_is_being_removed(self):
        """That is under way and waits for nobody: others can be changed, and there is nothing to plan."""
        stay = self.python("stay.py", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
                                      "print('up', flush=True); signal.pause(); signal.pause()")
        self.config(f"services: {{a: {{command: {stay}, stop: {{timeout: 1h}}}}, b: {{command: sleep 1000}}}}\n")
        self.start()
        self.logged("a", "up$")
        self.running("b")
        self.run_svcctl("remove", "a", "--yes", "--timeout", f"{2 * SLOW}s")
        pid = self.in_state("a", "stopping")["pid"]
        self.assertEqual(self.svcctl("plan").out, "nothing to do\n")
        self.svcctl("set", "b", "annotation", "foo")
        self.assertEqual(self.service("b")["annotation"], "foo")
        os.kill(pid, signal.SIGKILL)

    def test_json(self):
        self.up()
        r = json.loads(self.svcctl("--json", "add", "c", "--", "sleep", "1000").out)
        self.assertEqual((r["service"], r["file"], r["saved"], r["applied"]), ("c", self.file, True, True))
        self.assertIn({"name": "c", "action": "add"},
                      [{k: c[k] for k in ("name", "action")} for c in r["changes"]])
        r = json.loads(self.svcctl("--json", "set", "c", "annotation", "x", "--no-reload").out)
        self.assertEqual((r["saved"], r["applied"]), (True, False))
        r = json.loads(self.svcctl("--json", "set", "c", "port", "1", status=1).out)
        self.assertRegex(r["errors"][0], r"services\.yaml:\d+:\d+: services\.c\.port: 1 is out of range")
        self.assertIn("nothing is saved", r["error"]["message"])

    def test_an_old_error_of_others_is_no_failure(self):
        """The exit status is of what was asked, with svcd up as without."""
        broken = FILE + "  c: {command: x, prot: 1}\n"
        self.config(broken)
        self.svcctl("set", "a", "annotation", "1")
        self.start()
        self.running("b")
        r = self.svcctl("set", "a", "annotation", "2")
        self.assertIn("services.c.prot: unknown key", r.err)
        self.assertTrue(json.loads(self.svcctl("--json", "add", "d", "--", "sleep", "1000").out)["applied"])
        self.running("d")
        self.svcctl("reload", status=1)

    def test_changes_of_others_are_not_applied(self):
        self.up()
        self.running("b")
        changed = FILE.replace('"1000"', '"2000"')
        self.config(changed)
        pid = self.service("b")["pid"]
        r = self.svcctl("set", "a", "annotation", "new", status=1)
        self.assertIn("other changes as well", r.err)
        self.assertEqual(self.text(), changed.replace("'it''s a'", "new"))
        self.assertEqual(self.service("b")["pid"], pid)


class Doubts(Edit):
    SAID = 'services.NAME.command: warning: a list is executed as it is: nothing replaces the variable in "$PORT"'

    def test_a_variable_that_no_shell_replaces(self):
        """Said when it is written, whoever uses it then, and never of what was there before."""
        words = ("--set", "ready=exec", "--", sys.executable, "-c", "import time; time.sleep(1000)", "$PORT")
        for name in "one", "two":
            r = self.svcctl("add", name, "--port", free_port(), *words)
            self.assertEqual(r.err.count(self.SAID.replace("NAME", name)), 1, r)
            self.assertEqual(r.err.count("warning"), 1, r)
        self.start()
        r = self.svcctl("add", "three", "--no-reload", "--port", free_port(), "--", "sh", "-c", "sleep $PORT")
        self.assertEqual(r.err, "")
        self.svcctl("reload", "--no-wait")
        r = self.svcctl("add", "four", "--port", free_port(), *words)
        self.assertEqual(r.err.count(self.SAID.replace("NAME", "four")), 1, r)


class Files(Edit):
    """How a file is replaced."""

    def test_mode_and_link_are_kept(self):
        target = self.write("elsewhere/real.yaml", FILE, 0o640)
        os.symlink(target, self.file)
        inode = os.stat(target).st_ino
        self.svcctl("set", "a", "annotation", "x")
        self.assertTrue(os.path.islink(self.file))
        self.assertNotEqual(os.stat(target).st_ino, inode)
        self.assertEqual(stat.S_IMODE(os.stat(target).st_mode), 0o640)
        self.assertEqual(os.listdir(os.path.dirname(target)), ["real.yaml"])

    def test_acl_and_attributes_are_kept(self):
        """Somebody else may read it; what a folder gives new files by default is not taken up."""
        self.config(FILE)
        acl = struct.pack("<I" + "HHI" * 5, 2, 1, 6, 2**32 - 1, 2, 4, 65533, 4, 4, 2**32 - 1, 16, 4, 2**32 - 1,
                          32, 0, 2**32 - 1)
        try:
            os.setxattr(self.file, "system.posix_acl_access", acl)
        except OSError as e:
            self.skipTest(f"no ACLs in {self.file}: {e.strerror}")
        with contextlib.suppress(OSError):  # tmpfs had none for long
            os.setxattr(self.file, "user.note", b"mine")
        mode = self.mode(self.file)
        before = {n: os.getxattr(self.file, n) for n in os.listxattr(self.file)}
        self.svcctl("set", "a", "annotation", "x")
        self.assertEqual({n: os.getxattr(self.file, n) for n in os.listxattr(self.file)}, before)
        self.assertEqual(self.mode(self.file), mode)
        os.removexattr(self.file, "system.posix_acl_access")
        os.setxattr(os.path.dirname(self.file), "system.posix_acl_default", acl)
        self.svcctl("set", "a", "annotation", "y")
        self.assertNotIn("system.posix_acl_access", os.listxattr(self.file))

    def test_where_others_can_write(self):
        """What svcd would not believe is not changed, and what to do is said before anything is written."""
        self.config(FILE)
        config = os.path.dirname(self.file)
        os.mkdir(os.path.join(config, "services.d"), 0o700)
        self.svcd_env["EDITOR"] = "touch " + os.path.join(self.home, "edited") + "; true"
        verbs = (["set", "a", "annotation", "x"], ["add", "c", "--", "x"], ["rename", "a", "c"],
                 ["remove", "b", "--yes"], ["edit", "--yes"], ["edit", "b", "--yes"],
                 ["add", "c", "--file", "services.d/c.yaml", "--", "x"])
        for path, mode in ((self.root, 0o777), (config, 0o722), (self.file, 0o622)):
            noun = "file" if path == self.file else "directory"
            was = self.mode(path)
            os.chmod(path, mode)
            for arguments in verbs[:6] if path == self.file else verbs:
                r = self.svcctl(*arguments, status=1)
                self.assertRegex(r.err, f"{re.escape(path)}: refused: .* can write to this {noun}, its mode is "
                                 f"{mode:04o} \\(run: chmod go?-w {re.escape(path)}\\); svcd would not read it, so "
                                 "nothing is changed")
                self.assertEqual((r.out, self.text()), ("", FILE))
            os.chmod(path, was)
        os.chmod(config + "/services.d", 0o777)
        self.assertIn("services.d: refused", self.svcctl(*verbs[6], status=1).err)
        self.assertEqual(sorted(os.listdir(config)), ["services.d", "services.yaml"])
        self.assertFalse(os.path.exists(os.path.join(self.home, "edited")))
        self.svcctl(*verbs[0])  # what is wrong with services.d is another matter

    def test_owner_is_kept(self):
        if os.getuid():
            self.skipTest("needs root, to change the owner")
        self.config(FILE)
        os.chown(self.file, 0, 65534)
        self.svcctl("set", "a", "annotation", "x")
        st = os.stat(self.file)
        self.assertEqual((st.st_uid, st.st_gid), (0, 65534))

    def test_root_leaves_another_accounts_files_alone(self):
        """Their links could lead into root's own."""
        if os.getuid():
            self.skipTest("needs root")
        self.config(FILE)
        of_root = os.path.join(self.tmp, "of-root.yaml")
        os.rename(self.file, of_root)
        os.symlink(of_root, self.file)
        for path in (self.home, self.root, os.path.dirname(self.file)):
            os.chown(path, 65534, 65534)
        for verb in (("add", "z", "--", "true"), ("set", "a", "annotation", "x"), ("set", "a", "--unset", "annotation"),
                     ("rename", "a", "z"), ("remove", "-y", "a"), ("edit", "-y")):
            with self.subTest(verb=verb):
                r = self.svcctl(*verb, status=1)
                self.assertEqual(
                    r.err, f"svcctl: {self.root} belongs to nobody: its definitions are changed as that user, not as "
                           f"root; run: runuser -u nobody -- svcctl --root {self.root} {verb[0]} ...\n")
                self.assertEqual(self.read(of_root), FILE)
        # Nor does root tell what is wrong there with what only root may read.
        for words in (("check",), ("--json", "check")):
            r = self.svcctl(*words, status=1)
            said = r.err or json.loads(r.out)["error"]["message"]
            self.assertIn(f"{self.root} belongs to nobody: its definitions are checked as that user, not as root; "
                          f"run: runuser -u nobody -- svcctl --root {self.root} check", said)
        self.assertIn("no errors", self.svcctl("check", of_root).out)
        os.rename(self.root, self.root + ".away")  # nor is anything made in that account's home
        self.assertIn("belongs to nobody", self.svcctl("add", "z", "--", "true", status=1).err)
        self.assertFalse(os.path.exists(self.root))

    def test_a_folder_that_cannot_be_written_to(self):
        if os.getuid() == 0:
            self.skipTest("root may write everywhere")
        self.config(FILE)
        os.chmod(os.path.dirname(self.file), 0o500)
        r = self.svcctl("set", "a", "annotation", "x", status=1)
        self.assertIn("cannot be saved", r.err)
        self.assertIn("Permission denied", r.err)
        self.assertEqual(self.text(), FILE)

    def test_a_folder_that_cannot_be_made(self):
        self.config(FILE)
        folder = os.path.join(self.root, "config/services.d")
        with open(folder, "w", encoding="utf-8"):
            pass
        r = self.svcctl("add", "c", "--file", "services.d/c.yaml", "--", "x", status=1)
        self.assertIn(f"c: {folder} is no folder", r.err)
        os.unlink(folder)
        if os.getuid() == 0:
            return  # may write everywhere
        os.chmod(os.path.dirname(folder), 0o500)
        r = self.svcctl("add", "c", "--file", "services.d/c.yaml", "--", "x", status=1)
        self.assertIn(f"c: services.d cannot be made in {os.path.dirname(folder)}: Permission denied (its mode is 0500; "
                      f"run: chmod u+wx {os.path.dirname(folder)})", r.err)

    def test_one_waits_for_the_other(self):
        """Who holds the folder changes the file; the svcctl that waited has both changes."""
        self.config(FILE)
        folder = os.open(os.path.dirname(self.file), os.O_RDONLY | os.O_DIRECTORY)
        self.addCleanup(os.close, folder)
        fcntl.flock(folder, fcntl.LOCK_EX)
        p = subprocess.Popen([SVCCTL, "add", "new", "--", "x"], env=self.environment(), cwd=self.home,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(p.stdout.close)

        def waits():
            fds, folder = f"/proc/{p.pid}/fd", os.path.realpath(os.path.dirname(self.file))
            with contextlib.suppress(OSError):
                return any(os.path.realpath(f"{fds}/{n}") == folder for n in os.listdir(fds))
            return False
        self.until(lambda: p.poll() is not None or waits(), what="svcctl to wait for the folder")
        self.assertIsNone(p.poll())
        self.config(FILE + "# by another\n")
        fcntl.flock(folder, fcntl.LOCK_UN)
        self.assertEqual(p.wait(60 * SLOW), 0, p.stdout.read())
        self.assertEqual(self.text(), FILE + "  new:\n    command: x\n# by another\n")

    def test_several_at_once(self):
        self.config(FILE)
        running = [subprocess.Popen([SVCCTL, "add", f"n{i}", "--", "x"], env=self.environment(), cwd=self.home,
                                    stdout=subprocess.DEVNULL) for i in range(6)]
        self.assertEqual([p.wait(30 * SLOW) for p in running], [0] * 6)
        self.assertTrue(self.text().startswith(FILE))
        for i in range(6):
            self.assertIn(f"  n{i}:\n    command: x\n", self.text())


class Editor(Edit):
    """On a terminal, with an editor that does what the test wants."""

    def editor(self, text):
        """A program that gets the file's path in PATH_, and its text in T, and writes T back."""
        program = self.python("editor.py", "import os, sys\nF = sys.argv[-1]\nT = open(F).read()\n" + text +
                              "\nopen(F, 'w').write(T)\n").split()[-1]
        return f"{sys.executable} {program}"

    def terminal(self, *arguments, editor, **more):
        env = {**self.environment(), "TERM": "xterm", "NO_COLOR": "1", "VISUAL": editor, **more}
        return ptyrun.Terminal([SVCCTL, *arguments], env=env, cwd=self.home, columns=200)

    def test_saved_and_applied(self):
        self.up()
        pid = self.running("b")["pid"]
        t = self.terminal("edit", "b", editor=self.editor("T = T.replace('\"1000\"', '\"2000\"')"))
        t.read_until(b"Apply this? [Y/n] ")
        self.assertIn(b"b: restart", t.data)
        self.assertEqual(self.text(), FILE.replace('"1000"', '"2000"'))
        self.assertEqual(self.service("b")["pid"], pid)
        t.type("y\n")
        status, text = t.finish()
        self.assertEqual((status, text.count("b: restart (")), (0, 1), text)  # the plan is shown once
        self.new_run("b", pid)
        self.assertNotIn(".edit", "".join(os.listdir(os.path.dirname(self.file))))

    def test_saved_and_not_applied(self):
        self.up()
        pid = self.running("b")["pid"]
        t = self.terminal("edit", editor=self.editor("T = T.replace('\"1000\"', '\"2000\"')"))
        t.read_until(b"Apply this? [Y/n] ")
        t.type("n\n")
        status, text = t.finish()
        self.assertEqual(status, 0, text)
        self.assertIn("`svcctl reload` applies it", text)
        self.assertEqual(self.service("b")["pid"], pid)

    def test_an_error_is_shown_and_edited_again(self):
        self.config(FILE)
        t = self.terminal("edit", editor=self.editor(
            "n = os.path.exists('second'); open('second', 'w')\n"
            "T = T.replace('prot: 1', 'port: 8300') if n else T.replace('requires: [a]', 'prot: 1')"))
        t.read_until(b"Edit it again? [Y/n] ")
        self.assertIn(b'services.b.prot: unknown key (did you mean "port"?)', t.data)
        self.assertEqual(self.text(), FILE)
        t.type("\n")
        status, text = t.finish()
        self.assertEqual(status, 0, text)
        self.assertEqual(self.text(), FILE.replace("requires: [a]", "port: 8300"))

    def test_left_with_errors(self):
        self.config(FILE)
        t = self.terminal("edit", editor=self.editor("T = T.replace('requires: [a]', 'prot: 1')"))
        t.read_until(b"Edit it again? [Y/n] ")
        t.type("n\n")
        status, text = t.finish()
        self.assertEqual(status, 1, text)
        self.assertEqual(self.text(), FILE)
        kept = text.split("the text is in ")[1].strip()
        self.assertIn("prot: 1", self.read(kept))

    def test_ctrl_c_at_a_question_is_no(self):
        """And what was typed is not lost sight of."""
        self.config(FILE)
        t = self.terminal("edit", editor=self.editor("T = T.replace('requires: [a]', 'prot: 1')"))
        t.read_until(b"Edit it again? [Y/n] ")
        t.type("\x03")
        status, text = t.finish()
        self.assertEqual((status, self.text()), (1, FILE), text)
        self.assertIn("prot: 1", self.read(text.split("the text is in ")[1].strip()))
        t = self.terminal("remove", "b", editor="false")
        t.read_until(b"[y/N] ")
        t.type("\x03")
        status, text = t.finish()
        self.assertEqual((status, self.text()), (1, FILE), text)
        self.assertIn("nothing has been changed", text)

    @unittest.skipUnless(shutil.which("strace"), "strace is missing")
    def test_ctrl_c_takes_an_answer_back(self):
        """As long as it has not been read."""
        self.to_be_traced()
        self.config(FILE)
        t = self.terminal("remove", "b", editor="false")
        t.read_until(b"[y/N] ")
        straced.attached(self, t.process.pid, "-e", "trace=read", "-e", "inject=read:delay_enter=1s")
        t.type("y\n")
        self.until(lambda: straced.reads_stdin(t.process.pid), what="a read of the answer")
        t.type("\x03")
        status, text = t.finish(20 * SLOW)
        self.assertEqual((status, self.text()), (-signal.SIGINT, FILE), text)

    def test_nothing_changed_and_an_editor_that_fails(self):
        self.config(FILE)
        status, text = self.terminal("edit", editor="true").finish()
        self.assertEqual((status, "nothing has been changed" in text), (0, True), text)
        status, text = self.terminal("edit", editor="false").finish()
        self.assertEqual((status, "ended with status 1; nothing is saved" in text), (1, True), text)
        self.assertNotIn("the text is in", text)

    def test_an_editor_that_removes_the_copy_or_has_signals(self):
        self.config(FILE)
        status, text = self.terminal("edit", editor="rm").finish()
        self.assertEqual((status, self.text()), (1, FILE), text)
        self.assertRegex(text, r"the editor \(rm\) has removed /.*/services.yaml; nothing is saved")
        self.assertEqual(os.listdir(os.path.dirname(self.file)), ["services.yaml"])
        ignored = os.path.join(self.home, "ignored")
        self.terminal("edit", editor=f"grep SigIgn /proc/self/status >{ignored}; :").finish()
        mask = int(self.read(ignored).split()[1], 16)
        self.assertEqual(mask & (1 << (25 - 1) | 1 << (13 - 1)), 0)  # SIGXFSZ, SIGPIPE

    def test_what_an_editor_saved_before_it_failed_is_kept(self):
        self.config(FILE)
        for end in ("exit 1", "kill -9 $$"):
            editor = self.write("ed", f'#!/bin/sh\necho "# an hour of work" >>"$1"\n{end}\n')
            os.chmod(editor, 0o700)
            status, text = self.terminal("edit", editor=editor).finish()
            self.assertEqual((status, self.text()), (1, FILE), text)
            kept = text.split("the text is in ")[1].strip()
            self.assertIn("# an hour of work", self.read(kept))
            shutil.rmtree(os.path.dirname(kept))
        self.assertEqual(os.listdir(os.path.dirname(self.file)), ["services.yaml"])

    def test_somebody_else_was_quicker(self):
        self.config(FILE)
        other = FILE + "# by somebody else\n"
        editor = self.editor(f"open({self.file!r}, 'a').write('# by somebody else\\n'); T += '# mine\\n'")
        status, text = self.terminal("edit", editor=editor).finish()
        self.assertEqual(status, 1, text)
        self.assertIn("changed by somebody else", text)
        self.assertEqual(self.text(), other)
        self.assertIn("# mine", self.read(text.split("the text is in ")[1].strip()))

    def test_the_line_and_the_file(self):
        self.config(FILE)
        with open(os.path.join(self.home, "vim"), "w", encoding="utf-8") as f:
            f.write('#!/bin/sh\nprintf "%s " "$@" > "$HOME/arguments"\n')
        os.chmod(f.name, 0o700)
        self.assertEqual(self.terminal("edit", "b", editor=f.name + " -n").finish()[0], 0)
        n, line, path = self.read("arguments").split()
        self.assertEqual((n, line, os.path.basename(path)), ("-n", "+8", "services.yaml"))

    def test_the_sample_where_there_is_nothing(self):
        os.rmdir(os.path.join(self.root, "config"))
        editor = self.editor("T = T.replace('services:', 'services:\\n  a: {command: x}')")
        status, text = self.terminal("edit", editor=editor).finish()
        self.assertEqual(status, 0, text)
        self.assertIn("services:\n  a: {command: x}\n", self.text())
        self.assertEqual(self.mode(self.file), 0o600)

    def test_without_a_terminal(self):
        self.up()
        pid = self.running("b")["pid"]
        self.assertIn("there is no terminal", self.svcctl("edit", status=1).err)
        self.svcd_env["EDITOR"] = self.editor("T = T.replace('\"1000\"', '\"2000\"')")
        self.svcctl("edit", "--yes")
        self.new_run("b", pid)
        self.svcd_env["EDITOR"] = self.editor("T = T.replace('requires', 'required')")
        r = self.svcctl("edit", "--yes", status=1)
        self.assertIn('did you mean "requires"?', r.err)
        self.assertNotIn("required:", self.text())

    def test_remove_asks(self):
        self.config(FILE)
        t = self.terminal("remove", "b", editor="false")
        t.read_until(b"Stop b and take it out of the definitions? [y/N] ")
        t.type("\n")
        self.assertEqual(t.finish()[0], 1)
        self.assertEqual(self.text(), FILE)
        t = self.terminal("remove", "b", editor="false")
        t.read_until(b"[y/N] ")
        t.type("y\n")
        self.assertEqual(t.finish()[0], 0)
        self.assertNotIn("  b:", self.text())
