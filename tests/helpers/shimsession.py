"""shimsession: recorded sessions of svcd and svc-shim (tests/protocol) as text, exact to the byte.

A session is a header, the definitions, and steps in the order in which they happened:

    do until a state=running        what the person, or the machine, did; run by Actions
    1 svcd> ORDER                   a frame on the first connection, and its items in order
        flags 1
        min_ran_ms 1000
    1 shim> EXITED
        ...

Integers are decimal, texts are JSON strings of which each character is one byte, anything else is
`hex:` and its bytes. Numbers without a name in shimproto stand for themselves.
"""

import json
import os
import re
import signal
import struct
import time

from shimproto import BYTES, FRAME_NAMES, FRAMES, HEADER, ITEM, MAGIC, TAG_NAMES, TAGS

FIRST_LINE = "svcd-shim session, protocol version {}"


class Step:
    """`do` with words; or a frame: connection, sender ("svcd" or "shim"), kind, items."""

    def __init__(self, do=None, connection=0, sender="", kind="", items=()):
        self.do, self.connection, self.sender = do, connection, sender
        self.kind, self.items = kind, list(items)

    def get(self, name, default=None):
        """The value of the item, of the first if there are several."""
        return next((v for n, v in self.items if n == name), default)

    def pack(self, version, replace=lambda name, value: value):
        """The frame's bytes; REPLACE may put other values in."""
        payload = b""
        for name, value in self.items:
            value = replace(name, value)
            if isinstance(value, int):
                value = struct.pack("=q", value)
            payload += ITEM.pack(TAGS.get(name, name), 0, len(value)) + value
        return HEADER.pack(MAGIC, len(payload), FRAMES.get(self.kind, self.kind), version, 0) + payload


def number_or_name(word):
    return int(word) if word.isdigit() else word


def unpack(data, version):
    """(kind, items) of one whole frame. What this format could not say exactly is refused."""
    magic, size, number, spoken, reserved = HEADER.unpack_from(data)
    assert (magic, spoken, reserved, size) == (MAGIC, version, 0, len(data) - HEADER.size), data
    items, at = [], HEADER.size
    while at < len(data):
        tag, reserved, size = ITEM.unpack_from(data, at)
        assert reserved == 0 and at + ITEM.size + size <= len(data), data
        value = data[at + ITEM.size:at + ITEM.size + size]
        name = TAG_NAMES.get(tag, tag)
        if size == 8 and name not in BYTES and not isinstance(name, int):
            value = struct.unpack("=q", value)[0]
        items.append((name, value))
        at += ITEM.size + size
    return FRAME_NAMES.get(number, number), items


def write_value(name, value):
    if isinstance(value, int):
        return str(value)
    if name in BYTES and name != "rlimit":
        return json.dumps(value.decode("latin-1"))
    return "hex:" + value.hex()


def read_value(text):
    if text.startswith('"'):
        return json.loads(text).encode("latin-1")
    return bytes.fromhex(text[4:]) if text.startswith("hex:") else int(text)


class Session:
    def __init__(self, version, header, definitions, steps):
        self.version, self.header, self.definitions, self.steps = version, header, definitions, steps

    def frames(self, **wanted):
        return [s for s in self.steps if not s.do and all(getattr(s, k) == v for k, v in wanted.items())]

    def text(self):
        out = [FIRST_LINE.format(self.version)]
        out += [f"{k}: {v}" for k, v in self.header.items()]
        out += ["definitions:"] + ["    " + line for line in self.definitions.strip("\n").split("\n")]
        out += ["steps:"]
        for s in self.steps:
            if s.do:
                out.append(f"do {s.do}")
                continue
            out.append(f"{s.connection} {s.sender}> {s.kind}")
            out += [f"    {name} {write_value(name, value)}" for name, value in s.items]
        return "\n".join(out) + "\n"


def parse(text):
    lines = text.splitlines()
    version = int(re.fullmatch(FIRST_LINE.format(r"(\d+)"), lines[0])[1])
    header, definitions, steps, part = {}, [], [], "header"
    for line in lines[1:]:
        if line in ("definitions:", "steps:"):
            part = line
        elif part == "header":
            key, value = line.split(": ", 1)
            header[key] = value
        elif part == "definitions:":
            definitions.append(line[4:])
        elif line.startswith("do "):
            steps.append(Step(do=line[3:]))
        elif line.startswith("    "):
            name, value = line.strip().split(" ", 1)
            steps[-1].items.append((number_or_name(name), read_value(value)))
        else:
            m = re.fullmatch(r"(\d+) (svcd|shim)> (\w+)", line)
            steps.append(Step(None, int(m[1]), m[2], number_or_name(m[3])))
    return Session(version, header, "\n".join(definitions) + "\n", steps)


def load(path):
    with open(path, encoding="utf-8") as f:
        return parse(f.read())


def matches(service, condition):
    """KEY=VALUE, KEY with dots for members of members."""
    key, _, value = condition.partition("=")
    for part in key.split("."):
        service = service.get(part) if isinstance(service, dict) else None
    return str(service) == value


class Actions:
    """Performs `do` steps on the account of a SvcdTest."""

    def __init__(self, test):
        self.test = test

    def run(self, text):
        verb, *words = text.split()
        getattr(self, verb)(*words)

    def start(self):
        self.test.start()

    def crash(self):
        self.test.kill_svcd()

    def end(self):
        self.test.assertEqual(self.test.end_svcd(), 0)

    def svcctl(self, *words):
        self.test.svcctl(*words)

    def define(self, *words):
        """Replaces a text in the definitions and loads them."""
        old, new = " ".join(words).split(" => ")
        path = os.path.join(self.test.root, "config/services.yaml")
        text = self.test.read(path)
        assert old in text
        self.test.write(path, text.replace(old, new))
        self.test.svcctl("reload")

    def until(self, name, *conditions):
        seen = {}

        def there():
            seen.clear()
            seen.update(self.test.service(name))
            return all(matches(seen, c) for c in conditions)
        try:
            self.test.until(there, what=f"{name}: {conditions}")
        except Exception as e:
            raise AssertionError(f"{name} is not {conditions}: {seen}") from e

    def logged(self, name, *pattern):
        self.test.logged(name, " ".join(pattern))

    def written(self, path):
        self.test.written(path)

    def fifo(self, path):
        os.mkfifo(os.path.join(self.test.home, path))

    def tell(self, path, *words):
        """Writes a line for a program that waits for it."""
        with open(os.path.join(self.test.home, path), "w", encoding="ascii") as f:
            f.write(" ".join(words) + "\n")

    def kill(self, name, signame):
        """The main process, by what its record says: svcd need not be there."""
        path = os.path.join(self.test.run_dir, "shims", name)
        main = self.test.until(lambda: re.search(r"^main=([1-9]\d*)$", self.test.read(path), re.MULTILINE),
                               what=f"the main process in {path}")
        os.kill(int(main[1]), getattr(signal, "SIG" + signame))

    @staticmethod
    def pause(ms):
        """Time that has to go by for what is recorded to happen: no run is long enough without."""
        time.sleep(int(ms) / 1000)
