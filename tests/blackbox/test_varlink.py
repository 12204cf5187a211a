"""The control socket, with a client that knows nothing but the protocol."""

import json
import os
import socket

from svcdtest import SvcdTest, Varlink


class Protocol(SvcdTest):
    def setUp(self):
        super().setUp()
        self.config("services: {a: {command: sleep 1000}, b: {command: sleep 1000}}\n")
        self.start()
        self.running("a")
        self.running("b")

    def test_get_info(self):
        with self.varlink() as v:
            p = v.call("org.varlink.service.GetInfo")["parameters"]
        self.assertEqual(set(p), {"vendor", "product", "version", "url", "interfaces"})
        self.assertEqual(set(p["interfaces"]), {"org.varlink.service", "org.svcd.Supervisor"})

    def test_interface_description(self):
        with self.varlink() as v:
            text = v.call("org.varlink.service.GetInterfaceDescription",
                          {"interface": "org.svcd.Supervisor"})["parameters"]["description"]
            self.assertIn("interface org.svcd.Supervisor", text)
            for method in ("Status", "Start", "Stop", "Restart", "Reload", "Wait"):
                self.assertIn(f"method {method}(", text)
            text = v.call("org.varlink.service.GetInterfaceDescription",
                          {"interface": "org.varlink.service"})["parameters"]["description"]
            self.assertIn("interface org.varlink.service", text)
            r = v.call("org.varlink.service.GetInterfaceDescription", {"interface": "no.such"})
            self.assertEqual(r["error"], "org.varlink.service.InterfaceNotFound")

    def test_errors(self):
        with self.varlink() as v:
            r = v.call("org.svcd.Supervisor.Frobnicate")
            self.assertEqual(r["error"], "org.varlink.service.MethodNotFound")
            r = v.call("no.such.interface.Method")
            self.assertEqual(r["error"], "org.varlink.service.InterfaceNotFound")
            r = v.call("Start", {"names": "a"})
            self.assertEqual((r["error"], r["parameters"]["parameter"]),
                             ("org.varlink.service.InvalidParameter", "names"))
            r = v.call("Start", {"names": ["a"], "bogus": 1})
            self.assertEqual(r["error"], "org.varlink.service.InvalidParameter")
            r = v.call("Stop", {"names": ["nobody"]})
            self.assertEqual((r["error"], r["parameters"]["names"]),
                             ("org.svcd.Supervisor.NoSuchService", ["nobody"]))
            # and the connection is as good as before
            self.assertEqual(len(v.call("Status")["parameters"]["services"]), 2)

    def test_more(self):
        with self.varlink() as v:
            first = v.call("Restart", {"names": ["a", "b"], "replace": True}, more=True)
            self.assertTrue(first.get("continues"))
            second = v.receive()
            self.assertFalse(second.get("continues", False))
            names = [r["parameters"]["results"][0]["name"] for r in (first, second)]
            self.assertEqual(sorted(names), ["a", "b"])

    def test_without_more_all_results_come_at_once(self):
        with self.varlink() as v:
            r = v.call("Stop", {"names": ["*"]})["parameters"]["results"]
        self.assertEqual(sorted((x["name"], x["outcome"]) for x in r), [("a", "ok"), ("b", "ok")])

    def test_events(self):
        with self.varlink() as v:
            r = v.call("Events", {"names": ["a"], "last": 1}, more=True)
            self.assertEqual([e["service"] for e in r["parameters"]["events"]], ["a"])
            self.assertTrue(r["continues"])
            with self.varlink() as other:
                other.call("Stop", {"names": ["a"]})
            seen = []
            while "exited" not in seen:
                seen += [e["event"] for e in v.receive()["parameters"]["events"]]

    def test_several_requests_in_one_packet(self):
        with self.varlink() as v:
            request = json.dumps({"method": "org.svcd.Supervisor.Status"}).encode() + b"\0"
            v.send(request * 5)
            for _ in range(5):
                self.assertEqual(len(v.receive()["parameters"]["services"]), 2)

    def test_a_request_byte_by_byte(self):
        with self.varlink() as v:
            for byte in json.dumps({"method": "org.svcd.Supervisor.GetInfo"}).encode() + b"\0":
                v.send(bytes([byte]))
            self.assertEqual(v.receive()["parameters"]["info"]["pid"], self.svcd.pid)

    def test_oneway_is_not_answered(self):
        with self.varlink() as v:
            v.send(json.dumps({"method": "org.svcd.Supervisor.GetInfo", "oneway": True}).encode() + b"\0")
            r = v.call("org.varlink.service.GetInfo")
            self.assertIn("vendor", r["parameters"])

    def test_nonsense_costs_only_its_sender(self):
        for data in (b"hello\0", b"{}\0", b"[1,2]\0", b'{"method": 7}\0', b"\0", b"{" * 100000 + b"\0",
                     b'{"method": "org.svcd.Supervisor.Status", "parameters": []}\0',
                     b'{"method":"' + b"x" * 200000 + b'"}\0', b"y" * 300000):
            with self.varlink() as v:
                try:
                    v.send(data)
                    v.sock.shutdown(socket.SHUT_WR)
                    while v.receive() is not None:
                        pass
                except OSError:
                    pass
        self.until(self.answers, what="an answer")

    def test_a_client_that_goes_away_loses_nothing(self):
        pid = self.service("a")["pid"]
        with self.varlink() as v:
            v.send(json.dumps({"method": "org.svcd.Supervisor.Restart", "parameters":
                               {"names": ["a"], "replace": True}}).encode() + b"\0")
        self.new_run("a", pid)

    def test_many_clients(self):
        held = []
        try:
            for _ in range(600):
                try:
                    held.append(Varlink(self.run_dir))
                except OSError:
                    break
            self.assertGreater(len(held), 10)
            # Each is either served or told of the limit; none hangs.
            for v in held[-3:]:
                try:
                    r = v.call("GetInfo")
                except OSError:
                    continue
                self.assertTrue(r is None or "parameters" in r)
        finally:
            for v in held:
                v.close()
        self.until(self.answers, what="an answer")

    def test_a_reader_that_never_reads(self):
        with self.varlink() as v:
            v.sock.settimeout(1)
            try:
                while True:
                    v.send(json.dumps({"method": "org.svcd.Supervisor.Status"}).encode() + b"\0")
            except OSError:
                pass
            self.until(self.answers, what="an answer")
            with open(f"/proc/{self.svcd.pid}/statm") as f:
                pages = int(f.read().split()[1])
            self.assertLess(pages * os.sysconf("SC_PAGESIZE"), 512 << 20)
