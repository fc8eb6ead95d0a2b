"""Alerts: each channel is told, and one that fails takes neither the others nor a secret with it."""

import json
import logging
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from post_office.models import Email
from pytest_django import Settings

from portal.operations.channels import tell
from tests.servers import free_port

pytestmark = [
    pytest.mark.django_db,
    # One of the library's many channels reads pictures by it.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]


class Webhook(HTTPServer):
    """A server that keeps what it is sent, and answers with `status`."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.received: list[dict[str, str]] = []

    @property
    def address(self) -> str:
        return f"json://user:secret-word@127.0.0.1:{self.server_port}/"


class _Receiver(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(json.loads(body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_each_address_is_mailed(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["a@example.org", "b@example.org"]
    tell("Backup failed", body="The disk is full.")
    mails = Email.objects.order_by("pk").values_list("to", "subject", "message")
    assert [tuple(mail) for mail in mails] == [
        (["a@example.org"], "Backup failed", "The disk is full."),
        (["b@example.org"], "Backup failed", "The disk is full."),
    ]
    assert Email.objects.first().headers == {"Auto-Submitted": "auto-generated"}  # type: ignore[union-attr]


def test_words_are_mailed_as_they_are_whatever_they_hold(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["a@example.org"]
    tell("{{ a }} & {% b\r\nBcc: c@example.org", body="<i> {{ settings }} {% load x %} {# … #}")
    mail = Email.objects.get()
    assert mail.subject == "{{ a }} & {% b Bcc: c@example.org"
    assert mail.message == "<i> {{ settings }} {% load x %} {# … #}"


def test_a_webhook_is_told(settings: Settings, webhook: Webhook) -> None:
    settings.ALERT_URLS = [webhook.address]
    tell("Backup failed", body="The disk is full.")
    (received,) = webhook.received
    assert (received["title"], received["message"]) == ("Backup failed", "The disk is full.")


def test_a_channel_that_fails_costs_neither_the_others_nor_a_secret(
    settings: Settings, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    dead = f"json://user:secret-word@127.0.0.1:{free_port()}/"
    settings.ALERT_URLS = ["nonsense://secret-word", "slack://secret-word", dead, webhook.address]
    with caplog.at_level(logging.DEBUG):
        tell("Backup failed", body="The disk is full.")
    assert len(webhook.received) == 1
    kinds = [r.getMessage().split(" by ")[1].split(":")[0] for r in caplog.records if " by " in r.getMessage()]
    assert kinds == ["nonsense", "slack", "json"]
    assert "secret-word" not in caplog.text


def test_a_webhook_that_refuses_is_logged(
    settings: Settings, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    webhook.status = 500
    settings.ALERT_URLS = [webhook.address]
    tell("Backup failed", body="The disk is full.")
    assert "An alert was not told by json" in caplog.text


def test_a_channel_that_hangs_does_not_hang_the_work(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.ALERT_URLS = [f"json://127.0.0.1:{silent.getsockname()[1]}/?rto=0.2"]
        tell("Backup failed", body="The disk is full.")
    assert "An alert was not told by json" in caplog.text


def test_a_mail_that_cannot_be_queued_does_not_stop_the_work(
    settings: Settings, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ALERT_EMAILS, settings.ALERT_URLS = ["no address"], [webhook.address]
    tell("Backup failed", body="The disk is full.")
    assert "An alert was not mailed" in caplog.text
    assert len(webhook.received) == 1


def test_without_channels_the_log_tells(caplog: pytest.LogCaptureFixture) -> None:
    tell("Backup failed", body="The disk is full.")
    assert "Backup failed: The disk is full." in caplog.text


def test_what_is_told_holds_no_command_for_a_terminal(caplog: pytest.LogCaptureFixture) -> None:
    tell("Failed: \x1b[2J", body="The key \x1b]0;owned\x07 was refused.\n\nThat is all.")
    assert "\x1b" not in caplog.text
    assert r"\x1b]0;owned\x07" in caplog.text
