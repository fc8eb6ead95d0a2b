"""Plots as a template draws them: geometry, and the words beside and behind it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from portal.operations.dashboard.axes import round_moments
from portal.operations.dashboard.drawing import Bar, Column, Frame, grid

_NEAR_AN_END = 4.0


@dataclass(frozen=True, slots=True)
class Tick:
    """A moment under a drawing; `percent` of its width lie before it."""

    percent: float
    words: str

    @property
    def anchor(self) -> str:
        """Which part of the words stands there: none may leave the drawing."""
        if self.percent < _NEAR_AN_END:
            return "start"
        return "end" if self.percent > 100 - _NEAR_AN_END else "middle"


@dataclass(frozen=True, slots=True)
class Hover:
    """What a stretch of a drawing tells when it is pointed at."""

    column: Column
    words: str


@dataclass(frozen=True, slots=True)
class Table:
    """The figures behind a drawing, the newest first."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Series:
    """What one colour of a drawing stands for, and how much it is in all."""

    name: str
    total: str


@dataclass(frozen=True, slots=True)
class BarPlot:
    """Bars over time. `gist` is what it says, in one sentence."""

    gist: str
    series: tuple[Series, ...]
    bars: tuple[Bar, ...]
    hovers: tuple[Hover, ...]
    ticks: tuple[str, ...]
    moments: tuple[Tick, ...]

    @property
    def grid(self) -> str:
        """A line at each tick."""
        return grid(len(self.ticks))


@dataclass(frozen=True, slots=True)
class LinePlot:
    """A line over time: `value` is its last, `ahead` how it would go on. '' and None: there is none."""

    key: str
    title: str
    value: str
    note: str
    gist: str
    line: str
    filled: str
    ticks: tuple[str, ...]
    moments: tuple[Tick, ...]
    hovers: tuple[Hover, ...]
    table: Table
    ahead: str = ""
    limit_y: float | None = None
    tone: str = ""

    @property
    def grid(self) -> str:
        """A line at each tick."""
        return grid(len(self.ticks))


def ticks_below(frame: Frame, *, every: timedelta, form: str) -> tuple[Tick, ...]:
    """Return the round moments of a drawing, as clocks here show them."""
    zone = timezone.get_current_timezone()
    found = round_moments(frame.begins, ends=frame.ends, every=every, zone=zone)
    length = frame.ends - frame.begins
    return tuple(
        Tick(round(100 * ((moment - frame.begins) / length), 2), f"{timezone.localtime(moment):{form}}")
        for moment in found
    )


def hovers(columns: Sequence[Column], *, words: Iterable[str]) -> tuple[Hover, ...]:
    """Return what each stretch tells."""
    return tuple(Hover(column, told) for column, told in zip(columns, words, strict=True))


def moment_words(moment: datetime) -> str:
    """Return a moment as tables and stretches tell it."""
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}"
