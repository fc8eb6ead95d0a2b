"""A real process that is ended in the middle of its work leaves no lie behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from portal.operations import runs
from portal.operations.models import JobRun
from portal.operations.runs import STALE
from tests.portal.operations.runs.doing import DATA, Doing
from tests.servers import wait_until

pytestmark = [pytest.mark.django_db(transaction=True, serialized_rollback=True), pytest.mark.slow]

PROGRAM = """
import sys, time
import django
django.setup()
from portal.operations import runs
from portal.operations.models import JobRun

def hang(run, progress):
    progress(1, 2, "hanging")
    time.sleep(300)

runs.perform(JobRun.objects.get(pk=sys.argv[1]), work=runs.Work(hang, holds="data"))
"""


def database_url() -> str:
    """Return the address of the very database that this test uses."""
    name = str(connection.settings_dict["NAME"])
    given = os.environ.get("DATABASE_URL")
    return f"{given.rpartition('/')[0]}/{name}" if given else f"sqlite:///{name}"


@contextmanager
def working(run: JobRun, *, root: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Perform a run in a process that is in the middle of it, and never ends by itself."""
    environment = {**os.environ, "DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "portal.settings"}
    command = [sys.executable, "-c", PROGRAM, str(run.pk)]
    with subprocess.Popen(command, cwd=root, env=environment) as process:
        try:
            wait_until(lambda: JobRun.objects.filter(progress="hanging").exists(), what="the work", seconds=60)
            yield process
        finally:
            process.kill()


def ask(slot: str) -> JobRun:
    run = runs.ask("backup", slot=slot, source="redis", now=timezone.now())
    assert run is not None
    return run


def test_who_is_killed_is_told_as_cut_off_and_the_next_takes_the_hold(
    root: Path, told: Callable[[], list[str]]
) -> None:
    killed, fresh = ask("killed"), ask("fresh")
    with working(killed, root=root) as process:
        process.kill()
    doing = Doing()
    assert runs.perform_due({"backup": doing.work}) == 0
    assert (runs.holder(DATA), told()) == (killed, [])
    later = timezone.now() + STALE + timedelta(seconds=1)
    assert runs.perform_due({"backup": doing.work}, clock=lambda: later) == 1
    killed.refresh_from_db()
    fresh.refresh_from_db()
    assert (killed.state, killed.holds, fresh.state) == ("cut off", None, "succeeded")
    assert "It did not come to its end; what it had changed by then stays changed" in killed.outcome
    assert told() == ["Cut off: backup killed"]


def test_who_is_told_to_stop_ends_its_row_at_once(root: Path) -> None:
    run = ask("stopped")
    with working(run, root=root) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 128 + signal.SIGTERM
    run.refresh_from_db()
    assert (run.state, run.holds) == ("cut off", None)
