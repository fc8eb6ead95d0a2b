"""Django REST framework's door."""

from typing import Any

import pytest
import redis
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client
from django.urls import include, path
from rest_framework.authentication import BaseAuthentication
from rest_framework.decorators import api_view, throttle_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

import limits
from limits.core.client_keys import ClientKey
from limits.core.policies import Mode, WithoutRedis
from limits.core.rates import Rate
from limits.throttling import PolicyThrottle
from limits.views_in_code import uses
from portal.accounts.models import User
from tests.limits import making, views

Redis = redis.Redis
pytestmark = [pytest.mark.urls("tests.limits.test_throttling"), pytest.mark.django_db]
LOGIN = making.policy("login", Rate(2, 60))
OUTER = making.policy("outer", Rate(9, 60))
DEFAULT = making.policy("default", Rate(3, 3_600))


class ByToken(BaseAuthentication):
    """The token is the user's id."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        token = request.META.get("HTTP_X_TOKEN")
        return (User.objects.get(pk=token), None) if token else None


class Search(APIView):
    authentication_classes = (ByToken,)
    permission_classes = ()
    throttle_classes = (PolicyThrottle,)
    throttle_policies = ("login", "outer")

    def get(self, request: Request) -> Response:
        return Response({"found": []})


class ForUsers(Search):
    permission_classes = (IsAuthenticated,)


class OfTheLogin(PolicyThrottle):
    policy = "login"


class OfTheOuter(PolicyThrottle):
    policy = "outer"


class ByTwoThrottles(Search):
    throttle_classes = (OfTheOuter, OfTheLogin, OfTheOuter)


class ByCheck(Search):
    throttle_classes = ()

    def get(self, request: Any) -> Response:
        decision = limits.check(request, "login")
        return Response(status=200 if decision is None or decision.allowed else 409)


@api_view(["GET"])
@throttle_classes([OfTheLogin])
def by_function(request: Request) -> Response:
    return Response({})


class Books(ViewSet):
    throttle_classes = (PolicyThrottle,)
    throttle_policies = ("login",)

    def list(self, request: Request) -> Response:
        return Response([])


router = SimpleRouter()
router.register("books", Books, basename="books")
urlpatterns = [
    path("search", Search.as_view(), name="search"),
    path("for-users", ForUsers.as_view()),
    path("two-throttles", ByTwoThrottles.as_view()),
    path("checked", ByCheck.as_view()),
    path("function", by_function),
    path("", include(router.urls)),
    *views.urlpatterns,
]
DOORS = ("/search", "/function", "/books/")


@pytest.fixture(autouse=True)
def in_force(redis_server: Redis) -> None:
    making.put_in_force(LOGIN, OUTER, DEFAULT)


def statuses(client: Client, path: str, times: int, **headers: str) -> list[int]:
    return [client.get(path, headers=headers).status_code for _ in range(times)]


@pytest.mark.parametrize("path", DOORS)
def test_the_third_request_is_refused(client: Client, path: str) -> None:
    assert statuses(client, path, 4) == [200, 200, 429, 429]


def test_a_refusal_is_rest_framework_s_with_our_fields(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    # Counted by user, so that it is not refused before who that is was asked.
    making.put_in_force(making.policy("login", Rate(2, 60), key=ClientKey("user")), OUTER)
    _, _, refused = (client.get("/search") for _ in range(3))
    assert refused["Content-Type"] == "application/json"
    assert "throttled" in refused.json()["detail"]
    assert 58 <= int(refused["Retry-After"]) <= 60
    assert refused["RateLimit-Policy"] == '"login";q=2;w=60, "outer";q=9;w=60'
    assert refused["RateLimit"].startswith('"login";r=0;t=')
    assert refused["Cache-Control"] == "no-store"
    assert caplog.records == []


@pytest.mark.usefixtures("clock")
def test_a_throttle_s_policies_cost_one_round_trip_and_join_those_by_view(
    client: Client, round_trips: list[str]
) -> None:
    making.put_in_force(LOGIN, OUTER, making.policy("by-view", Rate(7, 60), view="search"))
    client.get("/search")
    round_trips.clear()
    answer = client.get("/search")
    assert round_trips == ["EVALSHA"]
    assert answer["RateLimit-Policy"] == '"by-view";q=7;w=60, "login";q=2;w=60, "outer";q=9;w=60'


def test_a_refused_request_is_charged_to_none_of_several_throttles(client: Client, redis_server: Redis) -> None:
    making.put_in_force(making.policy("login", Rate(2, 60), key=ClientKey("user")), OUTER)
    assert statuses(client, "/two-throttles", 4) == [200, 200, 429, 429]
    # Each of the two lets-in is charged twice, for the throttle is there twice.
    assert redis_server.get("rl:{outer:127.0.0.1}:60") == b"4"


@pytest.mark.parametrize("path", DOORS)
def test_default_leaves_alone_what_a_throttle_covers(client: Client, redis_server: Redis, path: str) -> None:
    statuses(client, path, 2)
    assert redis_server.keys("rl:{default:*") == []


def test_code_that_names_policies_in_throttles_is_known() -> None:
    by_view = {(use.view.rpartition(".")[2], use.slug) for use in uses()}
    assert {("Search", "login"), ("Search", "outer"), ("Books", "login"), ("by_function", "login")} <= by_view


def test_the_user_is_rest_framework_s(
    client: Client, redis_server: Redis, admin_user: AbstractBaseUser, django_user_model: type[User]
) -> None:
    making.put_in_force(making.policy("login", Rate(2, 60), key=ClientKey("user")))
    token = str(admin_user.pk)
    assert statuses(client, "/search", 3, **{"X-Token": token}) == [200, 200, 429]
    assert statuses(client, "/search", 1) == [200]
    # Logged in by the session is not logged in by the token.
    client.force_login(admin_user)
    statuses(client, "/search", 1)
    counters = {key.decode(): int(redis_server.get(key) or 0) for key in redis_server.keys("rl:*")}
    assert counters == {f"rl:{{login:user={token}}}:60": 2, "rl:{login:user=@127.0.0.1}:60": 2}


def test_what_is_turned_away_before_the_throttle_is_counted_by_default(client: Client, redis_server: Redis) -> None:
    assert statuses(client, "/for-users", 4) == [403, 403, 403, 429]
    assert redis_server.keys("rl:{login:*") == []


def test_a_shadow_throttles_nobody(client: Client) -> None:
    making.put_in_force(making.policy("login", Rate(1, 60), mode=Mode.SHADOW))
    assert statuses(client, "/search", 3) == [200, 200, 200]


def test_check_takes_rest_framework_s_request(client: Client) -> None:
    making.put_in_force(LOGIN)
    assert statuses(client, "/checked", 3) == [200, 200, 409]
    assert client.get("/checked")["RateLimit-Policy"] == '"login";q=2;w=60'


def test_a_policy_that_refuses_without_redis_answers_503(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    making.put_in_force(making.policy("login", Rate(2, 60), without_redis=WithoutRedis.REFUSE))
    limits.enforcement.breaker.failed("for a test")
    answer = client.get("/search")
    assert answer.status_code == 503
    assert answer["Retry-After"] == "2"
