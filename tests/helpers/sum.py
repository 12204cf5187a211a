"""sum: adds up results folders of runner.py. Prints what failed, then `N passed, N failed`.

    sum.py BROKEN FOLDER...      BROKEN: 1 if a step outside the tests failed, which counts as one more
"""

import json
import os
import sys


def main():
    passed, failed = 0, ["a build step (see above)"] if sys.argv[1] != "0" else []
    tests_failed = []
    for folder in sys.argv[2:]:
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        if not names:
            tests_failed.append(f"{folder}: nothing ran")
        for name in names:
            with open(os.path.join(folder, name)) as f:
                result = json.load(f)
            passed += result["passed"]
            tests_failed += [f"{folder.split('/')[0]}: {t}" for t in result["failed"]]
    # make's own status is non-zero after failed tests too; it says something new only without them.
    failed = tests_failed or failed
    for f in failed:
        print(f"failed: {f}")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
