"""Telling of long jobs: every channel of the settings and of the admin gets the message, and so does the log."""

import pytest
from pytest_django import Settings

from portal.operations.channels import tell
from portal.operations.models import Channel, Delivery, Message, Severity

pytestmark = pytest.mark.django_db


def told() -> list[tuple[str, str]]:
    return list(Delivery.objects.order_by("pk").values_list("channel__address", "message__subject"))


def test_the_first_channels_of_the_settings_are_told(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["a@example.org", "b@example.org"]
    tell("Backup failed", body="The disk is full.")
    assert told() == [("a@example.org", "Backup failed"), ("b@example.org", "Backup failed")]
    message = Message.objects.get()
    assert (message.kind, message.severity, message.body) == ("job", Severity.WARNING, "The disk is full.")


def test_the_channels_of_the_admin_hold(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["a@example.org"]
    tell("First", body="")
    Channel.objects.update(address="c@example.org")
    Channel.objects.create(name="Only the worst", address="d@example.org", least_severity=Severity.CRITICAL)
    tell("Second", body="")
    assert told() == [("c@example.org", "First"), ("c@example.org", "Second")]


def test_without_channels_the_log_tells(caplog: pytest.LogCaptureFixture) -> None:
    tell("Backup failed", body="The disk is full.")
    assert "Backup failed: The disk is full." in caplog.text
    assert caplog.records[0].levelname == "ERROR"
