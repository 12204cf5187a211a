"""When a service counts as running: executed, notified, its port listens, its first check passes."""

import os
import signal

from svcdtest import SvcdTest, free_port

NOTIFY = """
    import os, signal, socket, sys, time
    def tell(text):
        path = os.environ["NOTIFY_SOCKET"]
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.connect("\\0" + path[1:] if path[0] == "@" else path)
        s.send(text.encode())
        s.close()
    while not os.path.exists("go"): time.sleep(0.01)
    {body}
    while True: signal.pause()
"""


class Ready(SvcdTest):
    def notify(self, body):
        return self.python("n.py", NOTIFY.format(body=body))

    def test_notify(self):
        run = self.notify('tell("STATUS=3 workers\\nREADY=1")')
        self.config(f"services: {{a: {{command: {run}, ready: notify}}}}\n")
        self.start()
        self.in_state("a", "starting")
        self.write("go", "")
        s = self.running("a")
        self.assertEqual(s["status_text"], "3 workers")

    def test_notify_by_a_child(self):
        body = 'os.fork() or (tell("READY=1"), os._exit(0))'
        self.config(f"services: {{a: {{command: {self.notify(body)}, ready: notify}}}}\n")
        self.start()
        self.write("go", "")
        self.running("a")

    def test_never_ready_is_disabled(self):
        """Also if a run may take longer to become ready than the window is: that time does not count."""
        self.config("services: {a: {command: sleep 1000, ready: notify, ready_timeout: 1200ms, "
                    "restart: {max_failures: 3, window: 1s, delay: 10ms, max_delay: 1s}}}\n")
        self.start()
        s = self.in_state("a", "disabled")
        self.assertEqual((s["disabled_cause"], s["failures"], s["run"]), ("failures", 3, 3))
        self.assertRegex(s["note"], r"^3 failures within 1s, waiting for readiness not counted: ")
        self.logged("a", r" svcd exited run=3 pid=\d+ signal=TERM ran=\d+s failure=3/3")

    def test_another_ones_port_is_not_its_own(self):
        """Whoever else listens on the port does not make it ready, and is named."""
        port = free_port()
        serve = self.python("p.py", """
            import os, signal, socket, sys, time
            signal.signal(signal.SIGUSR1, lambda *_: s.close())
            while len(sys.argv) > 1 and not os.path.exists(sys.argv[1]): time.sleep(0.01)
            s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            while True:
                try:
                    s.bind(("127.0.0.1", int(os.environ.get("PORT") or os.environ["P"]))); s.listen()
                    break
                except OSError:
                    time.sleep(0.02)
            while True: signal.pause()
        """)
        self.config(f"""
            services:
              thief: {{command: {serve}, environment: {{P: "{port}"}}}}
              a: {{command: {serve} go, port: {port}, requires: [thief]}}
        """)
        self.start()
        thief = self.running("thief")["pid"]
        self.logged("a", rf' svcd port held run=1 port={port} by="service thief \(pid {thief}, python')
        s = self.in_state("a", "starting")
        self.assertRegex(s["note"], rf"^port {port} is held by service thief \(pid {thief}, python.*\), not by this")
        self.write("go", "")
        os.kill(thief, signal.SIGUSR1)
        self.assertEqual(self.running("a")["pid"], s["pid"])

    def test_where_it_listens_instead(self):
        """The usual mistake: the program has its port from elsewhere. Said when it is known to be that."""
        port, other = free_port(), free_port()
        serve = self.python("p.py", f"""
            import signal, socket
            s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", {other})); s.listen()
            while True: signal.pause()
        """)
        self.config(f"services: {{a: {{command: {serve}, port: {port}, ready_timeout: 5s, "
                    "restart: {max_failures: 1}}}\n")
        self.start()
        said = f"it listens on 127.0.0.1:{other}, not on its port {port}"
        self.logged("a", f' svcd not ready run=1 after=[^ ]+ reason="{said}"')
        self.assertIn(said, self.in_state("a", "disabled")["note"])
        self.assertIn(f"within ready_timeout, 5s: {said}", self.svcctl("why", "a").out)

    def test_its_port_may_be_a_daemonized_childs(self):
        port = free_port()
        serve = self.python("p.py", """
            import os, signal, socket
            if os.fork() == 0:
                os.setsid()
                if os.fork(): os._exit(0)
                s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("127.0.0.1", int(os.environ["PORT"]))); s.listen()
            while True: signal.pause()
        """)
        self.config(f"services: {{a: {{command: {serve}, port: {port}}}}}\n")
        self.start()
        self.running("a")

    def test_port(self):
        port = free_port()
        serve = self.python("p.py", f"""
            import os, signal, socket, time
            while not os.path.exists("go"): time.sleep(0.01)
            s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", int(os.environ["PORT"]))); s.listen()
            while True: signal.pause()
        """)
        self.config(f"""
            services:
              a: {{command: {serve}, port: {port}}}
              b: {{command: sleep 1000, requires: [a]}}
        """)
        self.start()
        self.in_state("a", "starting")
        self.assertEqual(self.state("b"), "waiting")
        self.write("go", "")
        self.running("a")
        self.running("b")

    def test_monitoring(self):
        self.config("""
            services:
              a: {command: sleep 1000, ready: monitoring, monitoring: {command: test -e go, interval: 100ms}}
        """)
        self.start()
        self.in_state("a", "starting")
        self.write("go", "")
        self.running("a")
        self.assertEqual(self.service("a")["failures"], 0)

    def test_not_ready_in_time_is_a_failure(self):
        self.config("""
            services:
              a: {command: sleep 1000, ready: notify, ready_timeout: 300ms,
                  restart: {delay: 0s, max_failures: 2}}
        """)
        self.start()
        s = self.in_state("a", "disabled")
        self.assertEqual((s["run"], s["last_exit"]["cause"], s["last_exit"]["failure"]), (2, "ready", True))
        text = s["note"] + s["last_exit"]["text"] + "\n".join(self.log_texts("a", "svcd"))
        self.assertRegex(text, r"not ready|ready_timeout")

    def test_start_reports_a_run_that_dies_before_it_is_ready(self):
        self.config("services: {a: {command: sh -c 'exit 5', ready: notify, restart: {delay: 1h, max_delay: 1h}}}\n")
        self.start()
        self.in_state("a", "backoff")
        r = self.svcctl("start", "a", status=1)
        self.assertRegex(r.out + r.err, r"code 5")

    def test_readiness_survives_svcd(self):
        port = free_port()
        serve = self.python("p.py", f"""
            import signal, socket
            s = socket.socket(); s.bind(("127.0.0.1", {port})); s.listen()
            while True: signal.pause()
        """)
        self.config(f"""
            services:
              a: {{command: {self.notify('tell("READY=1")')}, ready: notify}}
              b: {{command: {serve}, port: {port}}}
        """)
        self.write("go", "")
        self.start()
        for n in "ab":
            self.running(n)
        self.kill_svcd()
        os.unlink(os.path.join(self.home, "go"))
        self.start()
        for n in "ab":
            self.assertEqual(self.running(n)["run"], 1)
