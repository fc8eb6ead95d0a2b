"""`policies dump [FILE]` and `policies bring-back FILE`: the truth into a file, and back."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from django.core.management.base import CommandError, OutputWrapper
from django.db import Error as DatabaseError
from django.utils import timezone

from limits import sync
from limits.core.export import ExportError
from limits.exceptions import StoreUnavailable
from limits.management.export_files import reading, writing
from limits.services import Actor
from limits.services.bringing_back import BroughtBack, Done, bring_back
from limits.services.exports import Exported, write_export

NAMES_MAX = 20
"""So many of each are named; of the others their number is told."""
QUIET_SECONDS = 1.0
"""Progress is told by what takes longer, and so often."""

Tell = Callable[[str], object]


class Progress:
    """Tells how many rows are done, once a second from the second second on."""

    def __init__(self, tell: Tell, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell, self._clock = tell, clock
        self._next = clock() + QUIET_SECONDS

    def __call__(self, done: int, total: int) -> None:
        if self._clock() >= self._next:
            self._next = self._clock() + QUIET_SECONDS
            self._tell(f"{done:,} of {total:,} rows …")


def dump(path: Path | None, *, stdout: OutputWrapper, stderr: OutputWrapper) -> None:
    """Write an export to a file, or to stdout. Raises CommandError."""
    progress = Progress(lambda text: stderr.write(text, lambda told: told))
    try:
        if path is None:
            _to_stdout(progress=progress)
            return
        with writing(path) as file:
            done = write_export(file, now=timezone.now(), progress=progress)
    except DatabaseError as error:
        raise CommandError(f"The database cannot be read: {_first_line(error)}. Nothing was exported.") from error
    stdout.write(f"{path} holds {_numbers(done)}.")


def bring_back_from(path: Path, *, dry_run: bool, exact: bool, stdout: OutputWrapper, stderr: OutputWrapper) -> None:
    """Bring back what a file holds, and tell what was done. Raises CommandError, also when a policy was left out."""
    try:
        with reading(path) as file:
            done = bring_back(
                file,
                actor=Actor(name="policies", origin="policies bring-back"),
                dry_run=dry_run,
                exact=exact,
                progress=Progress(lambda text: stderr.write(text, lambda told: told)),
            )
    except ExportError as error:
        raise CommandError(f"{path}: {error} Nothing was changed.") from error
    except DatabaseError as error:
        raise CommandError(f"The database refused: {_first_line(error)}. Nothing was changed.") from error
    _tell(done, tell=stdout.write)
    if not (dry_run or done.changes_nothing or _is_in_force()):
        stdout.write(
            "It is not in force yet, for Redis was not written: that is tried every minute, or: policies sync."
        )
    if missing := done.policies.left_out:
        names = ", ".join(left.what for left in missing)
        done_words = "would be left as they are" if dry_run else "are not as in the export; all else is"
        raise CommandError(f"These policies {done_words}: {names}.")


def _to_stdout(*, progress: Progress) -> None:
    try:
        # Python's own buffer would be written once more at the end, and fail once more.
        with open(sys.stdout.fileno(), "wb", closefd=False) as file:
            write_export(file, now=timezone.now(), progress=progress)
    except OSError as error:
        raise CommandError(f"The export cannot be written: {error.strerror or error}. It is not whole.") from error


def _tell(done: BroughtBack, *, tell: Tell) -> None:
    taken_at = f"{timezone.localtime(done.taken_at):%Y-%m-%d %H:%M:%S %Z}"
    for kind, rows in (("policies", done.policies), ("overrides", done.overrides)):
        for line in _lines(rows, kind=kind, is_dry_run=done.is_dry_run):
            tell(line)
    if done.revisions:
        tell(f"Revisions {'that would come' if done.is_dry_run else 'that came'} back: {done.revisions:,}.")
    if done.changes_nothing:
        tell(f"Everything is as in the export of {taken_at} already.")
    elif done.is_dry_run:
        tell(f"This is what the export of {taken_at} would bring back. Nothing was changed.")
    else:
        tell(f"Brought back from the export of {taken_at}.")


def _is_in_force() -> bool:
    try:
        return sync.is_in_step()
    except StoreUnavailable:
        return False


def _lines(done: Done, *, kind: str, is_dry_run: bool) -> list[str]:
    left_out = tuple(map(str, done.left_out))
    told = (("made", done.made), ("changed", done.changed), ("deleted", done.deleted))
    would_be = "would be " if is_dry_run else ""
    lines = [f"{kind.title()} {would_be}{what}: {_named(names)}." for what, names in told if names]
    return lines + [f"Left out of {kind}: {name}" for name in left_out[:NAMES_MAX]] + _more(left_out, kind=kind)


def _more(left_out: tuple[str, ...], *, kind: str) -> list[str]:
    number = len(left_out) - NAMES_MAX
    return [f"Left out of {kind}: {number:,} more."] if number > 0 else []


def _named(names: tuple[str, ...]) -> str:
    more = len(names) - NAMES_MAX
    return "; ".join(names[:NAMES_MAX]) + (f"; and {more:,} more" if more > 0 else "")


def _numbers(done: Exported) -> str:
    return f"{done.policies:,} policies, {done.overrides:,} overrides and {done.revisions:,} revisions"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].removesuffix(".")
