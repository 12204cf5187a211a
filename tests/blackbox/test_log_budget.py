"""logs.quota and logs.min_free: the logs of an account never fill a disk, whoever writes how much; what is deleted or
not written is said, once."""

import json
import os
import re

from svcdtest import SvcdTest

PLENTY = "1000000000G"  # more than any disk has


class BudgetTest(SvcdTest):
    def writer(self, name="w.py", lines=None, steadily=False):
        """A service that writes numbered lines of 100 bytes: LINES of them, or until it is stopped; at once, or
        STEADILY, some every few milliseconds."""
        return self.python(name, f"""
            import os, time
            n = 0
            while {lines} is None or n < ({lines} or 0):
                data = b"".join(b"%d %s\\n" % (i, b"x" * 90) for i in range(n, n + 50))
                while data:  # who is stopped in the middle of it has written a part
                    data = data[os.write(1, data):]
                n += 50
                if {lines is None or steadily}:
                    time.sleep(0.005)
            open("{name}.done", "w").close()
            time.sleep(1000)
            """)

    def done(self, name):
        self.until(lambda: os.path.exists(os.path.join(self.home, name + ".done")), what=f"the end of {name}")

    def total(self):
        folder, size = os.path.join(self.root, "logs/services"), 0
        for name in os.listdir(folder):
            try:
                size += os.stat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                pass
        return size

    def told(self, event):
        return [e for e in self.events() if e["event"] == event]

    def said(self, text):
        with open(os.path.join(self.root, "svcd/svcd.log"), encoding="utf-8") as f:
            return [line for line in f if text in line]


class Quota(BudgetTest):
    def test_the_noisiest_loses_its_oldest(self):
        self.config(f"""
            logs: {{quota: 64K}}
            defaults: {{log: {{max_size: 4K, keep: 1000}}}}
            services:
              loud: {{command: {self.writer("loud.py", 4000)}}}
              quiet: {{command: {self.writer("quiet.py", 100)}}}
            """)
        self.start()
        self.done("loud.py")
        self.done("quiet.py")
        self.logged("loud", " 3999 x", "out")
        self.until(lambda: self.total() <= 64 * 1024, what="the logs within the quota")
        self.until(lambda: self.told("logs over quota"), what="the event")
        # All of the quiet one is there, of the loud one the end.
        numbers = {n: [int(m[1]) for m in (re.search(r" out (\d+) x", x) for x in self.log(n)) if m]
                   for n in ("loud", "quiet")}
        self.assertEqual(numbers["quiet"], list(range(100)))
        self.assertEqual(numbers["loud"], list(range(numbers["loud"][0], 4000)))
        self.assertGreater(len(numbers["loud"]), 200)

    def test_no_hole_however_quickly_they_rotate(self):
        """Files get other names while svcd looks for the oldest and has them deleted, one after the other: it is the
        oldest that goes all the same."""
        self.config(f"""
            logs: {{quota: 100K}}
            services:
              loud: {{command: {self.writer("loud.py", 6000, True)}, log: {{max_size: 4K, keep: 1000}}}}
            """)
        self.start()

        def last():
            """The number of the last line; from the first one on that is there, all are, at any instant."""
            numbers = [int(m[1]) for m in (re.search(r" out (\d+) x", x) for x in self.log("loud")) if m]
            if not numbers:
                return -1
            self.assertEqual(numbers, list(range(numbers[0], numbers[-1] + 1)))
            return numbers[-1]
        self.until(lambda: last() == 5999, what="the last line", limit=30)
        self.until(lambda: self.total() <= 100 * 1024, what="the logs within the quota")
        self.assertEqual(last(), 5999)

    def test_one_event_and_one_line_however_long_it_lasts(self):
        self.config(f"logs: {{quota: 40K}}\nservices: {{a: {{command: {self.writer()}, "
                    "log: {max_size: 8K, keep: 1000}}}\n")
        self.start()
        self.until(lambda: self.told("logs over quota"), what="the event")
        first = self.until(self.last, what="a line")
        self.until(lambda: self.last() > first + 2000, what="some times the quota", limit=30)
        self.svcctl("stop", "a")
        self.until(lambda: self.total() <= 40 * 1024, what="the logs within the quota")
        event, = self.told("logs over quota")
        self.assertEqual((event["quota_bytes"], event["noisiest"]), (40 * 1024, "a"))
        self.assertGreater(event["used_bytes"], 40 * 1024)
        self.assertGreater(event["deleted"], 0)
        self.assertEqual(len(self.said("logs over quota")), 1)

    def last(self):
        """The number of the last line, 0 if the log has just been rotated."""
        try:
            with open(self.log_path("a"), encoding="ascii") as f:
                found = re.findall(r" out (\d+) x", f.read())
        except FileNotFoundError:
            return 0
        return int(found[-1]) if found else 0

    def test_what_is_written_now_is_not_deleted(self):
        self.config(f"logs: {{quota: 4K}}\nservices: {{a: {{command: {self.writer(lines=300)}, "
                    "log: {max_size: 1M}}}\n")
        old = self.log_path("a") + ".1"
        os.makedirs(os.path.dirname(old))
        self.write(old, "x" * 100)
        self.start()
        self.done("w.py")
        self.svcctl("reload")
        self.until(lambda: not os.path.exists(old), what="the end of the rotated file")
        self.logged("a", " 299 x", "out")
        self.assertEqual(self.log_texts("a", "out"), [f"{n} {'x' * 90}" for n in range(300)])
        self.until(lambda: self.said("which is not enough"), what="a word of it")

    def test_logs_of_services_that_are_gone(self):
        folder = os.path.join(self.root, "logs/services")
        os.makedirs(folder)
        for name in ("gone.log", "gone.log.1", "gone.log.2.gz", "somebody's"):
            self.write(os.path.join(folder, name), "x" * 50000)
        self.config("logs: {quota: 100K}\nservices: {a: {command: sleep 1000}}\n")
        self.start()
        self.until(lambda: not os.path.exists(os.path.join(folder, "gone.log.2.gz")), what="the oldest to go")
        self.svcctl("reload")
        self.assertTrue({"gone.log", "gone.log.1", "somebody's"} <= set(os.listdir(folder)))

    def test_a_quota_that_changes(self):
        self.config(f"services: {{a: {{command: {self.writer(lines=1000)}, log: {{max_size: 8K, keep: 50}}}}}}\n")
        self.start()
        self.done("w.py")
        self.until(lambda: self.total() > 100000, what="the log")  # 1G, unless something else is said
        self.config(f"logs: {{quota: 50K}}\nservices: {{a: {{command: {self.writer(lines=1000)}, "
                    "log: {max_size: 8K, keep: 50}}}\n")
        self.svcctl("reload")
        self.until(lambda: self.total() <= 50 * 1024, what="the logs within the quota")


class MinFree(BudgetTest):
    def services(self, min_free, more=""):
        self.config(f"logs: {{min_free: {min_free}}}\nservices:\n"
                    f"  a: {{command: {self.writer('a.py')}}}\n  b: {{command: {self.writer('b.py')}}}\n{more}")

    def counted(self, name):
        """The numbers of lines that the log says were lost."""
        return [int(m[1]) for m in (re.fullmatch(r'lines lost=(\d+) reason="logs.min_free: too little is free"', t)
                                    for t in self.log_texts(name, "svcd")) if m]

    def whole(self, name):
        """Every line is there or counted, in its place."""
        at, lost = 0, 0
        for line in self.log(name):
            m = re.search(r" svcd lines lost=(\d+)| out (\d+) x", line)
            if m and m[1]:
                lost += int(m[1])
            elif m:
                self.assertEqual(int(m[2]), at + lost, line)
                at += 1

    def test_counted_instead_of_written(self):
        self.services("0")
        self.start()
        for n in ("a", "b"):
            self.logged(n, " 100 x", "out")
        self.services(PLENTY)
        self.svcctl("reload")
        event = self.until(lambda: self.told("logs short of room"), what="the event")
        size = self.until(lambda: self.same_size(), what="logs that do not grow")
        self.assertEqual(self.state("a"), "running")  # and goes on
        note = "lines of its log are being lost: logs.min_free: too little is free"
        for n in ("a", "b"):
            self.until(lambda n=n: self.service(n)["note"] == note, what="the note")
        found = [x for x in json.loads(self.svcctl("--json", "doctor", status=1).out) if x["check"] == "disk"][0]
        self.assertEqual(found["code"], "disk-logs-stopped")
        self.services("0")
        self.svcctl("reload")
        self.until(lambda: all(self.counted(n) for n in ("a", "b")), what="the lines that tell it")
        over = self.until(lambda: self.told("logs written again"), what="the other event")
        for n in ("a", "b"):
            self.until(lambda n=n: re.search(r" out \d+ x", self.log(n)[-1]), what="lines of output")
        self.svcctl("stop", "a", "b")
        for n in ("a", "b"):
            self.whole(n)
        self.assertGreater(self.total(), size)
        # One of each, for both services.
        self.assertEqual((len(event), len(over)), (1, 1))
        self.assertEqual(over[0]["services"], 2)
        self.assertEqual(over[0]["lost"], sum(sum(self.counted(n)) for n in ("a", "b")))
        for text in ("logs short of room", "logs written again"):
            self.assertEqual(len(self.said(text)), 1)
        self.assertFalse(self.told("lines lost"))

    def same_size(self):
        """Nothing is written although much is said."""
        before = self.total()
        counter = {"n": 0}

        def some_time():
            counter["n"] += 1
            return counter["n"] > 20
        self.until(some_time, what="time to pass")
        return before if self.total() == before else 0

    def test_a_service_that_ends_meanwhile(self):
        self.services(PLENTY)
        self.start()
        self.until(lambda: self.told("logs short of room"), what="the event")
        self.svcctl("stop", "a", "b")
        self.until(lambda: self.told("logs written again"), what="the other event")
        self.until(lambda: all(self.counted(n) for n in ("a", "b")), what="the lines that tell it")

    def test_across_a_death_of_svcd(self):
        self.services(PLENTY)
        self.start()
        for n in ("a", "b"):  # its shim has been told, and has not written something
            self.until(lambda n=n: "lines of its log are being lost" in self.service(n)["note"], what="the note")
        self.kill_svcd()
        self.services("0")
        self.start()
        self.until(lambda: all(self.counted(n) for n in ("a", "b")), what="the lines that tell it")
        self.until(lambda: self.told("logs written again"), what="the other event")

