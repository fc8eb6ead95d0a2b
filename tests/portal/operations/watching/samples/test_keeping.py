"""A look is kept: how each server stands, and a sample of each that answered."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from portal.operations.models import RedisServer, Sample
from portal.operations.watching.readings import Look, ServerLook, change
from portal.operations.watching.samples.fields import FIELDS
from portal.operations.watching.samples.keeping import keep, last_looks
from tests.portal.operations.watching.samples.conftest import NOW, PLACE, READING, a_look, reading

SLOT = NOW.replace(second=0)
LATER = NOW + timedelta(seconds=15)
QUERIES_MOST = 12


@pytest.mark.django_db
def test_a_server_and_its_sample_are_kept() -> None:
    keep(a_look(NOW))
    row = RedisServer.objects.get()
    assert (row.place, row.source, row.role, row.holds_counters) == (PLACE, "redis, limits", "primary", True)
    assert (row.first_seen_at, row.looked_at, row.answered_at, row.failure) == (NOW, NOW, NOW, "")
    sample = Sample.objects.get()
    assert (sample.server, sample.span_seconds, sample.at, sample.seconds) == (row, 15, SLOT, 0)
    assert (sample.used_memory_bytes, sample.limit_bytes, sample.latency_microseconds) == (1_000_000, 10_000_000, 500)
    assert (sample.commands, sample.hits) == (0, 0)


@pytest.mark.django_db
def test_what_was_kept_is_known_at_the_next_look() -> None:
    keep(a_look(NOW))
    assert last_looks() == (ServerLook("redis, limits", PLACE, reading=reading(NOW), holds_counters=True),)


@pytest.mark.django_db
def test_a_sample_counts_what_happened_since_the_last_look() -> None:
    keep(a_look(NOW))
    keep(a_look(LATER, before=reading(NOW), commands=1300, errors_oom=1, errors_misconf=2, errors_noperm=3))
    sample = Sample.objects.latest("at")
    assert (sample.seconds, sample.commands, sample.errors, sample.restarts) == (15, 300, 6, 0)
    row = RedisServer.objects.get()
    assert (row.first_seen_at, row.looked_at) == (NOW, LATER)


@pytest.mark.django_db
def test_after_a_restart_what_was_counted_since_is_new() -> None:
    keep(a_look(LATER, before=reading(NOW), run_id="b" * 40, commands=7))
    sample = Sample.objects.get()
    assert (sample.commands, sample.restarts) == (7, 1)


@pytest.mark.django_db
def test_after_a_gap_counts_are_real_and_the_sample_says_for_how_long() -> None:
    late = NOW + timedelta(hours=3)
    keep(a_look(late, before=reading(NOW), commands=1_001_000))
    sample = Sample.objects.get()
    assert (sample.seconds, sample.commands) == (3 * 3600, 1_000_000)


@pytest.mark.django_db
def test_a_server_that_fails_keeps_its_last_reading_and_has_no_sample() -> None:
    keep(a_look(NOW))
    failed = ServerLook("redis", PLACE, failure="does not answer within 2 s", before=reading(NOW))
    keep(Look(LATER, (failed,)))
    row = RedisServer.objects.get()
    assert (row.looked_at, row.answered_at, row.role, row.failure) == (LATER, NOW, "primary", failed.failure)
    (known,) = last_looks()
    assert (known.reading, known.failure, known.source) == (reading(NOW), failed.failure, "redis")
    assert Sample.objects.count() == 1


@pytest.mark.django_db
def test_a_server_that_never_answered_is_known_all_the_same() -> None:
    keep(Look(NOW, (ServerLook("redis", PLACE, failure="refuses connections"),)))
    row = RedisServer.objects.get()
    assert (row.answered_at, row.reading) == (None, None)
    assert last_looks()[0].reading is None


@pytest.mark.django_db
def test_a_server_that_answers_again_has_no_failure() -> None:
    keep(Look(NOW, (ServerLook("redis", PLACE, failure="refuses connections"),)))
    keep(a_look(LATER))
    row = RedisServer.objects.get()
    assert (row.failure, row.answered_at) == ("", LATER)


@pytest.mark.django_db
def test_a_server_that_is_not_looked_at_any_more_is_out_of_use_until_it_is_again() -> None:
    keep(a_look(NOW))
    keep(a_look(LATER, place="other:6379"))
    assert [row.is_in_use for row in RedisServer.objects.order_by("first_seen_at")] == [False, True]
    assert [each.place for each in last_looks()] == ["other:6379"]
    keep(a_look(LATER))
    assert RedisServer.objects.get(place=PLACE).is_in_use


@pytest.mark.django_db
def test_two_looks_within_a_span_are_one_sample_and_lose_nothing() -> None:
    keep(a_look(NOW, before=reading(NOW - timedelta(seconds=10)), hits=12, used_memory_bytes=5))
    soon = NOW + timedelta(seconds=2)
    keep(a_look(soon, before=reading(NOW, hits=12), hits=15, used_memory_bytes=3))
    sample = Sample.objects.get()
    assert (sample.seconds, sample.hits, sample.used_memory_bytes) == (12, 5, 5)


@pytest.mark.django_db
def test_a_reading_of_another_version_of_this_program_counts_as_none() -> None:
    keep(a_look(NOW))
    RedisServer.objects.update(reading={"at": "once", "engine": 5})
    assert last_looks()[0].reading is None


@pytest.mark.django_db
def test_a_place_that_is_too_long_is_cut() -> None:
    keep(Look(NOW, (ServerLook("redis", "h" * 500, failure="f" * 500),)))
    assert len(RedisServer.objects.get().place) == 200


@pytest.mark.django_db
def test_a_large_set_is_written_in_a_few_queries() -> None:
    servers = tuple(ServerLook("redis", f"10.0.0.{number}:6379", reading=READING) for number in range(87))
    keep(Look(NOW, servers))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        keep(Look(LATER, servers))
    assert len(queries) <= QUERIES_MOST
    assert Sample.objects.count() == 2 * 87


@given(st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from("ab")), min_size=2, max_size=20))
def test_no_count_is_lost_or_negative_whatever_restarts_and_resets(course: list[tuple[int, str]]) -> None:
    readings = [
        reading(NOW + timedelta(seconds=15 * number), hits=hits, run_id=run)
        for number, (hits, run) in enumerate(course)
    ]
    for before, now in pairwise(readings):
        found = change(before, now)
        assert 0 <= found.hits <= now.hits
        assert found.has_restarted == (before.run_id != now.run_id)


def test_every_field_of_a_sample_has_a_way_to_be_joined() -> None:
    named = {field.name for field in Sample._meta.get_fields()} - {"id", "server", "span_seconds", "at"}
    assert named == set(FIELDS)
