"""start, restart and reload say at the end what is so at the end: what was told of one while others were waited for is
looked at again. What was asked for is done nevertheless: it was up."""

import json
import os
import subprocess

from svcdtest import BIN, SLOW, SvcdTest


class AtOnce(SvcdTest):
    def test_it_had_started(self):
        """However soon it ends, and whether that is heard of before the answer."""
        self.config("services: {dies: {command: sh -c 'exit 3', restart: {max_failures: 1}}}\n")
        self.start()
        for _ in range(10):
            self.in_state("dies", "disabled")
            self.assertRegex(self.svcctl("start", "dies").out, r"\Adies: started \(pid \d+\)\n")


class AtTheEnd(SvcdTest):
    CONFIG = ("services:\n"
              "  early: {command: [./p.sh], restart: {no_restart_status: [2]}}\n"
              "  still: {command: sleep 1000}\n"
              "  late: {command: sleep 1000, ready: monitoring, monitoring: {command: test -e late, interval: 100ms}}\n")

    def svcctl_waits(self, *arguments):
        p = subprocess.Popen([os.path.join(BIN, "svcctl"), *arguments], env=self.environment(), stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
        self.programs.append(p)
        return p

    def the_end(self, p):
        """`early` ends, then `late` is ready: what else is said."""
        self.write("early", "")
        self.in_state("early", "disabled")
        self.write("late", "")
        return p.communicate(timeout=20 * SLOW)[0]

    def setUp(self):
        super().setUp()
        self.script("p.sh", "until test -e early; do sleep 0.05; done; exit 2")

    ENDED = (r"exited with code 2 after \w+; disabled by failures \(exit code 2 is in restart.no_restart_status\), "
             r"`svcctl start early` tries again")

    def test_start(self):
        self.config(self.CONFIG)
        self.start()
        self.running("early")
        self.svcctl("stop", "--all")
        p = self.svcctl_waits("start", "--all")
        self.assertRegex("".join(sorted(p.stdout.readline() for _ in "ab")),
                         r"^early: started \(pid \d+\)\nstill: started \(pid \d+\)\n$")
        said = self.the_end(p)
        self.assertEqual(p.returncode, 0, said)
        self.assertRegex(said, rf"(?m)^late: started \(pid \d+\)\nearly: {self.ENDED}\n\Z")

    def test_reload(self):
        self.config("services: {}\n")
        self.start()
        self.config(self.CONFIG)
        p = self.svcctl_waits("--json", "reload")
        self.until(lambda: (self.services().get("early", {}).get("uptime_ms") or 0) > 300, what="early, for long enough")
        doc = json.loads(self.the_end(p))
        self.assertEqual(p.returncode, 0, doc)
        results = {r["name"]: r for r in doc["results"]}
        self.assertEqual(len(doc["results"]), 3, doc)
        self.assertRegex(results["early"]["text"], f"^{self.ENDED}$")
        self.assertEqual([results["early"][k] for k in ("outcome", "state", "pid")], ["ok", "disabled", None])
        self.assertEqual([results[n]["outcome"] for n in ("still", "late")], ["ok", "ok"])
