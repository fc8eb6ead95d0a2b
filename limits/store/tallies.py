"""Tallies in Redis: a hash for each minute, where all processes of a site add up, and a stream of the last refusals.

What is read there may have been written by anybody: what is none of ours is dropped, and the rest goes on.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from limits.core import keys
from limits.core.policies import SLUG_PATTERN
from limits.core.tallies import CLIENT_CHARACTERS_MAX, OUTCOMES, PLACE_CHARACTERS_MAX, Refused
from limits.store.connection import outside_request, run, text
from limits.store.scripts import script

MINUTES_LIFE_SECONDS = 7_200
REFUSALS_MAX = 1_000
COUNT_MAX = 10**12
"""More than a site answers in a minute; sums of it stay numbers of 64 bits."""

_TALLY = script("tally")
_AHEAD_SECONDS = 86_400
"""How far servers' clocks are apart at most."""
_MINUTE = re.compile(rb"[0-9]{1,9}")
_COUNT = re.compile(rb"[0-9]{1,30}")
_SLUG = re.compile(rf"(?=.{{1,50}}\Z){SLUG_PATTERN}")

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
    outside_request(lambda client: run(_TALLY, client, keys=names, args=args))


def changed() -> Changed:
    """Return the tallies of every minute that changed since it was saved; two round trips. Raises StoreUnavailable."""
    return outside_request(_changed)


def settle(saved: Changed) -> None:
    """Note that these minutes are saved; one that changed meanwhile, or at the last moment seen, stays noted."""
    before = f"({saved.seen_milliseconds}"
    outside_request(lambda client: client.zremrangebyscore(_CHANGED, "-inf", before))


def refusals_after(entry_id: str) -> list[Entry]:
    """Return the refusals after an entry, oldest first; all that are kept after ''. Raises StoreUnavailable."""
    return outside_request(lambda client: _refusals(client, first=f"({entry_id}" if entry_id else "-"))


def forget_refusals(*, before: float) -> None:
    """Drop the refusals of before a moment in seconds since 1970."""
    outside_request(lambda client: _trim(client, minid=int(before * 1000)))


def _changed(client: redis.Redis) -> Changed:
    found = _ours(client, _CHANGED, lambda: client.zrange(_CHANGED, 0, -1, withscores=True))
    latest = (time.time() + _AHEAD_SECONDS) * 1000
    scores = {int(name): int(at) for name, at in found if _MINUTE.fullmatch(name) and 0 <= at <= latest}
    with client.pipeline(transaction=False) as pipeline:
        for minute in scores:
            pipeline.hgetall(keys.tallies_of(minute))
        hashes = pipeline.execute(raise_on_error=False)
    minutes = {minute: _rows(found) for minute, found in zip(scores, hashes, strict=True) if not _is_foreign(found)}
    if foreign := [name for name, at in found if not _MINUTE.fullmatch(name) or int(name) not in minutes]:
        client.zrem(_CHANGED, *foreign)
    return Changed(minutes, max(scores.values(), default=0))


def _rows(found: Mapping[bytes, bytes]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for field, number in found.items():
        policy, _, outcome = text(field).partition(":")
        if outcome in OUTCOMES and _SLUG.fullmatch(policy) and _COUNT.fullmatch(number):
            row = rows.setdefault(policy, [0] * len(OUTCOMES))
            row[OUTCOMES.index(outcome)] = min(int(number), COUNT_MAX)
    return rows


def _refusals(client: redis.Redis, *, first: str) -> list[Entry]:
    found = _ours(client, keys.REFUSALS, lambda: client.xrange(keys.REFUSALS, min=first))
    read = {name: _refused({text(key): text(value) for key, value in fields.items()}) for name, fields in found}
    if foreign := [name for name, refused in read.items() if refused is None]:
        client.xdel(keys.REFUSALS, *foreign)
    return [Entry(text(name), refused) for name, refused in read.items() if refused is not None]


def _refused(fields: Mapping[str, str]) -> Refused | None:
    try:
        at = float(fields["at"])
        policy, client, place = fields["policy"], fields["client"], fields["place"]
    except (KeyError, ValueError):
        return None
    if not 0 <= at <= time.time() + _AHEAD_SECONDS or not _SLUG.fullmatch(policy):
        return None
    return Refused(at, policy, client[:CLIENT_CHARACTERS_MAX], place[:PLACE_CHARACTERS_MAX])


def _trim(client: redis.Redis, *, minid: int) -> None:
    _ours(client, keys.REFUSALS, lambda: client.xtrim(keys.REFUSALS, minid=minid, approximate=False))


def _ours(client: redis.Redis, key: str, read: Callable[[], Any]) -> Any:
    """Return what is read of a key; nothing, and the key dropped, where it is of another kind than ours."""
    try:
        return read()
    except redis.ResponseError as error:
        if not _is_foreign(error):
            raise
        client.delete(key)
        return ()


def _is_foreign(answer: Any) -> bool:
    if isinstance(answer, redis.ResponseError) and "wrong kind of value" in str(answer):
        return True
    if isinstance(answer, Exception):
        raise answer
    return False
