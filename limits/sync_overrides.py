"""The overrides from the database, which is the truth, to Redis: only the parts that differ.

A part is written only where the version stands that was seen before the database was read, and its version is read
before its lines: so an older state never replaces a newer one, and a version never stands for less than was written.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice

from django.db import Error as DatabaseError

from limits.core import overrides
from limits.core.override_index import Part
from limits.core.overrides import PARTS, Effect
from limits.core.rates import Rate
from limits.exceptions import StoreUnavailable
from limits.models import Override, OverridePart
from limits.store import overrides as store

logger = logging.getLogger("limits")

ATTEMPTS_MAX = 10
PARTS_AT_ONCE = 16
"""So that no script holds the server for long."""

NEVER_WRITTEN = Part("0")

_COLUMNS = ("part", "pk", "subject", "policy", "effect", "rates", "since", "until")


def reconcile_overrides(*, thorough: bool = False) -> int:
    """Make Redis hold the overrides that the database holds; return how many parts were written.

    Where nothing differs this compares versions and reads no override; if `thorough`, it reads all of them, and mends
    what somebody altered under its version. Raises StoreUnavailable.
    """
    written = 0
    for _ in range(ATTEMPTS_MAX):
        found = store.standing()
        versions = _versions()
        behind = _altered(versions, found.versions) if thorough else _differing(versions, found.versions)
        if not behind and (found.is_announced or not found.versions):
            return written
        for numbers in _batches(behind):
            written += store.publish(_parts(numbers, versions=versions), seen=found.versions)
        if not behind:
            store.publish({}, seen={})
    raise StoreUnavailable(f"others wrote the overrides {ATTEMPTS_MAX} times meanwhile")


def are_in_step(*, thorough: bool = False) -> bool:
    """Say whether Redis holds the overrides that the database holds, by their versions alone unless `thorough`.

    Raises StoreUnavailable.
    """
    versions, found = _versions(), store.standing().versions
    return not (_altered(versions, found) if thorough else _differing(versions, found))


def publish_once() -> bool:
    """Publish now; say whether that could be done."""
    try:
        reconcile_overrides()
    except (StoreUnavailable, DatabaseError) as error:
        logger.debug("The overrides cannot be published: %s", error)
        return False
    return True


def from_database() -> dict[int, Part]:
    """Return every part, as the database has it."""
    versions = _versions()
    return _parts(sorted(versions), versions=versions)


def _versions() -> dict[int, str]:
    return {number: str(version) for number, version in OverridePart.objects.values_list("number", "version")}


def _differing(versions: Mapping[int, str], found: Mapping[int, str]) -> list[int]:
    """Return the parts to write. One that was never written, here or there, is in step."""
    return [number for number in range(PARTS) if versions.get(number, "0") != found.get(number, "0")]


def _altered(versions: Mapping[int, str], found: Mapping[int, str]) -> list[int]:
    """Return the parts that Redis does not have as the database has them; each is read."""
    altered: list[int] = []
    for numbers in _batches(range(PARTS)):
        ours, theirs = _parts(numbers, versions=versions), store.parts(numbers)
        absent = {number: NEVER_WRITTEN for number in numbers if number not in found}
        altered += [number for number in numbers if ours[number] != (absent | theirs).get(number)]
    return altered


def _parts(numbers: list[int], *, versions: Mapping[int, str]) -> dict[int, Part]:
    lines: dict[int, list[str]] = {number: [] for number in numbers}
    rows = Override.objects.filter(part__in=numbers).order_by("pk").values_list(*_COLUMNS)
    for part, *told in rows.iterator(chunk_size=10_000):
        lines[part].append(overrides.to_line(_value(*told)))
    return {number: Part(versions.get(number, "0"), tuple(found)) for number, found in lines.items()}


def _value(
    pk: int,
    subject: str,
    policy: str,
    effect: str,
    rates: tuple[Rate, ...],
    since: datetime,
    until: datetime | None,
) -> overrides.Override:
    ends = until.timestamp() if until else None
    return overrides.Override(pk, subject, policy, Effect(effect), rates, since.timestamp(), ends)


def _batches(numbers: Iterable[int]) -> Iterator[list[int]]:
    ahead = iter(numbers)
    while batch := list(islice(ahead, PARTS_AT_ONCE)):
        yield batch
