"""Signs of life: written at most every ten seconds, good for a minute."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import PeriodicTask

from portal.operations import heartbeats
from portal.operations.models import Heartbeat
from portal.runner.commands import commands

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PORTAL = commands(port=8000)


def seconds(number: float) -> datetime:
    return NOW + timedelta(seconds=number)


def node_of(process: str) -> str:
    """Return the node name under which the runner starts a worker."""
    return PORTAL[process][PORTAL[process].index("-n") + 1].replace("%h", "host")


def test_a_sign_is_written_at_most_every_ten_seconds() -> None:
    written = [second for second in range(0, 31, 2) if heartbeats.note_worker("worker@host", now=seconds(second))]
    assert written == [0, 10, 20, 30]
    assert Heartbeat.objects.get().at == seconds(30)


def test_a_sign_that_is_not_due_costs_one_look() -> None:
    heartbeats.note_worker("worker@host", now=NOW)
    with CaptureQueriesContext(connection) as captured:
        assert not heartbeats.note_worker("worker@host", now=seconds(2))
    assert [query["sql"].split()[0] for query in captured] == ["SELECT"]


def test_each_worker_has_its_own_sign() -> None:
    for name in ("worker@one", "worker@two"):
        assert heartbeats.note_worker(name, now=NOW)
    assert Heartbeat.objects.count() == 2


@pytest.mark.parametrize(("after", "lives"), [(0, True), (59, True), (60, False), (3600, False)])
def test_a_sign_is_good_for_a_minute(after: int, lives: bool) -> None:
    heartbeats.note_worker(node_of("worker"), now=NOW)
    assert heartbeats.worker_lives(now=seconds(after)) is lives


@pytest.mark.parametrize(("after", "lives"), [(0, True), (179, True), (180, False), (3600, False)])
def test_a_run_of_any_schedule_is_a_sign_of_beat_for_three_minutes(after: int, lives: bool) -> None:
    PeriodicTask.objects.filter(name="Send queued mail").update(last_run_at=NOW)
    assert heartbeats.beat_lives(now=seconds(after)) is lives


def test_nobody_lives_before_the_first_sign() -> None:
    assert not heartbeats.worker_lives(now=NOW)
    assert not heartbeats.beat_lives(now=NOW)


@pytest.mark.parametrize("name", [node_of("long"), "long@host"])
def test_a_worker_of_long_jobs_does_not_stand_for_the_minute_s_work(name: str) -> None:
    heartbeats.note_worker(name, now=NOW)
    assert not heartbeats.worker_lives(now=NOW)
