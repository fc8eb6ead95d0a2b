import json
from dataclasses import fields, replace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from limits.core import snapshots
from limits.core.client_keys import ClientKey
from limits.core.policies import METHODS, Algorithm, Counts, Mode, Policy, WithoutRedis
from limits.core.rates import Rate
from limits.core.snapshots import EMPTY, Difference, SnapshotError
from limits.fields import validate_path
from limits.models import Policy as Model
from tests.limits.making import policy


def without_bursts(rates: tuple[Rate, ...]) -> tuple[Rate, ...]:
    return tuple(replace(rate, burst=0) for rate in rates)


rates = st.builds(Rate, st.integers(1, 10_000_000), st.integers(1, 31 * 86_400), st.integers(0, 10_000_000)).filter(
    lambda rate: rate.burst != rate.limit
)
several_rates = st.lists(rates, min_size=1, max_size=4, unique_by=lambda rate: rate.window_seconds)
paths = st.lists(st.sampled_from(["", "api", "*", "v*", "caf\u00e9"]), max_size=4).map(
    lambda parts: "".join(f"/{p}" for p in parts)
)
policies = st.builds(
    Policy,
    slug=st.sampled_from(["login", "api-search", "a", "0-1"]),
    title=st.text(max_size=20),
    key=st.sampled_from(
        [
            ClientKey("ip"),
            ClientKey("user"),
            ClientKey("user or ip"),
            ClientKey("everyone"),
            ClientKey("header", "X-Api-Key"),
            ClientKey("field", "order[id]"),
            ClientKey("ip", other=ClientKey("field", "username")),
        ]
    ),
    rates=several_rates.map(lambda some: tuple(sorted(some, key=lambda rate: -rate.window_seconds))),
    mode=st.sampled_from(Mode),
    algorithm=st.sampled_from(Algorithm),
    methods=st.sets(st.sampled_from(METHODS)).map(lambda some: tuple(m for m in METHODS if m in some)),
    view=st.text(max_size=10),
    path=paths | paths.map(lambda path: path + "/**"),
    priority=st.integers(-1_000, 1_000),
    ipv6_prefix=st.integers(32, 128),
    refusals_count=st.booleans(),
    penalty_seconds=st.integers(0, 31 * 86_400),
    cost=st.integers(1, 1_000_000),
    counts=st.sampled_from(Counts),
    without_redis=st.sampled_from(WithoutRedis),
).map(
    lambda made: made if made.algorithm is Algorithm.TOKEN_BUCKET else replace(made, rates=without_bursts(made.rates))
)
all_policies = st.lists(policies, max_size=3, unique_by=lambda policy: policy.slug)

LOGIN = policy("login")
SEARCH = policy("api-search", Rate(30, 60), key=ClientKey("user"))
OTHERS: dict[str, Any] = {
    "title": "Sign in",
    "key": ClientKey("user"),
    "rates": (Rate(6, 60),),
    "mode": Mode.SHADOW,
    "algorithm": Algorithm.SLIDING_WINDOW,
    "methods": ("POST",),
    "view": "admin:index",
    "path": "/api/**",
    "priority": 1,
    "ipv6_prefix": 56,
    "refusals_count": True,
    "penalty_seconds": 60,
    "cost": 2,
    "counts": Counts.FAILED_LOGINS,
    "without_redis": WithoutRedis.REFUSE,
}
"""Another value than LOGIN's for each of its fields but the name."""
HEAD, LINE = snapshots.take([LOGIN], revision=1).document.split("\n")
PLAIN = json.loads(LINE)


def version_of(document: str) -> str:
    """Return the version that somebody would write beside a document, who knows how."""
    return f"1-{snapshots.digest(document.split(chr(10))[1:])}"


def edited(**changes: Any) -> str:
    """Return a document of one policy in which these values stand instead."""
    return f"{HEAD}\n{json.dumps(PLAIN | changes)}"


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
    [*({name: value} for name, value in OTHERS.items()), {"rates": (Rate(5, 61),)}, {"rates": (Rate(5, 60, 7),)}],
)
def test_every_change_makes_another_version(change: dict[str, Any]) -> None:
    before = snapshots.take([LOGIN], revision=1)
    after = snapshots.take([replace(LOGIN, **change)], revision=1)
    assert before.version != after.version


def test_no_field_of_a_policy_is_left_out() -> None:
    assert {field.name for field in fields(Policy)} == {"slug", *OTHERS} == PLAIN.keys()


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
        '{"format":1,"policies":[]}',
        '{"format":3}',
        '{"format":"2"}',
        '{"format":null}',
        "[" * 100_000,
        '{"format":' * 100_000,
        HEAD + "\n",
        HEAD + "\n\n" + LINE,
        HEAD + "\nnull",
        HEAD + "\n[]",
        HEAD + "\n7",
        HEAD + "\n{}",
        HEAD + "\n" + "[" * 100_000,
        LINE,
        HEAD + LINE,
        edited()[:-1],
        edited(slug=7),
        edited(slug=None),
        edited(slug='login";q=1'),
        edited(slug="login\r\nX: y"),
        edited(slug=""),
        edited(slug="a" * 51),
        edited(title="a" * 101),
        edited(title="\ud800"),
        edited(view="a" * 201),
        edited(path="api"),
        edited(path="/a?b"),
        edited(path="/" + "*a" * 30),
        edited(path="/**" * 3),
        edited(path="/" * 201),
        edited(priority=1_001),
        edited(priority=-1_001),
        edited(ipv6_prefix=31),
        edited(ipv6_prefix=129),
        edited(cost=0),
        edited(cost=1_000_001),
        edited(penalty_seconds=-1),
        edited(penalty_seconds=31 * 86_400 + 1),
        edited(rates=[[5, 60, 20]]),
        edited(rates=[[5, 31 * 86_400 + 1, 0]]),
        edited(algorithm="token-bucket", rates=[[5, 60, 10_000_001]]),
        edited(title=7),
        edited(mode="on"),
        edited(mode=True),
        edited(mode=None),
        edited(algorithm="leaky-bucket"),
        edited(counts="all"),
        edited(without_redis="shrug"),
        edited(view=None),
        edited(path=7),
        edited(priority="1"),
        edited(priority=1.0),
        edited(ipv6_prefix=True),
        edited(refusals_count=1),
        edited(refusals_count="false"),
        edited(penalty_seconds=None),
        edited(cost="1"),
        edited(cost=float("nan")),
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
        edited(rates=[[5, 60]]),
        edited(rates=[[5, 60, 7, 1]]),
        edited(rates=[[5, 60, -1]]),
        edited(rates=[[5, 60, 1.5]]),
        edited(rates=[[5, 60, True]]),
        edited(rates=[[5, 60, 10**12]]),
        edited(rates=[[0, 60, 0]]),
        edited(rates=[[5, 0, 0]]),
        edited(rates=[[-5, 60, 0]]),
        edited(rates=[[5.5, 60, 0]]),
        edited(rates=[[True, 60, 0]]),
        edited(rates=[[float("inf"), 60, 0]]),
        edited(rates=[[float("nan"), 60, 0]]),
        edited(rates=[[10**12, 60, 0]]),
        edited(rates=[[5, 60, 0], [6, 60, 0]]),
        edited(rates=[[5, seconds, 0] for seconds in range(1, 6)]),
    ],
    ids=lambda document: document[:60],
)
def test_a_document_that_is_none_of_ours_is_refused(document: str) -> None:
    with pytest.raises(SnapshotError) as refusal:
        snapshots.read(version_of(document), document=document)
    assert "not the one of version" not in str(refusal.value)


@pytest.mark.parametrize("version", ["", "1", "1-abc", "-", "\ufffd"])
def test_a_document_that_was_altered_under_its_version_is_refused(version: str) -> None:
    with pytest.raises(SnapshotError, match="not the one of version"):
        snapshots.read(version or version_of(edited()), document=edited(title="Another"))


@given(st.text(alphabet="/*?#%a.\n", max_size=12).filter(bool))
def test_paths_are_taken_as_forms_take_them(path: str) -> None:
    try:
        validate_path(path)
        is_right = True
    except ValidationError:
        is_right = False
    document = edited(path=path)
    try:
        snapshots.read(version_of(document), document=document)
    except SnapshotError:
        assert not is_right
    else:
        assert is_right


def test_bounds_are_those_of_forms() -> None:
    validators = {name: Model._meta.get_field(name).validators for name in snapshots.BOUNDS}
    limits = {
        name: {kind: v.limit_value for v in found for kind in ("min_value", "max_value") if v.code == kind}
        for name, found in validators.items()
    }
    assert limits["priority"] == {"min_value": -1_000, "max_value": 1_000}
    for name, (least, most) in snapshots.BOUNDS.items():
        assert limits[name]["max_value"] >= most
        assert max(limits[name].get("min_value", 0), least) == least
    lengths = {name: Model._meta.get_field(name).max_length for name in snapshots.CHARACTERS_MAX}
    assert lengths == snapshots.CHARACTERS_MAX


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.text() | plain.map(json.dumps))
def test_any_text_is_a_document_or_refused(document: str) -> None:
    with pytest.raises(SnapshotError):
        snapshots.read(version_of(document), document=document)


@given(st.sampled_from(sorted(PLAIN)), plain)
def test_any_value_of_a_policy_is_taken_as_it_is_or_refused(name: str, value: Any) -> None:
    try:
        document = edited(**{name: value})
        snapshot = snapshots.read(version_of(document), document=document)
    except SnapshotError:
        return
    assert snapshots.take(snapshot.policies.values(), revision=1).policies == snapshot.policies


def test_what_a_process_has_already_is_not_read_again() -> None:
    known = snapshots.take([LOGIN, SEARCH], revision=1)
    changed = snapshots.take([replace(LOGIN, cost=2), SEARCH], revision=2)
    found = snapshots.read(changed.version, document=changed.document, known=known)
    assert found == changed
    assert found.policies["api-search"] is known.policies["api-search"]


def test_a_document_of_no_policies_is_one() -> None:
    assert snapshots.read(version_of(HEAD), document=HEAD).policies == {}


def test_a_difference_tells_what_the_target_has_not_and_has_too_many() -> None:
    source = snapshots.take([LOGIN, SEARCH], revision=3)
    target = snapshots.take([replace(LOGIN, mode=Mode.OFF), policy("old")], revision=2)
    assert snapshots.difference(source, target=target) == Difference(
        missing=("api-search",), surplus=("old",), changed=("login",)
    )


def test_nothing_is_missing_where_all_is_equal() -> None:
    source, target = (snapshots.take([LOGIN, SEARCH], revision=revision) for revision in (1, 2))
    assert snapshots.difference(source, target=target) == Difference((), (), ())


def test_an_empty_target_misses_everything() -> None:
    source = snapshots.take([LOGIN, SEARCH], revision=1)
    assert snapshots.difference(source, target=EMPTY).missing == ("api-search", "login")
