"""Bringing a backup of the storage back onto a server that runs."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.utils import timezone

from limits import sync
from limits.exceptions import StoreUnavailable
from portal.operations.backups.folders import working_folder
from portal.operations.backups.keeping.fetching import fetch_plain
from portal.operations.backups.keeping.kept import Kept
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.making import keep_replaced
from portal.operations.backups.manifest import Level, Part, Proof
from portal.operations.backups.proving.prove import prove
from portal.operations.backups.restoring.errors import CannotRestore
from portal.operations.backups.restoring.online import Restored, restore_in_place, restore_whole
from portal.operations.backups.restoring.preview import Preview, preview
from portal.operations.backups.restoring.saving import facts_of
from portal.operations.backups.restoring.selection import Selection
from portal.operations.backups.restoring.swapping import Exchange, Stage
from portal.operations.backups.restoring.target import open_target
from portal.operations.backups.sources import (
    ELSEWHERE,
    NoSuchSource,
    celery_databases,
    source_named,
    used_databases,
)
from portal.operations.backups.tidying import is_whole
from portal.operations.models import JobRun, KeptData
from portal.operations.runs import Progress
from portal.redis_address import RedisAddress

KEPT_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Wish:
    """What of a backup is to be brought back, and where to: None is where it came from."""

    to: RedisAddress | None = None
    only: tuple[bytes, ...] = ()
    without: tuple[bytes, ...] = ()
    is_whole: bool = False
    identity: Path | None = None
    trusts: bool = False
    """Also one that this site did not make."""

    @property
    def has_filter(self) -> bool:
        """Say whether keys are chosen by their names."""
        return bool(self.only or self.without)


def address_of(kept: Kept, *, wish: Wish) -> RedisAddress:
    """Return where a backup is to be brought back to. Raises NoSuchSource."""
    return wish.to or source_named(kept.manifest.source).address


def is_exchange(kept: Kept, *, wish: Wish) -> bool:
    """Say whether whole databases are exchanged: never for a part of the keys, nor on a Cluster or of one.

    Raises NoSuchSource.
    """
    takes_all = wish.is_whole and not wish.has_filter and is_whole(kept)
    return takes_all and len(kept.manifest.parts) == 1 and not address_of(kept, wish=wish).is_cluster


def look(kept: Kept, *, wish: Wish, progress: Progress, shelf: Shelf) -> Preview:
    """Return what bringing it back would change. Raises CannotRestore, KeepingError."""
    address = address_of(kept, wish=wish)
    with _plains(kept, wish=wish, progress=progress, shelf=shelf) as (plains, _), open_target(address) as target:
        size = sum(plain.stat().st_size for plain in plains)
        return preview(
            plains,
            target=target,
            selection=_selection(kept, wish=wish, address=address),
            progress=lambda done: progress(done, size, "comparing names"),
        )


def bring_back(
    kept: Kept,
    *,
    wish: Wish,
    name: str,
    now: datetime,
    progress: Progress,
    shelf: Shelf,
    run: JobRun | None = None,
) -> Restored:
    """Bring a backup back, and return what was done; `name` is this restore's own, `run` the one that it is done in.

    Whole databases are exchanged where backup and wish leave nothing out and the server can; else it is done key by
    key, in place.
    Raises CannotRestore and KeepingError (nothing was changed), RestoreFailed.
    """
    address = address_of(kept, wish=wish)
    with (
        _plains(kept, wish=wish, progress=progress, shelf=shelf) as (plains, folder),
        open_target(address) as target,
    ):
        if is_exchange(kept, wish=wish):
            part = kept.manifest.parts[0]
            restored = restore_whole(
                plains[0],
                target=target,
                databases=[count.database for count in part.proof.counts],
                avoid=used_databases(address),
                needed_bytes=_memory_bytes(part),
                name=name,
                note=_Noting(
                    backup=kept.name,
                    source="" if wish.to else kept.manifest.source,
                    place=target.place,
                    now=now,
                    run=run,
                ),
                progress=progress,
            )
        else:
            restored = restore_in_place(
                plains,
                target=target,
                selection=_selection(kept, wish=wish, address=address),
                folder=folder,
                keep=lambda files: keep_replaced(
                    files,
                    source=ELSEWHERE if wish.to else kept.manifest.source,
                    server=facts_of(target),
                    now=now,
                    progress=progress,
                    shelf=shelf,
                ),
                bytes_per_key=sum(map(_memory_bytes, kept.manifest.parts)) // max(1, kept.manifest.keys),
                progress=progress,
            )
    return restored


def _memory_bytes(part: Part) -> int:
    """Return what a part takes in a server's memory, about: as where it came from, or four times its file."""
    return part.server.used_memory_bytes or 4 * part.plain.size_bytes


def note_proof(kept: Kept, *, restored: Restored, now: datetime, shelf: Shelf) -> None:
    """Note that a backup was restored and compared. Raises KeepingError."""
    proof = Proof(
        level=Level.RESTORED,
        at=now,
        loaded=restored.loaded.loaded,
        expired=restored.loaded.expired,
        rdb_version=kept.manifest.parts[0].proof.rdb_version,
        counts=kept.manifest.parts[0].proof.counts,
        functions=restored.functions,
    )
    shelf.change_notes(kept, change=lambda notes: notes.with_proof(proof))


def sync_policies() -> str:
    """Write the database's policies over what came back; return what went wrong as a sentence, else ''."""
    try:
        sync.reconcile(thorough=True)
    except StoreUnavailable as error:
        return f"The policies were not synced: {error}. The minute's job does it, or `manage.py policies sync`."
    return ""


@contextmanager
def _plains(kept: Kept, *, wish: Wish, progress: Progress, shelf: Shelf) -> Iterator[tuple[list[Path], Path]]:
    """Give the plain files of all parts, checked, and the private folder that they are in."""
    with working_folder() as folder:
        plains = []
        for part in kept.manifest.parts:
            progress(words=f"fetching {part.file}")
            plains.append(
                fetch_plain(kept, part, folder=folder, shelf=shelf, identity=wish.identity, progress=progress)
            )
            if not kept.is_ours:
                progress(words=f"proving {part.name}")
                _demand_what_is_told(plains[-1], part=part)
        yield plains, folder


def _demand_what_is_told(plain: Path, *, part: Part) -> None:
    """Prove a file of which nobody here knows what it holds. Raises NotProven, CannotRestore; nothing is changed."""
    found = prove(plain, now=timezone.now())
    if found.counts != part.proof.counts:
        raise CannotRestore(
            f"{part.file} holds other keys than its manifest tells of. Nothing was changed. Use another backup."
        )


def _selection(kept: Kept, *, wish: Wish, address: RedisAddress) -> Selection:
    # Where the queues were in the backup, and where they are on the server that it comes to.
    celerys = celery_databases(address)
    with suppress(NoSuchSource):
        celerys |= celery_databases(source_named(kept.manifest.source).address)
    return Selection(only=wish.only, without=wish.without, is_whole=wish.is_whole, celery_databases=celerys)


@dataclass(frozen=True, slots=True)
class _Noting:
    """Writes down what a restore of whole databases moves where."""

    backup: str
    source: str
    place: str
    now: datetime
    run: JobRun | None

    def __call__(self, exchange: Exchange, stage: Stage) -> None:
        """Write it, or write it anew."""
        values = {
            "backup": self.backup,
            "source": self.source,
            "place": self.place,
            "moved_at": self.now,
            "until": self.now + KEPT_FOR,
            "databases": [list(pair) for pair in exchange.spare_of.items()],
            "state": KeptData.State(stage),
        }
        KeptData.objects.update_or_create(name=exchange.name, run=self.run, defaults=values)
