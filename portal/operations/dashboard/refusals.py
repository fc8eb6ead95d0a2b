"""The plot of refusals: who refused most, one colour each, and apart what was let through in shadow mode."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from portal.operations.dashboard import words
from portal.operations.dashboard.axes import counts_axis
from portal.operations.dashboard.drawing import Frame, equal_columns, stacked
from portal.operations.dashboard.periods import DAY, Period
from portal.operations.dashboard.plots import BarPlot, Series, Table, hovers, moment_words, ticks_below
from portal.operations.dashboard.tallied import Slot, refused_slots

NAMED_MAX = 5
OTHERS = "others"
NOT_YET = "not added up yet"


@dataclass(frozen=True, slots=True)
class Refusals:
    """Two plots on one axis of time, and the figures of both. `in_shadow` is None where nobody was let through.

    `is_whole`: every stretch has been added up.
    """

    total: str
    refused: BarPlot
    in_shadow: BarPlot | None
    table: Table
    is_whole: bool


@dataclass(frozen=True, slots=True)
class _Sums:
    """The amounts of a plot: a row for each stretch, with a number for each name."""

    names: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]

    @property
    def totals(self) -> tuple[int, ...]:
        return tuple(map(sum, zip(*self.rows, strict=True)))

    @property
    def most(self) -> int:
        return max(map(sum, self.rows), default=0)


def refusals(period: Period, *, now: datetime) -> Refusals:
    """Return the plots of a period."""
    slots = refused_slots(period, now=now)
    refused = _sums([{name: of.refused for name, of in slot.by_policy.items()} for slot in slots])
    in_shadow = _sums([{name: of.in_shadow for name, of in slot.by_policy.items()} for slot in slots])
    total = sum(refused.totals)
    return Refusals(
        total=words.count(total),
        refused=_plot(refused, slots=slots, period=period, what="refused"),
        in_shadow=_plot(in_shadow, slots=slots, period=period, what="let through in shadow")
        if in_shadow.names
        else None,
        table=_table(slots, refused=refused, in_shadow=in_shadow),
        is_whole=all(slot.is_known for slot in slots),
    )


def _sums(slots: Sequence[dict[str, int]]) -> _Sums:
    totals = Counter[str]()
    for slot in slots:
        totals.update(slot)
    ranked = sorted((name for name, total in totals.items() if total), key=lambda name: (-totals[name], name))
    named, others = ranked[:NAMED_MAX], ranked[NAMED_MAX:]
    rows = tuple(
        (
            *(slot.get(name, 0) for name in named),
            *((sum(slot.get(name, 0) for name in others),) if others else ()),
        )
        for slot in slots
    )
    return _Sums((*named, *((OTHERS,) if others else ())), rows=rows)


def _plot(sums: _Sums, *, slots: Sequence[Slot], period: Period, what: str) -> BarPlot:
    axis = counts_axis(sums.most)
    frame = Frame(slots[0].begins, ends=slots[-1].ends, top=axis.top)
    bars = stacked(sums.rows, top=axis.top)
    total = sum(sums.totals)
    most = f", most by {sums.names[0]}" if sums.names else ""
    return BarPlot(
        gist=f"{words.count(total)} requests {what} in {period.words}{most}",
        series=tuple(map(Series, sums.names, map(words.count, sums.totals))),
        bars=bars,
        hovers=hovers(
            equal_columns(len(slots)),
            words=(
                f"{_stretch(slot)}: {_told(sums.names, row) if slot.is_known else NOT_YET}"
                for slot, row in zip(slots, sums.rows, strict=True)
            ),
        ),
        ticks=tuple(map(words.short_count, axis.ticks)),
        moments=ticks_below(frame, every=period.tick, form=period.form),
    )


def _told(names: Sequence[str], row: Sequence[int]) -> str:
    told = [f"{name} {words.count(amount)}" for name, amount in zip(names, row, strict=True) if amount]
    return ", ".join(reversed(told)) or "none"


def _stretch(slot: Slot) -> str:
    begins, ends = timezone.localtime(slot.begins), timezone.localtime(slot.ends)
    if slot.ends - slot.begins < DAY:
        return f"{begins:%H:%M} to {ends:%H:%M}"
    return f"{begins:%d %b %H:%M} to {ends:%d %b %H:%M}"


def _table(slots: Sequence[Slot], *, refused: _Sums, in_shadow: _Sums) -> Table:
    shadow_heads = tuple(f"{name}, in shadow" for name in in_shadow.names)
    rows = [
        (moment_words(slot.begins), *(words.count(amount) if slot.is_known else NOT_YET for amount in (*row, *shadow)))
        for slot, row, shadow in zip(slots, refused.rows, in_shadow.rows, strict=True)
    ]
    return Table(("From", *refused.names, *shadow_heads), rows=tuple(reversed(rows)))
