"""All that is known of one backup, for its page."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from portal.operations.admin.backup_columns import LEVELS, MEANINGS, level_words, why_words
from portal.operations.admin.progress import Shown, in_seconds
from portal.operations.admin.rights import rights
from portal.operations.backups import tidying
from portal.operations.backups.keeping.exceptions import KeepingError
from portal.operations.backups.keeping.kept import MANIFEST, Kept, stored_files
from portal.operations.backups.keeping.place import place
from portal.operations.backups.keeping.retention import Verdict
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.manifest import Level, Proof
from portal.operations.backups.rows import all_kept, kept_of
from portal.operations.backups.standing import active_runs, age_words
from portal.operations.backups.work import NoSuchBackup, find_backup
from portal.operations.models import Backup, BackupAction, BackupPlan

_ACTIONS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class File:
    """A stored file, with what to check a copy of it by; the manifest has neither size nor digest."""

    name: str
    size_bytes: int | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Proved:
    """A proof: of which part, or of the whole later on."""

    of: str
    proof: Proof

    @property
    def words(self) -> str:
        """How far it went."""
        return LEVELS[self.proof.level]

    @property
    def sum(self) -> str:
        """How the keys add up: `100 loaded + 3 expired = 103 keys`; '' where no server loaded it."""
        proof = self.proof
        if proof.level < Level.LOADS:
            return ""
        return f"{proof.loaded:,} loaded + {proof.expired:,} expired = {proof.keys:,} keys"


def page_context(request: HttpRequest, row: Backup) -> dict[str, Any]:
    """Return what a backup's page shows. Where the storage is away, its row tells what it knows."""
    kept, complaint = _stored(row)
    symbol, words, tone = level_words(row)
    return {
        "row": row,
        "kept": kept,
        "manifest": kept.manifest if kept else None,
        "complaint": complaint,
        "level": {"symbol": symbol, "words": words, "tone": tone, "meaning": _meaning(row)},
        "age": age_words(row),
        "place": place(),
        "took": in_seconds(row.seconds),
        "why": why_words(row),
        "proofs": list(_proofs(kept)) if kept else [],
        "files": list(_files(kept)) if kept else [],
        "verdict": _verdict(row),
        "actions": _actions(request, row),
        "runs": [Shown(run) for run in active_runs() if run.subject == row.name],
        "is_there": not row.is_missing and not complaint,
        "may": rights(request),
    }


def _meaning(row: Backup) -> str:
    return "" if row.is_missing or row.failure else MEANINGS.get(Level(row.level), "")


def _stored(row: Backup) -> tuple[Kept | None, str]:
    if row.is_missing:
        return kept_of(row), ""
    try:
        return find_backup(row.name, shelf=Shelf()), ""
    except (KeepingError, NoSuchBackup) as error:
        return kept_of(row), str(error)


def _proofs(kept: Kept) -> Iterator[Proved]:
    """Yield all proofs, the newest first."""
    yield from (Proved("all of it", proof) for proof in reversed(kept.notes.proven))
    parts = kept.manifest.parts
    yield from (Proved(part.name if len(parts) > 1 else "all of it", part.proof) for part in parts)


def _files(kept: Kept) -> Iterator[File]:
    yield File(MANIFEST)
    for stored in stored_files(kept.manifest):
        yield File(stored.file, stored.stored.size_bytes, stored.stored.sha256)


def _verdict(row: Backup) -> Verdict | None:
    """Return what the plan says of it now."""
    if row.is_missing:
        return None
    others = all_kept(Backup.objects.filter(source=row.source, is_missing=False))
    verdicts = tidying.verdicts(others, plan=BackupPlan.current(), now=timezone.now())
    return next((verdict for verdict in verdicts if verdict.name == row.name), None)


def _actions(request: HttpRequest, row: Backup) -> list[BackupAction]:
    if not request.user.has_perm("operations.view_backupaction"):
        return []
    return list(BackupAction.objects.filter(backup=row.name)[:_ACTIONS_SHOWN])
