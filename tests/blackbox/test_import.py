"""svcctl import: what it makes runs under a real svcd as it did elsewhere; where it goes; input that means harm."""

import json
import os
import shutil
import subprocess
import textwrap
import unittest

from svcdtest import BIN, SLOW, SvcdTest, free_port, listens, process_environment

WORKER = """
    import os, signal, sys
    signal.signal(signal.SIGUSR1, lambda *_: (print("asked to end", flush=True), sys.exit(0)))
    print("args", *sys.argv[1:], flush=True)
    while True:
        signal.pause()
"""
LISTENER = """
    import os, socket
    s = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
    while True:
        s.accept()[0].close()
"""


class Runs(SvcdTest):
    def file(self, path, text):
        return self.write(path, textwrap.dedent(text))

    def imported(self, *arguments):
        self.svcctl("import", "--save", *arguments)
        self.svcctl("check")
        self.start()

    def test_supervisor(self):
        worker = self.python("bin/worker.py", WORKER)
        self.file("supervisor.conf", f"""
            [program:queue]
            command={worker} --number=%(process_num)d "two words" '%(ENV_HOME)s' $HOME
            process_name=%(program_name)s_%(process_num)02d
            numprocs=2
            directory=%(ENV_HOME)s/bin
            environment=PRICE="100$$, or ${{more}}",QUOTED='a "b" c',LIST="%(ENV_USER)s,x"
            stopsignal=USR1
            autorestart=true
            umask=027
            [program:later]
            command=sleep 1000
            autostart=false
            """)
        self.imported("supervisor.conf")
        one, two = self.running("queue_00"), self.running("queue_01")
        self.assertEqual(self.state("later"), "disabled")
        self.assertEqual(os.readlink(f"/proc/{two['pid']}/cwd"), os.path.join(self.home, "bin"))
        env = process_environment(one["pid"])
        self.assertEqual((env["PRICE"], env["QUOTED"]), ("100$$, or ${more}", 'a "b" c'))
        self.assertTrue(env["LIST"].endswith(",x") and len(env["LIST"]) > 2, env)
        names = [process_environment(s["pid"])["SUPERVISOR_PROCESS_NAME"] for s in (one, two)]
        self.assertEqual((names, env["SUPERVISOR_GROUP_NAME"]), (["queue_00", "queue_01"], "queue"))
        self.logged("queue_01", rf"args --number=1 two words {self.home} \$HOME$", "out")
        with open(f"/proc/{one['pid']}/status", encoding="ascii") as f:
            self.assertIn("Umask:\t0027", f.read())
        self.logged("queue_00", "args --number=0", "out")  # it is there, with its handler
        self.svcctl("stop", "queue_00")
        self.logged("queue_00", "asked to end", "out")

    def test_systemd(self):
        worker = self.python("worker.py", WORKER)
        self.file(".config/systemd/user/app@.service", f"""
            [Unit]
            Description=The app of %i
            Requires=base.service
            [Service]
            WorkingDirectory=%h
            Environment=ONE=1 "TWO=a b" PERCENT=100%% "DOLLAR=${{ONE}}, $$" "STAR=* ?"
            EnvironmentFile=-%h/more.env
            ExecStartPre=/bin/mkdir -p %h/made/%i
            ExecStartPre=-/bin/false
            ExecStart={worker} "%i" ${{TWO}} $TWO $$ONE ${{FROM_FILE}} $STAR \\
              last
            KillSignal=SIGUSR1
            Restart=always
            LimitNOFILE=321
            Nice=19
            """)
        self.file("more.env", "FROM_FILE=from a file\n")
        self.file(".config/systemd/user/base.service", """
            [Service]
            ExecStart=/bin/sleep 1000
            Restart=always
            """)
        folder = ".config/systemd/user/"
        self.imported(folder + "app@blue.service", folder + "base.service")
        s = self.running("app-blue")
        self.logged("app-blue", r"args blue a b a b \$ONE from a file \* \? last$", "out")
        self.assertTrue(os.path.isdir(os.path.join(self.home, "made/blue")))
        env = process_environment(s["pid"])
        self.assertEqual((env["TWO"], env["PERCENT"], env["DOLLAR"]), ("a b", "100%", "${ONE}, $$"))
        with open(f"/proc/{s['pid']}/limits", encoding="ascii") as f:
            self.assertRegex(f.read(), r"open files\s+321")
        self.assertEqual(os.getpriority(os.PRIO_PROCESS, s["pid"]), 19)
        self.svcctl("stop", "base")  # and with it what requires it
        self.in_state("app-blue", "waiting", "stopped")

    def test_procfile(self):
        listener = self.python("listen.py", LISTENER)
        self.file("shop/Procfile", f"web: echo $PORT-$NAME && exec {listener} $PORT\n")
        self.file("shop/.env", "NAME=from-env\n")
        self.imported("shop/Procfile")
        self.running("web")
        self.logged("web", r"83\d\d-from-env$|84\d\d-from-env$", "out")

    @unittest.skipUnless(shutil.which("node"), "there is no node")
    def test_pm2(self):
        port = free_port()
        self.write("shop/server.js", "require('net').createServer(c => c.end()).listen(process.env.PORT, '127.0.0.1');"
                   "console.log(process.argv.slice(2).join('|'))")
        self.write("shop/ecosystem.config.js", f"""
            require('fs').writeFileSync(__dirname + '/it-ran', 'yes');
            module.exports = {{ apps: [{{ name: 'Shop', script: './server.js', args: ['a b', 'c'],
                env: {{ PORT: {port} }} }}] }};""")
        r = self.svcctl("import", "shop/ecosystem.config.js")
        self.assertIn("is a program: running it with node", r.err)
        self.imported("shop/ecosystem.config.js")
        self.running("shop")
        self.logged("shop", r"a b\|c$", "out")
        self.until(lambda: listens(port), what="the port")

    def test_compose(self):
        port = free_port()
        listener = self.python("src/listen.py", LISTENER)
        self.file("docker-compose.yml", f"""
            services:
              web:
                build: .
                command: ["sh", "-c", "echo $$NAME; exec {listener}"]
                environment:
                  NAME: ${{WHO:-nobody}} and $$x
                volumes: ["./src:/code"]
                working_dir: /code
                ports: ["{port}:{port}"]
                restart: always
                healthcheck: {{test: "test $$NAME != bad", interval: 1s, start_period: 1s}}
              db: {{image: "postgres:16"}}
            """)
        self.imported("docker-compose.yml")
        s = self.running("web")
        self.assertEqual(os.readlink(f"/proc/{s['pid']}/cwd"), os.path.join(self.home, "src"))
        self.logged("web", r"nobody and \$x$", "out")
        self.assertTrue(listens(port))


class Output(SvcdTest):
    INI = "[program:a]\ncommand=sleep 1000\nuser=nosuchuser\n"

    def test_words_that_yaml_would_take_for_something_else(self):
        self.write("a.ini", "\ufeff[program:a]\ncommand=/bin/echo ~ * null a\n")
        self.svcctl("import", "a.ini", "--save")
        self.svcctl("check")
        self.start()
        self.logged("a", r"^\S+ out ~ \* null a$")

    def test_at_keeps_variables(self):
        self.write("b.service", "[Service]\nEnvironment=A=1 B=2\nRestart=always\n"
                                "ExecStart=@/bin/echo called --x=${A} $B\n")
        self.svcctl("import", "b.service", "--save")
        self.start()
        self.logged("b", r"^\S+ out --x=1 2$")

    def test_nothing_is_overwritten(self):
        self.write("a.ini", self.INI)
        self.svcctl("import", "a.ini", "-o", "out.yaml")
        first = self.read("out.yaml")
        self.assertIn("command: sleep 1000", first)
        self.assertEqual(self.mode("out.yaml"), 0o600)
        self.write("a.ini", self.INI.replace("1000", "2000"))
        r = self.svcctl("import", "a.ini", "-o", "out.yaml", status=1)
        self.assertIn("exists already", r.err)
        self.assertEqual(self.read("out.yaml"), first)
        self.assertEqual(self.svcctl("import", "a.ini", "--save").out, "")
        saved = os.path.join(self.root, "config/services.d/a.yaml")
        self.assertTrue(os.path.exists(saved))
        self.assertIn("exists already", self.svcctl("import", "a.ini", "--save", status=1).err)

    def test_what_does_not_fit_is_not_saved(self):
        self.config("services:\n  a: {command: sleep 1}\n")
        self.write("a.ini", self.INI)
        r = self.svcctl("import", "a.ini", "--save", status=1)
        self.assertIn("services.yaml:2", r.err)
        self.assertFalse(os.path.exists(os.path.join(self.root, "config/services.d/a.yaml")))
        self.assertEqual(os.listdir(os.path.join(self.root, "config/services.d")), [])
        # elsewhere it is no business of theirs
        self.svcctl("import", "a.ini", "-o", "a.yaml")

    def test_stdin_json_and_kinds(self):
        def run(*arguments, text=self.INI, status=0):
            p = subprocess.run([os.path.join(BIN, "svcctl"), *arguments], input=text, capture_output=True,
                               text=True, env=self.environment(), cwd=self.home, timeout=30 * SLOW, check=False)
            self.assertEqual(p.returncode, status, p)
            return p
        doc = run("--json", "import", "-")
        self.assertEqual(doc.stderr, "")
        doc = json.loads(doc.stdout)
        self.assertEqual([(s["name"], s["from"], s["definition"]) for s in doc["services"]],
                         [("a", "stdin:1", {"command": "sleep 1000", "restart": "on-failure"})])
        self.assertEqual(doc["services"][0]["remarks"],
                         [{"place": "stdin:3", "key": "user=nosuchuser", "lost": True,
                           "text": "every service runs as the account's own user"}])
        self.assertIn("command: sleep 1000", doc["yaml"])
        self.assertIsNone(doc["saved_as"])
        run("import", text="web: sleep 1000\n")  # no file: stdin
        self.assertIn("none of the formats", run("import", text="what is this\n", status=1).stderr)
        self.assertIn("command: what is this", run("import", "--from", "procfile", text="x: what is this\n").stdout)
        self.assertIn("--from", run("import", "--from", "launchd", status=2).stderr)
        error = json.loads(run("--json", "import", text="[Timer]\n[Unit]\n", status=1).stdout)
        self.assertIn("crontab", error["error"]["message"])
        self.assertEqual(run("--quiet", "import").stderr, "")
        r = run("import", text="module.exports = { apps: [] };\n", status=1)
        self.assertIn("node runs only from a file", r.stderr)

    def test_input_that_means_harm(self):
        self.write("secret", "[program:stolen]\ncommand=cat secret\n")
        self.write("in/a.ini", self.INI + "[include]\nfiles=../secret b.ini c.ini d.ini\n")
        os.symlink("../secret", os.path.join(self.home, "in/b.ini"))
        os.mkfifo(os.path.join(self.home, "in/c.ini"))
        self.write("in/d.ini", b"[program:x]\ncommand=\x00\n")
        r = self.svcctl("import", "in/a.ini")
        self.assertNotIn("stolen", r.out)
        for said in ("not below the folder", "outside of the folder", "cannot be read", "not a text file"):
            self.assertIn(said, r.out)
        self.assertIn("larger than 1M",
                      self.svcctl("import", self.write("big.ini", "#" * (1 << 20) + "\n"), status=1).err)
        self.assertIn("cannot be read", self.svcctl("import", "in/c.ini", status=1).err)
        self.assertIn("cannot be read", self.svcctl("import", "in", status=1).err)
        # text that would end a comment, or look like something else on a terminal
        self.write("e.ini", "[program:x\x1b[2J]\ncommand=sleep 1\nuser=\x1b]0;x\x07\r evil: 1\n"
                            "nosuch=\u2028services: {}\n")
        r = self.svcctl("import", "e.ini")
        self.assertNotIn("\x1b", r.out)
        path = self.write("e.yaml", r.out)
        self.svcctl("check", path)

    @unittest.skipUnless(shutil.which("node"), "there is no node")
    def test_a_program_that_does_not_end_well(self):
        self.write("a.config.js", "throw new Error('no\\nway')")
        self.assertIn("node cannot run it: no", self.svcctl("import", "a.config.js", status=1).err)
        self.write("b.config.js", "process.exit(3)")
        self.assertIn("no answer", self.svcctl("import", "b.config.js", status=1).err)
        self.write("c.config.js", "module.exports = {apps: 'x'.repeat(2000000)}")
        self.assertIn("cannot be read", self.svcctl("import", "c.config.js", status=1).err)
        r = self.run_svcctl("import", "a.config.js", env={"PATH": "/nonexistent"})
        self.assertEqual(r.status, 1)
        self.assertIn("node, which would run it, is not installed", r.err)


if __name__ == "__main__":
    unittest.main()
