"""Many services at once: they do not start in a herd (start_concurrency)."""

from svcdtest import SvcdTest, children, stat_fields


class Herd(SvcdTest):
    def test_no_more_than_start_concurrency_start_at_once(self):
        ready = self.python("slow.py", """
            import os, socket, sys, time
            open("began", "a").write(sys.argv[1] + "\\n")
            while not os.path.exists("go-" + sys.argv[1]):
                time.sleep(0.01)
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            s.sendto(b"READY=1", "\\0" + os.environ["NOTIFY_SOCKET"][1:])
            time.sleep(1000)
        """)
        names = [f"s{i}" for i in range(5)]
        services = "\n".join(f"  {n}: {{command: {ready} {n}, ready: notify}}" for n in names)
        self.config(f"start_concurrency: 2\nservices:\n{services}\n  at-once: {{command: sleep 1000}}\n")
        self.start()
        self.running("at-once")  # ready as soon as it runs: nothing to wait for
        for i, name in enumerate(names):
            began = self.written("began", min(i + 2, len(names)))
            self.assertEqual(sorted(began), names[:i + 2])
            for waiting in names[i + 2:]:
                s = self.service(waiting)
                self.assertEqual((s["state"], s["run"]), ("waiting", 0))
                self.assertEqual(s["note"], "waiting for its turn: 2 services are starting "
                                            "(start_concurrency)")
            self.write(f"go-{name}", "")
            self.running(name)
        self.assertTrue(all(s["state"] == "running" for s in self.services().values()))
        self.assertEqual(len(self.read("began").split()), len(names))

    def test_shims_that_end_together_are_all_reaped(self):
        names = [f"s{i}" for i in range(40)]
        self.config("services:\n" + "\n".join(f"  {n}: {{command: sleep 1000}}" for n in names) + "\n")
        self.start()
        for n in names:
            self.running(n)
        self.svcctl("stop", "--all")

        def ended():
            return [p for p in children(self.svcd.pid) if (stat_fields(p) or "X")[0] == "Z"]
        # Its shims are gone, and what is left of its children lives.
        self.until(lambda: not ended() and len(children(self.svcd.pid)) <= 1, what="no zombie")
