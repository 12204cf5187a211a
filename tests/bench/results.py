"""results: what bench.py has measured, as Markdown that reads without it: first what must be reached, then each row,
with the subjects as columns, what was measured as lines, and how it was measured."""

import datetime
import os
import platform
import statistics


def number(v):
    return f"{v:,.0f}" if abs(v) >= 100 else f"{v:.1f}" if abs(v) >= 10 else f"{v:.2f}" if v else "0"


def span(values):
    if len(values) == 1 or min(values) == max(values):
        return ""
    return f"{number(min(values))}–{number(max(values))}"


class Verdict:
    """What became of one target; ratios are of the same round."""

    def __init__(self, values, target):
        self.subject, self.relation, self.limit, self.base = target
        self.measured = self.subject in values and (not self.base or self.base in values)
        if not self.measured:
            return
        self.value = statistics.median(values[self.subject])
        self.got = [a / b for a, b in zip(values[self.subject], values[self.base])] if self.base \
            else values[self.subject]
        middle = statistics.median(self.got)
        self.reached = middle >= self.limit if self.relation == ">=" else middle <= self.limit
        self.middle = middle

    def line(self, row):
        must = f"{'≥' if self.relation == '>=' else '≤'} {self.limit:,g}{' ×' if self.base else ''}"
        return [row.about, self.subject, number(self.value), self.base or "",
                f"{number(self.middle)}{' ×' if self.base else ''}", span(self.got), must,
                "reached" if self.reached else "**missed**"]


def table(head, lines):
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return out + ["| " + " | ".join(line) + " |" for line in lines]


def verdicts(results):
    return [v.line(r) for r, values, _ in results for v in (Verdict(values, t) for t in r.targets) if v.measured]


def matrix(values, missing):
    """Subjects side by side, if each of them has several figures."""
    subjects, figures, cells = [], [], {}
    for key, got in values.items():
        subject, _, figure = key.partition(": ")
        subjects += [] if subject in subjects else [subject]
        figures += [] if figure in figures else [figure]
        cells[subject, figure] = number(statistics.median(got))
    if figures == [""]:
        lines = [[s, cells[s, ""], span(values[s])] for s in subjects]
        return table(["", "median", "least–most"], lines + [[s, why, ""] for s, why in missing.items()])
    lines = [[f, *(cells.get((s, f), "") for s in subjects)] for f in figures]
    return table(["", *subjects], lines) + [""] + [f"{s}: {why}." for s, why in missing.items()]


def machine():
    with open("/proc/meminfo", encoding="ascii") as f:
        memory = int(f.readline().split()[1]) / 1024 / 1024
    return f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB of memory, Linux " \
           f"{'.'.join(platform.release().split('.')[:2])}"


def report(results, rounds, took_s):
    lines = [f"Measured {datetime.date.today()} on {machine()}, in {took_s / 60:.0f} minutes; load average "
             f"{os.getloadavg()[2]:.1f}, which is svcd's own work and what else the machine had to do.", "",
             f"Each subject of a row was measured in each of {rounds} rounds, one after the other, each round beginning "
             "with another one (supervisors other than svcd: in one round). A figure is the median of the rounds; a "
             "ratio, marked ×, is the median of the ratios within each round, since the machine is a different one at "
             "another time.", ""]
    reached = verdicts(results)
    if reached:
        lines += ["## What must be reached", "",
                  f"{sum(v[-1] == 'reached' for v in reached)} of {len(reached)}.", ""]
        lines += table(["with", "figure", "value", "compared with", "result", "least–most", "must be", ""], reached)
    for r, values, missing in results:
        lines += ["", f"## {r.name}: {r.about}", ""]
        if r.how:
            lines += [r.how, ""]
        lines += ([] if r.unit == "as it says" else [f"In {r.unit}.", ""]) + matrix(values, missing)
    return "\n".join(lines) + "\n"
