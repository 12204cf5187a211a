"""Shims and svcd of different releases understand each other: every recorded session (tests/protocol) is
played against the programs as they are now, once from each side."""

import json
import os
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../helpers"))
from shimproto import ShimTest  # noqa: E402
from shimsession import Actions, load  # noqa: E402
from svcdtest import PYTHON, SvcdTest  # noqa: E402

FOLDER = os.path.join(HERE, "../protocol")
MOCK = os.path.join(HERE, "../helpers/mockshim.py")
# Items that are another run's by nature; of all others the new shim must say what the old one said.
VOLATILE = {"pid", "main_pid", "started_ms", "started_wall_ms", "wall_ms", "ended_ms", "ran_ms", "user_ms",
            "system_ms", "maxrss_bytes"}
TELLING = {"main_pid", "started_ms", "started_wall_ms", "wall_ms", "ended_ms"}  # whether they are 0


def sessions():
    """{name for a test: path}"""
    found = {}
    for release in sorted(os.listdir(FOLDER)):
        folder = os.path.join(FOLDER, release)
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if name.endswith(".session"):
                found[re.sub(r"\W", "_", f"{release}_{name[:-8]}")] = os.path.join(folder, name)
    return found


def for_each_session(play, wanted=lambda session: True):
    """A class decorator: one test for each session that is wanted."""
    def add(cls):
        for name, path in sessions().items():
            if wanted(load(path)):
                setattr(cls, f"test_{name}", lambda self, path=path: play(self, path))
        return cls
    return add


def play_old_shim(self, path):
    self.play(path)


@for_each_session(play_old_shim)
class OldShim(SvcdTest):
    """svcd as it is now is served by shims as they were."""

    limit = 30

    def play(self, path):
        session, actions = load(path), Actions(self)
        self.svcd_env = {"SVCD_SHIM": self.script("shim", f"exec {PYTHON} -B {MOCK} {path}")}
        self.config(session.definitions)
        for step in session.steps:
            if step.do:
                actions.run(step.do)
        self.each_end_once(session)

    def each_end_once(self, session):
        """Every end that a shim reported is on record, once."""
        told = {}
        checks = {s.connection for s in session.frames(kind="INIT") if s.get("flags") == 1}
        names = {s.connection: s.get("name").decode() for s in session.frames() if s.get("name")}
        for s in session.frames(sender="shim"):
            if s.kind in ("EXITED", "START_FAILED") and s.connection not in checks:
                told[names[s.connection], s.get("run")] = 1
        found = {}
        for e in self.events():
            if e["event"] in ("exited", "start failed"):
                key = (e["service"], e["run"])
                found[key] = found.get(key, 0) + 1
        self.assertEqual(found, told)


def inherit_old_shim(self, path):
    self.inherit(path)


@for_each_session(inherit_old_shim, lambda session: "state" in session.header)
class OldState(SvcdTest):
    """What an old svcd has left, its state and its shims, is taken over by svcd as it is now: an upgrade."""

    limit = 30

    def put_state(self, session):
        """The old svcd's state, as if it had been written a moment ago, in this boot."""
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
            boot = f.read().strip()
        shift = {"wall": int(time.time() * 1000) - int(session.header["wall_ms"]),
                 "mono": int(time.monotonic() * 1000) - int(session.header["monotonic_ms"])}
        state = json.loads(session.header["state"].replace(session.header["home"], self.home))
        state["boot_id"] = boot
        for service in state["services"].values():
            for key in ("started_ms", "started_wall_ms", "not_before_ms", "restart_grace_ms"):
                if key in service:
                    service[key] += shift["wall" if "wall" in key else "mono"]
        self.write(os.path.join(self.root, "svcd/state.json"), json.dumps(state))
        return state

    def inherit(self, path):
        session, actions = load(path), Actions(self)
        self.config(session.definitions)
        self.put_state(session)
        for folder in ("run/shims", "logs/services"):
            os.makedirs(os.path.join(self.root, folder), 0o700)
        at = [s.do for s in session.steps].index("crash")
        for step in session.steps[:at]:
            if step.do and step.do.startswith("fifo"):
                actions.run(step.do)
        names = {os.fsdecode(s.get("name")) for s in session.frames(kind="INIT")}
        mocks = [subprocess.Popen([PYTHON, "-B", MOCK, path, self.run_dir, name], stdout=subprocess.PIPE)
                 for name in sorted(names)]
        self.programs += mocks
        for name in names:
            self.until(lambda name=name: os.path.exists(os.path.join(self.run_dir, "shims", name)),
                       what="the mock's record")
        for step in session.steps[at + 1:]:
            if step.do == "start":
                for mock in mocks:
                    self.assertEqual(mock.stdout.readline(), b"ready\n")
                    mock.stdout.close()
            if step.do:
                actions.run(step.do)


def drive_new_shim(self, path):
    self.drive(path)


@for_each_session(drive_new_shim)
class OldSvcd(ShimTest):
    """A shim as it is now gets the orders of svcd as it was, and answers with all that one needs."""

    def drive(self, path):
        self.session = load(path)
        self.there = self.session.header["home"].encode()
        self.home = self.folder
        self.run_dir = os.path.join(self.folder, "admin/run")
        os.makedirs(os.path.join(self.run_dir, "shims"), 0o700)
        self.server, self.open, self.main, self.lost = None, {}, {}, set()
        for step in self.session.steps:
            if step.do:
                verb, *words = step.do.split()
                getattr(self, "do_" + verb, lambda *_: None)(*words)
            elif step.sender == "svcd":
                self.say(step)
            else:
                self.hear(step)

    def log_path(self, name):
        return os.path.join(self.folder, "admin/logs/services", name + ".log")

    # ---- what happened ----

    def do_fifo(self, path):
        os.mkfifo(os.path.join(self.folder, path))

    def do_tell(self, path, *words):
        with open(os.path.join(self.folder, path), "w", encoding="ascii") as f:
            f.write(" ".join(words) + "\n")

    def do_kill(self, name, signame):
        os.kill(self.main[name.encode()], getattr(signal, "SIG" + signame))

    def do_pause(self, ms):
        time.sleep(int(ms) / 1000)

    def do_written(self, path):
        self.until(lambda: self.read(os.path.join(self.folder, path)), path)

    def do_logged(self, name, *pattern):
        self.until(lambda: " ".join(pattern).encode() in self.read(self.log_path(name)), pattern)

    def do_crash(self):
        for link in self.open.values():
            link.close()
        self.lost = set(self.open)

    def do_start(self):
        if self.lost:
            self.server = self.listen()

    # ---- frames ----

    def name_of(self, connection):
        first = self.session.frames(connection=connection)[0]
        return first.get("name"), first.kind == "INIT"

    def link(self, connection):
        """The connection that stands for a recorded one."""
        if connection in self.open:
            return self.open[connection]
        name, fresh = self.name_of(connection)
        if fresh:
            self.open[connection] = self.raw(name.decode())
        while connection not in self.open:
            link = self.accept(self.server)
            hello = link.expect("HELLO")
            link.seen.insert(0, hello)
            for c in {s.connection for s in self.session.frames()} - set(self.open):
                if self.name_of(c) == (hello.name, False):
                    self.open[c] = link
        return self.open[connection]

    def say(self, step):
        def here(_, value):
            return value.replace(self.there, self.folder.encode()) if isinstance(value, bytes) else value
        self.link(step.connection).sock.sendall(step.pack(self.session.version, here))

    def hear(self, step):
        link = self.link(step.connection)
        frame = link.expect(step.kind)
        for name, value in step.items:
            self.assertIn(name, frame.items, f"{step.kind} without {name}: {frame}")
            if name not in VOLATILE:
                self.assertEqual(frame.items[name], value, f"{step.kind}: {name}")
            elif name in TELLING:
                self.assertEqual(frame.items[name] != 0, value != 0, f"{step.kind}: {name}")
        if step.kind == "STARTED" or step.kind == "HELLO" and frame.main_pid:
            self.main[self.name_of(step.connection)[0]] = frame.main_pid
