"""`redis_backup [--source NAME] [--method wire|bgsave|logical] [--prefix PREFIX]…`"""

from argparse import ArgumentParser
from dataclasses import replace
from functools import partial
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from portal.operations import runs
from portal.operations.backups import going_back
from portal.operations.backups.manifest import Method
from portal.operations.backups.sources import source_named, source_names
from portal.operations.backups.work import BACKUP, WORK, back_up, prefixes_of
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
        prefixes = prefixes_of(options, "prefix")
        # As text: a prefix may hold bytes that are none, and MariaDB takes no JSON with such.
        told = [prefix.decode(errors="backslashreplace") for prefix in prefixes]
        run = runs.ask(
            BACKUP,
            slot=self.new_slot(name),
            source=name,
            now=timezone.now(),
            arguments={"origin": "by hand", "method": options["method"], "prefixes": told},
            asked_by="command",
        )
        try:
            work = replace(WORK[BACKUP], do=partial(back_up, prefixes=prefixes))
            self.stdout.write(self.perform(run, work=work).words)
        except CommandError as error:
            return str(error)
        return ""

    def _drop_old_data(self) -> None:
        """Drop what restores moved aside once its hour is over: without Celery nobody else does."""
        for complaint in going_back.drop_old_data(now=timezone.now()):
            self.stderr.write(complaint)
