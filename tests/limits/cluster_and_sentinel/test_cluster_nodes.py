"""A Cluster of which a node is away, or all of it."""

import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import redis

from limits.core import keys
from limits.core.decisions import Claim
from limits.core.rates import Rate
from limits.exceptions import StoreUnavailable
from limits.store import connection, counters
from limits.store.connection import breaker
from tests.limits import making
from tests.limits.cluster_and_sentinel.counting import DAY, PROMISED_WAIT_SECONDS, count_at, is_counted
from tests.limits.cluster_and_sentinel.servers import port_of, start_cluster, stop
from tests.servers import Server, free_port, wait_until

pytestmark = pytest.mark.server


def address_on(port: int) -> str:
    """Return a client whose counter is on the Cluster's node of that port."""
    node_of = connection.client().get_node_from_key
    addresses = (f"203.0.113.{number}" for number in range(1, 255))
    return next(a for a in addresses if node_of(keys.counter("login", client=a, window_seconds=DAY)).port == port)


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


def test_a_cluster_that_is_away_is_store_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    count_at(f"redis+cluster://127.0.0.1:{free_port()}", monkeypatch)
    with pytest.raises(StoreUnavailable):
        counters.charge([Claim(making.policy(), "a")])
    assert breaker.is_open


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

    give_back = counters._give_back

    def end_then_give_back(*args: Any) -> None:
        apart.end(0)
        give_back(*args)

    monkeypatch.setattr(counters, "_give_back", end_then_give_back)
    assert [decision.allowed for decision in counters.charge(apart.claims)] == [True, False]
