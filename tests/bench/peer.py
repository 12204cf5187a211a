"""peer: the small interface that every supervisor in peer_*.py has, and how one is measured by it.

A Peer is made for N services in an empty folder; `define` writes its definitions, `launch` starts it, and the others
are commands as people type them. A service is `tiny SLOTS I`, which notes in slot I when it was exec'ed.
"""

import mmap
import os
import signal
import statistics
import struct
import subprocess
import time

from bench import Missing
import shimproto  # makes this process the reaper of orphans

LIMIT = 60         # seconds for anything
KILLS = 100        # of different services; p99 is the second worst of them
KILLS_OF_ONE = 4   # each after a run of over a second
KILLS_S = 5        # however slow a peer is
RESTARTS_S = 3


def family():
    """All that descends from here."""
    found, new = set(), [os.getpid()]
    while new:
        new = [q for p in new for q in shimproto.children(p) if q not in found]
        found.update(new)
    return found


def reap(root):
    """Orphans that have ended; the end of ROOT is for its own Popen."""
    try:
        while (about := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and about.si_pid != root.pid:
            os.waitpid(about.si_pid, 0)
    except ChildProcessError:
        pass


def too_long(*_):
    raise TimeoutError(f"a command took more than {LIMIT} s")


class Peer:
    name = ""
    most = None  # services, if it has a limit of its own
    limit = "1,000 services are compiled in"
    needs = ()   # programs
    bare = False  # no supervisor at all
    looks = {}    # what else it is asked, {words: command}

    def __init__(self, b, n, slots="slots"):
        self.b, self.n, self.folder = b, n, b.folder
        for program in self.needs:
            b.program(program)
        if self.most and n > self.most:
            raise Missing(self.limit)
        self.slots = os.path.join(self.folder, slots)
        with open(self.slots, "wb") as f:
            f.truncate(16 * n)
        with open(self.slots, "rb") as f:
            self.map = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)

    # ---- what each of them says for itself ----

    def define(self):
        raise NotImplementedError

    def launch(self):
        raise NotImplementedError

    def status(self, i=None):
        """The command that shows service I, or all."""
        return None

    def restart(self, i):
        return None

    def stop(self):
        """Ends the supervisor and all services."""
        self.root.send_signal(signal.SIGTERM)

    # ---- what they have in common ----

    def service(self, i):
        return [self.b.built("tests/bench/tiny"), self.slots, str(i)]

    def env(self):
        return {"HOME": self.folder, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin:/command", "LANG": "C.UTF-8"}

    def start(self, argv, **more):
        self.root = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL, env=self.env(), cwd=self.folder, **more)

    def run(self, argv):
        """By a wait that blocks: one with a timeout looks after 0.5, 1.5, 3.5 and 7.5 ms, and would measure itself."""
        signal.signal(signal.SIGALRM, too_long)
        signal.alarm(LIMIT)
        try:
            subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           env=self.env(), cwd=self.folder, check=False)
        finally:
            signal.alarm(0)

    def slot(self, i):
        """(ns of the last exec, pid)"""
        return struct.unpack_from("qq", self.map, 16 * i)

    def pids(self):
        return [self.slot(i)[1] for i in range(self.n)]

    def until(self, condition, what):
        end = time.monotonic() + LIMIT
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"{what} took more than {LIMIT} s")
            reap(self.root)
            time.sleep(0.001)

    def has_failed(self):
        """Before it has started everything. (pm2's first process is a client.)"""
        return bool(self.root.poll())

    def own(self):
        """The pids of the supervisor, whatever it consists of."""
        return family() - set(self.pids())


def memory(pids):
    """(PSS, private dirty) in KiB"""
    pss = dirty = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                for line in f:
                    if line.startswith("Pss:"):
                        pss += int(line.split()[1])
                    elif line.startswith("Private_Dirty:"):
                        dirty += int(line.split()[1])
        except (ProcessLookupError, FileNotFoundError):
            pass
    return pss, dirty


def activity(pids):
    """(ns of CPU, how often it got the CPU)"""
    cpu = turns = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
                ns, _, times = f.read().split()
                cpu, turns = cpu + int(ns), turns + int(times)
        except (ProcessLookupError, FileNotFoundError):
            pass
    return cpu, turns


def next_exec(peer, i, do):
    """ms from what DO does to the next exec of service I."""
    _, pid = peer.slot(i)
    begun = time.monotonic_ns()
    do(pid)
    peer.until(lambda: peer.slot(i)[1] != pid and peer.slot(i)[0] > begun, "a new run")
    return (peer.slot(i)[0] - begun) / 1e6


def runs_long(peer, i):
    """Until service I has been up for over a second."""
    while time.monotonic_ns() - peer.slot(i)[0] < 1_200_000_000:
        time.sleep(0.01)


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def p99(values):
    return sorted(values)[int(0.99 * (len(values) - 1) + 0.5)]


def kills(peer, found):
    """kill -9 to exec, of the peer and, in turns with it, of the bare loop with as many services: what else the
    machine does at that moment meets both."""
    from peer_loop import Loop
    loop = Loop(peer.b, peer.n, "loop-slots")
    loop.launch()
    loop.until(lambda: all(loop.slot(i)[0] for i in range(loop.n)), "the loop's services")
    took = {peer: [], loop: []}
    times = KILLS if peer.n > 1 else KILLS_OF_ONE
    end = time.monotonic() + KILLS_S
    for k in range(times):
        i = k * max(1, peer.n // times) % peer.n
        for who in (peer, loop) if k % 2 else (loop, peer):
            runs_long(who, i)
            took[who].append(next_exec(who, i, kill))
        if time.monotonic() > end:
            break
    loop.stop()
    loop.until(lambda: loop.root.poll() is not None, "the loop's end")
    loop.map.close()
    found["kill to exec, median ms"] = statistics.median(took[peer])
    found["the same of the loop beside it, median ms"] = statistics.median(took[loop])
    if peer.n > 1:
        found["kill to exec, p99 ms"] = p99(took[peer])
        found["the same of the loop beside it, p99 ms"] = p99(took[loop])
    found["kills that were measured"] = len(took[peer])


def command_ms(peer, argv, times):
    took = []
    for _ in range(times):
        begun = time.monotonic()
        peer.run(argv)
        took.append(1000 * (time.monotonic() - begun))
    return statistics.median(took)


def bury(spare):
    """Ends what is left, by pid: all of it descends from here."""
    for _ in range(200):
        left = family() - spare
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        if not left:
            return
        time.sleep(0.01)


def idle(peer, found, idle_s):
    own = peer.own()
    cpu, turns = activity(own)
    time.sleep(idle_s)
    cpu_then, turns_then = activity(own)
    found["idle, wake-ups a minute"] = (turns_then - turns) * 60 / idle_s
    found["idle, CPU ms a minute"] = (cpu_then - cpu) / 1e6 * 60 / idle_s


def restarts(peer, found):
    which = [k * max(1, peer.n // 10) % peer.n for k in range(10 if peer.n > 1 else 5)]
    took, end = [], time.monotonic() + RESTARTS_S
    for i in which:
        if peer.n > 1:
            runs_long(peer, i)
        took.append(next_exec(peer, i, lambda _, i=i: peer.run(peer.restart(i))))
        if time.monotonic() > end:
            break
    found["restart to exec, ms"] = statistics.median(took)


def commands(peer, found):
    if peer.status(0):
        found["status of one, ms"] = command_ms(peer, peer.status(0), 5)
        found["status of all, ms"] = command_ms(peer, peer.status(), 3)
    for what, command in peer.looks.items():
        found[f"{what}, ms"] = command_ms(peer, command, 3)


def measure(peer, idle_s=0):
    """A dict of figures of one life."""
    found = {}
    peer.define()
    spare = family()
    try:
        begun = time.monotonic_ns()
        peer.launch()
        peer.until(lambda: all(peer.slot(i)[0] for i in range(peer.n)) or peer.has_failed(), "the first run of all")
        if peer.has_failed():
            raise OSError(f"{peer.name} ended with status {peer.root.returncode}")
        found["start, ms"] = (max(peer.slot(i)[0] for i in range(peer.n)) - begun) / 1e6
        time.sleep(1 if peer.bare else 3 + peer.n / 1000)
        found["PSS, KiB"], found["private dirty, KiB"] = memory(peer.own())
        if peer.bare:
            found["each service, PSS KiB"] = memory(peer.pids())[0] / peer.n
        else:
            if idle_s:
                idle(peer, found, idle_s)
            kills(peer, found)
            if peer.restart(0):
                restarts(peer, found)
            commands(peer, found)
        begun = time.monotonic()
        peer.stop()
        peer.until(lambda: peer.root.poll() is not None and not any(os.path.exists(f"/proc/{p}") for p in peer.pids()),
                   "the end of all")
        found["stop, ms"] = 1000 * (time.monotonic() - begun)
    finally:
        peer.map.close()
        bury(spare)
    return found
