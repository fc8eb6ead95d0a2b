from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.test import RequestFactory, override_settings
from hypothesis import assume, given
from hypothesis import strategies as st

from limits.core import keys
from limits.core.policies import ClientKey, parse_client_key
from limits.identity import address_of, client_named, client_of
from portal.accounts.models import User

IP = ClientKey("ip")
USER = ClientKey("user")
HEADER = ClientKey("header", "X-Api-Key")
FIELD = ClientKey("field", "email")

PROXY = "10.0.0.1"
UNIX_SOCKET = ""
HERE = "203.0.113.9"


def asked(
    *, peer: str = HERE, forwarded: str | None = None, user: int | None = None, header: str | None = None, **more: Any
) -> HttpRequest:
    """Return a POST from a peer, with a form of `more`."""
    meta = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded, "HTTP_X_API_KEY": header}
    request = RequestFactory().post("/", more)
    request.META |= {name: value for name, value in meta.items() if value is not None}
    request.user = AnonymousUser() if user is None else User(pk=user)
    return request


@pytest.fixture
def trusted() -> Iterator[None]:
    """Trust the proxies of two networks."""
    with override_settings(LIMITS_TRUSTED_PROXIES=(ip_network("10.0.0.0/8"), ip_network("2001:db8:ffff::/48"))):
        yield


# Addresses


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.2.3.4:5678", "1.2.3.4"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("::FFFF:102:304", "1.2.3.4"),
        ("[::ffff:1.2.3.4]:5678", "1.2.3.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:0DB8:0001:0002::1", "2001:db8:1:2::"),
        ("[2001:db8:1:2::1]", "2001:db8:1:2::"),
        ("[2001:db8:1:2::1]:443", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("[fe80::1%25eth0]:80", "fe80::"),
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
    ],
)
def test_an_address_is_counted_whatever_its_form(peer: str, address: str) -> None:
    assert address_of(asked(peer=peer)) == address


def test_a_request_without_a_peer_is_counted_as_unknown() -> None:
    request = asked()
    del request.META["REMOTE_ADDR"]
    assert address_of(request) == "unknown"


def test_clients_of_a_dual_stack_socket_are_told_apart() -> None:
    assert address_of(asked(peer="::ffff:1.2.3.4")) != address_of(asked(peer="::ffff:9.9.9.9"))


def test_the_addresses_of_one_ipv6_network_are_one_client() -> None:
    assert address_of(asked(peer="2001:db8:1:2::1")) == address_of(asked(peer="2001:db8:1:2:ffff::9"))
    assert address_of(asked(peer="2001:db8:1:2::1")) != address_of(asked(peer="2001:db8:1:3::1"))


@given(st.ip_addresses())
def test_a_counted_address_counts_as_itself(address: object) -> None:
    counted = address_of(asked(peer=str(address)))
    assert address_of(asked(peer=counted)) == counted


# Proxies


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
        pytest.param(PROXY, "2001:db8::1, 2001:db8:ffff::9", "2001:db8::", id="over IPv6"),
        pytest.param(PROXY, "[2001:db8:5::1]:443,[2001:db8:ffff::9]:443", "2001:db8:5::", id="IPv6 with ports"),
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
        pytest.param(PROXY, "10.3.3.3, 10.2.2.2", "10.3.3.3", id="proxies only"),
    ],
)
def test_proxies_are_peeled_from_the_right(peer: str, forwarded: str | None, address: str) -> None:
    assert address_of(asked(peer=peer, forwarded=forwarded)) == address


@pytest.mark.usefixtures("trusted")
def test_a_long_way_ends_at_the_hop_that_is_not_trusted() -> None:
    way = [*(f"192.0.2.{number}" for number in range(200)), "198.51.100.7", *["10.1.1.1"] * 15]
    assert address_of(asked(peer=PROXY, forwarded=", ".join(way))) == "198.51.100.7"


@pytest.mark.usefixtures("trusted")
def test_a_way_longer_than_any_real_one_ends_at_one_of_its_proxies() -> None:
    way = ["198.51.100.7", *(f"10.1.1.{number}" for number in range(1, 31))]
    assert address_of(asked(peer=PROXY, forwarded=",".join(way))) == "10.1.1.11"


@given(st.text() | st.lists(st.ip_addresses().map(str) | st.text(max_size=5)).map(",".join))
def test_what_stands_left_of_an_untrusted_hop_changes_nothing(spoofed: str) -> None:
    with override_settings(LIMITS_TRUSTED_PROXIES=(ip_network("10.0.0.0/8"),)):
        assert address_of(asked(peer=PROXY, forwarded=f"{spoofed},198.51.100.7")) == "198.51.100.7"


# Users


def test_a_user_is_counted_wherever_he_is() -> None:
    assert client_of(asked(user=17), key=USER) == client_of(asked(user=17, peer="1.2.3.4"), key=USER) == "user=17"


@pytest.mark.parametrize("key", [USER, ClientKey("user or ip")])
def test_anonymous_visitors_are_counted_by_address(key: ClientKey) -> None:
    one, other = (client_of(asked(peer=peer), key=key) for peer in ("1.2.3.4", "1.2.3.5"))
    assert one != other
    assert one.endswith("=@1.2.3.4")


def test_without_users_in_the_project_the_address_is_counted() -> None:
    request = asked()
    del request.user
    assert client_of(request, key=USER) == f"user=@{HERE}"


def test_a_user_and_an_address_never_share_a_counter() -> None:
    assert client_of(asked(user=17), key=USER) != client_of(asked(peer="0.0.0.17"), key=USER)


# What was typed


@pytest.mark.parametrize("blank", [None, "", "  ", "\t\r\n", "\u00a0", "\u3000"])
def test_who_sends_no_header_is_counted_by_address(blank: str | None) -> None:
    one, other = (client_of(asked(peer=peer, header=blank), key=HEADER) for peer in ("1.2.3.4", "1.2.3.5"))
    assert (one, other) == ("header:X-Api-Key=@1.2.3.4", "header:X-Api-Key=@1.2.3.5")


def test_who_fills_in_no_field_is_counted_by_address() -> None:
    assert client_of(asked(), key=FIELD) == client_of(asked(email=" "), key=FIELD) == f"field:email=@{HERE}"


def test_a_field_is_read_from_the_form_or_else_the_query() -> None:
    posted = client_of(asked(email="jane@example.org"), key=FIELD)
    queried = RequestFactory().get("/", {"email": "jane@example.org"})
    both = RequestFactory().post("/?email=eve@example.org", {"email": "jane@example.org"})
    assert posted == client_of(queried, key=FIELD) == client_of(both, key=FIELD)


def test_what_was_typed_is_counted_wherever_it_comes_from() -> None:
    one, other = (client_of(asked(peer=peer, header="k-123"), key=HEADER) for peer in ("1.2.3.4", "1.2.3.5"))
    assert one == other
    assert one != client_of(asked(header="k-124"), key=HEADER)


@pytest.mark.parametrize(
    "typed",
    [
        "JANE@Example.org",
        "  jane@example.org\n",
        " " * 5_000 + "jane@example.org",
        "jane@example.org" + " " * 5_000,
        "ｊａｎｅ@example.org",
        "jané@example.org",
        "jane\u0301@example.org",
    ],
)
def test_another_form_of_the_same_text_is_no_new_client(typed: str) -> None:
    plain = client_of(asked(email="jane@example.org"), key=FIELD)
    assert client_of(asked(email=typed), key=FIELD) == plain


@pytest.mark.parametrize("key", [HEADER, FIELD])
@given(
    text=st.text(st.characters())
    | st.sampled_from(
        ["a\r\nSet-Cookie: x", "a" * 1_000_000, "\ufdfa" * 1_000_000, "\ud800\udfff", "}:60", "*", "\x00"]
    )
)
def test_whatever_was_typed_the_key_is_short_and_plain(key: ClientKey, text: str) -> None:
    request = asked(header=text)
    request.POST = {"email": text}  # type: ignore[assignment]
    client = client_of(request, key=key)
    name = keys.counter("login", client=client, window_seconds=60)
    assert len(name) < 64
    assert name.isascii()
    assert name.isprintable()
    assert " " not in name
    assert keys.parse_counter(name) == ("login", client, 60)


@pytest.mark.parametrize("key", [HEADER, FIELD])
@given(text=st.from_regex(r"[a-z0-9]{6,}@example\.org", fullmatch=True))
def test_what_was_typed_cannot_be_read_in_the_key(key: ClientKey, text: str) -> None:
    client = client_of(asked(header=text, email=text), key=key)
    assert text not in client
    assert "example" not in client


def test_the_hash_cannot_be_made_without_the_installations_key() -> None:
    with override_settings(LIMITS_HASH_KEY="one key of an installation"):
        one = client_of(asked(header="k-123"), key=HEADER)
    with override_settings(LIMITS_HASH_KEY="the key of another one"):
        other = client_of(asked(header="k-123"), key=HEADER)
    assert one != other


# The client that an operator names


@given(st.ip_addresses())
def test_an_address_names_the_client_that_is_counted(address: object) -> None:
    request = asked(peer=str(address))
    assert client_named(str(address), key=IP) == client_of(request, key=IP)
    for key in (USER, ClientKey("user or ip")):
        assert client_named(str(address), key=key) == client_of(request, key=key)


@given(st.integers(1))
def test_a_users_id_names_the_client_that_is_counted(number: int) -> None:
    for key in (USER, ClientKey("user or ip")):
        assert client_named(str(number), key=key) == client_of(asked(user=number), key=key)


@given(st.text())
def test_what_was_typed_names_the_client_that_is_counted(text: str) -> None:
    assume(text.strip())
    for key in (HEADER, FIELD):
        counted = client_of(asked(header=text, email=text), key=key)
        assume("@" not in counted)
        assert client_named(text, key=key) == counted


@given(
    key=st.sampled_from(["ip", "user", "user or ip", "header:X-Api-Key", "field:email"]).map(parse_client_key),
    peer=st.ip_addresses().map(str) | st.just(UNIX_SOCKET),
    user=st.none() | st.integers(1),
    text=st.text(max_size=10),
)
def test_a_client_as_it_is_shown_names_itself(key: ClientKey, peer: str, user: int | None, text: str) -> None:
    shown = client_of(asked(peer=peer, user=user, header=text, email=text), key=key)
    assert client_named(shown, key=key) == shown


@given(st.text())
def test_whatever_an_operator_types_names_some_client(text: str) -> None:
    for key in (IP, USER, HEADER, FIELD):
        assert isinstance(client_named(text, key=key), str)
