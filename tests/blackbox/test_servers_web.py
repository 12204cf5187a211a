"""Real servers of Debian that answer requests: nginx, Node.js, Python, behind each other and by themselves."""

import os
import signal
import unittest

from svcdtest import PYTHON, alive, children, free_port
from webtest import Web

FLASK_LIKE = """
    import http.server, os, signal, sys
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = f"python {os.getpid()} {os.environ['SVCD_SERVICE']}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def log_message(self, *a):
            print("request", self.path, file=sys.stderr)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
    print("listening", flush=True)
    server.serve_forever()
"""


class Nginx(Web):
    def test_reloads_on_hup_and_keeps_its_pid(self):
        port = free_port()
        self.config(f"services:\n  web:\n    command: {self.nginx(port)}\n    port: {port}\n    stop: {{signal: QUIT}}\n")
        self.start()
        s = self.running("web", limit=30)
        self.assertEqual(self.get(port), "static")
        old = self.until(lambda: len(c := set(children(s["pid"]))) == 2 and c, what="workers")
        said = self.svcctl("restart", "web").out
        self.assertIn(f"reloaded (pid {s['pid']} kept)", said)
        self.until(lambda: len(c := set(children(s["pid"]))) == 2 and not c & old, what="new workers")
        self.assertEqual(self.get(port), "static")
        workers = self.tree(s["pid"])
        self.svcctl("stop", "web")
        self.assertFalse(any(map(alive, [s["pid"], *workers])))
        self.assertEqual(self.service("web")["last_exit"]["code"], 0)

    def test_a_killed_master_takes_its_workers_along(self):
        # left alone, they would keep the port
        port = free_port()
        self.config(f"services:\n  web:\n    command: {self.nginx(port)}\n    port: {port}\n"
                    "    restart: {delay: 100ms}\n")
        self.start()
        s = self.running("web", limit=30)
        self.until(lambda: len(children(s["pid"])) == 2, what="workers")
        workers = children(s["pid"])
        os.kill(s["pid"], signal.SIGKILL)
        self.new_run("web", s["pid"], limit=30)
        self.assertFalse(any(map(alive, workers)))
        self.assertEqual(self.get(port), "static")

    def test_a_wrong_configuration_says_what_is_wrong(self):
        port = free_port()
        command = self.nginx(port)
        self.config(f"services:\n  web: {{command: \"{command}\", port: {port}, "
                    "restart: {max_failures: 2, delay: 50ms}}\n")
        good = self.read("nginx.conf")
        self.write("nginx.conf", "events {} nonsense on;\n")
        self.start()
        s = self.in_state("web", "disabled", limit=30)
        self.assertIn("exited with code 1", s["note"])
        self.logged("web", 'unknown directive "nonsense"', "err")
        self.write("nginx.conf", good)
        self.svcctl("start", "web")
        self.assertEqual(self.get(port), "static")


class Applications(Web):
    def test_node_behind_nginx(self):
        port, app = free_port(), free_port()
        self.config(f"""\
            services:
              app: {{command: {self.node()}, working_directory: ., port: {app}, restart: {{delay: 100ms}}}}
              web: {{command: "{self.nginx(port, app)}", port: {port}, requires: [app]}}
        """)
        self.start()
        web, s = self.running("web", limit=30), self.running("app")
        self.assertEqual(self.get(port), f"node {s['pid']} app")
        # it dies of an exception, and who stands before it does not notice more than one bad answer
        self.get(port, "/crash")
        new = self.new_run("app", s["pid"], limit=30)
        self.until(lambda: self.get(port) == f"node {new['pid']} app", what="an answer of the new one")
        self.logged("app", "Error: asked to crash", "err")
        self.assertEqual(self.service("app")["last_exit"]["code"], 1)
        # HUP's default action ends it: a new run, and no failure
        self.svcctl("restart", "app")
        third = self.running("app")
        self.assertNotEqual(third["pid"], new["pid"])
        self.assertEqual(third["last_exit"]["failure"], False)
        self.assertEqual(self.service("web")["pid"], web["pid"])
        self.svcctl("stop", "app")
        self.logged("app", "draining", "out")
        self.assertEqual((self.state("app"), self.state("web")), ("stopped", "waiting"))
        self.assertIn("waiting for app", self.service("web")["note"])
        self.svcctl("start", "app")
        self.running("web")
        self.until(lambda: (self.get(port) or "").startswith("node "), what="an answer")

    def test_python(self):
        port = free_port()
        self.python("server.py", FLASK_LIKE)
        self.config(f"""\
            services:
              app:
                command: {PYTHON} -u server.py
                working_directory: .
                port: {port}
                monitoring: {{tcp: {port}, interval: 200ms}}
                restart: {{delay: 100ms}}
        """)
        self.start()
        s = self.running("app", limit=30)
        self.assertEqual(self.get(port, "/a"), f"python {s['pid']} app")
        self.logged("app", "request /a", "err")
        self.until(lambda: self.service("app")["health"] == "ok", what="health")
        os.kill(s["pid"], signal.SIGSEGV)
        new = self.new_run("app", s["pid"], limit=30)
        self.assertEqual(new["last_exit"]["signal"], "SEGV")
        self.assertEqual(self.get(port), f"python {new['pid']} app")

    def test_npm_like_wrapper_leaves_nothing_behind(self):
        """npm start: a shell, a node that waits for a node. Stopped means that all of them are gone."""
        port = free_port()
        node = self.node().split()[0]
        self.write("npm.js", f"""
            const {{spawn}} = require("child_process");
            const c = spawn("sh", ["-c", "{node} app.js"], {{stdio: "inherit"}});
            process.on("SIGTERM", () => process.exit(143));
            c.on("exit", code => process.exit(code));
        """)
        self.config(f"services:\n  app: {{command: {node} npm.js, working_directory: ., port: {port}, "
                    "restart: {delay: 100ms}}\n")
        self.start()
        s = self.running("app", limit=30)
        tree = self.tree(s["pid"])
        self.assertGreaterEqual(len(tree), 2)
        self.assertTrue(self.get(port).startswith("node "))
        self.svcctl("restart", "--replace", "app")
        self.assertFalse(any(map(alive, tree)))
        self.running("app", limit=30)
        self.assertTrue(self.get(port).startswith("node "))
        tree = self.tree(self.service("app")["pid"])
        self.svcctl("stop", "app")
        self.assertFalse(any(map(alive, tree)))
        self.assertIsNone(self.get(port))


if __name__ == "__main__":
    unittest.main()
