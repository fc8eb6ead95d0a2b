"""Overrides in the admin: the form in plain words, the list, ending, and which one wins."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from limits import subjects
from limits.admin.client_links import override_url
from limits.admin.override_columns import until_in_words
from limits.admin.override_form import ONE_DAY
from limits.core.client_keys import parse_client_key
from limits.core.overrides import Effect, Kind
from limits.core.rates import Rate
from limits.models import Override, Policy, Revision
from portal.accounts.models import User
from tests.limits.overriding import override, saved

from .conftest import ADDRESS, logged_in, staff
from .doing import errors_of, text_of, told
from .doing_overrides import ADD, LIST, NEW, edit, page_of

pytestmark = pytest.mark.django_db
WHICH = f"{LIST}which/"
DAY = timedelta(days=1)


@pytest.fixture
def viewer(db: None) -> Client:
    """A browser of somebody who may look at overrides."""
    return logged_in(staff("viewer", "view_override"))


def act(client: Client, *overrides: Override, path: str = LIST, **sent: str) -> HttpResponse:
    """Tick overrides in the list, and run the action: it asks."""
    ticked = [override.pk for override in overrides]
    return client.post(path, {"action": "end_now", "_selected_action": ticked} | sent, follow=True)


# The form


def test_an_override_is_made_in_plain_words(admin: Client) -> None:
    assert admin.post(ADD, NEW).status_code == 302
    made = Override.objects.get()
    assert (made.subject, made.kind, made.effect, made.saved_by) == ("198.51.100.0/24", "network", "exempt", "chief")
    assert made.until is None


def test_what_a_client_sends_is_hashed_and_never_stored(admin: Client) -> None:
    Policy.objects.filter(slug="api-search").update(key=parse_client_key("header:X-Api-Key"))
    typed = {"about": "value", "who": "very-secret", "sent_in": "header:X-Api-Key", "policy": "api-search"}
    assert admin.post(ADD, NEW | typed).status_code == 302
    made = Override.objects.get()
    assert made.subject == subjects.subject_named("very-secret", kind=Kind.VALUE, key="header:X-Api-Key")
    kept = [*Override.objects.values_list(), *LogEntry.objects.values_list(), *Revision.objects.values_list()]
    assert "very-secret" not in str(kept)


def test_what_is_wrong_is_told_beside_the_field_and_what_was_typed_is_kept(admin: Client) -> None:
    wrong = {"who": "198.51.100.7/24", "effect": "rates", "rates": "100/week", "reason": "x" * 201, "until_0": "soon"}
    response = admin.post(ADD, NEW | wrong)
    assert errors_of(response).keys() >= {"who", "rates", "reason", "until"}
    for typed in ("198.51.100.7/24", "100/week", "x" * 201, "soon"):
        assert typed in text_of(response)
    assert not Override.objects.exists()


def test_an_empty_form_says_what_is_needed(admin: Client) -> None:
    assert errors_of(admin.post(ADD, {})).keys() >= {"about", "who", "effect", "since", "reason"}


@pytest.mark.parametrize("field", ["who", "reason", "rates"])
def test_nul_characters_are_told_beside_the_field(admin: Client, field: str) -> None:
    assert field in errors_of(admin.post(ADD, NEW | {field: "a\0b"}))


def test_other_rates_are_taken_and_rates_alone_are_refused(admin: Client) -> None:
    assert "rates" in errors_of(admin.post(ADD, NEW | {"rates": "600/m"}))
    assert "rates" in errors_of(admin.post(ADD, NEW | {"effect": "rates"}))
    admin.post(ADD, NEW | {"effect": "rates", "rates": "600/m"})
    assert Override.objects.get().rates == (Rate(600, 60),)


def test_a_burst_is_refused_where_the_policy_is_no_token_bucket(admin: Client) -> None:
    typed = {"effect": "rates", "rates": "10/m burst 20", "policy": "login"}
    assert "rates" in errors_of(admin.post(ADD, NEW | typed))


def test_one_for_an_address_ends_by_itself_in_the_time_that_the_setting_says(admin: Client) -> None:
    admin.post(ADD, NEW | {"about": "address", "who": "203.0.113.9", "since_0": f"{timezone.now():%Y-%m-%d}"})
    until = Override.objects.get().until
    assert until is not None
    assert timedelta(days=29) < until - timezone.now() <= timedelta(days=30)


def test_one_for_an_address_may_not_last_longer(admin: Client) -> None:
    far = f"{timezone.now() + 40 * DAY:%Y-%m-%d}"
    typed = {"about": "address", "who": "203.0.113.9", "until_0": far, "until_1": "00:00:00"}
    assert "until" in errors_of(admin.post(ADD, NEW | typed))


def test_how_long_it_lasts_can_be_chosen(admin: Client) -> None:
    admin.post(ADD, NEW | {"lasts": "3600"})
    made = Override.objects.get()
    assert made.until == made.since + timedelta(hours=1)


def test_how_long_and_until_when_are_not_given_both(admin: Client) -> None:
    errors = errors_of(admin.post(ADD, NEW | {"lasts": "3600", "until_0": "2099-01-01", "until_1": "00:00:00"}))
    assert "not both" in errors["lasts"][0]
    assert not Override.objects.exists()


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"since_0": "9999-12-31", "lasts": "86400"}, "since"),
        ({"since_0": "0001-01-01", "since_1": "00:00:00"}, "since"),
        ({"until_0": "9999-12-31", "until_1": "23:59:59"}, "until"),
    ],
)
def test_a_time_that_is_too_far_is_told_and_kept(admin: Client, typed: dict[str, str], field: str) -> None:
    response = admin.post(ADD, NEW | typed)
    errors = errors_of(response)
    assert errors.keys() == {field}
    assert "1971 to 9000" in errors[field][0]
    assert all(text in text_of(response) for text in typed.values())


@pytest.mark.parametrize(
    ("who", "effect", "is_warned_of"),
    [
        ("10.0.0.0/8", "denied", True),
        ("10.0.0.0/9", "denied", False),
        ("10.0.0.0/8", "exempt", False),
        ("2001:db8::/32", "denied", True),
        ("2001:db8::/33", "denied", False),
    ],
)
def test_denying_a_very_large_network_is_warned_of(admin: Client, who: str, effect: str, is_warned_of: bool) -> None:
    page = admin.post(ADD, NEW | {"who": who, "effect": effect}, follow=True)
    assert Override.objects.get().subject == who
    assert ("a very large network" in told(page)) is is_warned_of


@pytest.mark.parametrize("policy", ["", "login", "api-search"])
def test_nobody_can_lock_themselves_out(admin: Client, policy: str) -> None:
    for kind, who in (("address", ADDRESS), ("network", "203.0.113.0/24"), ("user", "chief")):
        page = text_of(admin.post(ADD, NEW | {"about": kind, "who": who, "effect": "denied", "policy": policy}))
        assert "lock you out" in page
    assert not Override.objects.exists()


def test_other_rates_for_oneself_are_warned_of(admin: Client) -> None:
    typed = {"effect": "rates", "rates": "1/h", "policy": "login"}
    assert "hold for you" not in told(admin.post(ADD, NEW | typed, follow=True))
    page = admin.post(ADD, NEW | typed | {"who": "203.0.113.0/24"}, follow=True)
    assert "The other rates hold for you, too" in told(page)
    assert Override.objects.count() == 2


def test_an_edit_keeps_whom_it_is_for(admin: Client) -> None:
    made = saved()
    edit(admin, made, reason="another", who="10.0.0.0/8", about="network")
    stored = Override.objects.get()
    assert (stored.subject, stored.reason) == ("198.51.100.0/24", "another")


def test_a_form_that_is_saved_as_it_was_changes_nothing(admin: Client) -> None:
    made = saved()
    edit(admin, made)
    assert Override.objects.get().version == made.version


def test_whoever_saves_second_is_told_and_nothing_is_overwritten(admin: Client) -> None:
    made = saved()
    response = edit(admin, made, reason="mine", seen_version=0)
    page = text_of(response)
    assert "Not saved: somebody was quicker." in page
    assert "Please correct" not in page
    assert "while you were editing" in page
    assert "mine" in page
    assert Override.objects.get().reason == "a test"


def test_the_history_tells_what_was_and_what_is(admin: Client) -> None:
    made = saved()
    edit(admin, made, reason="another")
    assert LogEntry.objects.latest("pk").change_message == "Reason: a test → another."
    edit(admin, made, effect="denied", policy="login", lasts="3600", until_0="", until_1="")
    told = LogEntry.objects.latest("pk").change_message
    assert "Policy: All policies → login; Effect: Exempt → Denied; Until: " in told


def test_a_change_of_how_long_it_lasts_is_told_as_the_end_that_it_means(admin: Client) -> None:
    made = saved(until=None)
    edit(admin, made, lasts="3600")
    until = Override.objects.get().until
    assert until is not None
    assert LogEntry.objects.latest("pk").change_message == f"Until: for ever → {until:%Y-%m-%d %H:%M:%S}."


def test_the_heading_says_in_plain_words_what_holds(admin: Client) -> None:
    until = datetime(2099, 12, 3, tzinfo=UTC)
    made = saved("203.0.113.0/24", policy="login", until=until)
    assert "Exempt 203.0.113.0/24 from login until 3 Dec 2099" in text_of(admin.get(page_of(made)))
    assert "until 3 Dec 2099" in text_of(admin.get(page_of(made).replace("change", "delete")))
    address = saved("203.0.113.9", effect=Effect.DENIED.value)
    assert "Deny 203.0.113.9 under all policies until " in text_of(admin.get(page_of(address)))


def test_the_message_of_a_new_one_says_in_plain_words_what_holds(admin: Client) -> None:
    alice = User.objects.create_user("alice", "alice@example.org")
    page = admin.post(ADD, NEW | {"about": "user", "who": "alice", "policy": "login"}, follow=True)
    assert f"Exempt user {alice} from login" in told(page)
    assert "alice" not in LogEntry.objects.get().object_repr


def test_the_log_names_no_address(admin: Client) -> None:
    made = saved("203.0.113.9")
    edit(admin, made, reason="another")
    act(admin, made, yes_to="1")
    admin.post(f"{LIST}{made.pk}/delete/", {"post": "yes"})
    assert LogEntry.objects.count() == 3
    assert "203.0.113.9" not in str(list(LogEntry.objects.values_list("object_repr", "change_message")))
    assert not Override.objects.exists()


# Filled in by a link


@pytest.mark.parametrize("client", ["203.0.113.9", "2001:db8::", "user=1"])
@pytest.mark.parametrize("effect", [None, Effect.DENIED])
def test_a_link_from_a_client_chooses_an_end(admin: Client, client: str, effect: Effect | None) -> None:
    link = override_url(Policy.objects.get(slug="login"), client=client, effect=effect)
    form = admin.get(link).context["adminform"].form
    assert form["lasts"].value() == ONE_DAY
    assert '<option value="86400" selected>One day</option>' in str(form["lasts"])


@pytest.mark.parametrize(
    ("filled_in", "focused"),
    [
        ({}, "id_who"),
        ({"who": "203.0.113.9"}, "id_effect_0"),
        ({"who": "203.0.113.9", "effect": "denied"}, "id_reason"),
        ({"who": "203.0.113.9", "effect": "denied", "reason": "An attack"}, ""),
    ],
)
def test_the_form_opens_with_the_focus_on_what_is_empty(admin: Client, filled_in: dict[str, str], focused: str) -> None:
    page = text_of(admin.get(ADD, filled_in))
    tags = [tag for tag in re.findall(r"<(?:input|textarea)[^>]*>", page) if "autofocus" in tag]
    assert [re.findall(r'id="(\w+)"', tag) for tag in tags] == ([[focused]] if focused else [])
    # Django's own script would take it away.
    assert "change_form.js" not in page


# The list


def test_the_list_tells_each_in_words(admin: Client) -> None:
    alice = User.objects.create_user("alice", "alice@example.org")
    saved(f"user={alice.pk}", until=timezone.now() + timedelta(hours=3, seconds=5))
    saved("198.51.100.0/24", until=None, effect=Effect.DENIED.value, policy="login")
    saved("10.0.0.0/8", effect=Effect.RATES.value, rates=(Rate(600, 60),), since=timezone.now() + 2 * DAY, until=None)
    page = text_of(admin.get(LIST)).replace("\xa0", " ")
    for words in (f"User {alice}", "in 3 hours", "for ever", "Denied", "600 per minute", "somebody", "begins in "):
        assert words in page


def test_the_list_asks_the_same_number_of_times_however_long_it_is(
    admin: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        saved(f"user={User.objects.create_user(f'user{number}', f'{number}@example.org').pk}")
    with django_assert_max_num_queries(14):
        admin.get(LIST)


def test_the_list_is_searched_by_plain_words(admin: Client) -> None:
    saved("203.0.113.0/24", reason="of the address")
    saved("10.0.0.0/8", reason="of another")
    page = text_of(admin.get(LIST, {"q": "203.0.113.9"}))
    assert "203.0.113.0/24" in page
    assert "10.0.0.0/8" not in page


@pytest.mark.parametrize(
    ("query", "subject"),
    [
        ({"state": "now"}, "10.1.0.0/16"),
        ({"state": "later"}, "10.2.0.0/16"),
        ({"state": "ended"}, "10.3.0.0/16"),
        ({"policy": "login"}, "10.1.0.0/16"),
        ({"effect__exact": "denied"}, "10.2.0.0/16"),
    ],
)
def test_the_list_can_be_narrowed(admin: Client, query: dict[str, str], subject: str) -> None:
    now = timezone.now()
    saved("10.1.0.0/16", policy="login")
    saved("10.2.0.0/16", since=now + DAY, until=now + 2 * DAY, effect=Effect.DENIED.value)
    saved("10.3.0.0/16", since=now - 2 * DAY, until=now - DAY)
    page = text_of(admin.get(LIST, query))
    assert [f"10.{number}.0.0/16" for number in (1, 2, 3) if f"10.{number}.0.0/16" in page] == [subject]


def test_the_list_begins_with_those_that_have_not_ended_and_shows_all_at_a_press(admin: Client) -> None:
    now = timezone.now()
    holds, later = saved("10.1.0.0/16", until=None), saved("10.2.0.0/16", since=now + DAY, until=now + 2 * DAY)
    ended = saved("10.3.0.0/16", since=now - 2 * DAY, until=now - DAY)
    response = admin.get(LIST)
    assert list(response.context["cl"].result_list) == [later, holds]
    assert "Now or later" in text_of(response)
    assert "limits-ended" not in text_of(response)
    response = admin.get(LIST, {"state": "*"})
    assert list(response.context["cl"].result_list) == [ended, later, holds]
    assert '<span class="limits-ended">ended 24 hours ago</span>' in text_of(response)


@pytest.mark.parametrize(
    ("ago", "words"), [(0, "just now"), (59, "just now"), (60, "a minute ago"), (7200, "2 hours ago")]
)
def test_how_long_ago_one_ended_is_told(ago: int, words: str) -> None:
    made = override(until=timezone.now())
    assert made.until is not None
    assert until_in_words(made, now=made.until + timedelta(seconds=ago)) == f"ended {words}"


def test_the_list_can_be_narrowed_to_networks(admin: Client) -> None:
    network, _ = saved("10.1.0.0/16"), saved("203.0.113.9")
    assert list(admin.get(LIST, {"kind": "network"}).context["cl"].result_list) == [network]


def test_ending_now_is_told_and_logged(admin: Client) -> None:
    made, ended = saved(), saved("10.0.0.0/8", since=timezone.now() - 2 * DAY, until=timezone.now() - DAY)
    assert "Ended: 1." in told(act(admin, made, ended, yes_to="1"))
    until = Override.objects.get(pk=made.pk).until
    assert until is not None
    assert until <= timezone.now()
    assert LogEntry.objects.get().change_message == "Ended now."
    assert "had ended already" in told(act(admin, made, yes_to="1"))


def test_ending_asks_first_and_says_how_many_and_which(admin: Client) -> None:
    made = [saved(f"10.{number}.0.0/16") for number in range(7)]
    page = text_of(act(admin, *made))
    assert "End 7 overrides now?" in page
    assert page.count("<li>Exempt 10.") == 5
    assert "and 2 more" in page
    assert "Yes, end them" in page
    assert not Override.objects.filter(until__lte=timezone.now()).exists()


def test_a_yes_for_another_number_is_asked_again(admin: Client) -> None:
    first, _ = saved("10.1.0.0/16"), saved("10.2.0.0/16")
    assert "End 2 overrides now?" in text_of(act(admin, first, select_across="1", yes_to="1"))
    assert not Override.objects.filter(until__lte=timezone.now()).exists()


def test_all_that_the_list_is_narrowed_to_can_be_ended_and_no_other(admin: Client) -> None:
    denied = [saved(f"10.{number}.0.0/16", effect=Effect.DENIED.value) for number in range(3)]
    exempt = saved("192.0.2.0/24")
    path = f"{LIST}?effect__exact=denied"
    asked = act(admin, denied[0], path=path, select_across="1")
    assert path in text_of(asked)
    page = act(admin, denied[0], path=path, select_across="1", yes_to=str(asked.context["number"]))
    assert "Ended: 3." in told(page)
    assert page.redirect_chain == [(path, 302)]
    assert set(Override.objects.filter(until__gt=timezone.now())) == {exempt}


def test_what_would_end_names_no_user_to_whoever_may_not_view_users(db: None) -> None:
    alice = User.objects.create_user("alice", "alice@example.org")
    clerk = logged_in(staff("clerk", "change_override", "view_override"))
    page = text_of(act(clerk, saved(f"user={alice.pk}")))
    assert f"Exempt user {alice.pk}" in page
    assert "alice" not in page


# Which one wins


def answer(client: Client, **typed: str) -> list[tuple[str, str]]:
    response = client.post(WHICH, {"policy": "login"} | typed)
    assert response.status_code == 200
    return [(row.whom, row.outcome) for row in response.context["rows"]]


def test_the_winner_is_told_and_the_others_in_order(admin: Client) -> None:
    alice, group = User.objects.create_user("alice", "a@example.org"), Group.objects.create(name="Partners")
    alice.groups.add(group)
    now = timezone.now()
    for subject in ("203.0.113.0/24", "203.0.0.0/16", f"group={group.pk}", "203.0.113.9", f"user={alice.pk}"):
        saved(subject)
    saved("203.0.113.8/29", since=now - 2 * DAY, until=now - DAY)
    saved("203.0.113.9/32", since=now + DAY, until=now + 2 * DAY)
    saved("203.0.113.9", policy="api-search")
    saved("10.0.0.0/8")
    assert answer(admin, address="203.0.113.9", user="alice") == [
        (f"User {alice}", "wins"),
        ("203.0.113.9", "loses to the one above"),
        ("Group Partners", "loses to the one above"),
        ("203.0.113.0/24", "loses to the one above"),
        ("203.0.0.0/16", "loses to the one above"),
        ("203.0.113.9/32", "has not begun"),
        ("203.0.113.8/29", "has ended"),
    ]


def test_what_is_sent_is_found_and_not_shown_in_an_address(admin: Client) -> None:
    Policy.objects.filter(slug="login").update(key=parse_client_key("ip and field:username"))
    saved(subjects.subject_named("Bob", kind=Kind.VALUE, key="field:username"))
    assert [outcome for _, outcome in answer(admin, sent="bob")] == ["wins"]


def test_where_none_holds_the_page_says_so(admin: Client) -> None:
    page = text_of(admin.post(WHICH, {"policy": "login", "address": "203.0.113.9"}))
    assert "No override holds: login counts as usual." in page


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({}, "Give an address, a user, or what the client sends."),
        ({"address": "nowhere"}, "is not an address"),
        ({"user": "nobody"}, "There is no user “nobody”"),
        ({"sent": "secret"}, "counts by no header or field"),
        ({"policy": "unknown"}, "valid choice"),
    ],
)
def test_what_names_nobody_is_told_and_kept(admin: Client, typed: dict[str, str], words: str) -> None:
    page = text_of(admin.post(WHICH, {"policy": "login"} | typed))
    assert words in page
    assert all(f'value="{text}"' in page for name, text in typed.items() if name != "policy")


# Rights


def test_somebody_who_may_look_sees_all_and_changes_nothing(viewer: Client) -> None:
    made = saved()
    assert "198.51.100.0/24" in text_of(viewer.get(LIST))
    assert "198.51.100.0/24" in text_of(viewer.get(page_of(made)))
    assert viewer.get(WHICH).status_code == 200
    assert viewer.get(ADD).status_code == 403
    assert viewer.post(page_of(made), {"reason": "x"}).status_code == 403
    act(viewer, made, yes_to="1")
    assert Override.objects.get().until == made.until


def test_somebody_without_rights_sees_nothing(db: None) -> None:
    stranger = logged_in(staff("stranger", "view_policy"))
    made = saved()
    for path in (LIST, ADD, WHICH, page_of(made)):
        assert stranger.get(path).status_code in (302, 403)


# Who has an account


def whom(page: HttpResponse) -> list[str]:
    """Return how the list names each."""
    return [row.in_words for row in page.context["cl"].result_list]


def test_names_of_users_are_for_those_who_may_view_users(admin: Client, viewer: Client) -> None:
    alice = User.objects.create_user("alice", "alice@example.org")
    made = saved(f"user={alice.pk}")
    assert (whom(admin.get(LIST)), whom(viewer.get(LIST))) == (["User alice"], [f"User {alice.pk}"])
    assert "alice" in text_of(admin.get(page_of(made)))
    assert "alice" not in text_of(viewer.get(page_of(made)))
    assert whom(admin.get(LIST, {"q": "alice"})) == ["User alice"]
    assert whom(viewer.get(LIST, {"q": "alice"})) == []


def test_whoever_may_not_view_users_finds_out_no_account(viewer: Client) -> None:
    alice = User.objects.create_user("alice", "alice@example.org")
    saved(f"user={alice.pk}")
    assert "user" not in viewer.get(WHICH).context["form"].fields
    pages = [text_of(viewer.post(WHICH, {"policy": "login", "user": name})) for name in ("alice", "nobody")]
    assert "Give an address, or what the client sends." in pages[0]
    clerk = logged_in(staff("clerk", "add_override", "view_override"))
    told = [errors_of(clerk.post(ADD, NEW | {"about": "user", "who": name})) for name in ("alice", "nobody")]
    assert told[0] == told[1]
    assert told[0].keys() == {"who"}
    typed = {"about": "user", "who": str(alice.pk), "policy": "login"}
    assert clerk.post(ADD, NEW | typed).status_code == 302


@pytest.mark.parametrize(
    "typed", ["user=999", "group=1", "header:X=4f0c4f0c", "user=1/2", "9" * 26, f"user={'9' * 26}"]
)
def test_whatever_is_typed_is_an_answer(admin: Client, viewer: Client, typed: str) -> None:
    saved(f"user={'9' * 26}")
    for client in (admin, viewer):
        assert client.get(LIST, {"q": typed}).status_code == 200
        for field in ("address", "user", "sent"):
            assert client.post(WHICH, {"policy": "login", field: typed}).status_code == 200
    for kind in ("address", "network", "user", "group"):
        assert admin.post(ADD, NEW | {"about": kind, "who": typed}).status_code == 200


def test_the_history_tells_all_times_in_one_zone(admin: Client, settings: Settings) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    made = saved("198.51.100.0/24")
    begins = timezone.localtime(made.since)
    edit(admin, made, since_0="2026-01-02", since_1="03:00:00")
    history = text_of(admin.get(page_of(made).replace("change", "history")))
    assert f"From: {begins:%Y-%m-%d %H:%M:%S} → 2026-01-02 03:00:00" in history
