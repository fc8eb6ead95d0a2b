"""The policy's form: what is wrong is told beside the field, and whoever saves second is told."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client

from limits.core.client_keys import ClientKey
from limits.core.policies import Algorithm, Counts, Mode, WithoutRedis
from limits.core.rates import Rate
from limits.models import Policy, Revision
from tests.limits import making

from .doing import ADD, LIST, NEW, UNTOUCHED, errors_of, open_form, page_of, save, text_of, told

pytestmark = pytest.mark.django_db

WRONG = {
    "slug": "Not a slug!",
    "title": "x" * 101,
    "rates": "5/m\n100/week",
    "key": "cookie:id",
    "methods": ["POST", "BREW"],
    "reason": "y" * 201,
    "description": "why",
    "mode": "sometimes",
    "algorithm": "leaky-bucket",
    "view": "no:such",
    "path": "upload/**",
    "priority": "high",
    "ipv6_prefix": "31",
    "cost": "0",
    "counts": "some",
    "penalty_seconds": "-1",
    "without_redis": "shrug",
}


def test_every_wrong_field_is_told_beside_it_and_what_was_typed_is_kept(admin: Client) -> None:
    response = admin.post(ADD, WRONG)
    errors = errors_of(response)
    assert errors.keys() == WRONG.keys() - {"description"}
    page = text_of(response)
    assert all(message in page for messages in errors.values() for message in messages)
    for name in ("slug", "title", "rates", "key", "reason", "description", "path", "priority"):
        assert str(WRONG[name]) in page
    assert not Policy.objects.filter(title=WRONG["title"]).exists()


def test_an_empty_form_says_what_is_needed(admin: Client) -> None:
    assert errors_of(admin.post(ADD, UNTOUCHED)).keys() == {"slug", "title", "rates", "key"}


def test_nul_characters_are_told_beside_the_field(admin: Client) -> None:
    names = ("slug", "title", "rates", "key", "reason", "description", "path", "view")
    assert errors_of(admin.post(ADD, UNTOUCHED | dict.fromkeys(names, "a\0b"))).keys() == set(names)


def test_characters_of_any_script_are_kept(admin: Client) -> None:
    text = "Anmelden 登录 😀 e\u0301"
    assert admin.post(ADD, {**NEW, "title": text, "description": text, "reason": text}).status_code == 302
    assert Policy.objects.get(slug="upload").title == text
    revision = Revision.objects.get(subject="upload")
    assert (revision.reason, revision.after["title"]) == (text, text)


@pytest.mark.parametrize(
    ("rates", "would_be_right"),
    [
        ("100/week", "100 per 7 days"),
        ("1000/month", "1000 per 30 days"),
        ("10/M", "10 per minute"),
        ("10/m junk", "5 per minute"),
        ("-5/m", "5 per minute"),
        ("1.5/m", "5 per minute"),
        ("0/m", "from 1 to"),
        ("9" * 5000 + "/m", "from 1 to"),
        ("5/m\n6 per minute", "Keep one"),
        ("1/s\n2/m\n3/h\n4/d\n5/2 d", "one to 4"),
        ("5 per 40 days", "31 days at most"),
    ],
)
def test_a_rate_that_is_not_one_is_refused_with_what_would_be_right(
    admin: Client, rates: str, would_be_right: str
) -> None:
    response = save(admin, "login", rates=rates)
    ((message,),) = errors_of(response).values()
    assert would_be_right in message
    assert rates in text_of(response)
    assert Policy.objects.get(slug="login").rates == (Rate(5, 60),)


@pytest.mark.parametrize("rates", ["7/m", "7 per minute", "7 / 60 s", " 7/1min ", "7 PER Minute"])
def test_a_rate_is_taken_as_people_write_it(admin: Client, rates: str) -> None:
    assert save(admin, "login", rates=rates).status_code == 302
    assert Policy.objects.get(slug="login").rates == (Rate(7, 60),)


@pytest.mark.parametrize(
    ("typed", "field", "would_be_right"),
    [
        ({"rates": "10/m burst 20"}, "rates", "Write 10 per minute, or choose Token bucket."),
        ({"cost": "6"}, "cost", "never fits into 5 per minute"),
        ({"rates": "100/h\n2/m", "cost": "3"}, "cost", "never fits into 2 per minute"),
        ({"rates": "100/h burst 9", "algorithm": "token-bucket", "cost": "10"}, "cost", "burst 9: 9 at most"),
        ({"view": "admin:index", "path": "/x/"}, "path", "not both"),
        ({"view": "no:such"}, "view", "No address of this site is named “no:such”"),
        ({"path": "x/"}, "path", "begins with a slash"),
        ({"path": "/x?y=*"}, "path", "not looked at"),
        ({"path": "/x" + "y" * 200}, "path", "at most 200 characters"),
        ({"ipv6_prefix": "129"}, "ipv6_prefix", "less than or equal to 128"),
        ({"penalty_seconds": "2678401"}, "penalty_seconds", "less than or equal to 2678400"),
        ({"priority": "1001"}, "priority", "less than or equal to 1000"),
    ],
)
def test_what_can_never_work_is_refused_beside_its_field(
    admin: Client, typed: dict[str, str], field: str, would_be_right: str
) -> None:
    errors = errors_of(save(admin, "login", **typed))
    assert errors.keys() == {field}
    assert would_be_right in errors[field][0]
    assert Policy.objects.get(slug="login").version == 1


def test_every_field_is_saved(admin: Client) -> None:
    typed = {
        "mode": "shadow",
        "algorithm": "token-bucket",
        "rates": "10/m burst 20",
        "key": "field:username and ip",
        "path": "/api/**",
        "priority": "-5",
        "ipv6_prefix": "56",
        "cost": "2",
        "counts": "failed-logins",
        "refusals_count": "on",
        "penalty_seconds": "300",
        "without_redis": "count-here",
    }
    assert save(admin, "login", **typed).status_code == 302
    policy = Policy.objects.get(slug="login").as_value()
    assert policy == making.policy(
        "login",
        Rate(10, 60, burst=20),
        title=policy.title,
        methods=("POST",),
        mode=Mode.SHADOW,
        algorithm=Algorithm.TOKEN_BUCKET,
        key=ClientKey("ip", other=ClientKey("field", "username")),
        path="/api/**",
        priority=-5,
        ipv6_prefix=56,
        cost=2,
        counts=Counts.FAILED_LOGINS,
        refusals_count=True,
        penalty_seconds=300,
        without_redis=WithoutRedis.COUNT_HERE,
    )


def test_the_views_of_the_site_are_offered_by_name(admin: Client) -> None:
    page = text_of(admin.get(page_of("login")))
    for name in ("admin:index", "admin:limits_policy_changelist", "healthz"):
        assert f'<option value="{name}">' in page


def test_a_view_that_is_gone_is_still_shown_and_told_when_saved(admin: Client) -> None:
    Policy.objects.filter(slug="login").update(view="old:upload")
    assert "old:upload (gone from the site)" in text_of(admin.get(page_of("login")))
    assert errors_of(save(admin, "login", rates="7/m")).keys() == {"view"}
    assert save(admin, "login", mode="off").status_code == 302


def test_what_is_rarely_needed_is_folded_away_unless_it_is_in_use(admin: Client) -> None:
    assert text_of(admin.get(page_of("default"))).count("<details>") == 3
    save(admin, "default", path="/api/**", cost="2", without_redis="refuse")
    assert text_of(admin.get(page_of("default"))).count("<details>") == 0
    assert text_of(admin.get(ADD)).count("<details>") == 3


def test_what_is_wrong_is_never_folded_away(admin: Client) -> None:
    response = save(admin, "default", cost="0")
    assert text_of(response).count("<details>") == 2


def test_a_taken_name_is_told_beside_it(admin: Client) -> None:
    assert errors_of(admin.post(ADD, {**NEW, "slug": "login"})).keys() == {"slug"}


def test_the_name_is_fixed_once_made(admin: Client) -> None:
    assert "slug" not in open_form(admin, page_of("login"))
    assert save(admin, "login", slug="sign-in", rates="7/m").status_code == 302
    policy = Policy.objects.get(slug="login")
    assert policy.rates == (Rate(7, 60),)
    assert not Policy.objects.filter(slug="sign-in").exists()


def test_the_form_says_what_an_edit_does_to_what_was_counted(admin: Client) -> None:
    page = text_of(admin.get(page_of("login")))
    assert "Another limit keeps what has been counted." in page
    assert "Another period, or another way to count, starts afresh." in page


def test_the_form_says_which_views_use_the_policy(admin: Client) -> None:
    assert "portal.accounts.views.LoginView" in text_of(admin.get(page_of("login")))
    assert "Every request that no other policy looks at" in text_of(admin.get(page_of("default")))
    admin.post(ADD, NEW)
    assert "No code of this site" in text_of(admin.get(page_of("upload")))


def test_the_second_of_two_who_save_is_told_and_overwrites_nothing(admin: Client, colleague: Client) -> None:
    path = page_of("login")
    mine = open_form(admin, path) | {"rates": "9 per hour", "title": "My title", "reason": "My reason"}
    save(colleague, "login", rates="2/m", reason="An attack")
    response = admin.post(path, mine)
    ((message,),) = errors_of(response).values()
    assert "colleague" in message
    assert "2 per minute" in message
    page = text_of(response)
    assert message in page
    assert "Not saved: somebody was quicker." in page
    assert "Please correct" not in page
    for typed in ("9 per hour", "My title", "My reason"):
        assert typed in page
    assert Policy.objects.get(slug="login").rates == (Rate(2, 60),)
    assert Revision.objects.filter(subject="login").count() == 2


def test_saving_a_refused_conflict_again_is_refused_again(admin: Client, colleague: Client) -> None:
    path = page_of("login")
    mine = open_form(admin, path) | {"rates": "9/h"}
    save(colleague, "login", rates="2/m")
    shown = admin.post(path, mine).context["adminform"].form
    again = mine | {"seen_version": shown["seen_version"].value()}
    assert "__all__" in errors_of(admin.post(path, again))


def test_whoever_leaves_the_version_out_is_refused_too(admin: Client) -> None:
    typed = open_form(admin, page_of("login"))
    for version in ({}, {"seen_version": ""}, {"seen_version": "x"}, {"seen_version": "0"}, {"seen_version": "9" * 30}):
        crafted = {name: value for name, value in typed.items() if name != "seen_version"} | version
        assert errors_of(admin.post(page_of("login"), crafted | {"rates": "9/h"}))
    assert Revision.objects.filter(subject="login").count() == 1


def test_a_conflict_with_a_switch_in_the_list_is_told_too(admin: Client, colleague: Client) -> None:
    path = page_of("login")
    mine = open_form(admin, path) | {"rates": "9/h"}
    pk = Policy.objects.get(slug="login").pk
    colleague.post(LIST, {"action": "switch_off", "_selected_action": [pk]})
    ((message,),) = errors_of(admin.post(path, mine)).values()
    assert "off" in message
    assert Policy.objects.get(slug="login").mode == "off"


def test_a_policy_that_was_deleted_meanwhile_is_not_made_again(admin: Client, colleague: Client) -> None:
    admin.post(ADD, NEW)
    path = page_of("upload")
    mine = open_form(admin, path) | {"rates": "9/h"}
    colleague.post(path.replace("change", "delete"), {"post": "yes"})
    response = admin.post(path, mine, follow=True)
    assert response.status_code == 200
    assert "Perhaps it was deleted" in told(response)
    assert not Policy.objects.filter(slug="upload").exists()


@pytest.mark.parametrize("pk", ["0", "x", "99999999999999999999", "1'", "%00", "login"])
def test_a_page_of_no_policy_leads_back_with_a_word(admin: Client, pk: str) -> None:
    assert "deleted" in told(admin.get(f"{LIST}{pk}/change/", follow=True))


@pytest.mark.mariadb  # SQLite's test database is one thread's
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_many_who_save_at_once_exactly_one_wins(admin: Client, policies: None) -> None:
    path = page_of("login")
    typed = [open_form(admin, path) | {"rates": f"{limit}/h"} for limit in range(11, 17)]
    browsers = [Client(headers={"Cookie": admin.cookies.output(header="", sep=";")}) for _ in typed]

    def press_save(browser: Client, values: dict[str, object]) -> int:
        try:
            return browser.post(path, values).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(typed)) as threads:
        statuses = list(threads.map(press_save, browsers, typed))
    assert sorted(statuses) == [200] * 5 + [302]
    assert Policy.objects.get(slug="login").rates == (Rate(11 + statuses.index(302), 3600),)
    assert Revision.objects.filter(subject="login").count() == 2


def test_an_error_of_a_burst_opens_the_part_in_which_the_algorithm_is_chosen(admin: Client) -> None:
    def folded(**typed: str) -> dict[str, bool]:
        form = admin.post(ADD, NEW | typed).context["adminform"]
        return {part.name: bool(part.is_collapsible) for part in form if part.name}

    assert not folded(rates="10/m burst 20")["Counting in detail"]
    assert folded(rates="10/m burst 20")["Where it holds"]
    assert folded(title="")["Counting in detail"]
