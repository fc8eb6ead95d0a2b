"""What docs/coming-from.md says to users of other limiters, where no other test shows it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django_ratelimit.core import is_ratelimited
from django_ratelimit.decorators import ratelimit
from django_ratelimit.exceptions import Ratelimited

import limits
from limits.core.client_keys import parse_client_key
from limits.core.policies import Counts, Policy
from limits.core.rates import Rate, parse_rates
from tests.limits import making

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_server"), pytest.mark.urls("tests.limits.views")]
TWICE = making.policy("login", Rate(2, 60))


def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=int(request.GET.get("status", 200)))


def statuses(limited: Callable[..., Any], *queries: str) -> list[int]:
    """Return what a view behind a limit answers to one client's requests with these queries."""

    def answer(query: str) -> int:
        request = making.request()
        request.META["QUERY_STRING"] = query
        status: int = limited(request).status_code
        return status

    return [answer(query) for query in queries]


def test_exempt_when_is_a_cost_of_nothing() -> None:
    making.put_in_force(TWICE)
    limited = limits.limit("login", cost=lambda request: 0 if "internal" in request.GET else 1)(view)
    assert statuses(limited, "", "", "", "internal", "internal") == [200, 200, 429, 200, 200]


def test_cost_is_a_number_or_a_function() -> None:
    making.put_in_force(making.policy("login", Rate(5, 60)))
    assert statuses(limits.limit("login", cost=2)(view), "", "", "") == [200, 200, 429]


def test_deduct_when_is_counts_when() -> None:
    making.put_in_force(TWICE)
    limited = limits.limit("login", counts_when=lambda response: response.status_code == 404)(view)
    queries = ["status=200"] * 4 + ["status=404"] * 3
    assert statuses(limited, *queries) == [200] * 4 + [404, 404, 429]


def test_counting_failures_alone_is_a_field_of_the_policy() -> None:
    making.put_in_force(making.policy("login", Rate(2, 60), counts=Counts.CLIENT_ERRORS))
    queries = ["status=200"] * 4 + ["status=404"] * 3
    assert statuses(limits.limit("login")(view), *queries) == [200] * 4 + [404, 404, 429]


def test_application_limits_are_a_policy_for_every_path(client: Client) -> None:
    making.put_in_force(making.policy("login", Rate(9, 60)), making.policy("all", Rate(3, 60), path="/**"))
    paths = ("/plain", "/decorator", "/nowhere", "/plain")
    assert [client.get(path).status_code for path in paths] == [200, 200, 404, 429]
    assert '"all";q=3;w=60' in client.get("/decorator")["RateLimit-Policy"]


def test_a_limit_for_each_host_is_a_key() -> None:
    making.put_in_force(making.policy("login", Rate(1, 60), key=parse_client_key("header:Host")))
    verdicts = [limits.check(making.request(Host=host), "login") for host in ("a.example", "b.example", "a.example")]
    assert [decision.allowed for decision in verdicts if decision] == [True, True, False]


def test_a_key_of_one_s_own_is_what_hit_is_given() -> None:
    making.put_in_force(making.policy("country", Rate(1, 60), key=parse_client_key("header:X-Country")))
    verdicts = [limits.hit("country", country) for country in ("AT", "NZ", "AT")]
    assert [decision.allowed for decision in verdicts if decision] == [True, True, False]


def test_django_ratelimit_s_own_keys_go_on_with_a_rate_of_the_admin() -> None:
    making.put_in_force(TWICE)
    limited: Any = ratelimit(group="login", key=lambda group, request: "everybody", rate="limits.rate_for")(view)
    assert statuses(limited, "", "") == [200, 200]
    with pytest.raises(Ratelimited):
        statuses(limited, "")


def test_looking_without_counting_tells_what_is_left() -> None:
    making.put_in_force(TWICE)
    for left in (2, 1, 0):
        decision = limits.check(making.request(), "login", cost=0)
        assert decision is not None
        assert decision.states[0].remaining == left
        assert is_ratelimited(
            making.request(), group="login", key="limits.key_for", rate="limits.rate_for", increment=False
        ) is (left == 0)
        limits.check(making.request(), "login")


def test_several_limits_are_rates_of_one_policy_or_several_policies() -> None:
    making.put_in_force(making.policy("login", *parse_rates("100/day, 2/minute")), making.policy("outer", Rate(1, 60)))
    assert statuses(limits.limit("outer", "login")(view), "", "") == [200, 429]
    assert statuses(limits.limit("login")(view), "", "") == [200, 429]


@pytest.mark.parametrize("rates", ["1000/month", "2000 per year", "0/s"])
def test_months_years_and_no_requests_at_all_are_not_here(rates: str) -> None:
    with pytest.raises(ValueError, match=r"not a unit here|31 days at most|from 1 to"):
        parse_rates(rates)


def test_a_policy_is_changed_for_one_test() -> None:
    def allowed() -> list[bool]:
        return [decision.allowed for _ in range(2) if (decision := limits.check(making.request(), "login"))]

    making.put_in_force(TWICE)
    with limits.override_policy("login", rates="1/m") as policy:
        assert isinstance(policy, Policy)
        assert allowed() == [True, False]
