"""The line in the admin's header while the limiter is degraded."""

import html

import pytest
import redis
from django.test import Client

from limits.core.policies import Mode, WithoutRedis
from limits.in_force import policies_in_force
from limits.store.connection import breaker
from limits.templatetags.limiter import what_holds
from portal.accounts.models import User
from tests.conftest import Clock
from tests.limits import making

Redis = redis.Redis


@pytest.fixture
def admin(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("chief", "chief@example.org"))
    return client


def header(client: Client, path: str = "/admin/") -> str:
    return html.unescape(client.get(path).content.decode())


def test_while_all_is_well_there_is_no_line(admin: Client, redis_server: Redis) -> None:
    assert "Limiter degraded" not in header(admin)


def test_it_says_what_ails_since_when_and_what_holds(admin: Client, clock: Clock) -> None:
    making.put_in_force(making.policy("login", without_redis=WithoutRedis.REFUSE), making.policy("default"))
    policies_in_force._looks_again_at = clock.now + 1_000
    breaker.kept()
    breaker.failed("Connection refused")
    clock.now += 180
    breaker.kept()
    page = header(admin)
    assert "Limiter degraded</strong> for 3 minutes: Redis does not answer (Connection refused)." in page
    assert "let through uncounted: default; refused: login." in page


def test_errors_of_a_redis_that_answers_are_told_as_such(admin: Client, redis_server: Redis) -> None:
    breaker.refused("READONLY You can't write against a read only replica")
    assert "for less than a minute: Redis answers by errors (READONLY" in header(admin)


def test_who_is_not_logged_in_is_not_told(db: None, redis_server: Redis) -> None:
    breaker.refused("READONLY")
    assert "Limiter degraded" not in header(Client(), "/admin/login/")


def test_of_many_policies_some_are_named_and_those_that_are_off_are_not() -> None:
    policies = [making.policy(f"p{number}") for number in range(8)]
    policies.append(making.policy("off", mode=Mode.OFF))
    policies.append(making.policy("here", without_redis=WithoutRedis.COUNT_HERE))
    assert what_holds(policies) == (
        "let through uncounted: p0, p1, p2, p3, p4 and 3 other policies; counted in each process by its share: here"
    )


def test_one_more_policy_than_are_named_is_named_too() -> None:
    policies = [making.policy(f"p{number}") for number in range(6)]
    assert what_holds(policies) == "let through uncounted: p0, p1, p2, p3, p4, p5"
