"""Pinned backups stay, whatever the plan says."""

from dataclasses import replace

from django.utils import timezone

from portal.operations.backups import inventory
from portal.operations.backups.keeping.kept import Kept
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.models import BackupAction


def pin(kept: Kept, *, pinned: bool, who: str, shelf: Shelf) -> Kept:
    """Pin a backup, or let the plan judge it again; return it anew. Raises CannotReach."""
    now = timezone.now()
    kept = shelf.change_notes(kept, change=lambda notes: replace(notes, is_pinned=pinned))
    inventory.note_kept(kept, now=now)
    done = BackupAction.Done.PINNED if pinned else BackupAction.Done.UNPINNED
    inventory.note_action(done, backup=kept.name, who=who, now=now)
    return kept
