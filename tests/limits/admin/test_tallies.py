"""Tallies and last refusals in the admin: who may look, and that nobody writes."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from limits.models import LastRefusal, Tally
from tests.limits.admin.conftest import logged_in, staff

TALLIES, REFUSALS = "/admin/limits/tally/", "/admin/limits/lastrefusal/"


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
