"""The list of policies: what it shows, and how it is searched and filtered."""

import re

import pytest
import redis
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from limits import services, sync
from limits.core import keys
from limits.core.client_keys import ClientKey
from limits.core.rates import Rate
from limits.models import Policy
from limits.services import Actor
from tests.conftest import Clock
from tests.limits import making

from .doing import ADD, LIST, NEW, save, text_of

pytestmark = pytest.mark.django_db


def found(client: Client, query: str) -> list[str]:
    """Return the names of the policies that the list shows for a query."""
    response = client.get(f"{LIST}?{query}", follow=True)
    assert response.status_code == 200
    return [policy.slug for policy in response.context["cl"].result_list]


def row_of(client: Client, slug: str) -> str:
    """Return the row of a policy as HTML."""
    page = client.get(LIST).content.decode()
    return next(row for row in page.split("<tr") if "field-slug" in row and f">{slug}</a>" in row)


def test_a_row_shows_rates_whom_it_counts_and_in_which_mode_it_is(admin: Client, policies: None) -> None:
    save(admin, "login", mode="off")
    save(admin, "register", mode="shadow", algorithm="token-bucket")
    default, login = (re.sub(r"<[^>]+>", " ", row_of(admin, slug)) for slug in ("default", "login"))
    assert re.search(r"\b200 per day\b.*\b50 per hour\b.*\bip\b", default)
    assert re.search(r"\b5 per minute\b.*\bip\b.*\bPOST\b", login)
    assert '<span class="limits-mode limits-enforce">Enforce</span>' in row_of(admin, "default")
    assert '<span class="limits-mode limits-off">Off</span>' in row_of(admin, "login")
    assert '<span class="limits-mode limits-shadow">Shadow</span>' in row_of(admin, "register")
    assert "Fixed window" in default
    assert "Token bucket" in row_of(admin, "register")


def test_a_row_shows_where_the_policy_holds(admin: Client, policies: None) -> None:
    admin.post(ADD, NEW)
    assert "nowhere" in row_of(admin, "upload")
    assert "LoginView" in row_of(admin, "login")
    assert "what no other looks at" in row_of(admin, "default")
    save(admin, "upload", view="admin:index")
    assert "view admin:index" in row_of(admin, "upload")
    save(admin, "upload", view="", path="/upload/**")
    assert "path /upload/**" in row_of(admin, "upload")
    assert "nowhere" not in row_of(admin, "upload")


def test_a_row_shows_who_changed_it_last_and_when(admin: Client, policies: None) -> None:
    assert "the portal" in row_of(admin, "login")
    save(admin, "login", rates="7/m")
    row = row_of(admin, "login")
    assert "chief" in row
    assert "the portal" not in row
    assert "just now" in row
    assert " UTC" in row


def test_redis_has_the_policies(viewer: Client, policies: None) -> None:
    assert "has it" in row_of(viewer, "login")
    assert "has it not yet" not in row_of(viewer, "login")


def test_an_empty_redis_has_them_not_yet(viewer: Client, redis_server: redis.Redis) -> None:
    assert "has it not yet" in row_of(viewer, "login")


def test_redis_has_an_older_one(viewer: Client, policies: None) -> None:
    Policy.objects.filter(slug="login").update(rates=(Rate(3, 60),))
    assert "has an older one" in row_of(viewer, "login")
    assert "has an older one" not in row_of(viewer, "default")


def test_a_damaged_document_counts_as_none(viewer: Client, policies: None, redis_server: redis.Redis) -> None:
    redis_server.hset(keys.POLICIES, "document", "{")
    assert "has it not yet" in row_of(viewer, "login")


def test_a_redis_that_is_away_is_told_in_every_row(viewer: Client) -> None:
    response = viewer.get(LIST)
    assert response.status_code == 200
    assert response.content.decode().count("cannot be reached") == 5


@pytest.mark.parametrize(
    ("query", "slugs"),
    [
        ("q=login", ["login"]),
        ("q=REGISTERING", ["register"]),
        ("q=sends+a+mail", ["password-reset", "register"]),
        ("q=nothing-of-that-kind", []),
        ("q=%25", []),
        ("q=_", []),
        ("q='+OR+1=1", []),
        ("q=%F0%9F%98%80", []),
        ("q=%FF%ED%A0%80", []),
        ("q=" + "a" * 3000, []),
        ('q="unbalanced', []),
        ("q=%5C", []),
    ],
)
def test_the_list_is_searched_by_name_title_and_description(viewer: Client, query: str, slugs: list[str]) -> None:
    assert found(viewer, query) == slugs


@pytest.mark.parametrize(
    "query", ["q=%00", "p=999", "p=x", "o=99.-99.x", "mode__exact=7", "algorithm__exact=7", "key=wrong"]
)
def test_an_odd_address_still_gets_a_list(viewer: Client, query: str) -> None:
    assert viewer.get(f"{LIST}?{query}", follow=True).status_code == 200


def test_the_list_is_filtered_by_mode_by_how_and_by_whom_it_counts(admin: Client) -> None:
    save(admin, "login", mode="shadow")
    save(admin, "api-search", algorithm="sliding-window")
    assert found(admin, "mode__exact=shadow") == ["login"]
    assert found(admin, "algorithm__exact=sliding-window") == ["api-search"]
    assert found(admin, "key=user") == ["api-search"]
    assert found(admin, "key=ip&mode__exact=enforce") == ["default", "password-reset", "register"]


@pytest.mark.parametrize("column", range(1, 10))
def test_every_column_that_offers_it_sorts(viewer: Client, column: int) -> None:
    assert sorted(found(viewer, f"o={column}")) == sorted(Policy.objects.values_list("slug", flat=True))


def test_the_number_of_queries_does_not_grow_with_the_list(
    viewer: Client, policies: None, clock: Clock, round_trips: list[str]
) -> None:
    def cost() -> tuple[int, int]:
        round_trips.clear()
        with CaptureQueriesContext(connection) as captured:
            assert viewer.get(LIST).status_code == 200
        return len(captured), len(round_trips)

    cost()
    few = cost()
    for number in range(20):
        policy = Policy(slug=f"p-{number}", title="Some", key=ClientKey("ip"), rates=(Rate(1, 60),))
        services.save_policy(policy, actor=Actor(name="somebody", origin="a test"))
    sync.reconcile()
    assert cost() == few


def test_a_title_of_html_stays_text(admin: Client, policies: None) -> None:
    title = "<script>alert(1)</script>"
    save(admin, "login", title=title, description=title, reason=title)
    for path in (LIST, f"{LIST}?q=script", "/admin/"):
        page = admin.get(path)
        assert "<script>alert" not in page.content.decode()
    policy = Policy.objects.get(slug="login")
    for page in ("change", "history"):
        shown = admin.get(f"{LIST}{policy.pk}/{page}/")
        assert "<script>alert" not in shown.content.decode()
    assert title in text_of(admin.get(f"{LIST}{policy.pk}/change/"))


def test_a_title_of_html_stays_text_for_whoever_is_refused(client: Client, redis_server: redis.Redis) -> None:
    title = "<script>alert(1)</script>"
    making.put_in_force(making.policy("login", Rate(1, 60), title=title))
    answers = [client.post("/login/", {}, headers={"Accept": "text/html"}) for _ in range(2)]
    assert answers[1].status_code == 429
    assert "<script>alert" not in answers[1].content.decode()
    assert title in text_of(answers[1])
