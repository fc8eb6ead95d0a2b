"""Several policies for one request: asked at once, named in order, and a refused request is charged to none."""

import pytest
import redis
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

import limits
from limits.core.rates import Rate
from tests.limits import making, views

Redis = redis.Redis
pytestmark = [pytest.mark.urls("tests.limits.test_several_policies"), pytest.mark.django_db]
LOGIN = making.policy("login", Rate(2, 60))
OUTER = making.policy("outer", Rate(9, 60))
DEFAULT = making.policy("default", Rate(50, 3600))
TWO_AT_ONCE = ("/two", "/two-listed")
TWO_APART = ("/two-apart", "/two-on-a-class")


def by_check(request: HttpRequest) -> HttpResponse:
    decision = limits.check(request, "outer", "login", "outer")
    assert decision is not None
    return HttpResponse(f"{decision.policy.slug} {decision.allowed}", status=200 if decision.allowed else 409)


urlpatterns = [path("check", by_check), *views.urlpatterns]


def counts(redis_server: Redis) -> dict[str, int]:
    """Return what each policy has counted."""
    return {key.decode()[4:].partition(":")[0]: int(redis_server.get(key) or 0) for key in redis_server.keys("rl:*")}


@pytest.mark.parametrize("path", [*TWO_AT_ONCE, *TWO_APART])
def test_a_refused_request_is_charged_to_none(client: Client, redis_server: Redis, path: str) -> None:
    making.put_in_force(LOGIN, OUTER, DEFAULT)
    assert [client.post(path).status_code for _ in range(5)] == [200, 200, 429, 429, 429]
    assert counts(redis_server) == {"outer": 2, "login": 2}


@pytest.mark.parametrize("path", [*TWO_AT_ONCE, "/check"])
@pytest.mark.usefixtures("clock")
def test_they_cost_one_round_trip(client: Client, redis_server: Redis, round_trips: list[str], path: str) -> None:
    making.put_in_force(LOGIN, OUTER)
    client.post(path)
    round_trips.clear()
    client.post(path)
    assert round_trips == ["EVALSHA"]


@pytest.mark.usefixtures("clock")
def test_policies_by_view_and_path_join_a_view_s_own_in_one_round_trip(
    client: Client, redis_server: Redis, round_trips: list[str]
) -> None:
    by_view = making.policy("by-view", Rate(7, 60), view="plain")
    by_path = making.policy("by-path", Rate(8, 60), path="/deco*", priority=3)
    making.put_in_force(LOGIN, by_view, by_path, DEFAULT)
    client.post("/decorator")
    round_trips.clear()
    answer = client.post("/decorator")
    assert round_trips == ["EVALSHA"]
    assert answer["RateLimit-Policy"] == '"by-path";q=8;w=60, "login";q=2;w=60'
    assert counts(redis_server) == {"by-path": 2, "login": 2}
    assert client.post("/decorator").status_code == 429
    assert counts(redis_server) == {"by-path": 2, "login": 2}


def test_the_highest_priority_is_named_first_and_tells_who_is_refused(client: Client, redis_server: Redis) -> None:
    slow = making.policy("slow", Rate(2, 3600), view="plain")
    quick = making.policy("quick", Rate(2, 60), view="plain", priority=1)
    making.put_in_force(slow, quick)
    allowed, _, refused = (client.get("/plain") for _ in range(3))
    assert allowed["RateLimit-Policy"] == '"quick";q=2;w=60, "slow";q=2;w=3600'
    assert refused.json()["policy"] == "quick"
    assert 60 < int(refused["Retry-After"]) <= 3600


def test_without_priorities_who_waits_longest_is_told(client: Client, redis_server: Redis) -> None:
    making.put_in_force(
        making.policy("slow", Rate(1, 3600), view="plain"), making.policy("quick", Rate(1, 60), view="plain")
    )
    client.get("/plain")
    assert client.get("/plain").json()["policy"] == "slow"


def test_default_is_left_out_where_a_policy_by_view_or_path_holds(client: Client, redis_server: Redis) -> None:
    making.put_in_force(making.policy("by-view", Rate(5, 60), view="plain", methods=("GET",)), DEFAULT)
    assert "default" not in client.get("/plain")["RateLimit-Policy"]
    assert "default" in client.post("/plain")["RateLimit-Policy"]


def test_a_policy_by_path_holds_where_no_view_is(client: Client, redis_server: Redis) -> None:
    making.put_in_force(making.policy("probes", Rate(2, 60), path="/wp-**"), DEFAULT)
    assert [client.get("/wp-login.php").status_code for _ in range(3)] == [404, 404, 429]


def test_a_policy_by_path_leaves_exempt_paths_alone_and_one_that_names_their_view_holds(
    client: Client, redis_server: Redis
) -> None:
    making.put_in_force(making.policy("by-path", Rate(1, 60), path="/admin/**"), DEFAULT)
    assert [client.get("/admin/login/").status_code for _ in range(2)] == [200, 200]
    making.put_in_force(making.policy("by-view", Rate(1, 60), view="admin:login"), DEFAULT)
    assert [client.get("/admin/login/").status_code for _ in range(2)] == [200, 429]


def test_a_policy_by_path_is_counted_when_a_middleware_answers_before_the_view_s_door(redis_server: Redis) -> None:
    making.put_in_force(LOGIN, making.policy("by-path", Rate(2, 60), path="/decorator"), DEFAULT)
    client = Client(enforce_csrf_checks=True)
    assert [client.post("/decorator").status_code for _ in range(3)] == [403, 403, 429]
    assert counts(redis_server) == {"by-path": 2}


def test_what_check_returns_is_the_refusal_or_the_first_that_was_named(client: Client, redis_server: Redis) -> None:
    making.put_in_force(LOGIN, OUTER)
    assert [client.post("/check").content for _ in range(3)] == [b"outer True", b"outer True", b"login False"]


def test_an_encoded_slash_does_not_lead_past_a_path(client: Client, redis_server: Redis) -> None:
    making.put_in_force(making.policy("by-path", Rate(1, 60), path="/exempt/**"))
    assert client.get("/exempt/").status_code == 200
    assert client.get("/exempt%2F?a=/b").status_code == 429
