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


class Life:
    """One life of a peer, as a subject of a row. The others need no more than a round: they are slow, and
    their figures are far away. Files are deleted at the end only: for minutes ext4 passes by each inode that was
    deleted, so that the next thousand services would wait for their logs ten times as long."""

    keeps = True

    def __init__(self, b, make, n, idle_s=0):
        self.b, self.make, self.idle_s = b, make, idle_s
        self.n = max(1, int(n * b.scale))
        self.rounds = 1 if make.name not in ("svcd", "vfork loop") else 2 if n > 1000 else 3

    def __call__(self):
        return peer.measure(self.make(self.b, self.n), self.idle_s)


def subjects(b, n, idle_s=0, names=None):
    """NAMES: if PEERS does not say which."""
    only = [w for w in os.environ.get("PEERS", "").split(",") if w] or names
    return {p.name: Life(b, p, n, idle_s) for p in peers() if not only or p.name in only or p.name == "vfork loop"}


LOOP = "vfork loop: "
KILLED = [("svcd: kill to exec, median ms", "<=", 2, "svcd: the same of the loop beside it, median ms"),
          ("svcd: kill to exec, p99 ms", "<=", 4, "svcd: the same of the loop beside it, p99 ms")]


@row("peers-1", "one service", "as it says",
     [("svcd: PSS, KiB", "<=", 2048, None), ("svcd: private dirty, KiB", "<=", 614, None),
      ("svcd: restart to exec, ms", "<=", 3, None)])
def peers_1(b):
    """From launch to the first instruction of the service; memory of all processes but the service's, three seconds
    later; kill -9 and the restart command to the first instruction of the next run; the commands with what it takes to
    execute them."""
    return subjects(b, 1)


@row("peers-0100", "100 services", "as it says",
     [("svcd: idle, wake-ups a minute", "<=", 0, None), ("svcd: idle, CPU ms a minute", "<=", 0, None), *KILLED])
def peers_100(b):
    """The same, and what the supervisor does in ten seconds in which nothing happens. Kills: of 100 services, each
    after more than a second, in turns with kills of services of a bare loop of vfork and exec beside it; p99 is the
    second worst of 100."""
    return subjects(b, 100, idle_s=10)


@row("peers-1000", "1,000 services", "as it says",
     [("svcd: PSS, KiB", "<=", 20 * 1024, None), ("svcd: start, ms", "<=", 2.5, LOOP + "start, ms"), *KILLED,
      ("svcd: restart to exec, ms", "<=", 3, None),
      ("svcd: status of one, ms", "<=", 2, None), ("svcd: status of all, ms", "<=", 8, None),
      ("svcd: stop, ms", "<=", 200, None)])
def peers_1000(b):
    """The same. Start: until the first instruction of the last service. Stop: until the supervisor and all services
    are gone."""
    return subjects(b, 1000)


def linear(figure):
    """Five times as many, five times as much; times vary more than that, and what is quadratic is 25 times."""
    return ("svcd: " + figure, "<=", 7.5, "svcd with 1,000: " + figure)


@row("peers-5000", "5,000 services", "as it says",
     [("svcd: PSS, KiB", "<=", 5.2, "svcd with 1,000: PSS, KiB"), ("svcd: start, ms", "<=", 2.5, LOOP + "start, ms"),
      *KILLED, ("svcd: restart to exec, ms", "<=", 3, None), linear("start, ms"), linear("stop, ms"),
      linear("status of all, ms"), ("svcd: status of one, ms", "<=", 2, None), linear("plan with nothing changed, ms"),
      linear("reload with nothing changed, ms")])
def peers_5000(b):
    """The same; beside it svcd with 1,000: every figure is to be linear in the number of services. (runit and
    daemontools have 1,000 compiled in; the others take minutes, and with them a machine for itself: PEERS=s6 and so
    on.)"""
    found = subjects(b, 5000, names=["svcd"])
    few = [p for p in peers() if p.name == "svcd"][0]
    with_few = Life(b, few, 1000)
    with_few.rounds = 2
    return {"svcd with 1,000": with_few, **found}
