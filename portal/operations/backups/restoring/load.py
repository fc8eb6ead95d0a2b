"""Sending the keys of a file to a server, each as RESTORE takes it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from portal.operations.backups.rdb.payload import payload
from portal.operations.backups.rdb.walk import Entry, Walk
from portal.operations.backups.restoring.batches import batches
from portal.operations.backups.restoring.errors import RestoreFailed, reason_of
from portal.operations.backups.restoring.pipelining import Command, answers
from portal.operations.backups.restoring.selection import Selection
from portal.operations.backups.restoring.target import Target
from portal.operations.printable import printable

_NAMED_MAX = 10
_CLOCK_EVERY_KEYS = 1000
Progress = Callable[[int], None]
"""Hears how many bytes of the file lie behind."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a file's keys: `loaded` + `expired` + all of `left_out` (by reason) = `keys`."""

    keys: int
    loaded: int
    expired: int
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def adds_up(self) -> bool:
        """Say whether every key of the file is accounted for."""
        return self.loaded + self.expired + sum(self.left_out.values()) == self.keys


class Chosen:
    """The keys of a file that a selection takes and that have not expired; what it passes by is counted."""

    def __init__(self, walk: Walk, *, selection: Selection, now_ms: Callable[[], int]) -> None:
        self._walk = walk
        self._selection = selection
        self._now_ms = now_ms
        self.left_out: Counter[str] = Counter()
        self.keys = 0
        self.expired = 0

    def __iter__(self) -> Iterator[Entry]:
        """Yield what is to be restored. The clock is a server's: it is asked now and then."""
        now_ms = self._now_ms()
        for entry in self._walk:
            self.keys += 1
            if not self.keys % _CLOCK_EVERY_KEYS:
                now_ms = self._now_ms()
            if reason := self._selection.why_not(entry.key, database=entry.database):
                self.left_out[reason] += 1
            elif entry.expires_at_ms and entry.expires_at_ms <= now_ms:
                self.expired += 1
            else:
                yield entry


def load(
    plain: Path,
    *,
    target: Target,
    selection: Selection,
    database_of: Callable[[int], int] = lambda number: number,
    progress: Progress = lambda done: None,
) -> Loaded:
    """Restore what the selection takes, each database's keys into `database_of` it, replacing what is there.

    Raises RestoreFailed when the server refuses a key (the others are restored all the same), or goes away.
    """
    refused: list[str] = []
    loaded = 0
    with plain.open("rb") as file:
        walk = Walk(file)
        chosen = Chosen(walk, selection=selection, now_ms=target.now_ms)
        try:
            for batch in batches(chosen):
                commands = [_restoring(entry, is_valkey=walk.is_valkey) for entry in batch]
                answered = answers(target.database(database_of(batch[0].database)), commands)
                told = zip(batch, answered, strict=True)
                wrong = [_named(entry, answer) for entry, answer in told if isinstance(answer, Exception)]
                loaded += len(batch) - len(wrong)
                refused += wrong[: max(0, _NAMED_MAX - len(refused))]
                progress(walk.offset)
        except redis.RedisError as error:
            raise RestoreFailed(
                f"FAILED: {target.place} went away after {loaded:,} keys were restored: {reason_of(error)}. What was "
                "to be replaced is kept; restore again once it is back."
            ) from error
    result = Loaded(chosen.keys, loaded=loaded, expired=chosen.expired, left_out=dict(chosen.left_out))
    if not result.adds_up:
        missing = result.keys - result.loaded - result.expired - sum(result.left_out.values())
        raise RestoreFailed(
            f"FAILED: {missing:,} of {result.keys:,} keys were refused by {target.place}; {loaded:,} were restored. "
            f"Refused: {'; '.join(refused)}."
        )
    return result


def _restoring(entry: Entry, *, is_valkey: bool) -> Command:
    value = payload(entry.kind, value=entry.value, is_valkey=is_valkey)
    return "RESTORE", entry.key, entry.expires_at_ms, value, "REPLACE", "ABSTTL"


def _named(entry: Entry, answer: Any) -> str:
    return printable(f"{entry.key[:80].decode(errors='backslashreplace')} ({answer})", keeps="")
