"""daemontools: svscan, a supervise and a multilog with its supervise for each service."""

import os

import peer_runit


class Daemontools(peer_runit.Runit):
    name, most, needs = "daemontools", 1000, ("svscan", "multilog", "svc")

    def logger(self, i):
        return f"multilog s10000000 n5 {self.folder}/logs/s{i}"

    def define(self):
        os.mkdir(f"{self.folder}/logs")
        super().define()

    def launch(self):
        self.start(["svscan", self.at])

    def status(self, i=None):
        return ["svstat", *(f"{self.at}/s{k}" for k in (range(self.n) if i is None else [i]))]

    def restart(self, i):
        return ["svc", "-t", f"{self.at}/s{i}"]

    def stop(self):
        self.root.terminate()
        self.run(["svc", "-dx", *(f"{self.at}/s{i}{log}" for i in range(self.n) for log in ("", "/log"))])
