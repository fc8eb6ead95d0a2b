"""A counter's client, taken apart as it was put together."""

from ipaddress import IPv4Address, ip_address

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from hypothesis import given
from hypothesis import strategies as st

from limits import identity
from limits.core import keys
from limits.core.client_keys import ClientKey, ClientKeyError, parse_client_key
from limits.core.counted_clients import Part, name_of, parts_of, subject_of
from limits.core.overrides import read_subject
from limits.readable_key import MARK, ReadableKey
from tests.limits import making
from tests.limits.counter_names import parse_counter

ADDRESS, HASH = "203.0.113.9", "4f0c" * 5
IP, USER, FIELD = ClientKey("ip"), ClientKey("user"), ClientKey("field", "username")


@pytest.mark.parametrize(
    ("client", "parts"),
    [
        (ADDRESS, [Part(IP, ADDRESS, True)]),
        ("2001:db8:1:2::", [Part(IP, "2001:db8:1:2::", True)]),
        ("unknown", [Part(IP, "unknown", True)]),
        ("everyone", [Part(ClientKey("everyone"), "", False)]),
        ("user=17", [Part(USER, "17", False)]),
        (f"user=@{ADDRESS}", [Part(USER, ADDRESS, True)]),
        ("user-or-ip=@2001:db8::", [Part(ClientKey("user or ip"), "2001:db8::", True)]),
        (f"header:X-Api-Key={HASH}", [Part(ClientKey("header", "X-Api-Key"), HASH, False)]),
        (f"field:order[id].name={HASH}", [Part(ClientKey("field", "order[id].name"), HASH, False)]),
        (f"ip+field:username={ADDRESS}+{HASH}", [Part(IP, ADDRESS, True), Part(FIELD, HASH, False)]),
        (f"ip+field:username={ADDRESS}+@{ADDRESS}", [Part(IP, ADDRESS, True), Part(FIELD, ADDRESS, True)]),
        ("ip+user=2001:db8::+17", [Part(IP, "2001:db8::", True), Part(USER, "17", False)]),
    ],
)
def test_a_client_is_made_of_what_its_key_names(client: str, parts: list[Part]) -> None:
    assert list(parts_of(client)) == parts
    assert name_of(parts) == client


@pytest.mark.parametrize(
    "text", ["", "bob", "=", "a=b", "user", "field:=x", "user=1+2", f"ip+field:username={ADDRESS}", "everyone=1", "+=+"]
)
def test_what_is_no_client_is_an_address_that_nobody_can_read(text: str) -> None:
    assert parts_of(text) == (Part(IP, text, True),)
    assert parts_of(text)[0].address is None
    assert name_of(parts_of(text)) == text
    assert subject_of(text, ipv6_prefix=64) == ""


@given(st.text())
def test_whatever_is_typed_is_taken_apart(text: str) -> None:
    assert parts_of(text)
    subject_of(text, ipv6_prefix=64)


def test_an_address_is_one_and_what_is_typed_or_unknown_is_none() -> None:
    told = {client: [part.address for part in parts_of(client)] for client in (ADDRESS, f"user=@{ADDRESS}")}
    assert told == {ADDRESS: [IPv4Address(ADDRESS)], f"user=@{ADDRESS}": [IPv4Address(ADDRESS)]}
    # An id or a hash may look like an address, and is none.
    assert [part.address for part in parts_of("user=17")] == [None]
    assert [part.address for part in parts_of("user=@unknown")] == [None]


@pytest.mark.parametrize(
    ("client", "subject"),
    [
        (ADDRESS, ADDRESS),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        (f"user=@{ADDRESS}", ADDRESS),
        ("user-or-ip=@2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("user=17", "user=17"),
        ("user-or-ip=17", "user=17"),
        (f"header:X-Api-Key={HASH}", f"header:X-Api-Key={HASH}"),
        (f"ip+field:username={ADDRESS}+{HASH}", ADDRESS),
        (f"ip+field:username=unknown+{HASH}", f"field:username={HASH}"),
        (f"user+header:X-Api-Key=17+{HASH}", "user=17"),
        (f"user+header:X-Api-Key=17+@{ADDRESS}", ADDRESS),
        ("unknown", ""),
        ("user=@unknown", ""),
        ("everyone", ""),
        ("user=", ""),
        ("header:X-Api-Key=", ""),
    ],
)
def test_the_subject_of_an_override_for_a_client(client: str, subject: str) -> None:
    assert subject_of(client, ipv6_prefix=64) == subject


def test_an_ipv6_client_is_the_network_by_which_its_policy_counts() -> None:
    assert subject_of("2001:db8::", ipv6_prefix=48) == "2001:db8::/48"
    assert subject_of("2001:db8::1", ipv6_prefix=128) == "2001:db8::1"
    assert subject_of(ADDRESS, ipv6_prefix=128) == ADDRESS


# What requests are counted under

names = st.sampled_from(["username", "X-Api-Key", "a-b", "order"])
single = st.one_of(
    st.sampled_from(["ip", "user", "user or ip", "everyone"]),
    st.builds("{}:{}".format, st.sampled_from(["header", "field"]), names),
)

addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
plain = st.text("abcXYZ0189_-", max_size=20)


def _is_key(text: str) -> bool:
    try:
        return bool(parse_client_key(text))
    except ClientKeyError:
        return False


either = st.one_of(single, st.builds("{} and {}".format, single, single)).filter(_is_key)


@given(
    key=either,
    address=addresses,
    user_id=st.one_of(st.none(), st.text(min_size=1)),
    typed=plain,
    prefix=st.sampled_from([32, 64, 128]),
)
def test_the_client_of_every_request_comes_apart_and_together_again(
    key: str, address: str, user_id: str | None, typed: str, prefix: int
) -> None:
    read = parse_client_key(key)
    request = making.request(address=address, **{part.name: typed for part in read.parts if part.kind == "header"})
    request.user = AnonymousUser() if user_id is None else get_user_model()(pk=user_id)
    client = identity.client_of(request, key=read, ipv6_prefix=prefix)
    parts = parts_of(client)
    assert tuple(part.key for part in parts) == read.parts
    assert name_of(parts) == client
    # As it is in the name of the counter, past what stands where django-ratelimit expects a hash.
    name = keys.counter("login", client=client, window_seconds=60)
    counter = parse_counter(ReadableKey(f"login{MARK}{name}{MARK}5/60".encode()).hexdigest())
    assert counter is not None
    assert counter.client == client
    exact = identity.client_of(request, key=ClientKey("ip"), ipv6_prefix=prefix)
    assert {str(part.address) for part in parts if part.address} <= {str(ip_address(exact))}
    for part in parts:
        if part.key.kind in ("user", "user or ip"):
            assert part.is_address == (user_id is None)
    if subject := subject_of(client, ipv6_prefix=prefix):
        assert read_subject(subject) == subject
