"""Lines and bars in a drawing of WIDTH by HEIGHT, whose zero is at the top left. Pure geometry."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

WIDTH = 1000
HEIGHT = 100
LEAST_HEIGHT = 1.5
"""What is next to nothing is still to be seen."""
_BAR_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Mark:
    """An amount at a moment; None: it is not known. `breaks`: nothing is known of the time just before it."""

    at: datetime
    amount: float | None
    breaks: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """What a drawing shows: from a moment to another, and from 0 up to an amount."""

    begins: datetime
    ends: datetime
    top: float

    def x(self, at: datetime) -> float:
        """Return where a moment lies; one that is not shown, at the nearer end."""
        return round(WIDTH * _within((at - self.begins) / (self.ends - self.begins)), 2)

    def y(self, amount: float) -> float:
        """Return where an amount lies; one that is not shown, at the nearer end."""
        return round(HEIGHT * (1 - _within(amount / self.top)), 2)


@dataclass(frozen=True, slots=True)
class Column:
    """The stretch of a drawing that is nearest to a mark."""

    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of a bar that one series has; `series` is its number."""

    series: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """Pieces on top of each other, the first series lowest."""

    x: float
    width: float
    pieces: tuple[Piece, ...]


def line(marks: Sequence[Mark], *, frame: Frame) -> str:
    """Return a path through marks, the oldest first. A gap is a gap.

    A mark that stands alone is a line without length, which round ends make a dot.
    """
    return "".join(_stroke(run, frame=frame) for run in unbroken(marks))


def filled(marks: Sequence[Mark], *, frame: Frame) -> str:
    """Return the path of what lies between such a line and 0."""
    return "".join(
        f"{_stroke(run, frame=frame)}V{HEIGHT}H{frame.x(run[0].at)}Z" for run in unbroken(marks) if len(run) > 1
    )


def unbroken(marks: Sequence[Mark]) -> list[list[Mark]]:
    """Return the runs of known marks with nothing missing between them."""
    runs: list[list[Mark]] = []
    goes_on = False
    for mark in marks:
        if mark.amount is None:
            goes_on = False
            continue
        if not goes_on or mark.breaks:
            runs.append([])
        runs[-1].append(mark)
        goes_on = True
    return runs


def grid(number: int) -> str:
    """Return a path of so many level lines, from the top to the ground, as far from each other."""
    return "".join(f"M0 {round(HEIGHT * place / (number - 1), 2)}H{WIDTH}" for place in range(number))


def columns(moments: Sequence[datetime], *, frame: Frame) -> tuple[Column, ...]:
    """Return for each moment, the oldest first, the stretch that is nearest to it."""
    places = [frame.x(moment) for moment in moments]
    edges = [0.0, *((left + right) / 2 for left, right in pairwise(places)), float(WIDTH)]
    stretches = (Column(round(left, 2), width=round(right - left, 2)) for left, right in pairwise(edges))
    return tuple(stretches) if moments else ()


def equal_columns(number: int) -> tuple[Column, ...]:
    """Return so many stretches, equally wide."""
    width = WIDTH / number
    return tuple(Column(round(place * width, 2), width=round(width, 2)) for place in range(number))


def stacked(rows: Sequence[Sequence[int]], *, top: int) -> tuple[Bar, ...]:
    """Return a bar for each row, from the left to the right; a row has an amount for each series."""
    step = WIDTH / max(1, len(rows))
    width = round(step * _BAR_SHARE, 2)
    return tuple(
        Bar(round(number * step + (step - width) / 2, 2), width=width, pieces=tuple(_pieces(row, top=top)))
        for number, row in enumerate(rows)
    )


def _stroke(marks: Sequence[Mark], *, frame: Frame) -> str:
    places = [f"{frame.x(mark.at)} {frame.y(mark.amount or 0)}" for mark in marks]
    return f"M{places[0]}{''.join(f'L{place}' for place in places[1:] or places)}"


def _pieces(row: Sequence[int], *, top: int) -> Iterator[Piece]:
    total = sum(row)
    if not total:
        return
    scale = max(LEAST_HEIGHT, HEIGHT * _within(total / top)) / total
    below = 0
    for series, amount in enumerate(row):
        if amount:
            below += amount
            yield Piece(series, y=round(HEIGHT - below * scale, 2), height=round(amount * scale, 2))


def _within(share: float) -> float:
    return min(1.0, max(0.0, share))
