"""svcctl run, svcctl shell: a command that has what the processes of a service have: compared with what the kernel
says of the service's own process; and that svcctl is not in its way: status, signals, stdin, the terminal."""

import os
import resource
import signal
import subprocess

import ptyrun
from svcdtest import BIN, PYTHON, SLOW, SvcdTest, parent, process_environment, stat_fields

# What a command sees of itself, one line each, to be compared with /proc/PID of the service.
SELF = """\
import os
print(os.readlink("/proc/self/cwd"))
print([l for l in open("/proc/self/status") if l.startswith("Umask")][0].strip())
print(open("/proc/self/stat").read().rsplit(") ", 1)[1].split()[16])
print("".join(l for l in open("/proc/self/limits") if "file locks" not in l), end="")
"""


def seen_from_outside(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        umask = [line for line in f if line.startswith("Umask")][0]
    with open(f"/proc/{pid}/limits", encoding="utf-8") as f:
        limits = [line for line in f if "file locks" not in line]
    return "\n".join([os.readlink(f"/proc/{pid}/cwd"), umask.strip(), stat_fields(pid)[16]]) + "\n" + "".join(limits)


class Inside(SvcdTest):
    def environment_by_run(self, name, **more):
        result = self.run_svcctl("run", name, "--", "env", "-0", **more)
        self.assertEqual((result.status, result.err), (0, ""), result)
        return dict(v.split("=", 1) for v in result.out.split("\0") if v)

    def test_the_environment_is_that_of_the_service(self):
        self.svcd_env = {"LANG": "de_DE.UTF-8", "TZ": "Europe/Berlin"}
        self.write(".env", 'FROM_FILE="two words"\nSECRET_TOKEN=xyzzy\n')
        self.write("secrets.env", "PASSWORD='pa ss$word'\n")
        self.config("""
          environment: {ACCOUNT: "1", PATH_OF_ALL: "${HOME}/x"}
          defaults: {environment: {LEVEL: default}}
          services:
            a:
              command: sleep 1000
              port: auto
              ready: exec
              environment_file: [.env, secrets.env, -none.env]
              environment: {OWN: "${PORT}-${SVCD_SERVICE}", LANG_IS: "${LANG:-none}", NEWLINE: "a\\nb"}
            b: {command: sleep 1000, environment: {LANG: C}}
        """)
        self.start()
        others = {"LANG": "fr_FR.UTF-8", "TZ": "Asia/Tokyo", "NODE_OPTIONS": "--leak"}
        for name in "ab":
            theirs = process_environment(self.running(name)["pid"])
            self.assertEqual(self.environment_by_run(name, env=others), theirs)
        self.assertNotIn("SVCD_TEST_LEAK", theirs)
        theirs = process_environment(self.service("a")["pid"])
        self.assertEqual(theirs["OWN"], f"{theirs['PORT']}-a")
        # With svcd away it is the same; LANG and TZ are those of whoever asks.
        self.kill_svcd()
        self.assertEqual(self.environment_by_run("a", env=self.svcd_env), theirs)
        self.start()

    def test_folder_umask_nice_and_limits_are_those_of_the_service(self):
        def become():
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (333, hard))
            resource.setrlimit(resource.RLIMIT_STACK, (5 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))
            os.nice(2)
        self.svcd_becomes = become
        os.makedirs(os.path.join(self.home, "app/data"))
        self.config("""
          services:
            plain: {command: sleep 1000}
            all:
              command: sleep 1000
              working_directory: app/data
              umask: "0027"
              limits: {files: 222, processes: 4000, core: 1M, nice: 7}
        """)
        self.start()
        for name in ("plain", "all"):
            pid = self.running(name)["pid"]
            result = self.svcctl("run", name, "--", PYTHON, "-c", SELF)
            self.assertEqual(result.out, seen_from_outside(pid))
        self.assertIn("222", result.out)

    def test_it_is_not_taken_for_a_process_of_the_service(self):
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        pid = self.running("a")["pid"]
        run = subprocess.Popen([os.path.join(BIN, "svcctl"), "run", "a", "--", "sleep", "1000"],
                               env=self.environment(), cwd=self.home, stdin=subprocess.DEVNULL)
        self.programs.append(run)
        child = self.until(lambda: [p for p in self.children(run.pid)], what="the command")[0]
        os.kill(parent(pid), signal.SIGKILL)  # what a shim leaves is looked for everywhere
        self.new_run("a", pid)
        self.svcctl("stop", "a")
        self.assertIsNone(run.poll())
        run.send_signal(signal.SIGTERM)
        self.assertEqual(run.wait(20 * SLOW), 128 + signal.SIGTERM)
        self.gone(child)

    @staticmethod
    def children(pid):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(p) for p in f.read().split() if os.path.basename(os.readlink(f"/proc/{p}/exe")) != "svcctl"]

    def test_another_definition_than_the_file_has(self):
        self.config("services: {a: {command: sleep 1000, environment: {A: '1', API_KEY: hidden1}}}")
        self.start()
        self.running("a")
        result = self.svcctl("run", "a", "--", "true")
        self.assertEqual(result.err, "")
        self.config("services: {a: {command: sleep 1000, umask: '0077', environment: {B: '1', API_KEY: hidden2}}}")
        result = self.svcctl("run", "a", "--", "sh", "-c", "umask; echo $A$API_KEY")
        self.assertEqual(result.out, "0077\nhidden2\n")
        self.assertIn("another definition than the file", result.err)
        self.assertIn("umask, environment.A, environment.API_KEY, environment.B", result.err)
        self.assertNotIn("hidden", result.err)
        self.assertEqual(self.svcctl("--quiet", "run", "a", "--", "true").err, "")
        self.svcctl("stop", "a")
        self.assertEqual(self.svcctl("run", "a", "--", "true").err, "")

    def test_what_cannot_be(self):
        self.config("""
          services:
            a: {command: sleep 1000, working_directory: nowhere}
            b: {command: sleep 1000, prot: 8300}
            c: {command: sleep 1000, port: auto}
            d: {command: sleep 1000, environment_file: none.env}
            e: {command: sleep 1000, sockets: [./e.sock], limits: {memory: 100M}}
        """)
        for name, status, text in (("a", 1, f"a: working_directory {self.home}/nowhere: No such file or directory"),
                                   ("b", 1, 'unknown key (did you mean "port"?)'),
                                   ("c", 1, "svcctl reload"), ("d", 1, "none.env"),
                                   ("x", 4, "x: no such service")):
            result = self.run_svcctl("run", name, "--", "true")
            self.assertEqual(result.status, status, result)
            self.assertIn(text, result.err)
        self.assertIn('"code": "no-such-service"', self.svcctl("--json", "run", "x", "--", "true", status=4).out)
        self.svcctl("run", "e", status=2)
        self.svcctl("run", status=2)
        self.svcctl("shell", status=2)


class Transparent(SvcdTest):
    def setUp(self):
        super().setUp()
        self.config("""
          services:
            a: {command: sleep 1000, ready: notify, limits: {cpu: 50%}, environment: {A: "1"}}
        """)

    def test_exit_status(self):
        for command, status in (("exit 0", 0), ("exit 3", 3), ("kill -KILL $$", 137), ("kill -TERM $$", 143),
                                ("kill -PIPE $$", 141)):
            self.assertEqual(self.run_svcctl("run", "a", "--", "sh", "-c", command).status, status, command)
        self.write("no-program", "x")
        result = self.svcctl("run", "a", "--", "no-such-program", status=127)
        self.assertIn("a: cannot execute no-such-program: No such file or directory", result.err)
        self.assertIn("Permission denied", self.svcctl("run", "a", "--", "./no-program", status=126).err)
        self.write("script", "echo $A", 0o700)
        self.assertEqual(self.svcctl("run", "a", "--", "./script").out, "1\n")

    def test_arguments_and_stdin_pass(self):
        result = self.svcctl("run", "a", "--", "printf", "<%s>", "-n", "--", "--json", "", "a b")
        self.assertEqual(result.out, "<-n><--><--json><><a b>")
        for verb in (["run", "a", "--", "cat"], ["shell", "a"]):
            done = subprocess.run([os.path.join(BIN, "svcctl"), *verb], input="echo $SVCD_SERVICE$A\n", text=True,
                                  capture_output=True, env={**self.environment(), "SHELL": "/bin/sh"},
                                  cwd=self.home, timeout=30 * SLOW, check=True)
            self.assertEqual((done.stdout, done.stderr),
                             ("echo $SVCD_SERVICE$A\n" if verb[0] == "run" else "a1\n", ""))

    def program(self, text):
        return self.python("p.py", text).split()

    def test_signals_pass(self):
        program = self.program("""
            import os, signal
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM])
            print(os.getpid(), flush=True)
            while True:
                got = signal.sigwait([signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM])
                print(int(got), flush=True)
                if got == signal.SIGTERM:
                    raise SystemExit(7)
        """)
        run = subprocess.Popen([os.path.join(BIN, "svcctl"), "run", "a", "--", *program], env=self.environment(),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd=self.home)
        self.programs.append(run)
        self.assertNotEqual(int(run.stdout.readline()), run.pid)
        for signo in (signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM):
            run.send_signal(signo)
            self.assertEqual(int(run.stdout.readline()), signo)
        self.assertEqual(run.wait(20 * SLOW), 7)
        run.stdout.close()

    def terminal(self, *arguments, **env):
        term = ptyrun.Terminal([os.path.join(BIN, "svcctl"), *arguments], cwd=self.home,
                               env={**self.environment(), "TERM": "xterm", **env})
        self.programs.append(term.process)
        return term

    def test_keys_of_the_terminal(self):
        program = self.program("""
            import os, signal, time
            got = []
            signal.signal(signal.SIGINT, lambda *_: got.append(1))
            signal.signal(signal.SIGCONT, lambda *_: os.write(1, b"continued"))
            print("tty" if os.isatty(0) else "none", "ready", flush=True)
            while not got:
                time.sleep(0.01)  # a pause() that a signal came just before would last
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
            os.kill(os.getppid(), signal.SIGTERM)   # own signals do not come back
            print("interrupted", len(got), sorted(map(int, signal.sigpending())), flush=True)
            raise SystemExit(9)
        """)
        # By a shell with jobs, as a person does: a process that has none is never stopped by a key.
        term = ptyrun.Terminal(["/bin/bash", "--norc", "-i"], cwd=self.home,
                               env={**self.environment(), "TERM": "xterm", "PS1": "$ "})
        self.programs.append(term.process)
        term.type(f"{BIN}/svcctl run a -- {' '.join(program)}\n")
        term.read_until(b"tty ready", 20 * SLOW)
        self.assertIn(b"not here, being for the service's own processes: NOTIFY_SOCKET, limits.cpu", term.data)
        term.type("\x1a")
        term.read_until(b"Stopped", 20 * SLOW)
        term.type("fg\n")
        term.read_until(b"continued", 20 * SLOW)
        term.type("\x03")
        term.read_until(b"interrupted 1 []", 20 * SLOW)
        term.type("echo status=$?; exit\n")
        _, text = term.finish(20 * SLOW)
        self.assertIn("status=9", text)

    def test_shell(self):
        self.write(".bashrc", "export LEAK=1; PS1='mine '")
        self.script("look", "env -0 >env.$1; ls -l /proc/$PPID/fd >fd.$1")
        expected = dict(v.split("=", 1) for v in self.svcctl("run", "a", "--", "env").out.splitlines())
        for shell in ("/bin/bash", "/bin/dash", "/usr/bin/zsh", "/usr/bin/fish"):
            kind = os.path.basename(shell)
            if not os.path.exists(shell):
                continue
            with self.subTest(shell=shell):
                term = self.terminal("shell", "a", SHELL=shell, LEAK2="1")
                term.read_until(b"(a)", 20 * SLOW)
                self.assertIn(f"a: {shell} with its environment and limits, in {self.home}".encode(), term.data)
                term.type(f"./look {kind}; exit 5\n")
                self.assertEqual(term.finish(20 * SLOW)[0], 5)
                seen = dict(v.split("=", 1) for v in self.read(f"env.{kind}").split("\0") if v)
                self.assertEqual(seen.pop("TERM"), "xterm")
                self.assertEqual("PS1" in seen, kind in ("dash", "zsh"))
                for own in ("PWD", "OLDPWD", "SHLVL", "_", "PS1"):  # shells set them in any environment
                    seen.pop(own, None)
                self.assertEqual(seen, expected)
                self.assertNotIn("memfd", self.read(f"fd.{kind}"))

    def test_a_shell_that_lets_nobody_in(self):
        term = self.terminal("shell", "a", SHELL="/usr/sbin/nologin")
        term.read_until(b"(a)", 20 * SLOW)
        term.type("exit\n")
        self.assertEqual(term.finish(20 * SLOW)[0], 0)
