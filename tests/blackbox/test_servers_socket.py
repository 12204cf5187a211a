"""Socket activation with the servers of Debian that know it: clients never meet a closed door, whatever becomes of
the process behind it."""

import http.client
import os
import shutil
import signal
import threading
import unittest

from svcdtest import free_port
from webtest import NODE, Web


class Client(threading.Thread):
    """Asks on one connection for as long as it lasts, and connects again at once when it does not."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.ended = port, threading.Event()
        self.answers, self.refused, self.connections, self.pids = 0, 0, 0, set()

    def run(self):
        while not self.ended.is_set():
            c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                c.connect()
                self.connections += 1
                while not self.ended.is_set():
                    c.request("GET", "/")
                    answer = c.getresponse()
                    self.pids.add(answer.read().decode().split()[1])
                    self.answers += 1
                    if answer.will_close:
                        break
            except ConnectionRefusedError:
                self.refused += 1
            except (OSError, http.client.HTTPException, IndexError):
                pass  # the connection ended with the process; the next one waits in the socket
            finally:
                c.close()

    def end(self):
        self.ended.set()
        self.join(30)


class SocketActivation(Web):
    """Servers that take their socket from who starts them: clients never meet a closed door."""

    def restart_under_load(self, command, more=""):
        port = free_port()
        self.config(f"services:\n  app:\n    command: {command}\n    working_directory: .\n"
                    f"    sockets: [\"127.0.0.1:{port}\"]\n{more}")
        self.start()
        self.running("app", limit=30)
        clients = [Client(port) for _ in range(4)]
        for c in clients:
            c.start()
        try:
            for i in range(6):
                before = sum(c.answers for c in clients)
                self.until(lambda n=before: sum(c.answers for c in clients) > n + 20, limit=30, what="answers")
                if i == 3:  # nobody asked for that one
                    pid = self.service("app")["pid"]
                    os.kill(pid, signal.SIGKILL)
                    self.new_run("app", pid, limit=30)
                else:
                    self.svcctl("restart", "--replace", "app")
            after = {c: c.answers for c in clients}
            self.until(lambda: all(c.answers > after[c] for c in clients), limit=30, what="an answer for each")
        finally:
            for c in clients:
                c.end()
        self.assertEqual(sum(c.refused for c in clients), 0)
        self.assertGreaterEqual(len(set().union(*(c.pids for c in clients))), 6)
        self.assertGreater(sum(c.connections for c in clients), 6)
        self.assertEqual(self.service("app")["run"], 7)

    def test_node(self):
        command = self.node()
        self.write("app.js", NODE.replace('process.env.PORT, "127.0.0.1"', "{fd: 3}"))
        self.restart_under_load(command)

    def test_gunicorn(self):
        if not shutil.which("gunicorn"):
            self.skipTest("gunicorn is not installed")
        self.write("app.py", """import os
def app(env, start):
    body = f"gunicorn {os.getpid()}".encode()
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]
""")
        self.restart_under_load("gunicorn --worker-tmp-dir . app:app", "    restart: {delay: 100ms}\n")


if __name__ == "__main__":
    unittest.main()
