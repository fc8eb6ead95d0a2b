"""Which servers the site rests on."""

import socket
from collections.abc import Iterable, Iterator
from itertools import cycle
from typing import Any

import pytest
import redis
from django.conf import settings

from portal.operations.acl.servers import Part, SiteServer
from portal.operations.checklist.places import find
from portal.operations.watching.reading.listing import SERVERS_MAX
from portal.operations.watching.reading.servers import Server, watched
from portal.operations.watching.readings import ServerLook
from tests.limits.cluster_and_sentinel.servers import PROGRAM, Servers, port_of
from tests.limits.cluster_and_sentinel.servers import _sees_all as sees_all
from tests.portal.operations.backups.taking.hostile import Answer, bulk, hostile
from tests.portal.operations.watching.reading.conftest import Site
from tests.servers import free_port, start_redis, wait_until


def told(servers: tuple[Server, ...]) -> list[tuple[str, str, bool]]:
    return sorted((each.place, each.source, each.holds_counters) for each in servers)


def places(started: Servers, count: int) -> list[str]:
    return sorted(f"127.0.0.1:{port_of(server)}" for server in started.servers[:count])


def test_one_server_that_serves_all_is_named_once(site: Site) -> None:
    site("redis://127.0.0.1:1/0", limits="redis://127.0.0.1:1/1", broker="redis://127.0.0.1:1/2")
    assert told(watched().servers) == [("127.0.0.1:1", "redis, limits, broker", True)]


def test_only_where_limits_are_counted_it_holds_counters(site: Site) -> None:
    site("redis://[::1]:1/0", limits="unix:///run/redis.sock", broker="redis://broker:3")
    assert told(watched().servers) == [
        ("/run/redis.sock", "limits", True),
        ("[::1]:1", "redis", False),
        ("broker:3", "broker", False),
    ]


def test_no_database_is_chosen_for_watching(site: Site) -> None:
    site("redis://127.0.0.1:1/7")
    assert watched().servers[0].address.database == 0


@pytest.mark.server
def test_of_a_sentinel_set_primary_and_replica_are_watched(site: Site, sentinels: Servers) -> None:
    site(sentinels.address, broker="redis://127.0.0.1:1")
    found = watched()
    expected = [(place, "redis, limits", True) for place in places(sentinels, 2)]
    assert told(found.servers) == sorted([*expected, ("127.0.0.1:1", "broker", False)])
    assert found.untold == ()


@pytest.mark.server
def test_a_set_of_which_few_sentinels_answer_cannot_fail_over(site: Site, sentinels: Servers) -> None:
    service = f"/{sentinels.service}"
    there = port_of(sentinels.servers[2])
    one_of_three = f"redis+sentinel://127.0.0.1:{there},127.0.0.1:{free_port()},127.0.0.1:{free_port()}{service}"
    site(one_of_three, broker="redis://127.0.0.1:1")
    found = watched()
    assert {each.place for each in found.servers} >= set(places(sentinels, 2))
    (untold,) = found.untold
    assert untold.is_set
    assert untold.failure.startswith("cannot fail over, for 1 of 3 Sentinels answer: 127.0.0.1:")


@pytest.fixture
def phantom(sentinels: Servers) -> Iterator[None]:
    """A replica at port 0, for which Sentinels take whoever reads the primary's data for a while."""
    primary, _, *watchers = sentinels.servers
    clients = [redis.Redis(port=port_of(watcher)) for watcher in watchers]
    with redis.Redis.from_url(primary.url) as client:
        client.config_set("repl-diskless-sync-delay", 60)
        reader = client.connection_pool.get_connection()
        for words in (("REPLCONF", "rdb-only", "1"), ("REPLCONF", "capa", "eof")):
            reader.send_command(*words)
            reader.read_response()
        reader.send_command("SYNC")
        wait_until(lambda: 0 in _replica_ports(clients, sentinels.service), what="a replica that is none")
        yield
        reader.disconnect()
    for client in clients:
        client.execute_command("SENTINEL", "RESET", sentinels.service)
    for client in clients:
        wait_until(lambda client=client: sees_all(client, sentinels.service), what="the Sentinels")  # type: ignore[misc]
        client.close()


def _replica_ports(clients: Iterable[Any], service: str) -> set[int]:
    return {int(each["port"]) for client in clients for each in client.sentinel_slaves(service)}


@pytest.mark.server
def test_a_replica_that_is_a_backup_under_way_is_none(site: Site, sentinels: Servers, phantom: None) -> None:
    site(sentinels.address)
    assert [each.place for each in watched().servers if each.place.endswith(":0")] == []
    assert len(watched().servers) == 2


@pytest.mark.server
def test_a_sentinel_that_is_away_takes_nothing_from_the_list(site: Site, sentinels: Servers) -> None:
    hosts = sentinels.address.removeprefix("redis+sentinel://")
    site(f"redis+sentinel://127.0.0.1:{free_port()},{hosts}")
    found = watched()
    assert len(found.servers) == 2
    assert found.untold == ()


@pytest.mark.server
def test_a_name_that_no_sentinel_knows_is_told(site: Site, sentinels: Servers) -> None:
    site(sentinels.address.replace(sentinels.service, "other"))
    found = watched()
    assert found.servers == ()
    (untold,) = found.untold
    assert (untold.source, untold.holds_counters) == ("redis, limits, broker", True)
    assert untold.place == ",".join(f"127.0.0.1:{port_of(server)}" for server in sentinels.servers[2:])
    assert "knows no other" in untold.failure


def test_without_any_sentinel_what_was_known_is_watched_and_the_set_has_failed(site: Site) -> None:
    port = free_port()
    site(f"redis+sentinel://127.0.0.1:{port}/primary", broker="redis://127.0.0.1:3")
    known = [
        ServerLook("redis, limits", "127.0.0.1:1"),
        ServerLook("redis, limits", "127.0.0.1:2"),
        ServerLook("broker", "127.0.0.1:3"),
        ServerLook("redis, limits", f"127.0.0.1:{port},127.0.0.1:9"),
        ServerLook("redis", "/run/redis.sock"),
    ]
    found = watched(known=known)
    assert told(found.servers) == [
        ("127.0.0.1:1", "redis, limits", True),
        ("127.0.0.1:2", "redis, limits", True),
        ("127.0.0.1:3", "broker", False),
    ]
    (untold,) = found.untold
    assert untold.place == f"127.0.0.1:{port}"
    assert untold.failure == f"tells of no servers: 127.0.0.1:{port} refuses connections: see whether it runs"


@pytest.mark.server
def test_of_a_cluster_every_node_is_watched(site: Site, cluster: Servers) -> None:
    first = f"redis+cluster://127.0.0.1:{port_of(cluster.servers[0])}"
    site(first)
    assert told(watched().servers) == [(place, "redis, limits, broker", True) for place in places(cluster, 3)]


@pytest.mark.server
def test_a_replica_of_a_cluster_is_watched_also_when_it_is_down(
    site: Site, cluster: Servers, tmp_path_factory: pytest.TempPathFactory
) -> None:
    port = free_port()
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()), "--cluster-node-timeout", "500")
    replica = start_redis(tmp_path_factory.mktemp("replica"), program=PROGRAM, port=port, options=options)
    first = cluster.servers[0]
    try:
        with redis.Redis(port=port) as client, redis.Redis.from_url(first.url) as primary:
            bus = primary.config_get("cluster-port")["cluster-port"]
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", port_of(first), bus)
            own = primary.execute_command("CLUSTER", "MYID").decode()
            wait_until(lambda: own in str(client.execute_command("CLUSTER", "NODES")), what="the meeting")
            wait_until(lambda: _replicates(client, own), what="the replica")
        site(cluster.address)
        there = f"127.0.0.1:{port}"
        wait_until(lambda: there in [each.place for each in watched().servers], what="the replica's listing")
    finally:
        replica.stop()
    assert there in [each.place for each in watched().servers]
    assert watched().untold == ()


def _replicates(client: "redis.Redis[bytes]", primary: str) -> bool:
    try:
        client.execute_command("CLUSTER", "REPLICATE", primary)
    except redis.ResponseError:
        return False
    return True


@pytest.mark.server
def test_a_server_that_is_no_node_of_a_cluster_is_told(site: Site, sentinels: Servers) -> None:
    place = f"127.0.0.1:{port_of(sentinels.servers[0])}"
    site(f"redis+cluster://{place}")
    (untold,) = watched().untold
    assert untold.failure == f"tells of no servers: {place} is no node of a Cluster"


def sentinel_of(count: int) -> dict[str, Answer]:
    """What a Sentinel answers that lists so many replicas, at ports where nobody is."""

    def answer(client: socket.socket) -> None:
        client.sendall(next(answers))

    primary = b"*2\r\n" + bulk(b"127.0.0.1") + bulk(b"1")
    hosts = (f"h{number}".encode() for number in range(count))
    fields = ((b"ip", host, b"port", b"1", b"flags", b"slave") for host in hosts)
    replicas = b"*%d\r\n" % count + b"".join(b"*6\r\n" + b"".join(map(bulk, each)) for each in fields)
    answers = cycle((primary, replicas))
    return {"SENTINEL": answer}


def test_a_sentinel_that_tells_of_thousands_of_servers_is_not_followed_to_all(site: Site) -> None:
    with hostile(sentinel_of(20_000)) as url:
        site(f"{url.replace('redis:', 'redis+sentinel:')}/primary", broker="redis://127.0.0.1:1")
        found = watched()
        checked = find(SiteServer(((Part.CACHE, settings.REDIS),)))
    assert len(found.servers) == SERVERS_MAX
    assert [server.failure for server in found.untold] == [
        "tells of 20,001 servers, which is unlikely: 500 of them are watched"
    ]
    assert "20,001 servers" in checked.failure
