#!/usr/bin/env python3
"""record: plays the scenarios below with the built programs and writes what svcd and its shims said to each
other, one file a scenario, into tests/protocol/VERSION/. Needs strace: svcd is traced, so nothing of
either program is replaced and what is written is what went over the sockets.

    make && python3 tests/protocol/record.py [SCENARIO...]

Run it once for each release, with its tree, and commit the files. They never change afterwards.
"""

import os
import re
import subprocess
import sys
import textwrap
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "helpers"))
from shimproto import HEADER, MAGIC, VERSION  # noqa: E402
from shimsession import Actions, Session, Step, parse, unpack  # noqa: E402
from svcdtest import BIN, SvcdTest  # noqa: E402

WAITS = "sh -c 'read x < fifo; exit $x'"
NOTIFIES = ('[python3, -c, \'import os, socket, time; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM);'
            ' a = os.environ["NOTIFY_SOCKET"].replace("@", chr(0), 1);'
            ' s.sendto(b"STATUS=warming up", a); s.sendto(b"READY=1\\nSTATUS=at-work", a);'
            ' time.sleep(1000)\']')

# Name: what it is about, definitions, what is done. Each ends with svcd, so that each is whole.
SCENARIOS = {
    "stop": ("a start, and a clean stop", """
        services:
          a: {command: sleep 1000, restart: {delay: 1h, max_delay: 1h}}
        """, """
        start
        until a state=running run=1
        svcctl stop a
        until a state=stopped pid=None last_exit.signal=TERM last_exit.run=1
        svcctl start a
        until a state=running run=2
        end"""),
    "kill": ("a stop that takes KILL", """
        services:
          a:
            command: sh -c 'trap "" TERM; echo deaf > deaf; while :; do read x < fifo; done'
            stop: {timeout: 200ms}
        """, """
        fifo fifo
        start
        until a state=running
        written deaf
        svcctl stop a
        until a state=stopped last_exit.signal=KILL
        end"""),
    "exit": ("a run that ends by itself, and its report", f"""
        services:
          a:
            command: {WAITS}
            restart: {{delay: 1h, max_delay: 1h}}
        """, """
        fifo fifo
        start
        until a state=running run=1
        tell fifo 3
        until a state=backoff last_exit.code=3 failures=1
        svcctl start a
        until a state=running run=2
        end"""),
    "failed": ("starts that fail, by step", """
        services:
          a: {command: ./missing, restart: {max_failures: 1}}
          b: {command: sleep 1000, working_directory: nowhere, restart: {max_failures: 1}}
        """, """
        start
        until a state=disabled disabled_cause=failures
        until b state=disabled disabled_cause=failures
        end"""),
    "order": ("a standing order that is carried out", """
        services:
          a: {command: sleep 1000, restart: {delay: 50ms, max_delay: 50ms}}
        """, """
        start
        until a state=running run=1
        pause 300
        kill a KILL
        until a state=running run=2 last_exit.signal=KILL failures=1
        end"""),
    "restart": ("svcctl restart: by signal, and with a new run; settings that change live", """
        services:
          a: {command: sleep 1000, limits: {files: 200}}
        """, """
        start
        until a state=running run=1
        svcctl restart a
        until a state=running run=2 failures=0
        svcctl restart --replace a
        until a state=running run=3 failures=0
        define files: 200 => files: 100
        svcctl signal CONT a
        end"""),
    "notify": ("readiness and status by sd_notify", f"""
        services:
          a:
            ready: notify
            command: {NOTIFIES}
        """, """
        start
        until a state=running status_text=at-work
        end"""),
    "leftover": ("a main process that leaves a child behind", """
        services:
          a:
            command: sh -c 'sleep 1000 & read x < fifo; exit 0'
            restart: {delay: 1h, max_delay: 1h}
        """, """
        fifo fifo
        start
        until a state=running
        tell fifo 0
        until a state=backoff last_exit.code=0 failures=1
        end"""),
    "check": ("monitoring commands, one good and one bad", """
        services:
          a: {command: sleep 1000, monitoring: {command: "true", interval: 1h}}
          b: {command: sleep 1000, monitoring: {command: "echo no; exit 4", interval: 1h, failures: 2}}
        """, """
        start
        until a state=running health=ok
        until b state=running health=failing
        end"""),
    "adopt": ("svcd is killed and another one comes", f"""
        services:
          a: {{command: sleep 1000}}
          n:
            ready: notify
            command: {NOTIFIES}
        """, """
        start
        until a state=running run=1
        until n state=running
        crash
        start
        until a state=running run=1
        until n state=running status_text=at-work
        svcctl stop a
        until a state=stopped last_exit.signal=TERM
        end"""),
    "adopt-exited": ("a run ends while no svcd is there: the report waits", f"""
        services:
          a:
            command: {WAITS}
            restart: {{delay: 1h, max_delay: 1h}}
        """, """
        fifo fifo
        start
        until a state=running run=1
        crash
        tell fifo 5
        logged a exited run=1
        start
        until a state=backoff last_exit.code=5 failures=1
        end"""),
    "adopt-order": ("a run ends while no svcd is there, and the standing order is carried out", """
        services:
          a: {command: sleep 1000, restart: {delay: 50ms, max_delay: 50ms}}
        """, """
        start
        until a state=running run=1
        pause 300
        crash
        kill a KILL
        logged a started run=2
        start
        until a state=running run=2 last_exit.signal=KILL failures=1
        end"""),
    "adopt-leftover": ("a main process leaves a child behind while no svcd is there", """
        services:
          a:
            command: sh -c 'sleep 1000 & read x < fifo; exit 0'
            restart: {delay: 1h, max_delay: 1h}
        """, """
        fifo fifo
        start
        until a state=running
        crash
        tell fifo 0
        logged a exited run=1
        start
        until a state=backoff last_exit.code=0 failures=1
        end"""),
}

CALL = re.compile(r'(\d+\.\d+) (sendto|recvfrom|close)\((\d+)(?:, "((?:\\x..)*)".*)?\)? += (-?\d+)')


class Streams:
    """strace's lines as frames: [(time, connection, sender, kind, items)]."""

    def __init__(self):
        self.frames, self.data, self.open, self.connections = [], {}, {}, 0

    def forget(self, fd=None):
        for key in [k for k in self.data if fd in (None, k[0])]:
            assert not self.data.pop(key), "a frame was cut off"
        self.open = {} if fd is None else {k: v for k, v in self.open.items() if k != fd}

    def add(self, line):
        m = CALL.match(line)
        if not m:
            return
        at, name, fd, data, result = float(m[1]), m[2], int(m[3]), m[4] or "", int(m[5])
        if name == "close":
            self.forget(fd)
            return
        data = bytes.fromhex(data.replace("\\x", ""))[:max(result, 0)]
        if not data:
            return
        if fd not in self.open:
            if data[:4] != MAGIC.to_bytes(4, sys.byteorder):
                return  # a client of the control socket, or the nursery
            self.connections += 1
            self.open[fd] = self.connections
        key = (fd, "svcd" if name == "sendto" else "shim")
        self.data[key] = self.data.get(key, b"") + data
        self.take(at, key)

    def take(self, at, key):
        while len(self.data[key]) >= HEADER.size:
            whole = HEADER.size + HEADER.unpack_from(self.data[key])[1]
            if len(self.data[key]) < whole:
                return
            frame, self.data[key] = self.data[key][:whole], self.data[key][whole:]
            kind, items = unpack(frame, VERSION)
            step = Step(None, self.open[key[0]], key[1], kind, items)
            assert step.pack(VERSION) == frame
            self.frames.append((at, step))


class Recorder(SvcdTest):
    """One scenario: self.name."""

    limit = 120

    def start(self, *arguments, **_):
        self.traces.append(os.path.join(self.tmp, f"trace.{len(self.traces)}"))
        errors = open(self.svcd_errors, "ab")
        # -D: svcd stays our own child, strace is one of its descendants.
        command = ["strace", "-D", "-ttt", "-xx", "-s", "2000000", "-e", "signal=none", "-e",
                   "trace=sendto,recvfrom,close", "-o", self.traces[-1], os.path.join(BIN, "svcd")]
        self.svcd = subprocess.Popen([*command, *arguments], stdin=subprocess.DEVNULL, stdout=errors,
                                     stderr=errors, env=self.environment(), cwd=self.home,
                                     start_new_session=True)
        errors.close()
        self.until(self.answers, what="svcd's answer", limit=20)
        return self.svcd

    def frames(self):
        streams = Streams()
        for path in self.traces:
            with open(path, encoding="ascii") as f:
                for line in f:
                    streams.add(line)
            streams.forget()
        return streams.frames

    def record(self, name):
        title, definitions, actions = SCENARIOS[name]
        self.traces, done, run = [], [], Actions(self)
        self.config(definitions)
        header = {"release": version(), "title": title, "home": self.home,
                  "monotonic_ms": int(time.monotonic() * 1000), "wall_ms": int(time.time() * 1000)}
        for action in filter(None, map(str.strip, actions.splitlines())):
            done.append((time.time(), Step(do=action)))
            run.run(action)
            if action == "crash":
                header["state"] = self.read(os.path.join(self.root, "svcd/state.json"))
        steps = [s for _, s in sorted(done + self.frames(), key=lambda pair: pair[0])]
        text = Session(VERSION, header, textwrap.dedent(definitions).strip("\n") + "\n", steps).text()
        assert parse(text).text() == text
        folder = os.path.join(HERE, version())
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, name + ".session"), "w", encoding="utf-8") as f:
            f.write(text)


def version():
    said = subprocess.run([os.path.join(BIN, "svcd"), "--version"], capture_output=True, text=True, check=True)
    return said.stdout.split()[1]


def main():
    names = sys.argv[1:] or sorted(SCENARIOS)
    for name in names:
        setattr(Recorder, f"test_{name}", lambda self, name=name: self.record(name))
    suite = unittest.TestSuite(Recorder(f"test_{name}") for name in names)
    return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
