"""A channel that fails: the others are told once, and once that it works again."""

import pytest

from portal.operations.models import Channel, Delivery, Message

from .receivers import MailServer, Webhook, loads_apprise
from .telling import NOW, deliver, say, states

pytestmark = [pytest.mark.django_db, loads_apprise]


def test_the_others_are_told_once_from_the_second_failure_on_and_once_when_it_works(
    mail: Channel, chat: Channel, mail_server: MailServer, webhook: Webhook
) -> None:
    webhook.status = 500
    say()
    deliver()
    assert mail_server.subjects == ["Memory is full"]
    for seconds in (15, 60, 200, 400):
        deliver(seconds)
    assert mail_server.subjects == ["Memory is full", "Channel fails: Chat"]
    assert "It answered with the error 500" in str(mail_server.received[1].get_payload(decode=True))
    chat.refresh_from_db()
    assert (chat.failing_since, chat.failures_in_a_row) == (NOW, 5)

    webhook.status = 200
    say("Another")
    deliver(401)
    chat.refresh_from_db()
    assert (chat.failing_since, chat.failure, chat.failures_in_a_row, chat.failing_told_at) == (None, "", 0, None)
    assert sorted(mail_server.subjects[2:]) == ["Another", "Channel works again: Chat"]
    assert set(states(chat)) == {"delivered"}


def test_a_single_failure_is_told_to_nobody(
    mail: Channel, chat: Channel, mail_server: MailServer, webhook: Webhook
) -> None:
    webhook.status = 500
    say()
    deliver()
    webhook.status = 200
    deliver(15)
    assert mail_server.subjects == ["Memory is full"]
    chat.refresh_from_db()
    assert chat.failing_since is None


def test_what_waits_for_long_is_told_as_soon_as_the_channel_works(chat: Channel, webhook: Webhook) -> None:
    webhook.status = 500
    say("Old")
    for seconds in (0, 15, 45, 105, 225, 525):
        deliver(seconds)
    webhook.status = 200
    webhook.received.clear()
    say("New")
    assert deliver(530) == 2
    assert sorted(webhook.titles) == ["New", "Old"]


def test_channels_that_fail_are_not_told_of_one_another(chat: Channel, webhook: Webhook) -> None:
    Channel.objects.create(name="Twin", kind="apprise", address=webhook.address)
    webhook.status = 500
    say()
    deliver()
    deliver(15)
    told = Message.objects.filter(kind=Message.Kind.CHANNEL)
    assert sorted(told.values_list("subject", flat=True)) == ["Channel fails: Chat", "Channel fails: Twin"]
    assert not Delivery.objects.filter(message__in=told).exists()
