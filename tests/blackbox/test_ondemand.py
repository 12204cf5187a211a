"""Services that start on demand: the first connection starts them, idle_timeout stops them, and neither costs
anybody his connection."""

import os
import re
import signal
import socket
import sys
import textwrap
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from svcdtest import SLOW, SvcdTest, alive, at_rest, command_line, descendants, free_port  # noqa: E402

# Answers each line with its pid, on as many connections as there are.
SERVER = """
    import os, socket, threading
    def serve(c):
        while c.recv(100):
            c.sendall(b"%d" % os.getpid())
        c.close()
    s = socket.socket(fileno=3)
    while True:
        c, _ = s.accept()
        threading.Thread(target=serve, args=(c,), daemon=True).start()
"""


def connect(address, limit=60):
    s = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    s.settimeout(limit)
    s.connect(address)
    return s


def ask(address):
    with connect(address) as s:
        s.sendall(b"?")
        return int(s.recv(100))


def refused(address):
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as s:
        return s.connect_ex(address) != 0


class OnDemand(SvcdTest):
    def define(self, more="", command=None, address=None):
        self.config(f"""
            services:
              web:
                command: {command or self.python("server.py", SERVER)}
                sockets: [{address or f'"127.0.0.1:{self.port}"'}]
                start: on-demand
                {more}
        """)

    def serve(self, more="", command=None):
        self.port = free_port()
        self.at = ("127.0.0.1", self.port)
        self.define(more, command)
        self.start()
        return self.listening()

    def listening(self):
        return self.until(lambda: (s := self.service("web"))["state"] == "waiting" and
                          s["note"] == f"waits for a connection on 127.0.0.1:{self.port}" and s,
                          what="web to wait for a connection")

    def test_the_first_connection_starts_it(self):
        service = self.serve()
        self.assertIsNone(service["pid"])
        self.assertEqual((service["run"], service["restarts"], service["failures"]), (0, 0, 0))
        pid = ask(self.at)
        service = self.running("web")
        self.assertEqual((service["pid"], service["run"]), (pid, 1))
        self.logged("web", "svcd ready run=1 ")
        self.assertEqual([re.sub(r"^\S+ svcd | (pid|after|command)=.*", "", line) for line in self.log("web")],
                         [f"waiting for a connection listens=127.0.0.1:{self.port}",
                          'start requested by svcd reason="a connection waits"', "started run=1", "ready run=1"])

    def test_waiting_costs_nothing(self):
        self.serve()
        shims = [p for p in descendants(os.getpid()) if p != self.svcd.pid]
        with at_rest(self, self.svcd.pid, *shims):
            pass

    def test_idle_timeout_stops_it_and_the_next_connection_starts_it(self):
        self.serve("idle_timeout: 1s")
        first = ask(self.at)
        self.listening()
        self.assertFalse(alive(first))
        self.logged("web", 'stop requested by svcd reason="no connection for 1s"')
        service = self.service("web")
        self.assertEqual((service["failures"], service["last_exit"]["signal"]), (0, "TERM"))
        second = ask(self.at)
        self.assertNotEqual(first, second)
        self.assertEqual(self.running("web")["run"], 2)

    def test_a_connection_that_is_open_keeps_it_up(self):
        self.serve("idle_timeout: 1s")
        with connect(self.at) as s:
            s.sendall(b"?")
            pid = int(s.recv(100))
            # Until another service that is as idle has been stopped, twice.
            for _ in range(2):
                ask(self.at)
                with at_rest(self, seconds=2.0):
                    pass
                self.assertEqual(self.running("web")["pid"], pid)
        self.listening()

    def test_short_connections_keep_it_up(self):
        # None of them is there when svcd counts; that they came it knows all the same.
        self.serve(f"idle_timeout: {2 * SLOW}s")
        pid = ask(self.at)
        for _ in range(12):
            self.assertEqual(ask(self.at), pid)
            with at_rest(self, seconds=0.3 * SLOW):
                pass
        self.listening()

    def test_a_unix_socket(self):
        self.port = 0
        self.at = os.path.join(self.home, "web.sock")
        self.define("idle_timeout: 1s", address="./web.sock")
        self.start()
        self.until(lambda: (self.service("web")["note"] or "").startswith("waits for a connection on "),
                   what="web to wait for a connection")  # the file is there a moment before it listens
        with connect(self.at) as s:
            s.sendall(b"?")
            pid = int(s.recv(100))
            with at_rest(self, seconds=2.0):
                pass
            self.assertEqual(self.running("web")["pid"], pid)
        self.in_state("web", "waiting")
        self.assertNotEqual(ask(self.at), pid)

    def test_a_connection_that_waits_to_be_accepted_is_one(self):
        """However long the program takes until it accepts, it is not stopped for want of connections."""
        slow = self.python("slow.py", textwrap.dedent(SERVER).replace("while True:\n    c, _", "time.sleep(3)\nwhile True:\n    c, _")
                           .replace("import os, ", "import os, time, "))
        for address in ("./web.sock", f"127.0.0.1:{free_port()}"):
            with self.subTest(address=address):
                self.define("idle_timeout: 1s", slow, f'"{address}"')
                self.start()
                self.until(lambda: (self.service("web")["note"] or "").startswith("waits for a connection on "),
                           what="web to wait for a connection")
                run = self.service("web")["run"]
                host, _, port = address.rpartition(":")
                ask((host, int(port)) if host else os.path.join(self.home, "web.sock"))
                self.assertEqual(self.service("web")["run"], run + 1)
                self.end_svcd()

    def test_stop_start_restart_enable(self):
        self.serve()
        self.svcctl("stop", "web")
        self.assertEqual(self.state("web"), "stopped")
        self.until(lambda: refused(self.at), what="the socket to be closed")
        self.assertRegex(self.svcctl("start", "web").out, r"started \(pid \d+\)")
        pid = self.running("web")["pid"]
        self.assertEqual(ask(self.at), pid)
        self.svcctl("disable", "web")
        self.until(lambda: refused(self.at), what="the socket to be closed")
        self.assertIn(f"enabled; waits for a connection on 127.0.0.1:{self.port}",
                      self.svcctl("enable", "web").out)
        self.listening()
        self.svcctl("restart", "web")
        self.assertEqual(ask(self.at), self.running("web")["pid"])
        self.svcctl("restart", "--replace", "web")
        self.assertEqual(ask(self.at), self.new_run("web", pid)["pid"])

    def test_svcd_dies_while_it_waits(self):
        self.serve()
        self.kill_svcd()
        with connect(self.at) as s:
            s.sendall(b"?")
            self.start()
            pid = int(s.recv(100))
        self.assertEqual(self.running("web")["pid"], pid)
        self.assertEqual(self.running("web")["run"], 1)
        self.assertEqual(len([l for l in self.log("web") if "waiting for a connection" in l]), 1)

    def test_svcd_dies_while_it_runs(self):
        self.serve("idle_timeout: 2s")
        with connect(self.at) as s:  # it is not idle before this is over
            s.sendall(b"?")
            pid = int(s.recv(100))
            self.running("web")
            self.kill_svcd()
            self.assertEqual(ask(self.at), pid)
            self.start()
            self.assertEqual(self.running("web")["pid"], pid)
        self.listening()
        self.svcctl("upgrade")
        self.listening()
        self.assertNotEqual(ask(self.at), pid)

    def test_its_shim_dies_while_it_waits(self):
        self.serve()
        shim = next(p for p in descendants(os.getpid()) if "svc-shim web" in command_line(p))
        os.kill(shim, signal.SIGKILL)
        self.gone(shim)
        self.until(lambda: not refused(self.at), what="the socket to be open again")
        self.assertEqual(ask(self.at), self.running("web")["pid"])

    def test_one_that_ends_by_itself_waits_again(self):
        once = self.python("once.py", """
            import os, socket
            c, _ = socket.socket(fileno=3).accept()
            c.recv(100)
            c.sendall(b"%d" % os.getpid())
        """)
        self.serve(command=once)
        for run in range(1, 4):
            ask(self.at)
            self.listening()
            service = self.service("web")
            self.assertEqual((service["run"], service["failures"], service["restarts"]), (run, 0, 0))

    def test_one_that_serves_nobody_is_a_crash_loop(self):
        self.serve("restart: {max_failures: 3, delay: 10ms, max_delay: 10ms}", command="sh -c 'exit 0'")
        with connect(self.at):
            self.in_state("web", "disabled")
        self.assertIn("3 failures within 60s: exited with code 0", self.service("web")["note"])
        self.assertIn("it ended while a connection waited that it had not accepted", self.svcctl("why", "web").out)
        self.until(lambda: refused(self.at), what="the socket to be closed")
        self.svcctl("enable", "web")
        self.listening()

    def test_one_that_crashes_is_started_again(self):
        self.serve()
        first = ask(self.at)
        os.kill(first, signal.SIGKILL)
        second = self.new_run("web", first)
        self.assertEqual(second["failures"], 1)
        self.assertEqual(ask(self.at), second["pid"])

    def test_sockets_that_cannot_be_had(self):
        self.port = free_port()
        self.at = ("127.0.0.1", self.port)
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(self.at)
            other.listen()
            self.define("restart: {max_failures: 2, delay: 10ms, max_delay: 10ms}")
            self.start()
            self.in_state("web", "disabled")
        self.assertIn("Address already in use by pid", self.service("web")["note"])
        self.assertEqual(self.service("web")["run"], 2)
        self.svcctl("enable", "web")
        self.listening()
        ask(self.at)
        self.assertEqual(self.running("web")["run"], 3)

    def test_changed_definitions(self):
        self.serve()
        old, self.port = self.at, free_port()
        self.at = ("127.0.0.1", self.port)
        self.define()
        self.svcctl("reload")
        self.listening()
        self.until(lambda: refused(old), what="the old socket to be closed")
        self.config(self.read("admin/config/services.yaml").replace("on-demand", "boot"))
        self.svcctl("reload")
        pid = self.running("web")["pid"]
        self.define("idle_timeout: 1s")
        self.svcctl("reload")
        self.assertEqual(self.service("web")["pid"], pid)
        self.listening()

    def test_who_requires_it_can_start(self):
        self.port = free_port()
        self.at = ("127.0.0.1", self.port)
        self.define()
        client = self.python("client.py", f"""
            import socket, time
            s = socket.create_connection({self.at})
            s.sendall(b"?")
            open("told", "wb").write(s.recv(100))
            time.sleep(1000)
        """)
        with open(os.path.join(self.root, "config/services.yaml"), "a") as f:
            f.write(f"\n  client: {{command: {client}, requires: [web]}}\n")
        self.start()
        self.running("client")
        self.assertEqual(self.written("told"), [str(self.running("web")["pid"])])
        self.end_svcd()

    def test_many_at_once(self):
        self.serve("environment: {X: y}")
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(ask(self.at))) for _ in range(50)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(set(answers), {self.running("web")["pid"]})
        self.assertEqual(len(answers), 50)
        self.assertEqual(self.service("web")["run"], 1)


if __name__ == "__main__":
    unittest.main()
