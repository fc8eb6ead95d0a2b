"""What a channel is to be told, apart from the database: threads that send need nothing of it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parseaddr

from django.conf import settings
from django.utils import timezone

from portal.operations.models import Delivery

LATE = timedelta(minutes=2)


class NotSent(Exception):
    """A channel did not take a message. Its words hold neither address nor secret."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one address."""

    kind: str
    """Of the channel."""
    address: str = field(repr=False)
    subject: str
    body: str
    message_id: str
    """The same at each attempt: a repeat can be known."""


def letter_of(delivery: Delivery, *, now: datetime) -> Letter:
    """Return the letter of a delivery, which says so where it comes late."""
    channel, message = delivery.channel, delivery.message
    body = message.body
    if now - message.at > LATE:
        at = f"{timezone.localtime(message.at):%Y-%m-%d %H:%M:%S %Z}"
        body = f"{body}\n\nThis is of {at}. It could not be told before."
    return Letter(channel.kind, channel.address, message.subject, body, _message_id(delivery))


def _message_id(delivery: Delivery) -> str:
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2] or "localhost"
    return f"<alert.{delivery.message.at:%Y%m%d%H%M%S}.{delivery.pk}@{domain}>"
