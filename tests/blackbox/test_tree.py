"""A service is its main process and everything that descends from it."""

import os

from svcdtest import SvcdTest, alive, descendants

# Forks twice with a session of its own, an empty environment and every descriptor closed: what a
# program does that wants to get away.
DAEMON = """
    import os, signal, sys
    def escape():
        if os.fork():
            return
        os.setsid()
        if os.fork():
            os._exit(0)
        with open("pids", "a") as f:
            f.write("%d\\n" % os.getpid())
        os.closerange(0, 64)
        os.execve("/bin/sleep", ["sleep", "1005"], {})
    escape()
    escape()
    print("up", flush=True)
    while True:
        signal.pause()
"""


class Tree(SvcdTest):
    def pids(self, count):
        return [int(p) for p in self.written("pids", count)]

    def test_double_forks_end_with_stop(self):
        self.config(f"services: {{a: {{command: {self.python('p.py', DAEMON)}}}}}\n")
        self.start()
        main = self.running("a")["pid"]
        escaped = self.pids(2)
        self.assertTrue(all(map(alive, escaped)))
        self.svcctl("stop", "a")
        self.assertFalse(any(map(alive, [main, *escaped])))

    def test_nothing_is_left_after_shutdown(self):
        self.config(f"services: {{a: {{command: {self.python('p.py', DAEMON)}}}}}\n")
        self.start()
        self.running("a")
        escaped = self.pids(2)
        self.assertEqual(self.end_svcd(), 0)
        self.assertFalse(any(map(alive, escaped)))
        self.assertEqual(self._left(), [])  # shims, which end as their socket does, get a moment

    def test_a_new_run_waits_for_the_whole_old_one(self):
        # The child ignores TERM; the new run may start only after it was killed.
        self.script("child.sh", "trap '' TERM\nwhile :; do sleep 0.1; done\n")
        run = self.script("p.sh", """
            if [ -e pids ] && kill -0 $(tail -1 pids) 2>/dev/null; then echo overlap; fi
            ./child.sh & echo $! >> pids
            wait
        """)
        self.config(f"services: {{a: {{command: {run}, stop: {{timeout: 300ms}}}}}}\n")
        self.start()
        self.running("a")
        first = self.pids(1)[0]
        self.svcctl("restart", "a")
        second = self.pids(2)[1]
        self.assertFalse(alive(first))
        self.assertTrue(alive(second))
        self.assertNotIn("overlap", self.log_texts("a", "out"))

    def test_a_tree_that_ignores_term_is_killed_after_the_timeout(self):
        run = self.script("p.sh", "trap '' TERM\nsh -c 'trap \"\" TERM; while :; do sleep 0.1; done' &\n"
                                  "echo $! > pids\necho up\nwhile :; do sleep 0.1; done\n")
        self.config(f"services: {{a: {{command: {run}, stop: {{timeout: 500ms}}}}}}\n")
        self.start()
        main = self.running("a")["pid"]
        self.logged("a", "up", "out")
        child = self.pids(1)[0]
        self.svcctl("stop", "a")
        self.assertFalse(alive(main) or alive(child))
        self.assertEqual(self.service("a")["last_exit"]["signal"], "KILL")
        self.assertEqual(self.service("a")["failures"], 0)

    def test_the_rest_gets_the_stop_signal_once_the_main_process_has_ended(self):
        # The main process ends its own work first; its child may then finish too.
        run = self.script("p.sh", """
            sh -c 'trap "echo child ends; exit 0" TERM; echo child up; while :; do sleep 0.1; done' &
            echo $! > pids
            trap 'echo main ends; exit 0' TERM
            echo main up
            while :; do sleep 0.1; done
        """)
        self.config(f"services: {{a: {{command: {run}}}}}\n")
        self.start()
        self.running("a")
        self.logged("a", "child up", "out")
        self.logged("a", "main up", "out")
        self.svcctl("stop", "a")
        said = self.log_texts("a", "out")
        self.assertLess(said.index("main ends"), said.index("child ends"))

    def test_scope_tree_signals_all_at_once(self):
        # With the default scope this would take the timeout: the main process waits for its child.
        run = self.script("p.sh", "trap '' TERM\nsleep 1006 &\n# sleep gets TERM itself\n"
                                  "sh -c 'trap - TERM; exec sleep 1007' &\necho up\nwait\n")
        run = self.python("p.py", """
            import signal, subprocess
            child = subprocess.Popen(["sleep", "1007"])
            signal.signal(signal.SIGTERM, lambda *_: None)
            print("up", flush=True)
            child.wait()
            print("child has ended", flush=True)
        """)
        self.config(f"services: {{a: {{command: {run}, stop: {{scope: tree, timeout: 60s}}}}}}\n")
        self.start()
        self.running("a")
        self.logged("a", "up", "out")
        self.svcctl("stop", "a")
        self.assertIn("child has ended", self.log_texts("a", "out"))

    def test_stop_signal_is_configurable(self):
        run = self.python("p.py", """
            import signal, sys
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGQUIT, lambda *_: sys.exit(7))
            print("up", flush=True)
            while True: signal.pause()
        """)
        self.config(f"services: {{a: {{command: {run}, stop: {{signal: QUIT, timeout: 60s}}}}}}\n")
        self.start()
        self.running("a")
        self.logged("a", "up", "out")
        self.svcctl("stop", "a")
        self.assertEqual(self.service("a")["last_exit"]["code"], 7)


class Foreground(SvcdTest):
    def test_a_program_that_goes_to_the_background_is_a_failure_and_told_why(self):
        self.config("""
            services:
              a:
                command: sh -c 'setsid sleep 1008 & echo $! >> pids'
                restart: {delay: 0s, max_failures: 2}
        """)
        self.start()
        s = self.in_state("a", "disabled")
        self.assertEqual(s["run"], 2)
        self.gone(*[int(p) for p in self.read("pids").split()])
        text = s["note"] + s["last_exit"]["text"] + "\n".join(self.log_texts("a", "svcd"))
        self.assertRegex(text, r"(?i)background|foreground|daemon")

    def test_redis_is_told_the_option(self):
        from svcdtest import free_port
        self.config(f"""
            services:
              redis:
                command: redis-server --bind 127.0.0.1 --port {free_port()} --daemonize yes --save ""
                restart: {{delay: 0s, max_failures: 1}}
        """)
        self.start()
        s = self.in_state("redis", "disabled")
        text = s["note"] + s["last_exit"]["text"] + "\n".join(self.log_texts("redis", "svcd"))
        self.assertIn("daemonize no", text)
