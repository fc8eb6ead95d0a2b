"""Restores as tests do them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from portal.operations.backups.restoring.online import Progress, Restored, restore_in_place, restore_whole
from portal.operations.backups.restoring.selection import Selection
from portal.operations.backups.restoring.swapping import Exchange, Stage
from portal.operations.backups.restoring.target import Target
from tests.portal.operations.backups.restoring.filling import Contents

Note = Callable[[Exchange, Stage], None]


def whole(
    plain: Path,
    *,
    target: Target,
    databases: Sequence[int] = (0, 3),
    needed_bytes: int = 0,
    note: Note = lambda exchange, stage: None,
    progress: Progress = lambda done, total, words: None,
) -> Restored:
    return restore_whole(
        plain,
        target=target,
        databases=databases,
        avoid=frozenset({15}),
        needed_bytes=needed_bytes,
        name="restore-1",
        note=note,
        progress=progress,
    )


def in_place(
    plain: Path, *, target: Target, selection: Selection, folder: Path, kept: list[Path] | None = None
) -> Restored:
    def keep(files: Sequence[Path]) -> None:
        if kept is not None:
            kept.extend(files)

    return restore_in_place(
        [plain],
        target=target,
        selection=selection,
        folder=folder,
        keep=keep,
        progress=lambda done, total, words: None,
    )


def without_notes(found: Contents) -> Contents:
    """Return what a server holds but for what a restore wrote there about itself."""
    return {key: value for key, value in found.items() if not key[1].startswith(b"portal:")}
