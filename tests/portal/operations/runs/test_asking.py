"""Asking: a slot is run once, and what nobody begins in time is not done any more."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from portal.operations import runs
from portal.operations.models import JobRun
from tests.portal.operations.runs.doing import DATA, NOW, Doing, ask, begun, minutes

pytestmark = pytest.mark.django_db


def test_a_run_waits_with_what_was_asked() -> None:
    ask("by hand 1", job="restore", asked_by="jane", arguments={"whole": True})
    run = JobRun.objects.get()
    assert (run.job, run.source, run.state, run.asked_by) == ("restore", "redis", "waiting", "jane")
    assert (run.arguments, run.asked_at, run.attempt, run.holds) == ({"whole": True}, NOW, 0, None)


def test_the_same_slot_twice_does_nothing() -> None:
    ask("one")
    assert runs.ask("backup", slot="one", source="redis", now=NOW) is None
    assert JobRun.objects.count() == 1


def test_a_slot_is_a_job_s_own() -> None:
    ask("one", job="backup")
    ask("one", job="prove")
    assert JobRun.objects.count() == 2


def test_due_are_those_that_wait_the_oldest_first() -> None:
    begun("begun")
    first, second, later = ask("first"), ask("second"), ask("later")
    JobRun.objects.filter(pk=later.pk).update(not_before=minutes(10))
    assert list(runs.due(now=NOW)) == [first, second]
    assert list(runs.due(now=minutes(10))) == [first, second, later]


def test_what_nobody_begins_in_time_is_dropped_and_told_once(told: Callable[[], list[str]]) -> None:
    run = ask("late", within=timedelta(minutes=15))
    assert runs.drop_overdue(now=minutes(14)) == []
    assert list(runs.due(now=minutes(15))) == []
    assert not runs.begin(run, holds=DATA, now=minutes(15))
    assert runs.drop_overdue(now=minutes(15)) == [run]
    assert runs.drop_overdue(now=minutes(16)) == []
    run.refresh_from_db()
    assert (run.state, run.ended_at) == ("failed", minutes(15))
    assert told() == ["Not begun: backup late"]


def test_what_failed_once_is_tried_again_however_late() -> None:
    run = ask("late", within=timedelta(minutes=15), attempts_max=2)
    doing = Doing([OSError("no")])
    assert runs.perform(run, work=doing.work, clock=lambda: NOW)
    assert runs.drop_overdue(now=minutes(60)) == []
    assert list(runs.due(now=minutes(60))) == [run]


def test_old_runs_are_forgotten_and_those_that_wait_or_run_are_not() -> None:
    over = begun("over")
    runs.fail(over, outcome="No.", now=NOW)
    waiting, running = ask("waiting"), begun("running")
    assert runs.forget(before=NOW) == 0
    assert runs.forget(before=minutes(1)) == 1
    assert list(JobRun.objects.order_by("pk")) == [waiting, running]
