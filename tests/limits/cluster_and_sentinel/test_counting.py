"""What holds on one server holds on a Cluster and behind Sentinels."""

from typing import Any

import pytest

from limits.core import snapshots
from limits.core.decisions import Claim
from limits.core.policies import Algorithm, Mode, Policy
from limits.core.rates import Rate
from limits.enforcement import check, check_policies
from limits.refusals import refusals
from limits.store import connection, counters, documents, live, overrides, tallies
from tests.limits import making
from tests.limits.cluster_and_sentinel.counting import DAY, HOUR, allowed

pytestmark = pytest.mark.server


def a_policy(algorithm: Algorithm, slug: str = "login", **changes: Any) -> Policy:
    """Return a policy that lets 5 through, and no more for hours; a month has few edges."""
    if algorithm is Algorithm.TOKEN_BUCKET:
        return making.policy(slug, Rate(1, DAY, burst=5), algorithm=algorithm, **changes)
    return making.policy(slug, Rate(5, 30 * DAY), algorithm=algorithm, **changes)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_every_algorithm_counts_exactly(algorithm: Algorithm, there: str) -> None:
    making.put_in_force(a_policy(algorithm))
    assert allowed("login", requests=8) == 5


@pytest.mark.parametrize("algorithm", Algorithm)
def test_several_policies_are_charged_together_or_not_at_all(algorithm: Algorithm, there: str) -> None:
    narrow = a_policy(algorithm)
    wide = making.policy("default", Rate(20, DAY), Rate(30, 2 * DAY))
    making.put_in_force(narrow, wide)
    for order in (("default", "login"), ("login", "default")):
        connection.client().flushall()
        refusals.forget_all()
        assert allowed(*order, requests=8) == 5
        (client,) = live.read([(wide, "203.0.113.9")])
        assert [usage.used for usage in client.usages] == [5, 5]


def test_a_round_trip_for_each_policy_on_a_cluster_and_one_elsewhere(there: str, round_trips: list[str]) -> None:
    policies = [making.policy(slug, Rate(9, DAY), Rate(8, HOUR)) for slug in "abc"]
    making.put_in_force(*policies)
    allowed("a", "b", "c", requests=1)
    round_trips.clear()
    allowed("a", "b", "c", requests=1)
    assert round_trips == ["EVALSHA"] * (3 if there == "cluster" else 1)


def test_a_shadow_and_a_penalty_hold(there: str) -> None:
    making.put_in_force(
        a_policy(Algorithm.FIXED_WINDOW, "tried", mode=Mode.SHADOW),
        making.policy("login", Rate(7, DAY), penalty_seconds=60),
    )
    assert allowed("tried", "login", requests=9) == 7
    decision = check(making.request(), "login")
    assert decision
    assert decision.wait_milliseconds > 0


@pytest.mark.parametrize("algorithm", Algorithm)
def test_charges_are_given_back(algorithm: Algorithm, there: str) -> None:
    policies = [a_policy(algorithm), making.policy("default", Rate(20, DAY), Rate(30, 2 * DAY))]
    making.put_in_force(*policies)
    for _ in range(10):
        request = making.request()
        decisions = check_policies(request, policies)
        assert all(decision.allowed for decision in decisions)
        counters.give_back([(decision.claim, 0) for decision in decisions])
    assert allowed("login", "default", requests=8) == 5


def test_refusals_are_answered_from_memory(there: str, round_trips: list[str]) -> None:
    making.put_in_force(a_policy(Algorithm.FIXED_WINDOW))
    allowed("login", requests=6)
    round_trips.clear()
    assert allowed("login", requests=5) == 0
    assert round_trips == []


def test_policies_and_overrides_are_published_and_found(there: str) -> None:
    snapshot = snapshots.take([making.policy()], revision=1)
    assert documents.publish(snapshot, seen="")
    assert documents.published() == documents.Published(snapshot.version, snapshot.document)
    part = overrides.Part("v1", ("a line",))
    assert overrides.publish({3: part}, seen={}) == 1
    assert overrides.parts([3]) == {3: part}
    seen = documents.look()
    assert seen.policies == snapshot.version
    assert seen.overrides


def test_live_counters_are_found_and_forgotten(there: str) -> None:
    policy = making.policy("default", Rate(3, DAY), Rate(2, HOUR))
    for client in "abcde":
        counters.charge([Claim(policy, client)])
    assert set(live.sample(policy).clients) == set("abcde")
    windows = [(policy.algorithm, rate.window_seconds) for rate in policy.rates]
    epoch = documents.look().epoch
    assert live.forget("default", client="a", windows=windows) == 2
    assert set(live.sample(policy).clients) == set("bcde")
    assert documents.look().epoch != epoch


def test_tallies_are_written_and_read(there: str) -> None:
    tallies.write(tallies.Batch("sender", 1, {29_000_000: {"login": (1, 2, 3, 4)}}, ()))
    assert tallies.changed().minutes[29_000_000]["login"] == [1, 2, 3, 4]
