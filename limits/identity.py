"""Who is asking: the name under which a request is counted.

An address is counted as it is (`203.0.113.9`), an IPv6 one by its network (`2001:db8:1:2::`). What a policy counts
otherwise begins with who is counted, so that another choice starts afresh: `user=17`, `header:X-Api-Key=4f0c…`,
`ip+field:username=203.0.113.9+4f0c…`. What is missing or anonymous falls back to the address (`user=@203.0.113.9`),
never into a bucket that all share, but for `everyone`.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, QueryDict, RawPostDataException, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.http.request import HttpHeaders

from limits.conf import conf
from limits.core.client_keys import ClientKey

UNKNOWN = "unknown"
EVERYONE = "everyone"

_ADDRESS_CHARACTERS_MAX = 80
_FORWARDED_HOPS_MAX = 20
_UNIX_SOCKETS = ("", "unix:")
_NAT64 = IPv6Network("64:ff9b::/96")

_TYPED_CHARACTERS_MAX = 512
_TYPED_KINDS = ("header", "field")
_USER_KINDS = ("user", "user or ip")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_BAD_BODY = (
    SuspiciousOperation,
    BadRequest,
    MultiPartParserError,
    UnreadablePostError,
    RawPostDataException,
    RecursionError,
    ValueError,
)
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_DIGESTS = "_limits_digests"


# What a policy asks


def client_of(request: HttpRequest, *, key: ClientKey, ipv6_prefix: int = 64) -> str:
    """Return the client as which a policy with this key counts the request; an IPv6 address by a network so long."""
    if key.kind == "ip" and key.other is None:
        return _network(_nearest(request), ipv6_prefix) or UNKNOWN
    if key.kind == EVERYONE:
        return EVERYONE
    return f"{_tag(key)}={'+'.join(_value_of(request, part, ipv6_prefix) for part in key.parts)}"


def values_of(request: HttpRequest, *, key: ClientKey) -> tuple[str, ...]:
    """Return what the client typed of what the key looks at, such as `header:X-Api-Key=4f0c…`; nothing for a blank."""
    typed = (part for part in key.parts if part.kind in _TYPED_KINDS)
    return tuple(f"{part}={digest}" for part in typed if (digest := _digest_of(request, part)))


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
    return _counted(_nearest(request))


def _nearest(request: HttpRequest) -> str:
    """Return the hop nearest to us that is no trusted proxy, as it is written.

    X-Forwarded-For is read from the right, and only as long as the nearer hop is a trusted proxy: what stands left of
    that is the client's own word. A Unix socket is a proxy on the machine that tells it, trusted when any is.
    """
    nearest: str = request.META.get("REMOTE_ADDR") or ""
    if not conf.trusted_proxies:
        return nearest
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").rsplit(",", _FORWARDED_HOPS_MAX)[-_FORWARDED_HOPS_MAX:]
    while hops and _is_trusted(nearest):
        hop = hops.pop().strip()
        if hop != "unix:" and _counted(hop[: _ADDRESS_CHARACTERS_MAX + 1]) is None:
            break
        nearest = hop
    return nearest


@lru_cache(maxsize=4096)
def _is_trusted(text: str) -> bool:
    if text in _UNIX_SOCKETS:
        return True
    address = _parse(text)
    return address is not None and any(address in network for network in conf.trusted_proxies)


@lru_cache(maxsize=4096)
def _network(text: str, ipv6_prefix: int) -> str:
    address = _counted(text)
    if address is None:
        return ""
    if address.version == 4 or ipv6_prefix == 128:
        return str(address)
    return str(ip_network((address.packed, ipv6_prefix), strict=False).network_address)


@lru_cache(maxsize=4096)
def _counted(text: str) -> IPv4Address | IPv6Address | None:
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
    place = _network(_nearest(request), ipv6_prefix) or UNKNOWN
    if part.kind == "ip":
        return place
    value = _plain_id(user_id_of(request)) if part.kind in _USER_KINDS else _digest_of(request, part)
    return value or f"@{place}"


def _value_named(word: str, part: ClientKey, ipv6_prefix: int, find_user: Callable[[str], str]) -> str:
    if part.kind in _TYPED_KINDS:
        return _digest(word)
    if place := _network(word, ipv6_prefix):
        return place if part.kind == "ip" else f"@{place}"
    return word if part.kind == "ip" else _plain_id(find_user(word))


def _values_of_nobody(text: str, key: ClientKey, ipv6_prefix: int) -> list[str]:
    """Return how a request is counted that brings an address and nothing else; nothing when text is no address."""
    place = _network(text, ipv6_prefix)
    return [place if part.kind == "ip" else f"@{place}" for part in key.parts] if place else []


def _plain_id(user_id: str) -> str:
    """Return the id; a hash of one that could be taken for something else, or that people chose."""
    return user_id if not user_id or _PLAIN_ID.fullmatch(user_id) else _hash(user_id)


# What was typed


def _digest_of(request: HttpRequest, part: ClientKey) -> str:
    """Return the hash of a header or field, made once a request; '' of a blank or missing one."""
    digests: dict[str, str] = request.__dict__.setdefault(_DIGESTS, {})
    name = str(part)
    if name not in digests:
        digests[name] = _digest(_header(request, part.name) if part.kind == "header" else _field(request, part.name))
    return digests[name]


def _header(request: HttpRequest, name: str) -> str:
    typed: str = request.META.get(HttpHeaders.to_wsgi_name(name), "")
    if typed.isascii():
        return typed
    try:
        return typed.encode("latin-1").decode()
    except UnicodeError:
        return typed


def _field(request: HttpRequest, name: str) -> str:
    """Return a field of the form or JSON object that is sent, or else of the query; '' when none can be read.

    A body that is broken or too large is for the view to meet: what it reads, and the error that it gets, are left
    as they were.
    """
    for read in (_sent_field, _queried_field):
        with suppress(*_BAD_BODY):
            if typed := read(request, name):
                return typed
    return ""


def _sent_field(request: HttpRequest, name: str) -> str:
    if request.content_type in _FORMS:
        return str(_form(request).get(name, ""))
    return _json_field(request, name)


def _queried_field(request: HttpRequest, name: str) -> str:
    return str(request.GET.get(name, ""))


def _form(request: HttpRequest) -> QueryDict:
    """Return the form. One with files is read apart, so that the view can still read its body or choose its handlers.

    What is too large to be held in memory, no view can read as a body: that is parsed in place.
    """
    if request.method != "POST" or request.content_type != "multipart/form-data":
        return request.POST
    try:
        body = request.body
    except (RequestDataTooBig, RawPostDataException):
        return request.POST
    apart = WSGIRequest(
        {
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": request.META["CONTENT_TYPE"],
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
        }
    )
    try:
        return apart.POST
    finally:
        apart.close()


def _json_field(request: HttpRequest, name: str) -> str:
    """Return a text or number of the JSON object that is sent, whatever its content type says: views differ in that."""
    sent = json.loads(request.body)
    value = sent.get(name) if isinstance(sent, dict) else None
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _digest(typed: str) -> str:
    """Return a keyed hash of what a client typed, of bounded length; '' of nothing.

    Case, accents, blanks around and what nobody sees do not count: forms strip, and databases compare without them,
    so that one user would be found under many keys.
    """
    plain = typed.strip()[:_TYPED_CHARACTERS_MAX].casefold()
    if not (plain.isascii() and plain.isprintable()):
        plain = "".join(filter(_is_told_apart, unicodedata.normalize("NFKD", plain).casefold()))
    folded = " ".join(plain.split())
    return _hash(folded) if folded else ""


def _is_told_apart(character: str) -> bool:
    if character.isspace():
        return True
    unseen = unicodedata.category(character) in ("Cc", "Cf", "Cs") or _UNSEEN.match(character)
    return not (unseen or unicodedata.combining(character))


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), key=conf.hash_key[:64], digest_size=10).hexdigest()
