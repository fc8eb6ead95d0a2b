from ipaddress import ip_address

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from limits.core import keys
from limits.core.policies import SLUG_PATTERN, Algorithm
from tests.limits.counter_names import CounterName, parse_counter

slugs = st.from_regex(SLUG_PATTERN, fullmatch=True)
clients = (
    st.ip_addresses(v=4).map(str)
    | st.ip_addresses(v=6).map(str)
    | st.integers(1).map("user={}".format)
    | st.uuids().map("user-or-ip={}".format)
    | st.ip_addresses().map("user=@{}".format)
    | st.from_regex(r"(header|field)=[0-9a-f]{20}", fullmatch=True)
    | st.text(st.characters(exclude_categories=("C", "Z")), min_size=1)
    | st.text("rl:{}60", min_size=1)
)
windows = st.integers(1, 31 * 86_400)
algorithms = st.sampled_from(Algorithm)


@pytest.mark.parametrize(
    ("client", "name"),
    [
        ("203.0.113.9", "rl:{login:203.0.113.9}:60"),
        ("2001:db8:1:2::", "rl:{login:2001:db8:1:2::}:60"),
        ("user=17", "rl:{login:user=17}:60"),
    ],
)
def test_a_counter_is_named_after_policy_client_and_window(client: str, name: str) -> None:
    assert keys.counter("login", client=client, window_seconds=60) == name
    assert parse_counter(name) == CounterName("login", client, 60)


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        (Algorithm.FIXED_WINDOW, "rl:{login:203.0.113.9}:60"),
        (Algorithm.SLIDING_WINDOW, "rl:{login:203.0.113.9}:60s"),
        (Algorithm.TOKEN_BUCKET, "rl:{login:203.0.113.9}:60b"),
    ],
)
def test_each_way_to_count_has_counters_of_its_own(algorithm: Algorithm, name: str) -> None:
    assert keys.counter("login", client="203.0.113.9", window_seconds=60, algorithm=algorithm) == name


@given(slugs, clients, windows, algorithms)
def test_a_counters_name_reads_back(slug: str, client: str, window_seconds: int, algorithm: Algorithm) -> None:
    name = keys.counter(slug, client=client, window_seconds=window_seconds, algorithm=algorithm)
    parsed = parse_counter(name)
    assert parsed == CounterName(slug, client, window_seconds, algorithm)
    assert not parsed.is_penalty


@given(slugs, clients)
def test_a_penaltys_name_reads_back(slug: str, client: str) -> None:
    parsed = parse_counter(keys.penalty(slug, client=client))
    assert parsed == CounterName(slug, client)
    assert parsed.is_penalty


@given(slugs, clients, slugs, clients)
def test_no_penalty_is_a_counter_of_somebody_else(slug: str, client: str, other_slug: str, other: str) -> None:
    name = keys.counter(other_slug, client=other, window_seconds=60)
    assert keys.penalty(slug, client=client) != name


def test_groups_and_values_cannot_run_together() -> None:
    first = keys.counter("x1", client=str(ip_address("0.0.0.0")), window_seconds=1)
    second = keys.counter("x", client="10.0.0.0", window_seconds=1)
    assert first != second


@pytest.mark.parametrize(
    "name",
    [
        "",
        "rl:",
        "rl:{login}:60",
        "rl:{login:}:60",
        "rl:{login:203.0.113.9}",
        "rl:{login:203.0.113.9}:",
        "rl:{login:203.0.113.9}:-1",
        "rl:{login:203.0.113.9}:٦٠",
        "rl:{login:203.0.113.9}:60:more",
        "rl:{login:203.0.113.9}:60x",
        "rl:{login:203.0.113.9}:s",
        "rl:{login:203.0.113.9}:60S",
        "rl:{login:203.0.113.9}:penalty:60",
        "rl:{login:203.0.113.9}:Penalty",
        "more:rl:{login:203.0.113.9}:60",
        "rl:0123456789abcdef",
        "rl:{login:203.0.113.9}:" + "6" * 5_000,
        keys.POLICIES,
        keys.OVERRIDES,
        keys.TALLIES,
        keys.REFUSALS,
        keys.tallies_of(29_000_000),
    ],
)
def test_other_keys_are_no_counters(name: str) -> None:
    assert parse_counter(name) is None


@given(st.text() | st.text("rl:{}0123*\n"))
def test_any_key_is_a_counter_or_not(name: str) -> None:
    parsed = parse_counter(name)
    assert parsed is None or parsed.window_seconds >= 0


def test_the_counters_and_the_penalty_of_a_client_are_in_one_hash_slot() -> None:
    names = [
        keys.counter("login", client="2001:db8::", window_seconds=window, algorithm=algorithm)
        for window in (60, 3_600)
        for algorithm in Algorithm
    ]
    names.append(keys.penalty("login", client="2001:db8::"))
    assert len({name.partition("}")[0] for name in names}) == 1


def test_what_every_process_looks_at_is_in_one_hash_slot() -> None:
    assert keys.OVERRIDES.partition("}")[0] == keys.POLICIES.partition("}")[0]


def test_the_tallies_of_each_minute_and_the_last_refusals_are_in_one_hash_slot() -> None:
    names = (keys.tallies_of(1), keys.tallies_of(2), keys.REFUSALS)
    assert len(set(names)) == 3
    assert len({name.partition("}")[0] for name in names}) == 1


@pytest.mark.parametrize(
    ("client", "pattern"),
    [
        (None, "rl:{login:*}:*"),
        ("203.0.113.9", "rl:{login:203.0.113.9}:*"),
        ("*", r"rl:{login:\*}:*"),
        ("a?b[c]d^e\\f", r"rl:{login:a\?b\[c\]d\^e\\f}:*"),
    ],
)
def test_what_a_pattern_would_interpret_is_escaped(client: str | None, pattern: str) -> None:
    assert keys.counter_glob("login", client=client) == pattern


def test_a_pattern_finds_the_counters_of_its_client_alone(redis_server: redis.Redis) -> None:
    clients = ["a*", "ab", "a?", "[ab]", "a", "b", "a\\b", "^a", "*"]
    for client in clients:
        redis_server.set(keys.counter("login", client=client, window_seconds=60), 1)
        redis_server.set(keys.penalty("login", client=client), 1)
    for client in clients:
        found = set(redis_server.scan_iter(keys.counter_glob("login", client=client)))
        names = keys.counter("login", client=client, window_seconds=60), keys.penalty("login", client=client)
        assert found == {name.encode() for name in names}
