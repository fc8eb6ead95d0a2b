"""Proving a backup that lies in the storage: it may have been damaged, or a newer server may load it by now."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from portal.operations.backups.folders import working_folder
from portal.operations.backups.keeping.exceptions import NotWhole
from portal.operations.backups.keeping.fetching import check_stored, fetch_plain
from portal.operations.backups.keeping.kept import Kept
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.manifest import Level, Part, Proof
from portal.operations.backups.proving.prove import NotProven, prove
from portal.operations.runs import Progress


def prove_again(kept: Kept, *, now: datetime, progress: Progress, shelf: Shelf, identity: Path | None = None) -> Kept:
    """Return the backup with what was proven noted: STORED where it is encrypted and no identity is given.

    Raises NotWhole or NotProven, which is noted too: the backup counts no more until it is proven anew. Raises
    CannotUnpack and CannotReach, which say nothing about the backup.
    """
    try:
        proof = _proof(kept, now=now, progress=progress, shelf=shelf, identity=identity)
    except (NotWhole, NotProven) as error:
        failure = str(error)
        shelf.change_notes(kept, change=lambda notes: replace(notes, failed_at=now, failure=failure))
        raise
    return shelf.change_notes(kept, change=lambda notes: notes.with_proof(proof))


def _proof(kept: Kept, *, now: datetime, progress: Progress, shelf: Shelf, identity: Path | None) -> Proof:
    if kept.manifest.is_encrypted and identity is None:
        progress(words="reading what is stored")
        check_stored(kept, shelf=shelf, progress=progress)
        return Proof(level=Level.STORED, at=now)
    proofs = []
    with working_folder() as folder:
        for part in kept.manifest.parts:
            progress(words=f"fetching {part.file}")
            plain = fetch_plain(kept, part, folder=folder, shelf=shelf, identity=identity, progress=progress)
            proofs.append(prove(plain, now=now, progress=_of(part, progress)))
            plain.unlink()
    return _together(proofs, now=now)


def _of(part: Part, progress: Progress) -> Callable[[int], None]:
    return lambda done: progress(done, part.plain.size_bytes, f"proving {part.name}")


def _together(proofs: list[Proof], *, now: datetime) -> Proof:
    """Return what holds for all parts."""
    return Proof(
        level=min(proof.level for proof in proofs),
        at=now,
        counts=tuple(count for proof in proofs for count in proof.counts),
        functions=sum(proof.functions for proof in proofs),
        rdb_version=proofs[0].rdb_version,
        is_checksummed=all(proof.is_checksummed for proof in proofs),
        loaded=sum(proof.loaded for proof in proofs),
        expired=sum(proof.expired for proof in proofs),
        verifier=proofs[0].verifier,
        is_loadable_here=all(proof.is_loadable_here for proof in proofs),
        warnings=tuple(dict.fromkeys(words for proof in proofs for words in proof.warnings)),
    )
