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
from limits.core.policies import METHODS, SLUG_PATTERN, Algorithm, Counts, Mode, Policy, WithoutRedis
from limits.core.rates import Rate, parse_rates

FORMAT = 2


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
        return "\n".join((json.dumps({"format": FORMAT}), *self.lines)) if self.version else ""


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
    digest = hashlib.sha256("\n".join((str(FORMAT), *lines)).encode()).hexdigest()[:12]
    by_slug = {policy.slug: policy for policy in lines.values()}
    return Snapshot(version=f"{revision}-{digest}", policies=by_slug, lines=lines)


def read(version: str, *, document: str, known: Snapshot = EMPTY) -> Snapshot:
    """Return the snapshot that a document holds; what `known` has already is not read again.

    Raise SnapshotError when it cannot be read.
    """
    head, *lines = document.split("\n")
    try:
        if (found := json.loads(head)["format"]) != FORMAT:
            raise SnapshotError(f"Policies of format {found} are not known here.")
        by_line = {line: known.lines.get(line) or _from_plain(json.loads(line)) for line in lines}
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


def _to_line(policy: Policy) -> str:
    plain = {
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
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def _from_plain(plain: dict[str, Any]) -> Policy:
    """Read as strictly as what people type: the document may have been written by anybody."""
    texts = {name: _typed(plain, name, str) for name in ("slug", "title", "view", "path")}
    numbers = {name: _typed(plain, name, int) for name in ("priority", "ipv6_prefix", "penalty_seconds", "cost")}
    slug, methods = texts["slug"], tuple(plain["methods"])
    if not re.fullmatch(SLUG_PATTERN, slug):
        raise SnapshotError(f"{slug!r} is not a policy's name.")
    if unknown := set(methods) - set(METHODS):
        raise SnapshotError(f"{slug!r} names methods that are not known here: {unknown}.")
    return Policy(
        **texts,
        **numbers,
        key=parse_client_key(plain["key"]),
        rates=_rates(plain["rates"]),
        mode=Mode(plain["mode"]),
        algorithm=Algorithm(plain["algorithm"]),
        methods=methods,
        refusals_count=_typed(plain, "refusals_count", bool),
        counts=Counts(plain["counts"]),
        without_redis=WithoutRedis(plain["without_redis"]),
    )


def _rates(plain: list[list[int]]) -> tuple[Rate, ...]:
    parts = (f"{limit}/{seconds}s" + (f" burst {burst}" if burst else "") for limit, seconds, burst in plain)
    return parse_rates(",".join(parts))


def _typed(plain: dict[str, Any], name: str, kind: type) -> Any:
    if type(plain[name]) is not kind:
        raise SnapshotError(f"{name} of {plain.get('slug')!r} is not what it should be: {plain[name]!r}.")
    return plain[name]
