"""What somebody does on the pages of backups, and what a page says."""

import html
import re
from typing import Any

from django.http import HttpResponse
from django.test import Client

from portal.operations import runs
from portal.operations.backups.work import WORK
from portal.operations.models import Backup, JobRun

LIST = "/admin/operations/backup/"
RUNS = "/admin/operations/jobrun/"
PLAN = "/admin/operations/backupplan/1/change/"
INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")[^>]*>\s*\S")


def silent(done: int | None = None, total: int | None = None, words: str = "") -> None:
    """A progress that nobody watches."""


def path_of(row: Backup, part: str = "change") -> str:
    return f"{LIST}{row.pk}/{part}/"


def text_of(answer: HttpResponse) -> str:
    """Return what a page says, without its tags."""
    body = re.sub(r"<(script|style).*?</\1>", "", answer.content.decode(), flags=re.DOTALL)
    apart = re.sub(r"</(td|th|dt|dd|div|li|p|h2)>", " ", body)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", apart)).split())


def told(answer: HttpResponse) -> str:
    """Return the messages on a page, as one text."""
    return " ".join(re.sub(r"<[^>]+>", "", str(message)) for message in answer.context["messages"])


def press(client: Client, path: str, **typed: Any) -> HttpResponse:
    """Post a form, and follow to the page that comes of it."""
    return client.post(path, typed, follow=True)


def breaks_policy(answer: HttpResponse) -> bool:
    """Say whether a page holds an inline script, handler or style, which no browser would take."""
    page = answer.content.decode()
    return bool(INLINE_SCRIPT.search(page) or re.search(r"<[^>]+\s(on[a-z]+|style)=", page))


def work_off() -> JobRun:
    """Perform what waits, as the worker does; return the newest run."""
    runs.perform_due(WORK)
    run = JobRun.objects.first()
    assert run is not None
    return run
