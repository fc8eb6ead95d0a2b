"""`override_policy`, for the tests of sites."""

import asyncio
import unittest

import pytest
import redis

import limits
from limits import override_policy
from limits.core import snapshots
from limits.core.client_keys import parse_client_key
from limits.core.policies import Mode
from limits.core.rates import Rate
from limits.in_force import policies_in_force
from limits.store import documents
from tests.conftest import Clock
from tests.limits import making

Redis = redis.Redis


def rates(slug: str = "login") -> tuple[Rate, ...] | None:
    policy = policies_in_force.policy(slug)
    return policy.rates if policy else None


@pytest.fixture(autouse=True)
def in_force() -> None:
    making.put_in_force(making.policy("login", Rate(5, 60)))


def test_a_block_has_another_policy_and_then_the_old_one() -> None:
    with override_policy("login", rates="2/m", key="ip and field:username", methods=["POST"]) as policy:
        assert policies_in_force.policy("login") == policy
        assert policy.rates == (Rate(2, 60),)
        assert policy.key == parse_client_key("ip and field:username")
        assert policy.title == "Login"
    assert rates() == (Rate(5, 60),)
    assert "take" not in vars(policies_in_force)


def test_what_raises_puts_it_back_too() -> None:
    with pytest.raises(KeyError), override_policy("login", mode="off"):
        raise KeyError
    assert rates() == (Rate(5, 60),)


def test_they_nest() -> None:
    with override_policy("login", rates="4/m"):
        with override_policy("login", mode="shadow") as inner:
            assert (inner.rates, inner.mode) == ((Rate(4, 60),), Mode.SHADOW)
        with override_policy("other", rates="1/m"):
            assert (rates(), rates("other")) == ((Rate(4, 60),), (Rate(1, 60),))
        assert (rates(), rates("other")) == ((Rate(4, 60),), None)
    assert rates() == (Rate(5, 60),)


def test_a_policy_that_is_not_there_is_made() -> None:
    with override_policy("new", rates="20/h, 3/m"):
        assert rates("new") == (Rate(20, 3600), Rate(3, 60))
    assert rates("new") is None
    with override_policy("new", mode="off") as policy:
        assert policy.mode is Mode.OFF


def test_a_policy_that_is_not_there_needs_rates() -> None:
    with pytest.raises(ValueError, match="give its rates"), override_policy("new", mode="shadow"):
        pass
    assert "take" not in vars(policies_in_force)


@pytest.mark.parametrize("changes", [{"rate": "5/m"}, {"slug": "x"}, {"enabled": False}])
def test_a_field_that_there_is_not_is_a_type_error(changes: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        override_policy("login", **changes)


@pytest.mark.parametrize(
    "changes",
    [{"rates": "100/week"}, {"mode": "maybe"}, {"key": "nobody"}, {"methods": "BREW"}, {"algorithm": "leaky"}],
)
def test_a_value_that_cannot_be_is_a_value_error(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its kind is the promise
        override_policy("login", **changes)


def test_it_neither_asks_nor_tells_redis(redis_server: Redis, round_trips: list[str]) -> None:
    with override_policy("login", rates="2/m"):
        pass
    assert round_trips == []


def test_it_outlasts_a_change_that_comes_from_redis(redis_server: Redis, clock: Clock) -> None:
    edited = snapshots.take([making.policy("login", Rate(7, 60)), making.policy("more", Rate(1, 60))], revision=2)
    with override_policy("login", rates="2/m"):
        documents.publish(edited, seen="")
        clock.now += 10
        assert rates("more") == (Rate(1, 60),)
        assert rates() == (Rate(2, 60),)
    assert rates() == (Rate(7, 60),)
    assert policies_in_force.snapshot == edited


def test_a_site_s_test_needs_no_redis() -> None:
    with override_policy("login", rates="4/m", without_redis="count-here"):
        # Two processes share the limit.
        decisions = [limits.check(making.request(), "login") for _ in range(3)]
    assert [decision.allowed for decision in decisions if decision] == [True, True, False]


def test_policies_by_path_are_found_and_gone_again() -> None:
    with override_policy("by-path", rates="1/m", path="/x"):
        assert [p.slug for p in policies_in_force.routed().policies(path="/x", view="", method="GET")] == ["by-path"]
    assert policies_in_force.routed().are_none


def test_a_function_and_an_async_one_are_decorated() -> None:
    @override_policy("login", rates="2/m")
    def sync_test() -> tuple[Rate, ...] | None:
        return rates()

    @override_policy("login", rates="3/m")
    async def async_test() -> tuple[Rate, ...] | None:
        await asyncio.sleep(0)
        return rates()

    assert sync_test() == sync_test() == (Rate(2, 60),)
    assert asyncio.run(async_test()) == (Rate(3, 60),)
    assert rates() == (Rate(5, 60),)


@pytest.mark.parametrize("base", [unittest.TestCase, unittest.IsolatedAsyncioTestCase])
def test_every_test_of_a_test_case_is_decorated(base: type[unittest.TestCase]) -> None:
    seen = []

    @override_policy("login", rates="2/m")
    class Case(base):  # type: ignore[valid-type,misc]
        def setUp(self) -> None:
            seen.append(rates())

        def test_as_the_class_says(self) -> None:
            seen.append(rates())

        @override_policy("login", rates="1/m")
        def test_as_the_method_says(self) -> None:
            seen.append(rates())

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
    assert result.wasSuccessful()
    assert seen == [(Rate(2, 60),), (Rate(2, 60),), (Rate(2, 60),), (Rate(1, 60),)]
    assert rates() == (Rate(5, 60),)


def test_a_plain_class_of_tests_is_decorated() -> None:
    @override_policy("login", rates="2/m")
    class Tests:
        def test_it(self) -> tuple[Rate, ...] | None:
            return rates()

        def not_a_test(self) -> tuple[Rate, ...] | None:
            return rates()

    assert Tests().test_it() == (Rate(2, 60),)
    assert Tests().not_a_test() == (Rate(5, 60),)
