"""How fast output gets into a log, and at what cost: against `cat > file`, s6-log and svlogd, which is what a
service's output passes through elsewhere. All rotate at 10 MiB and keep 5 files, as log.max_size and log.keep are
where nobody says otherwise, but for cat, which does not rotate; none of them puts times in front of lines, but for
svc-shim."""

import datetime
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time

from bench import row
import shimproto
import svcdtest

ROTATE, KEEP = int(os.environ.get("BENCH_ROTATE", 10 << 20)), 5


def flood(b):
    return b.built("tests/bench/flood")


# ---- one measurement: seconds of wall clock, seconds of CPU of whoever takes the output ----

def through(b, argv, amount, write, stdout=None, rate=0):
    """flood | ARGV"""
    r, w = os.pipe()
    out = os.open(stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) if stdout else os.open(os.devnull, os.O_WRONLY)
    begun = time.monotonic()
    taker = subprocess.Popen(argv, stdin=r, stdout=out)
    os.close(r)
    giver = subprocess.Popen([flood(b), str(amount), str(write), str(rate)], stdout=w)
    os.close(w)
    os.close(out)
    giver.wait()
    _, _, usage = os.wait4(taker.pid, 0)
    taker.returncode = 0
    return time.monotonic() - begun, usage.ru_utime + usage.ru_stime


def cat(b, amount, write, rate=0):
    return through(b, [b.program("cat")], amount, write, os.path.join(b.folder, "log"), rate)


def s6_log(b, amount, write, rate=0):
    return through(b, [b.program("s6-log"), f"n{KEEP}", f"s{ROTATE}", os.path.join(b.folder, "log")],
                   amount, write, None, rate)


def svlogd(b, amount, write, rate=0):
    folder = os.path.join(b.folder, "log")
    os.mkdir(folder)
    with open(os.path.join(folder, "config"), "w", encoding="ascii") as f:
        f.write(f"s{ROTATE}\nn{KEEP}\n")
    return through(b, [b.program("svlogd"), folder], amount, write, None, rate)


def multilog(b, amount, write, rate=0):
    return through(b, [b.program("multilog"), f"s{ROTATE}", f"n{KEEP}", os.path.join(b.folder, "log")],
                   amount, write, None, rate)


def direct(b, amount, write, rate=0):
    """No logger at all: what the program and the disk make of it."""
    out = os.open(os.path.join(b.folder, "log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    begun = time.monotonic()
    subprocess.run([flood(b), str(amount), str(write), str(rate)], stdout=out, check=True)
    os.close(out)
    return time.monotonic() - begun, 0


class Shim:
    """A nursery with one shim, and the svcd's end of its connection."""

    def __init__(self, b, **log):
        self.folder = b.folder
        self.run_dir = os.path.join(b.folder, "run")
        os.makedirs(os.path.join(self.run_dir, "shims"), 0o700)
        self.nursery, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        program = b.built("svc-shim")
        self.nursery_pid = os.posix_spawn(program, [program, "-" * 80], {},
                                          file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)])
        theirs.close()
        mine, theirs = socket.socketpair()
        socket.send_fds(self.nursery, [b"F"], [theirs.fileno()])
        theirs.close()
        self.link = shimproto.Shim(self, mine, "a", 0)
        self.link.send("INIT", name="a", run_dir=self.run_dir, log_path=os.path.join(b.folder, "logs/a.log"),
                       log_max_size=ROTATE, log_keep=KEEP, **log)
        self.pid = self.link.expect("HELLO").pid

    def cpu(self):
        """Of all its threads, those that have ended too: clock_getcpuclockid(3)."""
        return time.clock_gettime(~self.pid << 3 | 2)

    def private_kib(self):
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("Private_Dirty:"))

    def end(self):
        self.link.close()
        self.nursery.close()
        for pid in shimproto.descendants(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while os.waitpid(-1, 0):
                pass
        except ChildProcessError:
            pass


def svc_shim(b, amount, write, rate=0, **log):
    shim = Shim(b, **log)
    try:
        before, begun = shim.cpu(), time.monotonic()
        shim.link.start([flood(b), str(amount), str(write), str(rate)])
        shim.link.expect("EXITED", limit=300)
        return time.monotonic() - begun, shim.cpu() - before
    finally:
        shim.end()


# ---- rows ----

def subjects(measure, plain=True):
    """MEASURE(take): take(amount, write, rate) is one of the above."""
    found = {"direct": lambda b: direct, "cat": lambda b: cat, "svc-shim": lambda b: svc_shim,
             "svc-shim, plain": lambda b: lambda *a: svc_shim(*a, log_plain=1),
             "s6-log": lambda b: s6_log, "svlogd": lambda b: svlogd, "multilog": lambda b: multilog}
    if not plain:
        del found["svc-shim, plain"], found["direct"]
    return lambda b: {name: (lambda take: lambda: measure(b, take(b)))(take) for name, take in found.items()}


def speed(amount, write):
    def measure(b, take):
        n = int(amount * b.scale)
        return n / 1e6 / take(b, n, write)[0]
    return measure


@row("log-64k", "64 KiB writes of 100-byte lines, as fast as they are taken", "MB/s",
     [("svc-shim", ">=", 0.5, "cat"), ("svc-shim, plain", ">=", 0.9, "cat")])
def log_64k(b):
    return subjects(speed(400_000_000, 65536))(b)


@row("log-100", "100-byte writes, as fast as they are taken", "MB/s",
     [("svc-shim", ">=", 1.0, "cat"), ("svc-shim, plain", ">=", 0.9, "cat")])
def log_100(b):
    return subjects(speed(60_000_000, 100))(b)


@row("log-cpu", "CPU for a GB in 64 KiB writes of 100-byte lines", "s/GB",
     [("svc-shim", "<=", 0.25, "s6-log")])
def log_cpu(b):
    def measure(b, take):
        n = int(300_000_000 * b.scale)
        return take(b, n, 65536)[1] / n * 1e9
    return subjects(measure, plain=False)(b)


@row("log-lost", "bytes of 40 MB that are in no file in the end, less than is kept", "bytes",
     [("svc-shim", "<=", 0, None), ("svc-shim, plain", "<=", 0, None)])
def log_lost(b):
    def measure(b, take):
        n = int(40_000_000 * b.scale) // 100 * 100
        take(b, n, 65536)
        said = re.compile(rb"abcdefghijklmnopqrstuvwxyz[a-z]*(?=\n)")
        return n - sum(len(text) + 1 for folder, _, names in os.walk(b.folder) for name in names
                       for text in said.findall(open(os.path.join(folder, name), "rb").read()))
    return subjects(measure)(b)


@row("log-steady", "100,000 lines of 100 bytes a second, each its own write: share of a core", "%",
     [("svc-shim", "<=", 2.0, None)])
def log_steady(b):
    def measure(b, take):
        wall, cpu = take(b, int(30_000_000 * b.scale), 100, 100_000)
        return 100 * cpu / wall
    return subjects(measure, plain=False)(b)


@row("log-memory", "private memory of a shim at rest, at full speed, and 3 s later", "KiB",
     [("svc-shim: afterwards", "<=", 1.5, "svc-shim: before"), ("svc-shim: at full speed", "<=", 300, None)])
def log_memory(b):
    def measure():
        shim = Shim(b)
        try:
            time.sleep(2.5)
            before = shim.private_kib()
            shim.link.start([flood(b), str(int(400_000_000 * b.scale)), "65536"])
            most, end = 0, None
            while not end or end.kind != "EXITED":
                most = max(most, shim.private_kib())
                end = shim.link.quiet(0.02)
            shim.link.ack(end, "exited run=1")
            time.sleep(3)
            return {"before": before, "at full speed": most, "afterwards": shim.private_kib()}
        finally:
            shim.end()
    return {"svc-shim": measure}


TICKER = """
import time
while True:
    print(time.time(), flush=True)
    time.sleep(0.02)
"""


def neighbours(b, chatty):
    """An svcd with a service that says little, and perhaps one that says all it can: what the others notice."""
    root = os.path.join(b.folder, "root")
    os.makedirs(os.path.join(root, "config"), 0o700)
    ticker = os.path.join(b.folder, "ticker.py")
    with open(ticker, "w", encoding="ascii") as f:
        f.write(TICKER)
    with open(os.path.join(root, "config/services.yaml"), "w", encoding="ascii") as f:
        f.write(f"services:\n  ticker: {{command: [{sys.executable}, {ticker}]}}\n")
        if chatty:
            f.write(f"  chatty: {{command: [{flood(b)}, '{1 << 50}', '65536']}}\n")
    os.chmod(os.path.join(root, "config/services.yaml"), 0o600)
    svcd = subprocess.Popen([b.built("svcd"), "--root", root], stderr=subprocess.DEVNULL,
                            env={"HOME": b.folder, "PATH": os.environ["PATH"]})
    try:
        answers = []
        log = os.path.join(root, "logs/services/ticker.log")
        while not (os.path.exists(log) and b" out " in open(log, "rb").read()):
            time.sleep(0.05)
        with svcdtest.Varlink(os.path.join(root, "run")) as v:
            end = time.monotonic() + 3 * b.scale
            while time.monotonic() < end:
                begun = time.monotonic()
                v.call("Status", {})
                answers.append(1000 * (time.monotonic() - begun))
                time.sleep(0.005)
        with open(log, encoding="ascii") as f:
            lines = re.findall(r"^(\S+) out ([0-9.]+)$", f.read(), re.M)
        late = [1000 * (datetime.datetime.fromisoformat(at).timestamp() - float(said)) for at, said in lines]
    finally:
        svcd.terminate()
        svcd.wait()
    return {"answer, median": statistics.median(answers), "answer, 99 %": statistics.quantiles(answers, n=100)[98],
            "line to log, 99 %": statistics.quantiles(late, n=100)[98]}


@row("log-neighbours", "what svcd's answers and another service's log notice of a service that floods its log", "ms",
     [("chatty: answer, median", "<=", 5, None)])
def log_neighbours(b):
    return {"quiet": lambda: neighbours(b, False), "chatty": lambda: neighbours(b, True)}
