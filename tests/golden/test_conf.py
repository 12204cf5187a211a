"""What svcctl check says about bad definitions, to the letter.

conf/NAME.yaml is checked, conf/NAME.expect is what is printed, one message a line. A new case is a new pair;
SVCD_GOLDEN=write records what is printed now (read the difference before you commit it).
"""

import os
import subprocess
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "conf")
SVCCTL = os.path.join(os.path.abspath(os.environ["SVCD_BIN"]), "svcctl")


def check(name):
    """Exit status and all that is printed. The file is named without folders, so that the text is the
    same everywhere."""
    env = dict(os.environ, HOME="/nonexistent", LC_ALL="C.UTF-8")
    r = subprocess.run([SVCCTL, "check", name], cwd=FOLDER, env=env, stdin=subprocess.DEVNULL,
                       capture_output=True, text=True, timeout=60)
    return r.returncode, "".join(line + "\n" for line in (r.stdout + r.stderr).splitlines()
                                 if line.startswith(name + ":"))


class Conf(unittest.TestCase):
    maxDiff = None

    def one(self, name):
        status, said = check(name)
        path = os.path.join(FOLDER, name.removesuffix(".yaml") + ".expect")
        if os.environ.get("SVCD_GOLDEN") == "write":
            with open(path, "w", encoding="utf-8") as f:
                f.write(said)
        with open(path, encoding="utf-8") as f:
            expected = f.read()
        self.assertEqual(said, expected)
        errors = any(": warning: " not in line for line in expected.splitlines())
        self.assertEqual(status, 1 if errors else 0)


def add(name):
    setattr(Conf, "test_" + name.removesuffix(".yaml").replace("-", "_"), lambda self: self.one(name))


for file in sorted(os.listdir(FOLDER)):
    if file.endswith(".yaml"):
        add(file)

if __name__ == "__main__":
    unittest.main()
