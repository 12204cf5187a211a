"""`svcctl --json`: each verb in the states that it can be called in prints a document of its documented shape, and errors
do; exit statuses are the same without it. The harness judges every --json output that any test sees
(svcdtest.run_svcctl); here are the verbs and moments that other tests might not see."""

import json
import os
import unittest

from svcdtest import SvcdTest

# With their arguments; what changes something is at the end.
LOOKS = (("status",), ("status", "a"), ("ps",), ("ps", "a"), ("check",), ("plan",), ("logs", "a"), ("why", "a"), ("show",),
         ("show", "a"), ("env", "a"), ("events",), ("wait", "a", "--timeout", "30"), ("doctor",), ("ports",), ("accounts",),
         ("schema",), ("completion", "bash"), ("completion", "words", "--", "svcctl", ""), ("version",), ("help",),
         ("help", "status"))
ACTS = (("reload",), ("signal", "CONT", "a"), ("restart", "a", "--replace"), ("stop", "a"), ("start", "a"),
        ("disable", "b"), ("enable", "b"), ("rollback", "a"), ("rollback", "a", "--undo"))
CONFIG = """
    services:
      a: {command: sleep 1000, annotation: "x", limits: {files: 100}, monitoring: {command: "true", interval: 100ms}}
      b: {command: sh -c 'echo said; exit 3', restart: {delay: 100ms, max_failures: 2}}
      c: {command: x, prot: 1}
"""


class Json(SvcdTest):
    def judged(self, *arguments):
        """The harness has judged it; nothing else is printed, and there is something."""
        result = self.run_svcctl("--json", *arguments)
        self.assertEqual(result.err, "", arguments)
        if arguments[0] != "events" or result.status:
            self.assertTrue(result.out, arguments)
        return result

    def test_up(self):
        self.config(CONFIG)
        self.start()
        self.running("a")
        self.in_state("b", "disabled")
        self.until(lambda: self.service("a")["health"] == "ok", what="a check")
        for arguments in LOOKS + ACTS:
            with self.subTest(arguments):
                plain = self.run_svcctl(*arguments)
                self.assertEqual(self.judged(*arguments).status, plain.status)

    def test_down(self):
        self.config(CONFIG)
        for arguments in LOOKS + ACTS + (("upgrade",),):
            with self.subTest(arguments):
                self.assertEqual(self.judged(*arguments).status, self.run_svcctl(*arguments).status)

    def test_errors_are_documents(self):
        self.config(CONFIG)
        self.start()
        self.running("a")
        for arguments, status, code in (
                (("nonsense",), 2, "usage"), (("status", "--nonsense"), 2, "usage"), (("start",), 2, "usage"),
                (("why",), 2, "usage"), (("signal", "NONE", "a"), 2, "usage"), (("--timeout", "x", "status"), 2, "usage"),
                (("status", "none"), 4, "no-such-service"), (("start", "none"), 4, "no-such-service"),
                (("logs", "none"), 4, "no-such-service"), (("why", "none"), 4, "no-such-service"),
                (("show", "none"), 4, "no-such-service"), (("env", "none"), 4, "no-such-service"),
                (("ps", "none"), 4, "no-such-service"), (("wait", "none"), 4, "no-such-service"),
                (("events", "none"), 4, "no-such-service"),
                (("wait", "a", "--for", "stopped", "--timeout", "10ms"), 6, "timed-out"),
                (("wait", "c"), 3, "never"), (("completion", "tcsh"), 2, "usage"), (("schema", "x"), 2, "usage")):
            with self.subTest(arguments):
                result = self.judged(*arguments)
                said = json.loads(result.out)
                self.assertEqual((result.status, said["error"]["code"]), (status, code))
                self.assertTrue(said["error"]["message"])
        self.end_svcd()
        for arguments in (("status",), ("start", "a"), ("wait", "a"), ("plan",), ("upgrade",), ("events",)):
            with self.subTest(arguments):
                result = self.judged(*arguments)
                self.assertEqual((result.status, json.loads(result.out)["error"]["code"]), (5, "not-running"))


if __name__ == "__main__":
    unittest.main()
