"""Sockets that svcd opens for a service (`sockets`): handed over, kept over restarts and over svcd's own death,
closed when the service is stopped."""

import json
import os
import shutil
import signal
import socket
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from svcdtest import SLOW, SvcdTest, alive, free_port  # noqa: E402

# Answers each connection with its pid, one after the other; ends in good order. PAUSE: seconds before the first.
SERVER = """
    import os, select, signal, socket, sys, time
    assert os.getpid() == int(os.environ["LISTEN_PID"]), os.environ
    n = int(os.environ["LISTEN_FDS"])
    with open("told", "a") as f:
        print(n, os.environ["LISTEN_FDNAMES"],
              *[socket.socket(fileno=os.dup(3 + i)).getsockname() for i in range(n)], file=f)
    time.sleep(float(os.environ.get("PAUSE", "0")))
    s = socket.socket(fileno=3)
    end, told = socket.socketpair()
    told.setblocking(False)
    signal.set_wakeup_fd(told.fileno())
    signal.signal(signal.SIGTERM, lambda *_: None)
    while end not in select.select([end, s], [], [])[0]:
        c, _ = s.accept()
        c.recv(100)
        c.sendall(b"%d" % os.getpid())
        c.close()
"""


def ask(address, limit=60):
    """What the server says: its pid."""
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as s:
        s.settimeout(limit)
        s.connect(address)
        s.sendall(b"?")
        return int(s.recv(100))


def refused(address):
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as s:
        return s.connect_ex(address) != 0


class Sockets(SvcdTest):
    def serve(self, more="", sockets=None):
        self.port = free_port()
        self.at = ("127.0.0.1", self.port)
        self.define(more, sockets)
        self.start()

    def define(self, more="", sockets=None):
        self.config(f"""
            services:
              web:
                command: {self.python("server.py", SERVER)}
                sockets: {sockets or f'["127.0.0.1:{self.port}"]'}
                {more}
        """)

    def test_handed_over(self):
        self.serve("umask: '0007'", sockets=None)
        self.end_svcd()
        self.define("umask: 0007", f'{{http: "127.0.0.1:{self.port}", admin: ./run/a.sock}}')
        os.mkdir(os.path.join(self.home, "run"))
        self.start()
        pid = self.running("web")["pid"]
        self.assertEqual(ask(self.at), pid)
        path = os.path.join(self.home, "./run/a.sock")
        self.assertEqual(self.mode("run/a.sock"), 0o660)
        self.assertIn(f"2 http:admin ('127.0.0.1', {self.port}) {path}", self.read("told"))

    def test_a_name_where_none_is_given_is_the_services(self):
        self.serve()
        self.assertEqual(self.written("told", 2)[:2], ["1", "web"])

    def test_not_one_is_refused_during_ten_restarts(self):
        # A thousand clients a restart; each restart has a time in which nothing of the service is there to accept.
        self.serve("environment: {PAUSE: '0.1'}")
        self.running("web")
        total, restarts, workers = 10_000, 10, 8
        answers, errors, lock, over = {}, [], threading.Lock(), threading.Event()

        def client():
            while not over.is_set() or sum(list(answers.values())) < total:
                try:
                    pid = ask(self.at)
                except (OSError, ValueError) as e:
                    errors.append(repr(e))
                    return
                with lock:
                    answers[pid] = answers.get(pid, 0) + 1
        threads = [threading.Thread(target=client) for _ in range(workers)]
        for t in threads:
            t.start()
        for i in range(restarts):
            old = self.running("web")["pid"]
            self.svcctl("restart", "--replace", "web")
            new = self.new_run("web", old)["pid"]
            self.until(lambda: answers.get(new, 0) > total // (2 * restarts), 60, f"answers of run {i + 2}")
        over.set()
        for t in threads:
            t.join()
        self.assertEqual(errors, [])
        self.assertGreaterEqual(sum(answers.values()), total)
        self.assertGreaterEqual(len(answers), restarts)  # who came and went unseen, before the first client

    def test_who_comes_while_nothing_runs_waits(self):
        self.serve("restart: {delay: 1s}")
        first = self.running("web")["pid"]
        os.kill(first, signal.SIGKILL)
        second = ask(self.at)
        self.assertNotEqual(first, second)
        self.assertEqual(self.running("web")["pid"], second)

    def test_kept_through_back_off_and_closed_by_a_crash_loop(self):
        self.port = free_port()
        self.at = ("127.0.0.1", self.port)
        self.config(f"""
            services:
              web:
                command: sh -c 'exit 1'
                sockets: ["127.0.0.1:{self.port}"]
                restart: {{delay: {2 * SLOW}s, max_failures: 2}}
        """)
        self.start()
        self.in_state("web", "backoff")
        self.assertFalse(refused(self.at))
        self.in_state("web", "disabled")
        self.until(lambda: refused(self.at), what="the socket to be closed")

    def test_stop_and_disable_close_them(self):
        self.serve()
        self.running("web")
        for down, up in (("stop", "start"), ("disable", "enable")):
            self.svcctl(down, "web")
            self.until(lambda: refused(self.at), what=f"the socket to be closed after {down}")
            self.svcctl(up, "web")
            self.assertEqual(ask(self.at), self.running("web")["pid"])

    def test_svcd_dies_and_the_service_too(self):
        self.serve()
        first = self.running("web")["pid"]
        shim = self.shim_of(first)
        self.kill_svcd()
        self.assertEqual(ask(self.at), first)
        os.kill(first, signal.SIGKILL)
        self.gone(first)
        waiting = threading.Thread(target=lambda: got.append(ask(self.at)))
        got = []
        waiting.start()
        self.start()
        pid = self.running("web")["pid"]
        waiting.join()
        self.assertEqual(got, [pid])
        self.assertEqual(self.shim_of(pid), shim)

    def test_svcd_is_upgraded(self):
        self.serve()
        first = self.running("web")["pid"]
        self.svcctl("upgrade")
        self.assertEqual(ask(self.at), first)
        self.svcctl("restart", "web")
        self.assertEqual(ask(self.at), self.running("web")["pid"])

    def test_a_changed_definition(self):
        self.serve()
        first = self.running("web")["pid"]
        old, self.port = self.at, free_port()
        self.at = ("127.0.0.1", self.port)
        self.define()
        self.assertIn("restart", self.svcctl("plan", status=10).out)
        self.svcctl("reload")
        pid = self.new_run("web", first)["pid"]
        self.assertEqual(ask(self.at), pid)
        self.assertTrue(refused(old))

    def test_a_port_that_somebody_has(self):
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", port := free_port()))
            other.listen()
            self.port, self.at = port, ("127.0.0.1", port)
            self.define("restart: {max_failures: 2, delay: 1s, max_delay: 1s}")
            self.start()
            self.in_state("web", "disabled")
        name = self.read(f"/proc/{os.getpid()}/comm").strip()
        self.assertIn(f"cannot start: listen 127.0.0.1:{port}: Address already in use by pid {os.getpid()} ({name})",
                      self.service("web")["note"])
        last = self.service("web")["last_exit"]
        self.assertEqual((last["kind"], last["stage"], last["error"]),
                         ("start-failed", "listen", "Address already in use"))
        self.logged("web", f'stage=listen error="Address already in use by pid {os.getpid()} '
                           rf'\({name}\)" path="?127.0.0.1:{port}"?')
        self.svcctl("start", "web")
        self.assertEqual(ask(self.at), self.running("web")["pid"])

    def test_a_port_that_another_service_has(self):
        self.port = free_port()
        self.at = ("127.0.0.1", self.port)
        other = self.python("other.py", f"""
            import socket, time
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", {self.port}))
            s.listen()
            open("listens", "w").write("yes")
            time.sleep(1000)
        """)
        self.config(f"services: {{first: {{command: {other}}}}}", "services.yaml")
        self.start()
        self.written("listens")
        pid = self.running("first")["pid"]
        self.config(f"""
            services:
              first: {{command: {other}}}
              web:
                command: {self.python("server.py", SERVER)}
                sockets: ["127.0.0.1:{self.port}"]
                restart: {{max_failures: 1}}
        """)
        self.svcctl("reload", status=1)
        self.in_state("web", "disabled")
        self.assertIn(f"Address already in use by service first (pid {pid}, ", self.service("web")["note"])

    def test_a_shim_that_is_killed(self):
        self.serve()
        first = self.running("web")["pid"]
        os.kill(self.shim_of(first), signal.SIGKILL)
        second = self.new_run("web", first)["pid"]
        self.assertFalse(alive(first))
        self.assertEqual(ask(self.at), second)

    @unittest.skipUnless(shutil.which("nginx") or os.path.exists("/usr/sbin/nginx"), "there is no nginx")
    def test_nginx_takes_what_it_inherits(self):
        # nginx inherits sockets in its own way: NGINX="3;" names the descriptors.
        self.port = free_port()
        self.at = ("127.0.0.1", self.port)
        self.write("nginx.conf", f"""
            daemon off; pid {self.home}/nginx.pid; error_log stderr;
            events {{}}
            http {{
              access_log off;
              client_body_temp_path {self.home}/t1; proxy_temp_path {self.home}/t2; fastcgi_temp_path {self.home}/t3;
              uwsgi_temp_path {self.home}/t4; scgi_temp_path {self.home}/t5;
              server {{ listen 127.0.0.1:{self.port}; location / {{ return 200 "$pid"; }} }}
            }}
        """)
        self.config(f"""
            services:
              web:
                command: [nginx, -p, "{self.home}", -c, "{self.home}/nginx.conf"]
                environment: {{NGINX: "3;", PATH: "/usr/sbin:/usr/bin:/bin"}}
                sockets: ["127.0.0.1:{self.port}"]
        """)
        self.start()

        def get():
            with socket.create_connection(self.at, 30) as s:
                s.sendall(b"GET / HTTP/1.0\r\n\r\n")
                data = b""
                while part := s.recv(1000):
                    data += part
                return data.decode().rsplit("\r\n", 1)[1]
        first = self.running("web")["pid"]
        self.assertIn(int(get()), self.tree(first))  # a worker of it
        os.kill(first, signal.SIGKILL)
        second = self.new_run("web", first)["pid"]
        self.assertIn(int(get()), self.tree(second))


if __name__ == "__main__":
    unittest.main()
