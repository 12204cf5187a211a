"""svcctl -H: the same command line on another machine: through a stand-in for ssh that shows what it was given, and
through the real one, to a sshd of the test's own on the loopback address."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import textwrap
import time
import unittest

import ptyrun
from svcdtest import BIN, SLOW, SvcdTest, alive, free_port

SSH = textwrap.dedent("""\
    #!/bin/sh
    printf '%s\\n' "$@" >"$HOME/given"
    while [ $# -gt 1 ]; do shift; done
    PATH=$THERE exec sh -c "$1"
    """)


class Remote(SvcdTest):
    def setUp(self):
        super().setUp()
        self.there = os.path.join(self.tmp, "there")  # the PATH of the other machine
        os.mkdir(self.there)
        os.chmod(self.there, 0o755)
        os.symlink(os.path.join(BIN, "svcctl"), os.path.join(self.there, "svcctl"))
        for program in ("sh", "sleep", "cat"):
            os.symlink(shutil.which(program), os.path.join(self.there, program))

    def fake(self, script=SSH):
        self.svcd_env.update(SVCCTL_SSH=self.write("bin/ssh", script, 0o700), THERE=self.there)

    def up(self):
        self.config("""
            services:
              a: {command: sleep 1000}
              off: {command: sleep 1000, enabled: false}
        """)
        self.start()
        self.running("a")

    def remote(self, *arguments, **kwargs):
        return self.run_svcctl("-H", "alice@web1:2222", *arguments, **kwargs)


class Fake(Remote):
    def test_the_same_as_there(self):
        self.fake()
        self.up()
        for arguments, status in ((["status", "a"], 0), (["status"], 3), (["start", "nobody"], 4),
                                  (["frobnicate"], 2), (["--json", "status", "a"], 0), (["show", "a"], 0)):
            here, there = self.run_svcctl(*arguments), self.remote(*arguments)
            self.assertEqual((there.status, here.status), (status, status), there)
            if "--json" not in arguments and arguments[0] != "status":
                self.assertEqual((there.out, there.err), (here.out, here.err))
        self.assertEqual(json.loads(self.remote("--json", "status", "a").out)[0]["state"], "running")
        self.assertEqual(self.read("given").splitlines()[:4], ["-T", "-p", "2222", "alice@web1"])
        # all ends of the command line are the other one's business
        r = self.run_svcctl("status", "a", "--host=web1", "--quiet")
        self.assertEqual((r.status, self.read("given").splitlines()[1]), (0, "web1"))
        self.assertEqual(self.remote("--version").out, self.run_svcctl("--version").out)

    def offered(self, *words, options=("-H", "alice@web1:2222")):
        r = self.svcctl("completion", "words", "--", "svcctl", *options, *words)
        self.assertEqual(r.err, "")
        return [line.split("\t")[0] for line in r.out.splitlines()]

    def test_completion_asks_there(self):
        self.config("services: {here: {command: sleep 1000}}\n")
        self.write("elsewhere/config/services.yaml", "services:\n  there-1: {command: x}\n  there-2: {command: x}\n")
        self.fake(SSH.replace("PATH=", f"SVCD_ROOT={self.home}/elsewhere PATH="))
        self.assertEqual(self.offered("stop", ""), ["there-1", "there-2"])
        self.assertEqual(self.read("given").splitlines()[:9], [
            "-o", "BatchMode=yes", "-o", "ConnectTimeout=2", "-o", "LogLevel=QUIET", "-p", "2222", "alice@web1"])
        self.assertEqual(self.offered("stop", "there-1", ""), ["there-2"])
        self.assertEqual(self.offered("stop", "x"), [])
        self.assertEqual(self.offered("check", ""), [])  # no files of this machine
        self.assertEqual(self.offered("--root", f"{self.root}", "stop", ""), ["here"])
        self.assertEqual(self.offered("sto"), ["stop"])
        self.assertEqual(self.offered("stop", "", options=("-H", "-oProxyCommand=x")), [])

    def test_completion_never_hangs(self):
        self.config("services: {here: {command: sleep 1000}}\n")
        for script, limited in (("exec sleep 1000", True), ("exec >&-; sleep 1000", True), ("exit 255", False),
                                ("sleep 1000 & cat /dev/zero", False), ("printf 'a\\001b\\tc\\n-x\\ty\\n'; exit 1", False),
                                ("kill -9 $$", False)):
            self.fake(f"#!/bin/sh\necho $$ >$HOME/pid\n{script}\n")
            begin = time.monotonic()
            self.assertEqual(self.offered("stop", ""), [], script)
            if limited:
                self.assertGreater(time.monotonic() - begin, 1.9, script)
            self.gone(int(self.read("pid")))
        self.svcd_env["SVCCTL_SSH"] = "/nowhere/ssh"
        self.assertEqual(self.offered("stop", ""), [])

    def test_words_stay_what_they_are(self):
        self.fake()
        self.up()
        for word in ("$(touch pwned)", "`touch pwned`", "it's; touch pwned", "a b", "-x"):
            r = self.remote("--", "status", word)
            self.assertEqual(r.status, 4, r)
            self.assertIn(word, r.err)
        self.assertFalse(os.path.exists(os.path.join(self.home, "pwned")))
        for host in ("-oProxyCommand=touch pwned", "a@-oX", "web 1", "web1:ssh", ""):
            r = self.run_svcctl("-H", host, "status")
            self.assertEqual(r.status, 2, r)
            self.assertIn("-H", r.err)
        self.assertFalse(os.path.exists(os.path.join(self.home, "pwned")))

    def test_stdin_is_handed_on(self):
        self.fake()
        p = subprocess.run([os.path.join(BIN, "svcctl"), "-H", "web1", "import", "--save", "-"], check=False,
                           input="web: sleep 1000\n", text=True, capture_output=True, timeout=30 * SLOW,
                           env=self.environment(), cwd=self.home)
        self.assertEqual(p.returncode, 0, p)
        self.assertIn("command: sleep 1000", self.read("admin/config/services.d/import.yaml"))

    def test_what_goes_wrong(self):
        self.fake()
        os.remove(os.path.join(self.there, "svcctl"))
        r = self.remote("status")
        self.assertEqual((r.status, r.out), (5, ""))
        self.assertIn("alice@web1:2222: there is no svcctl in the PATH", r.err)
        error = json.loads(self.remote("--json", "status").out)["error"]
        self.assertEqual(error["code"], "unreachable")
        os.makedirs(os.path.join(self.home, ".local/bin"))  # is looked at, too
        os.symlink(os.path.join(BIN, "svcctl"), os.path.join(self.home, ".local/bin/svcctl"))
        self.assertEqual(self.remote("--version").status, 0)
        self.fake("#!/bin/sh\necho 'ssh: connect to host web1 port 22: No route to host' >&2\nexit 255\n")
        r = self.remote("status")
        self.assertEqual(r.status, 5)
        self.assertIn("ssh could not connect", r.err)
        self.assertIn("No route to host", r.err)
        self.svcd_env["SVCCTL_SSH"] = "no-such-ssh"
        r = self.remote("status")
        self.assertEqual(r.status, 5)
        self.assertIn("cannot execute no-such-ssh", r.err)
        self.assertIn("SVCCTL_SSH", r.err)

    def test_a_program_s_own_status(self):
        self.fake()
        self.up()
        for status in (0, 7, 254, 255):
            r = self.remote("run", "a", "--", "sh", "-c", f"exit {status}")
            self.assertEqual((r.status, r.err), (status, ""))

    def test_a_terminal_here_is_one_there(self):
        self.fake()
        self.up()
        t = ptyrun.Terminal([os.path.join(BIN, "svcctl"), "-H", "web1", "status", "a"], 80, 24,
                            env={**self.environment(), "TERM": "xterm"}, cwd=self.home)
        t.read_until(b"running", 20 * SLOW)
        t.process.wait(20 * SLOW)
        given = self.read("given").splitlines()
        self.assertEqual(given[:4], ["-t", "-o", "LogLevel=ERROR", "web1"])
        self.assertNotIn("--no-color", given[-1])
        os.close(t.master)

    def test_ctrl_c(self):
        self.fake()
        self.up()
        p = subprocess.Popen([os.path.join(BIN, "svcctl"), "-H", "web1", "logs", "-f", "a"], cwd=self.home,
                             env=self.environment(), stdout=subprocess.PIPE, start_new_session=True)
        self.programs.append(p)
        self.assertIn(b"started run=1", p.stdout.readline())
        os.killpg(p.pid, signal.SIGINT)  # as a terminal does
        self.assertIn(p.wait(20 * SLOW), (0, 130))
        p.stdout.close()
        self.assertTrue(alive(self.service("a")["pid"]))


def sshd():
    return shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")


@unittest.skipUnless(sshd() and shutil.which("ssh") and shutil.which("ssh-keygen"), "there is no OpenSSH")
class OpenSSH(Remote):
    """As the user himself: a sshd needs root only to become others. The preloaded library gives nobody a shell."""

    def setUp(self):
        super().setUp()
        if os.getuid() == 0 and not os.path.isdir("/run/sshd"):
            self.skipTest("a sshd of root's wants /run/sshd")
        try:
            self.user = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            self.skipTest("this user has no name")
        self.port = free_port()
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(self.home, key)],
                           check=True, stdin=subprocess.DEVNULL)
        with open(os.path.join(self.home, "host.pub"), encoding="ascii") as f:
            self.write("known", f"[127.0.0.1]:{self.port} {f.read()}")
        config = self.write("sshd_config", textwrap.dedent(f"""
            ListenAddress 127.0.0.1:{self.port}
            HostKey {self.home}/host
            AuthorizedKeysFile {self.home}/user.pub
            PidFile none
            StrictModes no
            PermitRootLogin yes
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            SetEnv PATH={self.there} SVCD_ROOT={self.root}
            """))
        client = self.write("ssh_config", textwrap.dedent(f"""
            IdentityFile {self.home}/user
            UserKnownHostsFile {self.home}/known
            GlobalKnownHostsFile none
            BatchMode yes
            """))
        self.svcd_env["SVCCTL_SSH"] = self.script("ssh", f'exec ssh -F {client} "$@"')
        library = os.path.join(BIN, "tests/helpers/preload_shell.so")
        env = {"PATH": os.environ["PATH"], "LD_PRELOAD": library, "SVCD_TEST_HOME": self.home}
        said = open(os.path.join(self.tmp, "sshd.log"), "wb")
        self.sshd = subprocess.Popen([sshd(), "-D", "-e", "-f", config], stdin=subprocess.DEVNULL, stdout=said,
                                     stderr=said, env=env)
        said.close()
        self.programs.append(self.sshd)
        self.until(lambda: self.sshd.poll() is not None or "Server listening" in self.said(), what="sshd")
        self.assertIsNone(self.sshd.poll(), self.said())

    def said(self):
        with open(os.path.join(self.tmp, "sshd.log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def test_through_the_real_one(self):
        self.up()
        host = f"{self.user}@127.0.0.1:{self.port}"
        r = self.run_svcctl("-H", host, "--json", "status", "a")
        self.assertEqual(r.status, 0, f"{r}\n{self.said()}")
        self.assertEqual(json.loads(r.out)[0]["pid"], self.service("a")["pid"])
        self.assertEqual(self.run_svcctl("-H", host, "status").status, 3)
        r = self.run_svcctl("-H", host, "status", "$(id); it's")
        self.assertEqual(r.status, 4)
        self.assertIn("$(id); it's", r.err)
        self.assertEqual(self.run_svcctl("-H", host, "stop", "a").status, 0)
        self.assertEqual(self.state("a"), "stopped")

    @unittest.skipUnless(os.getuid() == 0, "only root's sshd can hand over a terminal")
    def test_on_a_terminal(self):
        self.up()
        t = ptyrun.Terminal([os.path.join(BIN, "svcctl"), "-H", f"{self.user}@127.0.0.1:{self.port}", "logs", "-f",
                             "a"], 80, 24, env={**self.environment(), "TERM": "xterm"}, cwd=self.home)
        self.programs.append(t.process)
        t.read_until(b"started", 20 * SLOW)
        t.type("\x03")  # goes to the other one, which ends, and ssh with it
        self.assertIn(t.process.wait(20 * SLOW), (0, 130))
        os.close(t.master)
        self.assertTrue(alive(self.service("a")["pid"]))

    def test_nobody_listens(self):
        r = self.run_svcctl("-H", f"{self.user}@127.0.0.1:{free_port()}", "status")
        self.assertEqual(r.status, 5)
        self.assertIn("Connection refused", r.err)
        self.assertIn("ssh could not connect", r.err)


if __name__ == "__main__":
    unittest.main()
