"""Asking for long work from a page: written down, told to the worker, and the person told what to expect."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from kombu.exceptions import OperationalError

import celery_app
from limits.admin.acting import actor_of
from portal.operations import long, runs
from portal.operations.admin.run_words import command_of, title_of
from portal.operations.backups.work import LOOK, PROVE
from portal.operations.heartbeats import long_worker_lives
from portal.operations.models import JobRun
from portal.operations.runs.asking import BEGUN_WITHIN

logger = logging.getLogger("portal.backups")

# A page must not wait for a broker that is away, or hangs: the row is what counts.
_SHORT = {"socket_timeout": 1, "socket_connect_timeout": 1, "max_retries": 0}


def ask_for(
    request: HttpRequest,
    job: str,
    *,
    source: str,
    subject: str = "",
    arguments: Mapping[str, Any] | None = None,
    within: timedelta = BEGUN_WITHIN,
) -> JobRun:
    """Ask for a run in the name of who is logged in, and return it; that which is there where it was asked already."""
    now = timezone.now()
    if other := _asked_already(job, source=source, subject=subject):
        messages.warning(request, f"“{title_of(other)}” was asked for already, and is not over. Nothing was added.")
        return other
    run = runs.ask(
        job,
        slot=f"{source}/by hand {now.isoformat()}",
        source=source,
        now=now,
        asked_by=actor_of(request).name[:254],
        subject=subject,
        arguments=arguments,
        within=within,
    )
    assert run is not None, "no other run has the slot of this microsecond"
    _tell(request, run, is_sent=tell_worker())
    return run


def tell_worker() -> bool:
    """Tell the worker of long jobs that something waits; return whether the broker took the message.

    It takes a second at most. A message that is lost costs half a minute: beat sends one as often.
    """
    send: Any = long.run_waiting.apply_async  # its types do not know of a connection
    try:
        with celery_app.app.connection_for_write(transport_options=_SHORT) as connection:
            send(connection=connection, retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("The worker was not told that something waits: %s.", type(error).__name__)
        return False
    return True


def _asked_already(job: str, *, source: str, subject: str) -> JobRun | None:
    active = JobRun.objects.filter(state__in=(JobRun.State.WAITING, JobRun.State.RUNNING), job=job, source=source)
    # Several backups may be proven or looked into one after another; nothing else of a source is wanted twice.
    return (active.filter(subject=subject) if job in (PROVE, LOOK) else active).first()


def _tell(request: HttpRequest, run: JobRun, *, is_sent: bool) -> None:
    by_hand = _by_hand(run)
    if not is_sent:
        told = (
            "“{}” is asked for, but the queue's server cannot be reached now. It waits, and begins within half a "
            "minute of the server's return. {}"
        )
        messages.warning(request, format_html(told, title_of(run), by_hand))
    elif not long_worker_lives(now=timezone.now()):
        told = "“{}” is asked for, and waits: no worker of long jobs has shown a sign of life for a minute. {}"
        messages.warning(request, format_html(told, title_of(run), by_hand))
    else:
        messages.success(request, f"“{title_of(run)}” is asked for. It begins within half a minute.")


def _by_hand(run: JobRun) -> SafeString:
    until = timezone.localtime(run.not_after)
    return format_html(
        "It is not begun after {}. To do it by hand instead, call it off here, and run <code>{}</code>.",
        f"{until:%H:%M}" if until.date() == timezone.localdate() else f"{until:%Y-%m-%d %H:%M}",
        command_of(run),
    )
