"""Enforce, shadow and off; penalties and costs."""

import pytest
import redis
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

import limits
from limits.core.decisions import Decision
from limits.core.policies import Algorithm, Mode
from limits.core.rates import Rate
from tests.limits import making, views

Redis = redis.Redis
pytestmark = [pytest.mark.urls("tests.limits.test_modes"), pytest.mark.django_db]
DOORS = ("/decorator", "/ratelimit", "/plain")
COUNTER = "rl:{login:127.0.0.1}:60"


def _as_asked(request: HttpRequest) -> int:
    return int(request.GET["cost"])


@limits.limit("login", cost=3)
def of_cost_three(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


@limits.limit("login", cost=_as_asked)
def of_cost_as_asked(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


urlpatterns = [path("three", of_cost_three), path("as-asked", of_cost_as_asked), *views.urlpatterns]


@pytest.fixture(autouse=True)
def _redis(redis_server: Redis) -> None:
    pass


def statuses(client: Client, path: str, times: int) -> list[int]:
    return [client.post(path).status_code for _ in range(times)]


@pytest.mark.parametrize("path", DOORS)
def test_a_shadow_refuses_nobody_and_tells_nobody(client: Client, path: str) -> None:
    view = "plain" if path == "/plain" else ""
    making.put_in_force(making.policy("login", Rate(2, 60), mode=Mode.SHADOW, view=view))
    answers = [client.post(path) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert not any("RateLimit" in answer or "Retry-After" in answer for answer in answers)


def test_a_shadow_says_what_it_would_do(redis_server: Redis) -> None:
    making.put_in_force(making.policy("login", Rate(1, 60), mode=Mode.SHADOW))
    decisions = [limits.check(making.request(), "login") for _ in range(2)]
    assert [decision.over for decision in decisions if decision] == [False, True]
    assert [decision.allowed for decision in decisions if decision] == [True, True]


def test_a_shadow_keeps_no_other_policy_from_counting(client: Client, redis_server: Redis) -> None:
    making.put_in_force(making.policy("outer", Rate(1, 60), mode=Mode.SHADOW), making.policy("login", Rate(3, 60)))
    assert statuses(client, "/two", 4) == [200, 200, 200, 429]
    assert redis_server.get(COUNTER) == b"3"


@pytest.mark.parametrize("path", DOORS)
def test_what_is_off_counts_nothing(client: Client, redis_server: Redis, path: str) -> None:
    view = "plain" if path == "/plain" else ""
    making.put_in_force(making.policy("login", Rate(1, 60), mode=Mode.OFF, view=view))
    assert statuses(client, path, 3) == [200] * 3
    assert redis_server.keys("*") == []


@pytest.mark.parametrize("path", DOORS)
def test_once_refused_a_client_stays_so_for_the_penalty(client: Client, redis_server: Redis, path: str) -> None:
    view = "plain" if path == "/plain" else ""
    making.put_in_force(making.policy("login", Rate(1, 1), penalty_seconds=600, view=view))
    assert statuses(client, path, 2) == [200, 429]
    refused = client.post(path)
    assert 590 < int(refused["Retry-After"]) <= 600
    assert refused["RateLimit"].startswith('"login";r=0;')
    assert 590_000 < redis_server.pttl("rl:{login:127.0.0.1}:penalty") <= 600_000


def test_refused_tries_count_only_where_the_policy_says_so(client: Client, redis_server: Redis) -> None:
    making.put_in_force(making.policy("login", Rate(2, 60), refusals_count=True))
    statuses(client, "/decorator", 3)
    assert redis_server.get(COUNTER) == b"3"
    redis_server.flushall()
    making.put_in_force(making.policy("login", Rate(2, 60)))
    statuses(client, "/decorator", 3)
    assert redis_server.get(COUNTER) == b"2"


def test_a_policy_s_cost_is_charged(client: Client, redis_server: Redis) -> None:
    making.put_in_force(making.policy("login", Rate(5, 60), cost=2))
    assert client.post("/decorator")["RateLimit"].startswith('"login";r=3;')
    assert statuses(client, "/decorator", 2) == [200, 429]
    assert redis_server.get(COUNTER) == b"4"


def test_a_cost_in_code_goes_before_the_policy_s(client: Client, redis_server: Redis) -> None:
    making.put_in_force(making.policy("login", Rate(5, 60), cost=2))
    assert statuses(client, "/three", 2) == [200, 429]
    assert redis_server.get(COUNTER) == b"3"


def test_a_cost_may_be_a_function_of_the_request(client: Client, redis_server: Redis) -> None:
    making.put_in_force(making.policy("login", Rate(5, 60)))
    asked = [client.post(f"/as-asked?cost={cost}").status_code for cost in (4, 2, 0, 1, 1)]
    assert asked == [200, 429, 200, 200, 429]


def test_a_refusal_of_a_dear_request_does_not_refuse_a_cheap_one(client: Client, redis_server: Redis) -> None:
    making.put_in_force(making.policy("login", Rate(5, 60), cost=3))
    assert [client.post(path).status_code for path in ("/decorator", "/decorator", "/as-asked?cost=2")] == [
        200,
        429,
        200,
    ]


def test_a_cost_above_the_limit_takes_all_of_it(client: Client, redis_server: Redis) -> None:
    making.put_in_force(making.policy("login", Rate(5, 60)))
    assert [client.post(f"/as-asked?cost={cost}").status_code for cost in (99, 1)] == [200, 429]


def test_a_cost_below_nothing_charges_nothing(client: Client, redis_server: Redis) -> None:
    making.put_in_force(making.policy("login", Rate(5, 60)))
    client.post("/as-asked?cost=-9")
    assert redis_server.keys("*") == []


def test_a_cost_at_the_door_is_not_that_of_policies_by_path(client: Client, redis_server: Redis) -> None:
    by_path = making.policy("by-path", Rate(8, 60), path="/three")
    making.put_in_force(making.policy("login", Rate(5, 60)), by_path)
    client.post("/three")
    assert redis_server.get("rl:{by-path:127.0.0.1}:60") == b"1"
    assert redis_server.get(COUNTER) == b"3"


def test_looking_charges_nothing(redis_server: Redis) -> None:
    making.put_in_force(making.policy("login", Rate(5, 60)))
    limits.check(making.request(), "login")
    looked = [limits.check(making.request(), "login", cost=0) for _ in range(9)]
    assert isinstance(looked[-1], Decision)
    assert looked[-1].states[0].remaining == 4


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("algorithm", Algorithm)
def test_every_algorithm_and_several_rates_hold_at_every_door(
    client: Client, redis_server: Redis, path: str, algorithm: Algorithm
) -> None:
    view = "plain" if path == "/plain" else ""
    rates = Rate(5, 86_400), Rate(3, 3_600)
    making.put_in_force(making.policy("login", *rates, algorithm=algorithm, view=view))
    answers = [client.post(path) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[0]["RateLimit-Policy"] == '"login-86400";q=5;w=86400, "login-3600";q=3;w=3600'


def test_a_policy_that_is_only_tried_leaves_default_in_force(client: Client, redis_server: Redis) -> None:
    trial = making.policy("trial", Rate(1, 60), mode=Mode.SHADOW, path="/**")
    making.put_in_force(making.policy("default", Rate(2, 60)), trial)
    assert [client.get("/plain").status_code for _ in range(3)] == [200, 200, 429]


def test_a_view_whose_own_policy_is_only_tried_is_held_by_default(client: Client, redis_server: Redis) -> None:
    making.put_in_force(making.policy("default", Rate(2, 60)), making.policy("login", Rate(1, 60), mode=Mode.SHADOW))
    assert [client.post("/decorator").status_code for _ in range(3)] == [200, 200, 429]
    assert redis_server.get("rl:{login:127.0.0.1}:60") == b"1"
