"""`redis_checklist [--only ID] [--json]`: the checklist for production, against the servers that the settings name."""

import time
from argparse import ArgumentParser
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError
from django.utils import timezone

from portal.operations.checklist import keeping, lines, report
from portal.operations.checklist.run import run
from portal.operations.checklist.values import Line, Result, State
from portal.operations.printable import printable

_WHO = "manage.py redis_checklist"


class Command(BaseCommand):
    help = "Check this installation, and its Redis, line by line; ends with 1 when a line fails."
    # The checklist tells of settings that are wrong, too.
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # Else Django's parser prints its usage and ends with 2.
        self._called_from_command_line = False
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")
        parser.add_argument("--only", action="append", default=[], metavar="ID", help="only this line; may be repeated")
        parser.add_argument("--list", action="store_true", help="tell the lines there are, and check none")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            chosen = lines.lines_of(ids=tuple(options["only"]))
        except LookupError as error:
            raise CommandError(printable(str(error.args[0]))) from error
        if options["list"]:
            for line in chosen:
                self.stdout.write(f"{line.id:<20} {line.title}")
            return
        began, now = time.monotonic(), timezone.now()
        results = self._results(chosen, tells=not options["json"])
        self.stdout.write(report.json_of(results) if options["json"] else report.summary_of(results))
        if not options["only"]:
            _keep(results, now=now, took_milliseconds=round((time.monotonic() - began) * 1000))
        if failing := [result.id for result in results if result.state is State.FAIL]:
            raise CommandError(f"{len(failing)} of {len(results)} lines fail: {', '.join(failing)}.")

    def _results(self, chosen: tuple[Line, ...], *, tells: bool) -> list[Result]:
        results = []
        for result in run(chosen):
            results.append(result)
            if tells:
                # Each as soon as it is known: a server that does not answer takes its time.
                self.stdout.write(report.text_of(result))
                self.stdout.flush()
        return results


def _keep(results: list[Result], *, now: datetime, took_milliseconds: int) -> None:
    """Keep a whole run for the page in the admin, where the database can be written."""
    with suppress(DatabaseError):
        keeping.add(keeping.begin(asked_by=_WHO, now=now), results, took_milliseconds=took_milliseconds)
