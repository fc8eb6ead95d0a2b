"""Channels as people read them: how one is reached, without its secret, and how it stands."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.operations.admin.alerting.words import ago
from portal.operations.models import Channel, Delivery, Message
from portal.operations.watching.telling.notifying import scheme_of


@dataclass(frozen=True, slots=True)
class Standing:
    """How a channel stands: a sign, the words, and the class of the colour that helps."""

    symbol: str
    words: str
    tone: str

    @property
    def sentence(self) -> str:
        return self.words if self.words[-1:] in ".?!" else f"{self.words}."

    @property
    def html(self) -> SafeString:
        """For a list."""
        told = '<span class="operations-state operations-{}"><span aria-hidden="true">{}</span> {}</span>'
        return format_html(told, self.tone, self.symbol, self.words)


def reach(channel: Channel) -> str:
    """Return what may be shown of an address."""
    return "a mail address" if channel.kind == Channel.Kind.MAIL else f"{scheme_of(channel.address)}://…"


def standing(channel: Channel, *, now: datetime) -> Standing:
    """Return whether a channel works, as far as it is known: by what came of its messages, and of the last test."""
    if not channel.is_on:
        return Standing("–", "Off", "quiet")
    if channel.failing_since:
        since = f"{timezone.localtime(channel.failing_since):%Y-%m-%d %H:%M}"
        return Standing("✖", f"Fails since {since}. {channel.failure}", "bad")
    if failed := _test_that_failed(channel):
        tested = f"{timezone.localtime(failed.message.at):%Y-%m-%d %H:%M}"
        return Standing("✖", f"The test of {tested} was not delivered. {failed.failure}", "bad")
    if channel.delivered_at:
        return Standing("✔", f"Works: last delivered {ago(channel.delivered_at, now=now)} ago", "good")
    return Standing("!", "Never told anything yet: send a test", "warning")


def _test_that_failed(channel: Channel) -> Delivery | None:
    """Return the last test, where it failed and nothing was delivered after it."""
    deliveries = channel.deliveries.filter(message__kind=Message.Kind.TEST).select_related("message")
    test = deliveries.order_by("-message__at", "-pk").first()
    if test is None or test.state == Delivery.State.DELIVERED:
        return None
    is_older = channel.delivered_at is not None and channel.delivered_at >= test.message.at
    return None if is_older else test


_DELIVERIES = {
    Delivery.State.WAITING: ("◔", "quiet"),
    Delivery.State.DELIVERED: ("✔", "good"),
    Delivery.State.GIVEN_UP: ("✖", "bad"),
}


def delivery_standing(delivery: Delivery) -> Standing:
    """Return what became of a message on its way to a channel; a failed attempt shows while it waits for the next."""
    state = Delivery.State(delivery.state)
    symbol, tone = _DELIVERIES[state]
    if state == Delivery.State.WAITING and delivery.failure:
        tone = "warning"
    return Standing(symbol, state.label, tone)
