"""accounts: what many accounts on one machine cost: N svcds, each of a user of its own and with three services, in
/run/svcd/USER as its administrator makes it. As root, in a mount namespace with users of its own:

    accounts.py [--build DIR] [--accounts 200] [--services 3] [--settle 30] [--idle 30]

It prints the private memory of each kind of process (what is in no other process: Private_Clean and Private_Dirty) and how
often they got the CPU while nothing happened; and how long `svcctl accounts` takes over all of them.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests/helpers"))

FIRST_UID = 61000
LIMIT = 300  # seconds for all to be up, and to end


def private_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        return sum(int(line.split()[1]) for line in f if line.startswith(("Private_Clean:", "Private_Dirty:")))


def turns(pid):
    """How often it got the CPU."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[2])


class Accounts:
    def __init__(self, build, n, services):
        from svcdtest import children, command_line, private_mounts
        self.children, self.command_line = children, command_line
        self.n, self.services, self.svcds = n, services, []
        self.work = tempfile.mkdtemp(prefix="svcd-accounts-", dir="/var/tmp")
        os.chmod(self.work, 0o755)
        self.bin = f"{self.work}/bin"
        os.mkdir(self.bin)
        for program in ("svcd", "svcctl", "svc-shim"):
            shutil.copy(f"{build}/{program}", self.bin)
        private_mounts()
        self.users()

    def users(self):
        shutil.copy("/etc/passwd", f"{self.work}/passwd")
        with open(f"{self.work}/passwd", "a", encoding="ascii") as f:
            for i in range(self.n):
                f.write(f"acct{i}:x:{FIRST_UID + i}:{FIRST_UID + i}::{self.work}/h{i}:/bin/sh\n")
        subprocess.run(["mount", "--bind", f"{self.work}/passwd", "/etc/passwd"], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"], check=True)

    def start(self):
        text = "services:\n" + "".join(f"  s{i}: {{command: sleep 100000}}\n" for i in range(self.services))
        for i in range(self.n):
            uid, home, run = FIRST_UID + i, f"{self.work}/h{i}", f"/run/svcd/acct{i}"
            os.makedirs(f"{home}/admin/config")
            os.makedirs(run, mode=0o700)
            with open(f"{home}/admin/config/services.yaml", "w", encoding="ascii") as f:
                f.write(text)
            for folder, _, files in os.walk(home):
                for path in (folder, *(f"{folder}/{name}" for name in files)):
                    os.chown(path, uid, uid)
            os.chown(run, uid, uid)
            self.svcds.append(subprocess.Popen(
                [f"{self.bin}/svcd"], user=uid, group=uid, extra_groups=[], env={"HOME": home, "PATH": os.environ["PATH"]},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        self.wait(lambda: all(len(self.family(p.pid)) == 1 + 2 * self.services for p in self.svcds), "all services")

    def wait(self, condition, what):
        end = time.monotonic() + LIMIT
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"no {what} within {LIMIT} s")
            time.sleep(0.2)

    def family(self, pid):
        """Shims and services below a svcd."""
        shims = self.children(pid)
        return shims + [c for s in shims for c in self.children(s)]

    def kinds(self):
        """The pids of each kind of process."""
        found = {"svcd": [p.pid for p in self.svcds], "nursery": [], "svc-shim": []}
        for p in found["svcd"]:
            for s in self.children(p):
                found["nursery" if self.command_line(s).endswith("---") else "svc-shim"].append(s)
        return found

    def done(self):
        for p in self.svcds:
            p.terminate()
        for p in self.svcds:
            p.wait(LIMIT)
        shutil.rmtree(self.work, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description="what many accounts on one machine cost")
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--services", type=int, default=3)
    parser.add_argument("--settle", type=int, default=30)
    parser.add_argument("--idle", type=int, default=30)
    o = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("accounts: only root can be many users")
    os.environ["SVCD_BIN"] = o.build
    a = Accounts(os.path.abspath(o.build), o.accounts, o.services)
    try:
        begun = time.monotonic()
        a.start()
        print(f"{o.accounts} accounts with {o.services} services each, all up after {time.monotonic() - begun:.1f} s")
        time.sleep(o.settle)
        kinds = a.kinds()
        each = 0
        for kind, pids in kinds.items():
            kib = [private_kib(p) for p in pids]
            each += sum(kib)
            print(f"{kind:9} {len(pids):5} processes, private memory KiB: median {statistics.median(kib):.0f}, "
                  f"least {min(kib)}, most {max(kib)}")
        print(f"an account: {each / o.accounts:.0f} KiB private, its services left out")
        before = {p: turns(p) for pids in kinds.values() for p in pids}
        time.sleep(o.idle)
        woke = {kind: sum(turns(p) - before[p] for p in pids) for kind, pids in kinds.items()}
        print(f"wake-ups in {o.idle} s: " + ", ".join(f"{kind} {n}" for kind, n in woke.items()))
        begun = time.monotonic()
        p = subprocess.run([f"{a.bin}/svcctl", "--quiet", "accounts"], check=False)
        print(f"svcctl accounts: {1000 * (time.monotonic() - begun):.0f} ms, status {p.returncode}")
    finally:
        a.done()


if __name__ == "__main__":
    main()
