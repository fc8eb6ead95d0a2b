"""Tallies in Redis: a hash for each minute, where all processes of a site add up, and a stream of the last refusals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from limits.core import keys
from limits.core.tallies import OUTCOMES, Refused
from limits.store.connection import outside_request, run, text

MINUTES_LIFE_SECONDS = 7_200
REFUSALS_MAX = 1_000

_CHANGED = f"{keys.TALLIES}:changed"
"""A sorted set of the minutes that changed since they were saved, by the moment in milliseconds of the last change."""

Rows = Mapping[str, Sequence[int]]
"""By policy, a number for each of `OUTCOMES`."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one process noted since its last batch. `number` grows: a batch that is sent twice is written once."""

    sender: str
    number: int
    minutes: Mapping[int, Rows]
    refusals: Sequence[Refused]


@dataclass(frozen=True, slots=True)
class Changed:
    """The tallies of all minutes that changed since they were saved, as they stood at `seen_milliseconds`."""

    minutes: Mapping[int, Rows]
    seen_milliseconds: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A refusal in the stream, and its place there."""

    id: str
    refused: Refused


def write(batch: Batch) -> None:
    """Add a batch to what stands; one round trip. Raises StoreUnavailable."""
    names = [f"{keys.TALLIES}:sender:{batch.sender}", _CHANGED, keys.REFUSALS, *map(keys.tallies_of, batch.minutes)]
    args: list[str | int] = [batch.number, MINUTES_LIFE_SECONDS, REFUSALS_MAX, len(batch.refusals)]
    for refusal in batch.refusals:
        args += [f"{refusal.at:.3f}", refusal.policy, refusal.client, refusal.place]
    for minute, rows in batch.minutes.items():
        fields = [
            (f"{policy}:{outcome}", number)
            for policy, row in rows.items()
            for outcome, number in zip(OUTCOMES, row, strict=True)
            if number
        ]
        args += [minute, len(fields)]
        for field in fields:
            args += field
    outside_request(lambda client: run("tally", client, keys=names, args=args))


def changed() -> Changed:
    """Return the tallies of every minute that changed since it was saved; two round trips. Raises StoreUnavailable."""
    return outside_request(_changed)


def settle(saved: Changed) -> None:
    """Note that these minutes are saved; one that changed meanwhile, or at the last moment seen, stays noted."""
    before = f"({saved.seen_milliseconds}"
    outside_request(lambda client: client.zremrangebyscore(_CHANGED, "-inf", before))


def refusals_after(entry_id: str) -> list[Entry]:
    """Return the refusals after an entry, oldest first; all that are kept after ''. Raises StoreUnavailable."""
    first = f"({entry_id}" if entry_id else "-"
    found: Any = outside_request(lambda client: client.xrange(keys.REFUSALS, min=first))
    return [_entry(text(name), {text(key): text(value) for key, value in fields.items()}) for name, fields in found]


def forget_refusals(*, before: float) -> None:
    """Drop the refusals of before a moment in seconds since 1970."""
    outside_request(lambda client: client.xtrim(keys.REFUSALS, minid=int(before * 1000), approximate=False))


def _changed(client: redis.Redis) -> Changed:
    found: Any = client.zrange(_CHANGED, 0, -1, withscores=True)
    scores = {int(minute): int(moment) for minute, moment in found}
    with client.pipeline(transaction=False) as pipeline:
        for minute in scores:
            pipeline.hgetall(keys.tallies_of(minute))
        hashes = pipeline.execute()
    minutes = {minute: _rows(found) for minute, found in zip(scores, hashes, strict=True)}
    return Changed(minutes, max(scores.values(), default=0))


def _rows(found: Mapping[bytes, bytes]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for field, number in found.items():
        policy, _, outcome = text(field).partition(":")
        if outcome in OUTCOMES:
            rows.setdefault(policy, [0] * len(OUTCOMES))[OUTCOMES.index(outcome)] = int(number)
    return rows


def _entry(name: str, fields: Mapping[str, str]) -> Entry:
    told = Refused(
        float(fields.get("at", 0)), fields.get("policy", ""), fields.get("client", ""), fields.get("place", "")
    )
    return Entry(name, told)
