"""How long `svcctl status` takes with a thousand services: of one, of all, as a page, as a table, as JSON; beside what
it takes to execute anything at all."""

import atexit
import os
import shutil
import statistics
import subprocess
import tempfile
import time

from bench import row

SERVICES = 1000
CALLS = 15  # of which the median is a round's figure


class Account:
    """One svcd with many services, for all rounds; it is started by the first of them."""

    def __init__(self, b):
        self.b, self.home, self.svcd = b, None, None

    def environment(self):
        return {"PATH": os.environ["PATH"], "HOME": self.home}

    def running(self):
        out = subprocess.run([self.b.built("svcctl"), "status"], env=self.environment(), capture_output=True,
                             check=False).stdout
        return out.count(b" running ")

    def up(self):
        if self.svcd:
            return
        count = max(1, int(SERVICES * self.b.scale))
        self.home = tempfile.mkdtemp(prefix="svcd-bench-", dir=os.environ.get("BENCH_DIR", "/var/tmp"))
        folder = os.path.join(self.home, "admin/config")
        os.makedirs(folder, mode=0o700)
        with open(os.open(os.path.join(folder, "services.yaml"), os.O_CREAT | os.O_WRONLY, 0o600), "w",
                  encoding="ascii") as f:
            f.write("services:\n")
            for i in range(count):
                f.write(f"  s{i:04}: {{command: [/bin/sleep, '1000000'], annotation: number {i}}}\n")
        self.svcd = subprocess.Popen([self.b.built("svcd")], env=self.environment(), stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        atexit.register(self.down)
        while self.running() < count:
            time.sleep(0.2)

    def down(self):
        self.svcd.terminate()
        self.svcd.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def takes(self, *argv):
        """Milliseconds from fork to the end of a program whose output nobody looks at."""
        self.up()
        times = []
        for _ in range(CALLS):
            begun = time.perf_counter()
            subprocess.run(argv, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=True)
            times.append((time.perf_counter() - begun) * 1000)
        return statistics.median(times)


@row("status", f"svcctl status with {SERVICES:,} services", "ms",
     [("of one", "<=", 2, None), ("of all", "<=", 8, None), ("of one, --json", "<=", 5, None),
      ("of all, --json", "<=", 50, None)])
def status(b):
    account = Account(b)

    def svcctl(*arguments):
        return lambda: account.takes(b.built("svcctl"), *arguments)
    return {"exec of true": lambda: account.takes(b.program("true")),
            "of one": svcctl("status", "s0000"), "of all": svcctl("status"),
            "of one, --json": svcctl("--json", "status", "s0000"), "of all, --json": svcctl("--json", "status")}
