"""Alerts: somebody is told, and it was tried."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone

from portal.operations.checklist.context import Context
from portal.operations.checklist.values import Line, Verdict, failed, passed
from portal.operations.models import Channel

_TESTED_WITHIN = timedelta(days=366)


def _tested(context: Context) -> Iterator[Verdict]:
    channels = list(Channel.objects.filter(is_on=True))
    if not channels:
        words = "There is no channel that is on: nobody is told."
        yield failed(words, advice="Add one in the admin, at Channels, and send a test through it.")
    for channel in channels:
        yield _channel(channel)


def _channel(channel: Channel) -> Verdict:
    if channel.failing_since:
        since = timezone.localtime(channel.failing_since)
        words = f"{channel.name} has failed since {since:%Y-%m-%d %H:%M}."
        return failed(words, advice="See what it says in the admin, at Channels, mend it, and send a test.")
    if channel.tested_at is None or channel.tested_at < timezone.now() - _TESTED_WITHIN:
        when = "never" if channel.tested_at is None else "not within a year"
        return failed(f"{channel.name} was {when} tested.", advice="Send a test in the admin, at Channels.")
    return passed(f"A test came through {channel.name} on {timezone.localtime(channel.tested_at):%Y-%m-%d %H:%M}.")


LINES = (
    Line(
        "alerts-tested",
        "Alerts",
        "Alerts reach somebody",
        "An address with a mistake in it is found out on the day that it is needed, unless it was tried before.",
        _tested,
    ),
)
