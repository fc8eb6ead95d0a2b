"""Taking one server's data in the best way that the server allows, and saying why it was not a better one."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis

from portal.operations.backups.manifest import Digest, Method, ServerFacts
from portal.operations.backups.taking import logical, on_disk, wire
from portal.operations.backups.taking.connecting import connected
from portal.operations.backups.taking.errors import CannotTake, WayClosed
from portal.operations.backups.taking.header import checked_header
from portal.operations.backups.taking.landing import Landing, Progress
from portal.operations.backups.taking.nodes import Node
from portal.operations.backups.taking.survey import Survey, survey
from portal.redis_address import Client

_BEST_FIRST = (Method.WIRE, Method.BGSAVE, Method.LOGICAL)
_LEAST_SHARE = 8
"""An RDB file is seldom smaller than an eighth of what its data takes in memory."""

_OWN_FORMAT = (
    "{place} holds what Redis's format cannot, such as fields of hashes that expire, so the file is in Valkey's own "
    "format: only a Valkey loads it."
)


@dataclass(frozen=True, slots=True)
class Taken:
    """One server's data in a plain RDB file, on the disk, private, and not yet proven."""

    name: str
    path: Path
    method: Method
    server: ServerFacts
    taken_at: datetime
    """When the snapshot began, by the server's clock where it said so; a logical one is of that moment or later."""
    seconds: float
    digest: Digest
    warnings: tuple[str, ...] = ()


def take(
    node: Node,
    *,
    folder: Path,
    method: Method | None = None,
    prefixes: Sequence[bytes] = (),
    progress: Progress = lambda done_bytes, total_bytes: None,
) -> Taken:
    """Take a node's data into `folder`/`node.name`.rdb, by a method or by the best one that the server allows.

    Keys with chosen prefixes can be taken logically only. Raises CannotTake; then there is no file, nor part of one.
    An exception of `progress` ends it likewise.
    """
    ways = (Method.LOGICAL,) if prefixes else (method,) if method else _BEST_FIRST
    place = node.address.place
    closed: list[str] = []
    with connected(node.address) as client:
        found = survey(client, place=place)
        _check_room(folder, found)
        for way in ways:
            try:
                taken = _taken(
                    client, node=node, found=found, folder=folder, way=way, prefixes=prefixes, progress=progress
                )
            except WayClosed as error:
                closed.append(str(error))
            else:
                return replace(taken, warnings=(*node.warnings, *closed, *taken.warnings))
    raise CannotTake(" ".join(closed))


def _taken(client: Client, *, found: Survey, **asked: Any) -> Taken:
    """Take it; from a Valkey that has what Redis's format cannot hold, such as fields that expire, in its own format.

    It tells nobody why: its child ends in the middle of the data.
    """
    try:
        return _take(client, found=found, **asked)
    except wire.Broken as broken:
        if found.facts.engine != "valkey":
            raise
        try:
            taken = _take(client, found=found, own_format_of=found.facts.version, **asked)
        except (CannotTake, redis.RedisError):
            raise broken from None
        return replace(taken, warnings=(*taken.warnings, _OWN_FORMAT.format(place=found.facts.place)))


def _take(
    client: Client,
    *,
    node: Node,
    found: Survey,
    folder: Path,
    way: Method,
    prefixes: Sequence[bytes],
    progress: Progress,
    own_format_of: str = "",
) -> Taken:
    began, began_at = time.monotonic(), datetime.now(UTC)
    facts, replication = found.facts, ""
    warnings: tuple[str, ...] = ()
    with Landing(folder / f"{node.name}.rdb", progress=progress) as landing:
        match way:
            case Method.WIRE:
                on_disk.check_before_wire(client, place=facts.place)
                replication = wire.stream(node.address, into=landing, version=own_format_of)
                facts = replace(facts, replication=replication)
            case Method.BGSAVE:
                on_disk.save(client, place=facts.place, into=landing)
            case Method.LOGICAL:
                warnings = logical.copy(node.address, survey=found, into=landing, prefixes=prefixes)
        header = checked_header(landing.part, facts=facts, replication=replication)
        digest = landing.finish()
    seconds = time.monotonic() - began
    return Taken(node.name, landing.path, way, facts, header.began_at or began_at, seconds, digest, warnings)


def _check_room(folder: Path, found: Survey) -> None:
    """Raise CannotTake when the data plainly cannot fit; what is not known is left to the writing."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise CannotTake(
            f"{folder} cannot be used for backups: {error.strerror}. Look at its owner and mode."
        ) from error
    least = (found.dataset_bytes or 0) // _LEAST_SHARE
    if free < least:
        raise CannotTake(
            f"There is no room for a backup in {folder}: {free:,} bytes are free, and {found.facts.place} holds data "
            f"that takes {least:,} at the very least. Make room there, or keep fewer backups."
        )
