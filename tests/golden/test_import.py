"""What svcctl import makes of files as people have them, to the letter; and `svcctl check` passes all of it.

import/ holds the files, written after patterns in public use. A case is a file at its top; a file of one of its
folders whose name says what it is (Procfile, ecosystem.config.js, …); or a folder NAME.units, whose files are
imported together. What comes out is import/expect/CASE.yaml; SVCD_GOLDEN=write records what is printed now (read
the difference before you commit it).

The files are copied into a HOME whose path is as long as /home/alice, for which it stands: lines are broken by
their length.
"""

import os
import random
import shutil
import subprocess
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "import")
EXPECT = os.path.join(FOLDER, "expect")
SVCCTL = os.path.join(os.path.abspath(os.environ["SVCD_BIN"]), "svcctl")
HOME = "/home/alice"
MAIN_FILES = ("Procfile", "ecosystem.config.js", "supervisord.conf", "docker-compose.yml", "docker-compose.yaml",
              "compose.yaml")


def cases():
    """Name of the case: the files that are imported."""
    found = {}
    for entry in sorted(os.listdir(FOLDER)):
        path = os.path.join(FOLDER, entry)
        if os.path.isfile(path):
            found[entry] = [entry]
        elif entry.endswith(".units"):
            found[entry] = [f"{entry}/{f}" for f in sorted(os.listdir(path))]
        elif entry != "expect":
            for file in sorted(os.listdir(path)):
                if file in MAIN_FILES or file.endswith(".service"):
                    found[entry] = [f"{entry}/{file}"]
    return found


class Import(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        while True:
            cls.home = "/tmp/" + "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=len(HOME) - 5))
            try:
                os.mkdir(cls.home, 0o700)
                break
            except FileExistsError:
                pass
        cls.addClassCleanup(shutil.rmtree, cls.home)
        for root, _, files in os.walk(FOLDER):
            if root == EXPECT:
                continue
            to = os.path.join(cls.home, "app", os.path.relpath(root, FOLDER))
            os.makedirs(to, exist_ok=True)
            for file in files:
                with open(os.path.join(root, file), encoding="utf-8") as f:
                    text = f.read().replace(HOME, cls.home)
                with open(os.path.join(to, file), "w", encoding="utf-8") as f:
                    f.write(text)

    # Supervisor has passed it on like that, too: who wrote it is told that it is no variable.
    AS_IT_IS = {"supervisor-odd.ini": '"--x=$HOME"'}

    def svcctl(self, *arguments):
        env = {"HOME": self.home, "LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}
        env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        return subprocess.run([SVCCTL, *arguments], cwd=os.path.join(self.home, "app"), env=env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)

    def one(self, name, files, options=()):
        if any(f.endswith(("js",)) for f in files) and not shutil.which("node"):
            self.skipTest("there is no node")
        r = self.svcctl("import", *options, *files)
        self.assertEqual(r.returncode, 0, r)
        out = r.stdout.replace(self.home, HOME)
        path = os.path.join(EXPECT, name + ".yaml")
        if os.environ.get("SVCD_GOLDEN") == "write":
            os.makedirs(EXPECT, exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                f.write(out)
        with open(path, encoding="utf-8") as f:
            self.assertEqual(out, f.read())
        made = os.path.join(self.home, name + ".yaml")
        with open(made, "w", encoding="utf-8") as f:
            f.write(r.stdout)
        os.chmod(made, 0o600)
        check = self.svcctl("check", made)
        # what this account may not have is nothing that is wrong with it
        said = [line for line in check.stderr.splitlines() if "more than the hard limit here" not in line]
        if name in self.AS_IT_IS:
            self.assertIn(f"nothing replaces the variable in {self.AS_IT_IS[name]} ", said.pop(0))
        self.assertEqual((check.returncode, said), (0, []), out)

    def test_pm2_production(self):
        self.one("pm2-cluster-production", ["pm2-cluster/ecosystem.config.js"], ("--env", "production"))

    def test_there_are_enough(self):
        self.assertGreaterEqual(len(CASES), 40)


CASES = cases()
for case, names in CASES.items():
    setattr(Import, "test_" + case.replace("-", "_").replace(".", "_").replace("@", "_"),
            lambda self, case=case, names=names: self.one(case, names))

if __name__ == "__main__":
    unittest.main()
