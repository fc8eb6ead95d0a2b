"""`watch_redis [--forever]`"""

import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError

from portal.operations.models import Alert
from portal.operations.printable import printable
from portal.operations.units import plain, size
from portal.operations.watching import watch
from portal.operations.watching.forever import Watcher
from portal.operations.watching.readings import Reading, ServerLook


class Command(BaseCommand):
    help = "Look at Redis once: keep a sample, judge the alert rules, tell the channels. Without broker and Celery."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--forever", action="store_true", help="again and again, every 15 s, until Ctrl-C")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["forever"]:
                self._watch_on()
            else:
                self._watch_once()
        except DatabaseError as error:
            raise CommandError(
                f"The database cannot be used: {error}. If it is new, `manage.py migrate` comes first."
            ) from error

    def _watch_on(self) -> None:
        watcher = Watcher()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: watcher.stop())
        watcher.run()

    def _watch_once(self) -> None:
        found = watch.watch()
        if found is None:
            self.stdout.write("Another process looked within these 15 s. How it stands:")
        else:
            for server in found.look.servers:
                self.stdout.write(printable(_line(server)))
        self._show_alerts()
        watch.tell()
        watch.tidy()
        if found and found.failures:
            raise CommandError("\n".join(found.failures))
        if found:
            watch.show_life()

    def _show_alerts(self) -> None:
        active = Alert.objects.filter(is_active=True).select_related("rule")
        for alert in active.order_by("-rule__severity", "began_at"):
            state = " (recovering)" if alert.state == Alert.State.RECOVERING else ""
            self.stdout.write(printable(f"{alert.rule.get_severity_display()}{state}: {alert}. {alert.words}"))
        if not active:
            self.stdout.write("No alert is under way.")


def _line(server: ServerLook) -> str:
    told = _figures(server.reading) if server.reading else server.failure
    return f"{server.place} ({server.source}): {told}"


def _figures(reading: Reading) -> str:
    limit = f" of {plain(size(reading.limit_bytes))}" if reading.limit_bytes else ""
    counts = f"{reading.keys:,} keys, {reading.clients:,} clients"
    milliseconds = reading.latency_seconds * 1000
    return (
        f"{reading.role}, {plain(size(reading.used_memory_bytes))}{limit}, {counts}, answers in {milliseconds:.1f} ms"
    )
