"""Counting by outcome: charged first, and given back once when the outcome does not count."""

import asyncio
import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from django.contrib.auth import aauthenticate, authenticate
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import AsyncClient, Client, RequestFactory
from django.urls import path
from django.views.decorators.cache import never_cache

import limits
from limits import charged
from limits.core.decisions import Basis
from limits.core.policies import Algorithm, Counts, Policy, WithoutRedis
from limits.core.rates import Rate
from limits.enforcement import check_policies
from limits.store.connection import breaker
from tests.limits import making, views

Redis = redis.Redis
Settings = Any  # pytest-django's
pytestmark = [pytest.mark.urls("tests.limits.test_charged"), pytest.mark.django_db]
COUNTER = "rl:{login:127.0.0.1}:60"
BURST = 20


def _is_teapot(response: HttpResponseBase) -> bool:
    return response.status_code == 418


@limits.limit("login")
def status(request: HttpRequest, code: int) -> HttpResponse:
    return HttpResponse(status=code)


@limits.limit("login", counts_when=_is_teapot)
def teapot(request: HttpRequest, code: int) -> HttpResponse:
    return HttpResponse(status=code)


@limits.limit("outer", counts_when=_is_teapot)
@limits.limit("login")
def teapot_without(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=418)


@limits.limit("login")
def raises(request: HttpRequest, kind: str) -> HttpResponse:
    raise Http404 if kind == "404" else RuntimeError("for a test")


@limits.limit("login")
def log_in(request: HttpRequest) -> HttpResponse:
    user = authenticate(request, username=request.POST["username"], password=request.POST["password"])
    return HttpResponse("in" if user else "try again")


@limits.limit("login")
def log_in_without_request(request: HttpRequest) -> HttpResponse:
    user = authenticate(username=request.POST["username"], password=request.POST["password"])
    return HttpResponse("in" if user else "try again")


@limits.limit("login")
async def log_in_async(request: HttpRequest) -> HttpResponse:
    user = await aauthenticate(username=request.POST["username"], password=request.POST["password"])
    return HttpResponse("in" if user else "try again")


def log_in_behind_a_route(request: HttpRequest) -> HttpResponse:
    authenticate(username="nobody", password="a guess")
    return HttpResponse("try again")


@limits.limit("outer")
@never_cache
@limits.limit("login")
def behind_two(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


def routed(request: HttpRequest, code: int) -> HttpResponse:
    return HttpResponse(status=code)


urlpatterns = [
    path("status/<int:code>", status),
    path("teapot/<int:code>", teapot),
    path("teapot-without", teapot_without),
    path("raises/<kind>", raises),
    path("log-in", log_in),
    path("log-in-without-request", log_in_without_request),
    path("log-in-async", log_in_async),
    path("log-in-routed", log_in_behind_a_route, name="log-in-routed"),
    path("two", behind_two),
    path("routed/<int:code>", routed, name="routed"),
    *views.urlpatterns,
]


def policy(counts: Counts, *, limit: int = 2, algorithm: Algorithm = Algorithm.FIXED_WINDOW, view: str = "") -> None:
    made = making.policy("login", Rate(limit, 60), counts=counts, algorithm=algorithm, view=view)
    making.put_in_force(made, making.policy("outer", Rate(9, 60)))


def count(redis_server: Redis) -> int:
    return int(redis_server.get(COUNTER) or 0)


@pytest.mark.parametrize("prefix", ["/status", "/routed"])
def test_only_errors_of_the_client_stay_counted(client: Client, redis_server: Redis, prefix: str) -> None:
    policy(Counts.CLIENT_ERRORS, view="routed")
    asked = [client.get(f"{prefix}/{code}").status_code for code in (200, 302, 500, 404, 200, 403, 200)]
    assert asked == [200, 302, 500, 404, 200, 403, 429]
    assert count(redis_server) == 2


@pytest.mark.usefixtures("clock")
def test_what_is_given_back_costs_two_round_trips(client: Client, redis_server: Redis, round_trips: list[str]) -> None:
    policy(Counts.CLIENT_ERRORS)
    client.get("/status/200")
    round_trips.clear()
    client.get("/status/200")
    assert round_trips == ["EVALSHA", "EVALSHA"]
    round_trips.clear()
    client.get("/status/404")
    assert round_trips == ["EVALSHA"]


def test_what_a_view_raises_is_judged_by_its_answer(client: Client, redis_server: Redis) -> None:
    policy(Counts.CLIENT_ERRORS)
    client.raise_request_exception = False
    assert client.get("/raises/404").status_code == 404
    assert count(redis_server) == 1
    assert client.get("/raises/500").status_code == 500
    assert count(redis_server) == 1


def test_code_may_say_which_answers_count(client: Client, redis_server: Redis) -> None:
    policy(Counts.EVERY)
    assert [client.get(f"/teapot/{code}").status_code for code in (200, 404, 418, 418, 418)] == [
        200,
        404,
        418,
        418,
        429,
    ]
    assert count(redis_server) == 2


def test_each_door_judges_for_itself(client: Client, redis_server: Redis) -> None:
    policy(Counts.CLIENT_ERRORS)
    client.get("/teapot-without")
    assert redis_server.get("rl:{outer:127.0.0.1}:60") == b"1"
    assert count(redis_server) == 1


def test_only_failed_logins_stay_counted(client: Client, redis_server: Redis, admin_user: AbstractBaseUser) -> None:
    policy(Counts.FAILED_LOGINS)

    def log_in(password: str) -> HttpResponse:
        return client.post("/log-in", {"username": admin_user.get_username(), "password": password})  # type: ignore[return-value]

    tried = [log_in(password) for password in ("password", "password", "wrong", "password", "wrong", "password")]
    assert [(answer.status_code, answer.content[:9]) for answer in tried[:5]] == [
        (200, b"in"),
        (200, b"in"),
        (200, b"try again"),
        (200, b"in"),
        (200, b"try again"),
    ]
    assert tried[5].status_code == 429
    assert count(redis_server) == 2


def test_the_site_s_own_login_page_tells_of_failures(client: Client, redis_server: Redis) -> None:
    policy(Counts.FAILED_LOGINS)
    for _ in range(3):
        answer = client.post("/login/", {"username": "nobody@example.org", "password": "wrong"})
    assert answer.status_code == 429
    assert count(redis_server) == 2


@pytest.mark.parametrize("algorithm", Algorithm)
def test_what_is_given_back_can_be_used_again(client: Client, redis_server: Redis, algorithm: Algorithm) -> None:
    policy(Counts.CLIENT_ERRORS, algorithm=algorithm)
    assert {client.get("/status/200").status_code for _ in range(10)} == {200}
    assert [client.get("/status/404").status_code for _ in range(3)] == [404, 404, 429]


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_burst_at_once_does_not_slip_through(redis_server: Redis, algorithm: Algorithm) -> None:
    policy(Counts.CLIENT_ERRORS, limit=5, algorithm=algorithm)
    (in_force,) = (p for p in [limits.enforcement.policies_in_force.policy("login")] if p)
    together = threading.Barrier(BURST)

    def ask(number: int) -> bool:
        request = RequestFactory().get("/", REMOTE_ADDR="127.0.0.1")
        together.wait()
        (decision,) = check_policies(request, [in_force])
        together.wait()
        charged.settle(request, HttpResponse(status=404 if number % 2 else 200))
        return decision.allowed

    with ThreadPoolExecutor(BURST) as threads:
        assert sum(threads.map(ask, range(BURST))) == 5
    connection.close()


def test_a_charge_is_given_back_once(redis_server: Redis) -> None:
    policy(Counts.CLIENT_ERRORS)
    requests = [making.request(address="127.0.0.1") for _ in range(2)]
    for request in requests:
        limits.check(request, "login")
    for _ in range(3):
        charged.settle(requests[0], HttpResponse())
    assert count(redis_server) == 1


def test_a_refusal_gives_back_nothing(client: Client, redis_server: Redis) -> None:
    policy(Counts.CLIENT_ERRORS)
    for code in (404, 404, 200, 200):
        client.get(f"/status/{code}")
    assert count(redis_server) == 2


def test_a_window_that_ended_meanwhile_gives_back_nothing(redis_server: Redis) -> None:
    policy(Counts.CLIENT_ERRORS)
    early, late = (making.request(address="127.0.0.1") for _ in range(2))
    limits.check(early, "login")
    redis_server.delete(COUNTER)
    early.__dict__[charged._NOTED][0].at -= 30
    limits.check(late, "login")
    charged.settle(early, HttpResponse())
    assert count(redis_server) == 1


def test_looking_is_not_given_back(redis_server: Redis) -> None:
    policy(Counts.CLIENT_ERRORS)
    limits.check(making.request(address="127.0.0.1"), "login")
    looking = making.request(address="127.0.0.1")
    limits.check(looking, "login", cost=0)
    charged.settle(looking, HttpResponse())
    assert count(redis_server) == 1


def test_a_redis_that_went_away_meanwhile_gives_back_nothing_and_raises_nothing() -> None:
    policy(Counts.CLIENT_ERRORS)
    request = making.request()
    limits.check(request, "login")
    charged.settle(request, HttpResponse())


# A failed login of which Django's signal does not tell the request


@pytest.mark.parametrize("path", ["/log-in-without-request", "/log-in-async", "/log-in-routed"])
def test_a_failed_login_counts_for_the_request_in_hand(client: Client, redis_server: Redis, path: str) -> None:
    policy(Counts.FAILED_LOGINS, view="log-in-routed")
    tried = [client.post(path, {"username": "nobody", "password": str(number)}).status_code for number in range(4)]
    assert tried == [200, 200, 429, 429]
    assert count(redis_server) == 2


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("path", ["/log-in-without-request", "/log-in-async", "/log-in-routed"])
def test_a_failed_login_counts_for_the_request_in_hand_under_asgi(redis_server: Redis, path: str) -> None:
    policy(Counts.FAILED_LOGINS, view="log-in-routed")

    async def try_together() -> list[int]:
        client, told = AsyncClient(), {"username": "nobody", "password": "a guess"}
        answers = await asyncio.gather(*[client.post(path, told) for _ in range(4)])
        return sorted(answer.status_code for answer in answers)

    assert asyncio.run(try_together()) == [200, 200, 429, 429]
    assert count(redis_server) == 2


def test_logging_in_without_telling_the_request_stays_free(
    client: Client, redis_server: Redis, admin_user: AbstractBaseUser
) -> None:
    policy(Counts.FAILED_LOGINS)
    right = {"username": admin_user.get_username(), "password": "password"}
    assert {client.post("/log-in-without-request", right).status_code for _ in range(4)} == {200}
    assert count(redis_server) == 0


def test_a_failed_login_counts_for_no_request_of_another_thread(redis_server: Redis) -> None:
    policy(Counts.FAILED_LOGINS)
    request = making.request(address="127.0.0.1")
    limits.check(request, "login")
    with ThreadPoolExecutor(1) as threads:
        threads.submit(charged.note_failed_login, None).result()
    charged.settle(request, HttpResponse())
    assert count(redis_server) == 0


def test_a_request_that_is_over_is_kept_by_nothing(redis_server: Redis) -> None:
    policy(Counts.FAILED_LOGINS)
    request = making.request()
    limits.check(request, "login")
    kept = weakref.ref(request)
    del request
    gc.collect()
    assert kept() is None
    charged.note_failed_login(None)


# Several charges on one request


def test_each_charge_is_given_back_by_its_own_age(redis_server: Redis) -> None:
    making.put_in_force(*[making.policy(slug, Rate(9, 60), counts=Counts.CLIENT_ERRORS) for slug in ("login", "outer")])
    request = making.request(address="127.0.0.1")
    limits.check(request, "login")
    # As if that had been some 29 seconds ago.
    redis_server.pexpire(COUNTER, 30_000)
    request.__dict__[charged._NOTED][0].at -= 29
    limits.check(request, "outer")
    charged.settle(request, HttpResponse())
    assert redis_server.mget(COUNTER, "rl:{outer:127.0.0.1}:60") == [b"0", b"0"]


def count_here(*slugs: str, counts: Counts = Counts.EVERY, limit: int = 2) -> list[Policy]:
    """Return policies that are counted in this process while Redis is away."""
    return [
        making.policy(slug, Rate(limit, 60), counts=counts, without_redis=WithoutRedis.COUNT_HERE) for slug in slugs
    ]


def test_without_redis_only_failed_logins_stay_counted(
    client: Client, admin_user: AbstractBaseUser, settings: Settings
) -> None:
    settings.LIMITS_PROCESSES = 1
    making.put_in_force(*count_here("login", counts=Counts.FAILED_LOGINS))
    right = {"username": admin_user.get_username(), "password": "password"}
    tried = [right] * 4 + [right | {"password": "wrong"}] * 2 + [right]
    assert [client.post("/log-in", told).status_code for told in tried] == [200] * 6 + [429]


def test_without_redis_what_an_inner_door_refuses_is_given_back_by_the_outer(
    client: Client, settings: Settings
) -> None:
    settings.LIMITS_PROCESSES = 1
    (outer,) = count_here("outer", limit=4)
    making.put_in_force(outer, *count_here("login"))
    assert [client.get("/two").status_code for _ in range(5)] == [200, 200, 429, 429, 429]
    left = limits.check(making.request(address="127.0.0.1"), "outer", cost=0)
    assert left
    assert left.states[0].remaining == 2


def test_what_was_charged_there_and_here_goes_back_to_where_it_was(redis_server: Redis, settings: Settings) -> None:
    settings.LIMITS_PROCESSES = 1
    making.put_in_force(*count_here("login", "outer", counts=Counts.CLIENT_ERRORS))
    request = making.request(address="127.0.0.1")
    limits.check(request, "login")
    breaker.failed("for a test")
    breaker.kept()
    limits.check(request, "outer")
    breaker.succeeded()
    charged.settle(request, HttpResponse())
    assert count(redis_server) == 0
    breaker.failed("for a test")
    left = limits.check(making.request(address="127.0.0.1"), "outer", cost=0)
    assert left
    assert (left.basis, left.states[0].remaining) == (Basis.HERE, 2)


def test_a_login_without_a_request_is_no_concern_of_ours() -> None:
    assert authenticate(username="nobody", password="x") is None
