import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from kombu import Connection
from kombu.utils.url import url_to_parts

from portal.redis_address import (
    RedisAddress,
    broker_options,
    cache_settings,
    connect,
    embedded_address,
    parse_broker_address,
    parse_redis_address,
)

KINDS = {
    "redis://cache.example.org": RedisAddress(kind="redis", hosts=(("cache.example.org", 6379),)),
    "redis://cache.example.org/": RedisAddress(kind="redis", hosts=(("cache.example.org", 6379),)),
    "redis://127.0.0.1:6380/3": RedisAddress(kind="redis", hosts=(("127.0.0.1", 6380),), database=3),
    "redis://[2001:db8::1]:6380/3": RedisAddress(kind="redis", hosts=(("2001:db8::1", 6380),), database=3),
    "redis://[2001:db8::1]": RedisAddress(kind="redis", hosts=(("2001:db8::1", 6379),)),
    "rediss://:secret@cache/0": RedisAddress(kind="rediss", hosts=(("cache", 6379),), password="secret"),
    "redis://jane:p%40ss@cache": RedisAddress(kind="redis", hosts=(("cache", 6379),), user="jane", password="p@ss"),
    "unix:///run/redis.sock": RedisAddress(kind="unix", socket_path="/run/redis.sock"),
    "unix:///run/redis.sock?db=2": RedisAddress(kind="unix", socket_path="/run/redis.sock", database=2),
    "unix:///a%20b/redis.sock": RedisAddress(kind="unix", socket_path="/a b/redis.sock"),
    "unix://jane:secret@/run/redis.sock?db=2": RedisAddress(
        kind="unix", socket_path="/run/redis.sock", database=2, user="jane", password="secret"
    ),
    "unix:///run/redis.sock?db=2&username=jane&password=p%26ss": RedisAddress(
        kind="unix", socket_path="/run/redis.sock", database=2, user="jane", password="p&ss"
    ),
    "redis+sentinel://one:26379,two:26380/primary/3": RedisAddress(
        kind="redis+sentinel", hosts=(("one", 26379), ("two", 26380)), service="primary", database=3
    ),
    "redis+sentinel://:secret@one,[2001:db8::1]/my.primary-1": RedisAddress(
        kind="redis+sentinel", hosts=(("one", 26379), ("2001:db8::1", 26379)), service="my.primary-1", password="secret"
    ),
    "redis+cluster://one:7000,two:7001": RedisAddress(kind="redis+cluster", hosts=(("one", 7000), ("two", 7001))),
}


@pytest.mark.parametrize(("text", "address"), KINDS.items(), ids=list(KINDS))
def test_the_five_kinds_are_read(text: str, address: RedisAddress) -> None:
    assert parse_redis_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cache",
        "cache:6379",
        "127.0.0.1",
        "http://cache",
        "redis:/cache",
        "redis+socket:///run/redis.sock",
        "REDIS",
        "redis://",
        "redis://:6379",
        "redis://cache:port",
        "redis://cache:0",
        "redis://cache:65536",
        "redis://cache:-1",
        "redis://cache:",
        "redis://my cache",
        "redis://cache\n",
        "redis://cache/one",
        "redis://cache/-1",
        "redis://cache/1.5",
        "redis://cache/٣",
        "redis://cache/1234567",
        "redis://cache/0/1",
        "redis://cache/0?ssl=true",
        "redis://cache?db=1",
        "redis://cache#1",
        "redis://one,two",
        "redis://2001:db8::1:6379",
        "redis://[2001:db8::1",
        "redis://[cache]",
        "redis://:pa/ss@cache",
        "redis://user:pass@",
        "rediss://",
        "unix://",
        "unix:///",
        "unix://run/redis.sock",
        "unix:///run/redis.sock?db=one",
        "unix:///run/redis.sock?db",
        "unix:///run/redis.sock?database=1",
        "unix:///run/redis.sock?db=1#2",
        "unix://user:pass@host/run/redis.sock",
        "redis+sentinel://one:26379",
        "redis+sentinel://one:26379/",
        "redis+sentinel://one:26379//1",
        "redis+sentinel://one:26379/primary/one",
        "redis+sentinel://one:26379/primary?db=1",
        "redis+sentinel://one:26379/my primary/1",
        "redis+sentinel://one,,two/primary",
        "redis+sentinel:///primary/0",
        "redis+cluster://one:7000/1",
        "redis+cluster://",
        "redis+cluster://one:7000,",
    ],
)
def test_what_is_none_of_them_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words for people are the variable's
        parse_redis_address(text)


@given(st.text() | st.from_regex(r"(rediss?|unix|redis\+(sentinel|cluster))://[a-z0-9:/@?=&,%\[\]]*", fullmatch=True))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = parse_redis_address(text)
    except ValueError:
        return
    assert address.socket_path or address.hosts


# Round trips

visible = st.characters(exclude_categories=["C"])
secrets = st.text(visible, max_size=20)
hosts = st.tuples(
    st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True) | st.ip_addresses().map(str),
    st.integers(1, 65535),
)
databases = st.integers(0, 99_999)
alone = st.builds(
    RedisAddress,
    kind=st.sampled_from(["redis", "rediss"]),
    database=databases,
    hosts=st.tuples(hosts),
    user=secrets,
    password=secrets,
)
on_a_socket = st.builds(
    RedisAddress,
    kind=st.just("unix"),
    database=databases,
    socket_path=st.text(visible, min_size=1, max_size=50).map("/{}".format),
    user=secrets,
    password=secrets,
)
behind_sentinels = st.builds(
    RedisAddress,
    kind=st.just("redis+sentinel"),
    database=databases,
    hosts=st.lists(hosts, min_size=1, max_size=3).map(tuple),
    service=st.from_regex(r"[A-Za-z0-9._-]+", fullmatch=True),
    user=secrets,
    password=secrets,
)
in_a_cluster = st.builds(
    RedisAddress,
    kind=st.just("redis+cluster"),
    hosts=st.lists(hosts, min_size=1, max_size=3).map(tuple),
    user=secrets,
    password=secrets,
)


def written(address: RedisAddress) -> str:
    """Return a Sentinel's or a Cluster's address as people write it."""
    places = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in address.hosts)
    path = f"/{address.service}/{address.database}" if address.service else ""
    return f"{address.kind}://{quote(address.user, safe='')}:{quote(address.password, safe='')}@{places}{path}"


def given_to_redis_py(address: RedisAddress) -> dict[str, Any]:
    """Return what redis-py makes of the address."""
    return redis.ConnectionPool.from_url(address.url).connection_kwargs


@given(alone | on_a_socket)
def test_a_url_reads_back(address: RedisAddress) -> None:
    assert parse_redis_address(address.url) == address


@given(behind_sentinels | in_a_cluster)
def test_what_is_written_reads_back(address: RedisAddress) -> None:
    assert parse_redis_address(written(address)) == address


@given(alone)
def test_redis_py_reads_the_same_host_and_secret(address: RedisAddress) -> None:
    read = given_to_redis_py(address)
    assert (read["host"], read["port"]) == address.hosts[0]
    assert read["db"] == address.database
    assert (read.get("username", ""), read.get("password", "")) == (address.user, address.password)


@given(on_a_socket)
def test_redis_py_reads_the_same_socket_and_secret(address: RedisAddress) -> None:
    read = given_to_redis_py(address)
    assert read["path"] == address.socket_path
    assert read["db"] == address.database
    assert (read.get("username", ""), read.get("password", "")) == (address.user, address.password)


@given(alone)
def test_kombu_reads_the_same_host_and_secret(address: RedisAddress) -> None:
    read = Connection(address.broker_url)
    assert (read.hostname, read.port) == address.hosts[0]
    assert read.virtual_host == str(address.database)
    assert (read.userid or "", read.password or "") == (address.user, address.password)


@given(on_a_socket)
def test_kombu_reads_the_same_socket_and_secret(address: RedisAddress) -> None:
    connection = Connection(address.broker_url)
    # Its channel takes the host apart in this way.
    read = url_to_parts(connection.hostname or "")
    assert (connection.transport_cls, read.scheme) == ("redis", "socket")
    assert f"/{read.path}" == address.socket_path
    assert read.query == {"virtual_host": str(address.database)}
    assert (read.username or "", read.password or "") == (address.user, address.password)


@given(alone | on_a_socket)
def test_the_brokers_address_reads_back(address: RedisAddress) -> None:
    assert parse_broker_address(address.broker_url) == address
    assert parse_broker_address(address.url) == address


# What each user of it gets


def test_kombu_gets_the_forms_it_knows() -> None:
    assert [parse_redis_address(text).broker_url for text in KINDS if "cluster" not in text][-5:] == [
        "redis+socket:///a%20b/redis.sock?virtual_host=0",
        "redis+socket://jane:secret@/run/redis.sock?virtual_host=2",
        "redis+socket://jane:p%26ss@/run/redis.sock?virtual_host=2",
        "sentinel://one:26379/3;sentinel://two:26380/3",
        "sentinel://:secret@one:26379/0;sentinel://:secret@[2001:db8::1]:26379/0",
    ]


def test_a_broker_may_be_written_as_kombu_wants_it() -> None:
    address = parse_broker_address("redis+socket:///run/redis.sock?virtual_host=2")
    assert address == RedisAddress(kind="unix", socket_path="/run/redis.sock", database=2)


@pytest.mark.parametrize(
    "text", ["redis+cluster://one:7000,two:7001", "amqp://host", "redis+socket://", "", "redis://"]
)
def test_what_cannot_be_a_broker_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words for people are the variable's
        parse_broker_address(text)


def test_a_broker_behind_sentinels_learns_its_primarys_name() -> None:
    options = broker_options(parse_redis_address("redis+sentinel://one,two/primary/3"))
    assert options["master_name"] == "primary"
    assert options["sentinel_kwargs"]["socket_timeout"] == options["socket_timeout"]


def test_every_kind_gives_up_on_a_dead_server() -> None:
    for text in KINDS:
        address = parse_redis_address(text)
        options = cache_settings(address, backend="x")["OPTIONS"]
        assert 0 < options["SOCKET_TIMEOUT"] < 1
        assert 0 < options["SOCKET_CONNECT_TIMEOUT"] < 1
        assert broker_options(address)["socket_timeout"] > 0
        assert broker_options(address)["socket_connect_timeout"] > 0


def test_sentinels_are_named_as_a_socket_wants_them() -> None:
    address = parse_redis_address("redis+sentinel://one,[2001:db8::1]:26380/primary/3")
    cache = cache_settings(address, backend="x")
    assert cache["OPTIONS"]["SENTINELS"] == [("one", 26379), ("2001:db8::1", 26380)]
    assert cache["LOCATION"] == ["redis://primary/3"]


def test_an_address_with_commas_is_one_server_to_the_cache() -> None:
    cache = cache_settings(parse_redis_address("redis+cluster://one:7000,two:7001"), backend="x")
    assert cache["LOCATION"] == ["redis://one:7000/0"]


def test_a_client_for_one_look_has_the_address_and_the_secret() -> None:
    for text in ("redis://jane:secret@cache:6380/3", "redis+sentinel://jane:secret@one/primary/3"):
        with connect(parse_redis_address(text)) as client:
            given = client.connection_pool.connection_kwargs
        assert (given["username"], given["password"], given["db"]) == ("jane", "secret", 3)
        assert 0 < given["socket_timeout"] < 1


# Database numbers


@pytest.mark.parametrize("text", [text for text in KINDS if "cluster" not in text])
def test_another_database_is_on_the_same_server(text: str) -> None:
    address = parse_redis_address(text)
    other = address.with_database(7)
    assert other.database == 7
    assert other.with_database(address.database) == address
    assert other.url != address.url


def test_a_cluster_has_one_database() -> None:
    address = parse_redis_address("redis+cluster://one:7000")
    assert address.with_database(7) == address


# The embedded server


def test_the_embedded_server_has_a_socket_in_the_state_folder() -> None:
    assert embedded_address(Path("/srv/portal/var")).socket_path == "/srv/portal/var/redis/redis.sock"


@pytest.mark.parametrize("folder", ["/srv/" + "deep/" * 30, "/srv/" + "tiefe-größe/" * 8])
def test_a_state_folder_too_deep_for_a_socket_has_it_in_a_private_one(folder: str) -> None:
    address = embedded_address(Path(folder))
    assert len(os.fsencode(address.socket_path)) < 108
    assert str(os.getuid()) in address.socket_path
    assert address == embedded_address(Path(folder))
    assert address != embedded_address(Path(folder) / "other")


def test_a_folder_with_odd_characters_survives_the_url() -> None:
    address = embedded_address(Path("/srv/a b/100%/what?#"))
    assert given_to_redis_py(address)["path"] == "/srv/a b/100%/what?#/redis/redis.sock"
