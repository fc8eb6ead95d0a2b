"""Channels and messages in the admin: they are set up, tested and read there, and no address is ever shown."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone
from django.views.debug import SafeExceptionReporterFilter
from pytest_django import Settings

from portal.operations.models import Channel, Delivery, Message, Severity
from portal.operations.watching.telling.deliver import deliver_due
from portal.operations.watching.telling.queue import queue
from tests.portal.operations.admin.conftest import logged_in, staff
from tests.portal.operations.admin.doing import breaks_policy, press, text_of, told
from tests.portal.operations.watching.telling.receivers import SECRET, Webhook, loads_apprise, running_webhook

pytestmark = [pytest.mark.django_db, loads_apprise]

CHANNELS = "/admin/operations/channel/"
MESSAGES = "/admin/operations/message/"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with running_webhook() as server:
        yield server


@pytest.fixture
def chat(webhook: Webhook) -> Channel:
    return Channel.objects.create(name="Chat", kind="apprise", address=webhook.address)


def somebody(*codenames: str) -> Client:
    return logged_in(staff("somebody", *codenames))


def page_of(channel: Channel, part: str = "change") -> str:
    return f"{CHANNELS}{channel.pk}/{part}/"


def typed(**changes: str) -> dict[str, str]:
    """Return the form of the chat, as a browser posts it."""
    form = {"name": "Chat", "kind": "apprise", "address": "", "is_on": "on", "least_severity": "1"} | changes
    return {name: value for name, value in form.items() if value != "off"}


def say(severity: Severity = Severity.WARNING) -> Message:
    return queue(
        "Memory is full", body="<b>9</b> of 10 MB.", severity=severity, kind=Message.Kind.START, now=timezone.now()
    )


# Setting up


def test_a_channel_is_made_and_one_is_led_to_its_test(admin: Client, webhook: Webhook) -> None:
    answer = press(admin, f"{CHANNELS}add/", **typed(address=webhook.address))
    channel = Channel.objects.get()
    assert (channel.name, channel.address) == ("Chat", webhook.address)
    assert answer.request["PATH_INFO"] == page_of(channel)
    assert "Send a test now" in told(answer)
    assert SECRET not in answer.content.decode()


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        ({"address": ""}, "Give the address."),
        ({"address": f"nonsense://{SECRET}"}, "No service can be told at such an address."),
        ({"address": f"https://example.org/{SECRET}"}, "any other webhook begins with jsons://"),
        ({"address": f"json://a/ {SECRET}"}, "An address holds no blanks."),
        ({"address": f"json://{SECRET}@example.org/", "name": ""}, "Type the address again"),
        ({"address": f"{SECRET}", "kind": "mail"}, "That is no mail address."),
        ({"address": f"{SECRET}@example.org,b@example.org", "kind": "mail"}, "That is no mail address."),
        ({"address": "json://" + SECRET * 400}, "at most 2000 characters"),
    ],
)
def test_what_is_wrong_is_told_and_what_was_typed_is_not_shown(
    admin: Client, form: dict[str, str], complaint: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = press(admin, f"{CHANNELS}add/", **typed(**form))
    assert complaint in text_of(answer)
    assert SECRET not in answer.content.decode() + caplog.text
    assert not Channel.objects.exists()


def test_an_empty_address_keeps_the_one_that_is_set(admin: Client, chat: Channel) -> None:
    before = chat.address
    assert "json://…" in text_of(admin.get(page_of(chat)))
    press(admin, page_of(chat), **typed(name="Our chat", least_severity="3"))
    chat.refresh_from_db()
    assert (chat.name, chat.least_severity, chat.address) == ("Our chat", Severity.CRITICAL, before)


def test_another_kind_needs_another_address(admin: Client, chat: Channel) -> None:
    answer = press(admin, page_of(chat), **typed(kind="mail"))
    assert "another kind takes another" in text_of(answer)
    press(admin, page_of(chat), **typed(kind="mail", address="ops@example.org"))
    chat.refresh_from_db()
    assert (chat.kind, chat.address) == ("mail", "ops@example.org")


def test_a_change_keeps_what_was_noted_meanwhile(admin: Client, chat: Channel) -> None:
    at = datetime(2026, 11, 29, 12, tzinfo=UTC)
    Channel.objects.update(delivered_at=at)
    press(admin, page_of(chat), **typed(name="Other"))
    chat.refresh_from_db()
    assert (chat.name, chat.delivered_at) == ("Other", at)


def test_a_new_address_is_tried_at_once_with_what_waits(admin: Client, chat: Channel, webhook: Webhook) -> None:
    Channel.objects.update(address="json://127.0.0.1:1/")
    say()
    assert deliver_due() == 0
    press(admin, page_of(chat), **typed(address=webhook.address))
    assert deliver_due() == 1


def test_what_waits_is_given_up_when_a_channel_is_switched_off(admin: Client, chat: Channel) -> None:
    say()
    press(admin, page_of(chat), **typed(is_on="off"))
    assert Delivery.objects.get().failure == "The channel was switched off."
    press(admin, page_of(chat), **typed())
    assert deliver_due() == 0


def test_a_channel_with_its_deliveries_can_be_deleted(admin: Client, chat: Channel) -> None:
    say()
    press(admin, page_of(chat, "delete"), post="yes")
    assert not Channel.objects.exists()
    assert Message.objects.count() == 1


def test_the_channels_of_the_settings_are_there_to_be_seen(admin: Client, settings: Settings) -> None:
    settings.ALERT_EMAILS, settings.ALERT_URLS = ["ops@example.org"], [f"json://{SECRET}@example.org/"]
    answer = admin.get(CHANNELS)
    assert "JSON from settings" in text_of(answer)
    assert SECRET not in answer.content.decode()


# Testing


def test_a_test_is_sent_told_and_written_down(admin: Client, chat: Channel, webhook: Webhook) -> None:
    answer = press(admin, page_of(chat, "test"))
    assert webhook.titles == ["Test: alerts reach you"]
    assert "The test was delivered to “Chat” in " in told(answer)
    assert "Works: last delivered" in text_of(answer)
    assert "The test was delivered to “Chat”" in text_of(admin.get(page_of(chat, "history")))
    assert "chief sent this test" in Message.objects.get().body


def test_a_test_that_fails_says_why_without_the_address(admin: Client, chat: Channel, webhook: Webhook) -> None:
    webhook.status = 410
    answer = press(admin, page_of(chat, "test"))
    assert "It answered with the error 410" in told(answer)
    assert SECRET not in answer.content.decode()


def test_a_test_that_failed_stands_until_something_is_delivered(admin: Client, chat: Channel, webhook: Webhook) -> None:
    webhook.status = 410
    text = text_of(press(admin, page_of(chat, "test")))
    assert "was not delivered. It answered with the error 410" in text.rpartition("Change channel")[2]
    assert "was not delivered. It answered with the error 410" in text_of(admin.get(CHANNELS))
    webhook.status = 200
    assert "Works: last delivered" in text_of(press(admin, page_of(chat, "test")))


@pytest.mark.parametrize("codenames", [("view_channel",), ("change_channel", "add_channel"), ("test_channel",)])
def test_a_test_takes_its_right(chat: Channel, webhook: Webhook, codenames: tuple[str, ...]) -> None:
    client = somebody(*codenames)
    assert client.post(page_of(chat, "test")).status_code == 403
    assert webhook.received == []
    if "test_channel" not in codenames:
        assert "Send a test now" not in text_of(client.get(page_of(chat)))


def test_a_test_is_sent_by_a_form_alone(admin: Client, chat: Channel, webhook: Webhook) -> None:
    assert admin.get(page_of(chat, "test")).status_code == 405
    guarded = Client(enforce_csrf_checks=True)
    guarded.force_login(staff("other", "view_channel", "test_channel"))
    assert guarded.post(page_of(chat, "test")).status_code == 403
    assert webhook.received == []


# Secrets


@pytest.mark.parametrize("codenames", [("view_channel",), ("view_channel", "change_channel", "delete_channel")])
def test_no_page_shows_an_address(chat: Channel, codenames: tuple[str, ...]) -> None:
    client = somebody(*codenames)
    Channel.objects.create(name="Mail", address=f"{SECRET}@example.org")
    pages = [CHANNELS, page_of(chat), page_of(chat, "history"), page_of(Channel.objects.get(name="Mail"))]
    if "delete_channel" in codenames:
        pages.append(page_of(chat, "delete"))
    for page in pages:
        answer = client.get(page)
        assert answer.status_code == 200, page
        assert SECRET not in answer.content.decode(), page
    assert "json://…" in text_of(client.get(page_of(chat)))


def test_nobody_finds_an_address_by_filters_or_search(chat: Channel) -> None:
    client = somebody("view_channel")
    assert client.get(f"{CHANNELS}?address__startswith=json").status_code in (302, 400)
    assert "0 channels" in text_of(client.get(f"{CHANNELS}?q={SECRET}"))


def test_a_change_of_address_is_written_down_without_it(admin: Client, chat: Channel) -> None:
    press(admin, page_of(chat), **typed(address=f"json://{SECRET}:other@example.org/"))
    (entry,) = LogEntry.objects.all()
    assert "address" in entry.get_change_message()
    assert SECRET not in entry.change_message + entry.object_repr
    assert SECRET not in admin.get(page_of(chat, "history")).content.decode()


def test_error_reports_hold_no_address(admin: Client, chat: Channel, settings: Settings) -> None:
    settings.DEBUG = False
    request = admin.post(page_of(chat), typed(address=f"json://{SECRET}@x/", name="")).wsgi_request
    reported = SafeExceptionReporterFilter().get_post_parameters(request)
    assert SECRET not in str(reported)


# Messages


def test_what_was_told_to_whom_is_read(admin: Client, chat: Channel, webhook: Webhook) -> None:
    Channel.objects.create(name="Mail", address="ops@example.org", is_on=False)
    message = say()
    assert "Chat: ◔ Waiting" in text_of(admin.get(MESSAGES))
    deliver_due()
    assert "Chat: ✔ Delivered" in text_of(admin.get(MESSAGES))
    page = admin.get(f"{MESSAGES}{message.pk}/change/")
    assert "<b>9</b> of 10 MB." in text_of(page)
    assert "&lt;b&gt;9&lt;/b&gt;" in page.content.decode()
    assert "ops@example.org" not in page.content.decode()


def test_messages_are_found_by_what_became_of_them(admin: Client, chat: Channel) -> None:
    say()
    assert "1 message" in text_of(admin.get(f"{MESSAGES}?delivery=waiting"))
    assert "0 messages" in text_of(admin.get(f"{MESSAGES}?delivery=given+up"))
    assert admin.get(f"{MESSAGES}?delivery=nonsense").status_code == 200


def test_a_message_that_nobody_takes_says_so(admin: Client) -> None:
    message = say()
    assert "nobody: no channel was on for it" in text_of(admin.get(MESSAGES))
    assert "Nobody was told" in text_of(admin.get(f"{MESSAGES}{message.pk}/change/"))


def test_what_was_given_up_is_sent_again(admin: Client, chat: Channel, webhook: Webhook) -> None:
    message = say()
    Delivery.objects.update(state="given up", attempts=20, failure="It cannot be reached.")
    answer = press(admin, f"{MESSAGES}{message.pk}/again/", delivery=str(Delivery.objects.get().pk))
    assert "It is sent to “Chat” again within seconds." in told(answer)
    assert deliver_due() == 1
    assert webhook.titles == ["Memory is full"]
    assert "not given up. Nothing is sent." in told(
        press(admin, f"{MESSAGES}{message.pk}/again/", delivery=str(Delivery.objects.get().pk))
    )


def test_who_may_only_look_sends_nothing_again(chat: Channel) -> None:
    client, message = somebody("view_message"), say()
    Delivery.objects.update(state="given up")
    pk = Delivery.objects.get().pk
    assert client.post(f"{MESSAGES}{message.pk}/again/", {"delivery": pk}).status_code == 403
    assert "Send again" not in text_of(client.get(f"{MESSAGES}{message.pk}/change/"))
    assert somebody_else().get(f"{MESSAGES}{message.pk}/change/").status_code == 403


def somebody_else() -> Client:
    return logged_in(staff("else", "view_backup"))


@pytest.mark.parametrize("delivery", ["", "x", "99999", "²"])
def test_a_delivery_that_is_not_there_is_not_found(admin: Client, chat: Channel, delivery: str) -> None:
    message = say()
    assert admin.post(f"{MESSAGES}{message.pk}/again/", {"delivery": delivery}).status_code == 404


def test_the_pages_keep_to_the_policy_of_content(admin: Client, chat: Channel) -> None:
    message = say()
    Delivery.objects.update(state="given up")
    for page in (CHANNELS, f"{CHANNELS}add/", page_of(chat), MESSAGES, f"{MESSAGES}{message.pk}/change/"):
        answer = admin.get(page)
        assert answer.status_code == 200
        assert not breaks_policy(answer), page


@pytest.mark.parametrize(
    "address",
    [
        "workflows://127.0.0.1:9/abc/def?template=/etc/passwd",
        "workflows://127.0.0.1:9/abc/def?template=file:///etc/passwd",
        "tgram://123456789:abcdefg_hijklmnop/12315544/?template=http://169.254.169.254/",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?template=/etc/passwd",
        "fcm://project/dev?keyfile=/etc/passwd",
        "vapid://a@example.org/b@example.org?keyfile=/etc/passwd&subfile=/etc/passwd",
        "mailtos://user:password@gmail.com?pgp=sign&pgpprv=/etc/passwd",
    ],
)
def test_an_address_that_would_send_a_file_of_the_server_is_refused(admin: Client, address: str) -> None:
    answer = press(admin, f"{CHANNELS}add/", **typed(address=address))
    assert "read a file" in text_of(answer)
    assert not Channel.objects.filter(address=address)
