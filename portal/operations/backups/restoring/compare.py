"""Comparing what a server holds with what a file holds, by what the values mean."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import redis

from portal.operations.backups.rdb.decode import living, meaning
from portal.operations.backups.rdb.format import RdbError
from portal.operations.backups.rdb.payload import Dumped, split
from portal.operations.backups.rdb.walk import Entry, Walk
from portal.operations.backups.restoring.batches import batches
from portal.operations.backups.restoring.errors import RestoreFailed, reason_of
from portal.operations.backups.restoring.load import Chosen, Progress
from portal.operations.backups.restoring.pipelining import dumps
from portal.operations.backups.restoring.selection import Selection
from portal.operations.backups.restoring.target import Target
from portal.operations.printable import printable

_NAMED_MAX = 10
_EQUAL, _EXPIRED, _DIFFERS = "equal", "expired", "differs"


@dataclass(frozen=True, slots=True)
class Compared:
    """How many keys are equal, have expired meanwhile, and differ; `differing` names some of the last."""

    equal: int
    expired: int
    differ: int
    differing: tuple[str, ...]

    def demand_equal(self) -> None:
        """Raise RestoreFailed when anything differs."""
        if self.differ:
            raise RestoreFailed(
                f"FAILED: {self.differ:,} keys are not what the backup holds, {self.equal:,} are. "
                f"They differ: {', '.join(self.differing)}."
            )


def compare(
    plain: Path,
    *,
    target: Target,
    selection: Selection,
    database_of: Callable[[int], int] = lambda number: number,
    progress: Progress = lambda done: None,
) -> Compared:
    """Return how what the selection takes of a file compares with what the target holds. Raises RestoreFailed."""
    found: Counter[str] = Counter()
    differing: list[str] = []
    with plain.open("rb") as file:
        walk = Walk(file)
        try:
            for batch in batches(Chosen(walk, selection=selection, now_ms=lambda: 0)):
                client = target.database(database_of(batch[0].database))
                outcomes = _outcomes(batch, client=client, target=target, is_valkey=walk.is_valkey)
                found.update(outcomes)
                wrong = (entry.key for entry, outcome in zip(batch, outcomes, strict=True) if outcome == _DIFFERS)
                differing += map(_named, islice(wrong, max(0, _NAMED_MAX - len(differing))))
                progress(walk.offset)
        except redis.RedisError as error:
            raise RestoreFailed(
                f"What was restored could not be read back to compare it: {reason_of(error)}."
            ) from error
    return Compared(found[_EQUAL], expired=found[_EXPIRED], differ=found[_DIFFERS], differing=tuple(differing))


def _outcomes(batch: list[Entry], *, client: Any, target: Target, is_valkey: bool) -> list[str]:
    there = dumps(client, batch)
    # The clock after the dumps: what is gone by then and had to be gone is no difference.
    now_ms = target.now_ms()
    return [
        _outcome(entry, dumped, expires_at_ms, now_ms=now_ms, is_valkey=is_valkey)
        for entry, (dumped, expires_at_ms) in zip(batch, there, strict=True)
    ]


def _outcome(entry: Entry, dumped: bytes | None, expires_at_ms: int, *, now_ms: int, is_valkey: bool) -> str:
    if dumped is None:
        return _EXPIRED if _has_expired(entry, now_ms=now_ms, is_valkey=is_valkey) else _DIFFERS
    if expires_at_ms == entry.expires_at_ms and _is_equal(entry, split(dumped), now_ms=now_ms, is_valkey=is_valkey):
        return _EQUAL
    return _DIFFERS


def _has_expired(entry: Entry, *, now_ms: int, is_valkey: bool) -> bool:
    """Say whether a key had to go by now: at its own time, or with the last field of a hash."""
    if 0 < entry.expires_at_ms <= now_ms:
        return True
    try:
        return living(meaning(entry.kind, value=entry.value, is_valkey=is_valkey), at_ms=now_ms) == ("hash", {})
    except RdbError:
        return False


def _is_equal(entry: Entry, found: Dumped, *, now_ms: int, is_valkey: bool) -> bool:
    if (found.kind, found.value) == (entry.kind, entry.value):
        return True
    try:
        ours = meaning(entry.kind, value=entry.value, is_valkey=is_valkey)
        # Only Valkey gives a value a version from 80 on.
        theirs = meaning(found.kind, value=found.value, is_valkey=found.version >= 80)
    except RdbError:
        return False
    return living(ours, at_ms=now_ms) == living(theirs, at_ms=now_ms)


def _named(key: bytes) -> str:
    return printable(key[:80].decode(errors="backslashreplace"), keeps="")
