"""The storage of backups: a folder for each, its manifest published last. What has no manifest is no backup."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage, storages

from portal.operations.backups.keeping.exceptions import (
    CannotKeep,
    CannotReach,
    KeepingError,
    NotWhole,
    reaching,
    words,
)
from portal.operations.backups.keeping.kept import (
    MANIFEST,
    NOTES,
    Contents,
    Kept,
    Rubbish,
    distrust,
    is_plain_name,
    stored_files,
)
from portal.operations.backups.keeping.seal import is_sealed, sealed
from portal.operations.backups.manifest import (
    Manifest,
    ManifestError,
    Notes,
    manifest_document,
    notes_document,
    read_manifest,
    read_notes,
)

_DOCUMENT_BYTES_MAX = 4 * 1024 * 1024
_ALIVE_EVERY_SECONDS = 1.0
NOT_OURS = "It was not made by this site, or was changed since: its seal is missing, or made with another SECRET_KEY."


def _configured() -> Storage:
    return storages["backups"]


@dataclass(frozen=True, slots=True)
class Shelf:
    """A Django storage with backups in it. Names at its root that begin with a dot are none of its business."""

    storage: Storage = field(default_factory=_configured)

    def publish(
        self, manifest: Manifest, *, files: Mapping[str, Path], alive: Callable[[], None] = lambda: None
    ) -> Kept:
        """Store a backup's files, look at their sizes as stored, then store its manifest; `alive` is called meanwhile.

        Raises CannotKeep; what was stored is then removed, as far as the storage lets it. Raises ValueError when the
        manifest cannot be believed, or the files are not those it names.
        """
        sizes = {stored.file: stored.stored.size_bytes for stored in stored_files(manifest)}
        if wrong := distrust(manifest, folder=manifest.name):
            raise ValueError(wrong)
        if sizes.keys() != files.keys():
            raise ValueError(f"The manifest of {manifest.name} names other files than were given.")
        document = _document_that_can_be_read(manifest)
        with self._all_or_nothing(manifest.name):
            for name, path in files.items():
                upload = partial(self._upload, path, place=f"{manifest.name}/{name}", size_bytes=sizes[name])
                _waiting_for(upload, alive=alive)
            self._put(document, place=f"{manifest.name}/{MANIFEST}")
        return Kept(manifest)

    def contents(self) -> Contents:
        """Return all that lies there. Raises CannotReach when it cannot be listed."""
        with reaching("listing backups"):
            folders, files = self._list("")
        looked = [self._look(name) for name in sorted(folders) if not name.startswith(".")]
        kept = [found for found in looked if isinstance(found, Kept)]
        stray = [Rubbish(name, "It is a file beside the backups.") for name in files if not name.startswith(".")]
        return Contents(
            kept=tuple(sorted(kept, key=lambda each: (each.manifest.began_at, each.name), reverse=True)),
            rubbish=(*(found for found in looked if isinstance(found, Rubbish)), *sorted(stray, key=lambda s: s.name)),
        )

    def kept(self) -> tuple[Kept, ...]:
        """Return all backups, newest first. Raises CannotReach."""
        return self.contents().kept

    def rubbish(self) -> tuple[Rubbish, ...]:
        """Return what lies among the backups and is none. Raises CannotReach."""
        return self.contents().rubbish

    def find(self, name: str) -> Kept | Rubbish | None:
        """Return what lies there under a name, if anything does. Raises CannotReach."""
        if not is_plain_name(name):
            return None
        with reaching(f"looking for {name}"):
            self._list(name)
        return self._look(name)

    def open_stored(self, kept: Kept, *, file: str) -> File[Any]:
        """Open a file of a backup, as it is stored, to be read and closed. Raises NotWhole, CannotReach."""
        if file not in {stored.file for stored in stored_files(kept.manifest)}:
            raise ValueError(f"{kept.name} has no file {file}.")
        with reaching(f"reading {kept.name}/{file}"):
            try:
                return self.storage.open(f"{kept.name}/{file}", "rb")
            except FileNotFoundError as error:
                raise NotWhole(
                    f"{kept.name}/{file} is missing. Bring it back from a copy, or use another backup."
                ) from error

    def delete(self, kept: Kept) -> None:
        """Delete a backup: the manifest first, so that what a failure leaves is no backup. Raises CannotReach."""
        with reaching(f"deleting {kept.name}; what is left of it is listed, and deleting can be tried again"):
            self._remove(kept.name)

    def change_notes(self, kept: Kept, *, change: Callable[[Notes], Notes]) -> Kept:
        """Change what may change of a backup, from what it is by now; return the backup anew.

        Raises NotWhole where it is gone by now, CannotReach; the old notes then stay.
        """
        with reaching(f"writing the notes of {kept.name}"):
            found = self._look(kept.name)
            if not isinstance(found, Kept):
                raise NotWhole(f"{kept.name} is no backup any more{f': {found.why}' if found else ', it is gone.'}")
            notes = change(found.notes)
            place = f"{kept.name}/{NOTES}"
            self._put(sealed(notes_document(notes), place=place), place=place)
        return replace(kept, notes=notes)

    @contextmanager
    def _all_or_nothing(self, name: str) -> Iterator[None]:
        """Begin with an empty folder, left by no earlier try, and leave it so after a failure."""
        try:
            with reaching(f"looking for {name}"):
                is_there = self.storage.exists(f"{name}/{MANIFEST}")
        except CannotReach as error:
            raise CannotKeep(f"{error} The backup was not kept.") from error
        if is_there:
            raise CannotKeep(f"There is a backup {name} already, which stays as it is. Nothing was stored.")
        try:
            with reaching(f"storing {name}"):
                self._remove(name)
                yield
        except BaseException as error:
            with suppress(Exception):
                self._remove(name)
            if isinstance(error, KeepingError):
                raise CannotKeep(f"{error} The backup was not kept.") from error
            raise

    def _upload(self, path: Path, *, place: str, size_bytes: int) -> None:
        with path.open("rb") as opened:
            self._save(File(opened, name=path.name), place=place)
        # Some storages cannot tell.
        with suppress(NotImplementedError):
            if (found := self.storage.size(place)) != size_bytes:
                raise CannotKeep(f"{place} is stored with {found} bytes instead of {size_bytes}.")

    def _put(self, document: bytes, *, place: str) -> None:
        self._save(ContentFile(document, name=place), place=place)

    def _save(self, content: File[Any], *, place: str) -> None:
        stored_as = self.storage.save(place, content)
        if stored_as != place:
            # A storage that replaces nothing, and chose another name.
            self.storage.delete(place)
            self.storage.save(place, content)
            self.storage.delete(stored_as)

    def _remove(self, name: str) -> None:
        _, files = self._list(name)
        for file in sorted(files, key=lambda file: (file != MANIFEST, file)):
            self.storage.delete(f"{name}/{file}")

    def _list(self, place: str) -> tuple[list[str], list[str]]:
        try:
            return self.storage.listdir(place)
        except FileNotFoundError:
            return [], []

    def _look(self, name: str) -> Kept | Rubbish | None:
        """Return what a folder holds; nothing when it is empty. Never raises for what is in it."""
        try:
            _, files = self._list(name)
            if MANIFEST not in files:
                why = "It has no manifest: it was never finished, or is being made just now."
                return Rubbish(name, why) if files else None
            document = self._read(f"{name}/{MANIFEST}")
            manifest, is_ours = read_manifest(document), is_sealed(document, place=f"{name}/{MANIFEST}")
            if why := distrust(manifest, folder=name):
                return Rubbish(name, why)
            notes, problem = self._notes(name) if NOTES in files else (Notes(), "")
            wrong = (*self._problems(manifest, files=files), problem, "" if is_ours else NOT_OURS)
        except Exception as error:  # One that cannot be read must not hide the others.
            return Rubbish(name, f"It cannot be read: {words(error)}.")
        return Kept(manifest, notes=notes, problems=tuple(filter(None, wrong)), is_ours=is_ours)

    def _problems(self, manifest: Manifest, *, files: list[str]) -> Iterator[str]:
        for stored in stored_files(manifest):
            if stored.file not in files:
                yield f"{stored.file} is missing."
                continue
            with suppress(NotImplementedError):
                found = self.storage.size(f"{manifest.name}/{stored.file}")
                if found != stored.stored.size_bytes:
                    yield f"{stored.file} has {found} bytes instead of {stored.stored.size_bytes}."

    def _notes(self, name: str) -> tuple[Notes, str]:
        """Return the notes, and what is wrong with them: a backup may have been pinned, so then it is."""
        try:
            document = self._read(f"{name}/{NOTES}")
            if not is_sealed(document, place=f"{name}/{NOTES}"):
                return Notes(is_pinned=True), "Its notes were not written by this site, so it stays pinned."
            return read_notes(document), ""
        except (ManifestError, ValueError, RecursionError) as error:
            return Notes(is_pinned=True), f"Its notes cannot be read, so it stays pinned: {words(error)}."

    def _read(self, place: str) -> bytes:
        with self.storage.open(place, "rb") as document:
            found: bytes = document.read(_DOCUMENT_BYTES_MAX)
        return found


def _waiting_for(work: Callable[[], None], *, alive: Callable[[], None]) -> None:
    """Do what may take long and tells nothing, in a thread of its own."""
    with ThreadPoolExecutor(1) as pool:
        doing = pool.submit(work)
        while not wait([doing], timeout=_ALIVE_EVERY_SECONDS).done:
            alive()
        doing.result()


def _document_that_can_be_read(manifest: Manifest) -> bytes:
    """Return the manifest's document. Raises CannotKeep when it could not be read again."""
    document = sealed(manifest_document(manifest), place=f"{manifest.name}/{MANIFEST}")
    try:
        if len(document) > _DOCUMENT_BYTES_MAX:
            raise ManifestError(f"It takes {len(document):,} bytes.")
        read_manifest(document)
    except ManifestError as error:
        raise CannotKeep(f"What is known of {manifest.name} makes no manifest: {error} Nothing was stored.") from error
    return document
