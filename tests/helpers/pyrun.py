"""pyrun: runs one file of unittest tests and prints a TAP line for each: `ok 1 - Class.test`. Above `not ok` is what
went wrong, and last in one line: `# because: AssertionError: ...`.

    pyrun.py FILE [Class[.test]...]
"""

import importlib.util
import os
import signal
import sys
import time
import unittest


class Tap(unittest.TestResult):
    """One line a test, once its tearDown has said what it has to say; what went wrong is above it."""

    def __init__(self):
        super().__init__()
        self.n = 0
        self.begin = 0.0
        self.skipped_because = None
        self.wrong, self.because = [], []

    def startTest(self, test):
        super().startTest(test)
        self.begin, self.skipped_because = time.monotonic(), None
        self.wrong, self.because = [], []

    def stopTest(self, test):
        super().stopTest(test)
        self.n += 1
        name = ".".join(test.id().split(".")[-2:])
        print("".join(self.wrong) + f"# {name}: {time.monotonic() - self.begin:.2f} s")
        for line in self.because:
            print(f"# because: {line}")
        more = f" # SKIP {self.skipped_because}" if self.skipped_because is not None else ""
        print(f"{'not ok' if self.wrong else 'ok'} {self.n} - {name}{more}", flush=True)

    def _add(self, test, err):
        self.because.append(" ".join(f"{err[0].__name__}: {err[1]}".split())[:300])
        self.wrong.append(self._exc_info_to_string(err, test) + "\n")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._add(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self._add(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.wrong.append(f"{subtest}\n")
            self._add(test, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.skipped_because = reason


def main():
    path, picks = sys.argv[1], sys.argv[2:]
    # A shell ignores it for what it starts in the background, and so would every program that a test starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
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
