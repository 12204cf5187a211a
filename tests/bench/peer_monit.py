"""monit: looks every second whether a process is there. It starts programs that put themselves into the
background and have a pid file, and takes no output: a shell does all that."""

import os

import peer


class Monit(peer.Peer):
    name, most, needs = "monit", 100, ("monit",)
    limit = "its rounds take minutes with more"

    def define(self):
        os.mkdir(f"{self.folder}/logs")
        self.conf = f"{self.folder}/monitrc"
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(f"set daemon 1\nset pidfile {self.folder}/pid\nset statefile {self.folder}/state\n"
                    f"set idfile {self.folder}/id\nset httpd unixsocket {self.folder}/sock allow root:x\n")
            for i in range(self.n):
                pid, log = f"{self.folder}/s{i}.pid", f"{self.folder}/logs/s{i}.log"
                f.write(f"check process s{i} with pidfile {pid}\n"
                        f"  start program = \"/bin/sh -c '{' '.join(self.service(i))} >{log} 2>&1 & echo $! >{pid}'\"\n"
                        f"  stop program = \"/bin/sh -c 'kill $(cat {pid})'\"\n")
        os.chmod(self.conf, 0o600)

    def launch(self):
        self.start(["monit", "-I", "-c", self.conf])

    def status(self, i=None):
        return ["monit", "-c", self.conf, "summary"] if i is None else ["monit", "-c", self.conf, "status", f"s{i}"]

    def restart(self, i):
        return ["monit", "-c", self.conf, "restart", f"s{i}"]

    def stop(self):
        """Its end is not that of what it has started."""
        self.run(["monit", "-c", self.conf, "stop", "all"])
        self.until(lambda: not any(os.path.exists(f"/proc/{p}") for p in self.pids()), "stop all")
        super().stop()
