"""Channels of each kind, to real servers."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from portal.operations.models import Channel

from .receivers import MailServer, Webhook, running_mail_server, running_webhook, use_mail_server


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with running_webhook() as server:
        yield server


@pytest.fixture
def mail_server(settings: Settings) -> Iterator[MailServer]:
    """The site's mail server."""
    with running_mail_server() as server:
        use_mail_server(settings, port=server.port)
        yield server


@pytest.fixture
def chat(webhook: Webhook) -> Channel:
    """A channel to the webhook."""
    return Channel.objects.create(name="Chat", kind=Channel.Kind.APPRISE, address=webhook.address)


@pytest.fixture
def mail(mail_server: MailServer) -> Channel:
    """A channel to the mail server."""
    return Channel.objects.create(name="Mail", kind=Channel.Kind.MAIL, address="ops@example.org")
