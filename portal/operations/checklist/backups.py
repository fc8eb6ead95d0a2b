"""Backups: proven, kept elsewhere, and somebody knows how to go back to them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from portal.operations.backups import standing
from portal.operations.backups.keeping.exceptions import KeepingError
from portal.operations.backups.keeping.place import place
from portal.operations.backups.work import LOOK, RESTORE
from portal.operations.checklist.asking import CannotAsk, Server
from portal.operations.checklist.context import Context
from portal.operations.checklist.values import Line, Verdict, failed, passed, unknown
from portal.operations.models import JobRun

PROCEDURE = "docs/backups.md"
_REHEARSED_WITHIN = timedelta(days=366)


def _proven(context: Context) -> Iterator[Verdict]:
    for each in standing.standings(now=timezone.now()):
        is_good = each.verdict is standing.Verdict.GOOD
        mend = (f"python manage.py redis_backup --source {each.source}", "python manage.py redis_backups --check")
        yield replace(passed(each.words) if is_good else failed(each.words, mend=mend), place=each.source)


def _elsewhere(context: Context) -> Iterator[Verdict]:
    try:
        where = place()
    except KeepingError as error:
        yield unknown(str(error))
        return
    if settings.BACKUP_STORAGE_URL and not settings.BACKUP_STORAGE_URL.startswith("file:"):
        yield passed(f"They are stored in {where}.")
        return
    folder = Path(settings.STORAGES["backups"]["OPTIONS"]["location"])
    for server in context.servers:
        yield replace(_beside(server, folder), place=server.place)


def _beside(server: Server, folder: Path) -> Verdict:
    if not server.address.is_here:
        return passed(f"They are stored on this machine ({folder}), and Redis runs on another.")
    try:
        data = server.configuration.get("dir", "")
        is_same = _device(Path(data)) == _device(folder)
    except (CannotAsk, OSError):
        return unknown(f"They are stored on this machine ({folder}), and Redis seems to run on it, too.")
    if not is_same:
        return passed(f"They are stored in {folder}, on another disk than Redis's {data}.")
    return failed(
        f"They are stored in {folder}, on the same disk as Redis's {data}.",
        advice="Set BACKUP_STORAGE_URL in .env to a place on another machine (s3://…, sftp://…, file:///a/mount), and "
        "restart the site.",
    )


def _device(path: Path) -> int:
    while not path.exists():
        path = path.parent
    return path.stat().st_dev


def _procedure(context: Context) -> Iterator[Verdict]:
    if not (settings.BASE_DIR / PROCEDURE).is_file():
        yield failed(f"{PROCEDURE} is not there.", mend=(f"git checkout -- {PROCEDURE}",))
        return
    since = timezone.now() - _REHEARSED_WITHIN
    runs = JobRun.objects.filter(job__in=(RESTORE, LOOK), state=JobRun.State.SUCCEEDED, ended_at__gt=since)
    last = runs.order_by("-ended_at").first()
    if last is None or last.ended_at is None:
        yield unknown(
            f"It is written in {PROCEDURE}. That anybody went through it within a year is not known here.",
            mend=("make drill",),
            advice="The drill goes through a loss and a restore on a machine of its own, in a few minutes. A look at "
            "what a restore would change, at the page of a backup, counts too, and changes nothing.",
        )
        return
    what = "restore" if last.job == RESTORE else "look at what a restore changes"
    yield passed(f"It is written in {PROCEDURE}; the last {what} was on {timezone.localtime(last.ended_at):%Y-%m-%d}.")


LINES = (
    Line(
        "backups-proven",
        "Backups",
        "There is a proven backup, in time",
        "A backup that nobody has loaded is a hope. A proof loads it into a server of its own and counts.",
        _proven,
    ),
    Line(
        "backups-elsewhere",
        "Backups",
        "Backups are not where Redis is",
        "What takes the disk takes both.",
        _elsewhere,
    ),
    Line(
        "restore-procedure",
        "Backups",
        "How to restore is written, and was tried",
        "At night nobody finds out in a hurry what is easy to do wrong: a restored file that Redis overwrites.",
        _procedure,
    ),
)
