"""svcd itself: first start, start and stop, order, signals, what it makes on disk."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import unittest

from svcdtest import BIN, SLOW, SvcdTest, alive, free_port, process_environment


class FirstStart(SvcdTest):
    def test_a_sample_is_written(self):
        self.start()
        path = os.path.join(self.root, "config/services.yaml")
        text = self.read(path)
        self.assertIn("services:", text)
        self.assertIn("#", text)
        self.assertIn(path, self.stderr())
        self.assertEqual(self.services(), {})
        self.svcctl("check")

    def test_folders_and_files_are_private(self):
        os.rmdir(os.path.join(self.root, "config"))
        os.rmdir(self.root)
        os.umask(0)
        try:
            self.start()
            self.config("services: {a: {command: echo hello}}\n")
            self.svcctl("reload")
            self.logged("a", "hello")
        finally:
            os.umask(0o022)
        for folder, _, names in os.walk(self.root):
            self.assertEqual(self.mode(folder), 0o700, folder)
            for n in names:
                with contextlib.suppress(FileNotFoundError):  # it has another name by now
                    self.assertEqual(self.mode(os.path.join(folder, n)), 0o600, n)

    def test_an_existing_sample_is_left_alone(self):
        path = self.config("# mine\n")
        self.start()
        self.assertEqual(self.read(path), "# mine\n")


class Programs(SvcdTest):
    def once(self, *arguments):
        return subprocess.run([os.path.join(BIN, "svcd"), *arguments], env=self.environment(),
                              capture_output=True, text=True, timeout=20 * SLOW, check=False)

    def test_version_and_help(self):
        r = self.once("--version")
        self.assertRegex(r.stdout, r"\d+\.\d+\.\d+")
        self.assertEqual(r.returncode, 0)
        r = self.once("--help")
        self.assertIn("--root", r.stdout)
        self.assertEqual(r.returncode, 0)

    def test_closed_descriptors(self):
        """What is opened does not become what is written to people."""
        self.config("services: {a: {command: echo hello}}\n")
        svcd = self.script("closed", f'exec {os.path.join(BIN, "svcd")} <&- >&- 2>&-\n')
        self.start(program=svcd)
        self.logged("a", "hello")
        for fd in range(3):
            self.assertEqual(os.readlink(f"/proc/{self.svcd.pid}/fd/{fd}"), "/dev/null")

    def test_an_unknown_option(self):
        r = self.once("--rot", "/tmp")
        self.assertNotEqual(r.returncode, 0)
        self.assertIn("--rot", r.stderr)

    def test_check(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.assertEqual(self.once("--check").returncode, 0)
        path = self.config("services:\n  a: {command: sleep 1000, prot: 8300}\n")
        r = self.once("--check")
        self.assertEqual(r.returncode, 1)
        self.assertIn(path + ":2:", r.stdout + r.stderr)
        self.assertIn('did you mean "port"?', r.stdout + r.stderr)
        self.assertFalse(os.path.exists(self.run_dir + "/control.sock"))


class Signals(SvcdTest):
    def test_term_stops_everything_and_ends_with_0(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}}\n")
            self.start()
            pids = [self.running(n)["pid"] for n in "ab"]
            self.assertEqual(self.end_svcd(how), 0)
            self.assertFalse(any(map(alive, pids)))
            self.svcctl("status", status=5)

    def test_services_start_again_afterwards(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        self.running("a")
        self.end_svcd()
        self.start()
        self.assertEqual(self.running("a")["run"], 2)

    def test_hup_reloads(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}}\n")
        self.svcd.send_signal(signal.SIGHUP)
        self.until(lambda: "b" in self.services(), what="the new service")
        self.running("b")
        self.assertEqual(self.service("a")["pid"], pid)

    def test_hup_with_a_broken_file_changes_nothing(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.config("services: {a: {command: [}}\n")
        self.svcd.send_signal(signal.SIGHUP)
        self.until(lambda: "services.yaml:1:" in self.stderr(), what="the message")
        self.assertEqual((self.state("a"), self.service("a")["pid"]), ("running", pid))


class Socket(SvcdTest):
    def test_a_deleted_socket_comes_back(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        path = os.path.join(self.run_dir, "control.sock")
        self.assertEqual(self.mode(path), 0o600)
        os.unlink(path)
        self.until(lambda: os.path.exists(path), what="the socket")
        self.until(self.answers, what="an answer")

    def test_a_deleted_run_folder_comes_back(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        pid = self.running("a")["pid"]
        os.rename(self.run_dir, self.run_dir + ".away")
        self.until(lambda: os.path.exists(self.run_dir + "/control.sock"), what="the socket")
        self.until(self.answers, what="an answer")
        self.assertEqual(self.running("a")["pid"], pid)

    @unittest.skipUnless(shutil.which("strace"), "strace is missing")
    def test_a_run_folder_that_is_deleted_while_svcd_starts(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.to_be_traced()
        self.start(program=self.script("svcd", f"""
            exec strace -D -o /dev/null -e trace=listen -e inject=listen:signal=SIGSTOP:when=1 \\
                {os.path.join(BIN, "svcd")} "$@"
        """), wait=False)
        self.until(lambda: os.path.exists(self.run_dir + "/control.sock.new"), what="the socket's first name")
        shutil.rmtree(self.run_dir)

        def goes_on():
            os.kill(self.svcd.pid, signal.SIGCONT)
            return self.answers()
        self.until(goes_on, what="an answer")
        self.running("a")

    def test_a_stale_socket_is_replaced(self):
        os.makedirs(self.run_dir, 0o700)
        s = socket.socket(socket.AF_UNIX)
        s.bind(self.run_dir + "/control.sock")
        s.close()
        self.start()


class LongRoot(SvcdTest):
    home_suffix = "/".join(["a-rather-long-folder-name-of-forty-characters"] * 6) + "/home"

    def test_a_path_of_more_than_200_characters(self):
        self.assertGreater(len(self.root), 200)
        self.config("services: {a: {command: sh -c 'echo $NOTIFY_SOCKET; exec sleep 1000', ready: exec}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.kill_svcd()
        self.start()
        self.assertEqual(self.running("a")["pid"], pid)
        self.svcctl("stop", "a")

    def test_notify_with_a_long_path(self):
        notify = self.python("n.py", """
            import os, signal, socket
            path = os.environ["NOTIFY_SOCKET"]
            assert len(path) < 108, path
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            s.connect("\\0" + path[1:] if path[0] == "@" else path)
            s.send(b"READY=1")
            while True: signal.pause()
        """)
        self.write("r.sh", f"#!/bin/sh\nexec {notify}\n", 0o700)
        self.config("services: {a: {command: ./r.sh, ready: notify, ready_timeout: 20s}}\n")
        self.start()
        self.running("a")


class OtherRoots(SvcdTest):
    def test_root_option_and_variable(self):
        other = os.path.join(self.tmp, "other place")
        os.makedirs(os.path.join(other, "config"), 0o700)
        self.write(os.path.join(other, "config/services.yaml"), "services: {a: {command: sleep 1000}}\n")
        self.run_dir = os.path.join(other, "run")
        self.start("--root", other)
        self.svcctl("--root", other, "wait", "a")
        r = self.svcctl("--root", other, "--json", "status")
        self.assertIn('"a"', r.out)
        r = self.run_svcctl("status", env={"SVCD_ROOT": other})
        self.assertIn(r.status, (0, 3), r)
        self.assertIn("a", r.out)
        self.svcctl("status", status=5)

    def test_runtime_dir_variable(self):
        run = os.path.join(self.tmp, "runtime")
        os.makedirs(run, 0o700)
        self.svcd_env["SVCD_RUNTIME_DIR"] = run
        self.run_dir = run
        self.start()
        self.assertTrue(os.path.exists(run + "/control.sock"))
        self.svcctl("status")


class StartStop(SvcdTest):
    def setUp(self):
        super().setUp()
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000, enabled: false}}\n")
        self.start()
        self.running("a")

    def test_stop_and_start(self):
        pid = self.service("a")["pid"]
        self.svcctl("stop", "a")
        self.assertFalse(alive(pid))
        s = self.service("a")
        self.assertEqual((s["state"], s["pid"], s["uptime_ms"]), ("stopped", None, None))
        self.logged("a", r" svcd stop requested by uid=\d+")
        self.logged("a", r" svcd stopped")
        self.svcctl("start", "a")
        s = self.service("a")
        self.assertEqual((s["state"], s["run"]), ("running", 2))

    def test_stop_lasts_through_a_reload(self):
        self.svcctl("stop", "a")
        self.svcctl("reload")
        self.assertEqual(self.state("a"), "stopped")
        self.config("services: {a: {command: sleep 2000}}\n")
        self.svcctl("reload")
        self.assertEqual(self.state("a"), "stopped")

    def test_disable_and_enable(self):
        self.svcctl("disable", "a")
        s = self.service("a")
        self.assertEqual((s["state"], s["disabled_cause"], s["enabled"]), ("disabled", "command", False))
        r = self.svcctl("start", "a", status=1)
        self.assertRegex(r.err + r.out, r"svcctl enable a")
        self.svcctl("enable", "a")
        self.assertEqual(self.running("a")["run"], 2)
        self.assertTrue(self.service("a")["enabled"])
        self.logged("a", r" svcd disabled cause=command")
        self.logged("a", r" svcd enabled")

    def test_enabled_false(self):
        s = self.service("b")
        self.assertEqual((s["state"], s["disabled_cause"], s["enabled"]), ("disabled", "definition", False))
        self.svcctl("start", "b", status=1)

    def test_stop_of_a_stopped_service_is_no_error(self):
        self.svcctl("stop", "a")
        self.svcctl("stop", "a")

    def test_start_of_a_running_service_is_no_error(self):
        pid = self.service("a")["pid"]
        self.svcctl("start", "a")
        self.assertEqual(self.service("a")["pid"], pid)

    def test_stop_lasts_until_the_next_boot(self):
        # A new boot id in the state file is what a reboot looks like; disable outlives it.
        self.config("services: {a: {command: sleep 1000}, c: {command: sleep 1000}}\n")
        self.svcctl("reload")
        self.running("c")
        self.svcctl("stop", "a")
        self.svcctl("disable", "c")
        self.end_svcd()
        path = os.path.join(self.root, "svcd/state.json")
        with open("/proc/sys/kernel/random/boot_id") as f:
            boot = f.read().strip()
        text = self.read(path)
        self.assertIn(boot, text)
        self.write(path, text.replace(boot, "00000000-0000-0000-0000-000000000000"))
        self.start()
        self.running("a")
        self.assertEqual(self.service("c")["disabled_cause"], "command")


class Order(SvcdTest):
    def test_requires(self):
        note = self.script("note.sh", """
            trap 'echo stop $1 >> order; exit 0' TERM
            sleep 0.2
            echo start $1 >> order
            touch $1.up
            while :; do sleep 0.05; done
        """)
        self.config(f"""
            services:
              web: {{command: {note} web, requires: [app]}}
              app: {{command: {note} app, requires: [db], ready: monitoring,
                     monitoring: {{command: test -e app.up, interval: 100ms, failures: 100}}}}
              db: {{command: {note} db, ready: monitoring,
                     monitoring: {{command: test -e db.up, interval: 100ms, failures: 100}}}}
        """)
        self.start()
        for n in ("db", "app", "web"):
            self.running(n)
        self.until(lambda: os.path.exists(self.home + "/web.up"), what="web")
        self.assertEqual(self.read("order").split("\n")[:3], ["start db", "start app", "start web"])
        self.assertEqual(self.end_svcd(), 0)
        self.assertEqual(self.read("order").split("\n")[3:6], ["stop web", "stop app", "stop db"])

    def test_waiting_says_for_what(self):
        self.config("""
            services:
              web: {command: sleep 1000, requires: [db]}
              db: {command: sleep 1000, enabled: false}
        """)
        self.start()
        s = self.in_state("web", "waiting")
        self.assertIn("db", s["note"])
        self.assertIsNone(s["pid"])

    def test_stop_of_a_required_service(self):
        self.config("""
            services:
              web: {command: sleep 1000, requires: [db]}
              db: {command: sleep 1000}
        """)
        self.start()
        pid = self.running("web")["pid"]
        self.svcctl("stop", "db")
        self.in_state("web", "waiting")
        self.assertFalse(alive(pid))
        self.svcctl("start", "db")
        self.new_run("web", pid)

    def test_a_required_service_that_fails_touches_nobody(self):
        self.config("""
            services:
              web: {command: sleep 1000, requires: [db]}
              db: {command: sleep 1000, restart: {delay: 50ms}}
        """)
        self.start()
        web, db = self.running("web"), self.running("db")
        os.kill(db["pid"], signal.SIGKILL)
        self.new_run("db", db["pid"])
        self.assertEqual(self.running("web")["pid"], web["pid"])


class Environment(SvcdTest):
    def test_it_is_built_from_nothing(self):
        port = free_port()
        self.write("extra.env", "# comment\nexport FROM_FILE='file value'\nOVER=file\n")
        self.config(f"""
            environment: {{ACCOUNT: "1", OVER: account}}
            services:
              a:
                command: sleep 1000
                port: {port}
                ready: exec
                environment_file: extra.env
                environment: {{FOO: "x ${{ACCOUNT}} ${{MISSING:-fallback}}", OVER: service}}
              b:
                command: sleep 1000
                environment: FOO=bar LOREM="ip sum"
        """)
        self.svcd_env.update(SVCD_SECRET_LEAK="x", LD_PRELOAD="", XDG_RUNTIME_DIR="/nowhere", PYTHONPATH="/no")
        self.start()
        env = process_environment(self.running("a")["pid"])
        user = pwd.getpwuid(os.getuid())
        self.assertEqual(env["HOME"], self.home)
        self.assertEqual((env["USER"], env["LOGNAME"]), (user.pw_name, user.pw_name))
        self.assertEqual((env["PORT"], env["SVCD_SERVICE"]), (str(port), "a"))
        self.assertEqual(env["FOO"], "x 1 fallback")
        self.assertEqual((env["ACCOUNT"], env["FROM_FILE"], env["OVER"]), ("1", "file value", "service"))
        allowed = {"HOME", "USER", "LOGNAME", "SHELL", "PATH", "LANG", "TZ", "PORT", "SVCD_SERVICE",
                   "ACCOUNT", "OVER", "FOO", "FROM_FILE"}
        self.assertEqual(set(env) - allowed, set())
        env = process_environment(self.running("b")["pid"])
        self.assertEqual((env["FOO"], env["LOREM"]), ("bar", "ip sum"))
        self.assertNotIn("PORT", env)

    def test_no_descriptor_but_the_three(self):
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        pid = self.running("a")["pid"]
        self.assertEqual(sorted(os.listdir(f"/proc/{pid}/fd"), key=int), ["0", "1", "2"])
        self.assertEqual(os.readlink(f"/proc/{pid}/fd/0"), "/dev/null")

    def test_signals_and_umask_are_as_new(self):
        self.config("services: {a: {command: sleep 1000, umask: '0027'}}\n")
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        self.start()
        with open(f"/proc/{self.running('a')['pid']}/status") as f:
            status = dict(line.split(":", 1) for line in f)
        self.assertEqual(int(status["SigIgn"], 16) & 0x7fffffff, 0)
        self.assertEqual(int(status["SigBlk"], 16), 0)
        self.assertEqual(status["Umask"].strip(), "0027")

    def test_no_shell_stays_in_between(self):
        self.config("""
            services:
              simple: {command: sleep 1000}
              quoted: {command: sleep "1001"}
              shell: {command: 'A=1000; exec sleep $A'}
              exec: {command: sleep $((500 + 502))}
        """)
        self.start()
        for n in ("simple", "quoted", "exec", "shell"):
            pid = self.running(n)["pid"]
            self.until(lambda: os.readlink(f"/proc/{pid}/exe").endswith("/sleep"), what=f"{n}: sleep itself")

    def test_limits(self):
        self.config("services: {a: {command: sleep 1000, limits: {files: 123, nice: 5, core: 1M}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        with open(f"/proc/{pid}/limits") as f:
            limits = f.read()
        self.assertRegex(limits, r"Max open files\s+123\s+123")
        self.assertRegex(limits, r"Max core file size\s+1048576")
        self.assertEqual(os.getpriority(os.PRIO_PROCESS, pid), 5)


class Notify(SvcdTest):
    """svcd tells whoever started it, as systemd expects."""

    def test_ready_reloading_stopping(self):
        path = os.path.join(self.tmp, "notify.sock")
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.bind(path)
        s.settimeout(20 * SLOW)
        self.addCleanup(s.close)
        self.svcd_env["NOTIFY_SOCKET"] = path
        self.config("services: {a: {command: sleep 1000}}\n")
        self.start()
        seen = []

        def receive(word):
            while not any(word in m for m in seen):
                seen.append(s.recv(4096).decode())
        receive("READY=1")
        self.svcctl("reload")
        receive("RELOADING=1")
        self.assertTrue(any("MONOTONIC_USEC=" in m for m in seen if "RELOADING=1" in m))
        del seen[:]
        receive("READY=1")
        self.assertNotIn("NOTIFY_SOCKET", process_environment(self.running("a")["pid"]))
        self.svcd.terminate()
        receive("STOPPING=1")
        self.svcd.wait(20 * SLOW)
