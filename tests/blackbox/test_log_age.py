"""log.max_age: what is old is deleted, and a log that is old is rotated, when its time has come."""

import os
import time
import unittest

from svcdtest import SLOW, SvcdTest


class Age(SvcdTest):
    def old(self, number, age_s, kind=""):
        path = f"{self.log_path('a')}.{number}{kind}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.write(path, f"old {number}\n")
        at = time.time() - age_s
        os.utime(path, (at, at))

    def test_old_files_are_deleted(self):
        for number, age_s in ((1, 10), (2, 3000), (3, 3700), (4, 7300)):
            self.old(number, age_s, ".gz" if number == 4 else "")
        self.config("services: {a: {command: sleep 1000, log: {max_age: 1h}}}\n")
        self.start()
        self.until(lambda: sorted(self.rotated("a")) == ["1", "2"], what="the end of what is old")

    def test_when_its_time_has_come(self):
        self.old(1, 3600 - 6 * SLOW)
        self.old(2, 3600 - 5 * SLOW)
        self.config("services: {a: {command: sleep 1000, log: {max_age: 1h}}}\n")
        self.start()
        self.until(lambda: not self.rotated("a"), what="the end of what is old by now")

    def test_a_log_that_is_old_is_rotated(self):
        for state in ("running", "stopped"):
            old = "2001-09-09T01:46:40.123+00:00 out a line of long ago\n"
            os.makedirs(os.path.dirname(self.log_path(state)), exist_ok=True)
            self.write(self.log_path(state), old)
        self.config("""
            defaults: {log: {max_age: 1d}}
            services:
              running: {command: sleep 1000}
              stopped: {command: sleep 1000, enabled: false}
            """)
        self.start()
        for name in ("running", "stopped"):
            self.until(lambda n=name: self.rotated(n) == ["1"], what=f"the rotation of {name}")
            with open(self.log_path(name) + ".1", encoding="ascii") as f:
                self.assertIn("long ago", f.read())
        # Not again and again: what it begins with now is new.
        self.svcctl("reload")
        self.svcctl("restart", "running")
        self.assertEqual(self.rotated("running"), ["1"])

    def test_nothing_is_deleted_unless_asked(self):
        self.old(1, 10 * 365 * 86400)
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000, log: {max_age: 1s}}}\n")
        self.old(2, 10 * 365 * 86400, ".gz")
        path = self.log_path("b") + ".1"
        self.write(path, "x")
        self.start()
        self.until(lambda: not os.path.exists(path), what="a look at the logs", limit=20)
        self.assertEqual(sorted(self.rotated("a")), ["1", "2.gz"])


if __name__ == "__main__":
    unittest.main()
