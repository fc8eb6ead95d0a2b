"""Delivering: once to each channel, again where it failed, and no channel waits for another."""

import logging
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from portal.operations.models import Channel, Delivery, Message
from portal.operations.watching.telling import mailing, sending
from portal.operations.watching.telling.deliver import RETRY_SECONDS, TOGETHER_FROM, deliver_due, forget_old
from tests.servers import free_port

from .receivers import SECRET, MailServer, Webhook, loads_apprise, silence, use_mail_server
from .telling import NOW, deliver, say, states

pytestmark = [pytest.mark.django_db, loads_apprise]


def test_mail_and_webhook_are_told_once(
    mail: Channel, chat: Channel, mail_server: MailServer, webhook: Webhook
) -> None:
    say()
    assert (deliver(), deliver(3600)) == (2, 0)
    (told,) = mail_server.received
    assert (told["Subject"], told["To"]) == ("Memory is full", "ops@example.org")
    assert told.get_payload().strip() == "9 of 10 MB."
    assert told["Auto-Submitted"] == "auto-generated"
    assert [(each["title"], each["message"]) for each in webhook.received] == [("Memory is full", "9 of 10 MB.")]
    assert (states(mail), states(chat)) == (["delivered"], ["delivered"])
    chat.refresh_from_db()
    assert chat.delivered_at == NOW


def test_a_channel_is_told_in_order(chat: Channel, webhook: Webhook) -> None:
    for number in range(5):
        say(f"Number {number}")
    assert deliver() == 5
    assert webhook.titles == [f"Number {number}" for number in range(5)]


def test_words_are_told_as_they_are_whatever_they_hold(
    mail: Channel, chat: Channel, mail_server: MailServer, webhook: Webhook
) -> None:
    body = "<i> {{ settings }} & *x* “é”"
    say("{{ a }} & {% b", body=body)
    deliver()
    payload = mail_server.received[0].get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert (mail_server.subjects, payload.decode().strip()) == (["{{ a }} & {% b"], body)
    assert (webhook.titles, webhook.received[0]["message"]) == (["{{ a }} & {% b"], body)


def test_who_fails_is_tried_again_ever_more_seldom_and_given_up_after_a_day(chat: Channel, webhook: Webhook) -> None:
    webhook.status = 500
    say()
    tried, at = [], 0.0
    while states(chat) == ["waiting"]:
        assert deliver(at) == 0
        due_at = Delivery.objects.get(channel=chat).not_before
        tried.append((due_at - NOW).total_seconds() - at)
        at += tried[-1]
    assert tried[: len(RETRY_SECONDS)] == list(RETRY_SECONDS)
    assert set(tried[len(RETRY_SECONDS) : -1]) == {3600.0}
    assert timedelta(days=1) <= timedelta(seconds=at) < timedelta(days=1, hours=2)
    delivery = Delivery.objects.get(channel=chat)
    assert (delivery.state, delivery.attempts) == ("given up", len(webhook.received))
    assert delivery.failure == "It answered with the error 500: is the address still right?"
    assert deliver(at + 3600) == 0


def test_what_comes_late_says_so(mail: Channel, mail_server: MailServer) -> None:
    say()
    deliver(600)
    assert "9 of 10 MB.\n\nThis is of 2026-11-29 12:00:00 UTC." in mail_server.received[0].get_payload().replace(
        "\r", ""
    )


def test_a_repeat_is_known_by_its_message_id(mail: Channel, mail_server: MailServer) -> None:
    say()
    deliver()
    Delivery.objects.update(state="waiting")
    deliver(300)
    first, second = mail_server.received
    assert first["Message-ID"] == second["Message-ID"]


def test_a_mail_server_that_says_nothing_holds_up_nobody(
    chat: Channel, webhook: Webhook, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailing, "TIMEOUT_SECONDS", 3)
    mail = Channel.objects.create(name="Mail", address="ops@example.org")
    with silence() as port:
        use_mail_server(settings, port=port)
        say("First", now=timezone.now())
        say("Second", now=timezone.now())
        assert deliver_due() == 2
    assert webhook.titles == ["First", "Second"]
    assert states(mail) == ["waiting", "waiting"]
    assert Delivery.objects.filter(channel=mail, failure="The mail server did not answer within 3 s.").count() == 1
    mail.refresh_from_db()
    chat.refresh_from_db()
    assert mail.failing_since is not None
    assert chat.delivered_at is not None
    assert chat.delivered_at < mail.failing_since


def test_a_sending_that_never_ends_is_left_behind(
    chat: Channel, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.operations.watching.telling.deliver.SECONDS_MAX", 0.2)
    webhook.may_answer.clear()
    say()
    assert deliver() == 0
    assert Delivery.objects.get().failure == sending.NO_ANSWER


def test_a_channel_that_is_off_is_not_told(chat: Channel, webhook: Webhook) -> None:
    say()
    Channel.objects.update(is_on=False)
    assert deliver() == 0
    Channel.objects.update(is_on=True)
    assert deliver() == 1


def test_most_is_kept_to(chat: Channel, webhook: Webhook) -> None:
    for _ in range(3):
        say()
    assert deliver_due(clock=lambda: NOW, most=2) == 2


def test_neither_log_nor_row_holds_a_secret(
    webhook: Webhook, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    dead = f"json://user:{SECRET}@127.0.0.1:{free_port()}/{SECRET}"
    for number, address in enumerate([f"nonsense://{SECRET}", f"slack://{SECRET}", dead, webhook.address]):
        Channel.objects.create(name=str(number), kind="apprise", address=address)
    use_mail_server(settings, port=free_port())
    Channel.objects.create(name="nobody", address=f"{SECRET}@example.org")
    webhook.status = 404
    say()
    with caplog.at_level(logging.DEBUG):
        for seconds in (0, 20, 90_000):
            deliver(seconds)
    failures = " ".join(Delivery.objects.values_list("failure", flat=True))
    failures += " ".join(Channel.objects.values_list("failure", flat=True))
    bodies = " ".join(Message.objects.values_list("body", flat=True))
    assert "was given up" in caplog.text
    assert SECRET not in caplog.text + failures + bodies
    assert "it is none that apprise knows" in failures
    assert "It cannot be reached" in failures
    assert "The mail server refused the connection" in failures


def test_an_address_that_the_mail_server_refuses_is_told_by_its_code(mail: Channel, mail_server: MailServer) -> None:
    Channel.objects.update(address="nobody@example.org")
    say()
    assert deliver() == 0
    assert Delivery.objects.get().failure == "The mail server refused the recipient (550)."


def test_an_address_that_is_none_costs_the_others_nothing(chat: Channel, webhook: Webhook, mail: Channel) -> None:
    Channel.objects.filter(pk=mail.pk).update(address="no address\r\nBcc: x@example.org")
    say()
    assert deliver() == 1
    assert states(mail) == ["waiting"]


def test_old_messages_are_forgotten_save_those_that_wait(chat: Channel) -> None:
    say("waits")
    say("told")
    Delivery.objects.filter(message__subject="told").update(state="delivered")
    say("young", now=NOW + timedelta(days=2))
    Delivery.objects.filter(message__subject="young").update(state="delivered")
    assert forget_old(before=NOW + timedelta(days=1)) == 1
    assert sorted(Message.objects.values_list("subject", flat=True)) == ["waits", "young"]


def test_a_clock_that_was_set_back_puts_nothing_off_for_long(chat: Channel, webhook: Webhook) -> None:
    say()
    Delivery.objects.update(not_before=NOW + timedelta(days=400))
    assert deliver() == 1


def test_of_a_flood_of_messages_the_last_are_kept_and_those_that_wait(chat: Channel) -> None:
    for number in range(6):
        say(f"Number {number}")
    Delivery.objects.exclude(message__subject="Number 0").update(state="delivered")
    assert forget_old(before=NOW - timedelta(days=1), most=2) == 3
    assert sorted(Message.objects.values_list("subject", flat=True)) == ["Number 0", "Number 4", "Number 5"]


def test_many_at_once_are_told_as_one(chat: Channel, webhook: Webhook) -> None:
    for number in range(TOGETHER_FROM + 3):
        say(f"Number {number}")
    assert deliver() == TOGETHER_FROM + 3
    (told,) = webhook.received
    assert told["title"] == f"{TOGETHER_FROM + 3} messages: Number 0"
    assert all(f"Number {number}\n" in told["message"] for number in range(TOGETHER_FROM + 3))
    assert set(states(chat)) == {"delivered"}


def test_many_at_once_that_fail_are_one_failure_of_the_channel(chat: Channel, webhook: Webhook) -> None:
    for number in range(TOGETHER_FROM):
        say(f"Number {number}")
    webhook.status = 500
    assert deliver() == 0
    chat.refresh_from_db()
    assert (chat.failures_in_a_row, set(states(chat)), len(webhook.received)) == (1, {"waiting"}, 1)
    webhook.status = 200
    assert deliver(60) == TOGETHER_FROM
