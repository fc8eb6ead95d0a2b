"""Queueing: one delivery for each channel that is told of the like, in the caller's transaction."""

import logging

import pytest
from django.db import transaction

from portal.operations.models import Channel, Delivery, Message, Severity
from portal.operations.watching.telling.queue import queue

from .telling import NOW, say

pytestmark = pytest.mark.django_db


def channel(name: str, *, least: Severity = Severity.INFO, is_on: bool = True) -> Channel:
    return Channel.objects.create(name=name, address=f"{name}@example.org", least_severity=least, is_on=is_on)


def test_each_channel_that_is_on_and_told_from_that_severity_waits_for_it() -> None:
    channel("all")
    channel("warnings", least=Severity.WARNING)
    channel("worst", least=Severity.CRITICAL)
    channel("off", is_on=False)
    message = say(severity=Severity.WARNING)
    waiting = Delivery.objects.filter(message=message, state="waiting", not_before=NOW, attempts=0)
    assert sorted(waiting.values_list("channel__name", flat=True)) == ["all", "warnings"]


def test_a_message_is_undone_with_what_it_tells_of() -> None:
    channel("all")
    with transaction.atomic():
        say()
        transaction.set_rollback(True)
    assert not Message.objects.exists()
    assert not Delivery.objects.exists()


def test_without_channels_it_is_kept_and_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> None:
    say(severity=Severity.INFO)
    assert Message.objects.count() == 1
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "Memory is full: 9 of 10 MB." in caplog.text


def test_the_log_is_told_by_severity(caplog: pytest.LogCaptureFixture) -> None:
    channel("all")
    with caplog.at_level(logging.INFO):
        for severity in Severity:
            say(severity=severity)
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "ERROR"]


def test_an_end_is_no_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    channel("all")
    with caplog.at_level(logging.INFO):
        queue("Over", body="It answers.", severity=Severity.CRITICAL, kind=Message.Kind.END, now=NOW)
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_what_is_told_holds_no_command_for_a_terminal_and_a_subject_of_one_line() -> None:
    message = say(
        "Failed:\r\nBcc: a@b.org \x1b[2J" + "x" * 300, body="The key \x1b]0;owned\x07 was refused.\n\nThat is all."
    )
    assert message.subject.startswith(r"Failed: Bcc: a@b.org \x1b[2Jx")
    assert len(message.subject) == 150
    assert message.body == "The key \\x1b]0;owned\\x07 was refused.\n\nThat is all."
