"""What the list of Redis servers shows of each: what the watch saw last."""

from datetime import timedelta

from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.operations.models import RedisServer
from portal.operations.printable import printable
from portal.operations.units import count, share, size, span
from portal.operations.watching.samples import series
from portal.operations.watching.samples.series import Point
from portal.operations.watching.samples.stored import reading_of

_LATE = timedelta(seconds=60)
"""The watch looks every 15 s: after this long it has stopped, or the server has."""
_NEAR_SHARE, _FULL_SHARE = 0.75, 0.9


def state_words(row: RedisServer) -> tuple[str, str, str]:
    """Return a symbol, the words and the tone of how it stands with a server."""
    reading = reading_of(row.reading)
    if not row.is_in_use:
        return "◌", "Not in use any more", "quiet"
    if row.failure:
        return "✖", "Does not answer", "bad"
    if timezone.now() - row.looked_at > _LATE:
        return "!", "Not looked at lately", "warning"
    if reading and not reading.link_is_up:
        return "!", "Does not hear its primary", "warning"
    return "✔", "Answers", "good"


def answered_words(row: RedisServer) -> str:
    """Return how long ago a server last answered."""
    if row.answered_at is None:
        return "never"
    seconds = (timezone.now() - row.answered_at).total_seconds()
    return f"{span(max(1.0, round(seconds)))} ago"


@admin.display(description="server", ordering="place")
def place(row: RedisServer) -> SafeString:
    """Where it is, and what it serves."""
    shown = '<span class="operations-name">{}</span><span class="operations-why">{}</span>'
    return format_html(shown, printable(row.place, keeps=""), _serves(row))


@admin.display(description="state")
def state(row: RedisServer) -> SafeString:
    """Whether it answers, and if not, why."""
    symbol, words, tone = state_words(row)
    told = '<span class="operations-state operations-{}"><span aria-hidden="true">{}</span> {}</span>{}'
    why = format_html('<div class="operations-problem">{}</div>', failure_sentence(row)) if row.failure else ""
    return format_html(told, tone, symbol, words, why)


@admin.display(description="role", ordering="role")
def role(row: RedisServer) -> SafeString:
    """Primary or replica, with its version."""
    reading = reading_of(row.reading)
    version = f"{reading.engine.capitalize()} {reading.version}" if reading else ""
    return format_html('{}<span class="operations-why">{}</span>', row.role or "unknown", version)


@admin.display(description="memory")
def memory(row: RedisServer) -> SafeString | str:
    """What it uses of what it may use, as a bar too."""
    reading = reading_of(row.reading)
    if reading is None:
        return "–"
    used, limit = reading.used_memory_bytes, reading.limit_bytes
    if not limit:
        return f"{size(used)}, no limit known"
    more = "" if reading.maxmemory_bytes else " of its host’s, no limit set"
    shown = (
        '<span class="redis-amount">{} of {}</span>'
        '<meter class="redis-meter" min="0" max="{}" low="{}" high="{}" optimum="0" value="{}" aria-hidden="true">'
        '</meter><span class="operations-why">{}{}</span>'
    )
    marks = (limit, round(_NEAR_SHARE * limit), round(_FULL_SHARE * limit), min(used, limit))
    return format_html(shown, size(used), size(limit), *marks, share(used / limit), more)


@admin.display(description="clients")
def clients(row: RedisServer) -> str:
    """How many are connected."""
    reading = reading_of(row.reading)
    return count(reading.clients) if reading else "–"


@admin.display(description="ops/s")
def commands(row: RedisServer) -> str:
    """Commands a second, over the last sample."""
    point = _latest(row)
    return count(round(point.commands / point.seconds)) if point and point.seconds else "–"


@admin.display(description="hit rate")
def hit_rate(row: RedisServer) -> str:
    """The share of reads that found their key, over the last sample."""
    point = _latest(row)
    return share(point.hit_share) if point and point.hit_share is not None else "–"


@admin.display(description="latency")
def latency(row: RedisServer) -> str:
    """How long a PING took."""
    reading = reading_of(row.reading)
    return span(reading.latency_seconds) if reading else "–"


@admin.display(description="answered", ordering="answered_at")
def answered(row: RedisServer) -> SafeString | str:
    """How long ago it last answered, with the moment itself."""
    if row.answered_at is None:
        return "never"
    exact = f"{timezone.localtime(row.answered_at):%Y-%m-%d %H:%M:%S %Z}"
    shown = '<time datetime="{}" title="{}">{}</time>'
    return format_html(shown, row.answered_at.isoformat(), exact, answered_words(row))


def failure_sentence(row: RedisServer) -> str:
    """Return why it did not answer the watch: a sentence, of words that follow its place."""
    told = row.failure.strip().rstrip(".")
    return f"It {told}." if told[:1].islower() else f"{told}."


def _serves(row: RedisServer) -> str:
    return f"{row.source}, counters" if row.holds_counters and "limits" not in row.source else row.source


def _latest(row: RedisServer) -> Point | None:
    """Return its last sample, read once for a row."""
    kept = vars(row)
    if "latest_point" not in kept:
        kept["latest_point"] = series.latest(row.pk)
    point: Point | None = kept["latest_point"]
    return point
