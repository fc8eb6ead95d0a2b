"""The policies' document in Redis, and the look that every process takes at what changed."""

from dataclasses import dataclass

import redis

from limits.core import keys
from limits.core.snapshots import Snapshot
from limits.store.connection import in_request, outside_request, run, text


@dataclass(frozen=True, slots=True)
class Published:
    """The policies' document as it stands in Redis."""

    version: str
    document: str


@dataclass(frozen=True, slots=True)
class Versions:
    """What a look sees: the versions of policies and overrides, and how often clients were forgiven; '' for none."""

    policies: str
    overrides: str
    epoch: str


def look() -> Versions:
    """Return the versions that stand in Redis; one round trip."""
    fields = ["version", "overrides", "epoch"]
    return Versions(*map(text, outside_request(lambda client: client.hmget(keys.POLICIES, fields))))


def look_in_request() -> Versions:
    """Return the versions as `look` does, unless Redis did not answer a moment ago."""
    fields = ["version", "overrides", "epoch"]
    return Versions(*map(text, in_request(lambda client: client.hmget(keys.POLICIES, fields))))


def published() -> Published:
    """Return the document that stands in Redis; of version '' when there is none."""
    return outside_request(_published)


def publish(snapshot: Snapshot, *, seen: str) -> bool:
    """Write the document and its version in one step. False: another version than `seen` stands there by now."""
    told = (seen, snapshot.version, snapshot.document)
    return bool(outside_request(lambda client: run("publish", client, keys=(keys.POLICIES,), args=told)))


def _published(client: redis.Redis) -> Published:
    try:
        version, document = client.hmget(keys.POLICIES, ["version", "document"])
    except redis.ResponseError as error:
        if "wrong kind of value" not in str(error):
            raise
        # No document of ours, whoever put it there: it is to be written over.
        return Published("", "")
    return Published(text(version), text(document))
