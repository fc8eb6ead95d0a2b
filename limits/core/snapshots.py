"""All policies at one moment, as one versioned document, and back."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from limits.core.policies import METHODS, SLUG_PATTERN, Policy, parse_client_key
from limits.core.rates import parse_rates

FORMAT = 1


class SnapshotError(ValueError):
    """A document that is not one of ours, or of a format that this version does not know."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Policies by slug. `version` names the content: equal versions hold equal policies."""

    version: str
    document: str
    policies: Mapping[str, Policy] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Difference:
    """Slugs that the target has not, that it has too many, and that differ."""

    missing: tuple[str, ...]
    surplus: tuple[str, ...]
    changed: tuple[str, ...]


EMPTY = Snapshot(version="", document="", policies={})


def take(policies: Iterable[Policy], *, revision: int) -> Snapshot:
    """Return the snapshot of these policies after the given revision (the number of the last write)."""
    by_slug = {policy.slug: policy for policy in sorted(policies, key=lambda policy: policy.slug)}
    content = {"format": FORMAT, "policies": list(map(_to_plain, by_slug.values()))}
    document = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(document.encode()).hexdigest()[:12]
    return Snapshot(version=f"{revision}-{digest}", document=document, policies=by_slug)


def read(version: str, *, document: str) -> Snapshot:
    """Return the snapshot that a document holds. Raise SnapshotError when it cannot be read."""
    try:
        content = json.loads(document)
        if content["format"] != FORMAT:
            raise SnapshotError(f"Policies of format {content['format']} are not known here.")
        policies = {plain["slug"]: _from_plain(plain) for plain in content["policies"]}
    except (TypeError, AttributeError, LookupError, ValueError, RecursionError) as error:
        raise SnapshotError(f"The document of policies cannot be read: {error!r}") from error
    return Snapshot(version=version, document=document, policies=policies)


def difference(source: Snapshot, *, target: Snapshot) -> Difference:
    """Return what would have to be done to `target` to make it equal to `source`."""
    ours, theirs = source.policies, target.policies
    return Difference(
        missing=tuple(sorted(ours.keys() - theirs.keys())),
        surplus=tuple(sorted(theirs.keys() - ours.keys())),
        changed=tuple(sorted(s for s in ours.keys() & theirs.keys() if ours[s] != theirs[s])),
    )


def _to_plain(policy: Policy) -> dict[str, Any]:
    return {
        "slug": policy.slug,
        "title": policy.title,
        "enabled": policy.enabled,
        "key": str(policy.key),
        "methods": list(policy.methods),
        "rates": [[rate.limit, rate.window_seconds] for rate in policy.rates],
    }


def _from_plain(plain: dict[str, Any]) -> Policy:
    """Read as strictly as what people type: the document may have been written by anybody."""
    slug, title, enabled, methods = plain["slug"], plain["title"], plain["enabled"], tuple(plain["methods"])
    if not re.fullmatch(SLUG_PATTERN, slug) or not isinstance(title, str) or not isinstance(enabled, bool):
        raise SnapshotError(f"{slug!r} is not described as a policy is.")
    if unknown := set(methods) - set(METHODS):
        raise SnapshotError(f"{slug!r} names methods that are not known here: {unknown}.")
    return Policy(
        slug=slug,
        title=title,
        enabled=enabled,
        key=parse_client_key(plain["key"]),
        methods=methods,
        rates=parse_rates(",".join(f"{limit}/{seconds}s" for limit, seconds in plain["rates"])),
    )
