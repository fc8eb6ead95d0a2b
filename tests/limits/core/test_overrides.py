"""Which override wins, and the line that travels."""

import ipaddress
import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limits.core.override_index import Index, Part
from limits.core.overrides import (
    Effect,
    Kind,
    Override,
    OverrideError,
    from_line,
    in_order,
    kind_of,
    networks_around,
    part_of,
    read_subject,
    to_line,
    winner,
)
from limits.core.rates import Rate

NOW = 1_000_000.0
VALUE = "header:X-Api-Key=4f0c4f0c4f0c4f0c4f0c"
ALL_KINDS = (VALUE, "user=17", "203.0.113.9", "group=3", "203.0.113.0/24", "203.0.0.0/16")


def made(number: int = 1, subject: str = "203.0.113.9", policy: str = "", **changes: object) -> Override:
    """Return an override that exempts, now and for ever."""
    return Override(number, subject, policy, **{"effect": Effect.EXEMPT} | changes)  # type: ignore[arg-type]


def test_the_more_specific_subject_wins() -> None:
    overrides = [made(number, subject) for number, subject in enumerate(ALL_KINDS)]
    assert [override.subject for override in in_order(reversed(overrides))] == list(ALL_KINDS)


def test_a_network_of_one_address_is_a_network_all_the_same() -> None:
    assert winner([made(2, "203.0.113.9/32"), made(1, "group=3")], policy="login", at=NOW) == made(1, "group=3")


def test_one_that_names_the_policy_beats_a_newer_one_for_all() -> None:
    named, for_all = made(1, policy="login"), made(2)
    assert winner([for_all, named], policy="login", at=NOW) == named
    assert winner([for_all, named], policy="search", at=NOW) == for_all


def test_a_more_specific_one_for_all_beats_one_that_names_the_policy() -> None:
    assert winner([made(1, "user=17"), made(2, policy="login")], policy="login", at=NOW) == made(1, "user=17")


def test_of_equals_the_newest_wins() -> None:
    assert winner([made(2), made(3), made(1)], policy="login", at=NOW) == made(3)


@pytest.mark.parametrize(
    ("since", "until", "holds"),
    [(NOW, None, True), (NOW + 1, None, False), (0, NOW, False), (0, NOW + 1, True), (NOW, NOW + 1, True)],
)
def test_it_holds_from_its_first_moment_to_before_its_last(since: float, until: float | None, holds: bool) -> None:
    assert made(since=since, until=until).holds(at=NOW) is holds


def test_one_that_has_ended_leaves_the_next_to_win() -> None:
    ended, next_one = made(1, "user=17", until=NOW), made(2)
    assert winner([ended, next_one], policy="login", at=NOW) == next_one


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("198.51.100.7/32", "198.51.100.7/32"),
        ("198.51.100.0/24", "198.51.100.0/24"),
        ("::ffff:198.51.100.0/120", "198.51.100.0/24"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("user=17", "user=17"),
        ("group=3", "group=3"),
        (VALUE, VALUE),
    ],
)
def test_a_subject_has_one_name(text: str, subject: str) -> None:
    assert read_subject(text) == subject


@pytest.mark.parametrize(
    "text",
    [
        "",
        "203.0.113",
        "198.51.100.7/24",
        "198.51.100.0/33",
        "user=",
        "user=a b",
        "group=3\n",
        "header:X-Api-Key=secret",
        "header:=4f0c4f0c",
        "cookie:id=4f0c4f0c",
        "a\tb",
    ],
)
def test_what_is_no_subject_is_told(text: str) -> None:
    with pytest.raises(OverrideError):
        read_subject(text)


def test_an_address_within_a_network_is_told_the_network() -> None:
    with pytest.raises(OverrideError, match=r"198\.51\.100\.0/24"):
        read_subject("198.51.100.7/24")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "203.0.113.9",
        "203.0.113.9\tx\t\texempt\t0\t\t",
        "203.0.113.9\t1\tNot a slug\texempt\t0\t\t",
        "203.0.113.9\t1\t\tspared\t0\t\t",
        "203.0.113.9\t1\t\trates\t0\t\t",
        "203.0.113.9\t1\t\texempt\t0\t\t5/60/0",
        "203.0.113.9\t1\t\trates\t0\t\t0/60/0",
        "203.0.113.9\t1\t\trates\t0\t\t5/60",
        "203.0.113.9\t1\t\trates\t0\t\t10000001/60/0",
        "203.0.113.9\t1\t\trates\t0\t\t5/2678401/0",
        "203.0.113.9\t1\t\trates\t0\t\t5/60/10000001",
        "203.0.113.9\t1\t\trates\t0\t\t5/60/0 6/60/0",
        "203.0.113.9\t1\t\trates\t0\t\t5/1/0 5/2/0 5/3/0 5/4/0 5/5/0",
        "203.0.113.9\t1\t\trates\t0\t\t" + "9" * 5_000 + "/60/0",
        "203.0.113.9\t1\t\texempt\t0\t\t\tmore",
    ],
)
def test_a_line_of_anything_else_is_refused(line: str) -> None:
    with pytest.raises(OverrideError):
        from_line(line)


# Against everything that could win, looked at one by one

addresses = st.one_of(
    st.sampled_from(["203.0.113.9", "203.0.113.10", "198.51.100.7", "2001:db8::1", "2001:db8:0:1::1"]),
    st.ip_addresses().map(str),
)


def network_around(address: str, prefix: int) -> str:
    parsed = ipaddress.ip_address(address)
    return str(ipaddress.ip_network((parsed, min(prefix, parsed.max_prefixlen)), strict=False))


networks = st.builds(network_around, addresses, st.integers(0, 128))
users, groups = st.sampled_from(["user=1", "user=2"]), st.sampled_from(["group=1", "group=2", "group=3"])
values = st.sampled_from([VALUE, "field:username=0123456789abcdef0123"])
subjects = st.one_of(addresses, networks, users, groups, values)
rates = st.builds(Rate, st.integers(1, 10**7), st.integers(1, 86_400), st.integers(0, 100))
several_rates = st.lists(rates, min_size=1, max_size=4, unique_by=lambda rate: rate.window_seconds)
times = st.integers(0, 10)


@st.composite
def override_lists(draw: st.DrawFn) -> list[Override]:
    """Overrides of different ids."""
    return [
        Override(
            id=number,
            subject=draw(subjects),
            policy=draw(st.sampled_from(["", "login", "search"])),
            effect=effect,
            rates=tuple(draw(several_rates)) if effect is Effect.RATES else (),
            since=draw(times),
            until=draw(st.none() | times),
        )
        for number, effect in enumerate(draw(st.lists(st.sampled_from(list(Effect)), max_size=30)), start=1)
    ]


@dataclass(frozen=True)
class Asker:
    address: str
    user: str
    groups: frozenset[str]
    values: frozenset[str]


askers = st.builds(Asker, addresses, users, st.frozensets(groups), st.frozensets(values))


def is_for(override: Override, asker: Asker) -> bool:
    if "/" in override.subject:
        network = ipaddress.ip_network(override.subject)
        address = ipaddress.ip_address(asker.address)
        return address.version == network.version and address in network
    return override.subject in {asker.address, asker.user, *asker.groups, *asker.values}


def beats(one: Override, other: Override) -> bool:
    """The rule as the documentation tells it."""
    kinds = [Kind.VALUE, Kind.USER, Kind.ADDRESS, Kind.GROUP, Kind.NETWORK]
    places = [kinds.index(kind_of(override.subject)) for override in (one, other)]
    if places[0] != places[1]:
        return places[0] < places[1]
    if "/" in one.subject and one.subject != other.subject:
        return int(one.subject.split("/")[1]) > int(other.subject.split("/")[1])
    if bool(one.policy) != bool(other.policy):
        return bool(one.policy)
    return one.id > other.id


def indexed(overrides: list[Override]) -> Index:
    lines: dict[int, list[str]] = {}
    for override in overrides:
        lines.setdefault(part_of(override.subject), []).append(to_line(override))
    index, unread = Index().with_parts((number, Part("1", tuple(part))) for number, part in lines.items())
    assert not unread
    return index


@given(override_lists(), askers, st.sampled_from(["login", "search", "other"]), times)
def test_the_index_finds_what_beats_all_others(overrides: list[Override], asker: Asker, policy: str, at: int) -> None:
    index, address = indexed(overrides), ipaddress.ip_address(asker.address)
    lines = [
        *index.named([asker.user, *asker.groups, *asker.values]),
        *itertools.chain(*index.near(address)),
    ]
    found = winner(map(from_line, lines), policy=policy, at=at)
    holding = [
        override
        for override in overrides
        if is_for(override, asker)
        and override.policy in ("", policy)
        and override.since <= at
        and (override.until is None or at < override.until)
    ]
    assert (found in holding) if holding else (found is None)
    assert all(found is not None and (other == found or beats(found, other)) for other in holding)


@given(override_lists())
def test_a_line_is_read_back_as_it_was(overrides: list[Override]) -> None:
    assert [from_line(to_line(override)) for override in overrides] == overrides


@given(override_lists(), override_lists())
def test_an_index_that_was_changed_is_as_one_made_anew(before: list[Override], after: list[Override]) -> None:
    changed, fresh = indexed(before), indexed(after)
    empty = {number: Part("2") for number in changed.parts.keys() - fresh.parts.keys()}
    changed, _ = changed.with_parts({**fresh.parts, **empty}.items())
    assert {key: set(lines) for key, lines in changed.by_key.items()} == {
        key: set(lines) for key, lines in fresh.by_key.items()
    }
    assert (changed.counts, changed.prefixes) == (fresh.counts, fresh.prefixes)


@given(addresses, networks)
def test_the_networks_around_an_address_are_those_that_hold_it(address: str, network: str) -> None:
    parsed, around = ipaddress.ip_address(address), ipaddress.ip_network(network)
    holds = parsed.version == around.version and parsed in around
    assert (network in networks_around(parsed)) is holds


def test_a_line_that_cannot_be_read_leaves_the_others_in_force() -> None:
    good = to_line(made())
    index, unread = Index().with_parts([(0, Part("1", ("300.1.2.3\t1\t\texempt\t0\t\t", good, "10.0.0.0/99\t")))])
    assert index.near(ipaddress.ip_address("203.0.113.9")) == ((good,), ())
    assert len(unread) == 2
