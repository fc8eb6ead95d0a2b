"""The policies in force in one process, and its looks at Redis."""

import threading

import pytest
import redis

from limits import last_good
from limits.core import keys, snapshots
from limits.core.rates import Rate
from limits.core.snapshots import EMPTY, Snapshot
from limits.in_force import policies_in_force
from limits.store import documents
from tests.conftest import Clock
from tests.limits import making

Redis = redis.Redis
FIRST = snapshots.take([making.policy("login", Rate(5, 60))], revision=1)
SECOND = snapshots.take([making.policy("login", Rate(2, 60))], revision=2)


def publish(snapshot: Snapshot) -> None:
    assert documents.publish(snapshot, seen=documents.published().version)


def limit_in_force() -> int | None:
    policy = policies_in_force.policy("login")
    return policy.rates[0].limit if policy else None


def test_a_changed_document_is_in_force_at_the_next_look(redis_server: Redis, clock: Clock) -> None:
    publish(FIRST)
    assert limit_in_force() == 5
    publish(SECOND)
    assert limit_in_force() == 5
    clock.now += 0.25
    assert limit_in_force() == 2


def test_a_process_looks_at_most_every_quarter_of_a_second(
    redis_server: Redis, clock: Clock, round_trips: list[str]
) -> None:
    publish(FIRST)
    limit_in_force()
    round_trips.clear()
    for _ in range(64):
        clock.now += 1 / 64
        limit_in_force()
    assert round_trips == ["HMGET"] * 4


def asked_while_another_looks() -> list[int | None]:
    """Return what a thread is told while the look is taken: nothing, when it waits for the look's end."""
    found: list[int | None] = []
    thread = threading.Thread(target=lambda: found.append(limit_in_force()))
    with policies_in_force._looking:
        thread.start()
        thread.join(timeout=0.3)
        meanwhile = list(found)
    thread.join(timeout=5)
    assert found
    return meanwhile


def test_one_thread_looks_while_the_others_go_on(redis_server: Redis, clock: Clock) -> None:
    publish(FIRST)
    limit_in_force()
    clock.now += 0.3
    assert asked_while_another_looks() == [5]


def test_after_a_pause_nobody_goes_on_by_an_old_policy(redis_server: Redis, clock: Clock) -> None:
    publish(FIRST)
    limit_in_force()
    publish(SECOND)
    clock.now += 60
    assert asked_while_another_looks() == []
    assert limit_in_force() == 2


def test_an_emptied_redis_keeps_the_snapshot_in_hand(redis_server: Redis, clock: Clock) -> None:
    publish(FIRST)
    limit_in_force()
    redis_server.flushall()
    clock.now += 1
    assert limit_in_force() == 5


def test_a_redis_that_is_away_keeps_the_snapshot_in_hand(clock: Clock) -> None:
    policies_in_force.take(FIRST)
    clock.now += 1
    assert limit_in_force() == 5


@pytest.mark.parametrize("document", ["", "{", "[]", '{"format":99}', '{"format":2}\n{}', '{"format":1,"policies":[]}'])
def test_a_document_that_cannot_be_read_changes_nothing(
    redis_server: Redis, clock: Clock, caplog: pytest.LogCaptureFixture, document: str
) -> None:
    policies_in_force.take(FIRST)
    redis_server.hset(keys.POLICIES, mapping={"version": "9-broken", "document": document})
    for _ in range(3):
        clock.now += 1
        assert limit_in_force() == 5
    assert len(caplog.records) == 1


def test_an_unknown_policy_is_none(redis_server: Redis) -> None:
    assert policies_in_force.policy("nobody-knows") is None
    assert policies_in_force.snapshot == EMPTY


def test_the_copy_in_the_file_is_the_snapshot_that_came_last(redis_server: Redis, clock: Clock) -> None:
    publish(SECOND)
    limit_in_force()
    assert last_good.load() == SECOND
