import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limits.core import snapshots
from limits.core.policies import METHODS, ClientKey, Policy
from limits.core.rates import Rate
from limits.core.snapshots import EMPTY, Difference, SnapshotError
from tests.limits.making import policy

rates = st.builds(Rate, st.integers(1, 10_000_000), st.integers(1, 31 * 86_400))
several_rates = st.lists(rates, min_size=1, max_size=4, unique_by=lambda rate: rate.window_seconds)
policies = st.builds(
    Policy,
    slug=st.sampled_from(["login", "api-search", "a", "0-1"]),
    title=st.text(max_size=20),
    enabled=st.booleans(),
    key=st.sampled_from(
        [
            ClientKey("ip"),
            ClientKey("user"),
            ClientKey("user or ip"),
            ClientKey("header", "X-Api-Key"),
            ClientKey("field", "order[id]"),
        ]
    ),
    methods=st.sets(st.sampled_from(METHODS)).map(lambda some: tuple(m for m in METHODS if m in some)),
    rates=several_rates.map(lambda some: tuple(sorted(some, key=lambda rate: -rate.window_seconds))),
)
all_policies = st.lists(policies, max_size=3, unique_by=lambda policy: policy.slug)

LOGIN = policy("login")
SEARCH = policy("api-search", Rate(30, 60), key=ClientKey("user"))
DOCUMENT = json.loads(snapshots.take([LOGIN], revision=1).document)


def edited(**changes: Any) -> str:
    """Return a document of one policy in which these values stand instead."""
    return json.dumps(DOCUMENT | {"policies": [DOCUMENT["policies"][0] | changes]})


@given(all_policies, st.integers(0))
def test_what_is_taken_reads_back(some: list[Policy], revision: int) -> None:
    snapshot = snapshots.take(some, revision=revision)
    assert snapshots.read(snapshot.version, document=snapshot.document) == snapshot
    assert snapshot.policies == {policy.slug: policy for policy in some}


@given(all_policies)
def test_the_order_of_policies_does_not_matter(some: list[Policy]) -> None:
    assert snapshots.take(some, revision=1) == snapshots.take(reversed(some), revision=1)


@given(all_policies, all_policies)
def test_the_version_names_the_content(some: list[Policy], others: list[Policy]) -> None:
    one, other = snapshots.take(some, revision=1), snapshots.take(others, revision=1)
    assert (one.version == other.version) == (one.policies == other.policies)


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Sign in"},
        {"enabled": False},
        {"key": ClientKey("user")},
        {"methods": ("POST",)},
        {"rates": (Rate(6, 60),)},
        {"rates": (Rate(5, 61),)},
    ],
)
def test_every_change_makes_another_version(change: dict[str, Any]) -> None:
    before = snapshots.take([LOGIN], revision=1)
    after = snapshots.take([replace(LOGIN, **change)], revision=1)
    assert before.version != after.version


def test_a_later_write_of_equal_policies_has_a_version_of_its_own() -> None:
    assert snapshots.take([LOGIN], revision=1).version != snapshots.take([LOGIN], revision=2).version


@pytest.mark.parametrize(
    "document",
    [
        "",
        "policies",
        "null",
        "7",
        "[]",
        "{}",
        '{"format":1}',
        '{"format":1,"policies":7}',
        '{"format":1,"policies":{"login":{}}}',
        '{"format":1,"policies":[null]}',
        '{"format":1,"policies":[{}]}',
        '{"format":2,"policies":[]}',
        '{"format":"1","policies":[]}',
        "[" * 100_000,
        '{"format":' * 100_000,
        edited()[:-1],
        edited(slug=7),
        edited(slug=None),
        edited(slug='login";q=1'),
        edited(slug="login\r\nX: y"),
        edited(slug=""),
        edited(title=7),
        edited(enabled="false"),
        edited(key=7),
        edited(key="address"),
        edited(methods=7),
        edited(methods="GET"),
        edited(methods=["BREW"]),
        edited(methods=[["GET"]]),
        edited(rates=[]),
        edited(rates=7),
        edited(rates=[5, 60]),
        edited(rates=[[5]]),
        edited(rates=[[5, 60, 1]]),
        edited(rates=[[0, 60]]),
        edited(rates=[[5, 0]]),
        edited(rates=[[-5, 60]]),
        edited(rates=[[5.5, 60]]),
        edited(rates=[[True, 60]]),
        edited(rates=[[float("inf"), 60]]),
        edited(rates=[[float("nan"), 60]]),
        edited(rates=[[10**12, 60]]),
        edited(rates=[[5, 60], [6, 60]]),
        edited(rates=[[5, seconds] for seconds in range(1, 6)]),
    ],
    ids=lambda document: document[:60],
)
def test_a_document_that_is_none_of_ours_is_refused(document: str) -> None:
    with pytest.raises(SnapshotError):
        snapshots.read("1-abc", document=document)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.text() | plain.map(json.dumps))
def test_any_text_is_a_document_or_refused(document: str) -> None:
    with pytest.raises(SnapshotError):
        snapshots.read("1-abc", document=document)


@given(st.sampled_from(sorted(DOCUMENT["policies"][0])), plain)
def test_any_value_of_a_policy_is_taken_as_it_is_or_refused(name: str, value: Any) -> None:
    try:
        snapshot = snapshots.read("1-abc", document=edited(**{name: value}))
    except SnapshotError:
        return
    assert snapshots.take(snapshot.policies.values(), revision=1).policies == snapshot.policies


def test_a_difference_tells_what_the_target_has_not_and_has_too_many() -> None:
    source = snapshots.take([LOGIN, SEARCH], revision=3)
    target = snapshots.take([replace(LOGIN, enabled=False), policy("old")], revision=2)
    assert snapshots.difference(source, target=target) == Difference(
        missing=("api-search",), surplus=("old",), changed=("login",)
    )


def test_nothing_is_missing_where_all_is_equal() -> None:
    source, target = (snapshots.take([LOGIN, SEARCH], revision=revision) for revision in (1, 2))
    assert snapshots.difference(source, target=target) == Difference((), (), ())


def test_an_empty_target_misses_everything() -> None:
    source = snapshots.take([LOGIN, SEARCH], revision=1)
    assert snapshots.difference(source, target=EMPTY).missing == ("api-search", "login")
