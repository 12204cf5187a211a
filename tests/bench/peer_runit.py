"""runit: runsvdir, a runsv and a svlogd for each service."""

import os
import signal

import peer


class Runit(peer.Peer):
    name, most, needs = "runit", 1000, ("runsvdir", "svlogd", "sv")

    def script(self, path, text):
        os.makedirs(os.path.dirname(path))
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\nexec {text}\n")
        os.chmod(path, 0o755)

    def define(self):
        self.at = os.path.join(self.b.run, "service")
        for i in range(self.n):
            self.script(f"{self.at}/s{i}/run", " ".join(self.service(i)))
            self.script(f"{self.at}/s{i}/log/run", self.logger(i))

    def logger(self, i):
        os.makedirs(f"{self.folder}/logs/s{i}")
        return f"svlogd {self.folder}/logs/s{i}"

    def launch(self):
        self.start(["runsvdir", self.at])

    def status(self, i=None):
        return ["sv", "status", *(f"{self.at}/s{k}" for k in (range(self.n) if i is None else [i]))]

    def restart(self, i):
        return ["sv", "restart", f"{self.at}/s{i}"]

    def stop(self):
        self.root.send_signal(signal.SIGHUP)
