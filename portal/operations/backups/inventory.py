"""The rows by which the admin lists backups: a mirror of the storage, which alone is the truth."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.operations.backups.keeping.kept import Kept, Rubbish
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.manifest import manifest_document
from portal.operations.models import Backup, BackupAction

MISSING_TOLD_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Inventory:
    """What lies in the storage: backups newest first, and rubbish."""

    kept: tuple[Kept, ...]
    rubbish: tuple[Rubbish, ...]


def take_inventory(*, now: datetime, shelf: Shelf) -> Inventory:
    """Return what the storage holds, having brought the rows into step with it. Raises CannotReach.

    A row whose backup is gone stays for `MISSING_TOLD_FOR`, marked as missing: somebody should know.
    """
    contents = shelf.contents()
    for kept in contents.kept:
        note_kept(kept, now=now)
    # One that was published while the storage was listed has been seen later.
    gone = Backup.objects.exclude(name__in=[kept.name for kept in contents.kept]).filter(seen_at__lt=now)
    gone.update(is_missing=True)
    Backup.objects.filter(is_missing=True, seen_at__lt=now - MISSING_TOLD_FOR).delete()
    return Inventory(contents.kept, rubbish=contents.rubbish)


def note_kept(kept: Kept, *, now: datetime) -> Backup:
    """Write a backup's row anew, and return it."""
    manifest, notes = kept.manifest, kept.notes
    values = {
        "source": manifest.source,
        "began_at": manifest.began_at,
        "seconds": manifest.seconds,
        "methods": ", ".join(dict.fromkeys(part.method for part in manifest.parts)),
        "level": kept.level,
        "keys": manifest.keys,
        "plain_bytes": manifest.plain_bytes,
        "stored_bytes": manifest.stored_bytes,
        "codec": manifest.codec,
        "recipient": manifest.recipient,
        "origin": manifest.origin,
        "is_pinned": notes.is_pinned,
        "failed_at": notes.failed_at,
        "failure": " ".join(kept.problems) or notes.failure,
        "warnings": list(manifest.warnings),
        "manifest": manifest_document(manifest).decode(),
        "seen_at": now,
        "is_missing": False,
    }
    row, _ = Backup.objects.update_or_create(name=kept.name, defaults=values)
    return row


def note_deleted(name: str) -> None:
    """Take away the row of a backup that was deleted on purpose."""
    Backup.objects.filter(name=name).delete()


def note_action(what: BackupAction.Done, *, backup: str, who: str, now: datetime, words: str = "") -> None:
    """Write down who did what with a backup."""
    BackupAction.objects.create(at=now, who=who[:254], what=what, backup=backup[:150], words=words)
