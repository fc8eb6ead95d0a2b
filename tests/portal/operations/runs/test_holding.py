"""Beginning: one wins a run, one holds the data, and the dead lose both."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from portal.operations import runs
from portal.operations.models import JobRun
from portal.operations.runs import STALE, Outcome
from tests.portal.operations.runs.doing import DATA, NOW, ask, begun, minutes

COMMITTED = pytest.mark.django_db(transaction=True, serialized_rollback=True)
pytestmark = pytest.mark.django_db
DEAD = NOW + STALE


def at_once(*attempts: Callable[[], bool]) -> list[bool]:
    """Do all at the same moment, each in a thread and on a connection of its own; return what came of them."""
    barrier, outcomes = threading.Barrier(len(attempts)), list[bool]()

    def attempt(do: Callable[[], bool]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            outcomes.append(do())
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt, args=(do,)) for do in attempts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def begin(run: JobRun, *, holds: str | None = DATA) -> Callable[[], bool]:
    mine = JobRun.objects.get(pk=run.pk)
    return lambda: runs.begin(mine, holds=holds, now=NOW)


def test_who_begins_holds_and_is_alive() -> None:
    run = begun()
    assert (run.state, run.holds, run.attempt) == ("running", DATA, 1)
    assert (run.began_at, run.alive_at) == (NOW, NOW)
    assert runs.holder(DATA) == run


@COMMITTED
def test_of_many_who_begin_one_run_at_once_one_wins() -> None:
    run = ask()
    assert sorted(at_once(*(begin(run) for _ in range(4)))) == [False, False, False, True]
    run.refresh_from_db()
    assert (run.state, run.attempt) == ("running", 1)


@COMMITTED
def test_of_two_backups_at_once_one_holds_and_the_other_waits() -> None:
    one, other = ask("one"), ask("other")
    assert sorted(at_once(begin(one), begin(other))) == [False, True]
    holding, waiting = JobRun.objects.get(holds=DATA), JobRun.objects.get(state="waiting")
    assert waiting.progress == f"Waits until “{holding}” is over."
    assert runs.finish(holding, outcome=Outcome("Done."), now=NOW)
    assert runs.begin(waiting, holds=DATA, now=NOW)


@COMMITTED
def test_of_many_who_ask_for_one_slot_at_once_one_is_heard() -> None:
    heard = at_once(*(lambda: runs.ask("backup", slot="one", source="redis", now=NOW) is not None for _ in range(4)))
    assert sorted(heard) == [False, False, False, True]


def test_what_holds_nothing_runs_beside_all() -> None:
    begun("one")
    assert all(begin(ask(slot), holds=None)() for slot in ("two", "three"))


def test_a_run_that_ended_cannot_begin_again() -> None:
    run = begun()
    runs.finish(run, outcome=Outcome("Done."), now=NOW)
    assert not runs.begin(run, holds=DATA, now=NOW)


def test_who_is_silent_too_long_is_told_as_cut_off_and_loses_its_hold(told: Callable[[], list[str]]) -> None:
    dead = begun("dead")
    fresh = ask("fresh")
    assert not runs.begin(fresh, holds=DATA, now=minutes(14))
    assert told() == []
    assert runs.begin(fresh, holds=DATA, now=DEAD)
    dead.refresh_from_db()
    assert (dead.state, dead.holds, dead.ended_at) == ("cut off", None, DEAD)
    assert dead.outcome.startswith("It was cut off: the last sign of life came at 2026-11-29 03:15. ")
    assert told() == ["Cut off: backup dead"]


def test_a_cut_off_run_is_noticed_once() -> None:
    run = begun()
    assert runs.notice_cut_off(now=minutes(14.9)) == []
    assert runs.notice_cut_off(now=DEAD) == [run]
    assert runs.notice_cut_off(now=DEAD) == []


def test_a_sign_of_life_saves_a_run_that_was_looked_at_before_it() -> None:
    run = begun()
    seen = JobRun.objects.get()
    runs.Progress(run, clock=lambda: DEAD)(1, 2)
    assert not runs.cut_off(seen, outcome="Silent.", now=DEAD, silent_since=seen.alive_at)
    assert JobRun.objects.get().state == "running"


def test_a_run_that_was_cut_off_is_tried_again_while_it_may_be() -> None:
    begun(attempts_max=2, retry_minutes=10)
    (run,) = runs.notice_cut_off(now=DEAD)
    assert (run.state, run.holds, run.not_before) == ("waiting", None, minutes(25))
    assert run.outcome.endswith("That was attempt 1 of 2; the next is at 03:40.")


def test_who_was_taken_for_dead_can_end_nothing_any_more() -> None:
    run = begun(attempts_max=2)
    runs.notice_cut_off(now=DEAD)
    again = JobRun.objects.get()
    assert runs.begin(again, holds=DATA, now=minutes(30))
    assert not runs.finish(run, outcome=Outcome("Done."), now=minutes(31))
    assert not runs.fail(run, outcome="Failed.", now=minutes(31))
    again.refresh_from_db()
    assert (again.state, again.holds, again.attempt) == ("running", DATA, 2)
