"""svcd, with a log of each service."""

import os

import peer


class Svcd(peer.Peer):
    name = "svcd"

    def define(self):
        self.at = os.path.join(self.folder, "root")
        os.makedirs(os.path.join(self.at, "config"), 0o700)
        path = os.path.join(self.at, "config/services.yaml")
        with open(path, "w", encoding="utf-8") as f:
            # A service that is killed again and again is what is measured, not an accident.
            f.write("defaults: {restart: {max_delay: 1s, max_failures: 0}}\nservices:\n")
            for i in range(self.n):
                f.write(f"  s{i}: {{command: [{', '.join(self.service(i))!s}]}}\n".replace(f", {i}]", f", '{i}']"))
        os.chmod(path, 0o600)

    def env(self):
        """As the package has it: RUN is below /run."""
        return {**super().env(), "SVCD_RUNTIME_DIR": os.path.join(self.b.run, "svcd")}

    def launch(self):
        self.looks = {"plan with nothing changed": self.ctl("plan"),
                      "reload with nothing changed": self.ctl("reload")}
        self.start([self.b.built("svcd"), "--root", self.at])

    def ctl(self, *words):
        return [self.b.built("svcctl"), "--root", self.at, *words]

    def status(self, i=None):
        return self.ctl("status") if i is None else self.ctl("status", f"s{i}")

    def restart(self, i):
        return self.ctl("restart", "--replace", f"s{i}")
