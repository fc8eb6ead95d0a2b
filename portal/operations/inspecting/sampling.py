"""Keys by prefix, from a sample: SCAN in steps that hold nobody up, for a while, and on from there if asked."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import redis

from portal.operations.inspecting.asking import NotTold, Session, is_about_keys
from portal.operations.inspecting.prefixes import OTHERS, is_counter, is_ours, prefix_of
from portal.operations.printable import printable
from portal.operations.redis_answers import is_forbidden

SECONDS = 1.0
"""How long one look goes on."""
STEP = 1000
"""Keys in a step: a larger one holds others up, a smaller one takes longer by far."""
_MEASURED_MAX = 20
"""Keys of a prefix whose size and type are looked at."""
_JUDGED_MAX = 500
"""Keys of a prefix that are asked for their life, but for counters, which are all asked: the server takes each for a
read that found its key."""
_FEW = 2
"""Fewer keys than this of a prefix are named together: a name used once may be somebody's."""
_GROUPS_MAX = 60


@dataclass(frozen=True, slots=True)
class Group:
    """Keys with one prefix among those that were looked at."""

    prefix: str
    keys: int = 0
    judged: int = 0
    """Of how many it is known whether they end by themselves."""
    endless: int = 0
    """Of those, how many do not."""
    measured: int = 0
    measured_bytes: int = 0
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was seen of one database's keys so far. SCAN goes on at the cursor; its order has nothing to do with names.

    `seen` are the keys that SCAN gave; it may give one twice while the table grows.
    """

    database: int
    total: int
    cursor: int = 0
    seen: int = 0
    is_complete: bool = False
    groups: tuple[Group, ...] = ()
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen of the databases that were asked for, and how long that took, all looks together."""

    stretches: tuple[Stretch, ...]
    seconds: float

    @property
    def seen(self) -> int:
        """How many keys were looked at."""
        return sum(stretch.seen for stretch in self.stretches)

    @property
    def total(self) -> int:
        """How many keys there are."""
        return sum(stretch.total for stretch in self.stretches)

    @property
    def is_complete(self) -> bool:
        """Whether every key was looked at."""
        return all(stretch.is_complete for stretch in self.stretches)


def sample(session: Session, *, before: Sample | None = None, databases: Sequence[int] = (0,)) -> Sample:
    """Look at keys of databases for SECONDS, each for its part of them, going on where `before` ended.

    What fails in one database is told there, and the next one's turn comes. Raises NoAnswer.
    """
    began = time.monotonic()
    ends = began + min(SECONDS, session.seconds_left)
    given = before.stretches if before else [Stretch(database, total=0) for database in databases]
    # The small ones first: what they leave of their time is for the others.
    opened = sorted((_opened(session, stretch) for stretch in given), key=lambda stretch: stretch.total)
    left = sum(not stretch.is_complete for stretch in opened)
    looked = []
    for stretch in opened:
        now = time.monotonic()
        looked.append(stretch if stretch.is_complete else _look(session, stretch, ends=now + (ends - now) / left))
        left -= not stretch.is_complete
    stretches = tuple(sorted(looked, key=lambda stretch: stretch.database))
    return Sample(stretches, seconds=(before.seconds if before else 0.0) + time.monotonic() - began)


def _opened(session: Session, stretch: Stretch) -> Stretch:
    """Return a stretch with the number of keys as it is now."""
    if stretch.is_complete:
        return stretch
    try:
        session.select(stretch.database)
        total = int(session.ask("DBSIZE"))
    except NotTold as error:
        return replace(stretch, is_complete=True, failures=(str(error),))
    return replace(stretch, total=max(total, stretch.seen), is_complete=not total)


def _look(session: Session, before: Stretch, *, ends: float) -> Stretch:
    """Return what is seen of a database until a moment, and in one step at least."""
    tally = _Tally(groups={group.prefix: _Counts.of(group) for group in before.groups})
    cursor, seen, is_complete = before.cursor, before.seen, False
    try:
        session.select(before.database)
        while not is_complete:
            answer, keys = session.ask("SCAN", cursor, "COUNT", STEP)
            tally.add(session, keys)
            cursor, seen = int(answer), seen + len(keys)
            is_complete = cursor == 0
            if time.monotonic() >= ends:
                break
    except NotTold as error:
        return replace(before, is_complete=True, failures=(str(error),))
    return Stretch(
        database=before.database,
        total=seen if is_complete else max(before.total, seen),
        cursor=cursor,
        seen=seen,
        is_complete=is_complete,
        groups=tally.frozen(),
        failures=tuple(dict.fromkeys((*before.failures, *tally.failures))),
    )


@dataclass(slots=True)
class _Counts:
    """A group while it grows."""

    keys: int = 0
    judged: int = 0
    endless: int = 0
    measured: int = 0
    measured_bytes: int = 0
    types: dict[str, None] = field(default_factory=dict)
    is_new: bool = True
    is_refused: bool = False
    """Keys of this prefix may not be asked about."""

    @classmethod
    def of(cls, group: Group) -> "_Counts":
        types = dict.fromkeys(group.types)
        return cls(group.keys, group.judged, group.endless, group.measured, group.measured_bytes, types)

    def take_in(self, other: "_Counts") -> None:
        self.keys += other.keys
        self.judged += other.judged
        self.endless += other.endless
        self.measured += other.measured
        self.measured_bytes += other.measured_bytes
        self.types |= other.types

    def frozen(self, prefix: str) -> Group:
        counts = (self.keys, self.judged, self.endless, self.measured, self.measured_bytes)
        return Group(prefix, *counts, types=tuple(sorted(self.types)))


_Asked = tuple[tuple[str | bytes, ...], _Counts]


@dataclass(slots=True)
class _Tally:
    """All groups of a database while they grow, and what could not be asked."""

    groups: dict[str, _Counts]
    failures: dict[str, None] = field(default_factory=dict)

    def add(self, session: Session, keys: Sequence[bytes]) -> None:
        """Count keys, and ask for the life of each, and for size and type of the first of each prefix."""
        if not keys:
            return
        judged, measured = [], []
        for key in keys:
            prefix = prefix_of(key)
            counts = self.groups.setdefault(prefix, _Counts())
            counts.keys += 1
            if counts.keys <= _JUDGED_MAX or is_counter(prefix):
                judged.append((key, counts))
            if counts.keys <= _MEASURED_MAX:
                measured.append((key, counts))
        self._ask_lives(session, judged)
        self._ask_sizes(session, measured)
        for _, counts in judged:
            counts.is_new = False

    def _ask_lives(self, session: Session, judged: Sequence[tuple[bytes, _Counts]]) -> None:
        for counts, life in self._answers(session, [(("PTTL", key), counts) for key, counts in judged]):
            if life != -2:
                counts.judged += 1
                counts.endless += life == -1

    def _ask_sizes(self, session: Session, measured: Sequence[tuple[bytes, _Counts]]) -> None:
        for counts, size in self._answers(session, [(("MEMORY", "USAGE", key), counts) for key, counts in measured]):
            if size is not None:
                counts.measured += 1
                counts.measured_bytes += size
        for counts, kind in self._answers(session, [(("TYPE", key), counts) for key, counts in measured]):
            if kind != b"none":
                counts.types[printable(kind.decode(errors="replace"), keeps="")] = None

    def _answers(self, session: Session, asked: Sequence[_Asked]) -> Iterator[tuple[_Counts, Any]]:
        """Yield the answers that are no refusal. One key of each kind goes ahead: a server counts what it refuses."""
        ahead = list({id(counts): (command, counts) for command, counts in reversed(asked) if counts.is_new}.values())
        yield from self._sent(session, ahead[:1])
        yield from self._sent(session, ahead[1:])
        sent = {command for command, _ in ahead}
        rest = [(command, counts) for command, counts in asked if command not in sent and not counts.is_refused]
        yield from self._sent(session, rest)

    def _sent(self, session: Session, asked: Sequence[_Asked]) -> Iterator[tuple[_Counts, Any]]:
        try:
            answers = session.ask_all([command for command, _ in asked]) if asked else []
        except NotTold as error:
            self.failures[str(error)] = None
            return
        for (command, counts), answer in zip(asked, answers, strict=True):
            if isinstance(answer, redis.ResponseError):
                counts.is_refused |= is_about_keys(answer) or not is_forbidden(answer)
                self.failures[session.refusal(answer, words=command)] = None
            else:
                yield counts, answer

    def frozen(self) -> tuple[Group, ...]:
        """Return the groups, the largest first; those too small to name are one."""
        others = _Counts()
        named = sorted(self.groups.items(), key=lambda item: (-item[1].keys, item[0]))
        kept = []
        for number, (prefix, counts) in enumerate(named):
            if prefix == OTHERS or number >= _GROUPS_MAX or (counts.keys < _FEW and not is_ours(prefix)):
                others.take_in(counts)
            else:
                kept.append(counts.frozen(prefix))
        return (*kept, others.frozen(OTHERS)) if others.keys else tuple(kept)
