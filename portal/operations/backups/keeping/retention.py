"""Which backups stay: keep-last and grandfather-father-son, as a union, of the proven ones.

In each hour, day, week, month and year the newest stays, for as many of them as are asked for (as restic's forget
does: only those that have a backup count). Nothing is ever deleted on the word of a backup that was not proven.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

UNPROVEN_DAYS = 7
"""How long a backup that was not proven is kept, to be looked at, once a newer one is proven."""
_PERIODS = {
    "hourly": "%Y-%m-%d %H:00%z",
    "daily": "%Y-%m-%d",
    "weekly": "%G-W%V",
    "monthly": "%Y-%m",
    "yearly": "%Y",
}


@dataclass(frozen=True, slots=True)
class Keep:
    """How many to keep: the last ones, and the newest of so many hours, days, ISO weeks, months and years."""

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 0:
                raise ValueError(f"{field.name} is a number of backups: 0 or more.")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A backup as retention sees it; `at` is when it began."""

    name: str
    at: datetime
    is_proven: bool
    is_pinned: bool = False
    is_ours: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a backup stays, and why."""

    name: str
    kept: bool
    reasons: tuple[str, ...]


def decide(backups: Iterable[Candidate], *, keep: Keep, now: datetime) -> tuple[Verdict, ...]:
    """Return a verdict on each backup, newest first. Days and hours are those of the time zone of `now`."""
    newest_first = sorted(backups, key=lambda backup: (backup.at, backup.name), reverse=True)
    counting = [backup for backup in newest_first if backup.is_proven and backup.at <= now]
    rules = _rules_that_keep(counting, keep=keep, now=now)
    return tuple(_verdict(backup, rules=rules, counting=counting, now=now) for backup in newest_first)


def _rules_that_keep(counting: Sequence[Candidate], *, keep: Keep, now: datetime) -> Mapping[str, list[str]]:
    """Return the rules that keep a backup, by its name; `counting` has the newest first."""
    rules: defaultdict[str, list[str]] = defaultdict(list)
    for backup in counting[:1]:
        rules[backup.name].append("newest proven")
    for backup in counting[: keep.last]:
        rules[backup.name].append(f"last {keep.last}")
    for period, form in _PERIODS.items():
        newest: dict[str, Candidate] = {}
        for backup in counting:
            newest.setdefault(backup.at.astimezone(now.tzinfo).strftime(form), backup)
        for bucket, backup in list(newest.items())[: getattr(keep, period)]:
            rules[backup.name].append(f"{period} {bucket}")
    return rules


def _verdict(
    backup: Candidate, *, rules: Mapping[str, list[str]], counting: Sequence[Candidate], now: datetime
) -> Verdict:
    reasons = (*(["pinned"] if backup.is_pinned else []), *rules.get(backup.name, ()))
    if waits := _why_it_waits(backup, counting=counting, now=now):
        reasons = (*reasons, waits)
    if reasons:
        return Verdict(backup.name, kept=True, reasons=reasons)
    why = "no rule keeps it" if backup.is_proven else f"not proven in {UNPROVEN_DAYS} days, and a newer one is proven"
    return Verdict(backup.name, kept=False, reasons=(why,))


def _why_it_waits(backup: Candidate, *, counting: Sequence[Candidate], now: datetime) -> str:
    """Return why a backup stays although it counts for no rule; '' when rules alone decide."""
    if not backup.is_ours:
        return "not made by this site: never counts, never deleted"
    if backup.at > now:
        return "dated in the future: look at the clock"
    if not counting:
        return "nothing is proven: nothing is deleted"
    if backup.is_proven:
        return ""
    if backup.at > counting[0].at:
        return "not proven: never counts; newer than the newest proven"
    if now - backup.at <= timedelta(days=UNPROVEN_DAYS):
        return f"not proven: never counts; stays {UNPROVEN_DAYS} days"
    return ""
