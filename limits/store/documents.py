"""The policies' document in Redis, and the look that every process takes at what changed."""

import re
import time
from dataclasses import dataclass, field

import redis

from limits.core import keys
from limits.core.snapshots import Snapshot
from limits.store.connection import in_request, outside_request, run, text
from limits.store.scripts import script


@dataclass(frozen=True, slots=True)
class Published:
    """The policies' document as it stands in Redis, and the epoch beside it."""

    version: str
    document: str
    epoch: str = field(default="", compare=False)

    @property
    def can_be_forgiven(self) -> bool:
        """Whether the epoch can grow: what is no number, or too large for that, is none of ours."""
        return not self.epoch or bool(_EPOCH.fullmatch(self.epoch))


@dataclass(frozen=True, slots=True)
class Versions:
    """What a look sees: the versions of policies and overrides, and how often clients were forgiven; '' for none."""

    policies: str
    overrides: str
    epoch: str


_PUBLISH = script("publish")
_VERSION = re.compile(r"[0-9A-Za-z-]*")
"""Versions as we write them. Another text under the name stands for none, here and in the scripts that write."""
_EPOCH = re.compile(r"[0-9]{1,18}")


def look() -> Versions:
    """Return the versions that stand in Redis; one round trip."""
    return outside_request(_versions)


def look_in_request() -> Versions:
    """Return the versions as `look` does, unless Redis did not answer a moment ago."""
    return in_request(_versions)


def published() -> Published:
    """Return the document that stands in Redis; of version '' when there is none."""
    return outside_request(_published)


def publish(snapshot: Snapshot, *, seen: str) -> bool:
    """Write the document and its version in one step. False: another version than `seen` stands there by now."""
    told = (seen, snapshot.version, snapshot.document)
    return bool(outside_request(lambda client: run(_PUBLISH, client, keys=(keys.POLICIES,), args=told)))


def begin_epoch() -> None:
    """Put a new epoch where none of ours stands: clients can be forgiven again, and every process forgets refusals."""
    outside_request(lambda client: client.hset(keys.POLICIES, "epoch", str(time.time_ns() // 1_000_000)))


def version_of(value: bytes | str | None) -> str:
    """Return a version that stands in Redis; '' for none, and for what is none of ours."""
    version = text(value)
    return version if _VERSION.fullmatch(version) else ""


def _versions(client: redis.Redis) -> Versions:
    version, overrides, epoch = client.hmget(keys.POLICIES, ["version", "overrides", "epoch"])
    return Versions(version_of(version), text(overrides), text(epoch))


def _published(client: redis.Redis) -> Published:
    try:
        version, document, epoch = client.hmget(keys.POLICIES, ["version", "document", "epoch"])
    except redis.ResponseError as error:
        if "wrong kind of value" not in str(error):
            raise
        # No document of ours, whoever put it there: it is to be written over.
        return Published("", "")
    return Published(version_of(version), text(document), text(epoch))
