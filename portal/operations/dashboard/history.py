"""Plots of one server's samples: its memory with its limit and how it would go on, and the small ones beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from portal.operations.dashboard import words
from portal.operations.dashboard.axes import Axis, bytes_axis, counts_axis
from portal.operations.dashboard.drawing import Frame, Mark, columns, filled, line
from portal.operations.dashboard.periods import Period
from portal.operations.dashboard.plots import LinePlot, Table, hovers, moment_words, ticks_below
from portal.operations.units import share
from portal.operations.watching.samples.forecast import Forecast
from portal.operations.watching.samples.series import Point

POINTS_MAX = 120
_AHEAD_SHARE = 0.25
"""How much of a period is shown ahead where there is a forecast."""
_LIMIT_DRAWN_FROM = 0.1
"""A limit that is further above is told, and not drawn: the line would lie flat on the ground."""

Words = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Sampled:
    """A server's points over a period, the oldest first and one at least, and its newest sample."""

    points: Sequence[Point]
    latest: Point
    forecast: Forecast | None
    period: Period
    now: datetime


@dataclass(frozen=True, slots=True)
class History:
    """The plots of a server over a period."""

    memory: LinePlot
    small: tuple[LinePlot, ...]


@dataclass(frozen=True, slots=True)
class _Measure:
    """What a plot shows of each point, and in which words. `cells` stand beside the amount in the table."""

    key: str
    title: str
    heads: tuple[str, ...]
    amount: Callable[[Point], float | None]
    axis: Axis
    words: Words
    tick_words: Words
    cells: Callable[[Point], tuple[str, ...]] = field(default=lambda _: ())

    def told(self, point: Point) -> str:
        amount = self.amount(point)
        return "not known" if amount is None else self.words(amount)


def history(sampled: Sampled) -> History:
    """Return the plots of a server."""
    small = (_hit_rate(sampled), _clients(sampled), _evictions(sampled), _latency(sampled))
    return History(memory=_memory(sampled), small=small)


def _memory(sampled: Sampled) -> LinePlot:
    latest, forecast = sampled.latest, sampled.forecast
    most = max(latest.used_memory_bytes, *(point.used_memory_bytes for point in sampled.points))
    limit = latest.limit_bytes or 0
    drawn = limit if most >= _LIMIT_DRAWN_FROM * limit else 0
    measure = _Measure(
        "memory",
        title="Memory",
        heads=("Used", "Limit"),
        amount=lambda point: point.used_memory_bytes,
        axis=bytes_axis(max(most, drawn)),
        words=words.size,
        tick_words=words.size,
        cells=lambda point: (words.size(point.limit_bytes) if point.limit_bytes else "not known",),
    )
    used, of_limit = words.size(latest.used_memory_bytes), _of_limit(latest)
    note = ", ".join(filter(None, (of_limit, forecast.words if forecast else "")))
    ahead = sampled.period.length * _AHEAD_SHARE if forecast else timedelta()
    frame = Frame(sampled.period.begins(now=sampled.now), ends=sampled.now + ahead, top=measure.axis.top)
    plot = _plot(measure, sampled=sampled, frame=frame, value=used, note=note, gist=f"Memory {used} {note}")
    return replace(
        plot,
        limit_y=frame.y(drawn) if drawn else None,
        ahead=_ahead(latest, forecast=forecast, frame=frame) if forecast else "",
    )


def _hit_rate(sampled: Sampled) -> LinePlot:
    hits = sum(point.hits for point in sampled.points)
    asked = hits + sum(point.misses for point in sampled.points)
    measure = _Measure(
        "hit-rate",
        title="Hit rate",
        heads=("Found",),
        amount=lambda point: None if point.hit_share is None else 100 * point.hit_share,
        axis=Axis(top=100, step=50),
        words=words.percent,
        tick_words=words.percent,
    )
    value = words.percent(100 * hits / asked) if asked else "–"
    note = f"of {words.short_count(asked)} look-ups"
    return _small(measure, sampled=sampled, value=value, note=note, gist=f"Hit rate {value} {note}")


def _clients(sampled: Sampled) -> LinePlot:
    now = sampled.latest.clients
    most = max(now, *(point.clients for point in sampled.points))
    measure = _Measure(
        "clients",
        title="Clients",
        heads=("Connected",),
        amount=lambda point: point.clients,
        axis=counts_axis(most),
        words=words.count,
        tick_words=words.short_count,
    )
    note = f"{words.count(most)} at most"
    return _small(measure, sampled=sampled, value=words.count(now), note=note, gist=f"Clients {now}, {note}")


def _evictions(sampled: Sampled) -> LinePlot:
    total = sum(point.evicted for point in sampled.points)
    measure = _Measure(
        "evictions",
        title="Evictions",
        heads=("Evicted",),
        amount=lambda point: point.evicted,
        axis=counts_axis(max(point.evicted for point in sampled.points)),
        words=words.count,
        tick_words=words.short_count,
    )
    note = f"key{words.ending(total)} dropped"
    gist = f"Evictions: {words.count(total)} {note}"
    plot = _small(measure, sampled=sampled, value=words.count(total), note=note, gist=gist)
    return replace(plot, tone="bad" if total else "")


def _latency(sampled: Sampled) -> LinePlot:
    newest = sampled.latest.latency_microseconds
    longest = max(newest, *(point.latency_microseconds for point in sampled.points))
    now, most = words.latency(newest), words.latency(longest)
    measure = _Measure(
        "latency",
        title="Latency",
        heads=("Longest PING",),
        amount=lambda point: point.latency_microseconds,
        axis=counts_axis(longest),
        words=words.latency,
        tick_words=lambda amount: words.latency(amount) if amount else "0",
    )
    note = f"{most} at most"
    return _small(measure, sampled=sampled, value=now, note=note, gist=f"A PING takes {now}, {note}")


def _small(measure: _Measure, *, sampled: Sampled, value: str, note: str, gist: str) -> LinePlot:
    frame = Frame(sampled.period.begins(now=sampled.now), ends=sampled.now, top=measure.axis.top)
    plot = _plot(
        measure, sampled=sampled, frame=frame, value=value, note=note, gist=f"{gist} in {sampled.period.words}"
    )
    # There is room for half as many.
    return replace(plot, moments=ticks_below(frame, every=2 * sampled.period.tick, form=sampled.period.form))


def _plot(measure: _Measure, *, sampled: Sampled, frame: Frame, value: str, note: str, gist: str) -> LinePlot:
    points, period = sampled.points, sampled.period
    marks = [Mark(_middle(point), measure.amount(point), breaks=point.after_gap) for point in points]
    told = [(moment_words(point.at), measure.told(point)) for point in points]
    return LinePlot(
        measure.key,
        title=measure.title,
        value=value,
        note=note,
        gist=gist,
        line=line(marks, frame=frame),
        filled=filled(marks, frame=frame),
        ticks=tuple(map(measure.tick_words, measure.axis.ticks)),
        moments=ticks_below(frame, every=period.tick, form=period.form),
        hovers=hovers(
            columns([mark.at for mark in marks], frame=frame), words=(f"{at}: {amount}" for at, amount in told)
        ),
        table=Table(
            ("From", *measure.heads),
            rows=tuple((*cells, *measure.cells(point)) for cells, point in zip(told[::-1], points[::-1], strict=True)),
        ),
    )


def _middle(point: Point) -> datetime:
    return point.at + timedelta(seconds=point.step_seconds / 2)


def _of_limit(point: Point) -> str:
    limit = point.limit_bytes
    return f"of {words.size(limit)} ({share(point.used_memory_bytes / limit)})" if limit else "used"


def _ahead(latest: Point, *, forecast: Forecast, frame: Frame) -> str:
    """Return the line from the newest sample to where it meets the limit, or leaves the drawing."""
    until = min(frame.ends, latest.at + timedelta(seconds=min(forecast.full_in_seconds, 1e9)))
    grown = forecast.bytes_per_minute * (until - latest.at).total_seconds() / 60
    marks = [Mark(latest.at, latest.used_memory_bytes), Mark(until, latest.used_memory_bytes + grown)]
    return line(marks, frame=frame)
