"""The client that a counter's name tells, taken apart: `ip+field:username=203.0.113.9+4f0c…` is an address and a hash.

What is no such name is taken for an address that nobody can read: anybody may have typed it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from limits.core.client_keys import ClientKey

_BY_ADDRESS, _BY_NOTHING = ClientKey("ip"), ClientKey("everyone")
_PLAIN = {"ip": _BY_ADDRESS, "user": ClientKey("user"), "user-or-ip": ClientKey("user or ip")}
_TYPED_KINDS = ("header", "field")

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Part:
    """One thing by which a client is counted: `key` says what, `value` which.

    `is_address`: the value is an address, as one of an `ip` always is, and of others where there was nothing else.
    """

    key: ClientKey
    value: str
    is_address: bool

    @property
    def address(self) -> Address | None:
        """The address, of an IPv6 client the first of its network; None for what is none, or was not known."""
        try:
            return ip_address(self.value) if self.is_address else None
        except ValueError:
            return None

    @property
    def subject(self) -> str:
        """The subject of overrides that a user is, or what was typed; '' for an address and for nothing."""
        if self.is_address or not self.value:
            return ""
        return f"{self.key if self.key.name else 'user'}={self.value}"


def parts_of(client: str) -> tuple[Part, ...]:
    """Return what a counter's client is made of, in the order of its key."""
    if client == str(_BY_NOTHING):
        return (Part(_BY_NOTHING, "", is_address=False),)
    tag, is_tagged, rest = client.partition("=")
    keys, values = [_key_of(name) for name in tag.split("+")], rest.split("+")
    found = tuple(_part(key, value) for key, value in zip(keys, values, strict=False) if key is not None)
    if is_tagged and len(found) == len(keys) == len(values):
        return found
    return (Part(_BY_ADDRESS, client, is_address=True),)


def name_of(parts: Sequence[Part]) -> str:
    """Return the client that is made of these parts."""
    first = parts[0]
    if len(parts) == 1 and first.key in (_BY_ADDRESS, _BY_NOTHING):
        return first.value if first.is_address else str(first.key)
    tag = "+".join(str(part.key).replace(" ", "-") for part in parts)
    return f"{tag}={'+'.join(map(_written, parts))}"


def address_among(parts: Sequence[Part]) -> Address | None:
    """Return the first address among these parts; None when there is none."""
    found: list[Address] = [address for part in parts if (address := part.address) is not None]
    return found[0] if found else None


def subject_of(client: str, *, ipv6_prefix: int) -> str:
    """Return the subject of an override that names a client: its address, else the first part that can be named.

    An IPv6 client is a network so long. '' where no part can be named, as of everyone.
    """
    parts = parts_of(client)
    address = address_among(parts)
    if address is None:
        return next(filter(None, (part.subject for part in parts)), "")
    if address.version == 4 or ipv6_prefix == address.max_prefixlen:
        return str(address)
    return str(ip_network((address.packed, ipv6_prefix), strict=False))


def _key_of(name: str) -> ClientKey | None:
    kind, _, typed = name.partition(":")
    return ClientKey(kind, typed) if kind in _TYPED_KINDS and typed else _PLAIN.get(name)


def _part(key: ClientKey, value: str) -> Part:
    if key == _BY_ADDRESS:
        return Part(key, value, is_address=True)
    return Part(key, value.removeprefix("@"), is_address=value.startswith("@"))


def _written(part: Part) -> str:
    return f"@{part.value}" if part.is_address and part.key != _BY_ADDRESS else part.value
