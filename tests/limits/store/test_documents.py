"""The policies' document in a real Redis."""

import pytest
import redis

from limits.core import keys, snapshots
from limits.core.rates import Rate
from limits.exceptions import StoreUnavailable
from limits.store import documents
from limits.store.documents import Published, Versions
from tests.limits import making

Redis = redis.Redis
FIRST = snapshots.take([making.policy()], revision=1)
SECOND = snapshots.take([making.policy("login", Rate(2, 60))], revision=2)


def test_a_document_is_written_only_over_the_version_that_was_seen(redis_server: Redis) -> None:
    assert documents.publish(FIRST, seen="")
    assert not documents.publish(SECOND, seen="")
    assert documents.published().version == FIRST.version
    assert documents.publish(SECOND, seen=FIRST.version)
    assert documents.published() == Published(SECOND.version, SECOND.document)


def test_a_look_is_one_round_trip_that_fetches_no_document(redis_server: Redis, round_trips: list[str]) -> None:
    assert documents.look() == Versions("", "", "")
    documents.publish(FIRST, seen="")
    redis_server.hincrby(keys.POLICIES, "epoch", 3)
    documents.look()
    round_trips.clear()
    assert documents.look() == Versions(FIRST.version, "", "3")
    assert round_trips == ["HMGET"]


def test_what_is_no_document_of_ours_is_written_over(redis_server: Redis) -> None:
    redis_server.rpush(keys.POLICIES, "what is this?")
    with pytest.raises(StoreUnavailable):
        documents.look()
    assert documents.published() == Published("", "")
    assert documents.publish(FIRST, seen="")
    assert documents.look().policies == FIRST.version
