"""Who is asking: the name under which a request is counted.

An address is counted as it is (`203.0.113.9`), an IPv6 one by its /64 network (`2001:db8:1:2::`). What a policy counts
otherwise begins with who is counted, so that another choice starts afresh: `user=17`, `header:X-Api-Key=4f0c…`. What is
missing or anonymous falls back to the address (`user=@203.0.113.9`), never into a bucket that all share.
"""

import hashlib
import unicodedata
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.http import HttpRequest

from limits.conf import conf
from limits.core.policies import ClientKey

UNKNOWN = "unknown"
_TYPED_CHARACTERS_MAX = 512
_FORWARDED_HOPS_MAX = 20


def client_of(request: HttpRequest, *, key: ClientKey) -> str:
    """Return the client as which a policy with this key counts the request."""
    if key.kind == "ip":
        return address_of(request)
    return f"{_tag(key)}={_value_of(request, key=key) or '@' + address_of(request)}"


def client_named(text: str, *, key: ClientKey) -> str:
    """Return the client that a person means by `text`: an address, a user's id, what was typed, or the client itself.

    The client itself is what `client_of` returned and `limits show` shows, such as `user=17`.
    """
    if text.startswith(f"{_tag(key)}="):
        return text
    place = _canonical_address(text)
    if key.kind == "ip":
        return place or text
    if key.kind in ("header", "field"):
        return f"{_tag(key)}={_digest(text)}"
    return f"{_tag(key)}={'@' + place if place else text}"


def address_of(request: HttpRequest) -> str:
    """Return the client's address, behind the proxies that are trusted; `unknown` when there is none.

    X-Forwarded-For is read from the right, and only as long as the nearer hop is a trusted proxy: what stands left of
    that is the client's own word. An empty REMOTE_ADDR is a Unix socket: a proxy on this machine, trusted when any is.
    """
    peer = request.META.get("REMOTE_ADDR", "")
    if not conf.trusted_proxies:
        return _canonical_address(peer) or UNKNOWN
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")[-_FORWARDED_HOPS_MAX:]
    nearest = peer
    while forwarded and (not nearest or _is_trusted(nearest)):
        hop = forwarded.pop().strip()
        if _parse(hop) is None:
            break
        nearest = hop
    return _canonical_address(nearest) or UNKNOWN


def _value_of(request: HttpRequest, *, key: ClientKey) -> str:
    if key.kind in ("user", "user or ip"):
        user = getattr(request, "user", None)
        return str(user.pk) if user is not None and user.is_authenticated else ""
    if key.kind == "header":
        typed = request.headers.get(key.name, "")
    else:
        typed = request.POST.get(key.name, "") or request.GET.get(key.name, "")
    return _digest(typed)


def _tag(key: ClientKey) -> str:
    return str(key).replace(" ", "-")


def _digest(typed: str) -> str:
    """Return a keyed hash of what a client typed, of bounded length; '' of nothing.

    Case, accents and blanks around do not count: forms strip, and databases compare without case and accents, so that
    one user would be found under many keys.
    """
    plain = unicodedata.normalize("NFKD", typed.strip()[:_TYPED_CHARACTERS_MAX]).casefold()
    folded = " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())
    if not folded:
        return ""
    return hashlib.blake2b(folded.encode("utf-8", "replace"), key=conf.hash_key[:64], digest_size=10).hexdigest()


@lru_cache(maxsize=4096)
def _canonical_address(text: str) -> str:
    address = _parse(text)
    if address is None:
        return ""
    if address.version == 4:
        return str(address)
    return str(ip_network((address.packed, 64), strict=False).network_address)


@lru_cache(maxsize=4096)
def _is_trusted(text: str) -> bool:
    address = _parse(text)
    return address is not None and any(address in network for network in conf.trusted_proxies)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address without port, brackets and zone, an IPv4-mapped one as IPv4."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (address.version == 6 and address.ipv4_mapped) or address
