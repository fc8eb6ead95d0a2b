"""A test of a channel tells at once, and in words, whether it was taken."""

import pytest
from django.utils import timezone

from portal.operations.models import Channel, Delivery, Message
from portal.operations.watching.telling import testing
from portal.operations.watching.telling.testing import send_test

from .receivers import SECRET, MailServer, Webhook, loads_apprise
from .telling import deliver, states

pytestmark = [pytest.mark.django_db, loads_apprise]


def test_a_test_that_is_taken_is_noted(mail: Channel, mail_server: MailServer) -> None:
    outcome = send_test(mail, by="chief", now=timezone.now())
    assert outcome.is_delivered
    assert outcome.words.startswith("The test was delivered to “Mail” in 0.")
    assert mail_server.subjects == ["Test: alerts reach you"]
    mail.refresh_from_db()
    assert mail.tested_at == mail.delivered_at is not None
    assert states(mail) == ["delivered"]
    assert Message.objects.get().kind == Message.Kind.TEST


def test_a_test_that_fails_says_why_and_is_not_tried_again(chat: Channel, webhook: Webhook) -> None:
    webhook.status = 403
    outcome = send_test(chat, by="chief", now=timezone.now())
    assert not outcome.is_delivered
    assert "It answered with the error 403" in outcome.words
    assert SECRET not in outcome.words
    assert (states(chat), deliver(10**6)) == (["given up"], 0)
    chat.refresh_from_db()
    assert (chat.tested_at, chat.failing_since) == (None, None)


def test_a_channel_that_is_off_can_be_tested(chat: Channel, webhook: Webhook) -> None:
    Channel.objects.update(is_on=False)
    assert send_test(chat, by="chief", now=timezone.now()).is_delivered


def test_a_page_does_not_wait_for_ever(chat: Channel, webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testing, "SECONDS_MAX", 0.2)
    webhook.may_answer.clear()
    assert "did not come to an end" in send_test(chat, by="chief", now=timezone.now()).words
    assert Delivery.objects.get().state == "given up"
