"""Progress: shown within a second, written no oftener, and the sign of life of its run."""

from contextlib import closing

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from portal.operations import runs
from portal.operations.models import JobRun
from portal.operations.runs import STALE, GivenUp, Progress
from tests.portal.operations.runs.doing import NOW, Hands, begun, minutes

COMMITTED = pytest.mark.django_db(transaction=True, serialized_rollback=True)
pytestmark = pytest.mark.django_db


def test_how_far_it_is_stands_in_the_row() -> None:
    clock = Hands(minutes(1))
    Progress(begun(), clock=clock)(5, 3_000_000_000, "Taking keys")
    run = JobRun.objects.get()
    assert (run.done, run.total, run.progress, run.alive_at) == (5, 3_000_000_000, "Taking keys", minutes(1))


def test_it_is_written_at_most_once_a_second() -> None:
    clock = Hands()
    progress = Progress(begun(), clock=clock)
    with CaptureQueriesContext(connection) as captured:
        for done in range(31):
            progress(done, 30)
            clock.move(seconds=0.1)
    assert len(captured) == 4
    assert JobRun.objects.get().done == 30


def test_the_last_of_it_is_written_with_the_end() -> None:
    run = begun()
    progress = Progress(run, clock=Hands())
    for done in (1, 2, 3):
        progress(done, 3)
    runs.fail(run, outcome="No.", now=NOW)
    assert JobRun.objects.get().done == 3


def test_words_stay_until_there_are_others() -> None:
    clock = Hands()
    progress = Progress(begun(), clock=clock)
    for words in ("Taking keys", "", "w" * 300):
        progress(1, 2, words)
        clock.move(seconds=1)
    assert JobRun.objects.get().progress == "w" * 200


def test_who_was_taken_for_dead_is_stopped_at_the_next_sign() -> None:
    progress = Progress(begun(), clock=Hands())
    runs.notice_cut_off(now=NOW + STALE)
    with pytest.raises(GivenUp, match="taken for dead"):
        progress(1, 2)


@COMMITTED
def test_a_database_that_is_away_costs_the_sign_and_not_the_work() -> None:
    def refuse(*args: object) -> None:
        raise OperationalError("the database is away")

    clock = Hands()
    progress = Progress(begun(), clock=clock)
    with connection.execute_wrapper(refuse):
        progress(1, 2)
    clock.move(seconds=1)
    progress(2, 2)
    assert JobRun.objects.get().done == 2


@pytest.mark.mariadb  # about a server that closes connections
@COMMITTED
def test_a_connection_that_the_database_closed_costs_one_sign() -> None:
    clock = Hands()
    progress = Progress(begun(), clock=clock)
    with closing(connection.copy()) as other, other.cursor() as cursor:
        cursor.execute("KILL %s", [connection.connection.thread_id()])
    for done in (1, 2):
        progress(done, 2)
        clock.move(seconds=1)
    assert JobRun.objects.get().done == 2
