"""What is to outlive a reboot is on the disk before it is answered, the file and its name: the order of the system
calls says so. What holds until the next boot at most waits for no disk."""

import os
import re
import shutil
import unittest

import straced
from svcdtest import SvcdTest

CALLS = "fsync,fdatasync,rename,renameat,renameat2,sendto,sendmsg,write,writev"


@unittest.skipUnless(shutil.which("strace"), "strace is missing")
class PowerLoss(SvcdTest):
    def setUp(self):
        super().setUp()
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}}")
        self.to_be_traced()
        self.start()
        self.running("a")

    def calls(self, *command):
        """What svcd does meanwhile: (what, the name that it is about)."""
        trace = os.path.join(self.tmp, "trace")
        strace = straced.attached(self, self.svcd.pid, "-y", "-s4096", "-e", f"trace={CALLS}", "-o", trace)
        self.svcctl(*command)
        self.service("b")  # the call that answered has ended by now
        strace.terminate()
        strace.wait()
        found = []
        for line in self.read(trace).splitlines():
            m = re.match(r"(\w+)\((.*)\) += ", line)
            if not m:
                continue
            call, rest = m.groups()
            if call.startswith("rename"):
                found.append(("rename", os.path.basename(re.findall(r'"([^"]*)"', rest)[-1])))
            elif call.startswith("f"):
                found.append(("sync", os.path.basename(re.search(r"<(.*)>", rest)[1])))
            elif "svcd.log" in rest.split(",")[0]:
                found.append(("told", "svcd.log"))
            elif "socket:" in rest.split(",")[0] and '\\"results\\"' in rest:
                found.append(("answer", ""))
        return found

    def test_what_outlives_a_reboot(self):
        wanted = [("sync", "state.json.tmp"), ("rename", "state.json"), ("sync", "svcd"), ("answer", "")]
        for verb in ("disable", "enable"):
            with self.subTest(verb=verb):
                calls = self.calls(verb, "a")
                rest = iter(calls)
                self.assertTrue(all(c in rest for c in wanted), calls)  # in this order, whatever else there is

    def test_what_does_not(self):
        for verb in ("stop", "start", "restart"):
            with self.subTest(verb=verb):
                calls = self.calls(verb, "a")
                self.assertIn(("answer", ""), calls)
                self.assertEqual([c for c in calls if c[0] == "sync"], [])

    def test_what_an_answer_tells_of_is_in_svcds_own_log(self):
        """On the disk or not: whoever has the answer can read there what was done."""
        for verb in ("stop", "start", "disable"):
            with self.subTest(verb=verb):
                calls = self.calls(verb, "a")
                self.assertIn(("told", "svcd.log"), calls)
                self.assertNotIn(("told", "svcd.log"), calls[calls.index(("answer", "")):], calls)


if __name__ == "__main__":
    unittest.main()
