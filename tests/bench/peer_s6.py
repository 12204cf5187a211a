"""s6: s6-svscan, an s6-supervise and an s6-log with its s6-supervise for each service."""

import peer_runit


class S6(peer_runit.Runit):
    name, most, needs = "s6", None, ("s6-svscan", "s6-log", "s6-svc")

    def logger(self, i):
        return f"s6-log n5 s10000000 {self.folder}/logs/s{i}"

    def launch(self):
        self.start(["s6-svscan", "-c", str(max(500, 2 * self.n + 10)), self.at])

    def status(self, i=None):
        if i is None:
            return ["sh", "-c", f"for s in {self.at}/*; do s6-svstat $s; done"]
        return ["s6-svstat", f"{self.at}/s{i}"]

    def restart(self, i):
        return ["s6-svc", "-r", f"{self.at}/s{i}"]

    def stop(self):
        self.run(["s6-svscanctl", "-t", self.at])
