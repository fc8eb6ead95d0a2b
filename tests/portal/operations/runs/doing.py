"""What tests of runs share: a clock, runs that were asked for, and work that does as it is told."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from portal.operations import runs
from portal.operations.models import JobRun
from portal.operations.runs import Outcome, Progress, Work

NOW = datetime(2026, 11, 29, 3, 15, 7, tzinfo=UTC)
DATA = "redis:data"


def minutes(number: float) -> datetime:
    """Return the moment so many minutes after NOW."""
    return NOW + timedelta(minutes=number)


@dataclass
class Hands:
    """A clock that only the test moves."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


def ask(slot: str = "redis/2026-11-29T03:15Z", *, job: str = "backup", **options: Any) -> JobRun:
    """Ask for a run in a slot that is free."""
    run = runs.ask(job, slot=slot, source="redis", **{"now": NOW} | options)
    assert run is not None
    return run


def begun(slot: str = "redis/2026-11-29T03:15Z", **options: Any) -> JobRun:
    """Return a run that has begun, and holds the data of Redis."""
    run = ask(slot, **options)
    assert runs.begin(run, holds=DATA, now=NOW)
    return run


@dataclass
class Doing:
    """Work that notes what was done, and fails as often as it is told to."""

    errors: list[BaseException] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def __call__(self, run: JobRun, progress: Progress) -> Outcome:
        progress(1, 2, "taking")
        if self.errors:
            raise self.errors.pop(0)
        self.done.append(run.slot)
        return Outcome("Two keys were taken.", subject=f"redis-{run.pk}")

    @property
    def work(self) -> Work:
        return Work(self, holds="data")
