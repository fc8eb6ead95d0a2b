"""The tasks of the queue for long jobs: thin, each for one run at most."""

import pytest

from portal.operations import long
from portal.operations.models import JobRun
from tests.portal.operations.runs.doing import Doing

pytestmark = pytest.mark.django_db


@pytest.fixture
def doing(monkeypatch: pytest.MonkeyPatch) -> Doing:
    """Work of the test's own in place of backups of real servers."""
    doing = Doing()
    monkeypatch.setattr(long, "WORK", {"backup": doing.work})
    monkeypatch.setattr(long, "source_names", lambda: ("redis", "limits"))
    return doing


def test_the_nightly_task_asks_for_each_source_and_the_waiting_ones_follow(doing: Doing) -> None:
    long.back_up()
    assert (JobRun.objects.count(), len(doing.done)) == (2, 1)
    long.run_waiting()
    long.run_waiting()
    long.back_up()
    assert (JobRun.objects.filter(state="succeeded").count(), len(doing.done)) == (2, 2)


def test_a_task_that_is_lost_is_not_run_twice() -> None:
    for task in (long.back_up, long.run_waiting):
        assert not task.acks_late
        assert task.expires
        assert task.time_limit > task.soft_time_limit
