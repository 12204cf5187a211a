"""svcd beside other supervisors, at the same work in the same run: N services that do nothing, with output captured.
Each of them is in a peer_*.py; `vfork loop` is no supervisor but the limit of what one can reach."""

import importlib
import os

import peer
from bench import row

ORDER = ["loop", "svcd", "runit", "s6", "daemontools", "supervisor", "monit", "pm2"]


def peers():
    found = []
    for name in ORDER:
        module = importlib.import_module(f"peer_{name}")
        found += [c for c in vars(module).values() if isinstance(c, type) and issubclass(c, peer.Peer) and
                  c.__module__ == module.__name__]
    return found


def subjects(b, n, idle_s=0):
    only = [w for w in os.environ.get("PEERS", "").split(",") if w]
    return {p.name: (lambda p: lambda: peer.measure(p(b, max(1, int(n * b.scale))), idle_s))(p) for p in peers()
            if not only or p.name in only or p.name == "vfork loop"}


LOOP = "vfork loop: "


@row("peers-1", "one service", "as it says",
     [("svcd: PSS, KiB", "<=", 2048, None), ("svcd: private dirty, KiB", "<=", 614, None),
      ("svcd: restart to exec, ms", "<=", 3, None)])
def peers_1(b):
    return subjects(b, 1)


@row("peers-0100", "100 services", "as it says",
     [("svcd: idle, wake-ups a minute", "<=", 0, None), ("svcd: idle, CPU ms a minute", "<=", 0, None),
      ("svcd: kill to exec, median ms", "<=", 2, LOOP + "kill to exec, median ms"),
      ("svcd: kill to exec, most ms", "<=", 4, LOOP + "kill to exec, most ms")])
def peers_100(b):
    return subjects(b, 100, idle_s=10)


@row("peers-1000", "1,000 services", "as it says",
     [("svcd: PSS, KiB", "<=", 20 * 1024, None),
      ("svcd: start, ms", "<=", 2.5, LOOP + "start, ms"),
      ("svcd: kill to exec, median ms", "<=", 2, LOOP + "kill to exec, median ms"),
      ("svcd: kill to exec, most ms", "<=", 4, LOOP + "kill to exec, most ms"),
      ("svcd: status of one, ms", "<=", 2, None), ("svcd: status of all, ms", "<=", 8, None),
      ("svcd: stop, ms", "<=", 200, None)])
def peers_1000(b):
    return subjects(b, 1000)


@row("peers-5000", "5,000 services", "as it says",
     [("svcd: PSS, KiB", "<=", 5 * 20 * 1024, None),
      ("svcd: start, ms", "<=", 2.5, LOOP + "start, ms")])
def peers_5000(b):
    return subjects(b, 5000)
