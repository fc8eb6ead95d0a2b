"""The first page of the admin: each part for who has the right to it, in few queries, and quickly."""

import re
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
import redis
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from limits.models import LastRefusal, Tally
from portal.operations.dashboard.slow_log import slow_logs
from portal.operations.dashboard.tallied import past_days
from portal.operations.models import Alert, AlertRule, RedisServer, Sample, Severity
from portal.operations.watching.turns import slot_of

from .conftest import logged_in, staff
from .doing import breaks_policy, text_of

pytestmark = pytest.mark.django_db

INDEX, FRAGMENT = "/admin/", "/admin/dashboard/"
HEADS = {
    "view_redisserver": ("seen", "Memory", "Hit rate", "Slow log"),
    "view_tally": ("In step?", "Refused"),
    "view_lastrefusal": ("Most refused",),
    "view_backup": ("No proven backup of redis",),
    "view_alert": ("1 alert under way",),
}


@pytest.fixture(autouse=True)
def _afresh() -> None:
    past_days.forget()
    slow_logs.forget()


def fill(*, servers: int = 1, policies: int = 1, alerts: int = 1, refusals: int = 1) -> None:
    now = timezone.now()
    minute = slot_of(now, every=timedelta(minutes=1))
    rule = AlertRule.objects.create(name="Keys go", condition="evictions", threshold=0, severity=Severity.WARNING)
    for number in range(servers):
        row = RedisServer.objects.create(
            place=f"/nowhere/{number}.sock", source="limits", holds_counters=True, first_seen_at=now, looked_at=now
        )
        Sample.objects.bulk_create(samples(row, number=240))
    Alert.objects.bulk_create(
        Alert(rule=rule, target=f"/nowhere/{number}.sock", since=now, judged_at=now, is_active=True)
        for number in range(alerts)
    )
    Tally.objects.bulk_create(
        Tally(policy=f"policy-{number}", minute=minute, refused=1 + number) for number in range(policies)
    )
    LastRefusal.objects.bulk_create(
        LastRefusal(entry=f"{number}-0", at=now, policy="login", client=f"ip=203.0.113.{number}", place="GET /")
        for number in range(refusals)
    )


def samples(row: RedisServer, *, number: int) -> list[Sample]:
    last = slot_of(timezone.now(), every=timedelta(seconds=15))
    return [
        Sample(
            server=row,
            span_seconds=Sample.Span.LOOK,
            at=last - each * timedelta(seconds=15),
            used_memory_bytes=40 * 2**20,
            limit_bytes=64 * 2**20,
            rss_bytes=1,
            clients=7,
            keys=1,
            latency_microseconds=200,
        )
        for each in range(number)
    ]


@pytest.mark.parametrize("right", HEADS)
@pytest.mark.parametrize("path", [INDEX, FRAGMENT])
def test_each_part_is_for_who_has_the_right_to_it(right: str, path: str) -> None:
    fill()
    told = text_of(logged_in(staff("somebody", right)).get(path)).partition("As of")[0]
    assert all(head in told for head in HEADS[right])
    others = {head for each, heads in HEADS.items() if each != right for head in heads}
    # How it stands with limits is for both.
    others -= {"In step?"}
    assert [head for head in sorted(others) if head in told] == []


def test_how_far_back_is_asked_only_where_something_looks_back() -> None:
    fill()
    assert "24 hours" not in text_of(logged_in(staff("on call", "view_alert")).get(INDEX))
    assert "24 hours" in text_of(logged_in(staff("analyst", "view_tally")).get(INDEX))


def test_somebody_without_any_of_them_sees_the_plain_page() -> None:
    client = logged_in(staff("somebody", "view_book"))
    page = client.get(INDEX)
    assert b"dash" not in page.content.partition(b"<main")[2].replace(b"dashboard", b"")
    assert "Books" in text_of(page)
    assert client.get(FRAGMENT).status_code == 403


def test_nobody_else_gets_the_fragment(client: Client) -> None:
    assert client.get(FRAGMENT).status_code == 302


def test_an_empty_site_has_a_first_page(admin: Client) -> None:
    page = admin.get(INDEX)
    told = text_of(page)
    assert "Nobody has looked at Redis yet" in told
    assert "No alerts" in told
    assert "Nobody in 24 hours" in told
    assert not breaks_policy(page)


def test_the_first_page_and_what_is_fetched_anew_are_the_same(admin: Client, policies: None) -> None:
    fill()
    part = admin.get(FRAGMENT)
    assert part.headers["Cache-Control"].startswith("max-age=0")
    assert not breaks_policy(part)
    known = re.compile(rb'data-part="([^"]+)"')
    assert known.findall(part.content) == known.findall(admin.get(INDEX).content)


def test_it_says_how_it_stands(admin: Client, policies: None) -> None:
    fill()
    told = text_of(admin.get(INDEX))
    assert "✔ Limits hold 5 policies are in force." in told
    assert "✔ Policies are in step" in told
    assert "! 1 alert under way No channel is on: nobody is told." in told
    assert "Redis /nowhere/0.sock drops keys while limits are counted there" in told
    assert "Memory /nowhere/0.sock 40 MB of 64 MB (62 %)" in told


def test_without_redis_it_says_so_at_once(admin: Client) -> None:
    fill()
    began = time.monotonic()
    told = text_of(admin.get(INDEX))
    assert time.monotonic() - began < 5
    assert "✖ Limits do not hold" in told
    assert "In step? Not known" in told
    assert "Not asked: Redis does not answer." in told


@pytest.mark.parametrize(
    ("name", "words"), [("1h", "1 hour"), ("24h", "24 hours"), ("30d", "30 days"), ("x", "24 hours")]
)
def test_a_range_is_chosen_by_a_link(admin: Client, name: str, words: str) -> None:
    fill()
    page = admin.get(f"{INDEX}?range={name}")
    assert f'aria-current="true">{words}</a>' in page.content.decode()
    assert f"in {words}" in text_of(page)


def test_a_server_is_chosen_where_there_are_several(admin: Client) -> None:
    fill(servers=3)
    page = admin.get(f"{INDEX}?range=1h&server=/nowhere/2.sock")
    assert "<option selected>/nowhere/2.sock</option>" in page.content.decode()
    assert "range=1h&amp;server=%2Fnowhere%2F2.sock" in page.content.decode()
    assert "Memory /nowhere/2.sock" in text_of(page)


def test_a_server_that_is_none_is_the_first_one(admin: Client) -> None:
    fill()
    page = admin.get(f"{INDEX}?server=<script>")
    assert "Memory /nowhere/0.sock" in text_of(page)
    assert b'id="dash-server"' not in page.content


def test_a_client_that_was_refused_often_can_be_denied_from_here(may: Callable[..., Client], policies: None) -> None:
    fill()
    rights = ("view_lastrefusal", "view_policy", "add_override")
    told = logged_in(staff("guard", *rights)).get(INDEX).content.decode()
    assert "/admin/limits/override/add/?about=address&amp;who=203.0.113.0&amp;policy=login&amp;effect=denied" in told
    assert "/admin/limits/livecounters/" in told
    assert "Deny…" not in logged_in(staff("reader", "view_lastrefusal")).get(INDEX).content.decode()


def test_names_of_others_are_text(admin: Client) -> None:
    Tally.objects.create(policy="<b>bold</b>", minute=timezone.now(), refused=3)
    now = timezone.now()
    row = RedisServer.objects.create(
        place='"><script>', source="limits", holds_counters=True, first_seen_at=now, looked_at=now
    )
    Sample.objects.bulk_create(samples(row, number=3))
    page = admin.get(INDEX).content.decode()
    assert "<b>bold" not in page
    assert '"><script>' not in page


def test_it_takes_no_more_queries_for_more_of_everything(admin: Client, redis_server: redis.Redis) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert admin.get(INDEX).status_code == 200
        return len(caught)

    fill()
    admin.get(INDEX)
    before = queries()
    RedisServer.objects.all().delete()
    AlertRule.objects.filter(name="Keys go").delete()
    LastRefusal.objects.all().delete()
    Tally.objects.all().delete()
    fill(servers=20, policies=30, alerts=20, refusals=40)
    assert queries() == before <= 30


def test_it_is_quick_with_many_rows(admin: Client, redis_server: redis.Redis) -> None:
    now = timezone.now()
    row = RedisServer.objects.create(
        place="/nowhere/1.sock", source="limits", holds_counters=True, first_seen_at=now, looked_at=now
    )
    Sample.objects.bulk_create(samples(row, number=5760))
    minute = slot_of(now, every=timedelta(minutes=1))
    Tally.objects.bulk_create(
        Tally(policy=f"policy-{number}", minute=minute - timedelta(minutes=ago), refused=1)
        for ago in range(1440)
        for number in range(5)
    )
    admin.get(INDEX)
    began = time.monotonic()
    admin.get(INDEX)
    assert time.monotonic() - began < 2.5
