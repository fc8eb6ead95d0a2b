"""What a job does, and what it keeps others from meanwhile."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from portal.operations.models import JobRun
from portal.operations.runs.progress import Progress


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of work that was done: one plain sentence, and the name of the backup it is about, if any."""

    words: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """How a job is done.

    `holds` is what of its source nobody else may have meanwhile; '' for nothing. `failures` are the errors whose own
    words tell people what happened; of any other they learn the kind, and the log holds the rest.
    """

    do: Callable[[JobRun, Progress], Outcome]
    holds: str = ""
    failures: tuple[type[Exception], ...] = (OSError,)

    def held_by(self, run: JobRun) -> str | None:
        """Return the name of what a run holds, such as `redis:data`; None for nothing."""
        return f"{run.source}:{self.holds}" if self.holds else None


Registry = Mapping[str, Work]
"""The work of each job, by the job's name."""
