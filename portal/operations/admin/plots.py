"""A plot of sizes over time: bars that the server draws, each as high as its share of a round number."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.template.defaultfilters import filesizeformat

from portal.operations.backups.rows import kept_of
from portal.operations.backups.tidying import is_whole
from portal.operations.dashboard.axes import round_top
from portal.operations.models import Backup

BARS_MAX = 60
HEIGHT = 100
_STEP = 10
_BAR = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """One backup: its place in a drawing of height HEIGHT, whose zero is at the top."""

    row: Backup
    x: int
    y: float
    height: float
    width: int = _BAR


@dataclass(frozen=True, slots=True)
class Plot:
    """Sizes of one source's backups of all keys, the oldest on the left; `ticks` are labels from the top down."""

    source: str
    bars: tuple[Bar, ...]
    ticks: tuple[str, ...]
    height: int = HEIGHT

    @property
    def width(self) -> int:
        """The width of the drawing, in the unit of `x`."""
        return _STEP * len(self.bars)


def size_plots(rows: Iterable[Backup]) -> list[Plot]:
    """Return a plot for each source that has two backups or more, of the newest BARS_MAX."""
    by_source: dict[str, list[Backup]] = {}
    for row in sorted(rows, key=lambda row: row.began_at):
        kept = kept_of(row)
        if kept is not None and is_whole(kept):
            by_source.setdefault(row.source, []).append(row)
    return [_plot(source, found[-BARS_MAX:]) for source, found in sorted(by_source.items()) if len(found) > 1]


def _plot(source: str, rows: Sequence[Backup]) -> Plot:
    top = round_top(max(1, *(row.stored_bytes for row in rows)))
    bars = tuple(_bar(row, number=number, top=top) for number, row in enumerate(rows))
    return Plot(source, bars=bars, ticks=tuple(str(filesizeformat(size)) for size in (top, top / 2, 0)))


def _bar(row: Backup, *, number: int, top: int) -> Bar:
    # One that is next to nothing is still to be seen.
    height = max(1.0, round(HEIGHT * row.stored_bytes / top, 2))
    return Bar(row, x=_STEP * number + (_STEP - _BAR) // 2, y=HEIGHT - height, height=height)
