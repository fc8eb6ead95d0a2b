"""Adding many overrides: a client a line, or a file, and for all of them the same."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from limits import sync_overrides
from limits.core.client_keys import parse_client_key
from limits.core.overrides import Effect
from limits.core.rates import Rate
from limits.models import Override, Policy, Revision
from portal.accounts.models import User
from tests.limits.overriding import saved

from .conftest import ADDRESS, logged_in, staff
from .doing import errors_of, text_of, told

pytestmark = pytest.mark.django_db
COMMITTED = pytest.mark.django_db(transaction=True, serialized_rollback=True)
LIST = "/admin/limits/override/"
MANY = f"{LIST}add-many/"
NEW = {
    "lines": "192.0.2.1\n198.51.100.0/24",
    "policy": "",
    "effect": "denied",
    "since_0": "2026-01-01",
    "since_1": "00:00:00",
    "reason": "An attack",
}


@pytest.fixture
def clerk(db: None) -> Client:
    """A browser of somebody who may add overrides and look at them, and not change any."""
    return logged_in(staff("clerk", "add_override", "view_override"))


def add(client: Client, **typed: Any) -> HttpResponse:
    """Type, and press the button."""
    return client.post(MANY, NEW | typed, follow=True)


def file_of(text: str | bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("list.csv", text.encode() if isinstance(text, str) else text, content_type="text/csv")


def subjects() -> list[str]:
    return sorted(Override.objects.values_list("subject", flat=True))


# Making


def test_the_list_leads_to_it(admin: Client, clerk: Client) -> None:
    for client in (admin, clerk):
        assert MANY in text_of(client.get(LIST))
        assert client.get(MANY).status_code == 200


def test_a_client_a_line_makes_an_override_each_and_all_share_the_rest(admin: Client) -> None:
    page = add(admin, effect="rates", rates="5/m", policy="login", lasts="3600", since_0=f"{timezone.now():%Y-%m-%d}")
    assert "Made: 2." in told(page)
    assert subjects() == ["192.0.2.1", "198.51.100.0/24"]
    for made in Override.objects.all():
        assert (made.effect, made.rates, made.policy, made.reason) == ("rates", (Rate(5, 60),), "login", "An attack")
        assert made.until == made.since + timedelta(hours=1)
        assert made.saved_by == "chief"


def test_all_that_one_override_can_be_for_can_be_listed(admin: Client) -> None:
    Policy.objects.filter(slug="api-search").update(key=parse_client_key("header:X-Api-Key"))
    alice = User.objects.create_user("alice", "alice@example.org")
    page = add(admin, lines="2001:db8::1\n\nuser=alice@example.org\nheader:X-Api-Key=very-secret\n")
    assert "Made: 3." in told(page)
    assert subjects()[0] == "2001:db8::1"
    assert f"user={alice.pk}" in subjects()
    kept = [*Override.objects.values_list(), *LogEntry.objects.values_list(), *Revision.objects.values_list()]
    assert "very-secret" not in str(kept)


def test_a_file_is_taken_like_lines(admin: Client) -> None:
    page = add(
        admin, lines="", file=file_of("\ufeffsubject;effect;reason\r\n10.0.0.0/9;exempt;Our office\r\n192.0.2.1;;\r\n")
    )
    assert "Made: 2." in told(page)
    assert set(Override.objects.values_list("subject", "effect", "reason")) == {
        ("10.0.0.0/9", "exempt", "Our office"),
        ("192.0.2.1", "denied", "An attack"),
    }


def test_what_every_line_of_a_table_has_of_its_own_may_be_left_out_below(admin: Client) -> None:
    table = "subject,effect,reason\n10.0.0.0/9,exempt,Our office\n192.0.2.1,denied,An attack"
    assert "Made: 2." in told(add(admin, lines=table, effect="", reason=""))
    assert set(Override.objects.values_list("subject", "effect", "reason")) == {
        ("10.0.0.0/9", "exempt", "Our office"),
        ("192.0.2.1", "denied", "An attack"),
    }
    assert "may stay empty" in text_of(admin.get(MANY))


def test_what_a_line_leaves_out_is_needed_below(admin: Client) -> None:
    table = "subject,effect,reason\n10.0.0.0/9,exempt,Our office\n192.0.2.1,,An attack"
    errors = errors_of(add(admin, lines=table, effect="", reason=""))
    assert errors == {"effect": ["This field is required: line 3 has none of its own."]}
    assert errors_of(add(admin, effect="", reason="")).keys() == {"effect", "reason"}
    assert not Override.objects.exists()


def test_lines_that_repeat_another_are_told(admin: Client) -> None:
    assert "Made: 1. Lines that repeat another: 2." in told(add(admin, lines="192.0.2.1\n192.0.2.1\n192.0.2.1"))


@COMMITTED
def test_ten_thousand_are_made_in_force_at_once_and_told_by_their_number(
    admin: Client, policies: None, django_assert_max_num_queries: Any
) -> None:
    lines = "\n".join(f"10.0.{number >> 8}.{number & 255}" for number in range(10_000))
    with django_assert_max_num_queries(500):
        page = admin.post(MANY, NEW | {"lines": lines}, follow=True)
    assert "Made: 10,000." in told(page)
    assert "In force on every worker within a second." in told(page)
    assert Override.objects.count() == 10_000
    assert sync_overrides.are_in_step(thorough=True)
    assert Revision.objects.latest("pk").subject == "10000 overrides"
    page = admin.post(MANY, NEW | {"lines": lines, "effect": "exempt", "change_existing": "on"}, follow=True)
    assert "Changed: 10,000." in told(page)
    assert Override.objects.filter(effect="exempt", version=2).count() == 10_000


# What is wrong


def test_wrong_lines_are_told_by_their_numbers_and_what_was_typed_is_kept(admin: Client) -> None:
    lines = "192.0.2.1\nnowhere\n\n198.51.100.7/24\nalice"
    response = add(admin, lines=lines, rates="", reason="<b>why</b>")
    messages = errors_of(response)["lines"]
    assert [message.partition(":")[0] for message in messages] == ["Line 2", "Line 4", "Line 5"]
    page = text_of(response)
    assert all(message in page for message in messages)
    assert lines in page.replace("\r\n", "\n")
    assert 'value="<b>why</b>"' in page
    assert not Override.objects.exists()


@pytest.mark.parametrize(
    "line", ['203.0.113.77 - - [24/Nov/2026:21:00:00 +0000] "POST /login/?next=/ HTTP/1.1" 429', "1.2.3.4,5.6.7.8"]
)
def test_a_line_with_more_than_a_client_is_told_so(admin: Client, line: str) -> None:
    (message,) = errors_of(add(admin, lines=line))["lines"]
    assert message.startswith("Line 1: ")
    assert message.endswith("write one client a line, and nothing else on it.")


def test_lines_and_what_they_share_are_judged_together(admin: Client) -> None:
    errors = errors_of(add(admin, lines="nowhere", reason="", effect="rates"))
    assert errors.keys() == {"lines", "reason", "rates"}


def test_what_all_share_is_told_beside_its_field_once(admin: Client) -> None:
    assert errors_of(add(admin, until_0="2025-01-01", until_1="00:00:00")).keys() == {"until"}


def test_lines_of_a_wrong_file_are_shown_to_be_mended(admin: Client) -> None:
    response = add(admin, lines="", file=file_of("192.0.2.1\nnowhere\n"))
    assert [message.partition(":")[0] for message in errors_of(response)["lines"]] == ["Line 2"]
    assert "192.0.2.1\nnowhere" in text_of(response).replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"lines": " \n# nobody"}, "lines", "these are 0"),
        ({"lines": ""}, "lines", "these are 0"),
        ({"lines": "a\0b"}, "lines", "Null characters"),
        ({"file": file_of("192.0.2.1")}, "file", "not both"),
        ({"lines": "", "file": file_of(b"\xff\xfe1\x00")}, "file", "UTF-8"),
        ({"lines": "", "file": file_of("a\0b")}, "file", "Null characters"),
        ({"lines": "", "file": file_of("")}, "file", "empty"),
        ({"lines": "subject,colour\n192.0.2.1,red"}, "lines", "colour"),
    ],
)
def test_what_is_no_list_is_told(admin: Client, typed: dict[str, Any], field: str, words: str) -> None:
    if "file" in typed:
        typed["file"].seek(0)
    errors = errors_of(add(admin, **typed))
    assert errors.keys() == {field}
    assert words in errors[field][0]


def test_how_much_the_site_takes_is_told_and_held(admin: Client, settings: Settings) -> None:
    assert "1.0\xa0MB" in text_of(admin.get(MANY))
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024
    assert "10.0\xa0KB" in text_of(admin.get(MANY))
    errors = errors_of(add(admin, lines="", file=file_of("# long\n" * 2_000 + "192.0.2.1")))
    assert "10.0\xa0KB" in errors["file"][0]
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = None
    assert "Made: 1." in told(add(admin, lines="", file=file_of("# long\n" * 2_000 + "192.0.2.1")))


def test_more_than_are_saved_in_some_seconds_are_refused(admin: Client) -> None:
    lines = "\n".join(f"10.{number >> 8}.{number & 255}.0/24" for number in range(20_001))
    (message,) = errors_of(add(admin, lines=lines))["lines"]
    assert message == "Give 1 to 20,000 clients at once: these are more than 20,000."


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"since_0": "9999-12-31", "lasts": "86400"}, "since"),
        ({"since_0": "0001-01-01", "lasts": "86400"}, "since"),
        ({"since_0": "9000-12-31", "lasts": "86400"}, "until"),
        ({"until_0": "9999-12-31", "until_1": "23:59:59"}, "until"),
        ({"lines": "subject,until\n10.0.0.0/8,9999-12-31T23:59:00-05:00"}, "lines"),
        ({"lines": "subject,from\n10.0.0.0/8,0001-01-01T00:00:00+05:00"}, "lines"),
    ],
)
def test_a_time_that_is_too_far_is_told_and_kept(admin: Client, typed: dict[str, str], field: str) -> None:
    response = add(admin, **{"lines": "10.0.0.0/8"} | typed)
    errors = errors_of(response)
    assert errors.keys() == {field}
    assert "1971 to 9000" in errors[field][0]
    assert all(text in text_of(response).replace("\r\n", "\n") for text in typed.values())


def test_nobody_can_lock_themselves_out(admin: Client) -> None:
    messages = errors_of(add(admin, lines=f"192.0.2.1\n203.0.113.0/24\n{ADDRESS}\nuser=chief"))["lines"]
    assert [message.partition(":")[0] for message in messages] == ["Line 2", "Line 3", "Line 4"]
    assert "lock you out" in messages[0]
    assert not Override.objects.exists()


def test_other_rates_for_oneself_are_warned_of(admin: Client) -> None:
    typed = {"effect": "rates", "rates": "5/m"}
    assert "hold for you" not in told(add(admin, **typed))
    assert "The other rates hold for you, too" in told(add(admin, lines="192.0.2.2\n203.0.113.0/24", **typed))


def test_denying_very_large_networks_is_warned_of(admin: Client) -> None:
    words = told(add(admin, lines="10.0.0.0/8\n192.0.2.1"))
    _, _, warned_of = words.partition("Everybody in a very large network is denied:")
    assert "10.0.0.0/8" in warned_of
    assert "192.0.2.1" not in warned_of


# Those that exist


def test_those_that_exist_are_told_with_links_and_left(admin: Client) -> None:
    first = saved("192.0.2.1")
    page = add(admin)
    assert "Made: 1." in told(page)
    assert "There already, and left as they are: 1." in told(page)
    assert f'<a href="{LIST}{first.pk}/change/">Exempt 192.0.2.1 from all policies' in told(page)
    assert Override.objects.get(pk=first.pk).effect == Effect.EXEMPT


def test_of_very_many_that_exist_some_are_named(admin: Client) -> None:
    for number in range(7):
        saved(f"192.0.2.{number}")
    words = told(add(admin, lines="\n".join(f"192.0.2.{number}" for number in range(7))))
    assert "Nothing was made." in words
    assert "left as they are: 7." in words
    assert words.count("<a href") == 5


def test_those_that_exist_are_changed_where_the_box_is_ticked(admin: Client) -> None:
    first = saved("192.0.2.1")
    words = told(add(admin, change_existing="on"))
    assert "Made: 1. Changed: 1." in words
    assert Override.objects.get(pk=first.pk).effect == Effect.DENIED


def test_where_several_exist_the_line_is_told_and_nothing_is_changed(admin: Client) -> None:
    now = timezone.now()
    saved("10.0.0.0/8", until=now + timedelta(days=1))
    saved("10.0.0.0/8", since=now + timedelta(days=2), until=now + timedelta(days=3))
    text = "192.0.2.1\n\n10.0.0.0/8"
    for typed in ({"lines": text}, {"lines": "", "file": file_of(text)}):
        response = add(admin, change_existing="on", **typed)
        errors = errors_of(response)
        assert errors.keys() == {"lines"}
        assert errors["lines"][0].startswith("Line 3: Several exist")
        assert text in text_of(response).replace("\r\n", "\n")
    assert not Override.objects.exclude(effect="exempt").exists()


def test_where_a_database_tells_no_ids_nothing_is_linked_that_has_none(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(connection.features), "can_return_rows_from_bulk_insert", False)
    page = add(admin, lines="10.0.0.0/8\n192.0.2.1")
    assert "Made: 2." in told(page)
    assert "Everybody in a very large network is denied: Deny 10.0.0.0/8 under all policies." in f"{told(page)}."
    assert "None" not in told(page)


def test_what_was_made_and_changed_is_in_the_history_of_each(admin: Client) -> None:
    first = saved("192.0.2.1")
    add(admin, change_existing="on")
    entries = {entry.object_id: entry.change_message for entry in LogEntry.objects.all()}
    assert entries.pop(str(first.pk)) == "Changed together with 1 other."
    assert list(entries.values()) == ["Added together with 1 other."]
    assert "192.0.2.1" not in str(list(LogEntry.objects.values_list("object_repr", flat=True)))


def test_pressing_the_button_twice_makes_them_once(admin: Client) -> None:
    add(admin)
    assert "left as they are: 2." in told(add(admin))
    assert Override.objects.count() == 2


# Rights


def test_whoever_may_only_add_changes_none(clerk: Client) -> None:
    saved("192.0.2.1")
    assert "change_existing" not in text_of(clerk.get(MANY))
    assert "left as they are: 1." in told(add(clerk, change_existing="on"))
    assert Override.objects.get(subject="192.0.2.1").effect == Effect.EXEMPT


def test_whoever_may_add_alone_comes_back_to_the_beginning_and_hears_of_no_other(db: None) -> None:
    adder = logged_in(staff("adder", "add_override"))
    saved("192.0.2.1")
    page = add(adder)
    assert page.redirect_chain == [("/admin/", 302)]
    assert page.status_code == 200
    assert "left as they are: 1." in told(page)
    assert "xempt" not in told(page)
    assert "<a href" not in told(page)
    words = told(add(adder, lines="10.0.0.0/8"))
    assert "Deny 10.0.0.0/8" in words
    assert "<a href" not in words


@pytest.mark.parametrize("codenames", [("view_override",), ("change_override", "view_override"), ("add_policy",)])
def test_whoever_may_not_add_adds_none(db: None, codenames: tuple[str, ...]) -> None:
    somebody = logged_in(staff("somebody", *codenames))
    assert somebody.get(MANY).status_code == 403
    assert somebody.post(MANY, NEW).status_code == 403
    assert MANY not in text_of(somebody.get(LIST))
    assert not Override.objects.exists()


def test_whoever_is_no_staff_gets_the_login_page(client: Client) -> None:
    for response in (client.get(MANY), client.post(MANY, NEW)):
        assert response["Location"].startswith("/admin/login/")
    assert not Override.objects.exists()


def test_whoever_may_not_view_users_finds_out_no_account(clerk: Client) -> None:
    User.objects.create_user("alice", "alice@example.org")
    told = [errors_of(add(clerk, lines=f"user={name}")) for name in ("alice", "nobody")]
    assert told[0] == told[1]


def test_a_post_from_another_site_adds_none(admin: Client) -> None:
    admin.handler.enforce_csrf_checks = True
    assert admin.post(MANY, NEW).status_code == 403
    assert not Override.objects.exists()
