"""One look at all servers, whatever ails some of them."""

import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from portal.operations.watching.reading.looking import look
from portal.operations.watching.readings import SLOTS, Look, ServerLook
from tests.limits.cluster_and_sentinel.servers import PROGRAM, Servers, port_of, start_sentinels, stop
from tests.portal.operations.backups.taking.hostile import hostile
from tests.portal.operations.watching.reading.conftest import Site
from tests.servers import Server, free_port, start_redis, wait_until

pytestmark = pytest.mark.server

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture
def three(tmp_path: Path, site: Site) -> Iterator[list[Server]]:
    """A server for each of the site's addresses."""
    started = [start_redis(tmp_path / str(number), program=PROGRAM, port=free_port()) for number in range(3)]
    site(started[0].url, limits=started[1].url, broker=started[2].url)
    yield started
    for server in started:
        os.kill(server.process.pid, signal.SIGCONT)
        server.stop()


def test_a_server_that_cannot_be_read_is_told_with_the_kind_of_error_and_none_of_its_words(site: Site) -> None:
    with hostile({"PING": b"+PONG\r\n", "INFO": b"*1\r\n$6\r\nsecret\r\n"}) as url:
        site(url, limits=url, broker=url)
        (found,) = look(NOW).servers
    assert found.failure.startswith("answers what cannot be read (")
    assert found.failure.endswith("Error)")
    assert "secret" not in found.failure


def by_source(found: Look) -> dict[str, ServerLook]:
    return {each.source: each for each in found.servers}


def place_of(server: Server) -> str:
    return f"127.0.0.1:{port_of(server)}"


def by_place(found: Look) -> dict[str, ServerLook]:
    return {each.place: each for each in found.servers}


def test_each_server_has_its_reading(three: list[Server]) -> None:
    found = by_source(look(NOW))
    assert sorted(found) == ["broker", "limits", "redis"]
    assert all(each.reading and not each.failure and each.change is None for each in found.values())
    assert [name for name, each in found.items() if each.holds_counters] == ["limits"]


def test_what_happened_since_the_last_look_is_told(three: list[Server]) -> None:
    first = look(NOW)
    with redis.Redis.from_url(three[1].url) as client:
        client.get("nothing")
    later = by_source(look(NOW + timedelta(seconds=15), known=first.servers))["limits"]
    assert later.change is not None
    assert (later.change.misses, later.change.seconds) == (1, 15)


def test_a_paused_server_delays_no_other_and_keeps_its_last_reading(three: list[Server]) -> None:
    first = look(NOW)
    os.kill(three[0].process.pid, signal.SIGSTOP)
    began = time.monotonic()
    found = by_source(look(NOW, known=first.servers))
    assert time.monotonic() - began < 15
    assert found["redis"].failure == "does not answer within 2 s"
    assert found["redis"].reading is None
    assert found["redis"].before == by_source(first)["redis"].reading
    assert found["limits"].reading
    assert found["broker"].reading


def test_one_server_under_two_names_is_looked_at_once(three: list[Server], site: Site) -> None:
    port = port_of(three[0])
    site(f"redis://127.0.0.1:{port}", limits=f"redis://localhost:{port}")
    (found,) = look(NOW).servers
    assert (found.place, found.source, found.holds_counters) == (f"127.0.0.1:{port}", "redis, broker, limits", True)


def test_a_set_that_tells_nothing_is_a_server_that_failed(three: list[Server], site: Site) -> None:
    port = free_port()
    site(f"redis+sentinel://127.0.0.1:{port}/primary", broker=three[2].url)
    known = [ServerLook("redis, limits", place_of(three[0]))]
    found = by_place(look(NOW, known=known))
    assert found[place_of(three[0])].reading
    assert found[place_of(three[2])].reading
    assert found[f"127.0.0.1:{port}"].failure.startswith("tells of no servers")


def test_of_a_cluster_each_node_is_read(site: Site, cluster: Servers) -> None:
    site(cluster.address)
    found = look(NOW).servers
    assert len(found) == 3
    assert all(each.reading for each in found)
    assert len({each.reading.run_id for each in found if each.reading}) == 3


def test_a_slot_that_nobody_serves_is_told_by_the_nodes(site: Site, cluster: Servers) -> None:
    site(cluster.address)
    nodes = [read for each in look(NOW).servers if (read := each.reading)]
    assert all(node.is_cluster_node and node.is_cluster_up and node.slots_served == SLOTS for node in nodes)
    with redis.Redis.from_url(cluster.servers[0].url) as client:
        client.execute_command("CLUSTER", "DELSLOTS", 0)
        wait_until(lambda: client.cluster("INFO")["cluster_state"] == "fail", what="the failure")
        reading = by_place(look(NOW))[place_of(cluster.servers[0])].reading
        client.execute_command("CLUSTER", "ADDSLOTS", 0)
        wait_until(lambda: client.cluster("INFO")["cluster_state"] == "ok", what="the Cluster")
    assert reading is not None
    assert (reading.is_cluster_up, reading.slots_served) == (False, SLOTS - 1)


@pytest.fixture
def own_sentinels(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[Servers]:
    """A Sentinel set that the test may break."""
    started = start_sentinels(tmp_path_factory)
    site(started.address)
    yield started
    stop(started)


def test_a_replica_that_is_cut_off_is_noticed(own_sentinels: Servers) -> None:
    primary, replica, *_ = own_sentinels.servers
    found = by_place(look(NOW))
    told = found[place_of(replica)].reading
    assert told is not None
    assert (told.role, told.link_is_up) == ("replica", True)
    with redis.Redis.from_url(replica.url) as client:
        # Sentinels mend it again, but not at once.
        client.replicaof("127.0.0.1", free_port())

        def link_is_down() -> bool:
            seen = by_place(look(NOW))[place_of(replica)].reading
            return seen is not None and not seen.link_is_up

        wait_until(link_is_down, what="a link that is down")
    assert by_place(look(NOW))[place_of(primary)].reading


def test_a_replica_tells_how_far_it_is_behind(own_sentinels: Servers) -> None:
    primary, replica, *_ = own_sentinels.servers
    with redis.Redis.from_url(primary.url) as client:
        os.kill(replica.process.pid, signal.SIGSTOP)
        client.set("key", "v" * 100_000)
        os.kill(replica.process.pid, signal.SIGCONT)
        wait_until(lambda: client.execute_command("WAIT", 1, 100) == 1, what="replication")

        def behind_bytes() -> Any:
            seen = by_place(look(NOW))[place_of(replica)].reading
            return seen and seen.behind_bytes

        wait_until(lambda: behind_bytes() < 10_000, what="a replica that has caught up")


def test_after_a_failover_roles_have_changed_and_the_dead_one_is_still_watched(own_sentinels: Servers) -> None:
    primary, replica, *_ = own_sentinels.servers
    first = look(NOW)
    primary.process.kill()
    primary.process.wait()

    def seen() -> dict[str, ServerLook]:
        return by_place(look(NOW + timedelta(seconds=30), known=first.servers))

    def has_failed_over() -> bool:
        change = seen()[place_of(replica)].change
        return change is not None and change.has_changed_role

    wait_until(has_failed_over, what="the failover", seconds=60)
    found = seen()
    now = found[place_of(replica)].reading
    assert now is not None
    assert now.role == "primary"
    assert found[place_of(primary)].failure == "refuses connections: see whether it runs"
    assert found[place_of(primary)].before == by_place(first)[place_of(primary)].reading
