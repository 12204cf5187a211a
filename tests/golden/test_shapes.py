"""What `svcctl --json` prints has a documented shape for every verb: conf/json/."""

import json
import os
import re
import subprocess
import sys
import unittest

import jsonshape

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
SVCCTL = os.path.join(os.path.abspath(os.environ["SVCD_BIN"]), "svcctl")


class Shapes(unittest.TestCase):
    def test_every_verb_has_one(self):
        verbs = json.loads(subprocess.run([SVCCTL, "--json", "help"], capture_output=True, check=True).stdout)["verbs"]
        known = jsonshape.named("verb") | jsonshape.named("lines") | jsonshape.named("text")
        self.assertEqual({v["verb"] for v in verbs} - known, set(), "add a line for each to conf/json/shapes, then make gen")
        self.assertEqual(known - {v["verb"] for v in verbs}, set(), "conf/json/shapes has verbs that svcctl has not")

    def test_generated(self):
        r = subprocess.run([sys.executable, "-B", os.path.join(TOP, "conf/json/generate.py"), "check"], check=False,
                           capture_output=True, text=True)
        self.assertEqual((r.returncode, r.stdout + r.stderr), (0, ""))

    def test_a_real_validator_agrees(self):
        """The harness's own, quick one: on documents that fit, and on the same with one thing wrong."""
        try:
            import jsonschema
        except ImportError as e:  # CI has it: make deps
            self.skipTest(f"python3-jsonschema: {e}")
        result = {"name": "a", "outcome": "ok", "text": "", "state": "running", "pid": 1}
        for verb, document, fits in (
                ("start", [], True), ("start", [result], True), ("start", [{**result, "pid": None}], True),
                ("start", {}, False), ("start", [{**result, "pid": "1"}], False), ("start", [{**result, "pid": True}], False),
                ("start", [{**result, "outcome": "perhaps"}], False), ("start", [{"name": "a"}], False),
                ("start", {"error": {"code": "usage", "message": "x"}}, True),
                ("start", {"error": {"code": "failed", "message": "x"}, "results": [result]}, True),
                ("start", {"error": {"code": "nonsense", "message": "x"}}, False),
                ("start", {"error": {"code": "usage"}}, False),
                ("version", {"svcctl": "1", "svcd": None}, True), ("version", {"svcctl": 1}, False),
                ("ports", {"first": 1, "last": 2, "ports": [], "free": [[1, 2]]}, True),
                ("ports", {"first": 1, "last": 2, "ports": [], "free": [[1, "2"]]}, False),
                ("events", {"at": "x", "event": "y", "else": [1]}, True), ("events", {"at": "x"}, False)):
            with self.subTest(verb=verb, document=document):
                of = jsonshape.schema(verb)
                self.assertEqual(jsonshape.wrong(document, of, of) is None, fits)
                self.assertEqual(jsonschema.Draft7Validator(of).is_valid(document), fits)
        for verb in jsonshape.named("verb") | jsonshape.named("lines"):
            jsonschema.Draft7Validator.check_schema(jsonshape.schema(verb))
        # What is not listed may come in later versions; but not while these tests pass.
        of = jsonshape.schema("start")
        self.assertTrue(jsonschema.Draft7Validator(of).is_valid([{**result, "more": 1}]))
        self.assertEqual(jsonshape.wrong([{**result, "more": 1}], of, of), "[0].more: is not listed")

    def test_called(self):
        for line, verb in (("--json status", "status"), ("-j", "status"), ("--root /x -j stop a", "stop"), ("stop a", None),
                           ("run a -- x --json", None), ("-j --version", "version")):
            self.assertEqual(jsonshape.called(line.split()), verb)

    def test_documented(self):
        """The page for people names every verb, too."""
        with open(os.path.join(TOP, "ctl/README.md"), encoding="utf-8") as f:
            page = f.read().split("## What `--json` prints", 1)[1]
        known = jsonshape.named("verb") | jsonshape.named("lines")
        self.assertEqual(known - set(re.findall(r"`(\w+)[^`]*`", page)), set())


if __name__ == "__main__":
    unittest.main()
