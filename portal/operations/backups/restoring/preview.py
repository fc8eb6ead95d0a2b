"""What a restore would change, found without changing anything."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from portal.operations.backups.rdb.walk import Entry, Walk
from portal.operations.backups.restoring.batches import batches
from portal.operations.backups.restoring.errors import CannotRestore, reason_of
from portal.operations.backups.restoring.load import Chosen, Progress
from portal.operations.backups.restoring.pipelining import answers, demanded
from portal.operations.backups.restoring.selection import Selection
from portal.operations.backups.restoring.target import Target


@dataclass(frozen=True, slots=True)
class Preview:
    """Of `keys` in the files: how many would be added, would replace what is there, have expired, are left out.

    `live` is how many keys each database that the files name holds now.
    """

    keys: int
    added: int
    replaced: int
    expired: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    live: Mapping[int, int] = field(default_factory=dict)
    functions: int = 0

    @property
    def gone(self) -> int:
        """The live keys that the backup does not hold, which an exchange moves aside with the rest."""
        return max(0, sum(self.live.values()) - self.replaced)


def preview(
    plains: Sequence[Path], *, target: Target, selection: Selection, progress: Progress = lambda done: None
) -> Preview:
    """Return what a restore of these files would do. Raises CannotRestore."""
    left_out: Counter[str] = Counter()
    keys, added, replaced, expired, functions, behind = 0, 0, 0, 0, 0, 0
    databases: set[int] = set()
    try:
        for plain in plains:
            with plain.open("rb") as file:
                walk = Walk(file)
                chosen = Chosen(walk, selection=selection, now_ms=target.now_ms)
                for batch in batches(chosen):
                    databases.add(batch[0].database)
                    there = _there(target.database(batch[0].database), batch)
                    replaced, added = replaced + there, added + len(batch) - there
                    progress(behind + walk.offset)
            behind += plain.stat().st_size
            keys, expired, functions = keys + chosen.keys, expired + chosen.expired, functions + len(walk.functions)
            left_out += chosen.left_out
        live = {number: target.keys_in(number) for number in sorted(databases)}
    except redis.RedisError as error:
        raise CannotRestore(
            f"{target.place} does not tell what it holds: {reason_of(error)}. Nothing was changed."
        ) from error
    selection.demand_a_match(left_out, keys=keys)
    return Preview(
        keys, added=added, replaced=replaced, expired=expired, left_out=dict(left_out), live=live, functions=functions
    )


def _there(client: Any, batch: list[Entry]) -> int:
    return sum(demanded(answers(client, [("EXISTS", entry.key) for entry in batch])))
