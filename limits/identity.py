"""Who is asking: the name under which a request is counted.

An address is counted as it is (`203.0.113.9`), an IPv6 one by its network (`2001:db8:1:2::`). What a policy counts
otherwise begins with who is counted, so that another choice starts afresh: `user=17`, `header:X-Api-Key=4f0c…`,
`ip+field:username=203.0.113.9+4f0c…`. What is missing, anonymous or not the same everywhere falls back to the address
(`user=@203.0.113.9`), never into a bucket that all share, but for `everyone`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from socket import AF_INET, inet_ntop, inet_pton

from django.http import HttpRequest

from limits.conf import conf
from limits.core.client_keys import ClientKey
from limits.typed_values import TYPED_KINDS, digest, digest_of, keyed_hash

UNKNOWN = "unknown"
EVERYONE = "everyone"

_ADDRESS_CHARACTERS_MAX = 80
_FORWARDED_HOPS_MAX = 20
_UNIX_SOCKETS = ("", "unix:")
_NAT64 = IPv6Network("64:ff9b::/96")

_USER_KINDS = ("user", "user or ip")
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


# What a policy asks


def client_of(request: HttpRequest, *, key: ClientKey, ipv6_prefix: int = 64) -> str:
    """Return the client as which a policy with this key counts the request; an IPv6 address by a network so long."""
    if key.kind == "ip" and key.other is None:
        return _network(nearest_of(request), ipv6_prefix) or UNKNOWN
    if key.kind == EVERYONE:
        return EVERYONE
    return f"{_tag(key)}={'+'.join(_value_of(request, part, ipv6_prefix) for part in key.parts)}"


def values_of(request: HttpRequest, *, key: ClientKey) -> tuple[str, ...]:
    """Return what the client typed of what the key looks at, such as `header:X-Api-Key=4f0c…`; nothing for a blank."""
    typed = (part for part in key.parts if part.kind in TYPED_KINDS)
    return tuple(f"{part}={found}" for part in typed if (found := digest_of(request, part=part)))


def user_id_of(request: HttpRequest) -> str:
    """Return the id of the user who is logged in; '' of anybody else. Looks at the session."""
    user = getattr(request, "user", None)
    return str(user.pk) if user is not None and user.is_authenticated else ""


def needs_user(key: ClientKey) -> bool:
    """Say whether counting by the key looks at the session."""
    return any(part.kind in _USER_KINDS for part in key.parts)


def client_named(
    text: str, *, key: ClientKey, ipv6_prefix: int = 64, find_user: Callable[[str], str] | None = None
) -> str:
    """Return the client that a person means by `text`: an address, a user's id, what was typed, or the client itself.

    Of a joined key both are named, in the key's order: `203.0.113.9 and alice@example.org`. An address alone is who
    left the rest out. The client itself is what `client_of` returned and `limits show` shows, such as `user=17`.
    `find_user` turns what people call a user into an id.
    """
    if key.kind == EVERYONE:
        return EVERYONE
    if key.kind == "ip" and key.other is None:
        return _network(text, ipv6_prefix) or text
    if text.startswith(f"{_tag(key)}="):
        return text
    words = re.split(r"\s+and\s+", text, maxsplit=1, flags=re.IGNORECASE) if key.other else [text]
    values = [
        _value_named(word, part, ipv6_prefix, find_user or str) for part, word in zip(key.parts, words, strict=False)
    ]
    if len(values) < len(key.parts):
        values = _values_of_nobody(text, key, ipv6_prefix) or [*values, ""]
    return f"{_tag(key)}={'+'.join(values)}"


# Addresses


def address_of(request: HttpRequest) -> str:
    """Return the client's exact address, behind the proxies that are trusted; `unknown` when there is none."""
    address = address_object_of(request)
    return UNKNOWN if address is None else str(address)


def address_object_of(request: HttpRequest) -> IPv4Address | IPv6Address | None:
    """Return the client's exact address, behind the proxies that are trusted; None when there is none."""
    return address_in(nearest_of(request))


def nearest_of(request: HttpRequest) -> str:
    """Return the hop nearest to us that is no trusted proxy, as it is written.

    X-Forwarded-For is read from the right, and only as long as the nearer hop is a trusted proxy: what stands left of
    that is the client's own word. A Unix socket is a proxy on the machine that tells it, trusted when any is.
    """
    nearest: str = request.META.get("REMOTE_ADDR") or ""
    networks = conf.trusted_proxies
    if not networks:
        return nearest
    proxies = _proxies_of(networks)
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").rsplit(",", _FORWARDED_HOPS_MAX)[-_FORWARDED_HOPS_MAX:]
    while hops and _is_trusted(nearest, proxies):
        hop = hops.pop().strip()
        if hop != "unix:" and address_in(hop[: _ADDRESS_CHARACTERS_MAX + 1]) is None:
            break
        nearest = hop
    return nearest


@dataclass(frozen=True, slots=True, eq=False)
class _Proxies:
    """Networks as a key of a cache: hashed by identity, for to hash each of them takes longer than all the rest."""

    networks: tuple[IPv4Network | IPv6Network, ...]


_latest_proxies = _Proxies(())


def _proxies_of(networks: tuple[IPv4Network | IPv6Network, ...]) -> _Proxies:
    """Return the same value as long as the setting is the same."""
    global _latest_proxies
    proxies = _latest_proxies
    if proxies.networks != networks:
        proxies = _latest_proxies = _Proxies(networks)
    return proxies


@lru_cache(maxsize=4096)
def _is_trusted(text: str, proxies: _Proxies) -> bool:
    if text in _UNIX_SOCKETS:
        return True
    address = _parse(text)
    return address is not None and any(address in network for network in proxies.networks)


@lru_cache(maxsize=4096)
def _network(text: str, ipv6_prefix: int) -> str:
    if _is_plain_ipv4(text):
        # As most clients are, and each that is new would wait for it to be taken apart.
        return text
    address = address_in(text)
    if address is None:
        return ""
    if address.version == 4 or ipv6_prefix == 128:
        return str(address)
    return str(ip_network((address.packed, ipv6_prefix), strict=False).network_address)


def _is_plain_ipv4(text: str) -> bool:
    try:
        return inet_ntop(AF_INET, inet_pton(AF_INET, text)) == text
    except (OSError, ValueError):
        return False


@lru_cache(maxsize=4096)
def address_in(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that text stands for; of one made from an IPv4 address, that one.

    Behind NAT64 all of IPv4 is one /96 network, which its translator alone can send from. Who has an IPv4 address has
    65,536 networks by 6to4, and shares one with strangers by Teredo. Those two count only where the IPv4 address is a
    public one, so that nobody can pass for an address within this site.
    """
    address = _parse(text)
    if address is None or address.version == 4:
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    tunnelled = address.sixtofour or (address.teredo and address.teredo[1])
    return tunnelled if tunnelled and tunnelled.is_global else address


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address without port, brackets and zone, an IPv4-mapped one as IPv4."""
    host = text.strip()
    if len(host) > _ADDRESS_CHARACTERS_MAX:
        return None
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (address.version == 6 and address.ipv4_mapped) or address


# What stands for one part of a key


@lru_cache(maxsize=1024)
def _tag(key: ClientKey) -> str:
    return str(key).replace(" and ", "+").replace(" ", "-")


def _value_of(request: HttpRequest, part: ClientKey, ipv6_prefix: int) -> str:
    place = _network(nearest_of(request), ipv6_prefix) or UNKNOWN
    if part.kind == "ip":
        return place
    value = _plain_id(user_id_of(request)) if part.kind in _USER_KINDS else digest_of(request, part=part)
    return value or f"@{place}"


def _value_named(word: str, part: ClientKey, ipv6_prefix: int, find_user: Callable[[str], str]) -> str:
    if part.kind in TYPED_KINDS:
        return digest(word)
    if place := _network(word, ipv6_prefix):
        return place if part.kind == "ip" else f"@{place}"
    return word if part.kind == "ip" else _plain_id(find_user(word))


def _values_of_nobody(text: str, key: ClientKey, ipv6_prefix: int) -> list[str]:
    """Return how a request is counted that brings an address and nothing else; nothing when text is no address."""
    place = _network(text, ipv6_prefix)
    return [place if part.kind == "ip" else f"@{place}" for part in key.parts] if place else []


def _plain_id(user_id: str) -> str:
    """Return the id; a hash of one that could be taken for something else, or that people chose."""
    return user_id if not user_id or _PLAIN_ID.fullmatch(user_id) else keyed_hash(user_id)
