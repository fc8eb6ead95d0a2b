import json
from collections.abc import Iterator
from io import BytesIO
from ipaddress import IPv6Network, ip_address, ip_network
from time import perf_counter
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, QueryDict
from django.http.multipartparser import MultiPartParserError
from django.test import RequestFactory, override_settings
from django.utils.functional import SimpleLazyObject
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from limits import identity
from limits.core import keys
from limits.core.client_keys import ClientKey, parse_client_key
from limits.core.keys import CounterName
from limits.identity import (
    address_object_of,
    address_of,
    client_named,
    client_of,
    needs_user,
    user_id_of,
    values_of,
)
from portal.accounts.models import User

IP = ClientKey("ip")
USER = ClientKey("user")
HEADER = ClientKey("header", "X-Api-Key")
FIELD = ClientKey("field", "email")
EVERYONE = ClientKey("everyone")
IP_AND_FIELD = parse_client_key("ip and field:email")
USER_AND_HEADER = parse_client_key("user and header:X-Api-Key")
KEYS = [
    parse_client_key(text)
    for text in (
        "ip",
        "user",
        "user or ip",
        "header:X-Api-Key",
        "field:email",
        "everyone",
        "ip and field:email",
        "ip and user",
        "user and header:X-Api-Key",
        "user or ip and field:email",
        "header:X-Api-Key and field:email",
    )
]

# For what several keys do in the same way, or all keys at once in each example.
few_examples = hypothesis_settings(max_examples=30)

PROXY = "10.0.0.1"
UNIX_SOCKET = ""
HERE = "203.0.113.9"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=edge"


def asked(
    *, peer: str = HERE, forwarded: str | None = None, user: int | None = None, header: str | None = None, **more: Any
) -> HttpRequest:
    """Return a POST from a peer, with a form of `more`."""
    on_the_wire = None if header is None else header.encode("utf-8", "surrogatepass").decode("latin-1")
    meta = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded, "HTTP_X_API_KEY": on_the_wire}
    request = RequestFactory().post("/", more)
    request.META |= {name: value for name, value in meta.items() if value is not None}
    request.user = AnonymousUser() if user is None else User(pk=user)
    return request


def sent(body: bytes | str, content_type: str, *, path: str = "/", method: str = "POST") -> HttpRequest:
    """Return a request with that body, as a server hands it over."""
    return RequestFactory().generic(method, path, body, content_type, REMOTE_ADDR=HERE)


def part(name: str, text: str) -> str:
    """Return one field of a multipart form."""
    return f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'


BODIES = {
    FORM: "email=jane%40example.org",
    MULTIPART: part("email", "jane@example.org") + "--edge--\r\n",
    JSON: '{"email": "jane@example.org"}',
}
JANE = client_named("jane@example.org", key=FIELD)
NOBODY = f"field:email=@{HERE}"


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


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("peer", ["2002:a00:1::1", "64:ff9b::10.0.0.1"])
def test_nobody_passes_for_a_trusted_proxy_by_a_tunnel(peer: str) -> None:
    assert address_of(asked(peer=peer, forwarded="198.51.100.7")) != "198.51.100.7"
    assert address_of(asked(peer=PROXY, forwarded=f"198.51.100.7, {peer}")) != "198.51.100.7"


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
    for cached in (identity._network, identity._counted, identity._is_trusted, identity._tag):
        assert cached.cache_info().maxsize is not None


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


# Users


def test_a_user_is_counted_wherever_he_is() -> None:
    assert client_of(asked(user=17), key=USER) == client_of(asked(user=17, peer="1.2.3.4"), key=USER) == "user=17"


@pytest.mark.parametrize("key", [USER, ClientKey("user or ip")])
def test_trap_anonymous_visitors_are_counted_by_address(key: ClientKey) -> None:
    one, other = (client_of(asked(peer=peer), key=key) for peer in ("1.2.3.4", "1.2.3.5"))
    assert one != other
    assert one.endswith("=@1.2.3.4")


def test_without_users_in_the_project_the_address_is_counted() -> None:
    request = asked()
    del request.user
    assert client_of(request, key=USER) == f"user=@{HERE}"


def test_a_user_and_an_address_never_share_a_counter() -> None:
    assert client_of(asked(user=17), key=USER) != client_of(asked(peer="0.0.0.17"), key=USER)


@pytest.mark.parametrize(("user", "user_id"), [(None, ""), (17, "17")])
def test_a_user_is_known_by_the_id(user: int | None, user_id: str) -> None:
    assert user_id_of(asked(user=user)) == user_id


def test_nobody_chooses_an_id_that_reads_as_another_client() -> None:
    request = asked()
    for chosen in (f"@{HERE}", "a+b", "}:60", "jane@example.org", "x" * 500, "a\r\nb"):
        request.user = User(pk=chosen)
        client = client_of(request, key=USER)
        assert client == client_named(chosen, key=USER) or chosen == f"@{HERE}"
        assert chosen not in client
        assert keys.parse_counter(keys.counter("login", client=client, window_seconds=60)) == CounterName(
            "login", client, 60
        )


@pytest.mark.parametrize("key", KEYS)
def test_the_session_is_looked_at_only_where_a_user_is_counted(key: ClientKey) -> None:
    looks: list[str] = []

    def look() -> AnonymousUser:
        looks.append("looked")
        return AnonymousUser()

    request = asked()
    request.user = SimpleLazyObject(look)  # type: ignore[assignment]
    client_of(request, key=key)
    values_of(request, key=key)
    assert bool(looks) == needs_user(key)


# What was typed


@pytest.mark.parametrize("blank", [None, "", "  ", "\t\r\n", "\u00a0", "\u3000"])
def test_trap_who_sends_no_header_is_counted_by_address(blank: str | None) -> None:
    one, other = (client_of(asked(peer=peer, header=blank), key=HEADER) for peer in ("1.2.3.4", "1.2.3.5"))
    assert (one, other) == ("header:X-Api-Key=@1.2.3.4", "header:X-Api-Key=@1.2.3.5")


def test_trap_who_fills_in_no_field_is_counted_by_address() -> None:
    assert client_of(asked(), key=FIELD) == client_of(asked(email=" "), key=FIELD) == f"field:email=@{HERE}"


def test_a_field_is_read_from_the_form_and_the_query() -> None:
    posted = asked(email="jane@example.org")
    queried = RequestFactory().get("/", {"email": "jane@example.org"})
    both = RequestFactory().post("/?email=jane@example.org", {"email": " jane@example.org"})
    blank = RequestFactory().post("/?email=+", {"email": "jane@example.org"})
    assert {client_of(request, key=FIELD) for request in (posted, queried, both, blank)} == {JANE}


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
        "ja\u200bne@example.org",
        "jane\ufe0f@example.org",
        "\ufeffjane@exam\u00adple.org",
        "ja\x00ne@example.org",
    ],
)
def test_another_form_of_the_same_text_is_no_new_client(typed: str) -> None:
    plain = client_of(asked(email="jane@example.org"), key=FIELD)
    assert client_of(asked(email=typed), key=FIELD) == plain


@pytest.mark.parametrize("key", [HEADER, FIELD, IP_AND_FIELD, USER_AND_HEADER])
@few_examples
@given(
    text=st.text(st.characters())
    | st.sampled_from(
        ["a\r\nSet-Cookie: x", "a" * 1_000_000, "\ufdfa" * 1_000_000, "\ud800\udfff", "}:60", "*", "\x00"]
    )
)
def test_trap_whatever_was_typed_the_key_is_short_and_plain(key: ClientKey, text: str) -> None:
    request = asked(header=text)
    request.content_type = FORM
    request.POST = QueryDict(mutable=True)
    request.POST["email"] = text
    client = client_of(request, key=key)
    name = keys.counter("login", client=client, window_seconds=60)
    assert len(name) < 80
    assert name.isascii()
    assert name.isprintable()
    assert " " not in name
    assert keys.parse_counter(name) == CounterName("login", client, 60)


@pytest.mark.parametrize("key", [HEADER, FIELD])
@few_examples
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


# Bodies


@pytest.mark.parametrize("content_type", BODIES)
def test_a_field_is_found_in_whatever_a_login_sends(content_type: str) -> None:
    assert client_of(sent(BODIES[content_type], content_type), key=FIELD) == JANE


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/vnd.api+json", "text/plain"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_json_object_is_read_whatever_it_is_called(content_type: str, method: str) -> None:
    assert client_of(sent(BODIES[JSON], content_type, method=method), key=FIELD) == JANE


def test_a_number_in_json_is_the_same_as_its_text() -> None:
    assert client_of(sent('{"email": 17}', JSON), key=FIELD) == client_of(sent('{"email": "17"}', JSON), key=FIELD)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "17",
        "null",
        '"jane@example.org"',
        "{}",
        '{"email": null}',
        '{"email": true}',
        '{"email": ""}',
        '{"email": ["jane@example.org"]}',
        '{"form": {"email": "jane@example.org"}}',
        "[" * 100_000,
        '{"email": ' + "9" * 10_000 + "}",
        b"\xff\xfe\x00",
    ],
)
def test_json_without_the_field_is_counted_by_address(body: str | bytes) -> None:
    assert client_of(sent(body, JSON), key=FIELD) == NOBODY


def test_padding_does_not_hide_a_field() -> None:
    """Whatever a view would take, counts: else a large enough request would get around the limit."""
    padding = SimpleUploadedFile("padding", b"x" * 3_000_000)
    form = RequestFactory().post("/", {"email": "jane@example.org", "file": padding}, REMOTE_ADDR=HERE)
    assert client_of(form, key=FIELD) == JANE
    file = form.FILES["file"]
    assert isinstance(file, UploadedFile)
    assert file.size == 3_000_000
    form.close()
    padded = json.dumps({"padding": "x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE - 100), "email": "jane@example.org"})
    assert client_of(sent(padded, JSON), key=FIELD) == JANE


@pytest.mark.parametrize("content_type", BODIES)
def test_a_view_reads_the_body_after_us(content_type: str) -> None:
    request = sent(BODIES[content_type], content_type)
    client_of(request, key=FIELD)
    assert request.body == BODIES[content_type].encode()
    assert request.read() == BODIES[content_type].encode()
    form = sent(BODIES[content_type], content_type)
    client_of(form, key=FIELD)
    assert form.POST.get("email") == (None if content_type == JSON else "jane@example.org")


def test_a_view_chooses_its_upload_handlers_after_us() -> None:
    request = sent(BODIES[MULTIPART], MULTIPART)
    client_of(request, key=FIELD)
    request.upload_handlers = []
    assert request.upload_handlers == request.upload_handlers


def test_a_view_streams_what_is_too_large_for_memory() -> None:
    request = sent(b"x" * 3_000_000, "application/octet-stream")
    assert client_of(request, key=FIELD) == NOBODY
    assert len(request.read()) == 3_000_000


@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        pytest.param("a=&" * 2_000, FORM, TooManyFieldsSent, id="too many fields"),
        pytest.param(part("a", "") * 2_000 + "--edge--\r\n", MULTIPART, TooManyFieldsSent, id="too many parts"),
        pytest.param("a=" + "x" * 3_000_000, FORM, RequestDataTooBig, id="too large"),
        pytest.param("junk", "multipart/form-data", MultiPartParserError, id="no boundary"),
        pytest.param("junk", "multipart/form-data; boundary=é", MultiPartParserError, id="a bad boundary"),
    ],
)
def test_a_view_meets_the_error_of_a_bad_form_itself(body: str, content_type: str, error: type[Exception]) -> None:
    request = sent(body, content_type)
    assert client_of(request, key=FIELD) == NOBODY
    with pytest.raises(error):
        _ = request.POST


def test_a_query_with_too_many_fields_is_counted_by_address() -> None:
    request = sent("", FORM, path="/?" + "a=&" * 2_000)
    assert client_of(request, key=FIELD) == NOBODY
    with pytest.raises(TooManyFieldsSent):
        _ = request.GET


@pytest.mark.parametrize("content_type", BODIES)
def test_a_client_that_hangs_up_is_counted_by_address(content_type: str) -> None:
    class Broken(BytesIO):
        def read(self, *size: Any) -> bytes:
            raise OSError("gone")

    request = sent("x" * 100, content_type)
    request._stream = Broken()
    assert client_of(request, key=FIELD) == NOBODY


@pytest.mark.parametrize("content_type", BODIES)
def test_a_body_read_by_somebody_else_is_left_alone(content_type: str) -> None:
    streamed = sent(BODIES[content_type], content_type)
    streamed.read()
    assert client_of(streamed, key=FIELD) == NOBODY
    kept = sent(BODIES[content_type], content_type)
    assert kept.body
    assert client_of(kept, key=FIELD) == JANE


def test_a_form_that_was_parsed_already_is_read() -> None:
    request = sent(BODIES[MULTIPART], MULTIPART)
    assert request.POST["email"]
    assert client_of(request, key=FIELD) == JANE


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param("{", JSON, id="broken JSON"),
        pytest.param('{"email": ' + "9" * 10_000 + "}", JSON, id="a number too long"),
        pytest.param('{"email": 17.5}', JSON, id="a fraction, which int() cuts"),
        pytest.param('{"email": ["jane@example.org"]}', JSON, id="a list"),
        pytest.param("a=" + "x" * 3_000_000, FORM, id="a form too large"),
        pytest.param("{" + " " * 3_000_000 + "}", JSON, id="JSON too large, which a view can stream"),
        pytest.param("a=&" * 2_000, FORM, id="too many fields"),
        pytest.param("junk", "multipart/form-data", id="no boundary"),
        pytest.param("+AHsAIgBl-", "application/json; charset=utf-7", id="a character set of many spellings"),
    ],
)
def test_beside_a_body_that_cannot_be_read_the_query_is_not_believed(body: str, content_type: str) -> None:
    """Else a view that reads the body after all is tried without end, with another query each time."""
    assert client_of(sent(body, content_type, path="/?email=rotated"), key=FIELD) == NOBODY


JSON_WITH_A_FORM_INSIDE = '{"email": "jane@example.org", "x": "&email=rotated&"}'


@pytest.mark.parametrize(
    ("body", "content_type", "query"),
    [
        pytest.param(BODIES[JSON], FORM, "rotated", id="JSON called a form, and a query"),
        pytest.param(BODIES[JSON], MULTIPART, "rotated", id="JSON called a form with files, and a query"),
        pytest.param(BODIES[JSON], JSON, "rotated", id="JSON and a query"),
        pytest.param("\ufeff" + BODIES[JSON], "", "rotated", id="JSON with a mark of byte order, and a query"),
        pytest.param(BODIES[JSON].encode("utf-16"), JSON, "rotated", id="JSON in UTF-16, and a query"),
        pytest.param(BODIES[FORM], FORM, "rotated", id="a form and a query"),
        pytest.param(BODIES[MULTIPART], MULTIPART, "rotated", id="a form with files, and a query"),
        pytest.param(JSON_WITH_A_FORM_INSIDE, FORM, "", id="a form within JSON"),
        pytest.param('{"email": "rotated", "x": "&email=jane&"}', FORM, "", id="JSON around a form"),
        pytest.param(f"{BODIES[FORM]}&email=rotated", FORM, "", id="a form with two values"),
        pytest.param("", FORM, "jane@example.org&email=rotated", id="a query with two values"),
        pytest.param('{"email": "017"}', JSON, "17", id="one number written in two ways"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_who_sends_two_values_is_counted_by_address(
    body: str | bytes, content_type: str, query: str, method: str
) -> None:
    """One of them is what the view reads; whoever changes the other one at will would never be refused."""
    assert client_of(sent(body, content_type, path=f"/?email={query}", method=method), key=FIELD) == NOBODY


@pytest.mark.parametrize("content_type", BODIES)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_the_same_value_in_two_places_is_one(content_type: str, method: str) -> None:
    path = "/?email=jane%40example.org"
    assert client_of(sent(BODIES[content_type], content_type, path=path, method=method), key=FIELD) == JANE
    assert client_of(sent(BODIES[content_type], content_type, method=method), key=FIELD) == JANE


def test_a_body_that_has_nothing_to_say_leaves_the_query() -> None:
    for body, content_type in [("<a/>", "text/xml"), ("{}", JSON), ("a=b", FORM), ("", "multipart/form-data")]:
        assert client_of(sent(body, content_type, path="/?email=jane@example.org"), key=FIELD) == JANE


@pytest.mark.parametrize("field", ["17", "017", "0" * 300 + "17", "+17", "+0017", "0_17", " 17 ", "１７", "١٧"])
def test_a_number_counts_as_one_however_it_is_written(field: str) -> None:
    """A view that calls int() finds the same account."""
    assert int(field) == 17
    assert client_of(asked(email=field), key=FIELD) == client_named("17", key=FIELD)
    assert client_of(asked(email=f"{field}x"), key=FIELD) != client_named("17", key=FIELD)


def test_zero_is_a_number_and_no_blank() -> None:
    zero, zeros, one = (client_of(asked(email=field), key=FIELD) for field in ("0", "000", "1"))
    assert zero == zeros
    assert len({zero, one, NOBODY}) == 3


def test_a_view_streams_a_body_of_unknown_length_from_its_start() -> None:
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "client": [HERE, 41234]}
    request = ASGIRequest(scope, BytesIO(b"x" * 3_000_000))
    assert client_of(request, key=FIELD) == NOBODY
    assert len(request.read()) == 3_000_000


def test_a_thousand_long_values_are_looked_at_in_no_time() -> None:
    values = "&".join(f"email={'%EF%B7%BA' * 250}{number}" for number in range(900))
    begun = perf_counter()
    assert client_of(sent(values, FORM), key=FIELD) == NOBODY
    assert perf_counter() - begun < 1


@pytest.mark.parametrize("content_type", BODIES)
def test_a_field_is_read_under_asgi(content_type: str) -> None:
    headers = [(b"content-type", content_type.encode())]
    scope = {"type": "http", "method": "POST", "path": "/日本", "headers": headers, "client": [HERE, 41234]}
    assert client_of(ASGIRequest(scope, BytesIO(BODIES[content_type].encode())), key=FIELD) == JANE


@given(st.binary(), st.sampled_from([*BODIES, "", "text/html", "multipart/form-data"]))
def test_whatever_is_sent_somebody_is_counted(body: bytes, content_type: str) -> None:
    assert client_of(sent(body, content_type), key=FIELD)


# Two joined, and everyone


def test_two_joined_are_counted_by_pairs() -> None:
    clients = {
        client_of(asked(peer=peer, email=email), key=IP_AND_FIELD)
        for peer in (HERE, "198.51.100.7")
        for email in ("jane@example.org", "eve@example.org", "JANE@example.org")
    }
    assert len(clients) == 4


def test_a_joined_client_reads_as_its_key() -> None:
    digest = JANE.removeprefix("field:email=")
    assert client_of(asked(email="jane@example.org"), key=IP_AND_FIELD) == f"ip+field:email={HERE}+{digest}"


@pytest.mark.parametrize("key", [key for key in KEYS if key.other])
def test_what_is_missing_in_a_joined_key_is_the_address(key: ClientKey) -> None:
    one, other = (client_of(asked(peer=peer), key=key) for peer in ("1.2.3.4", "1.2.3.5"))
    assert one != other
    assert one.count("1.2.3.4") == 2


def test_half_of_a_joined_key_is_enough_to_share_nothing() -> None:
    one, other = (client_of(asked(peer=peer, header="k-123"), key=USER_AND_HEADER) for peer in ("1.2.3.4", "1.2.3.5"))
    assert one != other
    assert one != client_of(asked(peer="1.2.3.4", user=17, header="k-123"), key=USER_AND_HEADER)


def test_everyone_is_one_client() -> None:
    assert {client_of(asked(peer=peer, user=17), key=EVERYONE) for peer in (HERE, "1.2.3.4", "::1")} == {"everyone"}


def test_each_kind_counts_under_names_of_its_own() -> None:
    everything = asked(user=17, header="jane@example.org", email="jane@example.org")
    nothing = asked()
    clients = [client_of(request, key=key) for key in KEYS for request in (everything, nothing)]
    same_for_both = 2  # by address, and for everyone
    assert len(set(clients)) == len(clients) - same_for_both


# Overrides


def test_typed_values_are_found_as_they_stand_in_redis() -> None:
    request = asked(user=17, header="k-123", email="jane@example.org")
    header, field = client_named("k-123", key=HEADER), client_named("jane@example.org", key=FIELD)
    assert values_of(request, key=HEADER) == (header,)
    assert values_of(request, key=IP_AND_FIELD) == (field,)
    assert values_of(request, key=parse_client_key("field:email and header:x-api-key")) == (header, field)


@pytest.mark.parametrize("key", KEYS)
def test_who_typed_nothing_has_no_typed_values(key: ClientKey) -> None:
    assert values_of(asked(user=17), key=key) == ()


# The client that an operator names


@given(st.ip_addresses())
def test_an_address_names_the_client_that_is_counted(address: object) -> None:
    request = asked(peer=str(address))
    assert client_named(str(address), key=IP) == client_of(request, key=IP)
    for key in (USER, ClientKey("user or ip")):
        assert client_named(str(address), key=key) == client_of(request, key=key)


@few_examples
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


@given(st.ip_addresses(), st.from_regex(r"[a-z@. ]{0,9}[a-z]", fullmatch=True), st.integers(1))
def test_two_names_joined_name_the_client_that_is_counted(address: object, text: str, number: int) -> None:
    request = asked(peer=str(address), user=number, header=text, email=text)
    assert client_named(f"{address} and {text}", key=IP_AND_FIELD) == client_of(request, key=IP_AND_FIELD)
    assert client_named(f"{number} AND {text}", key=USER_AND_HEADER) == client_of(request, key=USER_AND_HEADER)


def test_what_was_typed_may_hold_an_and_itself() -> None:
    request = asked(email="salt and pepper")
    assert client_named(f"{HERE} and salt and pepper", key=IP_AND_FIELD) == client_of(request, key=IP_AND_FIELD)


@pytest.mark.parametrize("key", [key for key in KEYS if key not in (HEADER, FIELD)])
def test_an_address_alone_names_who_brought_nothing_else(key: ClientKey) -> None:
    for place in (HERE, "2001:db8:1:2::1"):
        assert client_named(place, key=key) == client_of(asked(peer=place), key=key)


def test_half_a_name_names_nobody_that_is_counted() -> None:
    assert client_named("17", key=USER_AND_HEADER) == "user+header:X-Api-Key=17+"


def test_users_are_named_as_people_call_them() -> None:
    ids = {"jane": "17"}
    for key, text in ((USER, "jane"), (USER_AND_HEADER, "jane and k-123")):
        named = client_named(text, key=key, find_user=lambda called: ids.get(called, called))
        assert named == client_of(asked(user=17, header="k-123"), key=key)


@given(
    key=st.sampled_from(KEYS),
    peer=st.ip_addresses().map(str) | st.just(UNIX_SOCKET),
    user=st.none() | st.integers(1),
    text=st.text(max_size=10),
)
def test_a_client_as_it_is_shown_names_itself(key: ClientKey, peer: str, user: int | None, text: str) -> None:
    shown = client_of(asked(peer=peer, user=user, header=text, email=text), key=key)
    assert client_named(shown, key=key) == shown


@few_examples
@given(st.text())
def test_whatever_an_operator_types_names_some_client(text: str) -> None:
    for key in KEYS:
        assert isinstance(client_named(text, key=key), str)
