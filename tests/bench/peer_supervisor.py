"""Supervisor: one process in Python."""

import os

import peer


class Supervisor(peer.Peer):
    name, needs = "Supervisor", ("supervisord", "supervisorctl")

    def define(self):
        os.mkdir(f"{self.folder}/logs")
        self.conf = f"{self.folder}/supervisord.conf"
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(f"[supervisord]\nnodaemon=true\nlogfile={self.folder}/supervisord.log\npidfile={self.folder}/pid\n"
                    f"minfds={max(1024, 6 * self.n)}\n[unix_http_server]\nfile={self.folder}/sock\n"
                    "[rpcinterface:supervisor]\n"
                    "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
                    f"[supervisorctl]\nserverurl=unix://{self.folder}/sock\n")
            for i in range(self.n):
                f.write(f"[program:s{i}]\ncommand={' '.join(self.service(i))}\nautorestart=true\n"
                        f"stdout_logfile={self.folder}/logs/s{i}.log\nredirect_stderr=true\n")

    def launch(self):
        self.start(["supervisord", "-n", "-c", self.conf])

    def status(self, i=None):
        return ["supervisorctl", "-c", self.conf, "status", *([] if i is None else [f"s{i}"])]

    def restart(self, i):
        return ["supervisorctl", "-c", self.conf, "restart", f"s{i}"]
