"""In each slot of time one process does the work."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from portal.operations.models import Turn
from portal.operations.watching import turns

NOW = datetime(2026, 3, 1, 12, 0, 7, tzinfo=UTC)
EVERY = timedelta(seconds=15)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(
    now=st.integers(0, 2**52).map(lambda number: EPOCH + timedelta(microseconds=number)),
    every=st.integers(min_value=1, max_value=86_400).map(lambda seconds: timedelta(seconds=seconds)),
)
def test_a_moment_lies_in_one_slot(now: datetime, every: timedelta) -> None:
    slot = turns.slot_of(now, every=every)
    assert slot <= now < slot + every
    assert turns.slot_of(slot, every=every) == slot
    assert turns.slot_of(slot + every, every=every) == slot + every


@pytest.mark.django_db
def test_a_slot_is_taken_once_and_the_next_is_free() -> None:
    assert turns.take(turns.WATCH, now=NOW, every=EVERY)
    assert not turns.take(turns.WATCH, now=NOW + timedelta(seconds=7), every=EVERY)
    assert turns.take(turns.WATCH, now=NOW + timedelta(seconds=8), every=EVERY)


@pytest.mark.django_db
def test_each_job_has_turns_of_its_own() -> None:
    assert turns.take(turns.WATCH, now=NOW, every=EVERY)
    assert turns.take(turns.TIDY, now=NOW, every=EVERY)


@pytest.mark.django_db
def test_turns_of_long_ago_are_forgotten() -> None:
    turns.take(turns.WATCH, now=NOW, every=EVERY)
    turns.take(turns.WATCH, now=NOW + EVERY, every=EVERY)
    turns.forget(before=NOW + timedelta(seconds=1))
    assert Turn.objects.count() == 1


@pytest.mark.django_db
def test_the_watch_lives_for_a_minute_after_its_last_look() -> None:
    assert not turns.watch_lives(now=NOW)
    turns.take(turns.WATCH, now=NOW, every=EVERY)
    assert turns.watch_lives(now=NOW + timedelta(seconds=50))
    assert not turns.watch_lives(now=NOW + timedelta(seconds=70))


@pytest.mark.django_db
@pytest.mark.parametrize("minutes", [3, 30, 60 * 24 * 365])
def test_a_clock_that_was_set_back_stops_nobody(minutes: int) -> None:
    later = NOW + timedelta(minutes=minutes)
    for slot in range(20 * 4):
        turns.take(turns.WATCH, now=later - slot * EVERY, every=EVERY)
    begins = [NOW + slot * EVERY for slot in range(20)]
    assert turns.take(turns.WATCH, now=NOW, every=EVERY)
    assert turns.watch_lives(now=NOW)
    assert all(turns.take(turns.WATCH, now=now, every=EVERY) for now in begins[1:])
    assert not turns.take(turns.WATCH, now=begins[-1], every=EVERY)


@pytest.mark.django_db
def test_a_host_whose_clock_is_a_minute_ahead_works_alone() -> None:
    ahead = NOW + timedelta(minutes=1)
    taken = [
        (
            turns.take(turns.WATCH, now=ahead + slot * EVERY, every=EVERY),
            turns.take(turns.WATCH, now=NOW + slot * EVERY, every=EVERY),
        )
        for slot in range(20)
    ]
    assert taken[4:] == [(True, False)] * 16


@pytest.mark.django_db
def test_turns_of_a_time_to_come_are_no_sign_of_life() -> None:
    turns.take(turns.WATCH, now=NOW + timedelta(hours=1), every=EVERY)
    assert not turns.watch_lives(now=NOW)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_many_at_once_one_wins() -> None:
    won: list[bool] = []
    begin = threading.Barrier(6)

    def try_it() -> None:
        begin.wait()
        won.append(turns.take(turns.WATCH, now=NOW, every=EVERY))
        connection.close()

    threads = [threading.Thread(target=try_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 5 + [True]
