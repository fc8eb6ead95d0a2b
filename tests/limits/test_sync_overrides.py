"""Overrides from the database to Redis: the parts that differ, and never an older one over a newer one."""

import pytest
import redis
from pytest_django import DjangoCaptureOnCommitCallbacks

from limits import services, sync, sync_overrides
from limits.core import keys
from limits.core.override_index import Part
from limits.core.overrides import from_line
from limits.exceptions import StoreUnavailable
from limits.models import Override, OverridePart
from limits.store import documents
from limits.store import overrides as store
from tests.limits.overriding import SOMEBODY, override, saved

Redis = redis.Redis
pytestmark = pytest.mark.django_db


def published(redis_server: Redis) -> list[str]:
    """Return the subjects that stand in Redis."""
    found = store.parts(range(256))
    return sorted(from_line(line).subject for part in found.values() for line in part.lines)


def test_redis_holds_what_the_database_holds(redis_server: Redis) -> None:
    saved("198.51.100.0/24")
    saved("user=17")
    assert sync_overrides.reconcile_overrides() == 2
    assert published(redis_server) == ["198.51.100.0/24", "user=17"]
    assert sync_overrides.are_in_step()


def test_where_nothing_differs_nothing_is_written_and_no_override_read(
    redis_server: Redis, django_assert_num_queries: object
) -> None:
    saved()
    sync_overrides.reconcile_overrides()
    told = redis_server.hget(keys.POLICIES, "overrides")
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert sync_overrides.reconcile_overrides() == 0
    assert redis_server.hget(keys.POLICIES, "overrides") == told


def test_a_save_publishes_its_own_part_alone(
    redis_server: Redis, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    services.save_overrides([override(f"user={number}") for number in range(600)], actor=SOMEBODY)
    sync_overrides.reconcile_overrides()
    before, told = store.standing().versions, redis_server.hget(keys.POLICIES, "overrides")
    with django_capture_on_commit_callbacks(execute=True):
        made = saved("user=1000")
    after = store.standing().versions
    assert {number for number in after if after[number] != before.get(number)} == {made.part}
    assert redis_server.hget(keys.POLICIES, "overrides") != told


def test_what_is_deleted_is_gone_from_redis(redis_server: Redis) -> None:
    made = saved()
    sync_overrides.reconcile_overrides()
    services.delete_override(made, actor=SOMEBODY)
    sync_overrides.reconcile_overrides()
    assert published(redis_server) == []


def test_an_emptied_redis_heals(redis_server: Redis) -> None:
    saved()
    sync_overrides.reconcile_overrides()
    redis_server.flushall()
    assert not sync_overrides.are_in_step()
    sync_overrides.reconcile_overrides()
    assert published(redis_server) == ["198.51.100.0/24"]


def test_lost_word_of_a_change_is_given_again(redis_server: Redis) -> None:
    saved()
    sync_overrides.reconcile_overrides()
    redis_server.delete(keys.POLICIES)
    sync_overrides.reconcile_overrides()
    assert redis_server.hget(keys.POLICIES, "overrides")


def test_something_else_under_the_name_is_written_over(redis_server: Redis) -> None:
    redis_server.set(keys.OVERRIDES, "what is this?")
    saved()
    sync_overrides.reconcile_overrides()
    assert published(redis_server) == ["198.51.100.0/24"]


@pytest.mark.parametrize("version", [b"\xff", b"1 2"])
def test_a_version_that_is_none_of_ours_is_written_over(redis_server: Redis, version: bytes) -> None:
    made = saved()
    sync_overrides.reconcile_overrides()
    redis_server.hset(keys.OVERRIDES, f"{made.part}:version", version)
    assert not sync_overrides.are_in_step()
    assert sync_overrides.reconcile_overrides() == 1
    assert published(redis_server) == ["198.51.100.0/24"]


@pytest.mark.parametrize("lines", [b"", b"203.0.113.9\t1\t\texempt\t0\t\t", b"\xff"])
def test_a_part_altered_under_its_version_is_not_taken_and_heals(redis_server: Redis, lines: bytes) -> None:
    made = saved()
    sync_overrides.reconcile_overrides()
    redis_server.hset(keys.OVERRIDES, made.part, lines)
    assert published(redis_server) == []
    assert not sync.compare(thorough=True).in_step
    assert sync.reconcile(thorough=True)
    assert published(redis_server) == ["198.51.100.0/24"]
    assert sync.compare(thorough=True).in_step
    assert not sync.reconcile(thorough=True)


def test_a_part_of_another_place_is_not_taken(redis_server: Redis) -> None:
    made = saved()
    sync_overrides.reconcile_overrides()
    older = redis_server.hget(keys.OVERRIDES, made.part)
    services.delete_override(made, actor=SOMEBODY)
    sync_overrides.reconcile_overrides()
    redis_server.hset(keys.OVERRIDES, made.part, older)
    assert published(redis_server) == []


def test_a_part_that_was_never_written_heals_too(redis_server: Redis) -> None:
    redis_server.hset(keys.OVERRIDES, mapping={"3": "what is this?", "3:version": "0"})
    sync_overrides.reconcile_overrides(thorough=True)
    assert store.parts([3]) == {3: Part("0")}


def test_the_policies_stay_beside_the_word_of_a_change(policies: None, redis_server: Redis) -> None:
    before = documents.published()
    saved()
    sync_overrides.reconcile_overrides()
    assert documents.published() == before


def test_an_older_state_never_replaces_a_newer_one(redis_server: Redis) -> None:
    made = saved()
    seen = store.standing().versions
    older = {made.part: sync_overrides.from_database()[made.part]}
    made.reason = "newer"
    services.save_override(made, actor=SOMEBODY)
    sync_overrides.reconcile_overrides()
    assert store.publish(older, seen=seen) == 0
    assert sync_overrides.are_in_step()


def test_a_database_that_was_restored_to_an_older_state_is_published(redis_server: Redis) -> None:
    made = saved()
    sync_overrides.reconcile_overrides()
    OverridePart.objects.filter(number=made.part).update(version=1)
    Override.objects.all().delete()
    sync_overrides.reconcile_overrides()
    assert published(redis_server) == []


def test_writers_who_always_come_between_end_in_an_error(redis_server: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    saved()
    monkeypatch.setattr(store, "publish", lambda changed, *, seen: 0)
    with pytest.raises(StoreUnavailable):
        sync_overrides.reconcile_overrides()


def test_what_is_saved_while_redis_is_away_goes_on_being_tried(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    asked = []
    monkeypatch.setattr(sync, "publish_in_background", lambda: asked.append(True))
    with django_capture_on_commit_callbacks(execute=True):
        saved()
    assert asked == [True]


def test_parts_that_are_not_there_are_left_out(redis_server: Redis) -> None:
    store.publish({3: Part("7", ("a", "b"))}, seen={})
    assert store.parts([3, 4]) == {3: Part("7", ("a", "b"))}
    assert store.parts([]) == {}
