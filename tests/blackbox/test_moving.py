"""RUN changes place between two lives of svcd: the shims of the earlier one live on in the RUN that they know."""

import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import unittest

from svcdtest import BIN, PYTHON, SLOW, SvcdTest, libc, private_mounts

SYSTEM_RUN = "/run/svcd"


def setUpModule():
    """A /run of this file's own, in which an administrator can make RUN for the account."""
    private_mounts()
    if libc.mount(b"none", b"/run", b"tmpfs", 0, None) < 0:
        raise unittest.SkipTest("no file system of one's own can be mounted")


class RunTest(SvcdTest):
    def setUp(self):
        super().setUp()
        self.own = self.run_dir
        self.other = os.path.join(self.tmp, "other/run")
        self.given = os.path.join(SYSTEM_RUN, pwd.getpwuid(os.geteuid()).pw_name)
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}}\n")

    def tearDown(self):
        super().tearDown()
        shutil.rmtree(SYSTEM_RUN, ignore_errors=True)

    def administrator(self):
        """Makes RUN in /run, as the unit for the whole system does."""
        os.makedirs(self.given, 0o700)

    def start_in(self, run, at=None):
        """svcd whose RUN is to be RUN (None: as the rule says), and is expected in AT."""
        self.run_dir = at or run or self.own
        self.svcd_env = {"SVCD_RUNTIME_DIR": run} if run else {}
        self.start()
        self.svcd_env = {}

    def now(self):
        return {n: (s["pid"], s["run"]) for n, s in self.services().items()}

    def both(self):
        self.running("a")
        self.running("b")
        found = self.now()
        return found, {n: self.shim_of(pid) for n, (pid, _) in found.items()}

    def same(self, before):
        """Nothing was started twice, no run was lost, and orders reach the shims."""
        found, shims = before
        self.running("a")
        self.running("b")
        self.assertEqual(self.now(), found)
        for name, (pid, _) in found.items():
            self.assertEqual(self.shim_of(pid), shims[name])
            self.assertEqual([e["event"] for e in self.events(name) if e["event"] in ("started", "exited")],
                             ["started"])
        self.svcctl("stop", "b")
        self.gone(found["b"][0], shims["b"])
        self.svcctl("start", "b")

    def info(self):
        with self.varlink() as v:
            return v.call("GetInfo")["parameters"]["info"]


    def held_back(self):
        """The shims of a killed svcd keep the next one in their RUN, though the administrator has made another."""
        self.start_in(None)
        before = self.both()
        self.kill_svcd()
        self.administrator()
        self.start_in(None, at=self.own)
        self.same(before)


class Moving(RunTest):
    def test_a_folder_that_is_given_later(self):
        self.held_back()
        self.assertEqual(self.info()["run"], self.own)
        self.assertIn(self.given, self.read("admin/svcd/svcd.log"))
        # Whoever goes by the rule, an older svcctl for one, finds svcd all the same.
        self.run_dir = self.given
        self.assertEqual(self.info()["run"], self.own)
        self.assertEqual(len(self.services()), 2)
        # Killed again, and again nothing changes.
        pids = self.now()
        self.kill_svcd()
        self.start_in(None, at=self.own)
        self.until(lambda: self.now() == pids, what="both to be known")
        # Once everything is stopped nothing holds it back.
        self.assertEqual(self.end_svcd(), 0)
        self.start_in(None, at=self.given)
        self.running("a")
        self.assertEqual(self.info()["run"], self.given)
        self.assertFalse(os.path.exists(self.own), "the old RUN is still there")
        self.assertTrue(stat.S_ISSOCK(os.lstat(self.given + "/control.sock").st_mode))

    def test_a_variable_that_is_set_and_taken_away(self):
        self.start_in(self.other)
        before = self.both()
        self.kill_svcd()
        self.start_in(None, at=self.other)
        self.same(before)
        self.kill_svcd()
        third = os.path.join(self.tmp, "third")
        self.start_in(third, at=self.other)
        self.assertEqual(self.running("a")["pid"], before[0]["a"][0])
        self.assertEqual(self.end_svcd(), 0)
        self.start_in(None)
        self.running("a")
        self.assertEqual(self.info()["run"], self.own)
        self.assertFalse(os.path.exists(self.other))

    def test_svcctl_finds_svcd_wherever_it_is(self):
        self.start_in(self.other)
        self.both()
        self.assertIn("a", self.svcctl("status").out)
        self.svcctl("restart", "--replace", "a")
        doctor = self.run_svcctl("--json", "doctor")
        self.assertIn(self.other, doctor.out)
        # It may be told of a place where there is none.
        r = self.run_svcctl("status", env={"SVCD_RUNTIME_DIR": os.path.join(self.tmp, "elsewhere")})
        self.assertEqual(r.status, 0, r)
        # A svcd of an earlier release names no place: the rule holds.
        self.assertEqual(self.end_svcd(), 0)
        r = self.svcctl("status", status=5)
        self.assertIn("not running", r.err)

    def test_doctor_looks_at_the_run_in_use(self):
        """A folder that waits for svcd has nothing in it yet, and that is no problem."""
        self.held_back()
        found = {f["check"]: f for f in json.loads(self.run_svcctl("--json", "doctor").out)}
        self.assertEqual((found["folders"]["code"], found["folders"]["state"], found["folders"]["text"]),
                         ("folders-move", "note", f"svcd works in {self.own}, where shims of before are; in "
                                                  f"{self.given} once it starts when nothing is left there"))
        self.assertEqual((found["shims"]["code"], found["shims"]["text"]),
                         ("shims-ok", "2, all of the installed svc-shim"))
        os.chmod(os.path.join(self.own, "shims"), 0o777)
        found = {f["check"]: f for f in json.loads(self.svcctl("--json", "doctor", status=1).out)}
        self.assertIn(f"{self.own}/shims can be written to by others", found["folders"]["text"])

    def test_one_svcd_whatever_its_run_is(self):
        self.start_in(None)
        before = self.both()
        lock = os.path.join(self.root, "svcd/lock")
        self.refused()
        self.svcd.send_signal(signal.SIGSTOP)  # it cannot put back what is deleted
        os.unlink(lock)
        self.refused()
        self.svcd.send_signal(signal.SIGCONT)
        self.same(before)
        # There need not be a shim that says where it is.
        self.svcctl("stop", "a", "b")
        self.svcd.send_signal(signal.SIGSTOP)
        os.unlink(lock)
        self.refused()
        self.svcd.send_signal(signal.SIGCONT)

    def refused(self):
        env = {**self.environment(), "SVCD_RUNTIME_DIR": self.other}
        r = subprocess.run([os.path.join(BIN, "svcd")], env=env, capture_output=True, text=True, check=False,
                           timeout=60 * SLOW)
        self.assertEqual(r.returncode, 1, r)
        self.assertIn("another svcd", r.stderr)

    def test_a_shim_that_was_lost_with_its_svcd(self):
        """Its record in the RUN of then tells which run was lost."""
        self.start_in(None)
        found, shims = self.both()
        self.kill_svcd()
        for pid in shims.values():
            os.kill(pid, signal.SIGKILL)
        self.gone(*shims.values())
        self.start_in(self.other, at=self.own)
        self.new_run("a", found["a"][0])
        self.gone(found["a"][0])
        self.assertEqual(self.service("a")["run"], 2)
        self.logged("a", "exited run=1 .*shim lost")

    def test_after_a_reboot(self):
        """Then the RUN of before is as empty as everything else in /run."""
        self.administrator()
        self.start_in(None, at=self.given)
        found, shims = self.both()
        self.kill_svcd()
        for pid in [*shims.values(), *(pid for pid, _ in found.values())]:
            os.kill(pid, signal.SIGKILL)
        self.gone(*shims.values())
        shutil.rmtree(SYSTEM_RUN)
        self.start_in(None)
        self.both()
        self.assertEqual(self.info()["run"], self.own)
        self.assertIn("a", self.svcctl("status").out)

    def test_an_upgrade_after_the_folder_was_given(self):
        self.start_in(None)
        before = self.both()
        self.administrator()
        self.svcctl("upgrade")
        self.same(before)
        self.assertEqual(self.info()["run"], self.own)
        # With nothing running, too, it stays where it listens.
        self.svcctl("stop", "a", "b")
        self.svcctl("upgrade")
        self.assertEqual(self.info()["run"], self.own)
        self.svcctl("start", "a", "b")

    def test_from_a_release_that_names_no_place(self):
        self.start_in(None)
        before = self.both()
        self.kill_svcd()
        os.unlink(os.path.join(self.root, "svcd/run"))
        self.administrator()
        self.start_in(None, at=self.own)
        self.same(before)

    def test_a_folder_that_was_deleted_with_its_svcd_away(self):
        """The shims make their records in it again."""
        self.start_in(self.other)
        before = self.both()
        self.kill_svcd()
        shutil.rmtree(self.other)
        self.start_in(None, at=self.other)
        self.until(lambda: self.now() == before[0], what="both to be adopted")
        self.same(before)

    def test_the_name_alone_is_put_back(self):
        self.start_in(self.other)
        before = self.both()
        name = os.path.join(self.root, "svcd/run")
        os.unlink(name)
        self.until(lambda: os.path.exists(name), what="the name to be back")
        self.same(before)

    def test_the_name_is_put_back(self):
        self.start_in(self.other)
        self.both()
        os.rename(os.path.join(self.root, "svcd"), os.path.join(self.tmp, "svcd"))
        self.until(lambda: os.path.exists(os.path.join(self.root, "svcd/run")), what="the name to be back")
        self.svcctl("status")


class Astray(RunTest):
    """What another account could put in svcctl's way."""

    def setUp(self):
        super().setUp()
        self.start_in(self.other)
        self.both()
        self.name = os.path.join(self.root, "svcd/run")
        self.svcctl("status")

    def lost(self):
        """svcctl asks nobody, but knows that there is a svcd."""
        r = self.svcctl("status", status=5)
        self.assertIn(f"svcd runs for {self.root} (pid {self.svcd.pid}), but {self.own}/control.sock does not exist",
                      r.err)

    def test_a_name_that_others_can_write(self):
        self.svcd.send_signal(signal.SIGSTOP)  # it would put the name back
        os.chmod(self.name, 0o660)
        self.lost()
        self.svcd.send_signal(signal.SIGCONT)
        self.until(lambda: self.mode(self.name) == 0o600, what="the name to be back")
        self.svcctl("status")

    def test_a_folder_that_others_can_write(self):
        os.chmod(self.other, 0o770)
        self.lost()
        os.chmod(self.other, 0o700)
        self.svcctl("status")

    @unittest.skipIf(os.geteuid(), "needs two users")
    def test_root_is_not_led_to_its_own_svcd(self):
        """By links that the account has made, when root looks at it."""
        account = os.path.join(self.tmp, "account/admin")
        run = os.path.join(account, "run")
        links = ((self.other, run), (self.other + "/control.sock", run + "/control.sock"))
        for target, link in links:
            shutil.rmtree(account, ignore_errors=True)
            os.makedirs(os.path.dirname(link), 0o700)
            os.symlink(target, link)
            for folder in {account, os.path.dirname(link)}:
                os.chown(folder, 65534, 65534)
            r = self.svcctl("--root", account, "stop", "a", status=5)
            self.assertIn("is not the svcd of this account (user 65534) but that of user 0", r.err)
        os.unlink(run + "/control.sock")
        os.makedirs(os.path.join(account, "r"), 0o700)
        os.makedirs(os.path.join(account, "svcd"), 0o700)
        os.symlink(self.other + "/control.sock", os.path.join(account, "r/control.sock"))
        name = self.write(os.path.join(account, "svcd/run"), os.path.join(account, "r") + "\n")
        for path in (name, os.path.join(account, "r")):
            os.chown(path, 65534, 65534)
        self.svcctl("--root", account, "stop", "a", status=5)
        self.assertEqual(self.state("a"), "running")

    @unittest.skipIf(os.geteuid(), "needs two users")
    def test_a_folder_of_another_user_is_refused(self):
        self.assertEqual(self.end_svcd(), 0)
        theirs = os.path.join(self.tmp, "theirs")
        os.mkdir(theirs, 0o777)
        os.chown(theirs, 65534, 65534)
        r = subprocess.run([os.path.join(BIN, "svcd")], env={**self.environment(), "SVCD_RUNTIME_DIR": theirs},
                           capture_output=True, text=True, check=False, timeout=60 * SLOW)
        self.assertEqual(r.returncode, 1)
        self.assertIn("belongs to user 65534: it cannot be RUN of user 0", r.stderr)

    def test_what_is_no_name(self):
        self.svcd.send_signal(signal.SIGSTOP)
        for text in ("", "run\n", "../x\n", "/" + "a" * 5000, "/tmp\0/x\n", self.other + "\nx\n"):
            os.unlink(self.name)
            self.write(self.name, text)
            self.lost()
        os.unlink(self.name)
        os.mkfifo(self.name, 0o600)
        self.lost()
        os.unlink(self.name)
        real = self.write("real", self.other + "\n")
        os.symlink(real, self.name)
        self.lost()
        self.svcd.send_signal(signal.SIGCONT)

    @unittest.skipIf(os.geteuid(), "needs two users")
    def test_another_users_name_folder_and_listener(self):
        self.svcd.send_signal(signal.SIGSTOP)
        os.chown(self.name, 65534, 65534)
        self.lost()
        os.chown(self.name, 0, 0)
        self.svcd.send_signal(signal.SIGCONT)
        os.chown(self.other, 65534, 65534)
        self.lost()
        os.chown(self.other, 0, 0)
        self.svcctl("status")
        self.assertEqual(self.end_svcd(), 0)
        os.chmod(self.tmp, 0o711)
        os.chmod(os.path.dirname(self.other), 0o777)
        os.chmod(self.other, 0o777)
        theirs = subprocess.Popen([PYTHON, "-c", "import os, socket, sys, time\nos.setuid(65534)\n"
                                   "s = socket.socket(socket.AF_UNIX)\n"
                                   "s.bind(sys.argv[1] + '/control.sock')\ns.listen()\nprint(flush=True)\n"
                                   "time.sleep(1000)", self.other], stdout=subprocess.PIPE)
        self.programs.append(theirs)
        theirs.stdout.readline()
        theirs.stdout.close()
        os.chmod(self.other, 0o700)
        self.assertIn("svcd is not running for", self.svcctl("status", status=5).err)


if __name__ == "__main__":
    unittest.main()
