"""svc-shim: sockets that a service is handed: opened, passed, kept from run to run, looked at for connections."""

import errno
import os
import signal
import socket
import struct
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from shimproto import ORDER_ARMED, PYTHON, ShimTest  # noqa: E402

BACKLOG = 64

# Writes what it was handed, then answers each connection with its pid.
SERVER = r"""
import os, socket, sys
n = int(os.environ["LISTEN_FDS"])
with open("told", "a") as f:
    print(os.getpid() == int(os.environ["LISTEN_PID"]), n, os.environ["LISTEN_FDNAMES"],
          *[socket.socket(fileno=os.dup(3 + i)).getsockname() for i in range(n)],
          *sorted(os.listdir("/proc/self/fd"))[3:], file=f)
s = socket.socket(fileno=3)
while True:
    c, _ = s.accept()
    c.sendall(str(os.getpid()).encode())
    c.close()
"""


def tcp(port, host="127.0.0.1", backlog=BACKLOG):
    address = struct.pack("=HH4s8x", socket.AF_INET, socket.htons(port), socket.inet_aton(host))
    return struct.pack("=II", backlog, 0) + address


def unix(path, mode=0o600, backlog=BACKLOG):
    return struct.pack("=IIH", backlog, mode, socket.AF_UNIX) + os.fsencode(path)


class SocketsTest(ShimTest):
    def setUp(self):
        super().setUp()
        # Ports that are free, and stay so: bound, but not listened on, with SO_REUSEADDR the shim can have them.
        self.kept = []
        self.path = os.path.join(self.folder, "s.sock")
        self.server = os.path.join(self.folder, "server.py")
        with open(self.server, "w", encoding="ascii") as f:
            f.write(SERVER)

    def port(self):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 0))
        self.kept.append(s)
        self.addCleanup(s.close)
        return s.getsockname()[1]

    def told(self, n):
        path = os.path.join(self.folder, "told")
        return self.until(lambda: os.path.exists(path) and
                          len(lines := self.read(path).decode().splitlines()) >= n and lines,
                          f"{n} lines of the server")

    @staticmethod
    def ask(address):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        with socket.socket(family) as s:
            s.settimeout(30)
            s.connect(address)
            return s.recv(100)

    def serve(self, shim, sockets, names="a", **more):
        return shim.start([PYTHON, self.server], socket=sockets, fdnames=names, **more)

    def refused(self, address):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        with socket.socket(family) as s:
            return s.connect_ex(address) in (errno.ECONNREFUSED, errno.ENOENT)


class Sockets(SocketsTest):
    def test_passed_from_three_on_with_names_and_the_programs_own_pid(self):
        shim, port = self.shim(), self.port()
        self.assertEqual(shim.hello.sockets_n, 0)
        started = self.serve(shim, [tcp(port), unix(self.path)], "web:admin")
        told = self.told(1)[0]
        self.assertIn(f"True 2 web:admin ('127.0.0.1', {port}) {self.path} 3 4", told)
        self.assertEqual(self.ask(("127.0.0.1", port)), str(started.main_pid).encode())
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)

    def test_nothing_is_said_where_there_is_nothing(self):
        shim = self.shim()
        shim.sh("env > e; ls -l /proc/self/fd > f")
        shim.expect("EXITED")
        self.assertNotIn(b"LISTEN", self.read(os.path.join(self.folder, "e")))

    def test_kept_from_run_to_run(self):
        shim, port = self.shim(), self.port()
        first = self.serve(shim, [tcp(port)])
        self.ask(("127.0.0.1", port))
        shim.send("KILL")
        shim.ack(shim.expect("EXITED"))
        # While no run is up, who comes waits.
        with socket.create_connection(("127.0.0.1", port)) as waiting:
            second = self.serve(shim, [tcp(port)])
            self.assertEqual(waiting.recv(100), str(second.main_pid).encode())
        self.assertNotEqual(first.main_pid, second.main_pid)

    def test_kept_by_a_standing_order(self):
        shim, port = self.shim(), self.port()
        first = self.serve(shim, [tcp(port)], "web")
        shim.send("ORDER", flags=ORDER_ARMED)
        self.ask(("127.0.0.1", port))
        os.kill(first.main_pid, signal.SIGKILL)
        ended = shim.expect("EXITED")
        self.assertEqual(ended.restarted, 1)
        second = shim.expect("STARTED")
        self.assertEqual(self.ask(("127.0.0.1", port)), str(second.main_pid).encode())
        told = self.told(2)
        self.assertEqual(told[0], told[1])
        self.assertTrue(told[1].startswith("True 1 web"))

    def test_a_start_that_names_others_closes_those_that_it_does_not_name(self):
        shim, old, new = self.shim(), self.port(), self.port()
        self.serve(shim, [tcp(old), unix(self.path)])
        shim.send("KILL")
        shim.ack(shim.expect("EXITED"))
        self.serve(shim, [tcp(new)])
        self.assertTrue(self.refused(("127.0.0.1", old)))
        self.assertFalse(os.path.exists(self.path))
        self.ask(("127.0.0.1", new))
        shim.send("KILL")
        shim.ack(shim.expect("EXITED"))
        shim.sh("exit 0")  # and one that names none, all
        self.assertTrue(self.refused(("127.0.0.1", new)))

    def test_the_same_port_in_another_way(self):
        shim, port = self.shim(), self.port()
        self.kept[0].close()
        self.serve(shim, [tcp(port)])
        shim.send("KILL")
        shim.ack(shim.expect("EXITED"))
        started = self.serve(shim, [tcp(port, backlog=5)])
        self.assertEqual(self.ask(("127.0.0.1", port)), str(started.main_pid).encode())

    def test_a_port_that_somebody_has(self):
        shim, free, port = self.shim(), self.port(), self.port()
        self.kept[-1].listen()
        shim.start([PYTHON, self.server], wait=False, socket=[tcp(free), tcp(port)], fdnames="a:b")
        failed = shim.expect("START_FAILED")
        self.assertEqual((failed.stage_name, failed.errno, failed.resource), ("listen", errno.EADDRINUSE, 2))
        shim.ack(failed)
        self.kept[-1].close()
        self.serve(shim, [tcp(free), tcp(port)], "a:b")

    def test_a_dead_socket_file_is_replaced_and_a_living_one_is_not(self):
        shim = self.shim()
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(self.path)
        started = self.serve(shim, [unix(self.path)])
        self.assertEqual(self.ask(self.path), str(started.main_pid).encode())
        other = self.shim("b")
        other.start([PYTHON, self.server], wait=False, socket=[unix(self.path)], fdnames="b")
        failed = other.expect("START_FAILED")
        self.assertEqual((failed.stage_name, failed.errno), ("listen", errno.EADDRINUSE))
        self.ask(self.path)

    def test_exit_closes_them(self):
        shim, port = self.shim(), self.port()
        self.serve(shim, [tcp(port), unix(self.path)])
        shim.send("KILL")
        shim.ack(shim.expect("EXITED"))
        shim.send("EXIT")
        shim.expect("BYE")
        shim.closed()
        self.assertTrue(self.refused(("127.0.0.1", port)))
        self.assertFalse(os.path.exists(self.path))

    def test_no_room_for_them(self):
        shim, port = self.shim(), self.port()
        limit = struct.pack("=IIQQ", 7, 0, 4, 4)  # RLIMIT_NOFILE
        shim.start(["true"], wait=False, socket=[tcp(port), unix(self.path)], rlimit=limit)
        failed = shim.expect("START_FAILED")
        self.assertEqual((failed.stage_name, failed.errno, failed.resource), ("listen", errno.EMFILE, 0))


class Demand(SocketsTest):
    def test_the_first_connection_is_told_once(self):
        shim, port = self.shim(), self.port()
        shim.send("LISTEN", run=1, socket=[tcp(port)])
        self.assertEqual(shim.expect("SOCKETS").pending, 0)
        with socket.create_connection(("127.0.0.1", port)) as one:
            self.assertEqual(shim.expect("SOCKETS").pending, 1)
            with socket.create_connection(("127.0.0.1", port)) as two:
                shim.quiet(0.2)
                started = self.serve(shim, [tcp(port)])
                for c in (one, two):
                    self.assertEqual(c.recv(100), str(started.main_pid).encode())

    def test_one_that_waits_already_is_told_at_once(self):
        shim, port = self.shim(), self.port()
        shim.send("LISTEN", run=1, socket=[tcp(port)])
        shim.expect("SOCKETS")
        with socket.create_connection(("127.0.0.1", port)):
            self.assertEqual(shim.expect("SOCKETS").pending, 1)
            shim.send("LISTEN", run=1, socket=[tcp(port)])
            self.assertEqual(shim.expect("SOCKETS").pending, 1)
            shim.quiet(0.2)

    def test_one_that_cannot_be_opened(self):
        shim, port = self.shim(), self.port()
        self.kept[-1].listen()
        shim.send("LISTEN", run=7, socket=[tcp(port)])
        failed = shim.expect("START_FAILED")
        self.assertEqual((failed.run, failed.stage_name, failed.errno, failed.resource),
                         (7, "listen", errno.EADDRINUSE, 1))

    def test_not_while_a_run_is_up(self):
        shim, port = self.shim(), self.port()
        shim.sh("exec sleep 1000")
        shim.send("LISTEN", run=2, socket=[tcp(port)])
        self.assertEqual(shim.expect("START_FAILED").stage_name, "busy")

    def test_the_end_of_a_run_says_whether_somebody_waits(self):
        shim, port = self.shim(), self.port()
        shim.sh("read x; exit 0", socket=[tcp(port)], fdnames="a")
        self.assertEqual(shim.expect("EXITED").pending, 0)
        shim.sh("while ! [ -e go ]; do sleep 0.01; done", socket=[tcp(port)], fdnames="a")
        with socket.create_connection(("127.0.0.1", port)):
            with open(os.path.join(self.folder, "go"), "w"):
                pass
            self.assertEqual(shim.expect("EXITED").pending, 1)

    def test_connections_to_a_run_are_told_when_asked_for(self):
        shim, port = self.shim(), self.port()
        self.serve(shim, [tcp(port)])
        self.told(1)
        self.ask(("127.0.0.1", port))
        shim.quiet(0.1)
        for i in range(3):
            shim.send("WATCH")
            shim.send("LOG", text=f"asked {i}")
            self.until(lambda n=i: b"asked %d" % n in shim.log(), "the shim to have read it")
            for _ in range(5):
                self.ask(("127.0.0.1", port))
            told = shim.expect("SOCKETS")
            self.assertEqual((told.run, told.pending), (1, 1))
            shim.quiet(0.1)

    def test_who_comes_while_svcd_is_away_waits_for_the_next(self):
        shim, port = self.shim(), self.port()
        shim.send("LISTEN", run=1, socket=[tcp(port)])
        shim.expect("SOCKETS")
        shim.close()
        with socket.create_connection(("127.0.0.1", port)) as waiting:
            link = self.accept(self.listen())
            self.assertEqual(link.expect("HELLO").sockets_n, 1)
            link.send("LISTEN", run=1, socket=[tcp(port)])
            self.assertEqual(link.expect("SOCKETS").pending, 1)
            link.send("START", run=1, command="s", arg=[PYTHON, self.server], cwd=self.folder,
                      env=["PATH=/usr/bin:/bin"], socket=[tcp(port)], fdnames="a")
            started = link.expect("STARTED")
            self.assertEqual(waiting.recv(100), str(started.main_pid).encode())

    def test_waiting_costs_nothing(self):
        shim, port = self.shim(), self.port()
        shim.send("LISTEN", run=1, socket=[tcp(port)])
        shim.expect("SOCKETS")
        with socket.create_connection(("127.0.0.1", port)):
            shim.expect("SOCKETS")
            with open(f"/proc/{shim.pid}/stat", encoding="ascii") as f:
                before = f.read().rsplit(") ", 1)[1].split()[11:13]
            shim.quiet(0.5)  # told once: somebody who waits does not keep the shim busy
            with open(f"/proc/{shim.pid}/stat", encoding="ascii") as f:
                after = f.read().rsplit(") ", 1)[1].split()[11:13]
        self.assertLess(sum(map(int, after)) - sum(map(int, before)), 10)


if __name__ == "__main__":
    unittest.main()
