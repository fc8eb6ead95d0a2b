"""`redis_backup [--source NAME] [--method wire|bgsave|logical] [--prefix PREFIX]…`"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from portal.operations import runs
from portal.operations.backups import going_back
from portal.operations.backups.manifest import Method
from portal.operations.backups.sources import source_named, source_names
from portal.operations.backups.work import BACKUP, WORK
from portal.operations.management.backup_command import BackupCommand


class Command(BackupCommand):
    help = "Back up Redis: taken, proven, and only then kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--source", help="redis, or limits where the counters are elsewhere; without it: all")
        parser.add_argument("--method", choices=[*Method], help="how; without it: the best that the server allows")
        parser.add_argument("--prefix", action="append", default=[], help="only keys that begin so; may be repeated")

    def handle(self, *args: Any, **options: Any) -> None:
        names = [source_named(options["source"]).name] if options["source"] else source_names()
        self._drop_old_data()
        # One that is away must not cost the others theirs.
        if failures := [words for name in names if (words := self._back_up(name, options=options))]:
            raise CommandError("\n".join(failures))

    def _back_up(self, name: str, *, options: dict[str, Any]) -> str:
        """Back up one source; return why not, '' for all is well."""
        run = runs.ask(
            BACKUP,
            slot=self.new_slot(name),
            source=name,
            now=timezone.now(),
            arguments={"origin": "by hand", "method": options["method"], "prefixes": options["prefix"]},
            asked_by="command",
        )
        try:
            self.stdout.write(self.perform(run, work=WORK[BACKUP]).words)
        except CommandError as error:
            return str(error)
        return ""

    def _drop_old_data(self) -> None:
        """Drop what restores moved aside once its hour is over: without Celery nobody else does."""
        for complaint in going_back.drop_old_data(now=timezone.now()):
            self.stderr.write(complaint)
