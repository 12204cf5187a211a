"""Real servers of Debian that keep data: PostgreSQL, in the foreground and not, and etcd, a Go program."""

import os
import shutil
import signal
import subprocess
import unittest

from svcdtest import SLOW, SvcdTest, alive, free_port, listens

PG = next((d for d in ([os.path.dirname(os.path.realpath(p)) for p in [shutil.which("postgres")] if p] +
                       [f"/usr/lib/postgresql/{v}/bin" for v in range(20, 10, -1)])
           if os.path.exists(os.path.join(d, "initdb"))), None)
ROOT = os.getuid() == 0


@unittest.skipUnless(PG, "PostgreSQL is not installed")
@unittest.skipIf(ROOT, "PostgreSQL does not run as root")
class PostgreSQL(SvcdTest):
    limit = 90

    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.data = os.path.join(self.home, "data")
        subprocess.run([f"{PG}/initdb", "-D", self.data, "-A", "trust", "--no-sync", "-U", "u"], check=True,
                       capture_output=True, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"})
        self.options = f"-p {self.port} -k {self.home} -c listen_addresses=127.0.0.1 -c fsync=off"

    def query(self, sql):
        r = subprocess.run(["psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "u", "-d", "postgres", "-Atc", sql],
                           capture_output=True, text=True, check=False, timeout=20 * SLOW)
        return r.stdout.strip() if r.returncode == 0 else None

    def up(self, more=""):
        self.config(f"""\
            services:
              db:
                command: {PG}/postgres -D data {self.options}
                working_directory: .
                port: {self.port}
                ready: monitoring  # while it recovers, it listens and refuses
                stop: {{signal: INT}}
                restart: {{delay: 100ms}}
                monitoring:
                  command: {PG}/pg_isready -h 127.0.0.1 -p {self.port}
                  interval: 300ms
                  timeout: {5 * SLOW}s
                  degraded_status: []  # pg_isready's 2 is "no response"
                {more}
        """)
        self.start()
        return self.running("db", limit=40)

    def test_runs_reloads_and_comes_back(self):
        s = self.up()
        self.until(lambda: self.service("db")["health"] == "ok", what="health")
        self.assertEqual(self.query("select 1"), "1")
        # killed, with all of its children: what it had committed is there
        self.query("create table t (i int); insert into t values (42)")
        tree = self.tree(s["pid"])
        self.assertGreater(len(tree), 4)
        os.kill(s["pid"], signal.SIGKILL)
        new = self.new_run("db", s["pid"], limit=40)
        self.assertFalse(any(map(alive, tree)))
        self.until(lambda: self.query("select i from t") == "42", what="the data")
        self.assertEqual(new["failures"], 1)
        # it reads its configuration again on HUP
        with open(os.path.join(self.data, "postgresql.auto.conf"), "a") as f:
            f.write("work_mem = '7MB'\n")
        said = self.svcctl("restart", "db").out
        self.assertIn(f"reloaded (pid {new['pid']} kept)", said)
        self.until(lambda: self.query("show work_mem") == "7MB", what="the new setting")
        self.svcctl("stop", "db")
        self.assertFalse(listens(self.port))
        self.assertEqual(self.service("db")["last_exit"]["code"], 0)
        self.logged("db", "database system is shut down")

    def test_svcd_is_killed_and_upgraded_under_it(self):
        s = self.up()
        self.query("create table t (i int); insert into t values (1)")
        self.kill_svcd()
        self.assertEqual(self.query("select i from t"), "1")
        self.start()
        self.svcctl("upgrade")
        now = self.running("db")
        self.assertEqual((now["pid"], now["run"]), (s["pid"], 1))
        self.assertEqual(self.query("select i from t"), "1")

    def test_pg_ctl_puts_it_in_the_background(self):
        self.config(f"""\
            services:
              db:
                command: [{PG}/pg_ctl, -D, {self.data}, -w, -o, "{self.options}", start]
                restart: {{max_failures: 1}}
        """)
        self.start()
        s = self.in_state("db", "disabled", limit=40)
        self.assertIn("must stay in the foreground (run `postgres -D DIR` instead of pg_ctl)", s["note"])
        self.assertEqual(s["last_exit"]["cause"], "daemonized")
        self.assertFalse(listens(self.port))

    def test_who_requires_it_waits_until_it_answers_and_stops_first(self):
        app = self.python("app.py", f"""
            import os, signal, subprocess, sys
            r = subprocess.run(["psql", "-h", "127.0.0.1", "-p", "{self.port}", "-U", "u", "-d", "postgres",
                                "-Atc", "select 41 + 1"], capture_output=True, text=True)
            print("answer", r.stdout.strip(), r.stderr.strip(), flush=True)
            def term(*_):
                with open("said", "w") as f:
                    f.write(subprocess.run(["psql", "-h", "127.0.0.1", "-p", "{self.port}", "-U", "u", "-d",
                        "postgres", "-Atc", "select 'here'"], capture_output=True, text=True).stdout)
                sys.exit(0)
            signal.signal(signal.SIGTERM, term)
            while True:
                signal.pause()
        """)
        self.up(f"\n              app:\n                command: {app}\n"
                "                requires: [db]\n                restart: {max_failures: 1}")
        self.logged("app", "answer 42", "out", limit=30)
        self.assertEqual(self.end_svcd(), 0)
        self.assertEqual(self.read("said").strip(), "here")


@unittest.skipUnless(shutil.which("etcd"), "etcd is not installed")
class Etcd(SvcdTest):
    """Go programs catch every signal in their runtime; this one still dies of HUP."""

    def test_a_restart_is_a_new_run_and_no_failure(self):
        client, peer = free_port(), free_port()
        urls = f"--listen-client-urls http://127.0.0.1:{client} --advertise-client-urls http://127.0.0.1:{client} " \
               f"--listen-peer-urls http://127.0.0.1:{peer} --initial-advertise-peer-urls http://127.0.0.1:{peer} " \
               f"--initial-cluster default=http://127.0.0.1:{peer}"
        self.config(f"services:\n  etcd:\n    command: etcd --data-dir data {urls}\n    working_directory: .\n"
                    f"    port: {client}\n    environment: {{ETCD_UNSUPPORTED_ARCH: arm64}}\n")
        self.start()
        s = self.running("etcd", limit=40)
        with open(f"/proc/{s['pid']}/status") as f:
            caught = next(int(line.split()[1], 16) for line in f if line.startswith("SigCgt"))
        self.assertTrue(caught >> (signal.SIGHUP - 1) & 1, "it does not catch SIGHUP")
        said = self.svcctl("restart", "etcd").out
        new = self.running("etcd", limit=40)
        self.assertNotEqual(new["pid"], s["pid"])
        self.assertFalse(alive(s["pid"]))
        self.assertEqual((new["run"], new["failures"]), (2, 0))
        self.assertIn(str(new["pid"]), said)
        self.assertEqual((new["last_exit"]["signal"], new["last_exit"]["failure"]), ("HUP", False))
        self.until(lambda: listens(client), what="the new one's port")


if __name__ == "__main__":
    unittest.main()
