"""How far a run is, and what came of it, as pages show it."""

from dataclasses import dataclass
from datetime import timedelta

from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone

from portal.operations.admin.run_words import command_of, title_of
from portal.operations.models import Backup, JobRun
from portal.operations.runs.holding import STALE

_SILENT_AFTER = timedelta(minutes=2)
_SYMBOLS = {
    JobRun.State.WAITING: ("◌", "quiet"),
    JobRun.State.RUNNING: ("▶", "active"),
    JobRun.State.SUCCEEDED: ("✔", "good"),
    JobRun.State.FAILED: ("✖", "bad"),
    JobRun.State.CUT_OFF: ("✖", "bad"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A run, as a page shows it."""

    run: JobRun

    @property
    def title(self) -> str:
        """What it is for."""
        return title_of(self.run)

    @property
    def command(self) -> str:
        """What does the same by hand."""
        return command_of(self.run)

    @property
    def symbol(self) -> str:
        """A sign of its state, beside the words."""
        return _SYMBOLS[JobRun.State(self.run.state)][0]

    @property
    def tone(self) -> str:
        """The class of the colour that helps."""
        return _SYMBOLS[JobRun.State(self.run.state)][1]

    @property
    def state_words(self) -> str:
        """Where it stands, in a sentence: read out when it changes, so without numbers that always do."""
        run = self.run
        if run.state == JobRun.State.RUNNING:
            return f"Running: {run.progress}.{self._silence}" if run.progress else f"Running.{self._silence}"
        if run.state == JobRun.State.WAITING:
            return f"Waiting. {run.progress}" if run.progress and not run.attempt else "Waiting."
        return f"{run.get_state_display()}."

    @property
    def _silence(self) -> str:
        alive_at = self.run.alive_at
        if alive_at is None or timezone.now() - alive_at < _SILENT_AFTER:
            return ""
        since, until = timezone.localtime(alive_at), timezone.localtime(alive_at + STALE)
        return f" No sign of life since {since:%H:%M:%S}: at {until:%H:%M} it is taken for dead."

    @property
    def numbers(self) -> str:
        """How much is done, of how much: `12.0 MB of 30.0 MB, 40 %`; '' where nothing is known."""
        done, total = self.run.done, self.run.total
        if self.run.state != JobRun.State.RUNNING or done is None:
            return ""
        if not total:
            return str(filesizeformat(done))
        return f"{filesizeformat(done)} of {filesizeformat(total)}, {min(done / total, 1):.0%}".replace("%", " %")

    @property
    def took(self) -> str:
        """How long it took, or has taken so far."""
        run = self.run
        if run.began_at is None:
            return ""
        seconds = ((run.ended_at or timezone.now()) - run.began_at).total_seconds()
        return in_seconds(max(0.0, seconds))

    @property
    def backup_url(self) -> str:
        """The page of the backup that it is about; '' for none."""
        row = Backup.objects.filter(name=self.run.subject).first() if self.run.subject else None
        return reverse("admin:operations_backup_change", args=(row.pk,)) if row else ""

    @property
    def page_url(self) -> str:
        """Its own page."""
        return reverse("admin:operations_jobrun_change", args=(self.run.pk,))

    @property
    def progress_url(self) -> str:
        """The part that is fetched anew."""
        return reverse("admin:operations_jobrun_progress", args=(self.run.pk,))


def in_seconds(seconds: float) -> str:
    """Return how long something took: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {left} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
