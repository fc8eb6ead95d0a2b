"""What the commands about backups share: they show progress, and every error is one plain line."""

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper
from django.db import Error as DatabaseError
from django.utils import timezone

from portal.operations import runs
from portal.operations.backups.keeping.exceptions import KeepingError
from portal.operations.backups.proving.prove import NotProven
from portal.operations.backups.restoring.errors import CannotRestore, RestoreFailed
from portal.operations.backups.sources import NoSuchSource
from portal.operations.backups.taking.errors import CannotTake
from portal.operations.backups.work import NoSuchBackup
from portal.operations.models import JobRun
from portal.operations.printable import printable
from portal.operations.runs import Outcome, Progress, Work

_FAILURES = (
    CannotTake,
    NotProven,
    KeepingError,
    CannotRestore,
    RestoreFailed,
    NoSuchBackup,
    NoSuchSource,
    OSError,
)
_TOLD_EVERY_SECONDS = 1.0


class BackupCommand(BaseCommand):
    """Ends with a CommandError where a backup, a server, the storage or the database says no."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # Else Django's parser prints its usage and ends with 2.
        self._called_from_command_line = False
        return super().create_parser(prog_name, subcommand, **kwargs)

    def execute(self, *args: Any, **options: Any) -> str | None:
        options["stdout"] = _Printable(options.get("stdout") or sys.stdout)
        try:
            return super().execute(*args, **options)
        except (*_FAILURES, CommandError) as error:
            raise CommandError(printable(str(error))) from error
        except DatabaseError as error:
            raise CommandError(
                f"The database cannot be used: {error}. If it is new, `manage.py migrate` comes first."
            ) from error

    def perform(self, run: JobRun | None, *, work: Work) -> Outcome:
        """Do the work of a run now, showing its progress; return what came of it. Raises CommandError."""
        if run is None:
            raise CommandError("The same was asked for already. Nothing was done.")
        teller = Teller(self)
        begun = runs.perform(run, work=Work(teller.showing(work), holds=work.holds, failures=work.failures))
        teller.end()
        run.refresh_from_db()
        if not begun:
            other = runs.holder(work.held_by(run))
            JobRun.objects.filter(pk=run.pk, state=JobRun.State.WAITING).delete()
            raise CommandError(
                f"{other or 'Something else'} is under way. Nothing was done: try again when it is over."
            )
        if run.state != JobRun.State.SUCCEEDED:
            raise CommandError(run.outcome)
        return Outcome(run.outcome, subject=run.subject)

    def new_slot(self, source: str) -> str:
        """Return a slot that no other run has."""
        return f"{source}/by hand {timezone.now().isoformat()}"


class _Printable(OutputWrapper):
    """Where names and words of others reach a terminal as text."""

    def write(  # type: ignore[override]  # as its base has it
        self, msg: str = "", style_func: Any = None, ending: str | None = None
    ) -> None:
        super().write(printable(msg), style_func, ending)


class Teller:
    """Shows how far work is: on a terminal in one line that changes, else in a line now and then."""

    def __init__(self, command: BaseCommand) -> None:
        self._err = command.stderr
        self._is_terminal = sys.stderr.isatty()
        self._next = time.monotonic() + _TOLD_EVERY_SECONDS
        self._words = ""

    def showing(self, work: Work) -> Any:
        """Return the work, with its progress shown too."""
        return lambda run, progress: work.do(run, self.beside(progress))

    def beside(self, progress: Progress | None = None) -> Any:
        """Return a progress that is shown here, and told to another one."""

        def tell(done: int | None = None, total: int | None = None, words: str = "") -> None:
            if progress is not None:
                progress(done, total, words)
            self.tell(done, total, words)

        return tell

    def tell(self, done: int | None = None, total: int | None = None, words: str = "") -> None:
        """Show how far it is, about once a second."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _TOLD_EVERY_SECONDS * (1 if self._is_terminal else 5)
        share = f" {done / total:.0%}" if done and total else f" {done:,} bytes" if done else ""
        begin, end = ("\r\033[K", "") if self._is_terminal else ("", "\n")
        self._err.write(f"{begin}{printable(words or self._words)}{share}", lambda text: text, ending=end)
        self._words = words or self._words

    def end(self) -> None:
        """Clear the line."""
        if self._is_terminal:
            self._err.write("\r\033[K", lambda text: text, ending="")
