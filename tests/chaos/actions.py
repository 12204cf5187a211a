"""actions: what chaos does. A row of ACTIONS is one kind of action: how often, what is drawn for it, what
it does. What is drawn depends on the seed alone, so that a seed is a story; whom an action meets (which
pid a service has at that moment, whether svcd lives) is found when it is done."""

import os
import shutil
import signal
import socket
import subprocess
import time

from svcdtest import BIN, SLOW, children, descendants, kill_if_there, start_ticks
from world import SERVICES

NAMES = list(SERVICES)
SIGNALS = ["KILL", "KILL", "KILL", "TERM", "SEGV", "ABRT", "HUP", "STOP"]


# ---- what is drawn ----

def nothing(_):
    return {}


def a_name(rng):
    return {"on": rng.choice(NAMES)}


def a_name_and_a_way(rng):
    return {"on": rng.choice(NAMES), "wait": rng.random() < 0.8}


def hold(rng):
    return {"hold": rng.choice([0, 0, 0.05, 0.3, 1, 2])}


# ---- processes ----

def kill_svcd(w, hold):
    w.kill(hold)


def term_svcd(w, hold):
    """As an init system at an upgrade of the package: everything ends, and comes back."""
    if w.up() and not w.ending:
        w.ending = True
        w.note("  SIGTERM to svcd")
        kill_if_there(w.svcd.pid, signal.SIGCONT)
        w.svcd.terminate()
    w.down_until = time.monotonic() + hold


def kill_shim(w, on):
    """What it held of its run's output goes with it. Stopped first, so that it is known whose."""
    pid = w.shim(on)
    if not pid or not kill_if_there(pid, signal.SIGSTOP):
        return None
    w.excuses.torn[on].update(f"{p}.{start_ticks(p)}" for p in children(pid))
    w.excuses.torn[on].update(w.witness.runs(on)[-1:])
    if not os.path.exists(os.path.join(w.run_dir, "shims", on)):
        w.excuses.unseen.add(on)
    kill_if_there(pid, signal.SIGKILL)
    return pid


def kill_all_shims(w, on):
    """All of a second's worth: svcd and half of the shims, as the kernel's OOM killer might."""
    w.kill()
    for name in NAMES[NAMES.index(on)::2]:
        kill_shim(w, name)


def kill_nursery(w):
    pid = w.nursery()
    return pid and kill_if_there(pid, signal.SIGKILL) and pid


def kill_main(w, on, sig):
    """The main process of the run that lives, or a descendant that holds its lock."""
    pid = w.witness.main_pid(on)
    return pid and kill_if_there(pid, getattr(signal, "SIG" + sig)) and pid


def kill_descendant(w, on, index):
    shim = w.shim(on)
    found = sorted(descendants(shim)) if shim else []
    return found and kill_if_there(found[index % len(found)], signal.SIGKILL) and found[index % len(found)]


def pause(find):
    """SIGSTOP, and SIGCONT after a while (by a later turn of the driver)."""
    def do(w, hold, on=None):
        pid = find(w, on)
        if pid and kill_if_there(pid, signal.SIGSTOP):
            w.later(hold, lambda: kill_if_there(pid, signal.SIGCONT))
        return pid
    return do


# ---- files ----

def delete_socket(w):
    try:
        os.unlink(os.path.join(w.run_dir, "control.sock"))
    except FileNotFoundError:
        pass


def delete_run(w):
    """Shims make their records again; those that were left for the next svcd, which was not told, are gone."""
    shims = os.path.join(w.run_dir, "shims")
    w.excuses.unseen.update(n for n in (os.listdir(shims) if os.path.isdir(shims) else []) if not w.shim(n))
    shutil.rmtree(w.run_dir, ignore_errors=True)


def delete_logs(w, move):
    """Moved aside first, so that no file is missed; then deleted, or not. What is in them is kept."""
    w.moved += 1
    aside = os.path.join(w.root, f"logs/aside-{w.moved}")
    try:
        os.rename(w.logs_dir, aside)
    except FileNotFoundError:
        return
    w.archive.keep(aside)
    if not move:
        shutil.rmtree(aside)


def fill_disk(w, hold, room):
    if "disk full" in w.trouble:
        return "full already"
    w.trouble.add("disk full")
    w.excuses.windows.append([time.time(), None])
    w.disk.fill(w, room)
    w.later(hold, lambda: free_disk(w))
    return None


def free_disk(w):
    w.disk.free(w)
    w.trouble.discard("disk full")
    w.excuses.windows[-1][1] = time.time()
    if w.undefined:
        w.define()


def sicken(w, hold):
    path = os.path.join(w.dir, "sick")
    with open(path, "w", encoding="ascii"):
        pass
    w.later(hold, lambda: os.path.exists(path) and os.unlink(path))


# ---- definitions ----

def edit(w, on, reload):
    w.gens[on] += 1
    w.define()
    change(w, reload)


def edit_logs(w, size, more, reload):
    w.logs = f"max_size: {size}, {more}"
    w.define()
    change(w, reload)


def add_guest(w, reload):
    w.next_gen += 1
    w.guests.append(f"guest-{w.next_gen}")
    w.every_guest.append(w.guests[-1])
    w.define()
    change(w, reload)


def remove_guest(w, reload):
    if w.guests:
        w.guests.pop(0)
        w.define()
        change(w, reload)


def break_definitions(w, reload):
    w.broken = not w.broken
    w.define()
    change(w, reload)


def change(w, how):
    if how == "HUP":
        if w.answered() and not w.ending:  # before main() nobody has ignored it yet
            w.svcd.send_signal(signal.SIGHUP)
    elif how == "reload":
        w.call("reload")


def by_reload(draw):
    return lambda rng: {**draw(rng), "reload": rng.choice(["reload", "reload", "HUP", "no"])}


def draw_logs(rng):
    return {"size": rng.choice(["32K", "64K", "128K"]),
            "more": rng.choice(["compress: false", "compress: true", "compress: true", "rate_limit: 100", "max_age: 1h"])}


# ---- svcctl ----

def command(verb, *more):
    def do(w, on, wait):
        if w.services[on].busy:
            return "busy"
        w.call(verb, [on], more, waits=wait)
        return None
    return do


def everything(w, verb):
    if any(s.busy for s in w.services.values()):
        return "busy"
    w.call(verb, NAMES)
    return None


def query(w, what):
    w.call(*what)


def draw_query(rng):
    name = rng.choice(NAMES)
    verb, names, more = rng.choice([
        ("status", [], []), ("status", [name], []), ("plan", [], []), ("show", [name], []),
        ("env", [name], []), ("events", [], ["-n", "5"]), ("logs", [name], ["-n", "20"]),
        ("wait", [name], ["--for", "running"]), ("version", [], []), ("signal", [name], ["WINCH"])])
    return {"what": [verb, names, more]}


def upgrade(w):
    w.call("upgrade")


def rude_client(w, send):
    """Half a request, and gone."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(1)
    try:
        s.connect(os.path.join(w.run_dir, "control.sock"))
        s.sendall(send.encode())
    except OSError as e:
        return str(e)
    finally:
        s.close()
    return None


def second_svcd(w):
    """Another one for the same account refuses."""
    if not w.up() or w.ending or w.trouble or not w.answered():
        return "not now"
    r = subprocess.run([os.path.join(BIN, "svcd")], stdin=subprocess.DEVNULL, capture_output=True,
                       env=w.environment(), timeout=20 * SLOW, check=False, text=True, cwd=w.home)
    if r.returncode != 1 or not r.stderr.strip():
        w.violation("svcd", f"a second one for the same account: status {r.returncode}: {r.stderr}")
    return None


# name, how often, what is drawn, what is done
ACTIONS = {
    "kill svcd": (10, hold, kill_svcd),
    "end svcd": (1, hold, term_svcd),
    "kill shim": (6, a_name, kill_shim),
    "kill svcd and shims": (2, a_name, kill_all_shims),
    "kill nursery": (3, nothing, kill_nursery),
    "kill main": (14, lambda r: {"on": r.choice(NAMES), "sig": r.choice(SIGNALS)}, kill_main),
    "kill descendant": (5, lambda r: {"on": r.choice(NAMES), "index": r.randrange(9)}, kill_descendant),
    "pause svcd": (3, lambda r: {"hold": r.uniform(0.1, 2)},
                   pause(lambda w, _: w.up() and not w.ending and w.svcd.pid)),
    "pause shim": (4, lambda r: {"hold": r.uniform(0.1, 2), **a_name(r)}, pause(lambda w, on: w.shim(on))),
    "pause nursery": (2, lambda r: {"hold": r.uniform(0.1, 2)}, pause(lambda w, _: w.nursery())),
    "start": (8, a_name_and_a_way, command("start")),
    "stop": (10, a_name_and_a_way, command("stop")),
    "restart": (8, a_name_and_a_way, command("restart")),
    "replace": (5, a_name_and_a_way, command("restart", "--replace")),
    "disable": (4, a_name_and_a_way, command("disable")),
    "enable": (5, a_name_and_a_way, command("enable")),
    "everything": (1, lambda r: {"verb": r.choice(["start", "stop", "restart"])}, everything),
    "query": (10, draw_query, query),
    "upgrade": (4, nothing, upgrade),
    "edit": (5, by_reload(a_name), edit),
    "edit logs": (2, by_reload(draw_logs), edit_logs),
    "add a service": (2, by_reload(nothing), add_guest),
    "remove a service": (2, by_reload(nothing), remove_guest),
    "break definitions": (2, by_reload(nothing), break_definitions),
    "delete socket": (2, nothing, delete_socket),
    "delete RUN": (2, nothing, delete_run),
    "delete logs": (2, lambda r: {"move": r.random() < 0.5}, delete_logs),
    "fill disk": (2, lambda r: {"hold": r.uniform(0.2, 2), "room": r.choice([0, 0, 1, 3, 10])}, fill_disk),
    "sicken": (2, lambda r: {"hold": r.uniform(0.2, 1.5)}, sicken),
    "rude client": (2, lambda r: {"send": r.choice(["{", '{"method": "org.svcd', "x", "\x01SV", ""])},
                    rude_client),
    "second svcd": (1, nothing, second_svcd),
}


def draw(rng, without=()):
    """The next action: (seconds to wait before it, its name, its parameters)."""
    name = rng.choices(list(ACTIONS), [row[0] for row in ACTIONS.values()])[0]
    pause_s = rng.choice([0, 0, rng.uniform(0, 0.1), rng.uniform(0, 0.5)])
    parameters = ACTIONS[name][1](rng)
    return (pause_s, name, parameters) if name not in without else draw(rng, without)
