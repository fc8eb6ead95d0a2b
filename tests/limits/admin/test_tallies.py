"""Tallies and last refusals in the admin: who may look, and that nobody writes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from limits.core.client_keys import parse_client_key
from limits.core.overrides import Effect
from limits.models import LastRefusal, Override, Policy, Tally
from limits.typed_values import digest
from portal.accounts.models import User
from tests.limits.admin.conftest import logged_in, staff
from tests.limits.admin.doing import errors_of, open_form, text_of, told

TALLIES, REFUSALS = "/admin/limits/tally/", "/admin/limits/lastrefusal/"
OVERRIDES_ADD = "/admin/limits/override/add/"


@pytest.fixture(autouse=True)
def rows(db: None) -> None:
    now = timezone.now()
    Tally.objects.create(policy="login", minute=now, allowed=11, near_limit=22, shadow_refused=33, refused=44)
    Tally.objects.create(policy="default", minute=now, allowed=55)
    LastRefusal.objects.create(entry="1-0", at=now, policy="login", client="203.0.113.9", place="POST /login/")
    LastRefusal.objects.create(entry="2-0", at=now, policy="login", client="203.0.113.8", place="POST /%3Cb%3E")


def test_tallies_are_listed(admin: Client) -> None:
    page = admin.get(TALLIES).content.decode()
    assert all(f">{number}<" in page for number in (11, 22, 33, 44, 55))
    assert ">55<" not in admin.get(f"{TALLIES}?policy=login").content.decode()


def test_last_refusals_are_listed_and_found(admin: Client) -> None:
    page = admin.get(REFUSALS).content.decode()
    assert page.index("203.0.113.8") < page.index("203.0.113.9")
    found = admin.get(f"{REFUSALS}?q=203.0.113.9").content.decode()
    assert "203.0.113.8" not in found
    assert "POST /login/" in found


def test_last_refusals_stand_in_the_order_of_time_however_they_were_written(admin: Client) -> None:
    refuse("203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4")
    for client, seconds in (("203.0.113.1", 26), ("203.0.113.2", 25), ("203.0.113.3", 26), ("203.0.113.4", 24)):
        at = datetime(2026, 5, 4, 21, 3, seconds, tzinfo=UTC)
        LastRefusal.objects.filter(client=client).update(at=at)
    rows = admin.get(REFUSALS).context["cl"].result_list
    assert [row.client[-1] for row in rows] == ["3", "1", "2", "4"]


def test_who_may_see_tallies_does_not_see_addresses() -> None:
    client = logged_in(staff("clerk", "view_tally", "view_policy"))
    assert client.get(TALLIES).status_code == 200
    assert client.get(REFUSALS).status_code == 403
    assert logged_in(staff("other", "view_lastrefusal")).get(REFUSALS).status_code == 200


def test_nobody_writes_them(admin: Client) -> None:
    for path, row in ((TALLIES, Tally.objects.first()), (REFUSALS, LastRefusal.objects.first())):
        assert row is not None
        assert admin.get(f"{path}add/").status_code == 403
        assert admin.post(f"{path}{row.pk}/delete/", {"post": "yes"}).status_code == 403
        assert admin.post(f"{path}{row.pk}/change/", {"policy": "x"}).status_code == 403


@pytest.mark.parametrize("lookup", ["client__regex=^((a%2B)%2B)$", "client__startswith=2", "place=x"])
def test_addresses_cannot_be_found_out_by_filters(admin: Client, lookup: str) -> None:
    assert admin.get(f"{REFUSALS}?{lookup}").status_code == 400


@pytest.mark.parametrize("path", [TALLIES, REFUSALS])
def test_times_are_told_with_seconds_in_utc_and_how_often_they_are_written(
    admin: Client, settings: Settings, path: str
) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    moment = datetime(2026, 5, 4, 23, 2, 1, tzinfo=UTC)
    Tally.objects.update(minute=moment - timedelta(seconds=1))
    LastRefusal.objects.update(at=moment)
    page = admin.get(path).content.decode()
    assert f"2026-05-04 23:02:0{int(path == REFUSALS)} UTC" in page
    assert "Written once a minute." in page


def test_refused_stands_right_after_the_policy(admin: Client) -> None:
    page = admin.get(TALLIES).content.decode()
    assert page.index(">login</td>") < page.index(">44<") < page.index(">33<") < page.index(">11<")


@pytest.mark.parametrize(("path", "title"), [(TALLIES, "Tallies by minute and policy"), (REFUSALS, "Last refusals")])
def test_a_list_of_which_nothing_is_selected_says_what_it_is(admin: Client, path: str, title: str) -> None:
    page = text_of(admin.get(path))
    assert f"<h1>{title}</h1>" in page
    assert "to view" not in page


def test_a_tally_leads_to_the_last_refusals_of_its_policy_for_whoever_may_see_them(admin: Client) -> None:
    link = '<a href="/admin/limits/lastrefusal/?policy=login">44<'
    assert link in text_of(admin.get(TALLIES))
    page = text_of(logged_in(staff("clerk", "view_tally")).get(TALLIES))
    assert "lastrefusal" not in page
    assert ">44<" in page


def test_what_near_the_limit_means_and_that_columns_exclude_each_other_is_said(admin: Client) -> None:
    page = text_of(admin.get(TALLIES))
    assert "in one column alone" in page
    assert "less than 20 % of the limit left" in page
    assert "in one column alone" not in text_of(admin.get(REFUSALS))


# Who was refused, in words

HASH = digest("alice@example.org")
JOINED, LEFT_OUT = f"ip+field:username=203.0.113.9+{HASH}", "ip+field:username=203.0.113.7+@203.0.113.7"


def refuse(*clients: str, policy: str = "login") -> None:
    """Let these be the last refusals."""
    LastRefusal.objects.all().delete()
    for number, client in enumerate(clients):
        LastRefusal.objects.create(
            entry=str(number), at=timezone.now(), policy=policy, client=client, place="POST /login/"
        )


@pytest.fixture
def jane(db: None) -> User:
    return User.objects.create_user("jane", "jane@example.org")


def clerk(*codenames: str) -> Client:
    """Return a browser of somebody who may see last refusals, and what else is named."""
    return logged_in(staff("clerk", "view_lastrefusal", *codenames))


def test_who_was_refused_is_told_in_words_above_the_name_that_is_kept(admin: Client) -> None:
    refuse(JOINED, LEFT_OUT, "user=@203.0.113.9", "everyone", "unknown")
    page = text_of(admin.get(REFUSALS))
    for words, client in (
        (f"203.0.113.9 and field username, {HASH[:8]}…", JOINED),
        ("203.0.113.7, without username", LEFT_OUT),
        ("203.0.113.9, not logged in", "user=@203.0.113.9"),
        ("Everyone, counted together", "everyone"),
        ("Unknown address", "unknown"),
    ):
        assert f'{words}<div class="limits-as-kept">{client}</div>' in page


def test_an_ipv6_client_is_told_as_the_network_that_its_policy_counts(admin: Client) -> None:
    Policy.objects.filter(slug="default").update(ipv6_prefix=56)
    refuse("2001:db8:1:100::")
    for slug, words in (
        ("login", "2001:db8:1:100::/64"),
        ("default", "2001:db8:1:100::/56"),
        ("gone", "2001:db8:1:100::"),
    ):
        LastRefusal.objects.update(policy=slug)
        (row,) = admin.get(REFUSALS).context["cl"].result_list
        assert row.in_words == words


def test_an_address_is_told_once(admin: Client) -> None:
    assert "limits-as-kept" not in text_of(admin.get(REFUSALS))


def test_users_are_called_by_name_for_whoever_may_know_them(admin: Client, jane: User) -> None:
    refuse(f"user={jane.pk}")
    assert "User jane" in text_of(admin.get(REFUSALS))
    page = text_of(clerk().get(REFUSALS))
    assert f"User {jane.pk}" in page
    assert "jane" not in page


def test_a_page_of_refusals_asks_no_more_for_a_hundred_than_for_one(admin: Client, jane: User) -> None:
    asked = []
    for others in (range(0), range(1, 50)):
        refuse(f"user={jane.pk}", *(f"user={jane.pk + other}" for other in others))
        LastRefusal.objects.create(
            entry="another", at=timezone.now(), policy="default", client=f"user={jane.pk}", place="GET /"
        )
        with CaptureQueriesContext(connection) as queries:
            admin.get(REFUSALS)
        asked.append(len(queries))
    assert asked[0] == asked[1]


# Finding them


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("203.0.113.9", ["203.0.113.9", JOINED, "user=@203.0.113.9"]),
        (" 203.0.113.9:8080 ", ["203.0.113.9", JOINED, "user=@203.0.113.9"]),
        ("203.0.113.7", [LEFT_OUT]),
        ("2001:db8:1:2::7", ["2001:db8:1:2::"]),
        (JOINED, [JOINED]),
        ("Alice@Example.org", [JOINED]),
        (HASH, [JOINED]),
        ("203.0.113", []),
        ("unknown", []),
        ("nobody", []),
        ("%", []),
    ],
)
def test_refusals_are_found_by_address_alone_joined_or_standing_in(
    admin: Client, typed: str, found: Sequence[str]
) -> None:
    refuse("203.0.113.9", "203.0.113.99", "2001:db8:1:2::", JOINED, LEFT_OUT, "user=@203.0.113.9")
    rows = admin.get(REFUSALS, {"q": typed}).context["cl"].result_list
    assert sorted(row.client for row in rows) == sorted(found)


def test_refusals_of_a_user_are_found_by_name_only_for_whoever_may_know_users(admin: Client, jane: User) -> None:
    refuse(f"user={jane.pk}", f"user={jane.pk}1")
    other = clerk()
    for browser, typed, number in (
        (admin, "jane", 1),
        (admin, "jane@example.org", 1),
        (admin, str(jane.pk), 1),
        (other, str(jane.pk), 1),
        (other, "jane", 0),
    ):
        assert len(browser.get(REFUSALS, {"q": typed}).context["cl"].result_list) == number


# Who was refused most


def most_refused(browser: Client, **asked: str) -> list[tuple[str, str, int]]:
    """Return who heads the list, under which policy, and how often, the most refused first."""
    page = browser.get(REFUSALS, asked)
    return [(most.client, most.policy, most.number) for most in page.context["cl"].most_refused]


def test_who_has_most_of_the_refusals_stands_at_the_head_of_the_list(admin: Client) -> None:
    refuse("203.0.113.8", *["203.0.113.9"] * 120, *["2001:db8:1:2::"] * 2)
    first = LastRefusal.objects.filter(client="203.0.113.9").order_by("pk")[:1].get()
    LastRefusal.objects.filter(pk=first.pk).update(at=datetime(2026, 5, 4, 21, 3, 26, tzinfo=UTC))
    assert most_refused(admin) == [
        ("203.0.113.9", "login", 120),
        ("2001:db8:1:2::", "login", 2),
        ("203.0.113.8", "login", 1),
    ]
    page = text_of(admin.get(REFUSALS))
    head = page[page.index("Most refused") : page.index('id="result_list"')]
    assert "2026-05-04 21:03:26 UTC" in head
    assert "2001:db8:1:2::/64" in head
    assert "Of a flood only the latest refusals are kept" in head


def test_a_client_refused_by_two_policies_is_told_of_under_each(admin: Client) -> None:
    refuse("203.0.113.9", "203.0.113.9", "203.0.113.9")
    LastRefusal.objects.filter(entry="0").update(policy="default")
    assert most_refused(admin) == [("203.0.113.9", "login", 2), ("203.0.113.9", "default", 1)]
    assert most_refused(admin, policy="default") == [("203.0.113.9", "default", 1)]


def test_who_was_refused_most_is_of_those_that_were_searched_for_and_no_more_than_ten(admin: Client) -> None:
    refuse(*(f"203.0.113.{number}" for number in range(20)))
    assert len(most_refused(admin)) == 10
    assert most_refused(admin, q="203.0.113.7") == [("203.0.113.7", "login", 1)]
    assert most_refused(admin, q="192.0.2.1") == []
    assert "Most refused" not in text_of(admin.get(REFUSALS, {"q": "192.0.2.1"}))


def test_who_was_refused_most_leads_where_a_refusal_does(admin: Client) -> None:
    refuse("203.0.113.9", "203.0.113.9")
    page = admin.get(REFUSALS)
    (most,) = page.context["cl"].most_refused
    assert [words for words, _ in most.links] == ["Counters", "Deny…", "Other rates…"]
    assert most.links == page.context["cl"].result_list[0].links
    head = text_of(page).partition('id="result_list"')[0]
    assert all(f'<a href="{url}">{words}<' in head for words, url in most.links)
    (most,) = clerk().get(REFUSALS).context["cl"].most_refused
    assert most.links == ()


# What can be done about them


def links(browser: Client) -> dict[str, str]:
    """Return where the last refusal leads to, by what the link says."""
    (row,) = browser.get(REFUSALS).context["cl"].result_list
    return dict(row.links)


def follow_and_save(browser: Client, link: str, **typed: str) -> HttpResponse:
    """Open the form that the last refusal leads to, type a reason and what else is given, and press Save."""
    form = open_form(browser, links(browser)[link])
    since = timezone.localtime(form["since"])
    begins = {"since_0": f"{since:%Y-%m-%d}", "since_1": f"{since:%H:%M:%S}"}
    return browser.post(OVERRIDES_ADD, form | begins | {"reason": "A flood"} | typed)


def test_a_refused_client_leads_to_its_counters_and_to_an_override(admin: Client) -> None:
    refuse("203.0.113.9")
    assert list(links(admin)) == ["Counters", "Deny…", "Other rates…"]
    assert f'<a href="{links(admin)["Deny…"]}">' in admin.get(REFUSALS).content.decode().replace("&amp;", "&")
    page = links(admin)["Counters"]
    assert page.startswith("/admin/limits/livecounters/")
    assert admin.get(page).context["client"] == "203.0.113.9"


def test_whoever_may_do_less_is_led_to_less(rows: None) -> None:
    refuse("203.0.113.9")
    for codenames, led in (
        (("view_policy",), ["Counters"]),
        (("add_override",), ["Deny…", "Other rates…"]),
        ((), []),
    ):
        browser = logged_in(staff(f"may-{'-'.join(codenames)}", "view_lastrefusal", *codenames))
        assert list(links(browser)) == led
        assert ("column-act" in text_of(browser.get(REFUSALS))) == bool(led)


@pytest.mark.parametrize("client", ["unknown", "everyone", "user=@unknown", "header:X-Api-Key=4f0c4f0c4f0c4f0c4f0c"])
def test_a_client_that_no_override_can_name_leads_to_its_counters_alone(admin: Client, client: str) -> None:
    refuse(client)
    assert list(links(admin)) == ["Counters"]


def test_a_refusal_by_a_policy_that_is_gone_leads_nowhere(admin: Client) -> None:
    refuse("203.0.113.9", policy="gone")
    assert links(admin) == {}


@pytest.mark.parametrize(
    ("key", "client", "subject"),
    [
        ("ip", "203.0.113.9", "203.0.113.9"),
        ("ip", "2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("user", "user=@203.0.113.9", "203.0.113.9"),
        ("ip and field:username", JOINED, "203.0.113.9"),
        ("user", "user=ID", "user=ID"),
        ("user and field:username", f"user+field:username=ID+{HASH}", "user=ID"),
        ("field:username", f"field:username={HASH}", f"field:username={HASH}"),
    ],
)
@pytest.mark.parametrize("by_name", [True, False])
def test_deny_and_save_denies_the_client_under_the_policy(
    admin: Client, jane: User, key: str, client: str, subject: str, by_name: bool
) -> None:
    Policy.objects.filter(slug="login").update(key=parse_client_key(key))
    refuse(client.replace("ID", str(jane.pk)))
    browser = admin if by_name else clerk("add_override")
    assert follow_and_save(browser, "Deny…").status_code == 302
    made = Override.objects.get()
    assert (made.subject, made.policy, made.effect) == (subject.replace("ID", str(jane.pk)), "login", Effect.DENIED)


def test_an_override_for_a_user_who_is_gone_is_for_nobody_whose_name_is_that_id(admin: Client) -> None:
    Policy.objects.filter(slug="login").update(key=parse_client_key("user"))
    User.objects.create_user("4711", "another@example.org")
    refuse("user=4711")
    assert list(errors_of(follow_and_save(admin, "Deny…"))) == ["who"]
    assert not Override.objects.exists()
    # Whoever may not know who has an account is not told that there is none.
    assert follow_and_save(clerk("add_override"), "Deny…").status_code == 302
    assert Override.objects.get().subject == "user=4711"


def test_other_rates_waits_for_the_rates(admin: Client) -> None:
    refuse("203.0.113.9")
    assert list(errors_of(follow_and_save(admin, "Other rates…"))) == ["rates"]
    assert follow_and_save(admin, "Other rates…", rates="600/m").status_code == 302
    assert Override.objects.get().effect == Effect.RATES


def test_what_a_link_fills_in_is_what_the_form_says_of_the_subject(admin: Client) -> None:
    refuse("203.0.113.9")
    initial = admin.get(links(admin)["Deny…"]).context["adminform"].form
    assert {name: initial[name].value() for name in ("about", "who", "policy", "effect")} == {
        "about": "address",
        "who": "203.0.113.9",
        "policy": "login",
        "effect": "denied",
    }


# Denying many


def deny_chosen(browser: Client, **asked: str) -> HttpResponse:
    """Tick every refusal, and choose to deny the clients."""
    ticked = list(LastRefusal.objects.values_list("pk", flat=True))
    return browser.post(REFUSALS, {"action": "deny_chosen", "_selected_action": ticked} | asked)


def filled_in(browser: Client) -> dict[str, str]:
    """Return what the page on which many are added says, once all refusals were ticked."""
    form = open_form(browser, deny_chosen(browser)["Location"])
    return {name: form.get(name, "") for name in ("lines", "policy", "effect")}


def test_chosen_clients_are_the_lines_of_the_page_that_adds_many(admin: Client, jane: User) -> None:
    refuse("203.0.113.9", "203.0.113.9", JOINED, "2001:db8:1:2::", f"user={jane.pk}")
    found = filled_in(admin)
    assert (found["policy"], found["effect"]) == ("login", Effect.DENIED)
    assert sorted(found["lines"].splitlines()) == ["2001:db8:1:2::/64", "203.0.113.9", f"user={jane.pk}"]
    assert not Override.objects.exists()


def test_what_was_filled_in_is_saved_with_a_reason(admin: Client) -> None:
    refuse("203.0.113.9", "203.0.113.8")
    LastRefusal.objects.filter(client="203.0.113.8").update(policy="default")
    url = deny_chosen(admin)["Location"]
    form = open_form(admin, url)
    since = timezone.localtime(form["since"])
    begins = {"since_0": f"{since:%Y-%m-%d}", "since_1": f"{since:%H:%M:%S}"}
    assert admin.post(url, form | begins | {"reason": "A flood"}).status_code == 302
    made = Override.objects.order_by("subject").values_list("subject", "policy", "effect")
    assert list(made) == [("203.0.113.8", "default", "denied"), ("203.0.113.9", "login", "denied")]
    assert {row.until - row.since for row in Override.objects.all()} == {timedelta(days=1)}


def test_clients_of_several_policies_are_a_table_that_names_them(admin: Client) -> None:
    refuse("203.0.113.9", "203.0.113.8", "203.0.113.9")
    LastRefusal.objects.filter(client="203.0.113.8").update(policy="default")
    assert filled_in(admin) == {
        "lines": "subject,policy\n203.0.113.9,login\n203.0.113.8,default",
        "policy": "",
        "effect": Effect.DENIED,
    }


def test_whom_no_line_can_name_is_left_out_and_told(admin: Client, jane: User) -> None:
    User.objects.create_user("4711", "another@example.org")
    User.objects.create_user(str(jane.pk), "squatter@example.org")
    left_out = (f"field:username={HASH}", "everyone", "user=4711", f"user={jane.pk}")
    refuse("203.0.113.9", *left_out)
    page = admin.get(deny_chosen(admin)["Location"])
    assert page.context["form"]["lines"].value() == "203.0.113.9"
    assert all(
        words in told(page) for words in ("Field username", "Everyone, counted together", "User 4711", "User jane")
    )
    refuse(*left_out)
    assert deny_chosen(admin)["Location"] == REFUSALS
    assert "Nothing is left" in told(admin.get(REFUSALS))


def test_a_hundred_clients_are_taken_over_and_far_more_are_asked_to_be_fewer(admin: Client) -> None:
    refuse(*(f"2001:db8:{number:x}:ffff::" for number in range(0x1000, 0x1000 + 100)))
    url = deny_chosen(admin)["Location"]
    assert len(open_form(admin, url)["lines"].splitlines()) == 100
    assert len(url) < 4_000
    refuse(*(f"2001:db8:{number:x}:ffff::" for number in range(0x1000, 0x1000 + 300)))
    assert deny_chosen(admin)["Location"] == REFUSALS
    assert "choose fewer" in told(admin.get(REFUSALS))


def test_whoever_may_add_no_override_chooses_nobody() -> None:
    refuse("203.0.113.9")
    browser = clerk("view_policy", "view_override", "change_override")
    assert "deny_chosen" not in text_of(browser.get(REFUSALS))
    assert "add-many" not in deny_chosen(browser).get("Location", "")


def test_no_refusal_can_be_deleted_by_an_action(admin: Client) -> None:
    assert "delete_selected" not in text_of(admin.get(REFUSALS))
