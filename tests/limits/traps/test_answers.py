"""Traps in what a refused client gets, and in what that costs the site."""

import logging
import re
from typing import Any

import pytest
import redis
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.conf import LazySettings
from django.core.checks import run_checks
from django.core.checks.registry import registry
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, override_settings
from django_ratelimit.checks import check_caches
from django_ratelimit.core import get_usage
from django_ratelimit.exceptions import Ratelimited

import limits
from limits.core.rates import Rate
from tests.limits import making
from tests.limits.traps import peer
from tests.limits.traps.doing import statuses

# Its import has it run with every check, here where a site would have the application installed.
registry.registered_checks.discard(check_caches)
Redis = redis.Redis
pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.limits.traps.views")]


@pytest.fixture(autouse=True)
def once_a_minute(redis_server: Redis) -> None:
    making.put_in_force(making.policy("login", Rate(1, 60)))


def peer_refuses() -> Ratelimited:
    """Return what django-ratelimit raises at the second request of a minute."""
    view = peer.decorated(peer.answer, group="login", rate="1/m")
    with peer.plain():
        view(making.request())
        with pytest.raises(Ratelimited) as raised:
            view(making.request())
    return raised.value


def test_a_refusal_is_429_and_says_when_to_come_back(client: Client) -> None:
    raised = peer_refuses()
    assert (vars(raised), raised.args) == ({}, ())
    _, answer = client.post("/single"), client.post("/single")
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert answer["RateLimit-Policy"] == '"login";q=1;w=60'
    assert re.fullmatch(r'"login";r=0;t=[0-9]+', answer["RateLimit"])


def test_an_async_view_is_limited() -> None:
    async def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("let in")

    assert not iscoroutinefunction(peer.decorated(view, rate="1/m"))
    post = async_to_sync(AsyncClient().post)
    assert [post("/async").status_code for _ in range(2)] == [200, 429]


def test_a_refusal_asks_redis_nothing_and_logs_nothing(
    client: Client, round_trips: list[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("django"), "propagate", True)
    assert statuses(client, "/single", requests=2) == [200, 429]
    round_trips.clear()
    assert statuses(client, "/single", requests=50) == [429] * 50
    # A look at what changed, four times a second, is nothing that a refusal asks.
    assert [name for name in round_trips if name != "HMGET"] == []
    assert caplog.records == []


def test_every_setting_that_a_decision_reads_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    missing: list[str] = []
    find = LazySettings.__getattr__

    def find_or_note(self: LazySettings, name: str) -> Any:
        try:
            return find(self, name)
        except AttributeError:
            missing.append(name)
            raise

    limits.check(making.request(), "login")
    monkeypatch.setattr(LazySettings, "__getattr__", find_or_note)
    get_usage(making.request(), group="x", key="ip", rate="5/m")
    assert "RATELIMIT_IP_META_KEY" in missing
    missing.clear()
    for _ in range(2):
        limits.check(making.request(), "login")
    assert missing == []


def test_the_warning_about_a_subclass_of_django_redis_is_silenced_and_ours_stands_in() -> None:
    assert [(message.id, message.is_silenced()) for message in check_caches(None)] == [("django_ratelimit.W001", True)]
    assert [message for message in run_checks(tags=["caches"]) if not message.is_silenced()] == []
    with override_settings(RATELIMIT_USE_CACHE="default"):
        assert "limits.E002" in {message.id for message in run_checks(tags=["caches"])}
