"""Queueing a message for those channels that are told of the like."""

import logging
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from portal.operations.models import Channel, Delivery, Message, Severity
from portal.operations.printable import printable

logger = logging.getLogger("portal.alerts")

SUBJECT_CHARACTERS_MAX = 150
BODY_CHARACTERS_MAX = 10_000
_LEVELS = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.CRITICAL: logging.ERROR}


def queue(
    subject: str,
    *,
    body: str,
    severity: Severity,
    kind: Message.Kind,
    now: datetime,
    channels: Iterable[Channel] | None = None,
) -> Message:
    """Write a message in the caller's transaction, waiting for each channel that is on and told from that severity.

    `channels`: these instead. The log is told in any case, as an error where there is no channel to tell.
    """
    to = list(told_of(severity) if channels is None else channels)
    subject, body = _one_line(subject)[:SUBJECT_CHARACTERS_MAX], printable(body)[:BODY_CHARACTERS_MAX]
    with transaction.atomic():
        message = Message.objects.create(kind=kind, severity=severity, subject=subject, body=body, at=now)
        Delivery.objects.bulk_create(Delivery(message=message, channel=channel, not_before=now) for channel in to)
    if to:
        # That something is over is no error: who pages by the log is not to be woken by it.
        logger.log(logging.INFO if kind == Message.Kind.END else _LEVELS[severity], "%s: %s", subject, body)
    else:
        logger.error("%s: %s (No channel is told: there is none that is on for the like.)", subject, body)
    return message


def told_of(severity: Severity) -> Iterable[Channel]:
    """Return the channels that are on and told from that severity."""
    return Channel.objects.filter(is_on=True, least_severity__lte=severity)


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))
