"""All overrides, found by their subject in a few dictionary look-ups, however many there are.

What is kept of each is its line; it is read when it is found. An address or network is kept as a number, made so that
no two are the same: the bits that count, with a 1 before them that tells how many they are.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from socket import AF_INET, AF_INET6, inet_pton
from types import MappingProxyType

from limits.core.overrides import Kind, kind_of

_BITS = {4: 32, 6: 128}
_FAMILY = {4: AF_INET, 6: AF_INET6}
_APART = {4: 0, 6: 1 << 130}

Key = str | int
Lines = tuple[str, ...]
CountedAs = Kind | tuple[int, int]
"""A kind; of a network its version and prefix length."""
NEAR_MAX = 4096
"""Addresses of which is kept what is near them; clients choose them, so there is an end."""


@dataclass(frozen=True, slots=True)
class Part:
    """One of the parts in which overrides travel; an empty one may have a version too."""

    version: str
    lines: Lines = ()

    @property
    def digest(self) -> str:
        """What travels with version and lines, so that lines that somebody altered are noticed."""
        return hashlib.sha256("\n".join((self.version, *self.lines)).encode()).hexdigest()[:12]


class Index:
    """Overrides by subject. Never changed once made: a change makes another."""

    __slots__ = ("_near", "by_key", "counts", "has_groups", "has_users", "has_values", "is_empty", "parts", "prefixes")

    def __init__(
        self,
        parts: Mapping[int, Part] = MappingProxyType({}),
        by_key: Mapping[Key, Lines] = MappingProxyType({}),
        counts: Mapping[CountedAs, int] = MappingProxyType({}),
    ) -> None:
        self.parts, self.by_key, self.counts = parts, by_key, counts
        self.is_empty = not by_key
        self.has_values = Kind.VALUE in counts
        self.has_users = Kind.USER in counts
        self.has_groups = Kind.GROUP in counts
        self.prefixes = _prefixes(counts)
        """The prefix lengths of networks, by version, the longest first."""
        self._near: dict[str, tuple[Lines, Lines]] = {}

    def named(self, subjects: Iterable[str]) -> Lines:
        """Return the lines for values, users and groups by their names."""
        return tuple(line for subject in subjects for line in self.by_key.get(subject, ()))

    def near(self, address: IPv4Address | IPv6Address) -> tuple[Lines, Lines]:
        """Return the lines for exactly this address, and those for networks that it is in."""
        exact = _key(address.version, _BITS[address.version] + 1, int(address))
        return self.by_key.get(exact, ()), self._around(address)

    def near_text(self, text: str, *, read: Callable[[str], IPv4Address | IPv6Address | None]) -> tuple[Lines, Lines]:
        """Return the same for the address that `read` finds in a text, remembered; nothing when it finds none."""
        found = self._near.get(text)
        if found is None:
            address = read(text)
            found = ((), ()) if address is None else self.near(address)
            if len(self._near) >= NEAR_MAX:
                self._near = {}
            self._near[text] = found
        return found

    def with_parts(self, parts: Iterable[tuple[int, Part]]) -> "tuple[Index, Lines]":
        """Return the index with these parts in place of its own, and the lines that could not be read.

        Parts may come from an iterator that waits in between: nothing is seen of the change before all are there.
        """
        held, by_key, counts = dict(self.parts), dict(self.by_key), Counter(self.counts)
        unread: list[str] = []
        for number, part in parts:
            for line in held.get(number, Part("")).lines:
                _take_out(line, by_key, counts)
            read, bad = _readable(part.lines)
            unread += bad
            for key, line in read:
                by_key[key] = (*by_key[key], line) if key in by_key else (line,)
                counts[_counted_as(line)] += 1
            held[number] = Part(part.version, tuple(line for _, line in read))
        return Index(held, by_key, +counts), tuple(unread)

    def _around(self, address: IPv4Address | IPv6Address) -> Lines:
        version, number = address.version, int(address)
        bits = _BITS[version]
        keys = (_key(version, prefix, number >> (bits - prefix)) for prefix in self.prefixes[version])
        return tuple(line for key in keys for line in self.by_key.get(key, ()))


def key_of(subject: str) -> Key:
    """Return the key under which a subject is found. Raises OSError or ValueError for what is no address."""
    kind = kind_of(subject)
    if kind is Kind.ADDRESS:
        version = 6 if ":" in subject else 4
        return _key(version, _BITS[version] + 1, _number(version, subject))
    if kind is Kind.NETWORK:
        version, prefix = _version_and_prefix(subject)
        return _key(version, prefix, _number(version, subject.partition("/")[0]) >> (_BITS[version] - prefix))
    return subject


def _key(version: int, length: int, number: int) -> int:
    return _APART[version] | 1 << length | number


def _number(version: int, text: str) -> int:
    return int.from_bytes(inet_pton(_FAMILY[version], text))


def _version_and_prefix(network: str) -> tuple[int, int]:
    version, prefix = 6 if ":" in network else 4, int(network.partition("/")[2])
    if not 0 <= prefix <= _BITS[version]:
        raise ValueError(f"no prefix length: {prefix}")
    return version, prefix


def _counted_as(line: str) -> CountedAs:
    subject = line.partition("\t")[0]
    kind = kind_of(subject)
    return _version_and_prefix(subject) if kind is Kind.NETWORK else kind


def _readable(lines: Iterable[str]) -> tuple[list[tuple[Key, str]], list[str]]:
    read: list[tuple[Key, str]] = []
    bad: list[str] = []
    for line in lines:
        try:
            read.append((key_of(line.partition("\t")[0]), line))
        except (OSError, ValueError):
            bad.append(line)
    return read, bad


def _take_out(line: str, by_key: dict[Key, Lines], counts: "Counter[CountedAs]") -> None:
    key = key_of(line.partition("\t")[0])
    rest = tuple(other for other in by_key.get(key, ()) if other != line)
    if rest:
        by_key[key] = rest
    else:
        by_key.pop(key, None)
    counts[_counted_as(line)] -= 1


def _prefixes(counts: Mapping[CountedAs, int]) -> dict[int, tuple[int, ...]]:
    found = sorted((key for key in counts if isinstance(key, tuple)), reverse=True)
    return {version: tuple(prefix for seen, prefix in found if seen == version) for version in _BITS}
