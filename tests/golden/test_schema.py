"""The JSON Schema of services.yaml, as an editor uses it: what svcd accepts it accepts, and what it refuses svcd refuses;
for every example, every file of conf/, and every key with each of a set of values."""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

try:
    import jsonschema
    import yaml
    import yaml12
except ImportError as e:  # CI has them: make deps
    raise unittest.SkipTest(f"python3-jsonschema and python3-yaml: {e}") from e

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BIN = os.path.abspath(os.environ["SVCD_BIN"])
# Files that svcd reads although they are no YAML to others: "--bind :: --port" has a colon and a blank in it.
LENIENT = {"colon-in-value", "contract-example"}
# Files with errors that no schema can see: of several values together, of keys that are there twice, of nothing at all,
# of what a path or a signal means.
BEYOND = {"cycle", "fits-not", "duplicates", "empty", "paths", "signals"}
# Messages about what no schema can see in one value; or, with quotes, in a number, since JSON has but one spelling of it.
NO_SCHEMA = ("there is no command in it|^/nonexistent/a|the command is empty|longer than|No such file|is not expanded here|has no value|"
             "cannot be listened on|is already a socket|there is no service|needs sockets|needs a port|is less than|"
             "out of range|too small|too long|no name of a check|no address|only pauses|not of the form|to replace the process|"
             "not \"[0-9][0-9a-fA-Fxoe]*\"|such as TERM or HUP")


def svcctl(*arguments):
    return subprocess.run([os.path.join(BIN, "svcctl"), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, check=False, env=dict(os.environ, HOME="/nonexistent"))


def schema(*of):
    return json.loads(svcctl("schema", *of).stdout)


def validator(of):
    jsonschema.Draft7Validator.check_schema(of)
    return jsonschema.Draft7Validator(of)


def flow(value):
    """As it stands in a file."""
    return value if isinstance(value, str) else json.dumps(value)


# Plain text of YAML; what is in quotes there is in quotes here.
VALUES = ["", "~", "0", "1", "5", "-1", "-7", "3.5", "012", "0x10", "0o22", "0022", "0640", "1e3", "999999999999999999999", "8300",
          "8499", "8500", "'8300'", "'5'", "'0'", "'0s'", "true", "false", "yes", "no", "On", "OFF", "TRUE", "'true'", "text", "''",
          "two words", "a:b", "500ms", "30s", "1m30s", "1s1m", "2h", "1d", "30", "30S", "1.5s", "10M", "1.5G", "1024K",
          "64k", "10MB", "4096", "50%", "150%", "0%", "1.5%", "TERM", "SIGTERM", "term", "RTMIN+3", "15", "99", "HUP",
          "always", "never", "on-failure", "exec", "notify", "port", "boot", "on-demand", "main", "tree", "auto",
          "/absolute", "~/x", "$HOME/x", "-x/.env", "FOO=bar", "FOO=bar B='c d'", "me@example.org", "me", "[]", "[1]",
          "[1, 1]", "[2, 300]", "[a, b]", "[a, a]", "[Not, A name]", "[[a]]", "[~]", "['']", "[8300]", "['[::1]:8301']",
          "[{command: x}]", "[{tcp: 8300}, x]", "[disabled, recovered]", "[nothing]", "{}", "{A: b}", "{A: 1, B: true}",
          "{A: ~}", "{1a: b}", "{A: [b]}", "{web: 8300}", "{command: x}", "{policy: never}", "{unknown: x}",
          "*alias", "2026-11-20", "1:30", "a" * 2000, "[a" + ", a" * 300 + "]"]


class Schema(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.services = validator(schema())

    def agree(self, text, path, beyond=False, lenient=False):
        accepted = svcctl("check", path).returncode == 0
        try:
            valid = self.services.is_valid(yaml12.load(text))
        except yaml.YAMLError:
            valid = False
        if accepted and not lenient:
            self.assertTrue(valid, "svcd accepts it, the schema does not: " + "; ".join(
                e.message for e in self.services.iter_errors(yaml12.load(text))))
        elif not beyond and not lenient:
            self.assertFalse(valid, "svcd refuses it, and a schema could: or it belongs into BEYOND")

    def test_files(self):
        for folder in (os.path.join(TOP, "conf/examples"), os.path.join(HERE, "conf"), os.path.join(TOP, "conf")):
            for name in sorted(os.listdir(folder)):
                if not name.endswith(".yaml"):
                    continue
                with self.subTest(name), open(os.path.join(folder, name), "rb") as f:
                    self.agree(f.read(), os.path.join(folder, name), name.removesuffix(".yaml") in BEYOND,
                               name.removesuffix(".yaml") in LENIENT)

    def keys(self):
        """Paths of the keys of a service."""
        for key, of in schema()["definitions"]["service"]["properties"].items():
            yield key
            for branch in [of, *of.get("anyOf", [])]:
                if branch.get("type") == ["object", "null"] and "properties" in branch:
                    for leaf in branch["properties"]:
                        yield f"{key}.{leaf}"

    def refused(self, text):
        """Which of the services svcd refuses; NAME of a file of definitions is its error's service."""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
            f.write(text)
            f.flush()
            said = json.loads(svcctl("check", "--json", f.name).stdout)
        self.assertFalse([d for d in said if "left_out" in d])
        return {d["service"]: d["message"] for d in said if d["severity"] == "error"}

    def test_every_key_with_every_value(self):
        wrongly, laxly, compared = [], [], 0
        for key in self.keys():
            services = {}
            for i, value in enumerate(VALUES):
                own = "" if key == "command" else "command: x, "
                pair = f"{key}: {value}" if "." not in key else "{}: {{{}: {}}}".format(*key.split("."), value)
                services[f"s{i}"] = "{" + own + pair + "}"
            readable = {}
            for name, text in services.items():
                try:
                    readable[name] = yaml12.load(f"services: {{{name}: {text}}}")
                except yaml.YAMLError:
                    continue
            text = "services:\n" + "".join(f"  {name}: {services[name]}\n" for name in readable)
            refused = self.refused(text)
            self.assertNotIn(None, refused)
            for name, tree in readable.items():
                compared += 1
                valid = self.services.is_valid(tree)
                if name not in refused and not valid:
                    wrongly.append(f"{services[name][:80]}")
                if name in refused and valid and not re.search(NO_SCHEMA, refused[name]):
                    laxly.append(f"{services[name][:80]}: {refused[name]}")
        self.assertEqual(wrongly, [])
        self.assertGreater(compared, 4000)
        self.assertEqual(laxly, [])

    @unittest.skipIf(os.getuid(), "only root can write a policy that counts")
    def test_policy(self):
        """The same for the host's policy, in which an error is a warning."""
        of = schema("policy")
        policy, wrongly, laxly = validator(of), [], []
        keys = [key if "properties" not in sub else f"{key}.{leaf}" for key, sub in of["properties"].items()
                for leaf in sub.get("properties", [key])]
        self.assertIn("max.memory", keys)
        with tempfile.TemporaryDirectory(dir="/run") as folder:
            os.chmod(folder, 0o755)
            services, path = os.path.join(folder, "s.yaml"), os.path.join(folder, "policy.yaml")
            with open(services, "w", encoding="utf-8") as f:
                f.write("services: {}\n")
            for key in keys:
                for value in ("", "0", "5", "'5'", "70000", "8300", "text", "10M", "1K", "50%", "[a]", "{A: b}", "{1: b}",
                              "true", "2h"):
                    text = f"{key}: {value}\n" if "." not in key else "{}: {{{}: {}}}\n".format(*key.split("."), value)
                    with open(path, "w", encoding="utf-8") as f:
                        f.write(text)
                    os.chmod(path, 0o644)
                    said = json.loads(svcctl("check", "--json", "--policy", path, services).stdout)
                    said = "; ".join(d["message"] for d in said)
                    valid = policy.is_valid(yaml12.load(text))
                    if not said and not valid:
                        wrongly.append(text)
                    if said and valid and not re.search(NO_SCHEMA + "|is below the first|not a host name|folders with their whole paths|path of a program", said):
                        laxly.append(f"{text}: {said}")
        self.assertEqual((wrongly, laxly), ([], []))

    def test_what_editors_show(self):
        """Each key has its help, and what can be said of its default."""
        of = schema()
        flat = json.dumps(of)
        self.assertIn("What `svcctl restart` sends to the main process.", flat)
        for key, sub in of["definitions"]["service"]["properties"].items():
            for leaf in [sub, *sub.get("properties", {}).values()]:
                self.assertIn("description", leaf, key)
        self.assertEqual(of["properties"]["logs"]["properties"]["quota"]["default"], "1G")
        self.assertEqual(of["definitions"]["service"]["properties"]["ready_timeout"]["default"], "60s")

    def test_what_is_installed_is_what_is_printed(self):
        for of, name in (("services", "services.schema.json"), ("policy", "policy.schema.json")):
            with open(os.path.join(TOP, "conf", name), encoding="utf-8") as f:
                self.assertEqual(json.load(f), schema(of))
        self.assertEqual(schema(), schema("services"))
        self.assertEqual(svcctl("schema", "nonsense").returncode, 2)
        self.assertTrue(svcctl("schema", "--json").stdout.startswith("{"))

    def test_the_sample_names_it(self):
        with open(os.path.join(TOP, "conf/services.sample.yaml"), encoding="utf-8") as f:
            self.assertRegex(f.readline(), r"^# yaml-language-server: \$schema=/.*/services\.schema\.json$")


if __name__ == "__main__":
    unittest.main()
