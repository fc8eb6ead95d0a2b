"""Counted clients as people read them: users by their names, IPv6 networks with their length, and what an address
stands in for."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_network

from limits import subjects
from limits.core.client_keys import ClientKey
from limits.core.counted_clients import Part, parts_of
from limits.identity import EVERYONE, UNKNOWN

Counted = tuple[str, int | None]
"""A client, and how long the network is that an IPv6 one stands for: its policy's prefix, None where that is gone."""


def in_words(clients: Iterable[Counted], *, by_name: bool) -> dict[Counted, str]:
    """Return how to show each client to people: `203.0.113.9, not logged in`. Users by id alone, unless `by_name`."""
    parts = {counted: parts_of(counted[0]) for counted in clients}
    named = {part.subject for found in parts.values() for part in found if part.subject}
    words = subjects.in_words(sorted(named), by_name=by_name)
    return {counted: _in_words(counted, words) for counted in parts}


def _in_words(counted: Counted, words: Mapping[str, str]) -> str:
    client, ipv6_prefix = counted
    parts = parts_of(client)
    if parts[0].key.kind == EVERYONE:
        return "Everyone, counted together"
    # An address that stands in for something is the same that stands for itself.
    addresses = dict.fromkeys(_address(part, ipv6_prefix) for part in parts if part.is_address)
    first, *others = [
        *addresses,
        *(words.get(part.subject, str(part.key)) for part in parts if not part.is_address),
    ]
    whom = " and ".join((first, *(f"{other[:1].lower()}{other[1:]}" for other in others)))
    return ", ".join((whom, *(_lacks(part.key) for part in parts if part.is_address and part.key.kind != "ip")))


def _address(part: Part, ipv6_prefix: int | None) -> str:
    address = part.address
    if address is None or address.version == 4 or ipv6_prefix in (None, address.max_prefixlen):
        return "Unknown address" if part.value == UNKNOWN else part.value
    return str(ip_network((address.packed, ipv6_prefix), strict=False))


def _lacks(key: ClientKey) -> str:
    return f"without {key.name}" if key.name else "not logged in"
