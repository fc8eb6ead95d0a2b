"""Telling people: by mail to ALERT_EMAILS, and to whatever ALERT_URLS name (chats, pagers, webhooks)."""

import logging

import apprise
from django.conf import settings
from django.db import transaction
from post_office import mail

from portal.operations.printable import printable

logger = logging.getLogger("portal.alerts")
# Its lines hold the addresses whole, with their secrets.
logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)

_SUBJECT_CHARACTERS_MAX = 150


def tell(subject: str, *, body: str) -> None:
    """Tell every channel, and the log. A channel that fails is logged by its kind alone, and costs nothing else.

    Mail is queued. An address of ALERT_URLS is waited for: 4 s to connect and 4 s for each answer, where it names no
    other times (`cto`, `rto`).
    """
    subject, body = printable(" ".join(subject.split()))[:_SUBJECT_CHARACTERS_MAX], printable(body)
    logger.error("%s: %s", subject, body)
    for address in settings.ALERT_EMAILS:
        _mail(address, subject=subject, body=body)
    for url in settings.ALERT_URLS:
        _notify(url, subject=subject, body=body)


def _mail(address: str, *, subject: str, body: str) -> None:
    # The queue renders subject and text as templates: words that hold braces are values, never the template.
    words = {"subject": subject, "body": body}
    headers = {"Auto-Submitted": "auto-generated"}
    try:
        with transaction.atomic():
            mail.send(
                address,
                settings.DEFAULT_FROM_EMAIL,
                subject="{{ subject|safe }}",
                message="{{ body|safe }}",
                context=words,
                headers=headers,
            )
    except Exception as error:
        logger.error("An alert was not mailed: %s.", type(error).__name__)


def _notify(url: str, *, subject: str, body: str) -> None:
    kind = url.partition(":")[0]
    try:
        channel = apprise.Apprise()
        told = channel.add(url) and channel.notify(title=subject, body=body)
    except Exception as error:
        logger.error("An alert was not told by %s: %s.", kind, type(error).__name__)
    else:
        if not told:
            logger.error(
                "An alert was not told by %s: is its address in ALERT_URLS right, and can it be reached?", kind
            )
