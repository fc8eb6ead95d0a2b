"""The overrides in Redis: of each part its version, and its lines behind a digest of both."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from limits.core import keys
from limits.core.override_index import Part
from limits.core.overrides import PARTS
from limits.store.connection import outside_request, run
from limits.store.connection import text as as_text
from limits.store.documents import version_of
from limits.store.scripts import script

_PUBLISH_PART = script("publish_part")


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in Redis: the version of each part that is there, and whether those who look are told of changes."""

    versions: Mapping[int, str]
    is_announced: bool


def standing() -> Standing:
    """Return the versions of all parts; of what is no hash of ours, none. Raises StoreUnavailable."""
    return outside_request(_standing)


def parts(numbers: Sequence[int]) -> dict[int, Part]:
    """Return these parts, as far as they are there as they were written. Raises StoreUnavailable."""
    names = [name for number in numbers for name in (f"{number}:version", str(number))]
    found: Any = outside_request(lambda client: client.hmget(keys.OVERRIDES, names)) if numbers else []
    read = zip(numbers, map(_part, found[::2], found[1::2]), strict=True)
    return {number: part for number, part in read if part is not None}


def publish(changed: Mapping[int, Part], *, seen: Mapping[int, str]) -> int:
    """Write parts, each with its version in one step, where the version stands that was seen ('' for none).

    Returns how many were written. With no parts, tells those who look that something changed. Raises StoreUnavailable.
    """
    told: list[str | int] = [secrets.token_hex(8)]
    for number, part in changed.items():
        told += (number, seen.get(number, ""), part.version, "\n".join((part.digest, *part.lines)))
    names = (keys.POLICIES, keys.OVERRIDES)
    return int(outside_request(lambda client: run(_PUBLISH_PART, client, keys=names, args=told)))


def _part(version: bytes | None, lines: bytes | None) -> Part | None:
    digest, *read = as_text(lines).split("\n")
    part = Part(version_of(version), tuple(read))
    return part if part.version and part.digest == digest else None


def _standing(client: redis.Redis) -> Standing:
    names = [f"{number}:version" for number in range(PARTS)]
    try:
        versions = list(map(version_of, client.hmget(keys.OVERRIDES, names)))
        announced = client.hget(keys.POLICIES, "overrides")
    except redis.ResponseError as error:
        if "wrong kind of value" not in str(error):
            raise
        return Standing({}, is_announced=False)
    return Standing({number: version for number, version in enumerate(versions) if version}, bool(announced))
