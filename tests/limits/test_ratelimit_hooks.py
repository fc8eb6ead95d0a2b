"""Views of plain django-ratelimit: policies of any kind hold there as they do behind `@limit`."""

import pytest
import redis
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django_ratelimit.core import get_usage, is_ratelimited
from django_ratelimit.decorators import ratelimit

from limits.core.overrides import Effect
from limits.core.policies import Mode, Policy, WithoutRedis
from limits.core.rates import Rate
from tests.limits import making, views

Redis = redis.Redis
pytestmark = [pytest.mark.urls("tests.limits.test_ratelimit_hooks"), pytest.mark.django_db]
LOGIN = making.policy("login", Rate(2, 60))
OUTER = making.policy("outer", Rate(9, 60))
HOOKS = {"key": "limits.key_for", "rate": "limits.rate_for"}


@ratelimit(group="outer", **HOOKS)
@ratelimit(group="login", **HOOKS)
def behind_two(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


@ratelimit(group="login", **HOOKS)
@ratelimit(group="alone", key="ip", rate="1/m")
def beside_a_rate_of_its_own(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


urlpatterns = [path("both", behind_two), path("beside", beside_a_rate_of_its_own), *views.urlpatterns]


def statuses(client: Client, path: str, times: int) -> list[int]:
    return [client.post(path).status_code for _ in range(times)]


def usage(*, increment: bool = True) -> dict[str, int]:
    found = get_usage(making.request(), group="login", increment=increment, **HOOKS)
    assert found is not None
    return {name: found[name] for name in ("count", "limit", "should_limit")}


@pytest.mark.usefixtures("clock")
def test_one_round_trip_counts(redis_server: Redis, round_trips: list[str], client: Client) -> None:
    making.put_in_force(LOGIN)
    client.post("/ratelimit")
    round_trips.clear()
    client.post("/ratelimit")
    assert round_trips == ["EVALSHA"]


@pytest.mark.usefixtures("clock")
def test_a_known_refusal_asks_nobody(redis_server: Redis, round_trips: list[str], client: Client) -> None:
    making.put_in_force(LOGIN)
    statuses(client, "/ratelimit", 3)
    round_trips.clear()
    assert statuses(client, "/ratelimit", 2) == [429, 429]
    assert round_trips == []


def test_django_ratelimit_hears_what_was_counted(redis_server: Redis) -> None:
    making.put_in_force(LOGIN)
    assert [usage() for _ in range(3)] == [
        {"count": 1, "limit": 2, "should_limit": False},
        {"count": 2, "limit": 2, "should_limit": False},
        {"count": 3, "limit": 2, "should_limit": True},
    ]


def test_asked_without_counting_it_hears_whether_the_next_is_refused(redis_server: Redis) -> None:
    making.put_in_force(LOGIN)
    assert usage(increment=False) == {"count": 0, "limit": 2, "should_limit": False}
    assert redis_server.keys("*") == []
    usage()
    assert usage(increment=False) == {"count": 1, "limit": 2, "should_limit": False}
    usage()
    assert usage(increment=False)["should_limit"]
    assert redis_server.get("rl:{login:203.0.113.9}:60") == b"2"


def test_of_several_rates_it_hears_the_one_of_which_least_is_left(redis_server: Redis) -> None:
    making.put_in_force(making.policy("login", Rate(100, 3600), Rate(2, 60)))
    assert [usage()["count"] for _ in range(2)] == [50, 100]
    assert usage()["should_limit"]


def test_who_is_exempt_is_not_counted(client: Client, redis_server: Redis) -> None:
    making.put_in_force(LOGIN)
    making.put_override_in_force("127.0.0.1", Effect.EXEMPT)
    assert statuses(client, "/ratelimit", 4) == [200] * 4
    assert redis_server.keys("*") == []


def test_who_is_denied_is_refused(client: Client, redis_server: Redis) -> None:
    making.put_in_force(LOGIN)
    making.put_override_in_force("127.0.0.1", Effect.DENIED)
    refused = client.post("/ratelimit")
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 3600
    assert client.post("/unblocked").content == b"limited"


def test_who_has_other_rates_is_held_to_those(client: Client, redis_server: Redis) -> None:
    making.put_in_force(LOGIN)
    making.put_override_in_force("127.0.0.1", Effect.RATES, Rate(4, 60))
    assert statuses(client, "/ratelimit", 5) == [200] * 4 + [429]
    assert redis_server.get("rl:{login:127.0.0.1}:60") == b"4"


def test_a_shadow_limits_nobody_without_block_either(client: Client, redis_server: Redis) -> None:
    making.put_in_force(making.policy("login", Rate(1, 60), mode=Mode.SHADOW))
    assert [client.post("/unblocked").content for _ in range(3)] == [b"let in"] * 3
    assert not is_ratelimited(making.request(), group="login", increment=False, **HOOKS)


def test_both_of_two_are_named_and_the_outer_is_given_back(client: Client, redis_server: Redis) -> None:
    making.put_in_force(LOGIN, OUTER)
    answers = [client.post("/both") for _ in range(3)]
    assert answers[0]["RateLimit-Policy"] == '"outer";q=9;w=60, "login";q=2;w=60'
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert redis_server.get("rl:{outer:127.0.0.1}:60") == b"2"


def test_a_rate_of_its_own_beside_a_policy_is_django_ratelimit_s_to_judge(client: Client, redis_server: Redis) -> None:
    making.put_in_force(LOGIN)
    assert statuses(client, "/beside", 3) == [200, 403, 429]


@pytest.mark.parametrize(
    ("without_redis", "expected"),
    [
        (WithoutRedis.ALLOW, [200, 200, 200]),
        (WithoutRedis.REFUSE, [503, 503, 503]),
        (WithoutRedis.COUNT_HERE, [200, 429, 429]),
    ],
)
def test_without_redis_holds_what_the_policy_says(
    client: Client, without_redis: WithoutRedis, expected: list[int]
) -> None:
    # Two processes share the limit.
    making.put_in_force(making.policy("login", Rate(2, 60), without_redis=without_redis))
    assert statuses(client, "/ratelimit", 3) == expected
    assert statuses(client, "/decorator", 3)[-1] == expected[-1]


def test_a_policy_by_path_refuses_before_a_view_that_does_not_block(client: Client, redis_server: Redis) -> None:
    by_path: Policy = making.policy("by-path", Rate(1, 60), path="/unblocked")
    making.put_in_force(LOGIN, by_path)
    assert statuses(client, "/unblocked", 2) == [200, 429]
