"""Periodic work of the portal. When each runs stands in the database; it can be changed in the admin."""

from datetime import timedelta

from celery import shared_task
from django.core.management import call_command
from django.utils import timezone
from post_office.mail import send_queued_mail_until_done
from post_office.utils import cleanup_expired_mails

from portal.operations import runs
from portal.operations.watching import watch

MAIL_KEPT = timedelta(days=7)
RUNS_KEPT = timedelta(days=90)


@shared_task(ignore_result=True)
def send_mail() -> None:
    """Send what pages have queued; every few seconds."""
    send_queued_mail_until_done()


@shared_task(ignore_result=True)
def forget_old_mail() -> None:
    """Delete mail of over a week ago: it holds people's addresses."""
    cleanup_expired_mails(timezone.now() - MAIL_KEPT)


@shared_task(ignore_result=True)
def forget_old_sessions() -> None:
    """Delete sessions that have ended."""
    call_command("clearsessions")


@shared_task(ignore_result=True)
def notice_dead_runs() -> None:
    """Tell of long jobs that died, and of those that nobody begins; every minute, by another worker than theirs."""
    runs.notice_cut_off(now=timezone.now())
    runs.drop_overdue(now=timezone.now())


@shared_task(ignore_result=True)
def forget_old_runs() -> None:
    """Delete what long jobs of a quarter ago left in the database; every day."""
    runs.forget(before=timezone.now() - RUNS_KEPT)


@shared_task(ignore_result=True, soft_time_limit=120, time_limit=150)
def watch_redis() -> None:
    """Look at Redis, judge the alert rules and tell; every 15 s, unless `watch_redis --forever` has done it already."""
    found = watch.watch()
    if found is None:
        # Who has the turn tells, too: a channel that hangs is to hold up one worker, not all.
        return
    if not found.failures:
        watch.show_life()
    watch.tell()


@shared_task(ignore_result=True)
def thin_out_watching() -> None:
    """Thin out samples, and forget old alerts and messages; every five minutes."""
    watch.tidy()
