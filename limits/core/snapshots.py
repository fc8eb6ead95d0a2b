"""All policies at one moment, as one versioned document, and back.

A document's first line tells its format; each line after it is one policy. So a process that has a document already
reads only the lines that changed, however many there are.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from limits.core.client_keys import parse_client_key
from limits.core.policies import (
    COST_MAX,
    METHODS,
    PENALTY_SECONDS_MAX,
    SLUG_PATTERN,
    Algorithm,
    Counts,
    Mode,
    Policy,
    WithoutRedis,
)
from limits.core.rates import Rate, parse_rates

FORMAT = 2

CHARACTERS_MAX = {"slug": 50, "title": 100, "view": 200, "path": 200}
BOUNDS = {
    "priority": (-1_000, 1_000),
    "ipv6_prefix": (32, 128),
    "penalty_seconds": (0, PENALTY_SECONDS_MAX),
    "cost": (1, COST_MAX),
}
ANY_DEPTH_MAX = 2
_PATH = re.compile(r"(?:/[^/*?#%]*(?:\*{1,2}[^/*?#%]*)?)+")
"""Globs that no client's path makes slow to match: between two slashes one star, or two."""


class SnapshotError(ValueError):
    """A document that is not one of ours, or of a format that this version does not know."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Policies by slug. `version` names the content: equal versions hold equal policies."""

    version: str
    policies: Mapping[str, Policy] = field(repr=False)
    lines: Mapping[str, Policy] = field(repr=False)
    """The same policies, by the line that each is in the document."""

    @property
    def document(self) -> str:
        """The policies as one text."""
        return "\n".join(self.document_lines)

    @property
    def document_lines(self) -> tuple[str, ...]:
        """The lines of that text."""
        return (json.dumps({"format": FORMAT}), *self.lines) if self.version else ()


@dataclass(frozen=True, slots=True)
class Difference:
    """Slugs that the target has not, that it has too many, and that differ."""

    missing: tuple[str, ...]
    surplus: tuple[str, ...]
    changed: tuple[str, ...]


EMPTY = Snapshot(version="", policies={}, lines={})


def take(policies: Iterable[Policy], *, revision: int) -> Snapshot:
    """Return the snapshot of these policies after the given revision (the number of the last write)."""
    lines = {_to_line(policy): policy for policy in sorted(policies, key=lambda policy: policy.slug)}
    by_slug = {policy.slug: policy for policy in lines.values()}
    return Snapshot(version=f"{revision}-{digest(lines)}", policies=by_slug, lines=lines)


def digest(lines: Iterable[str]) -> str:
    """Return what a version ends in: it names the content of a document, whose lines after the first these are."""
    hashed = hashlib.sha256(str(FORMAT).encode())
    for line in lines:
        hashed.update(b"\n" + line.encode())
    return hashed.hexdigest()[:12]


def read(version: str, *, document: str, known: Snapshot = EMPTY) -> Snapshot:
    """Return the snapshot that a document holds; what `known` has already is not read again.

    Raise SnapshotError when it cannot be read, or is another one than its version says.
    """
    head, *lines = document.split("\n")
    try:
        if (found := json.loads(head)["format"]) != FORMAT:
            raise SnapshotError(f"Policies of format {found} are not known here.")
        if version.rpartition("-")[2] != digest(lines):
            raise SnapshotError(f"The document of policies is not the one of version {version[:80]!r}.")
        # Of a line that is known the text is kept that is there: else each change would leave holes in the memory.
        texts = {line: line for line in known.lines}
        by_line = {texts.get(line, line): known.lines.get(line) or from_plain(json.loads(line)) for line in lines}
    except (TypeError, AttributeError, LookupError, ValueError, RecursionError) as error:
        raise SnapshotError(f"The document of policies cannot be read: {error!r}") from error
    by_slug = {policy.slug: policy for policy in by_line.values()}
    return Snapshot(version=version, policies=by_slug, lines=by_line)


def difference(source: Snapshot, *, target: Snapshot) -> Difference:
    """Return what would have to be done to `target` to make it equal to `source`."""
    ours, theirs = source.policies, target.policies
    return Difference(
        missing=tuple(sorted(ours.keys() - theirs.keys())),
        surplus=tuple(sorted(theirs.keys() - ours.keys())),
        changed=tuple(sorted(s for s in ours.keys() & theirs.keys() if ours[s] != theirs[s])),
    )


def to_plain(policy: Policy) -> dict[str, Any]:
    """Return a policy as what JSON knows; `from_plain` reads it back."""
    return {
        "slug": policy.slug,
        "title": policy.title,
        "key": str(policy.key),
        "rates": [[rate.limit, rate.window_seconds, rate.burst] for rate in policy.rates],
        "mode": policy.mode,
        "algorithm": policy.algorithm,
        "methods": list(policy.methods),
        "view": policy.view,
        "path": policy.path,
        "priority": policy.priority,
        "ipv6_prefix": policy.ipv6_prefix,
        "refusals_count": policy.refusals_count,
        "penalty_seconds": policy.penalty_seconds,
        "cost": policy.cost,
        "counts": policy.counts,
        "without_redis": policy.without_redis,
    }


def from_plain(plain: dict[str, Any]) -> Policy:
    """Return a policy, read as strictly as what people type: anybody may have written it.

    Raises TypeError, AttributeError, LookupError or ValueError, of which SnapshotError is one.
    """
    texts: dict[str, Any] = {name: _text(plain, name, most=most) for name, most in CHARACTERS_MAX.items()}
    numbers: dict[str, Any] = {name: _number(plain, name, *bounds) for name, bounds in BOUNDS.items()}
    slug, methods, path = texts["slug"], tuple(plain["methods"]), texts["path"]
    if not re.fullmatch(SLUG_PATTERN, slug):
        raise SnapshotError(f"{slug!r} is not a policy's name.")
    if unknown := set(methods) - set(METHODS):
        raise SnapshotError(f"{slug!r} names methods that are not known here: {unknown}.")
    if path and not (_PATH.fullmatch(path) and path.count("**") <= ANY_DEPTH_MAX):
        raise SnapshotError(f"{slug!r} names no path that can be matched: {path!r}.")
    rates, algorithm = rates_from_plain(plain["rates"]), Algorithm(plain["algorithm"])
    if algorithm is not Algorithm.TOKEN_BUCKET and any(rate.burst for rate in rates):
        raise SnapshotError(f"{slug!r} has a burst, and is no token bucket.")
    return Policy(
        **texts,
        **numbers,
        key=parse_client_key(plain["key"]),
        rates=rates,
        mode=Mode(plain["mode"]),
        algorithm=algorithm,
        methods=methods,
        refusals_count=_typed(plain, "refusals_count", bool),
        counts=Counts(plain["counts"]),
        without_redis=WithoutRedis(plain["without_redis"]),
    )


def rates_from_plain(plain: list[list[int]]) -> tuple[Rate, ...]:
    """Return rates written as [limit, seconds, burst] each. Raises TypeError or ValueError."""
    parts = (f"{limit}/{seconds}s" + (f" burst {burst}" if burst else "") for limit, seconds, burst in plain)
    return parse_rates(",".join(parts))


def _to_line(policy: Policy) -> str:
    return json.dumps(to_plain(policy), ensure_ascii=False, separators=(",", ":"))


def _text(plain: dict[str, Any], name: str, *, most: int) -> str:
    text: str = _typed(plain, name, str)
    text.encode()  # half of a surrogate pair can be written as JSON, and nowhere else
    if len(text) > most:
        raise SnapshotError(f"{name} of {plain.get('slug')!r} is longer than {most} characters.")
    return text


def _number(plain: dict[str, Any], name: str, least: int, most: int) -> int:
    number: int = _typed(plain, name, int)
    if not least <= number <= most:
        raise SnapshotError(f"{name} of {plain.get('slug')!r} is not from {least} to {most}: {number}.")
    return number


def _typed(plain: dict[str, Any], name: str, kind: type) -> Any:
    if type(plain[name]) is not kind:
        raise SnapshotError(f"{name} of {plain.get('slug')!r} is not what it should be: {plain[name]!r}.")
    return plain[name]
