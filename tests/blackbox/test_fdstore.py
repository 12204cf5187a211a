"""FDSTORE: descriptors that a service stores come back to its next run."""

import os
import signal
import socket
import unittest

from svcdtest import SvcdTest, free_port

# Does what is written into the FIFO `say`, line by line. `keep` is what the last run stored, by name.
PROGRAM = """
    import array, os, signal, socket, sys
    def tell(text, *fds):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.sendmsg([text.encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [],
                  0, "\\0" + os.environ["NOTIFY_SOCKET"][1:])
    n = int(os.environ.get("LISTEN_FDS", 0))
    assert not n or int(os.environ["LISTEN_PID"]) == os.getpid()
    names = os.environ["LISTEN_FDNAMES"].split(":") if n else []
    keep = {}
    for i, name in enumerate(names): keep.setdefault(name, []).append(3 + i)
    def once(fd): return os.pread(fd, 100, 0).decode()
    print("up", ",".join(names) or "-", flush=True)
    with os.fdopen(os.open("say", os.O_RDWR)) as say:
        while True:
            exec(say.readline())
"""


class FdStore(SvcdTest):
    def begin(self, more="fdstore: 4"):
        os.mkfifo(self.home + "/say")
        self.config(f"""
            services:
              a: {{command: {self.python('n.py', PROGRAM)}, restart: {{delay: 10ms, max_failures: 0}}, {more}}}
        """)
        self.start()
        self.ups = 0
        self.assertEqual(self.up(), "-")
        return self.running("a")["pid"]

    def up(self):
        """What the next run was passed."""
        self.ups += 1
        ups = self.until(lambda: len(u := [t for t in self.log_texts("a", "out") if t.startswith("up ")]) >= self.ups and u,
                         what=f"run {self.ups}")
        return ups[self.ups - 1][3:]

    def do(self, code):
        with open(self.home + "/say", "w", encoding="utf-8") as f:
            f.write(code + "\n")

    def said(self, code):
        """Has the program print what CODE gives."""
        old = len(self.log_texts("a", "out"))
        self.do(f"print('>', {code}, flush=True)")
        new = self.until(lambda: [t for t in self.log_texts("a", "out")[old:] if t.startswith("> ")], what=code)
        return new[0][2:]

    def is_read(self, fifo):
        """Whether somebody has it open for reading."""
        try:
            os.close(os.open(os.path.join(self.home, fifo), os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True

    def main(self):
        """The last run's pid; svcd may not have heard of it yet, if its shim has begun it by standing order."""
        return self.until(lambda: (s := self.service("a"))["run"] == self.ups and s["pid"], what=f"run {self.ups}")

    def kill(self):
        os.kill(self.main(), signal.SIGKILL)

    def test_they_come_back(self):
        self.begin()
        self.do("fd = os.memfd_create('x'); os.write(fd, b'state of run 1'); tell('FDSTORE=1\\nFDNAME=state', fd)")
        self.do("tell('FDSTORE=1', os.memfd_create('y'), os.memfd_create('z'))")
        self.said("1")
        for _ in range(3):  # by standing order, and by svcd
            self.kill()
            self.assertEqual(self.up(), "state,stored,stored")
            self.assertEqual(self.said("once(keep['state'][0])"), "state of run 1")
        self.svcctl("restart", "--replace", "a")
        self.assertEqual(self.up(), "state,stored,stored")
        self.assertEqual(self.said("len(os.listdir('/proc/self/fd'))"), "8")  # 0 1 2, three, say, the folder

    def test_without_svcd_and_after_an_upgrade(self):
        self.begin()
        self.do("fd = os.memfd_create('x'); os.write(fd, b'kept'); tell('FDSTORE=1\\nFDNAME=state', fd)")
        self.said("1")
        self.svcctl("upgrade")
        self.kill()
        self.assertEqual(self.up(), "state")
        pid = self.main()
        self.kill_svcd()
        os.kill(pid, signal.SIGKILL)
        self.start()
        self.assertEqual(self.up(), "state")
        self.assertEqual(self.said("once(keep['state'][0])"), "kept")

    def test_stop_closes_them(self):
        self.begin()
        self.do("r, w = os.pipe(); tell('FDSTORE=1\\nFDNAME=pipe', w); os.mkfifo('probe')")
        self.do("tell('FDSTORE=1\\nFDNAME=probe', os.open('probe', os.O_RDWR))")
        self.said("1")
        self.assertTrue(self.is_read("probe"))
        self.svcctl("stop", "a")
        self.until(lambda: not self.is_read("probe"), what="the end of its shim")
        self.svcctl("start", "a")
        self.assertEqual(self.up(), "-")

    def test_removed_by_name_and_when_the_other_end_is_gone(self):
        self.begin()
        self.do("p = [socket.socketpair() for _ in range(2)]")
        self.do("tell('FDSTORE=1\\nFDNAME=gone', p[0][0].fileno())")
        self.do("tell('FDSTORE=1\\nFDNAME=stays\\nFDPOLL=0', p[1][0].fileno())")
        self.do("fd = os.memfd_create('x'); tell('FDSTORE=1\\nFDNAME=a', fd); tell('FDSTORE=1\\nFDNAME=b', fd)")
        self.do("tell('FDSTOREREMOVE=1\\nFDNAME=nothing'); tell('FDSTORE=1\\nFDNAME=away', os.memfd_create('y'))")
        self.do("tell('FDSTOREREMOVE=1\\nFDNAME=away')")
        self.said("1")
        self.kill()  # both pairs lose their other ends
        self.until(lambda: self.service("a")["run"] == 2, what="the next run")
        names = self.up().split(",")
        self.assertEqual([n for n in names if n != "gone"], ["stays", "a"])  # b is a: stored once
        self.kill()
        self.assertEqual(self.up(), "stays,a")

    def test_limit(self):
        self.begin("fdstore: 2")
        self.do("tell('FDSTORE=1\\nFDNAME=bad:name', os.memfd_create('0'))")
        self.said("1")
        self.logged("a", r' svcd notification refused run=1 text="FDSTORE=1" reason="FDNAME ')
        self.kill()
        self.assertEqual(self.up(), "-")
        self.do("[tell(f'FDSTORE=1\\nFDNAME=n{i}', os.memfd_create('x')) for i in range(9)]")
        self.said("1")
        self.logged("a", r' svcd notification refused run=2 text="FDSTORE=1" reason="as many are stored as may be \(fdstore: 2\)"')
        self.kill()
        self.assertEqual(self.up(), "n0,n1")
        self.assertEqual(len([t for t in self.log_texts("a", "svcd") if "refused run=2" in t]), 1)

    def test_off_by_default(self):
        os.mkfifo(self.home + "/say")
        self.config(f"services: {{a: {{command: {self.python('n.py', PROGRAM)}, watchdog: 1h, restart: {{delay: 10ms}}}}}}")
        self.start()
        self.ups = 0
        self.up()
        self.do("tell('FDSTORE=1', os.memfd_create('x'))")
        self.logged("a", r' svcd notification refused run=1 text="FDSTORE=1" reason="fdstore is not set"')
        self.kill()
        self.assertEqual(self.up(), "-")

    def test_behind_the_sockets(self):
        port = free_port()
        self.begin_with_sockets(port)
        self.do("tell('FDSTORE=1\\nFDNAME=state', os.memfd_create('x'))")
        self.said("1")
        self.kill()
        self.assertRegex(self.up(), r"^[^,]+,state$")
        self.assertEqual(self.said("socket.socket(fileno=os.dup(3)).getsockname()[1]"), str(port))
        with socket.create_connection(("127.0.0.1", port)):
            pass

    def begin_with_sockets(self, port):
        os.mkfifo(self.home + "/say")
        self.config(f"""
            services:
              a:
                command: {self.python('n.py', PROGRAM)}
                restart: {{delay: 10ms}}
                fdstore: 1
                sockets: ["127.0.0.1:{port}"]
        """)
        self.start()
        self.ups = 0
        self.assertNotIn(",", self.up())


if __name__ == "__main__":
    unittest.main()
