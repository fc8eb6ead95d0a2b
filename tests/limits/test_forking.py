"""A process that is forked off while threads of its parent hold locks."""

import os
import signal
from collections.abc import Callable

import pytest

from limits import sync
from limits.in_force import policies_in_force
from limits.overrides_in_force import overrides_in_force

SECONDS_MAX = 5


def ends_in_a_child(job: Callable[[], object]) -> bool:
    """Say whether a process that is forked off now can do a job and go on."""
    if not (child := os.fork()):
        signal.alarm(SECONDS_MAX)
        try:
            job()
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(
    ("lock", "job"),
    [
        (sync._publisher._lock, sync._publisher._is_wanted),
        (overrides_in_force._lock, lambda: overrides_in_force._next_wanted()),
        (policies_in_force._looking, lambda: policies_in_force._looking.acquire()),
    ],
    ids=["publishing", "taking overrides in", "looking"],
)
def test_a_child_waits_for_no_lock_that_its_parent_held(lock: object, job: Callable[[], object]) -> None:
    with lock:  # type: ignore[attr-defined]
        assert ends_in_a_child(job)
