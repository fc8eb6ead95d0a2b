"""Performing: whatever happens to the work, its row tells the truth, and the others are done."""

import logging
from collections.abc import Callable
from contextlib import closing

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection

from portal.operations import runs
from portal.operations.models import JobRun
from portal.operations.runs import STALE, Outcome, Progress, Work
from tests.portal.operations.runs.doing import NOW, Doing, Hands, ask, begun, minutes

COMMITTED = pytest.mark.django_db(transaction=True, serialized_rollback=True)
pytestmark = pytest.mark.django_db


def perform(run: JobRun, doing: Doing, *, clock: Hands | None = None) -> JobRun:
    assert runs.perform(run, work=doing.work, clock=clock or Hands())
    return JobRun.objects.get(pk=run.pk)


def test_work_that_was_done_is_told_in_its_words(told: Callable[[], list[str]]) -> None:
    run = perform(ask(), Doing())
    assert (run.state, run.outcome, run.subject) == ("succeeded", "Two keys were taken.", f"redis-{run.pk}")
    assert (run.holds, run.ended_at, run.progress) == (None, NOW, "taking")
    assert told() == []


def test_a_failure_that_was_foreseen_is_told_in_its_own_words(told: Callable[[], list[str]]) -> None:
    run = perform(ask(), Doing([OSError("The disk is full. Make room, then try again.")]))
    assert (run.state, run.outcome, run.holds) == ("failed", "The disk is full. Make room, then try again.", None)
    assert told() == ["Failed: backup redis/2026-11-29T03:15Z"]


def test_of_a_failure_that_nobody_foresaw_only_the_log_tells_more(caplog: pytest.LogCaptureFixture) -> None:
    run = perform(ask(), Doing([ValueError("redis://:secret@host")]))
    assert run.state == "failed"
    assert "ValueError" in run.outcome
    assert "secret" not in run.outcome
    assert any(record.exc_info for record in caplog.records)


def test_a_failed_run_is_tried_again_with_limits_and_told_at_the_last(told: Callable[[], list[str]]) -> None:
    run, clock = ask(attempts_max=3, retry_minutes=10), Hands()
    doing = Doing([OSError("No room.") for _ in range(5)])
    states = []
    for _ in range(4):
        runs.perform_due({"backup": doing.work}, clock=clock)
        run.refresh_from_db()
        states.append((run.state, run.attempt, len(told())))
        assert runs.perform_due({"backup": doing.work}, clock=clock) == 0
        clock.move(minutes=10)
    assert states == [("waiting", 1, 0), ("waiting", 2, 0), ("failed", 3, 1), ("failed", 3, 1)]


def test_what_is_tried_again_says_when() -> None:
    run = perform(ask(attempts_max=3, retry_minutes=10), Doing([OSError("No room.")]))
    assert run.not_before == minutes(10)
    assert run.outcome == "No room. That was attempt 1 of 3; the next is at 03:25."


def test_a_retry_that_succeeds_forgets_the_failure(told: Callable[[], list[str]]) -> None:
    run, doing, clock = ask(attempts_max=2), Doing([OSError("No room.")]), Hands()
    perform(run, doing, clock=clock)
    clock.move(minutes=10)
    assert runs.perform_due({"backup": doing.work}, clock=clock) == 1
    run.refresh_from_db()
    assert (run.state, run.outcome, run.not_before) == ("succeeded", "Two keys were taken.", None)
    assert told() == []


@pytest.mark.parametrize("end", [KeyboardInterrupt(), SystemExit(143)])
def test_work_that_is_stopped_ends_its_row_and_passes_it_on(end: BaseException) -> None:
    run = ask()
    with pytest.raises(type(end)):
        perform(run, Doing([end]))
    run.refresh_from_db()
    assert (run.state, run.holds) == ("cut off", None)
    assert run.outcome.startswith("It was stopped from outside, in the middle. ")


def test_a_time_limit_cuts_a_run_off() -> None:
    assert perform(ask(), Doing([SoftTimeLimitExceeded()])).state == "cut off"


def test_a_run_that_waits_for_a_hold_is_performed_once_it_is_free() -> None:
    holding, waiting, doing = begun("holding"), ask("waiting"), Doing()
    assert runs.perform_due({"backup": doing.work}, clock=Hands()) == 0
    runs.finish(holding, outcome=Outcome("Done."), now=NOW)
    assert runs.perform_due({"backup": doing.work}, clock=Hands()) == 1
    assert doing.done == [waiting.slot]


def test_what_cannot_be_performed_does_not_stop_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    for slot in ("one", "two", "three"):
        ask(slot)
    doing = Doing([OSError("no"), TypeError("no")])
    assert runs.perform_due({"backup": doing.work}, clock=Hands()) == 3
    assert doing.done == ["three"]


def test_a_row_that_cannot_be_begun_does_not_stop_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    bad, good, doing = ask("bad"), ask("good"), Doing()

    class Broken(Work):
        def held_by(self, run: JobRun) -> str | None:
            if run == bad:
                raise LookupError("no such source any more")
            return None

    assert runs.perform_due({"backup": Broken(doing)}, clock=Hands()) == 1
    assert doing.done == [good.slot]
    assert "was not performed" in caplog.text


def test_as_many_are_performed_as_may_be() -> None:
    for slot in ("one", "two", "three"):
        ask(slot)
    doing = Doing()
    assert runs.perform_due({"backup": doing.work}, clock=Hands(), most=1) == 1
    assert doing.done == ["one"]


def test_jobs_that_the_registry_does_not_know_go_on_waiting() -> None:
    ask("one", job="unknown")
    assert runs.perform_due({"backup": Doing().work}, clock=Hands()) == 0
    assert JobRun.objects.get().state == "waiting"


def test_work_that_outlives_its_run_s_death_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    clock = Hands()

    def dawdle(run: JobRun, progress: Progress) -> Outcome:
        clock.move(seconds=STALE.total_seconds())
        runs.notice_cut_off(now=clock.now)
        return Outcome("Done.")

    run = ask()
    with caplog.at_level(logging.ERROR):
        assert runs.perform(run, work=Work(dawdle, holds="data"), clock=clock)
    run.refresh_from_db()
    assert run.state == "cut off"
    assert "taken for dead" in caplog.text


@pytest.mark.mariadb  # about a server that closes connections
@COMMITTED
def test_a_connection_that_the_database_closed_meanwhile_does_not_cost_the_end() -> None:
    def idle(run: JobRun, progress: Progress) -> Outcome:
        with closing(connection.copy()) as other, other.cursor() as cursor:
            cursor.execute("KILL %s", [connection.connection.thread_id()])
        return Outcome("Done.")

    run = ask()
    assert runs.perform(run, work=Work(idle, holds="data"), clock=Hands())
    run.refresh_from_db()
    assert (run.state, run.outcome) == ("succeeded", "Done.")
