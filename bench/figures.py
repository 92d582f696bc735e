# SPDX-License-Identifier: Apache-2.0
"""What is aimed at, what was measured, and the table of both. Nothing here runs anything."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A target and what became of it. `holds` is None where it was not measured, and `measured` then says why."""
    what: str
    aim: str
    measured: str
    holds: bool | None

    @property
    def verdict(self):
        return {True: "holds", False: "DOES NOT HOLD", None: "left out"}[self.holds]

    def __str__(self):
        return f"  -> {self.what}: {self.measured} ({self.aim}: {self.verdict})"


@dataclass(frozen=True)
class Target:
    """A number that must be at most `limit`, or at least, as `form` writes it."""
    what: str
    limit: float
    form: str = "{:.2f}"
    at_most: bool = True

    @property
    def aim(self):
        return f"at {'most' if self.at_most else 'least'} {self.form.format(self.limit)}"

    def measured(self, value, note=""):
        holds = value <= self.limit if self.at_most else value >= self.limit
        return Figure(self.what, self.aim, self.form.format(value) + (f", {note}" if note else ""), holds)

    def left_out(self, why):
        return Figure(self.what, self.aim, why, None)

    def failed(self, why):
        return Figure(self.what, self.aim, why, False)


@dataclass(frozen=True)
class Truth(Target):
    """Something that is so or is not."""
    limit: float = 1

    @property
    def aim(self):
        return "must be"

    def measured(self, value, note=""):
        return Figure(self.what, self.aim, ("yes" if value else "no") + (f", {note}" if note else ""), bool(value))


@dataclass(frozen=True)
class Part:
    """Some figures that come from one set of inputs. `run(inputs)` yields Figures, one a target, and other lines."""
    targets: tuple
    run: object


@dataclass(frozen=True)
class Section:
    """Inputs and what is measured with them. `make(folder)` makes the inputs: an object with `files`, which must stay in
    the page cache. The bytes are what the machine must have: `cache` for the files, `memory` for the programs."""
    title: str
    cache: int
    disk: int
    memory: int
    make: object
    parts: tuple

    @property
    def targets(self):
        return [target for part in self.parts for target in part.targets]


def table(figures):
    """One line a figure."""
    rows = [("figure", "target", "measured", "verdict")]
    rows += [(figure.what, figure.aim, figure.measured, figure.verdict) for figure in figures]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    for what, aim, measured, verdict in rows:
        yield f"{verdict:<14} {what:<{widths[0]}}  {aim:<{widths[1]}}  {measured}"
    count = {verdict: sum(figure.verdict == verdict for figure in figures) for verdict in ("holds", "DOES NOT HOLD", "left out")}
    yield f"{len(figures)} figures: " + ", ".join(f"{number} {verdict}" for verdict, number in count.items())
