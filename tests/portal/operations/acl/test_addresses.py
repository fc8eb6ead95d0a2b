"""Addresses with another user are written as settings take them."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from portal.operations.acl.servers import Part, address_line, address_text
from portal.redis_address import RedisAddress, parse_redis_address

hosts = st.tuples(st.sampled_from(["a.example", "10.0.0.1", "::1"]), st.integers(1, 65535))
databases = st.integers(0, 15)
addresses = st.one_of(
    st.builds(
        lambda kind, host, database: RedisAddress(kind, database, (host,)),
        st.sampled_from(["redis", "rediss"]),
        hosts,
        databases,
    ),
    st.builds(
        lambda some, database: RedisAddress("redis+sentinel", database, tuple(some), service="main"),
        st.lists(hosts, min_size=1, max_size=3),
        databases,
    ),
    st.builds(lambda some: RedisAddress("redis+cluster", 0, tuple(some)), st.lists(hosts, min_size=1, max_size=3)),
    st.builds(lambda database: RedisAddress("unix", database, socket_path="/run/a socket.sock"), databases),
)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(addresses, texts, texts)
def test_what_is_written_is_read_back(address: RedisAddress, user: str, password: str) -> None:
    written = address_text(address, user=user, password=password)
    assert parse_redis_address(written) == replace(address, user=user, password=password)


def test_each_part_has_its_setting() -> None:
    address = parse_redis_address("redis://old:secret@one:6379/1")
    assert address_line(Part.COUNTERS, address, user="portal-app", password="p") == (
        "RATELIMIT_STORAGE_URL=redis://portal-app:p@one:6379/1"
    )
