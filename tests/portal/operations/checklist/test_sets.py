"""Sentinel sets and Clusters: every server is looked at, and what the set lacks is told."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from pytest_django import Settings

from portal.operations.checklist.lines import lines_of
from portal.operations.checklist.run import run
from portal.operations.checklist.values import State
from portal.redis_address import parse_redis_address
from tests.limits.cluster_and_sentinel.servers import Servers, port_of, start_sentinels, stop
from tests.servers import wait_until

from .conftest import result_of

pytestmark = [pytest.mark.server, pytest.mark.slow]

PASS, FAIL, UNKNOWN = State.PASS, State.FAIL, State.UNKNOWN


@pytest.fixture
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    started = start_sentinels(tmp_path_factory)
    yield started
    stop(started)


@pytest.fixture
def use_set(settings: Settings) -> Callable[[Servers], None]:
    """Points the site at a set; the broker is on it too where kombu can be."""

    def point(servers: Servers) -> None:
        address = parse_redis_address(servers.address)
        settings.REDIS = settings.RATELIMIT_STORAGE = settings.BROKER = address

    return point


def test_every_server_of_a_sentinel_set_is_looked_at(sentinels: Servers, use_set: Callable[[Servers], None]) -> None:
    use_set(sentinels)
    places = {verdict.place for verdict in result_of("reach").verdicts}
    assert places == {f"127.0.0.1:{port_of(server)}" for server in sentinels.servers[:2]}
    assert [result.state for result in run(lines_of(ids=("reach", "replication", "quorum")))] == [PASS] * 3


def test_a_healthy_quorum_is_told_by_its_number(sentinels: Servers, use_set: Callable[[Servers], None]) -> None:
    use_set(sentinels)
    (verdict,) = result_of("quorum").verdicts
    assert verdict.found.startswith("3 Sentinels agree")


def test_a_lost_quorum_fails(sentinels: Servers, use_set: Callable[[Servers], None]) -> None:
    for server in sentinels.servers[3:]:
        server.stop()
    use_set(sentinels)
    result = result_of("quorum")
    assert result.state is FAIL
    assert "CKQUORUM" in result.verdicts[0].mend[0]


def test_a_replica_that_lost_its_primary_fails(sentinels: Servers, use_set: Callable[[Servers], None]) -> None:
    use_set(sentinels)
    with redis.Redis(port=port_of(sentinels.servers[1])) as replica:
        replica.config_set("masterauth", "none")
        os.kill(sentinels.servers[0].process.pid, signal.SIGSTOP)
        wait_until(lambda: result_of("replication").state is not PASS, what="a lost primary")


def test_sentinels_that_are_away_are_told_and_stop_nothing(
    sentinels: Servers, use_set: Callable[[Servers], None]
) -> None:
    for server in sentinels.servers[2:]:
        server.stop()
    use_set(sentinels)
    results = {result.id: result.state for result in run(lines_of(ids=("reach", "maxmemory", "quorum")))}
    assert results == {"reach": FAIL, "maxmemory": UNKNOWN, "quorum": FAIL}


def test_every_server_of_a_cluster_is_looked_at(cluster: Servers, use_set: Callable[[Servers], None]) -> None:
    use_set(cluster)
    assert len(result_of("maxmemory").verdicts) == 3
    (verdict,) = result_of("quorum").verdicts
    assert (verdict.state, verdict.found) == (PASS, "All 16,384 slots are served, by 3 primaries.")


def test_a_primary_without_a_replica_fails(cluster: Servers, use_set: Callable[[Servers], None]) -> None:
    use_set(cluster)
    result = result_of("replication")
    assert result.state is FAIL
    assert "--cluster-master-id" in result.verdicts[0].mend[-1]


def test_a_cluster_that_lacks_slots_fails(cluster: Servers, use_set: Callable[[Servers], None]) -> None:
    use_set(cluster)
    with redis.Redis(port=port_of(cluster.servers[0])) as node:
        node.execute_command("CLUSTER", "DELSLOTS", 0)
        wait_until(lambda: result_of("quorum").state is FAIL, what="a missing slot")
        assert "1 of 16,384 slots" in result_of("quorum").verdicts[0].found
        node.execute_command("CLUSTER", "ADDSLOTS", 0)
        wait_until(lambda: result_of("quorum").state is PASS, what="all slots")


def test_a_replica_that_is_used_as_a_primary_fails(sentinels: Servers, settings: Settings, tmp_path: Path) -> None:
    address = parse_redis_address(sentinels.servers[1].url)
    settings.REDIS = settings.RATELIMIT_STORAGE = settings.BROKER = address
    result = result_of("replication")
    assert result.state is FAIL
    assert result.verdicts[0].mend[-1].endswith("REPLICAOF NO ONE")
