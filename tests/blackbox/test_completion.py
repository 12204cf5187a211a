"""Completion of svcctl's command lines in the shells themselves: bash with and without bash-completion, zsh and fish,
by typing on a terminal; and that it is quick whatever state svcd and the definitions are in."""

import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import textwrap
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
import ptyrun  # noqa: E402
from svcdtest import BIN, SLOW, SvcdTest  # noqa: E402

TWO = """
    services:
      redis: {command: sleep 1000, annotation: "cache: of the shop"}
      web-1: {command: sleep 1000}
      web-2.b_c: {command: sleep 1000}
"""


def needs(program):
    # CI has all of them: make deps.
    return unittest.skipUnless(shutil.which(program), f"{program} is not installed")


class Shell:
    """An interactive shell. `set_up` is typed first; \\C-g prints the line as it is then."""

    def __init__(self, test, argv, set_up):
        self.test = test
        env = {**test.environment(), "TERM": "dumb", "PS1": "", "PATH": BIN + ":" + os.environ["PATH"],
               "LC_ALL": "C.UTF-8", "ZDOTDIR": test.home, "XDG_CONFIG_HOME": test.home}
        self.terminal = ptyrun.Terminal(argv, columns=200, rows=60, env=env, cwd=test.home)
        test.addCleanup(self.close)
        self.terminal.type(set_up + "\necho re''ady\n")
        self.terminal.read_until(b"ready", 20 * SLOW)

    def close(self):
        self.terminal.process.kill()
        self.terminal.process.wait()
        os.close(self.terminal.master)

    def completed(self, keys):
        """What the line is after KEYS have been typed."""
        self.terminal.data = b""
        self.terminal.type(keys + "\x07")
        self.terminal.read_until(lambda data: b">LINE" in data, 20 * SLOW)
        self.terminal.type("\x15")  # ^U
        return self.terminal.data.split(b"LINE<", 1)[1].split(b">LINE", 1)[0].decode().replace("\r\n", "")


BASH = """
PS1= PS2=
bind 'set enable-bracketed-paste off'
bind 'set bell-style none'
shown() { printf 'LINE<%s>LINE\\n' "$READLINE_LINE"; }
bind -x '"\\C-g": shown'
bind '"\\e*": insert-completions'
"""
ZSH = """
PS1= PS2=; unsetopt zle_bracketed_paste prompt_cr prompt_sp; zstyle ':completion:*' insert-tab false
autoload -Uz compinit && compinit -D -u
shown() { print -rn -- "LINE<$BUFFER>LINE" }; zle -N shown; bindkey '^G' shown; bindkey '^U' kill-whole-line
zle -C every complete-word every; every() { _main_complete; compstate[insert]=all; compstate[list]= }
bindkey '^[*' every
"""


class Shells(SvcdTest):
    def setUp(self):
        super().setUp()
        self.config(TWO)
        self.write("with blank/a file.yaml", "")
        self.script("myprogram", "exit")
        self.write("functions/_svcctl", self.svcctl("completion", "zsh").out)

    def bash(self, more=""):
        return Shell(self, ["bash", "--norc", "--noprofile", "-i"], BASH + more + "\nsource <(svcctl completion bash)\n")

    def lines(self, shell):
        """What every shell must do. \\t completes; \\e* puts in all that is possible."""
        for keys, line in (
                ("svcctl relo\t", "svcctl reload "),
                ("svcctl start re\t", "svcctl start redis "),
                ("svcctl start web\t", "svcctl start web-"),
                ("svcctl start web-2\t", "svcctl start web-2.b_c "),
                ("svcctl stop --no-w\t", "svcctl stop --no-wait "),
                ("svcctl wait --for=ru\t", "svcctl wait --for=running "),
                ("svcctl wait --for ru\t", "svcctl wait --for running "),
                ("svcctl signal US\t", "svcctl signal USR"),
                ("svcctl logs --source err,mo\t", "svcctl logs --source err,mon"),
                ("svcctl logs --source=err,mo\t", "svcctl logs --source=err,mon"),
                ("svcctl completion fi\t", "svcctl completion fish "),
                ("svcctl run red\t", "svcctl run redis "),
                ("svcctl run redis \t", "svcctl run redis -- "),
                ("svcctl run redis -- ./mypro\t", "svcctl run redis -- ./myprogram "),
                ("svcctl run redis -- cat functi\t", "svcctl run redis -- cat functions/"),
                ("svcctl --root no\t", "svcctl --root no"),
                ("svcctl check with\\ blank/a\t", "svcctl check with\\ blank/a\\ file.yaml "),
                ("svcctl --root=with\t", "svcctl --root=with\\ blank/"),
                ("svcctl --root \"$HOME/admin\" why redi\t", "svcctl --root \"$HOME/admin\" why redis "),
        ):
            with self.subTest(keys):
                self.assertEqual(shell.completed(keys).rstrip(" "), line.rstrip(" "))

    def nested(self, shell):
        """Behind "--" the completion of that program comes in."""
        self.assertEqual(shell.completed("svcctl run redis -- svcctl relo\t").rstrip(" "),
                         "svcctl run redis -- svcctl reload")

    def every(self, shell, keys, words):
        self.assertEqual(sorted(shell.completed(keys + "\x1b*").split()[len(keys.split()):]), sorted(words))

    @needs("bash")
    def test_bash_alone(self):
        shell = self.bash()
        self.lines(shell)
        self.every(shell, "svcctl restart ", ["redis", "web-1", "web-2.b_c"])
        self.every(shell, "svcctl restart web-1 ", ["redis", "web-2.b_c"])

    @unittest.skipUnless(os.path.exists("/usr/share/bash-completion/bash_completion"), "no bash-completion")
    def test_bash_with_bash_completion(self):
        shell = self.bash("source /usr/share/bash-completion/bash_completion")
        self.lines(shell)
        self.nested(shell)
        self.every(shell, "svcctl restart ", ["redis", "web-1", "web-2.b_c"])

    @needs("zsh")
    def test_zsh(self):
        shell = Shell(self, ["zsh", "-f", "-i"], "fpath=(~/functions $fpath)" + ZSH)
        self.lines(shell)
        self.nested(shell)
        self.every(shell, "svcctl restart ", ["redis", "web-1", "web-2.b_c"])

    @needs("zsh")
    def test_zsh_sourced(self):
        shell = Shell(self, ["zsh", "-f", "-i"], ZSH + "source <(svcctl completion zsh)")
        self.assertEqual(shell.completed("svcctl relo\t").strip(), "svcctl reload")
        self.assertEqual(shell.completed("svcctl why redi\t").strip(), "svcctl why redis")

    def help(self, verb):
        return json.loads(self.svcctl("--json", "help", verb).out)["help"]

    @needs("fish")
    def test_fish(self):
        options = json.loads(self.svcctl("--json", "help", "stop").out)["options"]
        no_wait = next(o["help"] for o in options if o["name"] == "no-wait")
        script = self.write("svcctl.fish", self.svcctl("completion", "fish").out)
        env = {**self.environment(), "PATH": BIN + ":" + os.environ["PATH"], "LC_ALL": "C.UTF-8",
               "XDG_CONFIG_HOME": self.home}
        for line, words in (
                ("svcctl relo", ["reload\t" + self.help("reload")]),
                ("svcctl start re", ["redis"]),
                ("svcctl start web-1 ", ["redis", "web-2.b_c"]),
                ("svcctl stop --no-w", ["--no-wait\t" + no_wait]),
                ("svcctl wait --for=ru", ["--for=running"]),
                ("svcctl logs --source err,mo", ["err,mon"]),
                ("svcctl check with\\ blank/a", ["with blank/a file.yaml"]),
                ("svcctl --root=fun", ["--root=functions/"]),
                ("svcctl --root ~/admin why redi", ["redis"]),
                ("svcctl run redis ", ["--"]),
                ("svcctl run redis -- ./mypro", ["./myprogram\tcommand"]),
                ("svcctl run redis -- cat functi", ["functions/"]),
                ("svcctl run redis -- svcctl stop --no-w", ["--no-wait\t" + no_wait]),
        ):
            with self.subTest(line):
                r = subprocess.run(["fish", "--no-config", "-c", f"source {script}; complete -C $argv[1]", line],
                                   capture_output=True, text=True, env=env, cwd=self.home, check=True,
                                   stdin=subprocess.DEVNULL, timeout=30 * SLOW)
                self.assertEqual([w.removesuffix("\tDirectory") for w in r.stdout.splitlines()], words)


class Quick(SvcdTest):
    """Whatever state svcd is in, a word is completed at once: in less processor time than one notices, and without
    waiting for anybody. (Clock time is not judged here beyond that nobody's time limit was waited for.)"""

    def words(self, *line):
        out = self.svcctl("completion", "words", "--", "svcctl", *line).out
        return dict(w.split("\t", 1) for w in out.splitlines())

    def waited(self, *line):
        """The median of five, in seconds of time and of processor time."""
        took, used = [], []
        for _ in range(5):
            began, before = time.monotonic(), os.times()
            self.words(*line)
            after = os.times()
            took.append(time.monotonic() - began)
            used.append(after.children_user + after.children_system - before.children_user - before.children_system)
        return statistics.median(took), statistics.median(used)

    def at_once(self):
        took, used = self.waited("start", "")
        self.assertLess(used, 0.05 * SLOW)
        self.assertLess(took, 1 * SLOW)

    def test_svcd_runs(self):
        self.config(TWO)
        self.start()
        self.running("redis")
        self.assertEqual(self.words("start", "r"), {"redis": "running, cache: of the shop"})

    def test_what_runs_and_is_in_no_file_any_more(self):
        self.config(TWO)
        self.start()
        self.running("redis")
        self.config("services:\n  other: {command: sleep 1}\n")
        self.assertIn("redis", self.words("stop", ""))

    def test_svcd_is_down(self):
        self.config(TWO)
        self.config("services:\n  more: {command: x}\n", "services.d/more.yaml")
        self.config("services:\n  no: {command: x}\n", "services.d/more.yaml.orig")
        self.assertEqual(list(self.words("start", "")), ["more", "redis", "web-1", "web-2.b_c"])
        self.at_once()

    def test_broken_definitions(self):
        self.config(textwrap.dedent(TWO) + "  third: [\n  : : :\n\tx: {")
        self.assertEqual(list(self.words("start", "")), ["redis", "third", "web-1", "web-2.b_c"])
        self.config("services: {a: {command: x}, b: {command: y}}\n")
        self.assertEqual(list(self.words("start", "")), ["a", "b"])
        self.config("\0\xff{{{")
        self.assertEqual(self.words("start", ""), {})
        os.remove(os.path.join(self.root, "config/services.yaml"))
        os.mkfifo(os.path.join(self.root, "config/services.yaml"))
        self.assertEqual(self.words("start", ""), {})
        shutil.rmtree(self.root)
        self.assertEqual(self.words("start", ""), {})
        self.assertEqual(self.words("relo"), {"reload": json.loads(self.svcctl("--json", "help", "reload").out)["help"]})

    def test_thousands(self):
        self.config("services:\n" + "".join(f"  s{i}: {{command: x}}\n" for i in range(5000)))
        self.assertEqual(len(self.words("start", "")), 5000)
        self.at_once()

    def test_svcd_hangs(self):
        self.config(TWO)
        self.start()
        self.running("redis")
        self.svcd.send_signal(signal.SIGSTOP)
        try:
            self.assertEqual(self.words("start", "r"), {"redis": ""})
            self.at_once()
        finally:
            self.svcd.send_signal(signal.SIGCONT)

    def test_svcd_takes_no_call(self):
        """Its queue is full: connect() would wait."""
        self.config(TWO)
        os.makedirs(self.run_dir, 0o700)
        with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
            listener.bind(os.path.join(self.run_dir, "control.sock"))
            listener.listen(0)
            first.connect(listener.getsockname())
            self.assertEqual(self.words("start", "r"), {"redis": ""})
            self.at_once()

    def test_json(self):
        self.config(TWO)
        said = json.loads(self.svcctl("--json", "completion", "words", "--", "svcctl", "check", "").out)
        self.assertEqual(said, {"words": [], "rest": "files", "command_at": None, "open": False})
        said = json.loads(self.svcctl("--json", "completion", "bash").out)
        self.assertEqual(said, {"shell": "bash", "script": self.svcctl("completion", "bash").out})

    def test_wrong(self):
        for arguments in ((), ("tcsh",), ("bash", "zsh")):
            self.assertIn("which shell?", self.svcctl("completion", *arguments, status=2).err)


if __name__ == "__main__":
    unittest.main()
