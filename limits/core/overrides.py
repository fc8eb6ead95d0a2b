"""Overrides: somebody is exempt from a policy, denied, or has other rates.

An override is for one subject, written as its name:

    header:X-Api-Key=4f0c…   what a client sends, as a keyed hash     1
    user=17                  one user                                 2
    203.0.113.9              one address                              3
    group=3                  the users of a group                     4
    198.51.100.0/24          a network                                5, the smaller the network the sooner

Of several that hold for one request the most specific wins, in the order of these numbers. For equally specific
subjects, one that names the policy beats one for all policies; of those the newest wins.
"""

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from limits.core.policies import SLUG_PATTERN
from limits.core.rates import LIMIT_MAX, RATES_MAX, WINDOW_SECONDS_MAX, Rate

SUBJECT_CHARACTERS_MAX = 150
PARTS = 256
"""Overrides travel in so many parts: a change sends one of them anew, not all."""

_SLUG = re.compile(SLUG_PATTERN)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_VALUE = re.compile(r"(?:header|field):[A-Za-z0-9][A-Za-z0-9_.\-\[\]]{0,63}=[0-9a-f]{8,64}", re.ASCII)


class OverrideError(ValueError):
    """A subject or a line that cannot be read; the message says what would be right."""


class Kind(StrEnum):
    """What a subject is, the most specific first."""

    VALUE = "value"
    USER = "user"
    ADDRESS = "address"
    GROUP = "group"
    NETWORK = "network"


class Effect(StrEnum):
    """What an override does."""

    EXEMPT = "exempt"
    DENIED = "denied"
    RATES = "rates"


_SPECIFICITY = {kind: -place for place, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Override:
    """One override. `policy` is a slug, or '' for all policies; `since` and `until` are seconds since 1970."""

    id: int
    subject: str
    policy: str
    effect: Effect
    rates: tuple[Rate, ...] = ()
    since: float = 0
    until: float | None = None

    @property
    def rank(self) -> tuple[int, int, bool, int]:
        """How specific it is: of two that hold for one request, the greater wins."""
        kind = kind_of(self.subject)
        prefix = int(self.subject.partition("/")[2]) if kind is Kind.NETWORK else 0
        return _SPECIFICITY[kind], prefix, bool(self.policy), self.id

    def is_for(self, policy: str) -> bool:
        """Say whether it says something about a policy."""
        return self.policy in ("", policy)

    def holds(self, *, at: float) -> bool:
        """Say whether its time has come, and not gone."""
        return self.since <= at and (self.until is None or at < self.until)

    def without_bursts(self) -> "Override":
        """Return it for a policy that is no token bucket."""
        return replace(self, rates=tuple(replace(rate, burst=0) for rate in self.rates))


def in_order(overrides: Iterable[Override]) -> list[Override]:
    """Return overrides whose subjects all are the same client, the most specific first."""
    return sorted(overrides, key=lambda override: override.rank, reverse=True)


def winner(overrides: Iterable[Override], *, policy: str, at: float) -> Override | None:
    """Return which of one client's overrides holds under a policy at a time (seconds since 1970); None for none."""
    holding = (override for override in overrides if override.is_for(policy) and override.holds(at=at))
    return max(holding, key=lambda override: override.rank, default=None)


# Subjects


def kind_of(subject: str) -> Kind:
    """Return what the subject of that name is."""
    if subject.startswith(("header:", "field:")):
        return Kind.VALUE
    if subject.startswith("user="):
        return Kind.USER
    if subject.startswith("group="):
        return Kind.GROUP
    return Kind.NETWORK if "/" in subject else Kind.ADDRESS


def read_subject(text: str) -> str:
    """Return the one name of the subject that `text` names. Raise OverrideError with what would be right."""
    kind = kind_of(text)
    if kind is Kind.ADDRESS:
        return _read_address(text)
    if kind is Kind.NETWORK:
        return _read_network(text)
    is_right = _VALUE.fullmatch(text) if kind is Kind.VALUE else _ID.fullmatch(text.partition("=")[2])
    if not is_right:
        raise OverrideError(f"“{text[:80]}” is no subject: use an address, a network, user=ID, group=ID or a hash.")
    return text


def networks_around(address: IPv4Address | IPv6Address) -> list[str]:
    """Return the name of every network that an address is in."""
    bits = address.max_prefixlen
    return [str(ip_network((address.packed, prefix), strict=False)) for prefix in range(bits + 1)]


def part_of(subject: str) -> int:
    """Return the number of the part in which the overrides of a subject travel."""
    return zlib.crc32(subject.encode()) % PARTS


def _read_address(text: str) -> str:
    try:
        address = ip_address(text.strip())
    except ValueError:
        raise OverrideError(f"“{text[:80]}” is not an address. Write it like 203.0.113.9 or 2001:db8::1.") from None
    mapped = address.version == 6 and address.ipv4_mapped
    return str(mapped or address).partition("%")[0]


def _read_network(text: str) -> str:
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        raise OverrideError(f"“{text[:80]}” is not a network. Write it like 198.51.100.0/24.") from None
    mapped = isinstance(network, IPv6Network) and network.prefixlen >= 96 and network.network_address.ipv4_mapped
    read = ip_network((mapped, network.prefixlen - 96), strict=False) if mapped else network
    if ip_address(text.strip().partition("/")[0]) != network.network_address:
        raise OverrideError(f"“{text[:80]}” is one address within a network: write {read}, or the address alone.")
    return str(read)


# Lines: subject, id, policy, effect, since, until, rates, with tabs between; only the subject is read at once


def to_line(override: Override) -> str:
    """Return an override as the line that travels."""
    rates = " ".join(f"{rate.limit}/{rate.window_seconds}/{rate.burst}" for rate in override.rates)
    until = "" if override.until is None else str(int(override.until))
    told = (override.subject, str(override.id), override.policy, override.effect, str(int(override.since)), until)
    return "\t".join((*told, rates))


def from_line(line: str) -> Override:
    """Return the override that a line holds. Raise OverrideError when it is none: anybody may have written it."""
    try:
        subject, number, policy, effect, since, until, rates = line.split("\t")
        read = Override(
            id=int(number),
            subject=subject,
            policy=policy,
            effect=Effect(effect),
            rates=_read_rates(rates),
            since=int(since),
            until=int(until) if until else None,
        )
    except ValueError as error:
        raise OverrideError(f"The override {line[:80]!r} cannot be read: {error}") from error
    if (policy and not _SLUG.fullmatch(policy)) or (read.effect is Effect.RATES) != bool(read.rates):
        raise OverrideError(f"The override {line[:80]!r} cannot be read.")
    return read


def _read_rates(text: str) -> tuple[Rate, ...]:
    rates = tuple(map(_read_rate, text.split()))
    if len(rates) > RATES_MAX or len({rate.window_seconds for rate in rates}) < len(rates):
        raise OverrideError(f"there are more than {RATES_MAX} rates, or two of one window")
    return rates


def _read_rate(text: str) -> Rate:
    limit, window_seconds, burst = map(int, text.split("/"))
    if not (1 <= limit <= LIMIT_MAX and 1 <= window_seconds <= WINDOW_SECONDS_MAX and 0 <= burst <= LIMIT_MAX):
        raise OverrideError(f"{text!r} is no rate")
    return Rate(limit, window_seconds, burst)
