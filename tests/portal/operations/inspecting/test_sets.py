"""Servers of a Sentinel set and of a Cluster."""

import pytest
from django.utils import timezone
from pytest_django import Settings

from portal.operations.inspecting.look import look_at, sample_keys
from portal.redis_address import parse_redis_address
from tests.limits.cluster_and_sentinel.servers import Servers, port_of

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_a_replica_of_sentinels_tells_of_their_quorum(sentinels: Servers, settings: Settings) -> None:
    settings.REDIS = parse_redis_address(sentinels.address)
    _, replica, *_ = sentinels.servers
    page = look_at(f"127.0.0.1:{port_of(replica)}", source="redis", holds_counters=False, now=timezone.now())
    assert not page.failure
    assert page.set
    assert page.set.found
    assert page.set.found.is_well
    assert page.set.found.words.startswith("OK 3 usable Sentinels")


def test_a_node_of_a_cluster_tells_of_its_slots(cluster: Servers, settings: Settings) -> None:
    settings.REDIS = parse_redis_address(cluster.address)
    place = f"127.0.0.1:{port_of(cluster.servers[0])}"
    page = look_at(place, source="redis", holds_counters=False, now=timezone.now())
    assert page.set
    found = page.set.found
    assert found
    assert (found.words, found.is_well, found.unserved) == ("Its state is ok.", True, 0)
    assert sum(primary.slots for primary in found.primaries) == 16_384
    assert place in [primary.place for primary in found.primaries]
    sample = sample_keys(place, source="redis").found
    assert sample
    assert [stretch.database for stretch in sample.stretches] == [0]
