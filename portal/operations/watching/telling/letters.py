"""What a channel is to be told, apart from the database: threads that send need nothing of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import parseaddr

from django.conf import settings
from django.urls import NoReverseMatch, reverse
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


def letter_of_many(deliveries: Sequence[Delivery], *, now: datetime) -> Letter:
    """Return one letter of many messages to one channel: what each is about, and where the whole of it stands."""
    first = letter_of(deliveries[0], now=now)
    lines = [f"{timezone.localtime(each.message.at):%H:%M:%S} {each.message.subject}" for each in deliveries]
    body = "\n".join(lines)
    return replace(
        first,
        subject=f"{len(deliveries)} messages: {first.subject}",
        body=f"{body}\n\nSo many at once are told together. Each of them as a whole: {_messages_url()}",
    )


def _messages_url() -> str:
    try:
        return settings.SITE_URL + reverse("admin:operations_message_changelist")
    except NoReverseMatch:
        # Sooner without a link than not told at all.
        return settings.SITE_URL


def _message_id(delivery: Delivery) -> str:
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2] or "localhost"
    return f"<alert.{delivery.message.at:%Y%m%d%H%M%S}.{delivery.pk}@{domain}>"
