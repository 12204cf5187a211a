"""The product's promise with real programs: Redis and memcached from Debian, supervised, checked by
`nc -z`, killed, restarted, stopped."""

import os
import pwd
import signal
import time
import unittest

import svcdtest
from svcdtest import SLOW, SvcdTest, alive, free_port, listens, start_ticks

TICK = 1 / os.sysconf("SC_CLK_TCK")


class Programs(SvcdTest):
    limit = 90

    def setUp(self):
        super().setUp()
        self.redis_port, self.memcached_port = free_port(), free_port()
        user = pwd.getpwuid(os.getuid()).pw_name  # memcached will not run as root without being told
        os.makedirs(os.path.join(self.home, "redis"))
        self.config(f"""
            services:
              redis:
                annotation: cache of the shop
                command: redis-server --bind 127.0.0.1 --port {self.redis_port} --save "" --appendonly no
                working_directory: redis
                port: {self.redis_port}
                restart: {{delay: 100ms, max_delay: 100ms, max_failures: 0}}
                monitoring:
                  command: redis-cli -h 127.0.0.1 -p {self.redis_port} ping
                  interval: 200ms
                  timeout: {3 * SLOW}s
              memcached:
                command: [memcached, -l, 127.0.0.1, -p, "{self.memcached_port}", -U, "0", -u, {user}]
                port: {self.memcached_port}
                restart: {{delay: 100ms, max_delay: 100ms, max_failures: 0}}
                monitoring: {{command: nc -z 127.0.0.1 {self.memcached_port}, interval: 200ms}}
        """)
        self.start()
        self.pids = {n: self.running(n, limit=30)["pid"] for n in ("redis", "memcached")}

    def healthy(self, name):
        return self.until(lambda: self.service(name)["health"] == "ok", what=f"{name} healthy")

    def test_both_run_and_are_checked(self):
        self.assertTrue(listens(self.redis_port))
        self.assertTrue(listens(self.memcached_port))
        for name, port in (("redis", self.redis_port), ("memcached", self.memcached_port)):
            self.healthy(name)
            s = self.service(name)
            self.assertEqual((s["state"], s["port"], s["run"], s["failures"]), ("running", port, 1, 0))
        self.svcctl("status")
        self.svcctl("wait", "redis", "memcached", "--for", "healthy")

    def test_output_is_in_the_log(self):
        self.logged("redis", "Ready to accept connections", "out")

    def latency_of_kills(self, name, kills=5):
        """Seconds from SIGKILL to the birth of the next main process, by the kernel's own clock."""
        took = []
        for _ in range(kills):
            s = self.running(name)
            # The contract speaks of runs longer than restart.delay.
            self.until(lambda: (self.service(name)["uptime_ms"] or 0) > 150, what="a long run")
            before = time.clock_gettime(time.CLOCK_BOOTTIME)
            os.kill(s["pid"], signal.SIGKILL)
            new = self.new_run(name, s["pid"])
            took.append(start_ticks(new["pid"]) * TICK - before)
            self.assertEqual(new["run"], s["run"] + 1)
            self.assertFalse(alive(s["pid"]))
        return sorted(took)

    def check_kill(self, name, port):
        took = self.latency_of_kills(name)
        # The median: what the machine does to a single one of them says nothing about svcd.
        self.assertLess(took[len(took) // 2], 0.100 * SLOW, f"seconds: {took}")
        self.until(lambda: listens(port), what="the port")
        last = self.service(name)["last_exit"]
        self.assertEqual((last["kind"], last["signal"]), ("signaled", "KILL"))
        self.assertEqual(self.service(name)["restarts"], 5)

    def test_killed_redis_is_back_within_100_ms(self):
        self.check_kill("redis", self.redis_port)

    def test_killed_memcached_is_back_within_100_ms(self):
        self.check_kill("memcached", self.memcached_port)

    def test_restart_of_redis_makes_a_new_run(self):
        # redis ignores SIGHUP
        self.logged("redis", "Ready to accept connections", "out")
        said = self.svcctl("restart", "redis").out
        s = self.running("redis")
        self.assertNotEqual(s["pid"], self.pids["redis"])
        self.assertIn(str(s["pid"]), said)
        self.assertFalse(alive(self.pids["redis"]))
        self.assertEqual((s["failures"], s["run"]), (0, 2))
        self.assertTrue(listens(self.redis_port))
        self.logged("redis", r" svcd restart requested by uid=\d+ signal=HUP")

    def test_restart_of_memcached_keeps_its_pid(self):
        # memcached catches SIGHUP and reads its files again
        self.until(lambda: listens(self.memcached_port), what="the port")
        said = self.svcctl("restart", "memcached").out
        self.assertIn(f"reloaded (pid {self.pids['memcached']} kept)", said)
        s = self.running("memcached")
        self.assertEqual((s["pid"], s["run"]), (self.pids["memcached"], 1))

    def test_stop_frees_the_ports(self):
        self.svcctl("stop", "redis", "memcached")
        self.assertFalse(alive(self.pids["redis"]) or alive(self.pids["memcached"]))
        self.assertFalse(listens(self.redis_port) or listens(self.memcached_port))
        self.assertEqual({s["state"] for s in self.services().values()}, {"stopped"})

    def test_a_stopped_redis_is_found_by_monitoring(self):
        # SIGSTOP: the process is there and does nothing. Only the monitoring command can see that.
        self.healthy("redis")
        pid = self.running("redis")["pid"]
        os.kill(pid, signal.SIGSTOP)
        new = self.new_run("redis", pid, limit=30)
        self.assertGreaterEqual(new["restarts"], 1)
        self.logged("redis", r" svcd monitoring failed ")


if __name__ == "__main__":
    unittest.main()
