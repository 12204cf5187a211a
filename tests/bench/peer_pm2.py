"""pm2: one process in Node.js, with what its cluster mode is not needed for left out."""

import json
import os

import peer
from bench import Missing, TOP


class Pm2(peer.Peer):
    name, most, limit = "pm2", 1000, "not measured with more than 1,000"

    def define(self):
        self.pm2 = os.path.join(TOP, "build-peers/node_modules/.bin/pm2")
        if not os.path.exists(self.pm2):
            raise Missing("pm2 is not installed (make bench-deps)")
        self.conf = f"{self.folder}/all.json"
        with open(self.conf, "w", encoding="utf-8") as f:
            json.dump({"apps": [{"name": f"s{i}", "script": self.service(i)[0], "args": self.service(i)[1:],
                                 "interpreter": "none", "exec_mode": "fork"} for i in range(self.n)]}, f)

    def env(self):
        return {**super().env(), "PM2_HOME": f"{self.folder}/pm2"}

    def launch(self):
        """The client's end is not awaited: what counts is when the services are there."""
        self.start([self.pm2, "start", self.conf])

    def status(self, i=None):
        return [self.pm2, "list"] if i is None else [self.pm2, "describe", f"s{i}"]

    def restart(self, i):
        return [self.pm2, "restart", f"s{i}"]

    def stop(self):
        self.run([self.pm2, "kill"])
