"""The foreground rule with the programs of Debian: one that puts itself in the background is recognised, nothing
of it is left, and what the hint says keeps it in the foreground."""

import os
import shutil
import unittest

from svcdtest import SvcdTest, descendants, free_port

ROOT = os.getuid() == 0
MODULES = "/usr/lib/apache2/modules"


class Foreground(SvcdTest):
    def run_it(self, command):
        self.config(f"services:\n  a:\n    command: [{', '.join(repr(w) for w in command)}]\n"
                    "    working_directory: work\n    restart: never\n    stop: {timeout: 5s}\n")
        if not self.svcd:
            self.start()
        else:
            self.svcctl("reload")

    def check(self, daemonizes, stays, hint):
        """The command in the background, the one in the foreground, and what is said of the first."""
        if not shutil.which(daemonizes[0]):
            self.skipTest(f"{daemonizes[0]} is not installed")
        self.run_it(daemonizes)
        self.in_state("a", "disabled", "stopped", "backoff", limit=30)
        s = self.service("a")
        self.assertEqual(s["last_exit"]["cause"], "daemonized", s)
        self.assertIn(f"it must stay in the foreground ({hint})", s["note"])
        self.logged("a", r" svcd daemonized run=\d+ .*hint=")
        self.gone(*[p for p in descendants(self.svcd.pid) if self.is_of(p, daemonizes[0])])
        self.run_it(stays)
        s = self.running("a", limit=30)
        return s

    @staticmethod
    def is_of(pid, program):
        try:
            return os.path.basename(program)[:15] == open(f"/proc/{pid}/comm").read().strip()
        except OSError:
            return False

    def setUp(self):
        super().setUp()
        self.work = os.path.join(self.home, "work")
        os.makedirs(self.work)
        self.port = free_port()

    def in_work(self, name, text):
        return self.write(os.path.join("work", name), text)

    def stays_up(self):
        """It listens, with the main process that svcd knows."""
        s = self.service("a")
        self.until(lambda: self.listening(), what="its port")
        self.assertEqual(self.service("a")["pid"], s["pid"])
        self.svcctl("stop", "a")

    def listening(self):
        want = f":{self.port:04X} "
        with open("/proc/net/tcp") as f:
            return any(want in line and line.split()[3] == "0A" and line.split()[1].endswith(want.strip())
                       for line in f)

    def test_redis(self):
        base = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--daemonize"]
        self.check([*base, "yes"], [*base, "no"], "redis-server: --daemonize no (and no `daemonize yes` in its file)")
        self.stays_up()

    def test_memcached(self):
        base = ["memcached", "-l", "127.0.0.1", "-p", str(self.port), "-U", "0"] + (["-u", "root"] if ROOT else [])
        self.check([*base, "-d"], base, "memcached: without -d")
        self.stays_up()

    def test_nginx(self):
        temps = "".join(f"{k}_temp_path {self.work};" for k in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        conf = self.in_work("nginx.conf", f"pid {self.work}/pid; error_log stderr; events {{}} http {{ access_log "
                                          f"off; {temps} server {{ listen 127.0.0.1:{self.port}; }} }}\n")
        base = ["nginx", "-c", conf, "-e", "stderr"]
        self.check(base, [*base, "-g", "daemon off;"], "nginx: -g 'daemon off;'")
        self.stays_up()

    def test_apache2(self):
        conf = self.in_work("apache.conf", f"""ServerRoot {self.work}
            PidFile {self.work}/pid
            Listen 127.0.0.1:{self.port}
            ServerName localhost
            LoadModule mpm_event_module {MODULES}/mod_mpm_event.so
            LoadModule authz_core_module {MODULES}/mod_authz_core.so
            ErrorLog {self.work}/error.log
            """ + ("User nobody\nGroup nogroup\n" if ROOT else ""))
        base = ["apache2", "-f", conf]
        self.check(base, [*base, "-DFOREGROUND"], "apache2: -DFOREGROUND")
        self.stays_up()

    def test_lighttpd(self):
        conf = self.in_work("lighttpd.conf", f'server.document-root = "{self.work}"\nserver.port = {self.port}\n'
                                             'server.bind = "127.0.0.1"\n')
        base = ["lighttpd", "-f", conf]
        self.check(base, [*base, "-D"], "lighttpd: -D")
        self.stays_up()

    def test_haproxy(self):
        conf = self.in_work("haproxy.cfg", "defaults\n  mode http\n  timeout client 5s\n  timeout connect 5s\n"
                                           f"  timeout server 5s\nfrontend f\n  bind 127.0.0.1:{self.port}\n")
        base = ["haproxy", "-W", "-f", conf]
        self.check([*base, "-D"], base, "haproxy: -db, or -W without -D")
        self.stays_up()

    def test_php_fpm(self):
        found = [f"/usr/sbin/{n}" for n in sorted(os.listdir("/usr/sbin")) if n.startswith("php-fpm")]
        user = "user = nobody\ngroup = nogroup\n" if ROOT else ""
        conf = self.in_work("fpm.conf", f"[global]\npid = {self.work}/pid\nerror_log = {self.work}/log\n[www]\n{user}"
                                        f"listen = 127.0.0.1:{self.port}\npm = static\npm.max_children = 1\n")
        base = [found[0] if found else "php-fpm", "-y", conf]
        self.check([*base, "-D"], [*base, "-F"], "php-fpm: --nodaemonize (-F)")
        self.stays_up()

    def test_gunicorn(self):
        self.in_work("app.py", "def app(env, start):\n    start('200 OK', [])\n    return [b'x']\n")
        base = ["gunicorn", "-b", f"127.0.0.1:{self.port}", "app:app"]
        self.check([*base, "--daemon"], base,
                   "gunicorn: without --daemon (and no `daemon = True` in its file)")
        self.stays_up()

    def test_mosquitto(self):
        conf = self.in_work("mosquitto.conf", f"listener {self.port} 127.0.0.1\n")
        base = ["mosquitto", "-c", conf]
        self.check([*base, "-d"], base, "mosquitto: without -d")
        self.stays_up()

    def test_setsid(self):
        # it forks, since a service's main process leads a group
        self.check(["setsid", "sleep", "1000"], ["sleep", "1000"],
                   "run the program itself instead of setsid, which forks")

    def test_a_shell_that_does_not_wait(self):
        self.check(["sh", "-c", "sleep 1000 & exit 0"], ["sh", "-c", "sleep 1000; exit 0"],
                   "without the & in the command: the shell must wait for the program")


if __name__ == "__main__":
    unittest.main()
