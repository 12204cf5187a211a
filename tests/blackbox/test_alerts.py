"""alerts: what people are told when a service was disabled, and when it runs well again."""

import contextlib
import json
import os
import signal
import unittest

from svcdtest import SvcdTest, alive, at_rest, command_line, descendants

BAD = "echo Error: no such table >&2; exit 3\n"


class Alerts(SvcdTest):
    def account(self, alerts, more="", service="command: ./bad.sh, restart: {max_failures: 2, delay: 10ms, window: 1s}"):
        self.config(f"alerts: {{{alerts}}}\n{more}services:\n  a: {{{service}}}\n")

    def sendmail(self, text="cat > mail.$$; echo $* > arguments; mv mail.$$ mails/$$\n"):
        """A sendmail of the test's own; each mail becomes a file in HOME/mails."""
        os.makedirs(os.path.join(self.home, "mails"), exist_ok=True)
        self.svcd_env["SVCD_SENDMAIL"] = self.script("sendmail", text)

    def mails(self, n=1):
        """Waits for N of them; returns the last."""
        folder = os.path.join(self.home, "mails")
        names = self.until(lambda: len(os.listdir(folder)) >= n and sorted(
            os.listdir(folder), key=lambda f: os.stat(os.path.join(folder, f)).st_mtime_ns), what=f"{n} mails")
        self.assertEqual(len(names), n)
        return self.read(os.path.join("mails", names[-1]))

    def spool(self):
        folder = os.path.join(self.root, "svcd/alerts")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return sorted(n for n in names if not n.endswith(".tmp"))  # one that is just being written again

    def told(self, name):
        """The events of that name."""
        return [e for e in self.events() if e["event"] == name]

    def sent(self, n):
        """Waits until nothing is left to be sent and N events tell of it; returns (alert, way) of each."""
        self.until(lambda: self.spool() == [] and len(self.told("alert sent")) >= n, what=f"an empty spool, {n} events")
        return [(e["alert"], e["by"]) for e in self.told("alert sent")]

    def test_mail(self):
        self.sendmail()
        self.script("bad.sh", BAD)
        self.account("email: me+svcd@example.org")
        self.start()
        mail = self.mails()
        head, body = mail.split("\n\n", 1)
        self.assertEqual(self.read("arguments"), "-t -i\n")
        self.assertIn("To: me+svcd@example.org\nSubject: [svcd] a is disabled after failures (", head)
        self.assertIn("\nAuto-Submitted: auto-generated\n", head)
        self.assertIn("\nX-Svcd-Service: a\nX-Svcd-Event: disabled", head)
        self.assertRegex(body, r"^a: disabled \(failures\)\n  it is disabled: 2 failures within 1000ms|^a: disabled "
                               r"\(failures\)\n  it is disabled: 2 failures within 1s")
        self.assertIn("Error: no such table\n", body)
        self.assertIn("\n-- \nsvcd ", body)
        self.until(lambda: self.spool() == [], what="the spool to be empty")
        self.until(lambda: self.told("alert sent"), what="the event")

    def test_one_for_each_incident(self):
        """However often it is tried again; its end is told once; then the next one."""
        self.sendmail()
        self.script("bad.sh", "[ -e well ] && exec sleep 1000; exit 1\n")
        self.account("email: me@example.org")
        self.start()
        self.mails()
        for _ in range(3):
            before = self.service("a")["run"]
            self.run_svcctl("start", "a")
            self.until(lambda: (s := self.service("a"))["run"] > before and s["state"] == "disabled",
                       what="the next failures")
        self.write("well", "")
        self.svcctl("start", "a")
        self.assertIn("Subject: [svcd] a runs well again (", self.mails(2))
        os.unlink(os.path.join(self.home, "well"))
        os.kill(self.running("a")["pid"], signal.SIGKILL)
        self.assertIn("X-Svcd-Event: disabled", self.mails(3))
        self.assertEqual([e["alert"] for e in self.told("alert sent")][:2], ["disabled", "recovered"])

    def test_command(self):
        self.script("bad.sh", BAD)
        self.script("alert.sh", "cat > body; echo $SVCD_SERVICE $SVCD_EVENT $COLOUR $HOME$SVCD_TEST_LEAK: "
                                "$SVCD_SUBJECT > said; pwd > where\n")
        self.account("command: ./alert.sh x", more="environment: {COLOUR: red}\n")
        self.start()
        self.written("where")
        self.assertRegex(self.read("said"), rf"^a disabled red {self.home}: \[svcd\] a is disabled after failures \(")
        self.assertEqual(self.read("where").strip(), self.home)
        self.assertTrue(self.read("body").startswith("a: disabled (failures)\n"))

    def test_both(self):
        self.sendmail()
        self.script("bad.sh", BAD)
        self.script("alert.sh", "cat > body\n")
        self.account("command: [./alert.sh], email: me@example.org")
        self.start()
        self.mails()
        self.until(lambda: os.path.exists(os.path.join(self.home, "body")), what="the command")
        self.assertEqual(self.sent(2), [("disabled", "email"), ("disabled", "command")])

    def test_mail_that_cannot_be_sent_does_not_hold_the_command(self):
        """Each way has its own attempts; what is said of one service leaves in order, also after svcd has died."""
        self.sendmail("cat > mail.$$; [ -e good ] || exit 75; mv mail.$$ mails/$$\n")
        self.script("bad.sh", "[ -e well ] && exec sleep 1000; exit 1\n")
        self.script("alert.sh", "cat > /dev/null; echo $SVCD_EVENT >> told\n")
        self.account("command: ./alert.sh, email: me@example.org")
        self.start()
        self.written("told")
        self.until(lambda: len(self.told("alert failed")) >= 2, what="a mail that is tried again")
        self.assertEqual(self.read("told"), "disabled\n")
        self.write("good", "")
        self.write("well", "")
        self.svcctl("start", "a")
        self.assertEqual(self.written("told", 2), ["disabled", "recovered"])
        self.assertIn("X-Svcd-Event: recovered", self.mails(2))
        self.assertEqual([alert for alert, by in self.sent(4) if by == "email"], ["disabled", "recovered"])
        self.assertEqual({e["by"] for e in self.told("alert failed")}, {"email"})

    def test_what_fails_goes_behind(self):
        """One child at a time: a mailer that takes its time to fail is tried for one alert, not for each."""
        self.sendmail("echo x >> tries; while [ ! -e fail ]; do sleep 0.02; done; exit 75\n")
        self.script("bad.sh", BAD)
        self.script("alert.sh", "cat > /dev/null\n")
        names = [f"s{i}" for i in range(3)]
        self.config("alerts: {command: ./alert.sh, email: me@example.org}\nservices:\n" + "".join(
            f"  {name}: {{command: ./bad.sh, restart: {{max_failures: 1}}}}\n" for name in names))
        self.start()
        for name in names:
            self.in_state(name, "disabled")
        self.written("tries")
        self.write("fail", "")
        self.until(lambda: len(self.told("alert sent")) == 3, what="the command, three times")
        order = [e["by"] for e in self.events() if e["event"].startswith("alert ")]
        self.assertEqual(order[:4], ["email", "command", "command", "command"])

    def test_order_of_what_was_left(self):
        """What an earlier svcd has left is sent in the order in which it happened."""
        self.sendmail("grep ^X-Svcd-Event >> order; cat > /dev/null; touch mails/$$\n")
        for number, event, at in ((10, "disabled", 5), (9, "recovered", 4), (9, "degraded", 3), (9, "disabled", 2)):
            self.write(os.path.join(self.root, f"svcd/alerts/a.{number}.{event}.json"), json.dumps(
                {"service": "a", "event": event, "at_wall_ms": at + 4102444800000, "left": 1, "subject": "x", "body": "y"}))
        self.account("email: me@example.org", service="command: sleep 1000")
        self.start()
        self.mails(4)
        self.assertEqual(self.read("order").split()[1::2], ["disabled", "degraded", "recovered", "disabled"])

    def test_not_wanted(self):
        self.sendmail()
        self.script("bad.sh", BAD)
        self.account("email: me@example.org, on: [recovered]")
        self.start()
        self.in_state("a", "disabled")
        self.script("bad.sh", "exec sleep 1000\n")
        self.running("a")  # a changed program starts it again
        self.assertIn("X-Svcd-Event: recovered", self.mails())

    def test_nothing_is_asked_for(self):
        self.sendmail("touch called\n")
        self.script("bad.sh", BAD)
        self.config("services: {a: {command: ./bad.sh, restart: {max_failures: 1}}}\n")
        self.start()
        self.in_state("a", "disabled")
        with at_rest(self, self.svcd.pid, seconds=0.5):
            pass
        self.assertEqual(self.spool(), [])
        self.assertFalse(os.path.exists(os.path.join(self.home, "called")))

    def test_failure_is_tried_again(self):
        self.sendmail("cat > /dev/null; echo trouble; echo no route to host >&2; echo x >> tries; [ -e good ] || exit 75; "
                      "touch mails/1\n")
        self.script("bad.sh", BAD)
        self.account("email: me@example.org")
        self.start()
        self.until(lambda: self.told("alert failed"), what="the failure")
        event = self.told("alert failed")[0]
        self.assertEqual((event["service"], event["error"]), ("a", "exit code 75: no route to host"))
        said = "a: alert failed: disabled, by email: exit code 75: no route to host"
        self.until(lambda: said in self.stderr(), what="a word of it")
        self.assertEqual(len(self.spool()), 1)
        self.assertEqual(os.stat(os.path.join(self.root, "svcd/alerts", self.spool()[0])).st_mode & 0o777, 0o600)
        self.write("good", "")
        self.mails()
        self.until(lambda: self.spool() == [], what="the spool to be empty")

    def test_hanging(self):
        """It is killed with all that it has forked; svcd answers meanwhile."""
        self.sendmail("[ -e good ] && exec touch mails/1; setsid sleep 1000 & echo $! $$ > pids; trap '' TERM; sleep 1000\n")
        self.script("bad.sh", BAD)
        self.account("email: me@example.org, timeout: 300ms")
        self.start()
        pids = list(map(int, self.written("pids", 2)))
        self.write("good", "")
        self.assertEqual(self.state("a"), "disabled")
        self.gone(*pids)
        self.until(lambda: self.told("alert failed"), what="the failure")
        self.assertEqual(self.told("alert failed")[0]["error"], "it took too long, and was killed")
        self.mails()

    def test_one_at_a_time(self):
        self.sendmail("cat > /dev/null; mkdir busy || touch overlap; sleep 0.05; rmdir busy; touch mails/$$\n")
        self.script("bad.sh", BAD)
        text = "alerts: {email: me@example.org}\nservices:\n"
        for i in range(8):
            text += f"  s{i}: {{command: ./bad.sh, restart: {{max_failures: 1}}}}\n"
        self.config(text)
        self.start()
        self.mails(8)
        self.assertFalse(os.path.exists(os.path.join(self.home, "overlap")))

    def test_a_great_many(self):
        """There is a bound to what waits; the oldest make room, and that is said."""
        self.sendmail("cat > mail.$$; exit 1\n")
        self.script("bad.sh", BAD)
        text = "start_concurrency: 0\nalerts: {email: me@example.org}\nservices:\n"
        for i in range(110):
            text += f"  s{i}: {{command: ./bad.sh, restart: {{max_failures: 1}}}}\n"
        self.config(text)
        self.start()
        self.until(lambda: self.told("alert given up"), limit=30, what="an alert that made room")
        self.assertEqual(self.told("alert given up")[0]["error"], "too many wait to be sent")
        self.assertLessEqual(len(self.spool()), 100)
        self.until(lambda: any("many alerts at once" in text for text in self.spooled()), what="a short one")

    def spooled(self):
        """What waits, as far as it is still there when it is looked at."""
        for name in self.spool():
            with contextlib.suppress(FileNotFoundError):
                yield self.read(os.path.join(self.root, "svcd/alerts", name))

    def test_outlives_svcd(self):
        self.sendmail("cat > /dev/null; [ -e good ] || exit 1; touch mails/$$\n")
        self.script("bad.sh", BAD)
        self.account("email: me@example.org")
        self.start()
        self.until(lambda: self.told("alert failed"), what="the failure")
        self.kill_svcd()
        # One that was just being tried goes on without svcd, and is tried again all the same.
        self.until(lambda: not any("sendmail" in command_line(p) for p in descendants(os.getpid())), what="its end")
        self.write("good", "")
        self.start()
        self.mails()
        self.until(lambda: self.spool() == [], what="the spool to be empty")
        self.end_svcd()
        self.start()  # and it is not told again
        with at_rest(self, self.svcd.pid, seconds=0.3):
            pass
        self.mails(1)

    def test_upgrade_while_it_is_sent(self):
        """The child is the same process's still: what it says counts, and nothing is sent twice."""
        self.sendmail("cat > /dev/null; echo $$ >> pids; while [ ! -e go ]; do sleep 0.02; done; echo said; touch mails/$$\n")
        self.script("bad.sh", BAD)
        self.account("email: me@example.org")
        self.start()
        pid = int(self.written("pids")[0])
        self.svcctl("upgrade")
        self.assertTrue(alive(pid))
        self.write("go", "")
        self.mails()
        self.until(lambda: self.told("alert sent") and self.spool() == [], what="the event")
        self.assertEqual(len(self.read("pids").split()), 1)

    def test_end_of_svcd(self):
        """A mailer that hangs does not keep svcd from ending, and the alert is kept."""
        self.sendmail("echo $$ > pids; sleep 1000\n")
        self.script("bad.sh", BAD)
        self.account("email: me@example.org")
        self.start()
        pid = int(self.written("pids")[0])
        self.assertEqual(self.end_svcd(), 0)
        self.gone(pid)
        self.assertEqual(len(self.spool()), 1)

    def test_no_sendmail(self):
        self.svcd_env["SVCD_SENDMAIL"] = "/nowhere/sendmail"
        self.script("bad.sh", BAD)
        self.account("email: me@example.org")
        self.start()
        self.until(lambda: self.told("alert failed"), what="the failure")
        self.assertEqual(self.told("alert failed")[0]["error"],
                         "cannot run /nowhere/sendmail: No such file or directory")

    def test_cannot_be_kept(self):
        """Without a spool it is sent all the same."""
        self.sendmail()
        os.makedirs(os.path.join(self.root, "svcd"), exist_ok=True)
        self.write(os.path.join(self.root, "svcd/alerts"), "a file where the folder would be")
        self.script("bad.sh", BAD)
        self.account("email: me@example.org")
        self.start()
        self.mails()
        self.until(lambda: "cannot keep alerts in " in self.stderr(), what="a word of it")

    def test_damaged_spool(self):
        self.sendmail()
        for name, text in (("x.json", "{"), ("a.1.disabled.json", '{"service": "../x", "event": "disabled", "left": 1}'),
                           ("b.json", '{"service": "b", "event": "disabled", "left": 99}')):
            self.write(os.path.join(self.root, "svcd/alerts", name), text)
        self.account("email: me@example.org", service="command: sleep 1000")
        self.start()
        self.running("a")
        self.assertEqual(self.spool(), [])
        self.assertEqual(self.stderr().count("is no alert of svcd's, or damaged"), 3)

    def test_hostile_output(self):
        """What a program says does not leave the body, nor break a line that mail cannot carry."""
        self.sendmail()
        self.script("bad.sh", "printf 'x\\n.\\nBcc: you@example.org\\n\\033[2J\\377\\n' >&2; "
                              "head -c 5000 /dev/zero | tr '\\0' y >&2; exit 1\n")
        self.account("email: me@example.org")
        self.start()
        mail = self.mails()
        self.assertNotIn("Bcc", mail.split("\n\n", 1)[0])
        self.assertLess(max(len(line) for line in mail.encode().split(b"\n")), 998)
        self.assertNotRegex(mail, r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

    def test_degraded(self):
        self.sendmail()
        self.account("email: me@example.org",
                     service="command: sleep 1000, restart: {window: 1s}, monitoring: {command: "
                             "'[ -e good ] || { echo replica is behind; exit 2; }', interval: 100ms}")
        self.start()
        mail = self.mails()
        self.assertIn("Subject: [svcd] a is degraded (", mail)
        self.assertIn("replica is behind", mail)
        self.write("good", "")
        self.assertIn("X-Svcd-Event: recovered", self.mails(2))


if __name__ == "__main__":
    unittest.main()
