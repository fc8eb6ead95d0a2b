"""The address of who asks: one client whatever its form, and one for a whole network of IPv6."""

from ipaddress import IPv6Network, ip_address
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from limits import identity
from limits.identity import address_object_of, address_of, client_named, client_of
from tests.limits.identity.asking import HERE, IP, UNIX_SOCKET, USER, asked


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.2.3.4:5678", "1.2.3.4"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("::FFFF:102:304", "1.2.3.4"),
        ("[::ffff:1.2.3.4]:5678", "1.2.3.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"),
        ("2001:0DB8:0001:0002::1", "2001:db8:1:2::1"),
        ("[2001:db8:1:2::1]", "2001:db8:1:2::1"),
        ("[2001:db8:1:2::1]:443", "2001:db8:1:2::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:80", "fe80::1"),
        (" 203.0.113.9 ", "203.0.113.9"),
        ("", "unknown"),
        ("unix:", "unknown"),
        ("@", "unknown"),
        ("localhost", "unknown"),
        ("1.2.3", "unknown"),
        ("1.2.3.256", "unknown"),
        ("١.٢.٣.٤", "unknown"),
        ("1.2.3.4, 5.6.7.8", "unknown"),
        ("[", "unknown"),
        (":80", "unknown"),
        ("fe80::1%" + "z" * 100, "unknown"),
    ],
)
def test_an_address_is_read_whatever_its_form(peer: str, address: str) -> None:
    assert address_of(asked(peer=peer)) == address


@given(st.ip_addresses().map(str) | st.text())
def test_the_address_as_text_and_as_a_value_are_one(peer: str) -> None:
    address = address_object_of(asked(peer=peer))
    assert address_of(asked(peer=peer)) == ("unknown" if address is None else str(address))


@pytest.mark.parametrize("peer", [None, "", "unix:"])
def test_a_request_without_a_peer_is_counted_as_unknown(peer: str | None) -> None:
    request = asked()
    del request.META["REMOTE_ADDR"]
    if peer is not None:
        request.META["REMOTE_ADDR"] = peer
    assert client_of(request, key=IP) == address_of(request) == "unknown"
    assert address_object_of(request) is None


def test_trap_ipv4_clients_of_a_dual_stack_socket_are_told_apart() -> None:
    one, other = (client_of(asked(peer=peer), key=IP) for peer in ("::ffff:1.2.3.4", "::ffff:9.9.9.9"))
    assert (one, other) == ("1.2.3.4", "9.9.9.9")


def test_trap_an_address_with_a_port_is_counted_without_it() -> None:
    assert client_of(asked(peer="1.2.3.4:5678"), key=IP) == client_of(asked(peer="1.2.3.4:9"), key=IP) == "1.2.3.4"


def test_trap_a_unix_socket_is_no_error() -> None:
    assert client_of(asked(peer=UNIX_SOCKET), key=IP) == "unknown"


def test_clients_behind_nat64_are_told_apart() -> None:
    one, other = (client_of(asked(peer=peer), key=IP) for peer in ("64:ff9b::1.2.3.4", "64:ff9b::10.0.0.7"))
    assert (one, other) == ("1.2.3.4", "10.0.0.7")


def test_who_has_an_ipv4_address_is_not_65536_clients_by_6to4() -> None:
    assert client_of(asked(peer="2002:102:304:1::1"), key=IP) == client_of(asked(peer="2002:102:304:2::9"), key=IP)
    assert client_of(asked(peer="2002:102:304:1::1"), key=IP) == "1.2.3.4"


def test_clients_of_one_teredo_server_are_told_apart() -> None:
    one, other = (client_of(asked(peer=f"2001:0:808:808:0:1:{end}"), key=IP) for end in ("fefd:fcfb", "f6f6:f6f6"))
    assert (one, other) == ("1.2.3.4", "9.9.9.9")


@pytest.mark.parametrize("peer", ["2002:a00:1::1", "2002:7f00:1::", "2001:0:808:808:0:1:f5ff:fffe"])
def test_nobody_passes_for_an_address_within_the_site_by_a_tunnel(peer: str) -> None:
    assert address_of(asked(peer=peer)) == peer


def test_the_addresses_of_one_ipv6_network_are_one_client() -> None:
    one, neighbour, other = (
        client_of(asked(peer=peer), key=IP) for peer in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1")
    )
    assert one == neighbour == "2001:db8:1:2::"
    assert one != other


@pytest.mark.parametrize(
    ("prefix", "client"),
    [
        (32, "2001:db8::"),
        (48, "2001:db8:1::"),
        (56, "2001:db8:1:ab00::"),
        (64, "2001:db8:1:abcd::"),
        (127, "2001:db8:1:abcd::e"),
        (128, "2001:db8:1:abcd::f"),
    ],
)
def test_the_network_that_counts_is_as_large_as_the_policy_says(prefix: int, client: str) -> None:
    request = asked(peer="2001:db8:1:abcd::f")
    assert client_of(request, key=IP, ipv6_prefix=prefix) == client
    assert client_of(request, key=USER, ipv6_prefix=prefix) == f"user=@{client}"
    assert client_named("2001:db8:1:abcd::f", key=IP, ipv6_prefix=prefix) == client
    assert address_of(request) == "2001:db8:1:abcd::f"
    assert client_of(asked(), key=IP, ipv6_prefix=prefix) == HERE


@given(st.ip_addresses(), st.integers(1, 128))
def test_a_counted_address_counts_as_itself(address: object, prefix: int) -> None:
    counted = client_of(asked(peer=str(address)), key=IP, ipv6_prefix=prefix)
    # The lower end of a network wider than a tunnel's own can read as another tunnel's address.
    assume(prefix >= 48 or not str(address).startswith(("2001:", "2002:", "64:", "::")))
    assert client_of(asked(peer=counted), key=IP, ipv6_prefix=prefix) == counted


@given(st.ip_addresses(v=6), st.integers(1, 128))
def test_an_ipv6_client_is_within_its_own_network(address: Any, prefix: int) -> None:
    counted = ip_address(client_of(asked(peer=str(address)), key=IP, ipv6_prefix=prefix))
    assume(counted.version == 6)
    assert address in IPv6Network((int(counted), prefix))


def test_an_address_seen_before_is_not_read_again() -> None:
    request = asked(peer="198.51.100.200")
    client_of(request, key=IP)
    before = identity._network.cache_info()
    for _ in range(10):
        client_of(request, key=IP)
    after = identity._network.cache_info()
    assert (after.hits - before.hits, after.misses - before.misses) == (10, 0)


def test_memory_for_addresses_is_bounded() -> None:
    for cached in (identity._network, identity.address_in, identity._is_trusted, identity._tag):
        assert cached.cache_info().maxsize is not None
