"""No supervisor: vfork and exec in a loop. What it does nobody can do quicker."""

import peer


class Loop(peer.Peer):
    name, bare = "vfork loop", True

    def define(self):
        pass

    def launch(self):
        self.start([self.b.built("tests/bench/tiny"), self.slots, "loop", str(self.n)])
