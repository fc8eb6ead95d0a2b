"""What a server says of itself before it is backed up."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import redis

from portal.operations.backups.manifest import ServerFacts
from portal.operations.backups.taking.errors import CannotTake
from portal.operations.backups.versions import is_at_least
from portal.operations.redis_answers import is_forbidden
from portal.redis_address import Client


class Role(StrEnum):
    """What a server is to others."""

    PRIMARY = "primary"
    REPLICA = "replica"


@dataclass(frozen=True, slots=True)
class Survey:
    """A server's facts, and INFO as redis-py reads it: empty where it is forbidden."""

    facts: ServerFacts
    is_clustered: bool
    info: Mapping[str, Any]

    @property
    def dataset_bytes(self) -> int | None:
        """The memory that its data takes, without buffers and overhead; None: unknown."""
        return self.info.get("used_memory_dataset")


def survey(client: Client, *, place: str) -> Survey:
    """Return what is known of a server. HELLO tells the most needful to everybody; INFO may be forbidden.

    Raises CannotTake for a replica that has lost its primary: nobody knows how old its data is.
    """
    hello = _hello(client)
    if hello["mode"] == "sentinel":
        raise CannotTake(f"{place} is a Sentinel, and holds no data. Write its address as redis+sentinel://….")
    if not is_at_least(hello["version"]):
        raise CannotTake(
            f"{place} is {hello['server'].title()} {hello['version']}, and backups are made of Redis 7.0 or newer, or "
            "Valkey. Upgrade it."
        )
    info = info_of(client)
    role = Role.PRIMARY if hello["role"] == "master" else Role.REPLICA
    if role is Role.REPLICA and info.get("master_link_status", "up") != "up":
        raise CannotTake(
            f"The replica {place} has lost its primary, and its data may be old. "
            "Take the backup from another server, or see to its link (INFO replication) first."
        )
    facts = ServerFacts(
        place=place,
        role=role,
        engine=hello["server"],
        version=hello["version"],
        run_id=info.get("run_id", ""),
        replication=f"{info['master_replid']}:{info['master_repl_offset']}" if "master_replid" in info else "",
        used_memory_bytes=info.get("used_memory", 0),
    )
    return Survey(facts, is_clustered=hello["mode"] == "cluster", info=info)


def info_of(client: Client) -> dict[str, Any]:
    """Return INFO, {} where it is forbidden."""
    try:
        found: dict[str, Any] = client.info()
    except redis.ResponseError as error:
        if not is_forbidden(error):
            raise
        return {}
    return found


def _hello(client: Client) -> dict[str, str]:
    answer = client.execute_command("HELLO", 3)
    return {_text(name): _text(value) for name, value in answer.items() if isinstance(value, bytes | str)}


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
