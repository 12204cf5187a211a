"""Ports: conflicts, port: auto, who has a port that a service wants, what it really listens on, svcctl ports."""

import json
import os
import re
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from svcdtest import SvcdTest, free_port  # noqa: E402

# Listens on PORT, or on what its arguments say, and stays.
LISTENER = """
    import os, socket, sys, time
    keep = []
    for where in sys.argv[1:] or ["127.0.0.1:" + os.environ["PORT"]]:
        host, port = where.rsplit(":", 1)
        s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((host, int(port)))
        s.listen()
        keep.append(s)
    time.sleep(1000)
"""


class Ports(SvcdTest):
    def setUp(self):
        super().setUp()
        self.program = self.python("listener.py", LISTENER)

    def other(self, port):
        """Somebody who listens on PORT and is no service."""
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        s.listen()
        self.addCleanup(s.close)
        return s

    def me(self):
        return f"pid {os.getpid()} ({self.read(f'/proc/{os.getpid()}/comm').strip()})"

    def ports(self):
        return json.loads(self.svcctl("--json", "ports").out)

    def row(self, port):
        rows = [r for r in self.ports()["ports"] if r["port"] == port]
        self.assertEqual(len(rows), 1, rows)
        return rows[0]

    # ---- conflicts ----

    def test_two_services_that_want_the_same(self):
        port = free_port()
        self.config(f"""
            services:
              a: {{command: x, port: {port}}}
              b: {{command: x, port: {port}}}
              c: {{command: x, sockets: ["127.0.0.1:{port}"], monitoring: {{tcp: {port}}}}}
        """)
        out = self.svcctl("check", status=1)
        said = out.out + out.err
        self.assertIn(f"services.b.port: {port} is already the port of a (at ", said)
        self.assertIn(f"services.c.sockets: 127.0.0.1:{port} is already the port of a (at ", said)
        self.assertIn("services.yaml:3)", said)

    # ---- auto ----

    def fence(self, *left):
        """Services that have all ports but these, so that port: auto takes none that another test has."""
        ports = [p for p in range(8300, 8500) if p not in left]
        text = "services:\n"
        for i in range(0, len(ports), 16):
            text += f"  fence-{i}: {{command: x, enabled: false, sockets: {[f'127.0.0.1:{p}' for p in ports[i:i + 16]]}}}\n"
        self.config(text, "services.d/fence.yaml")

    def test_auto_is_kept_for_good(self):
        left = sorted([free_port(), free_port()])
        self.fence(*left)
        self.config(f"services: {{web: {{command: {self.program}, port: auto}}}}")
        self.start()
        first = self.running("web")["port"]
        self.assertEqual(first, left[0])
        self.assertIn(str(first), self.svcctl("env", "web").out)
        self.assertEqual(self.read("admin/svcd/ports"), f"{first} web\n")
        # Whoever takes another, or goes and comes back: it has that port.
        self.end_svcd()
        self.config(f"services: {{aaa: {{command: {self.program}, port: auto}}}}")
        self.start()
        self.assertEqual(self.running("aaa")["port"], left[1])
        self.kill_svcd()
        self.config(f"""
            services:
              aaa: {{command: {self.program}, port: auto}}
              web: {{command: {self.program}, port: auto}}
        """)
        self.start()
        self.assertEqual((self.running("aaa")["port"], self.running("web")["port"]), (left[1], first))
        pid = self.running("web")["pid"]
        self.svcctl("upgrade")
        self.svcctl("reload")
        self.assertEqual(self.service("web")["pid"], pid)
        # A definition that names it is an error, with svcd and without.
        self.config(f"services: {{thief: {{command: x, port: {first}}}}}", "services.d/thief.yaml")
        said = f"services.thief.port: {first} is the port that web has (port: auto; `svcctl ports` shows what is free)"
        for verb in ("plan", "check"):
            out = self.svcctl(verb, status=1)
            self.assertIn(said, out.out + out.err)
        self.assertEqual(self.service("web")["pid"], pid)

    def test_auto_takes_none_that_somebody_listens_on(self):
        left = sorted([free_port(), free_port(), free_port()])
        self.fence(*left)
        for port in left[:2]:
            self.other(port)
        self.config(f"services: {{web: {{command: {self.program}, port: auto}}}}")
        self.start()
        self.assertEqual(self.running("web")["port"], left[2])

    # ---- a port that is held ----

    def test_the_holder_is_named_and_the_start_goes_on(self):
        port = free_port()
        other = self.other(port)
        self.config(f"""
            services:
              web: {{command: {self.program}, port: {port}, restart: {{delay: 4s, max_delay: 4s, max_failures: 0}}}}
        """)
        self.start()
        self.logged("web", re.escape(f'port held run=1 port={port} by="{self.me()}"'))
        self.until(lambda: f"; port {port} is held by {self.me()}" in self.service("web")["note"],
                   what="the note")
        other.close()
        self.running("web")
        self.until(lambda: "held" not in self.service("web")["note"], what="another note")

    # ---- what it listens on ----

    def test_not_reachable_from_outside(self):
        port = free_port()
        self.config(f"services: {{web: {{command: {self.program}, port: {port}}}}}")
        self.start()
        self.running("web")
        note = f"listens on 127.0.0.1:{port} only; not reachable from outside: bind ::"
        self.until(lambda: self.service("web")["note"] == note, what=note)
        self.assertIn(note, self.svcctl("status", "web").out)
        # A new svcd looks again; a new run begins without a note.
        self.kill_svcd()
        self.start()
        self.until(lambda: self.service("web")["note"] == note, what=note)

    def test_a_port_of_sockets_is_as_somebody_wanted_it(self):
        port, more = free_port(), free_port()
        self.config(f"""
            services:
              web: {{command: sleep 1000, sockets: ["127.0.0.1:{port}"]}}
              late: {{command: {self.program}, port: {more}}}
        """)
        self.start()
        self.until(lambda: self.service("late")["note"], what="a note")
        self.assertEqual(self.service("web")["note"], "")

    # ---- svcctl ports ----

    def test_all_that_there_is_to_say(self):
        port, idle, foreign, socket_port, stray = (free_port() for _ in range(5))
        self.other(foreign)
        self.config(f"""
            services:
              web: {{command: {self.program}, port: {port}}}
              off: {{command: x, port: {idle}, enabled: false}}
              sock: {{command: sleep 1000, sockets: ["127.0.0.1:{socket_port}"]}}
              stray: {{command: "{self.program} 127.0.0.1:{stray}"}}
        """)
        self.start()
        pid = self.running("web")["pid"]
        self.running("sock")
        self.until(lambda: [r for r in self.ports()["ports"] if r["port"] == stray], what="the stray")

        def check():
            row = self.row(port)
            self.assertEqual([row[k] for k in ("service", "setting", "address", "holder", "pid")],
                             ["web", "port", f"127.0.0.1:{port}", "web", pid])
            self.assertEqual(row["note"], "not reachable from outside: bind ::")
            row = self.row(idle)
            self.assertEqual([row[k] for k in ("service", "address", "note")], ["off", None, "nobody listens"])
            row = self.row(foreign)
            self.assertEqual([row[k] for k in ("service", "holder", "pid")], [None, None, os.getpid()])
            row = self.row(socket_port)
            self.assertEqual([row[k] for k in ("service", "setting", "holder")], ["sock", "sockets", "sock"])
            self.assertEqual(row["command"], "sleep")
            row = self.row(stray)
            self.assertEqual([row[k] for k in ("service", "setting", "note")],
                             ["stray", None, f"not in its definition (port: {stray})"])
            all_ports = self.ports()
            self.assertEqual((all_ports["first"], all_ports["last"]), (8300, 8499))
            free = [p for a, b in all_ports["free"] for p in range(a, b + 1)]
            self.assertTrue(free)
            for p in (port, idle, foreign, socket_port, stray):
                self.assertNotIn(p, free)
        check()
        text = self.svcctl("ports").out
        self.assertRegex(text, rf"(?m)^{port} +web +127\.0\.0\.1:{port} +pid {pid} \(python3?[.\d]*\) +not reachable")
        self.assertRegex(text, r"(?m)^free: ")
        # Services go on, and so does what can be said of them.
        self.kill_svcd()
        check()

    def test_another_holds_it(self):
        port = free_port()
        self.other(port)
        self.config(f"services: {{web: {{command: x, port: {port}}}}}")
        self.assertEqual(self.row(port)["note"], "held by another than web")


if __name__ == "__main__":
    unittest.main()
