"""pyrun: runs one file of unittest tests and prints a TAP line for each: `ok 1 - Class.test`.

    pyrun.py FILE [Class[.test]...]
"""

import importlib.util
import os
import sys
import time
import unittest


class Tap(unittest.TestResult):
    """One line a test; what went wrong goes above its line."""

    def __init__(self):
        super().__init__()
        self.n = 0
        self.begin = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.begin = time.monotonic()
        self.sub_failed = False

    def line(self, ok, test, more=""):
        self.n += 1
        name = ".".join(test.id().split(".")[-2:])
        print(f"# {name}: {time.monotonic() - self.begin:.2f} s")
        print(f"{'ok' if ok else 'not ok'} {self.n} - {name}{more}", flush=True)

    def show(self, test, err):
        print(self._exc_info_to_string(err, test), flush=True)

    def addSuccess(self, test):
        self.line(True, test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.show(test, err)
        self.line(False, test)

    def addError(self, test, err):
        super().addError(test, err)
        self.show(test, err)
        self.line(False, test)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            print(subtest)
            self.show(test, err)
            self.line(False, subtest if hasattr(subtest, "id") else test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line(True, test, f" # SKIP {reason}")


def main():
    path, picks = sys.argv[1], sys.argv[2:]
    name = os.path.basename(path).removesuffix(".py")
    sys.path.insert(0, os.path.dirname(path))
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromNames(picks, module) if picks else loader.loadTestsFromModule(module)
    result = Tap()
    suite.run(result)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
