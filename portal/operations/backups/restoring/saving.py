"""Saving what a restore in place will replace, as an RDB file like any other."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import redis

from portal.operations.backups.manifest import ServerFacts
from portal.operations.backups.rdb.walk import Entry, Walk
from portal.operations.backups.rdb.write import RdbWriter, magic_of
from portal.operations.backups.restoring.batches import batches
from portal.operations.backups.restoring.errors import CannotRestore, reason_of
from portal.operations.backups.restoring.load import Chosen, Progress
from portal.operations.backups.restoring.pipelining import dumps
from portal.operations.backups.restoring.selection import Selection
from portal.operations.backups.restoring.target import Target


@dataclass(frozen=True, slots=True)
class Saved:
    """How many keys a restore will replace, which are in the file, and how many it will add."""

    replaced: int
    added: int


def save_what_is_replaced(
    plain: Path,
    *,
    target: Target,
    selection: Selection,
    into: Path,
    progress: Progress = lambda done: None,
) -> Saved:
    """Write to `into` what the target holds under the names that the selection takes. No file when it holds none.

    Raises CannotRestore. Clients may change a key between its being saved and its being replaced.
    """
    added = 0
    try:
        saver = _Saver(into, engine=facts_of(target).engine)
        with plain.open("rb") as file:
            walk = Walk(file)
            for batch in batches(Chosen(walk, selection=selection, now_ms=target.now_ms)):
                added += saver.save(target.database(batch[0].database), batch)
                progress(walk.offset)
        saver.end()
    except (redis.RedisError, OSError) as error:
        into.unlink(missing_ok=True)
        raise CannotRestore(
            f"What the restore would replace could not be saved: {reason_of(error)}. Nothing was changed."
        ) from error
    return Saved(saver.saved, added=added)


def facts_of(target: Target) -> ServerFacts:
    """Return what a server says of itself; of a Cluster, one that speaks for all. Raises redis.RedisError."""
    info = target.server.info("server")
    if target.is_cluster and "redis_version" not in info:
        info = next(iter(info.values()))
    engine = "valkey" if "valkey_version" in info else "redis"
    return ServerFacts(target.place, role="primary", engine=engine, version=str(info[f"{engine}_version"]))


class _Saver:
    def __init__(self, path: Path, *, engine: str) -> None:
        self._path = path
        self._engine = engine
        self._file: BinaryIO | None = None
        self._writer: RdbWriter | None = None
        self._database = -1
        self.saved = 0

    def save(self, client: Any, batch: list[Entry]) -> int:
        """Write what is there of a batch's keys; return how many are not there."""
        there = 0
        for entry, (dumped, expires_at_ms) in zip(batch, dumps(client, batch), strict=True):
            if dumped is not None:
                self._write(entry, dumped, expires_at_ms)
                there += 1
        self.saved += there
        return len(batch) - there

    def end(self) -> None:
        """Write the end, and have it on the disk."""
        if self._writer is None or self._file is None:
            return
        self._writer.end()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def _write(self, entry: Entry, dumped: bytes, expires_at_ms: int) -> None:
        if self._writer is None:
            self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
            self._writer = RdbWriter(self._file, magic=magic_of(dumped, engine=self._engine))
        if entry.database != self._database:
            self._writer.select(entry.database)
            self._database = entry.database
        self._writer.key(entry.key, payload=dumped, expires_at_ms=expires_at_ms)
