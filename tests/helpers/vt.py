"""vt: a small terminal: takes what a program writes and says what a person would see.

    screen = vt.Screen(80, 24)
    screen.feed(data)
    screen.lines()      # text, blanks at the ends of lines cut
    screen.reversed()   # numbers of the lines that are shown in reverse
    text = vt.shown(data, 80, 24)  # of a program that does not take the screen over

It knows what svcctl may use and no more: anything else raises Unknown, since it would be garbage on some terminal.
"""

import re
import unicodedata

import ptyrun


class Unknown(Exception):
    """A sequence that no program of ours should write."""


def width(c):
    if unicodedata.combining(c) or unicodedata.category(c) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


class Screen:
    SEQUENCE = re.compile(rb"\x1b\[(\??)([0-9;]*)([A-Za-z])")

    def __init__(self, columns, rows, cooked=False):
        """COOKED: a line feed begins a line, as terminals that no program has taken over do."""
        self.columns, self.rows, self.cooked = columns, rows, cooked
        self.rest = b""
        self.row = self.column = 0
        self.modes = {"?7": True, "?25": True}
        self.styles = set()
        self.frames = 0  # how often the whole screen was cleared
        self.written = 0  # bytes
        self.main = None
        self.clear()

    def clear(self):
        self.cells = [[" "] * self.columns for _ in range(self.rows)]
        self.marks = [set() for _ in range(self.rows)]

    def resize(self, columns, rows):
        old = self.cells
        self.columns, self.rows = columns, rows
        self.clear()
        for mine, theirs in zip(self.cells, old):
            mine[:] = (theirs + [" "] * columns)[:columns]
        self.row, self.column = min(self.row, rows - 1), min(self.column, columns - 1)

    # ---- what comes ----

    def feed(self, data):
        self.written += len(data)
        data, self.rest = self.rest + data, b""
        while data:
            if data[:1] == b"\x1b":
                match = self.SEQUENCE.match(data)
                if match:
                    self.sequence(match[1].decode(), match[2].decode(), match[3].decode())
                    data = data[match.end():]
                    continue
                if len(data) < 16 and re.fullmatch(rb"\x1b(\[(\??[0-9;]*)?)?", data):
                    self.rest = data
                    return
                raise Unknown(repr(data[:20]))
            text, data = re.match(rb"([^\x1b]*)(.*)", data, re.S).groups()
            if not data:  # a character may be cut
                cut = len(text)
                while cut > 0 and len(text) - cut < 4 and text[cut - 1] & 0xc0 == 0x80:
                    cut -= 1
                if cut > 0 and text[cut - 1] & 0xc0 == 0xc0:
                    try:
                        text[cut - 1:].decode()
                    except UnicodeDecodeError:
                        text, self.rest = text[:cut - 1], text[cut - 1:]
            for c in text.decode():
                self.character(c)
            if self.rest:
                return

    def character(self, c):
        if c == "\r":
            self.column = 0
        elif c == "\n":
            if self.cooked:
                self.column = 0
            if self.row + 1 < self.rows:
                self.row += 1
            else:
                self.cells.append([" "] * self.columns)
                self.marks.append(set())
                del self.cells[0], self.marks[0]
        elif c < " " or c == "\x7f":
            raise Unknown(repr(c))
        else:
            self.put(c)

    def put(self, c):
        w = width(c)
        if w == 0:
            self.cells[self.row][max(self.column - 1, 0)] += c
            return
        if self.column + w > self.columns:
            if self.modes["?7"]:
                self.column = 0
                self.character("\n")
            else:
                self.column = self.columns - w
        self.cells[self.row][self.column] = c
        self.marks[self.row] |= self.styles
        for i in range(1, w):
            self.cells[self.row][self.column + i] = ""
        self.column += w

    def sequence(self, private, parameters, letter):
        numbers = [int(p or 0) for p in parameters.split(";")]
        if private and letter in "hl":
            self.mode("?" + parameters, letter == "h")
        elif private:
            raise Unknown(parameters + letter)
        elif letter == "H":
            self.row = min(max(numbers[0], 1), self.rows) - 1
            self.column = min(max(numbers[1] if len(numbers) > 1 else 1, 1), self.columns) - 1
        elif letter == "A":
            self.row = max(self.row - max(numbers[0], 1), 0)
        elif letter == "J":
            if numbers[0] == 2:
                self.clear()
                self.frames += 1
            elif numbers[0] == 0:
                self.sequence("", "", "K")
                for i in range(self.row + 1, self.rows):
                    self.cells[i], self.marks[i] = [" "] * self.columns, set()
            else:
                raise Unknown(parameters + "J")
        elif letter == "K" and numbers == [0]:
            # With the cursor behind the last column, that is the one that goes.
            at = min(self.column, self.columns - 1)
            self.cells[self.row][at:] = [" "] * (self.columns - at)
            if at == 0:
                self.marks[self.row] = set()
        elif letter == "m":
            for n in numbers:
                self.styles = set() if n == 0 else self.styles | {n}
        else:
            raise Unknown(parameters + letter)

    def mode(self, mode, on):
        if mode == "?1049":
            if on and self.main is None:
                self.main = (self.cells, self.marks, self.row, self.column)
                self.clear()
            elif not on and self.main is not None:
                self.cells, self.marks, self.row, self.column = self.main
                self.main = None
        elif mode not in ("?7", "?25"):
            raise Unknown(mode)
        self.modes[mode] = on

    # ---- what is seen ----

    def lines(self):
        return ["".join(row).rstrip() for row in self.cells]

    def text(self):
        return "\n".join(self.lines()).rstrip("\n") + "\n"

    def reversed(self):
        return [i for i, marks in enumerate(self.marks) if 7 in marks]

    def as_it_was(self):
        """Whether whoever comes next finds a terminal that is as usual."""
        return self.main is None and self.modes["?7"] and self.modes["?25"] and not self.styles


def shown(data, columns=80, rows=24):
    """What stands on a screen after DATA; ptyrun switches the translation of newlines off."""
    screen = Screen(columns, rows, cooked=True)
    screen.feed(data.encode() if isinstance(data, str) else data)
    return screen.text()


class Watched(ptyrun.Terminal):
    """A program on a terminal of its own, and what a person sees there."""

    def __init__(self, argv, columns=80, rows=24, env=None, cwd=None):
        self.screen = Screen(columns, rows)
        super().__init__(argv, columns, rows, env, cwd)

    def read_some(self, limit):
        before = len(self.data)
        more = super().read_some(limit)
        self.screen.feed(self.data[before:])
        return more

    def resize(self, columns, rows):
        self.screen.resize(columns, rows)
        super().resize(columns, rows)

    def see(self, wanted, limit=20):
        """Waits until the screen has WANTED on it (a text, or a function of the screen)."""
        def there(_):
            return wanted(self.screen) if callable(wanted) else wanted in self.screen.text()
        try:
            self.read_until(there, limit)
        except AssertionError:
            raise AssertionError(f"not seen: {wanted!r}; the screen is\n{self.screen.text()}") from None

    def line(self, text):
        """The first line that has TEXT in it; "" if there is none."""
        return next((line for line in self.screen.lines() if text in line), "")
