"""`/metrics`: who may scrape it, and what it is."""

from ipaddress import ip_network

import pytest
from django.test import Client
from pytest_django import Settings

from limits.core.decisions import Decision
from limits.core.rates import Rate
from limits.keeper import Keeper
from limits.tallies import tallies
from tests.limits import making

pytestmark = pytest.mark.django_db
TOKEN = "a token of some length"


def status(address: str = "127.0.0.1", **headers: str) -> int:
    return Client(REMOTE_ADDR=address).get("/metrics", headers=headers).status_code


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_may_scrape(address: str) -> None:
    assert status(address) == 200


@pytest.mark.parametrize("address", ["203.0.113.9", "10.0.0.1", "2001:db8::1", "", "unix:"])
def test_nobody_else_may(address: str) -> None:
    assert status(address) == 403


def test_behind_a_trusted_proxy_the_client_is_who_counts(settings: Settings) -> None:
    settings.LIMITS_TRUSTED_PROXIES = (ip_network("127.0.0.1"),)
    assert status(**{"X-Forwarded-For": "203.0.113.9"}) == 403
    assert status(**{"X-Forwarded-For": "127.0.0.1, 203.0.113.9"}) == 403
    assert status() == 200


def test_who_comes_through_a_proxy_that_nobody_named_does_not_pass_for_this_machine() -> None:
    assert status(**{"X-Forwarded-For": "203.0.113.9"}) == 403
    assert status(**{"X-Forwarded-For": "127.0.0.1"}) == 403


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"])
def test_whatever_a_proxy_tells_it_must_be_a_trusted_one(settings: Settings, header: str) -> None:
    assert status(**{header: "127.0.0.1"}) == 403
    settings.LIMITS_TRUSTED_PROXIES = (ip_network("10.0.0.0/8"),)
    assert status(**{header: "127.0.0.1"}) == 403
    settings.METRICS_TOKEN = TOKEN
    assert status(**{header: "203.0.113.9", "Authorization": f"Bearer {TOKEN}"}) == 200


def test_a_trusted_proxy_that_does_not_tell_who_asks_does_not_pass_for_this_machine(settings: Settings) -> None:
    settings.LIMITS_TRUSTED_PROXIES = (ip_network("127.0.0.1"),)
    assert status(Via="1.1 front") == 403
    assert status(**{"X-Forwarded-For": "127.0.0.1", "Via": "1.1 front"}) == 200
    assert status("", **{"X-Forwarded-For": "127.0.0.1"}) == 200
    assert status("::ffff:127.0.0.1", **{"X-Forwarded-For": "127.0.0.1"}) == 200


def test_with_a_token_who_knows_it_may_from_anywhere_and_nobody_else(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert status("203.0.113.9", Authorization=f"Bearer {TOKEN}") == 200
    for wrong in ("", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN, f"Basic {TOKEN}", "Bearer ", "Bearer é"):
        assert status("127.0.0.1", Authorization=wrong) == 403


def test_it_can_only_be_read() -> None:
    client = Client(REMOTE_ADDR="127.0.0.1")
    head = client.head("/metrics")
    assert (head.status_code, head.content) == (200, b"")
    assert client.post("/metrics").status_code == 405


def test_it_is_never_kept_nor_limited() -> None:
    making.put_in_force(making.policy("default", Rate(1, 60)))
    client = Client(REMOTE_ADDR="127.0.0.1")
    answers = [client.get("/metrics") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert all("no-store" in answer["Cache-Control"] and "RateLimit" not in answer for answer in answers)


def test_it_tells_what_the_keeper_brought() -> None:
    tallies.note(Decision(making.policy("never-heard-of"), "a"), seconds=0.0002)
    Keeper()._flush()
    answer = Client(REMOTE_ADDR="127.0.0.1").get("/metrics")
    assert answer["Content-Type"].startswith("text/plain; version=")
    assert b'limits_decisions_total{outcome="allowed",policy="never-heard-of"} 1.0' in answer.content
    assert b"limits_decision_seconds_bucket" in answer.content
    assert b"limits_degraded 0.0" in answer.content
