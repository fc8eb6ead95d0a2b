"""What Redis does with our scripts, and what we do with its errors."""

import threading

import pytest
import redis

from limits import store
from limits.core import keys, snapshots
from limits.core.rates import Rate
from limits.exceptions import StoreUnavailable
from tests.conftest import Clock
from tests.limits import making
from tests.servers import start_redis

Redis = redis.Redis
MINUTE, HOUR = Rate(3, 60), Rate(5, 3600)


def test_a_count_and_its_expiry_are_set_in_one_step(redis_server: Redis) -> None:
    assert store.count("rl:{login:a}:60", amount=1, window_milliseconds=60_000) == (1, 60_000)
    assert 59_000 < redis_server.pttl("rl:{login:a}:60") <= 60_000


def test_a_window_begins_with_the_first_request_and_does_not_move(redis_server: Redis) -> None:
    store.count("rl:{login:a}:60", amount=1, window_milliseconds=60_000)
    redis_server.pexpire("rl:{login:a}:60", 10_000)
    count, rest_milliseconds = store.count("rl:{login:a}:60", amount=1, window_milliseconds=60_000)
    assert count == 2
    assert rest_milliseconds <= 10_000


def test_looking_at_a_counter_writes_nothing(redis_server: Redis) -> None:
    assert store.count("rl:{login:a}:60", amount=0, window_milliseconds=60_000)[0] == 0
    assert redis_server.exists("rl:{login:a}:60") == 0


def test_a_counter_that_lost_its_expiry_gets_one_again(redis_server: Redis) -> None:
    redis_server.set("rl:{login:a}:60", 9)
    store.count("rl:{login:a}:60", amount=1, window_milliseconds=60_000)
    assert redis_server.ttl("rl:{login:a}:60") > 0
    redis_server.set(keys.counter("default", client="a", window_seconds=60), 9)
    store.charge([MINUTE], slug="default", client="a")
    assert redis_server.ttl("rl:{default:a}:60") > 0


def test_all_rates_are_charged_when_all_allow(redis_server: Redis) -> None:
    assert store.charge([HOUR, MINUTE], slug="default", client="a") == [(1, 3_600_000), (1, 60_000)]
    assert [count for count, _ in store.charge([HOUR, MINUTE], slug="default", client="a")] == [2, 2]


def test_a_refusal_charges_none_of_the_rates(redis_server: Redis) -> None:
    for _ in range(3):
        store.charge([HOUR, MINUTE], slug="default", client="a")
    for _ in range(4):
        assert [count for count, _ in store.charge([HOUR, MINUTE], slug="default", client="a")] == [3, 4]
    assert redis_server.get("rl:{default:a}:3600") == b"3"
    assert redis_server.get("rl:{default:a}:60") == b"3"


def test_a_hundred_requests_at_once_never_pass_the_limit(redis_server: Redis) -> None:
    allowed = []

    def ask() -> None:
        for _ in range(25):
            counted = store.charge([Rate(10, 60), Rate(50, 3600)], slug="default", client="a")
            allowed.append(counted[0][0] <= 10)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert allowed.count(True) == 10


def test_a_flushed_script_cache_heals_by_itself(redis_server: Redis) -> None:
    store.count("rl:{login:a}:60", amount=1, window_milliseconds=60_000)
    redis_server.script_flush()
    assert store.count("rl:{login:a}:60", amount=1, window_milliseconds=60_000)[0] == 2


def test_a_full_server_goes_on_counting(redis_server: Redis) -> None:
    redis_server.config_set("maxmemory", 1)
    try:
        with pytest.raises(redis.ResponseError, match="maxmemory"):
            redis_server.set("anything", "else")
        assert store.count("rl:{login:a}:60", amount=1, window_milliseconds=60_000)[0] == 1
        assert store.charge([MINUTE], slug="default", client="a")[0][0] == 1
        assert store.publish(snapshots.take([making.policy()], revision=1), seen="")
    finally:
        redis_server.config_set("maxmemory", 0)


def test_a_document_is_written_only_over_the_version_that_was_seen(redis_server: Redis) -> None:
    first = snapshots.take([making.policy()], revision=1)
    second = snapshots.take([making.policy("login", Rate(2, 60))], revision=2)
    assert store.publish(first, seen="")
    assert not store.publish(second, seen="")
    assert store.published().version == first.version
    assert store.publish(second, seen=first.version)
    assert store.published() == store.Published(second.version, second.document)


def test_only_another_version_is_fetched(redis_server: Redis, round_trips: list[str]) -> None:
    snapshot = snapshots.take([making.policy()], revision=1)
    assert store.newer_than("") is None
    store.publish(snapshot, seen="")
    round_trips.clear()
    assert store.newer_than(snapshot.version) is None
    assert round_trips == ["HGET"]
    round_trips.clear()
    assert store.newer_than("1-older") == store.Published(snapshot.version, snapshot.document)
    assert round_trips == ["HGET", "HMGET"]


def test_live_counters_are_listed_by_policy_and_client(redis_server: Redis) -> None:
    store.count("rl:{login:203.0.113.9}:60", amount=2, window_milliseconds=60_000)
    store.charge([HOUR, MINUTE], slug="default", client="2001:db8::")
    (counter,) = store.counters("login")
    assert (counter.client, counter.window_seconds, counter.count) == ("203.0.113.9", 60, 2)
    assert 0 < counter.rest_milliseconds <= 60_000
    assert {found.window_seconds for found in store.counters("default", client="2001:db8::")} == {60, 3600}
    assert store.counters("default", client="2001:db8:*") == []


def test_forgetting_a_client_leaves_the_others(redis_server: Redis) -> None:
    for client in ("a", "ab", "*"):
        store.charge([HOUR, MINUTE], slug="default", client=client)
    assert store.forget("default", client="*") == 2
    assert {found.client for found in store.counters("default")} == {"a", "ab"}


def test_an_absent_redis_is_store_unavailable() -> None:
    with pytest.raises(StoreUnavailable):
        store.count("rl:{login:a}:60", amount=1, window_milliseconds=60_000)
    with pytest.raises(StoreUnavailable):
        store.published()


def test_after_a_failure_redis_is_asked_again_once_a_second(clock: Clock, round_trips: list[str]) -> None:
    with pytest.raises(StoreUnavailable):
        store.ping()
    assert store.breaker.is_open
    asked_again_at = store.breaker._asks_again_at
    with pytest.raises(StoreUnavailable, match="a moment ago"):
        store.ping()
    clock.now = asked_again_at
    with pytest.raises(StoreUnavailable) as failure:
        store.ping()
    assert "a moment ago" not in str(failure.value)


def test_an_error_that_redis_answers_keeps_it_in_use(redis_server: Redis) -> None:
    redis_server.rpush(keys.POLICIES, "what is this?")
    with pytest.raises(StoreUnavailable):
        store.newer_than("")
    assert store.count("rl:{login:a}:60", amount=1, window_milliseconds=60_000)[0] == 1


def test_redis_is_used_again_when_it_is_back(clock: Clock, request: pytest.FixtureRequest) -> None:
    store.breaker.failed("away")
    request.getfixturevalue("redis_server")
    with pytest.raises(StoreUnavailable):
        store.ping()
    clock.now += 1
    store.ping()
    assert not store.breaker.is_open


def test_debian_redis_runs_the_same_scripts(debian_redis: None) -> None:
    assert store.charge([HOUR, MINUTE], slug="default", client="a") == [(1, 3_600_000), (1, 60_000)]
    assert store.count("rl:{login:a}:60", amount=1, window_milliseconds=60_000) == (1, 60_000)
    assert store.publish(snapshots.take([making.policy()], revision=1), seen="")


@pytest.fixture
def debian_redis(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's Redis 7.0 in the place of the embedded Valkey."""
    folder = tmp_path_factory.mktemp("redis")
    server = start_redis(folder, program="redis-server", socket_path=str(folder / "s"))
    client = redis.Redis.from_url(server.url)
    assert client.info("server")["redis_version"].startswith("7.0")
    monkeypatch.setattr(store, "_client", lambda: client)
