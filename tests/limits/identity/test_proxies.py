"""Behind proxies: whose word about the address is taken, and whose is not."""

from io import BytesIO
from ipaddress import ip_network

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from limits import identity
from limits.identity import address_of
from tests.limits.identity.asking import HERE, PROXY, UNIX_SOCKET, asked


def test_nobody_is_believed_while_no_proxy_is_trusted() -> None:
    assert address_of(asked(forwarded="198.51.100.7")) == HERE


def test_a_unix_socket_has_no_address_while_no_proxy_is_trusted() -> None:
    assert address_of(asked(peer=UNIX_SOCKET, forwarded="198.51.100.7")) == "unknown"


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        pytest.param(PROXY, None, PROXY, id="the proxy itself asks"),
        pytest.param(PROXY, "", PROXY, id="an empty header"),
        pytest.param(PROXY, "198.51.100.7", "198.51.100.7", id="one proxy"),
        pytest.param(PROXY, "198.51.100.7:41234", "198.51.100.7", id="with the client's port"),
        pytest.param(PROXY, "198.51.100.7, 10.1.1.1", "198.51.100.7", id="a proxy behind a proxy"),
        pytest.param(PROXY, "2001:db8::1, 2001:db8:ffff::9", "2001:db8::1", id="over IPv6"),
        pytest.param(PROXY, "[2001:db8:5::1]:443,[2001:db8:ffff::9]:443", "2001:db8:5::1", id="IPv6 with ports"),
        pytest.param("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7", id="a proxy on a dual-stack socket"),
        pytest.param(UNIX_SOCKET, "198.51.100.7", "198.51.100.7", id="a proxy on a Unix socket"),
        pytest.param(UNIX_SOCKET, "198.51.100.7, 10.1.1.1", "198.51.100.7", id="a Unix socket and one more"),
        pytest.param(UNIX_SOCKET, None, "unknown", id="a Unix socket that tells nothing"),
        pytest.param(UNIX_SOCKET, "garbage", "unknown", id="a Unix socket that tells garbage"),
        pytest.param(HERE, "198.51.100.7", HERE, id="who is no proxy is not believed"),
        pytest.param(PROXY, "192.0.2.66, 198.51.100.7", "198.51.100.7", id="a spoofed left part"),
        pytest.param(PROXY, "10.2.2.2, 198.51.100.7", "198.51.100.7", id="a spoofed proxy on the left"),
        pytest.param(PROXY, "<script>, 198.51.100.7", "198.51.100.7", id="garbage on the left"),
        pytest.param(PROXY, "198.51.100.7, garbage", PROXY, id="garbage on the right"),
        pytest.param(PROXY, "198.51.100.7, unknown, 10.1.1.1", "10.1.1.1", id="garbage between proxies"),
        pytest.param(PROXY, ",,,", PROXY, id="nothing but commas"),
        pytest.param(PROXY, "198.51.100.7,", PROXY, id="a proxy that tells nothing"),
        pytest.param(PROXY, "198.51.100.7, unix:", "198.51.100.7", id="a proxy asked on a Unix socket"),
        pytest.param("unix:", "198.51.100.7", "198.51.100.7", id="a Unix socket by its other name"),
        pytest.param(PROXY, "192.0.2.66, unix:, 198.51.100.7", "198.51.100.7", id="a spoofed Unix socket"),
        pytest.param(PROXY, "64:ff9b::1.2.3.4", "1.2.3.4", id="a client behind NAT64"),
        pytest.param(PROXY, "198.51.100.7, 1.2.3.4%" + "z" * 5000, PROXY, id="a hop longer than any address"),
        pytest.param(PROXY, "10.3.3.3, 10.2.2.2", "10.3.3.3", id="proxies only"),
    ],
)
def test_proxies_are_peeled_from_the_right(peer: str, forwarded: str | None, address: str) -> None:
    assert address_of(asked(peer=peer, forwarded=forwarded)) == address


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("peer", ["2002:a00:1::1", "64:ff9b::10.0.0.1"])
def test_nobody_passes_for_a_trusted_proxy_by_a_tunnel(peer: str) -> None:
    assert address_of(asked(peer=peer, forwarded="198.51.100.7")) != "198.51.100.7"
    assert address_of(asked(peer=PROXY, forwarded=f"198.51.100.7, {peer}")) != "198.51.100.7"


@pytest.mark.usefixtures("trusted")
def test_a_long_way_ends_at_the_hop_that_is_not_trusted() -> None:
    way = [*(f"192.0.2.{number}" for number in range(200)), "198.51.100.7", *["10.1.1.1"] * 15]
    assert address_of(asked(peer=PROXY, forwarded=", ".join(way))) == "198.51.100.7"


@pytest.mark.usefixtures("trusted")
def test_a_way_longer_than_any_real_one_ends_at_one_of_its_proxies() -> None:
    way = ["198.51.100.7", *(f"10.1.1.{number}" for number in range(1, 31))]
    assert address_of(asked(peer=PROXY, forwarded=",".join(way))) == "10.1.1.11"


@pytest.mark.usefixtures("trusted")
def test_of_several_header_lines_the_last_is_the_nearest() -> None:
    lines = [(b"x-forwarded-for", way) for way in (b"192.0.2.66", b"198.51.100.7", b"10.1.1.1, 10.2.2.2")]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": lines, "client": [PROXY, 41234]}
    assert address_of(ASGIRequest(scope, BytesIO())) == "198.51.100.7"


@pytest.mark.usefixtures("trusted")
def test_an_asgi_server_on_a_unix_socket_names_no_peer() -> None:
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"x-forwarded-for", b"198.51.100.7")]}
    assert address_of(ASGIRequest(scope | {"client": None}, BytesIO())) == "198.51.100.7"


@pytest.mark.usefixtures("trusted")
def test_of_a_very_long_header_the_right_end_counts() -> None:
    assert address_of(asked(peer=PROXY, forwarded="192.0.2.66, " * 100_000 + "198.51.100.7")) == "198.51.100.7"
    assert address_of(asked(peer=PROXY, forwarded="9" * 1_000_000)) == PROXY


def test_a_changed_setting_holds_at_once() -> None:
    request = asked(peer=PROXY, forwarded="198.51.100.7")
    for networks, address in [("10.0.0.0/8", "198.51.100.7"), ("192.0.2.0/24", PROXY), ("10.0.0.0/8", "198.51.100.7")]:
        with override_settings(LIMITS_TRUSTED_PROXIES=[ip_network(networks)]):
            assert address_of(request) == address


@pytest.mark.usefixtures("trusted")
def test_a_proxy_seen_before_is_not_read_again() -> None:
    address_of(asked(peer=PROXY, forwarded="198.51.100.7"))
    before = identity._is_trusted.cache_info().misses
    address_of(asked(peer=PROXY, forwarded="198.51.100.7"))
    assert identity._is_trusted.cache_info().misses == before


@given(st.text() | st.lists(st.ip_addresses().map(str) | st.text(max_size=5)).map(",".join))
def test_what_stands_left_of_an_untrusted_hop_changes_nothing(spoofed: str) -> None:
    with override_settings(LIMITS_TRUSTED_PROXIES=(ip_network("10.0.0.0/8"),)):
        assert address_of(asked(peer=PROXY, forwarded=f"{spoofed},198.51.100.7")) == "198.51.100.7"
