"""What the benchmarks print: tables of figures, and beside each figure what it was to reach."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure was to reach, in words, and whether it did."""

    words: str
    reached: bool

    def __str__(self) -> str:
        return f"{self.words}: {'yes' if self.reached else 'NO'}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table; `figures` are written as they stand."""

    name: str
    figures: Sequence[str]
    goals: Sequence[Goal] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A title, how it was measured, columns and rows."""

    title: str
    method: str
    columns: Sequence[str]
    rows: Sequence[Row] = field(default_factory=list)

    def __str__(self) -> str:
        width = max(len(row.name) for row in self.rows) + 2
        widths = [max(10, len(column) + 2) for column in self.columns]
        lines = [f"{self.title}  ({self.method})", _line("", self.columns, width=width, widths=widths)]
        for row in self.rows:
            goals = "   ".join(map(str, row.goals))
            lines.append(f"{_line(row.name, row.figures, width=width, widths=widths)}   {goals}".rstrip())
        return "\n".join(lines)

    @property
    def goals(self) -> list[tuple[str, Goal]]:
        """What was to be reached, with the name of the row that was to."""
        return [(row.name, goal) for row in self.rows for goal in row.goals]


def at_most(value: float, most: float, *, unit: str) -> Goal:
    """Return the goal of a value of at most so much."""
    return Goal(f"at most {most:g} {unit}", value <= most)


def at_least(value: float, least: float, *, unit: str) -> Goal:
    """Return the goal of a value of at least so much."""
    return Goal(f"at least {least:g} {unit}", value >= least)


def summary(tables: Sequence[Table]) -> str:
    """Return how many goals were reached, and which were not."""
    goals = [goal for table in tables for _, goal in table.goals]
    lines = [f"Reached {sum(goal.reached for goal in goals)} of {len(goals)} goals."]
    for table in tables:
        missed = [f"    {name}: {goal.words}" for name, goal in table.goals if not goal.reached]
        lines += [f"  Not reached: {table.title}", *missed] if missed else []
    return "\n".join(lines)


def ratio(ours: Sequence[float], base: Sequence[float]) -> float:
    """Return the median of the ratios round by round, so that a noisy moment weighs on both sides of each."""
    return statistics.median(mine / other for mine, other in zip(ours, base, strict=True))


def _line(name: str, cells: Sequence[str], *, width: int, widths: Sequence[int]) -> str:
    return f"{name:{width}}" + "".join(f"{cell:>{room}}" for cell, room in zip(cells, widths, strict=True))
