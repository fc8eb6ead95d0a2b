"""What people may do about deliveries: send one again, or call off what waits."""

from datetime import datetime

from portal.operations.models import Channel, Delivery


def send_again(delivery: Delivery, *, now: datetime) -> bool:
    """Let a delivery that was given up be tried anew; return whether it was. The channel must be on."""
    given_up = Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.GIVEN_UP, channel__is_on=True)
    return bool(given_up.update(state=Delivery.State.WAITING, attempts=0, not_before=now, failure=""))


def call_off(channel: Channel) -> int:
    """Give up what waits for a channel that was switched off: nobody wants last week's alerts when it is on again."""
    waiting = Delivery.objects.filter(channel=channel, state=Delivery.State.WAITING)
    return waiting.update(state=Delivery.State.GIVEN_UP, failure="The channel was switched off.")
