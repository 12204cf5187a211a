"""check_guarantees: every test that tests/GUARANTEES.md names exists.

A name is FILE::Class.test of tests/blackbox, a whole FILE of it, `unit/FILE.c: function`, or a folder of
tests/."""

import os
import re
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def text(*path):
    try:
        with open(os.path.join(TESTS, *path), encoding="utf-8") as f:
            return f.read()
    except OSError:
        return ""


def exists(name):
    """Whether what NAME says is there."""
    unit = re.fullmatch(r"(unit/\w+\.c): (\w+)", name)
    case = re.fullmatch(r"(test_\w+)::(\w+)\.(test_\w+)", name)
    if unit:
        return f"cmocka_unit_test({unit[2]})" in text(unit[1])
    if case:
        source = text("blackbox", case[1] + ".py")
        begin = re.search(rf"^class {case[2]}\(.*?(?=^class |\Z)", source, re.MULTILINE | re.DOTALL)
        return bool(begin) and f"def {case[3]}(" in begin[0]
    if name.startswith("tests/"):
        return os.path.isdir(os.path.join(TESTS, name[len("tests/"):]))
    return bool(text("blackbox", name + ".py"))


def main():
    rows = [line for line in text("GUARANTEES.md").splitlines() if re.match(r"\| \d", line)]
    missing = [f"{row.split('|')[1].strip()}: no such test: {name}"
               for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[3])
               if not exists(name)]
    if not rows:
        missing.append("tests/GUARANTEES.md has no rows")
    print("\n".join(missing))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
