"""vtscreen: what stands on a terminal after a program has written to it: as many of the sequences as svcctl
uses (cursor up and home, erase to the end of the line or screen, scrolling, wrapping), colours left out.

    text = vtscreen.shown(data, columns=80, rows=24)

A sequence that it does not know is an error, so that what a test sees is what a person would."""

import re

TOKEN = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|\x1b(.)|([\r\n])|([^\x1b\r\n])")


class Screen:
    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.lines, self.row, self.column = [""], 0, 0  # lines: scrolled ones too
        self.top = 0

    def line_feed(self):
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")
        self.top = max(self.top, self.row - self.rows + 1)

    def put(self, character):
        if self.column == self.columns:
            self.column = 0
            self.line_feed()
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[:self.column] + character + line[self.column + 1:]
        self.column += 1

    def sequence(self, parameters, final):
        n = int(parameters or 0) if parameters.isdigit() or not parameters else 0
        if final == "A":
            self.row = max(self.top, self.row - max(n, 1))
        elif final == "H" and not n:
            self.row, self.column = self.top, 0
        elif final == "K" and not n:
            self.lines[self.row] = self.lines[self.row][:self.column]
        elif final == "J" and not n:
            self.lines[self.row] = self.lines[self.row][:self.column]
            del self.lines[self.row + 1:]
        elif final == "J" and n == 2:
            self.lines[self.top:] = [""] * (self.row - self.top + 1)
        elif final not in "mhl":
            raise ValueError(f"unknown sequence ESC [ {parameters} {final}")

    def write(self, text):
        """Newlines come as they were written: ptyrun switches their translation off."""
        at = 0
        while at < len(text):
            m = TOKEN.match(text, at)
            if not m:
                return  # cut short
            at = m.end()
            if m[2]:
                self.sequence(m[1], m[2])
            elif m[3]:
                raise ValueError(f"unknown sequence ESC {m[3]}")
            elif m[4] == "\r":
                self.column = 0
            elif m[4]:
                self.column = 0
                self.line_feed()
            else:
                self.put(m[5])


def shown(data, columns=80, rows=24):
    """The screen's lines, without the empty ones at its end."""
    screen = Screen(columns, rows)
    screen.write(data if isinstance(data, str) else data.decode(errors="ignore"))
    return "\n".join(line.rstrip() for line in screen.lines[screen.top:screen.top + rows]).rstrip("\n") + "\n"
