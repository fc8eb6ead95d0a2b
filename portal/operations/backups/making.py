"""Making a backup: taken, proven, packed, published; and nothing that is half-done is left behind."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path

from django.conf import settings
from django.db import Error as DatabaseError

from limits.services.exports import write_export
from portal.operations.backups.folders import working_folder
from portal.operations.backups.keeping.codec import codec_for, pack
from portal.operations.backups.keeping.hashing import digest_of
from portal.operations.backups.keeping.kept import Kept
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.manifest import Digest, Manifest, Method, Part, ServerFacts, Truth
from portal.operations.backups.proving.prove import prove
from portal.operations.backups.sources import Source
from portal.operations.backups.taking.choosing import Taken, take
from portal.operations.backups.taking.nodes import nodes
from portal.operations.runs import Progress

BY_HAND, BY_SCHEDULE, BEFORE_RESTORE = "by hand", "schedule", "before restore"
_TRUTH = "policies.jsonl"


class NotMade(Exception):
    """No backup was made; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be backed up, and how: without a method by the best one; with prefixes only such keys."""

    source: Source
    origin: str
    method: Method | None = None
    prefixes: tuple[bytes, ...] = ()


def make_backup(wanted: Wanted, *, now: datetime, progress: Progress, shelf: Shelf) -> Kept:
    """Make and publish a backup. Raises CannotTake, NotProven, KeepingError, NotMade; then there is none."""
    began = time.monotonic()
    name = _free_name(wanted.source.name, now=now, shelf=shelf)  # first, for a storage that is away ends it here
    with working_folder() as folder:
        parts, files = [], {}
        for node in nodes(wanted.source.address):
            progress(words=f"taking {node.name}")  # a server may take seconds before it begins
            taken = take(
                node,
                folder=folder,
                method=wanted.method,
                prefixes=wanted.prefixes,
                progress=_of(progress, f"taking {node.name}"),
            )
            part, path = _proven_and_packed(taken, progress=progress)
            parts.append(part)
            files[part.file] = path
        truth, path = _truth(folder, now=now)
        files[truth.file] = path
        manifest = Manifest(
            name=name,
            source=wanted.source.name,
            began_at=now,
            seconds=round(time.monotonic() - began, 3),
            codec=codec_for(settings.BACKUP_RECIPIENT),
            parts=tuple(parts),
            truth=truth,
            recipient=settings.BACKUP_RECIPIENT,
            prefixes=tuple(prefix.decode(errors="backslashreplace") for prefix in wanted.prefixes),
            origin=wanted.origin,
            warnings=_warnings(parts),
        )
        progress(words="storing it")
        return shelf.publish(manifest, files=files, alive=progress)


def keep_replaced(
    plains: Sequence[Path], *, source: str, server: ServerFacts, now: datetime, progress: Progress, shelf: Shelf
) -> Kept:
    """Publish what a restore is about to replace, written here as plain files, as a backup of its own.

    Raises NotProven, CannotKeep.
    """
    began = time.monotonic()
    parts, files = [], {}
    for plain in plains:
        taken = Taken(
            name=plain.stem,
            path=plain,
            method=Method.LOGICAL,
            server=server,
            taken_at=now,
            seconds=0.0,
            digest=digest_of(plain),
        )
        part, path = _proven_and_packed(taken, progress=progress)
        parts.append(part)
        files[part.file] = path
    manifest = Manifest(
        name=_free_name(source, now=now, shelf=shelf, ending="-replaced"),
        source=source,
        began_at=now,
        seconds=round(time.monotonic() - began, 3),
        codec=codec_for(settings.BACKUP_RECIPIENT),
        parts=tuple(parts),
        recipient=settings.BACKUP_RECIPIENT,
        origin=BEFORE_RESTORE,
        warnings=_warnings(parts),
    )
    return shelf.publish(manifest, files=files, alive=progress)


def _free_name(source: str, *, now: datetime, shelf: Shelf, ending: str = "") -> str:
    """Return the name of a backup that begins now: its second, and a number where that second has one already."""
    name = f"{source}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}{ending}"
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(name for name in names if shelf.find(name) is None)


def _proven_and_packed(taken: Taken, *, progress: Progress) -> tuple[Part, Path]:
    proof = prove(
        taken.path,
        now=taken.taken_at,
        progress=lambda done: progress(done, taken.digest.size_bytes, f"proving {taken.name}"),
    )
    file = f"{taken.name}.rdb.zst" + (".age" if settings.BACKUP_RECIPIENT else "")
    packed = taken.path.with_name(file)
    stored = pack(
        taken.path,
        target=packed,
        recipient=settings.BACKUP_RECIPIENT,
        expected=taken.digest,
        progress=_of(progress, f"packing {taken.name}"),
    )
    taken.path.unlink()
    part = Part(
        name=taken.name,
        file=file,
        method=taken.method,
        server=taken.server,
        taken_at=taken.taken_at,
        seconds=round(taken.seconds, 3),
        plain=taken.digest,
        stored=stored,
        proof=proof,
        warnings=taken.warnings,
    )
    return part, packed


def _truth(folder: Path, *, now: datetime) -> tuple[Truth, Path]:
    plain = folder / _TRUTH
    try:
        with plain.open("wb") as file:
            done = write_export(file, now=now)
    except DatabaseError as error:
        raise NotMade(f"The policies could not be exported from the database: {error}. No backup was made.") from error
    digest = digest_of(plain)
    packed = plain.with_name(_TRUTH + (".zst.age" if settings.BACKUP_RECIPIENT else ".zst"))
    stored: Digest = pack(plain, target=packed, recipient=settings.BACKUP_RECIPIENT)
    return Truth(packed.name, digest, stored, done.policies, done.overrides, done.revisions), packed


def _warnings(parts: Sequence[Part]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words for part in parts for words in (*part.warnings, *part.proof.warnings)))


def _of(progress: Progress, words: str) -> Callable[[int, int | None], None]:
    return lambda done, total: progress(done, total, words)
