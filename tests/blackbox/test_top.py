"""svcctl top with a real svcd: figures, keys that act, a log that grows, svcd that goes and comes; and that the
terminal is given back whatever happens."""

import os
import re
import shutil
import signal
import unittest

import straced
import vt
from svcdtest import BIN, SLOW, SvcdTest, alive


class Top(SvcdTest):
    def top(self, *arguments, columns=80, rows=24):
        term = vt.Watched([os.path.join(BIN, "svcctl"), "top", "-d", "100ms", *arguments], columns, rows, cwd=self.home,
                          env={**self.environment(), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"})
        self.programs.append(term.process)
        self.term = term
        self.see("NAME")
        return term

    def see(self, wanted):
        self.term.see(wanted, 20 * SLOW)

    def finish(self, status):
        self.assertEqual(self.term.finish(20 * SLOW)[0], status)
        self.assertTrue(self.term.screen.as_it_was())

    def in_row(self, name, text):
        self.see(lambda screen: any(line[2:].startswith(name) and text in line for line in screen.lines()))

    def test_figures_are_those_of_status(self):
        busy = self.python("busy.py", """
            import time
            block = bytearray(b"x" * (30 << 20))
            while True:
                pass
        """)
        self.config(f"""
          services:
            busy: {{command: {busy}}}
            calm: {{command: sleep 1000, annotation: does nothing}}
            off: {{command: sleep 1000, enabled: false}}
        """)
        self.start()
        pid = self.running("busy")["pid"]
        self.top()
        self.in_row("busy", str(pid))
        # NAME STATE PID CPU% MEMORY
        # A row may just be being drawn.
        self.see(lambda _: (m := re.match(r"\S+ +\S+ +\d+ +(\d+(?:\.\d+)?) ", self.term.line(str(pid))[2:])) and
                 float(m[1]) > 5)
        self.see(lambda _: re.match(r"\S+ +\S+ +\d+ +\S+ +[34]\d(\.\d)?M( |$)", self.term.line(str(pid))[2:]))
        self.in_row("calm", "does nothing")
        self.in_row("off", "disabled")
        self.term.type("CC")  # the least busy first, those that do not run last
        self.see(lambda screen: screen.lines()[3][2:].startswith("calm") and screen.lines()[5][2:].startswith("off"))
        self.term.type("q")
        self.finish(0)

    def test_keys_act(self):
        self.config("""
          services:
            a: {command: sleep 1000}
            b: {command: sleep 1000}
        """)
        self.start()
        first = self.running("b")["pid"]
        self.running("a")
        self.top()
        self.in_row("b", str(first))
        self.term.type("jr")
        self.see("restart b? (y: yes")
        self.term.type("y")
        self.see("b: restarted")
        second = self.new_run("b", first)["pid"]
        self.in_row("b", str(second))
        self.term.type("xn")
        self.see("nothing was done")
        self.term.type("xy")
        self.see("b: stopped")
        self.gone(second)
        self.in_row("b", "stopped")
        self.term.type("s")
        self.in_row("b", "running")
        self.assertEqual(self.state("a"), "running")
        self.term.type("w")
        self.see("b: why")
        self.term.type("qq")
        self.finish(0)

    def test_a_log_that_grows_and_is_rotated(self):
        program = self.python("p.py", """
            import os
            fifo = os.path.expanduser("~/fifo")
            while True:
                with open(fifo) as f:
                    for line in f:
                        print(line, end="", flush=True)
        """)
        os.mkfifo(os.path.join(self.home, "fifo"))
        self.config(f"services: {{a: {{command: {program}, log: {{max_size: 4K}}}}}}")
        self.start()
        self.running("a")
        self.top()
        self.see("> a")
        self.term.type("l")
        self.see("svcd started run=1")
        fd = os.open(os.path.join(self.home, "fifo"), os.O_WRONLY)
        os.write(fd, "first 日本 \x1b[31mred\n".encode())
        self.see("out  first 日本 \\x1b[31mred")
        for i in range(200):
            os.write(fd, b"line %03d of what fills more than one file of it, and is rotated\n" % i)
        self.see("line 199")
        self.term.type("g")
        self.see("stands still")
        self.term.type("G")
        os.write(fd, b"last\n")
        self.see("out  last")
        os.close(fd)
        self.term.type("q")
        self.see("> a")
        self.term.type("\x03")
        self.finish(0)

    def test_svcd_goes_and_comes_back(self):
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        pid = self.running("a")["pid"]
        self.top()
        self.in_row("a", str(pid))
        self.kill_svcd()
        self.see(f"svcd is not running for {self.root[:20]}")
        self.in_row("a", str(pid))
        self.term.type("s")
        self.see("svcd cannot be reached")
        self.start()
        self.see(lambda screen: "not running" not in screen.text() and "every 100ms" in screen.text())
        self.in_row("a", str(pid))
        self.svcctl("upgrade")
        self.in_row("a", str(pid))
        self.see(lambda screen: "every 100ms" in screen.text())
        self.term.type("q")
        self.finish(0)

    def test_another_size(self):
        self.config("services: {a: {command: sleep 1000, annotation: the last column of a wide screen}}")
        self.start()
        self.top()
        self.see("> a")
        for columns, rows in ((200, 50), (40, 8), (20, 3), (132, 24)):
            self.term.resize(columns, rows)
            self.see(lambda screen, rows=rows: "> a" in screen.text() and (
                rows < 24 or "the last column of a wide screen" in screen.lines()[3]))
            self.see(lambda screen, rows=rows: "q quit" in screen.lines()[rows - 1])
        self.term.type("q")
        self.finish(0)

    def test_nothing_is_drawn_when_nothing_changes(self):
        self.config("services: {a: {command: sleep 1000, enabled: false}}")
        self.start()
        self.top()
        self.see("> a")
        frames, written = self.term.screen.frames, self.term.screen.written
        # Several samples later: what is said of the definitions changes, and that alone is written.
        self.config("services: {a: {command: sleep 1000, enabled: false}, b: {command: sleep 1}}")
        self.see("definitions have changed")
        self.assertEqual(self.term.screen.frames, frames)
        self.assertLess(self.term.screen.written - written, 300)
        self.term.type("q")
        self.finish(0)

    def test_the_terminal_is_given_back(self):
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        for signo in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT):
            self.top()
            self.see("> a")
            self.term.process.send_signal(signo)
            self.finish(-signo)
        self.top()
        self.see("> a")
        self.term.type("\x1b[5~\x1b")  # keys that do nothing
        self.term.type("\x03")
        self.finish(0)

    @unittest.skipUnless(shutil.which("strace"), "strace is missing")
    def test_ctrl_c_between_a_key_and_its_read(self):
        """It takes the key away that poll has told of: there is nothing to be read then."""
        self.to_be_traced()
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        term = self.top()
        self.see("> a")
        straced.attached(self, term.process.pid, "-e", "trace=read", "-e", "inject=read:delay_enter=1s")
        term.type("j")
        self.until(lambda: straced.reads_stdin(term.process.pid), what="a read of the terminal")
        term.type("\x03")
        self.finish(0)

    def test_stopped_and_continued(self):
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        term = vt.ptyrun.Terminal(["/bin/bash", "--norc", "-i"], 80, 24, cwd=self.home,
                                  env={**self.environment(), "TERM": "xterm", "PS1": "$ "})
        self.programs.append(term.process)
        term.type(f"{BIN}/svcctl top\n")
        term.read_until(b"> a", 20 * SLOW)
        term.type("\x1a")
        term.read_until(b"Stopped", 20 * SLOW)
        self.assertIn(b"\x1b[?1049l", term.data)
        before = len(term.data)
        term.type("fg\n")
        term.read_until(lambda data: b"> a" in data[before:], 20 * SLOW)
        term.type("q")
        term.read_until(lambda data: b"\x1b[?1049l" in data[before:], 20 * SLOW)
        term.type("stty -a | grep -o ' icanon'; exit\n")
        self.assertIn(" icanon", term.finish(20 * SLOW)[1])

    def test_a_terminal_that_goes_away(self):
        self.config("services: {a: {command: sleep 1000}}")
        self.start()
        self.top()
        self.see("> a")
        os.close(self.term.master)
        self.until(lambda: self.term.process.poll() is not None, what="its end")
        self.assertFalse(alive(self.term.process.pid))
