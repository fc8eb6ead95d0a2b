"""Telling people of long jobs."""

from django.utils import timezone

from portal.operations.models import Message, Severity
from portal.operations.watching.telling.first_channels import make_first_channels
from portal.operations.watching.telling.queue import queue


def tell(subject: str, *, body: str) -> None:
    """Queue a message for every channel that is told of warnings, in the caller's transaction; and tell the log.

    `watch_redis` delivers it within seconds, and beat's job where that does not run.
    """
    make_first_channels()
    queue(subject, body=body, severity=Severity.WARNING, kind=Message.Kind.JOB, now=timezone.now())
