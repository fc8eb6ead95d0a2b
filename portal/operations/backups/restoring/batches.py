"""Entries of a backup in batches that are sent together: bounded in number and in bytes."""

from collections.abc import Iterable, Iterator

from portal.operations.backups.rdb.walk import Entry

_ENTRIES_MAX = 500
BYTES_MAX = 1 << 20


def batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Yield entries of one database at a time, at most 500 or a megabyte and one entry more."""
    batch: list[Entry] = []
    size_bytes = 0
    for entry in entries:
        is_full = len(batch) >= _ENTRIES_MAX or size_bytes >= BYTES_MAX
        if batch and (is_full or entry.database != batch[0].database):
            yield batch
            batch, size_bytes = [], 0
        batch.append(entry)
        size_bytes += len(entry.value)
    if batch:
        yield batch
