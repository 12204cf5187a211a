"""svcctl that looks: ps, the page of one service, --watch through svcd's absence, events."""

import json
import os
import signal

from svcdtest import BIN, SvcdTest, children, command_line, descendants, free_port, parent

SUBJECT = os.path.join(BIN, "tests/helpers/subject")

# A tree of a shell with two levels below it, and one that has left it.
TREE = r"""
    import os, subprocess, sys, time
    kids = [subprocess.Popen(["sleep", "1000"]) for _ in range(2)]
    below = subprocess.Popen([sys.executable, "-c",
                              "import subprocess, sys; subprocess.run(['sleep', '1001'])"])
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["a\x1b[31mb\rc", "1002"])
        os._exit(0)
    os.wait()
    open("up", "w").write("up\n")
    time.sleep(1000)
"""


class Ps(SvcdTest):
    limit = 150

    def tree_up(self):
        self.config(f"""
            services:
              tree: {{command: "{self.python('tree.py', TREE)}"}}
              one: {{command: sleep 1003}}
              off: {{command: sleep 1004, enabled: false}}
        """)
        self.start()
        self.running("tree")
        self.running("one")
        self.written("up")
        self.until(self.all_there, what="the whole tree")

    def all_there(self):
        """Each of them has become the program that it is to be."""
        lines = sorted(command_line(p) for p in descendants(self.shim_of(self.service("tree")["pid"])))
        return [line.split()[-1] for line in lines if line and "python" not in line] == ["1002", "1000", "1000", "1001"]

    def ps(self, *names):
        return {s["name"]: s for s in json.loads(self.svcctl("--json", "ps", *names).out)}

    def test_the_tree(self):
        self.tree_up()
        found = self.ps()
        self.assertEqual(set(found), {"tree", "one", "off"})
        self.assertEqual(found["off"]["processes"], [])
        s = found["tree"]
        shim = parent(s["pid"])
        by_pid = {p["pid"]: p for p in s["processes"]}
        self.assertEqual(set(by_pid), set(descendants(shim)))
        self.assertEqual({p: parent(p) for p in by_pid}, {p: x["parent"] for p, x in by_pid.items()})
        self.assertEqual([p["pid"] for p in s["processes"] if p["main"]], [s["pid"]])
        seen = [shim]
        for p in s["processes"]:  # a parent comes first
            self.assertIn(p["parent"], seen)
            seen.append(p["pid"])
            self.assertGreater(p["memory_bytes"], 0)
        self.assertIn("sleep 1001", [p["command"] for p in s["processes"]])
        self.assertIn("a\x1b[31mb\rc 1002", [p["command"] for p in s["processes"]])  # JSON hides nothing

    def test_for_people(self):
        self.tree_up()
        out = self.svcctl("ps").out
        self.assertNotIn("\x1b", out)
        self.assertNotIn("\r", out)
        self.assertRegex(out, r"(?m)^SERVICE +PID +CPU +MEMORY +AGE +COMMAND$")
        self.assertRegex(out, r"(?m)^tree .* [`|]- sleep 1000$")
        self.assertRegex(out, r"(?m)^tree .* [`|]- .*\n(tree .*)?.* `- sleep 1001$")
        self.assertRegex(out, r"(?m)^tree .* a\\x1b\[31mb\\x0dc 1002$")
        self.assertRegex(out, r"(?m)^one +\d+ .* sleep 1003$")
        self.assertNotIn("off", out)
        self.assertRegex(self.svcctl("ps", "off").out, r"(?m)^off .* \(disabled\)$")
        self.assertIn("├─ sleep 1000", self.run_svcctl("ps", env={"LC_ALL": "C.UTF-8"}).out)
        self.assertIn("sleep 1000", self.svcctl("ps", "--quiet").out)

    def test_names_and_failures(self):
        self.config("services: {a: {command: sleep 1000, enabled: false}}\n")
        self.svcctl("ps", status=5)
        self.start()
        self.assertEqual(self.svcctl("ps").out, "no service has processes\n")
        self.svcctl("ps", "nobody", status=4)

    def test_thousands_keep_nobody_waiting(self):
        """svcd says only below which process they are: a look at very many is not its work."""
        many = f"{SUBJECT} {self.home} many children=2600 lines=0"
        self.config(f"services: {{many: {{command: '{many}', stop: {{signal: KILL}}}}}}\n")
        self.start()
        main = self.running("many")["pid"]
        self.until(lambda: len(children(main)) == 2600, limit=90, what="all of them")
        self.until(lambda: len(self.ps("many")["many"]["processes"]) == 5201, limit=30, what="what they have started")
        found = self.ps("many")["many"]
        self.assertEqual(len(found["processes"]), 5201)  # lists of children beyond 16 KiB, and as many zombies
        self.assertFalse(found["more"])
        with self.varlink() as v:
            s = v.call("Status")["parameters"]["services"][0]
        self.assertEqual(s["shim"], parent(found["pid"]))
        self.assertIsNone(s["processes"])


class Page(SvcdTest):
    """`svcctl status NAME`."""

    def page(self, name, **env):
        return self.run_svcctl("status", name, env=env).out

    def test_processes_ports_and_health(self):
        port = free_port()
        server = self.python("server.py", f"""
            import os, socket, subprocess, time
            s = [socket.socket() for _ in range(2)]
            s[0].bind(("127.0.0.1", {port}))
            s[0].listen()
            subprocess.Popen(["sleep", "1000"])
            time.sleep(1000)
        """)
        self.config(f"""
            services:
              a:
                command: "{server}"
                port: {port}
                monitoring: {{command: test -e {self.home}/well, interval: 1s, failures: 100}}
        """)
        self.start()
        pid = self.running("a")["pid"]
        self.logged("a", "monitoring failed")
        self.write("well", "")
        self.logged("a", "monitoring passed")
        out = self.until(lambda: "sleep 1000" in (text := self.page("a")) and text, what="the child")
        self.assertRegex(out, rf"(?m)^  main pid +{pid} \(run 1, 0 restarts\)$")
        self.assertRegex(out, rf"(?m)^  definition +{self.root}/config/services\.yaml:3$")
        self.assertRegex(out, rf"(?m)^  listens on +127\.0\.0\.1:{port}$")
        self.assertRegex(out, rf"(?m)^  tree +{pid} \S*python\S* .*server\.py\n +`- \d+ sleep 1000$")
        self.assertRegex(out, r"(?m)^  checks +monitoring  x+\+.*  passed at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d in \d+")
        self.assertRegex(out, r"(?m)^  memory +\d")
        self.assertRegex(self.page("a", LC_ALL="C.UTF-8"), r"(?m)^  checks +monitoring  x+[▁-█]")
        status = self.service("a")
        self.assertEqual(status["processes"], 2)
        self.assertGreater(status["memory_bytes"], 0)
        self.assertEqual(status["shim"], parent(pid))

    def test_what_others_call_themselves_reaches_no_terminal(self):
        program = self.python("a.py", """
            import os, subprocess, time
            subprocess.Popen(["\\x1b]0;title\\x07\\u202e", "1000"], executable="/bin/sleep")
            print("out \\x1b[2J")
            time.sleep(1000)
        """)
        self.config(f"services: {{a: {{command: '{program}'}}}}\n")
        self.start()
        self.running("a")
        self.until(lambda: "1000" in self.svcctl("ps").out and "x1b[2J" in self.page("a"), what="all of it")
        for out in (self.page("a", LC_ALL="C.UTF-8"), self.svcctl("ps").out, self.svcctl().out):
            for c in "\x1b\a\u202e":
                self.assertNotIn(c, out)

    def test_many_processes(self):
        program = self.script("many", """
            for i in $(seq 30); do sleep 1000 & done
            wait
        """)
        self.config(f"services: {{a: {{command: {program}}}}}\n")
        self.start()
        self.running("a")
        self.until(lambda: self.service("a")["processes"] == 31, what="all of them")
        self.assertRegex(self.page("a"), r"(?m)^ +\(21 more: `svcctl ps a`\)$")


class Ports(SvcdTest):
    def test_a_holder_with_an_odd_name(self):
        port = free_port()
        program = self.python("odd.py", f"""
            import socket, time
            with open("/proc/self/comm", "wb") as f:
                f.write(b"a\\xff\\x1b[31m")
            s = socket.socket()
            s.bind(("127.0.0.1", {port}))
            s.listen()
            time.sleep(1000)
        """)
        self.config(f"services: {{a: {{command: '{program}', port: {port}}}}}\n")
        self.start()
        pid = self.running("a")["pid"]
        rows = json.loads(self.svcctl("--json", "ports").out)["ports"]
        self.assertEqual([(r["service"], r["pid"], r["command"]) for r in rows if r["port"] == port],
                         [("a", pid, "a\ufffd\x1b[31m")])
        out = self.svcctl("ports").out
        self.assertIn(f"pid {pid} (a\\xff\\x1b[31m)", out)
        self.assertIn("free: ", self.svcctl("--quiet", "ports").out)
