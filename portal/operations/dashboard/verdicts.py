"""How it stands, in plain words with a sign: judged from facts, by functions that ask nobody."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from portal.operations.dashboard.facts import BackedUp, Limiter, Lives, ServerSeen, Underway
from portal.operations.dashboard.words import ending
from portal.operations.models import Severity
from portal.operations.units import share, span

LATE_AFTER = timedelta(minutes=1)
SILENT_AFTER = timedelta(minutes=5)
FULL_FROM = 0.75
NEARLY_FULL_FROM = 0.9
DEGRADED = "limiter_degraded"
EVICTIONS = "evictions"
REFUSED_WRITES = "refused_writes"
LIMITING = frozenset({DEGRADED, EVICTIONS, REFUSED_WRITES})
"""Conditions of alerts that speak of limiting. A full server refuses writes, and still counts where it can."""


class Tone(StrEnum):
    """How good or bad it is; the name of a colour, which never stands alone."""

    GOOD = "good"
    LATE = "late"
    BAD = "bad"
    UNKNOWN = "unknown"

    @property
    def sign(self) -> str:
        """What is shown beside the words."""
        return {"good": "✔", "late": "!", "bad": "✖", "unknown": "?"}[self]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one subject: a few words, and a sentence more. `subject` names it in addresses."""

    subject: str
    tone: Tone
    words: str
    more: str = ""


def limits(limiter: Limiter, *, servers: Sequence[ServerSeen], alerts: Sequence[Underway], now: datetime) -> Verdict:
    """Say whether limits hold: this process counts, servers of counters answer, and no alert denies it."""
    seen = [server for server in servers if server.holds_counters and is_fresh(server, now=now)]
    first, *others = (*_why_limits_fail(limiter, counting=seen, alerts=alerts), "")
    if first:
        return Verdict("limits", Tone.BAD, f"Limits do not hold: {first}", " ".join(f"{why}." for why in others if why))
    if not limiter.policies:
        return Verdict("limits", Tone.UNKNOWN, "No policies are in force here", "This process has not got them yet.")
    if any(alert.condition == DEGRADED and not alert.is_recovering for alert in alerts):
        words = "Counting failed when the watch tried it, or in another process."
        return Verdict("limits", Tone.BAD, "Limits may not hold", words)
    if doubtful := next((alert for alert in alerts if alert.condition == REFUSED_WRITES and _is_grave(alert)), None):
        return Verdict("limits", Tone.LATE, "Limits may not hold", f"{doubtful.headline}.")
    if refusing := next((server for server in seen if server.errors), None):
        words = f"Redis at {refusing.place} refused {refusing.errors:,} command{ending(refusing.errors)} in a minute."
        return Verdict("limits", Tone.LATE, "Limits may not hold", words)
    if lately := next((alert for alert in alerts if alert.is_recovering and alert.condition in LIMITING), None):
        return Verdict("limits", Tone.LATE, "Limits hold again", f"Recovering: {lately.headline}.")
    number = limiter.policies
    in_force = "1 policy is in force." if number == 1 else f"{number} policies are in force."
    return Verdict("limits", Tone.GOOD, "Limits hold", in_force)


def step(limiter: Limiter) -> Verdict:
    """Say whether Redis has the latest policies."""
    if limiter.in_step is None:
        return Verdict("step", Tone.UNKNOWN, "In step? Not known", "Redis cannot be asked.")
    if limiter.in_step:
        return Verdict("step", Tone.GOOD, "Policies are in step", "Redis has the latest write.")
    return Verdict("step", Tone.BAD, "Policies are not in step", "Redis lacks the latest write: limits are as before.")


def redis(servers: Sequence[ServerSeen], *, now: datetime) -> Verdict:
    """Say whether the servers answered the last look, and how full the fullest is."""
    if not servers:
        return Verdict("redis", Tone.UNKNOWN, "Redis: not known", "Nobody has looked yet.")
    if not is_watched(servers, now=now):
        return Verdict("redis", Tone.UNKNOWN, "Redis: not known", "The last look is too old to go by.")
    if silent := [seen for seen in servers if seen.failure]:
        which = f"{len(silent)} of {len(servers)} servers" if len(servers) > 1 else "Redis"
        words = f"{which} do{'' if len(silent) > 1 else 'es'} not answer"
        return Verdict("redis", Tone.BAD, words, f"{silent[0].place}: {silent[0].failure}")
    if loading := [seen for seen in servers if seen.is_loading]:
        return Verdict("redis", Tone.LATE, "Redis is loading its data", loading[0].place)
    return _fullest(servers)


def under_way(alerts: Sequence[Underway], *, is_watched: bool, is_anybody_told: bool) -> Verdict:
    """Say how many alerts are under way. That there are none is good news only while somebody looks and tells."""
    told = "" if is_anybody_told else "No channel is on: nobody is told."
    if not alerts and not is_watched:
        return Verdict("alerts", Tone.UNKNOWN, "No alerts known", "Nobody looks, so nothing can begin.")
    if not alerts:
        return Verdict("alerts", Tone.LATE if told else Tone.GOOD, "No alerts", told or "None is under way.")
    if all(alert.is_recovering for alert in alerts):
        return Verdict("alerts", Tone.LATE, f"{len(alerts)} alert{ending(len(alerts))} recovering", told)
    critical = sum(alert.severity == Severity.CRITICAL and not alert.is_recovering for alert in alerts)
    more = f", {critical} critical" if critical else ""
    return Verdict(
        "alerts",
        Tone.BAD if critical else Tone.LATE,
        f"{len(alerts)} alert{ending(len(alerts))} under way{more}",
        told,
    )


def backed_up(found: BackedUp) -> Verdict:
    """Say how old the last proven backup of a source is."""
    if not found.newest:
        words = f"No proven backup of {found.source}"
        return Verdict("backups", Tone.BAD, words, "If its data were lost now, it could not be brought back.")
    words = f"Last proven backup of {found.source}: {found.age} ago"
    if found.is_late:
        return Verdict("backups", Tone.LATE, words, "A newer one is due.")
    return Verdict("backups", Tone.GOOD, words, found.newest)


def workers(lives: Lives) -> Verdict:
    """Say whether Celery's processes live."""
    dead = [
        name
        for name, alive in (("worker", lives.worker), ("worker of long jobs", lives.long_worker), ("beat", lives.beat))
        if not alive
    ]
    if not dead:
        return Verdict("workers", Tone.GOOD, "Worker and beat run", "Each showed a sign of life lately.")
    return Verdict(
        "workers",
        Tone.BAD if {"worker", "beat"} & set(dead) else Tone.LATE,
        f"{_listed(dead).capitalize()} silent",
        "No sign of life: what is due waits until it runs.",
    )


def watch(servers: Sequence[ServerSeen], *, now: datetime) -> Verdict:
    """Say when somebody last looked; when that is long ago, loudly."""
    if not servers:
        start = "Start beat, or manage.py watch_redis --forever."
        return Verdict("watch", Tone.BAD, "Nobody has looked at Redis yet", start)
    age = max(timedelta(seconds=1), now - max(seen.looked_at for seen in servers))
    ago = span(int(age.total_seconds()))
    if age <= LATE_AFTER:
        return Verdict("watch", Tone.GOOD, f"Redis seen {ago} ago", "The watch looks every 15 s.")
    tone = Tone.LATE if age <= SILENT_AFTER else Tone.BAD
    return Verdict(
        "watch",
        tone,
        f"Nobody has looked at Redis for {ago}",
        "What is shown of it is old; nobody is told of alerts.",
    )


def is_watched(servers: Sequence[ServerSeen], *, now: datetime) -> bool:
    """Say whether somebody looked lately."""
    return any(is_fresh(seen, now=now) for seen in servers)


def is_fresh(seen: ServerSeen, *, now: datetime) -> bool:
    """Say whether the last look at a server is of now, more or less."""
    return now - seen.looked_at <= SILENT_AFTER


def _why_limits_fail(limiter: Limiter, *, counting: Sequence[ServerSeen], alerts: Sequence[Underway]) -> Iterator[str]:
    if limiter.is_degraded:
        yield "Redis does not answer" if limiter.is_away else "Redis answers by errors"
        if limiter.failure:
            yield limiter.failure
    for seen in counting:
        if seen.failure and not seen.is_replica:
            yield f"Redis at {seen.place} does not answer"
    for alert in alerts:
        explains = alert.condition == EVICTIONS or (alert.condition == REFUSED_WRITES and limiter.is_degraded)
        if explains and _is_grave(alert):
            yield alert.headline


def _is_grave(alert: Underway) -> bool:
    return alert.severity == Severity.CRITICAL and not alert.is_recovering


def _fullest(servers: Sequence[ServerSeen]) -> Verdict:
    number = f"{len(servers)} servers. " if len(servers) > 1 else ""
    shares = [(seen.used_share, seen.place) for seen in servers if seen.used_share is not None]
    if not shares:
        return Verdict("redis", Tone.GOOD, "Redis answers", f"{number}No limit of its memory is known.")
    used, place = max(shares)
    where = f" at {place}" if len(servers) > 1 else ""
    percent = share(used)
    if used >= FULL_FROM:
        tone = Tone.BAD if used >= NEARLY_FULL_FROM else Tone.LATE
        return Verdict("redis", tone, f"Redis is {percent} full", f"{number}Its memory{where} runs out.")
    return Verdict("redis", Tone.GOOD, "Redis answers", f"{number}Memory {percent} used{where}.")


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
