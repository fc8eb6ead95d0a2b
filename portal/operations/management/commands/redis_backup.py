"""`redis_backup [--source NAME] [--method wire|bgsave|logical] [--prefix PREFIX]…`"""

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from portal.operations import runs
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
        arguments = {"origin": "by hand", "method": options["method"], "prefixes": options["prefix"]}
        for name in names:
            run = runs.ask(
                BACKUP,
                slot=self.new_slot(name),
                source=name,
                now=timezone.now(),
                arguments=arguments,
                asked_by="command",
            )
            self.stdout.write(self.perform(run, work=WORK[BACKUP]).words)
