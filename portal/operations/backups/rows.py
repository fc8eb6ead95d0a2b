"""Rows of backups as what they mirror, so that pages work while the storage is away."""

from collections.abc import Iterable

from portal.operations.backups.keeping.kept import Kept, counts_as_proven
from portal.operations.backups.manifest import Level, ManifestError, Notes, Proof, read_manifest
from portal.operations.backups.tidying import is_whole
from portal.operations.models import Backup


def kept_of(row: Backup) -> Kept | None:
    """Return what a row tells of a backup; None where another version wrote it, which this one cannot read."""
    try:
        manifest = read_manifest(row.manifest.encode())
    except ManifestError:
        return None
    later = (Proof(level=Level(row.level), at=row.seen_at),) if row.level > manifest.level else ()
    has_failed = row.failed_at is not None
    notes = Notes(row.is_pinned, proven=later, failed_at=row.failed_at, failure=row.failure if has_failed else "")
    return Kept(manifest, notes=notes, problems=() if has_failed or not row.failure else (row.failure,))


def all_kept(rows: Iterable[Backup]) -> list[Kept]:
    """Return what rows tell, without those that cannot be read."""
    return [kept for kept in map(kept_of, rows) if kept]


def can_be_counted_on(row: Backup) -> bool:
    """Say whether a row is of a proven backup of all keys that is still there."""
    kept = None if row.is_missing else kept_of(row)
    return kept is not None and is_whole(kept) and counts_as_proven(kept)


def newest_proven(source: str) -> Backup | None:
    """Return the row of a source's newest proven backup of all keys that is still there; None without one."""
    rows = Backup.objects.filter(source=source, is_missing=False, level__gt=0).order_by("-began_at", "-pk")
    return next(filter(can_be_counted_on, rows), None)
