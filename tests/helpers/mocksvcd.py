"""mocksvcd: a stand-in for svcd's control socket, for tests of svcctl: it says what the test tells it to
say, also what svcd never would.

    with MockSvcd(root) as mock:
        mock.services = [service("redis", pid=4242)]
        mock.on("Start", reply({"results": [...]}, continues=True), hang)

Each answer is bytes (sent as they are), a dict made by reply() or error(), a callable that gets the
request's parameters and returns one of those, `hang` (nothing more is sent, the connection stays) or
`close` (the connection ends). GetInfo and Status have useful answers by themselves.
"""

import fnmatch
import json
import os
import socket
import threading

hang, close = object(), object()
NAMESPACE = "org.svcd.Supervisor."


def reply(parameters=None, continues=False):
    message = {"parameters": parameters or {}}
    if continues:
        message["continues"] = True
    return message


def error(name, **parameters):
    return {"error": name if "." in name else NAMESPACE + name, "parameters": parameters}


def result(name, text, outcome="ok", state="running", pid=None):
    return {"name": name, "outcome": outcome, "text": text, "state": state, "pid": pid}


def service(name, state="running", **more):
    """A Service of the interface; without the members that are null."""
    s = {"name": name, "state": state, "run": 1, "since": "2026-11-20T11:12:13.123+01:00", "restarts": 0,
         "failures": 0, "max_failures": 5, "enabled": True, "last_exits": [], "note": "",
         "changed": False, "log": f"/nowhere/{name}.log"}
    s.update(more)
    return s


class MockSvcd:
    def __init__(self, root):
        self.run = os.path.join(root, "run")
        os.makedirs(self.run, exist_ok=True)
        self.services, self.answers, self.requests = [], {}, []
        self.info = {"version": "0.1.0", "pid": 1234, "uid": os.getuid(), "user": "a", "root": root,
                     "run": self.run, "started": "2026-11-20T08:00:00.000+01:00",
                     "uptime_ms": 11520000, "services": 0, "definitions_changed": False, "errors": []}
        self.listener = socket.socket(socket.AF_UNIX)
        self.path = os.path.join(self.run, "control.sock")
        folder = os.open(self.run, os.O_PATH | os.O_DIRECTORY)  # the path may be longer than an address
        if os.path.lexists(self.path):
            os.unlink(self.path)
        self.listener.bind(f"/proc/self/fd/{folder}/control.sock")
        os.close(folder)
        self.listener.listen(64)
        self.connections = []
        self.thread = threading.Thread(target=self.accept_all, daemon=True)
        self.thread.start()

    def on(self, method, *answers):
        self.answers[method] = answers

    def accept_all(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self.serve, args=(connection,), daemon=True)
            self.connections.append((connection, thread))
            thread.start()

    def serve(self, connection):
        data, silent = b"", False
        try:
            while True:
                chunk = connection.recv(65536)
                if not chunk:
                    return
                data += chunk
                while b"\0" in data:
                    message, data = data.split(b"\0", 1)
                    request = json.loads(message)
                    self.requests.append(request)
                    last = None if silent else self.answer(connection, request)
                    if last is close:
                        return
                    silent = silent or last is hang  # answers come in the order of the requests
        except OSError:
            pass

    def answer(self, connection, request):
        """The last thing that it was told to do."""
        a = None
        method = request["method"].removeprefix(NAMESPACE)
        parameters = request.get("parameters", {})
        for a in self.answers.get(method) or [self.usual(method, parameters)]:
            if callable(a):
                a = a(parameters)
            if a is close:
                connection.shutdown(socket.SHUT_RDWR)
            if a is close or a is hang:
                break
            connection.sendall(a if isinstance(a, bytes) else json.dumps(a).encode() + b"\0")
        return a

    def usual(self, method, parameters):
        if method == "GetInfo":
            return reply({"info": self.info})
        if method != "Status":
            return error("org.varlink.service.MethodNotFound", method=NAMESPACE + method)
        names = parameters.get("names") or ["*"]
        missing = [n for n in names if not fnmatch.filter([s["name"] for s in self.services], n)]
        if missing and names != ["*"]:
            return error("NoSuchService", names=missing)
        return reply({"services": [s for s in self.services
                                   if any(fnmatch.fnmatchcase(s["name"], n) for n in names)]})

    def end(self, sock, thread):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        thread.join(10)
        sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        # A thread that still used a closed descriptor would take what comes to the next mock's.
        self.end(self.listener, self.thread)
        for connection, thread in self.connections:
            self.end(connection, thread)
        self.connections = []
        if os.path.lexists(self.path):
            os.unlink(self.path)
