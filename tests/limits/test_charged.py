"""Counting by outcome: charged first, and given back once when the outcome does not count."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from django.contrib.auth import authenticate
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client, RequestFactory
from django.urls import path

import limits
from limits import charged
from limits.core.policies import Algorithm, Counts
from limits.core.rates import Rate
from limits.enforcement import check_policies
from tests.limits import making, views

Redis = redis.Redis
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


def routed(request: HttpRequest, code: int) -> HttpResponse:
    return HttpResponse(status=code)


urlpatterns = [
    path("status/<int:code>", status),
    path("teapot/<int:code>", teapot),
    path("teapot-without", teapot_without),
    path("raises/<kind>", raises),
    path("log-in", log_in),
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


def test_a_login_without_a_request_is_no_concern_of_ours() -> None:
    assert authenticate(username="nobody", password="x") is None
