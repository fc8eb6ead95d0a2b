"""The doors of async views, and a site under ASGI."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import redis
from asgiref.sync import iscoroutinefunction
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache

import limits
from limits.core.client_keys import ClientKey
from limits.core.policies import Counts
from limits.core.rates import Rate
from tests.limits import making, views

Redis = redis.Redis
pytestmark = pytest.mark.urls("tests.limits.test_async_doors")
with_users = pytest.mark.django_db(transaction=True, serialized_rollback=True)
LOGIN = making.policy("login", Rate(2, 60), methods=("POST",))
OUTER = making.policy("outer", Rate(9, 60))
DEFAULT = making.policy("default", Rate(4, 86_400), Rate(3, 3_600))


@limits.limit("login")
async def by_decorator(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


@method_decorator(limits.limit("login"), name="dispatch")
class ByClass(View):
    async def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("let in")

    async def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("let in")


class ByOneMethod(View):
    async def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("let in")

    @method_decorator(limits.limit("login"))
    async def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("let in")


@limits.limit("outer")
@never_cache
@limits.limit("login")
async def behind_two(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


@limits.limit("outer")
async def with_a_status(request: HttpRequest, code: int) -> HttpResponse:
    return HttpResponse(status=code)


async def by_check(request: HttpRequest) -> HttpResponse:
    decision = await limits.acheck(request, "login")
    return HttpResponse(status=200 if decision is None or decision.allowed else 409)


async def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


class Undecorated(View):
    async def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("let in")

    get = post


urlpatterns = [
    path("async", by_decorator),
    path("async-class", ByClass.as_view()),
    path("async-method", ByOneMethod.as_view()),
    path("async-around", limits.limit("login")(Undecorated.as_view())),
    path("async-two", behind_two),
    path("async-status/<int:code>", with_a_status),
    path("async-check", by_check),
    path("async-plain", plain),
    *views.urlpatterns,
]
ASYNC_DOORS = ("/async", "/async-class", "/async-method", "/async-around")
SYNC_DOORS = ("/decorator", "/class", "/method", "/ratelimit", "/ratelimit-class")


@pytest.fixture(autouse=True)
def in_force(redis_server: Redis) -> None:
    making.put_in_force(LOGIN, OUTER, DEFAULT)


def under_asgi(path: str, *, times: int, method: str = "post", client: AsyncClient | None = None) -> list[HttpResponse]:
    """Return the answers to so many requests of an ASGI application, one after another."""

    async def ask() -> list[HttpResponse]:
        ask_once: Callable[..., Any] = getattr(client or AsyncClient(), method)
        return [await ask_once(path) for _ in range(times)]

    return asyncio.run(ask())


def statuses(answers: list[HttpResponse]) -> list[int]:
    return [answer.status_code for answer in answers]


@pytest.mark.parametrize("path", [*ASYNC_DOORS, *SYNC_DOORS])
def test_the_third_request_is_refused_at_every_door_under_asgi(path: str, redis_server: Redis) -> None:
    answers = under_asgi(path, times=4)
    assert statuses(answers) == [200, 200, 429, 429]
    assert answers[0]["RateLimit-Policy"] == answers[3]["RateLimit-Policy"] == '"login";q=2;w=60'
    assert redis_server.keys("*") == [b"rl:{login:127.0.0.1}:60"]


@pytest.mark.parametrize("path", ASYNC_DOORS)
def test_the_third_request_is_refused_at_every_async_door_under_wsgi(client: Client, path: str) -> None:
    assert [client.post(path).status_code for _ in range(4)] == [200, 200, 429, 429]


@pytest.mark.parametrize("path", [*ASYNC_DOORS, *SYNC_DOORS])
def test_default_holds_for_the_methods_that_are_left(path: str) -> None:
    answers = under_asgi(path, times=4, method="get")
    assert statuses(answers) == [200, 200, 200, 429]
    assert answers[0]["RateLimit-Policy"].startswith('"default-86400"')


def test_default_holds_under_asgi(redis_server: Redis) -> None:
    assert statuses(under_asgi("/async-plain", times=4)) == [200, 200, 200, 429]
    assert statuses(under_asgi("/leads-nowhere", times=1)) == [429]


def test_a_decorated_view_stays_async() -> None:
    assert iscoroutinefunction(by_decorator)
    assert not iscoroutinefunction(views.by_decorator)


def test_decorators_with_another_between_give_back(redis_server: Redis) -> None:
    assert statuses(under_asgi("/async-two", times=4)) == [200, 200, 429, 429]
    assert redis_server.get("rl:{outer:127.0.0.1}:60") == b"2"


def test_what_does_not_count_is_given_back(redis_server: Redis) -> None:
    making.put_in_force(making.policy("outer", Rate(9, 60), counts=Counts.CLIENT_ERRORS))
    for code in (200, 404, 200):
        under_asgi(f"/async-status/{code}", times=1)
    assert redis_server.get("rl:{outer:127.0.0.1}:60") == b"1"


def test_async_code_may_check(redis_server: Redis) -> None:
    making.put_in_force(LOGIN)
    answers = under_asgi("/async-check", times=3)
    assert statuses(answers) == [200, 200, 409]
    assert answers[0]["RateLimit"].startswith('"login";r=1;')


@with_users
def test_users_are_told_apart_under_asgi(redis_server: Redis, admin_user: AbstractBaseUser) -> None:
    making.put_in_force(making.policy("login", Rate(2, 60), key=ClientKey("user")))
    client = AsyncClient()
    client.force_login(admin_user)  # type: ignore[arg-type]
    assert statuses(under_asgi("/async", times=3, client=client)) == [200, 200, 429]
    assert statuses(under_asgi("/async", times=1)) == [200]
    expected = {f"rl:{{login:user={admin_user.pk}}}:60", "rl:{login:user=@127.0.0.1}:60"}
    assert {key.decode() for key in redis_server.keys("*")} == expected


@with_users
def test_who_is_not_counted_as_a_user_is_not_looked_up(
    redis_server: Redis, admin_user: AbstractBaseUser, django_assert_num_queries: Any
) -> None:
    client = AsyncClient()
    client.force_login(admin_user)  # type: ignore[arg-type]
    with django_assert_num_queries(0):
        answers = under_asgi("/async", times=1, client=client)
    assert "Cookie" not in answers[0].get("Vary", "")


def test_many_at_once_are_each_counted_once(redis_server: Redis) -> None:
    making.put_in_force(making.policy("login", Rate(10, 60)))

    async def ask() -> list[HttpResponse]:
        client = AsyncClient()
        return await asyncio.gather(*(client.post("/async") for _ in range(25)))  # type: ignore[arg-type]

    assert sorted(statuses(asyncio.run(ask()))) == [200] * 10 + [429] * 15


@pytest.mark.usefixtures("clock")
def test_a_known_refusal_asks_nobody_under_asgi(round_trips: list[str]) -> None:
    making.put_in_force(LOGIN)
    under_asgi("/async", times=3)
    round_trips.clear()
    assert statuses(under_asgi("/async", times=2)) == [429, 429]
    assert round_trips == []
