"""Traps in what a counter is named by, and what is written for it."""

import pytest
import redis
from django.conf import settings
from django.test import Client
from django_ratelimit.core import _make_cache_key, get_usage
from django_ratelimit.exceptions import Ratelimited
from pytest_django import DjangoCaptureOnCommitCallbacks

import limits
from limits.core.client_keys import parse_client_key
from limits.core.policies import Algorithm
from limits.core.rates import Rate
from limits.readable_key import MARK
from tests.conftest import Clock
from tests.limits import making
from tests.limits.traps import peer
from tests.limits.traps.doing import edit, statuses

Redis = redis.Redis
GREETINGS = ("CLIENT", "SELECT", "HELLO")
pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.limits.traps.views")]


def test_an_edit_of_the_limit_keeps_the_counts(
    policies: None,
    admin_client: Client,
    client: Client,
    clock: Clock,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    assert [peer.use(rate=rate)["count"] for rate in ("5/m", "5/m", "5/m", "2/m")] == [1, 2, 3, 1]
    assert statuses(client, "/login/", requests=3) == [200, 200, 200]
    with django_capture_on_commit_callbacks(execute=True):
        edit(admin_client, "login", rates="2/m")
    clock.now += 1
    assert statuses(client, "/login/", requests=1) == [429]


def test_a_group_and_a_rate_do_not_run_together(redis_server: Redis) -> None:
    with peer.plain():
        assert _make_cache_key("x1", 0, "0/1s", "a", "") == _make_cache_key("x", 0, "10/1s", "a", "")
    making.put_in_force(making.policy("x1", Rate(10, 1)), making.policy("x", Rate(110, 1)))
    for slug in ("x1", "x"):
        limits.check(making.request(), slug)
    assert sorted(redis_server.keys("*")) == [b"rl:{x1:203.0.113.9}:1", b"rl:{x:203.0.113.9}:1"]


@pytest.mark.parametrize("path", ["/stacked", "/stacked-apart"])
def test_an_outer_limit_is_not_charged_when_an_inner_one_refuses(
    client: Client, redis_server: Redis, path: str
) -> None:
    inner = peer.decorated(peer.answer, group="inner", rate="1/m")
    view = peer.decorated(inner, group="outer", rate="9/m")
    with peer.plain():
        view(making.request())
        with pytest.raises(Ratelimited):
            view(making.request())
    assert peer.use(group="outer", rate="9/m")["count"] == 3
    making.put_in_force(making.policy("outer", Rate(9, 60)), making.policy("inner", Rate(1, 60)))
    assert statuses(client, path, requests=3) == [200, 429, 429]
    assert redis_server.get("rl:{outer:127.0.0.1}:60") == b"1"


def test_a_decision_is_one_round_trip(redis_server: Redis, round_trips: list[str]) -> None:
    making.put_in_force(making.policy("login", Rate(5, 60)))
    peer.use(), limits.check(making.request(), "login")
    round_trips.clear()
    peer.use()
    assert [name for name in round_trips if name not in GREETINGS] == ["SET", "EVAL"]
    round_trips.clear()
    limits.check(making.request(), "login")
    assert round_trips == ["EVALSHA"]


def test_looking_without_counting_writes_nothing(redis_server: Redis) -> None:
    peer.use(increment=False)
    with redis.Redis.from_url(settings.REDIS.with_database(peer.DATABASE).url) as there:
        (written,) = there.keys("*")
        assert there.get(written) == b"0"
    making.put_in_force(making.policy("login", Rate(5, 60)))
    get_usage(making.request(), group="login", key="limits.key_for", rate="limits.rate_for", increment=False)
    assert redis_server.keys("*") == []


@pytest.mark.parametrize("algorithm", Algorithm)
def test_no_counter_is_without_an_end(redis_server: Redis, algorithm: Algorithm) -> None:
    making.put_in_force(making.policy("login", Rate(1, 60), Rate(9, 3600), algorithm=algorithm, penalty_seconds=90))
    for _ in range(2):
        limits.check(making.request(), "login")
    assert len(redis_server.keys("*")) == 3
    assert all(redis_server.pttl(key) > 0 for key in redis_server.keys("*"))


def test_a_counter_that_lost_its_end_locks_nobody_out(redis_server: Redis) -> None:
    making.put_in_force(making.policy("login", Rate(5, 60)))
    key = "rl:{login:203.0.113.9}:60"
    redis_server.set(key, 99)
    decision = limits.check(making.request(), "login")
    assert decision is not None
    assert decision.allowed
    assert redis_server.get(key) == b"1"
    assert redis_server.pttl(key) > 0


def test_a_counter_is_smaller_than_the_peers(redis_server: Redis) -> None:
    making.put_in_force(making.policy("login", Rate(5, 60)))
    peer.use(), limits.check(making.request(), "login")
    with redis.Redis.from_url(settings.REDIS.with_database(peer.DATABASE).url) as there:
        (theirs,) = (there.memory_usage(key) for key in there.keys("*"))
    (ours,) = (redis_server.memory_usage(key) for key in redis_server.keys("*"))
    assert ours < 0.8 * theirs


def test_text_that_an_attacker_chose_makes_a_short_name(client: Client, redis_server: Redis) -> None:
    making.put_in_force(making.policy("login", Rate(5, 60), key=parse_client_key("field:username")))
    client.post("/single", {"username": "z" * 500_000})
    (name,) = redis_server.keys("*")
    assert len(name) < 64
    assert b"zz" not in name


def test_text_that_an_attacker_chose_makes_no_more_names_than_the_address_may_ask(
    client: Client, redis_server: Redis
) -> None:
    by_address = making.policy("outer", Rate(3, 60))
    by_name = making.policy("inner", Rate(5, 60), key=parse_client_key("field:username"))
    making.put_in_force(by_address, by_name)
    for number in range(20):
        client.post("/stacked", {"username": f"name {number}"})
    assert len(redis_server.keys("rl:{inner:*")) == 3


@pytest.mark.parametrize("mark", ["\x1f", f"\x1f{'0' * 32}\x1f"])
def test_what_a_client_sends_never_names_a_counter(redis_server: redis.Redis, mark: str) -> None:
    """A value that reads like our mark stays a value, and is hashed."""
    assert len(mark) in (1, len(MARK))
    forged = f"{mark}rl:{{login:203.0.113.9}}:60 0{mark}"
    get_usage(making.request(), group="x", key=lambda group, request: forged, rate="9/m", increment=True)
    assert redis_server.get("rl:{login:203.0.113.9}:60") is None
    assert len(redis_server.keys("*")) == 1
