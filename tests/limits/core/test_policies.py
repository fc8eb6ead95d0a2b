from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from limits.core.policies import METHODS, Algorithm, Mode
from limits.core.rates import Rate
from tests.limits.making import policy


def test_a_policy_without_methods_looks_at_every_request() -> None:
    assert all(policy().covers(method) for method in (*METHODS, "HEAD", "TRACE", "BREW", ""))


def test_a_policy_looks_at_its_methods_only() -> None:
    posts = policy(methods=("POST", "PUT"))
    assert [method for method in METHODS if posts.covers(method)] == ["POST", "PUT"]


def test_a_head_request_counts_as_the_get_that_it_is() -> None:
    assert policy(methods=("GET",)).covers("HEAD")
    assert not policy(methods=("POST",)).covers("HEAD")


def test_a_policy_that_is_off_looks_at_nothing() -> None:
    assert not any(policy(mode=Mode.OFF).covers(method) for method in METHODS)


def test_a_policy_in_shadow_looks_as_one_that_is_enforced_does() -> None:
    shadow = policy(mode=Mode.SHADOW, methods=("POST",))
    assert [method for method in METHODS if shadow.covers(method)] == ["POST"]


def test_one_fixed_window_at_cost_one_is_plain() -> None:
    assert policy().is_plain


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": Algorithm.SLIDING_WINDOW},
        {"algorithm": Algorithm.TOKEN_BUCKET},
        {"rates": (Rate(50, 3_600), Rate(5, 60))},
        {"cost": 2},
        {"penalty_seconds": 1},
    ],
)
def test_anything_more_is_not_plain(changes: dict[str, Any]) -> None:
    assert not policy(**changes).is_plain


def test_a_policy_cannot_be_changed_in_place() -> None:
    with pytest.raises(FrozenInstanceError):
        policy().mode = Mode.OFF  # type: ignore[misc]


def test_policies_with_other_rates_are_told_apart_by_their_hash() -> None:
    """Overrides make many of one policy: in one bucket each look-up would compare them all."""
    made = {hash(policy("login", Rate(limit, 60))) for limit in range(1, 1_001)}
    assert len(made) > 990
