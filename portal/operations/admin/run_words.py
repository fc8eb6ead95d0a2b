"""Runs as people read them, and the command that does the same by hand."""

from shlex import quote

from portal.operations.backups.work import BACKUP, LOOK, PROVE, RESTORE, TAKE_BACK
from portal.operations.models import JobRun


def title_of(run: JobRun) -> str:
    """Return what a run is for: `Back up redis`."""
    titles = {
        BACKUP: f"Back up {run.source}",
        PROVE: f"Prove {run.subject}",
        LOOK: f"What a restore of {run.subject} would change",
        RESTORE: f"Restore {run.subject}",
        TAKE_BACK: f"Go back to the data of {run.source} before the restore",
    }
    return titles.get(run.job, f"{run.job.capitalize()} {run.source}")


def command_of(run: JobRun) -> str:
    """Return the command line that does what a run was asked to; '' for none."""
    commands = {
        BACKUP: ["redis_backup", "--source", run.source],
        PROVE: ["redis_verify", run.subject],
        LOOK: ["redis_restore", run.subject, *restore_options(run.arguments), "--dry-run"],
        RESTORE: ["redis_restore", run.subject, *restore_options(run.arguments)],
        TAKE_BACK: ["redis_restore", "--take-back"],
    }
    words = commands.get(run.job)
    return " ".join(["manage.py", *map(quote, words)]) if words else ""


def restore_options(arguments: dict[str, object]) -> list[str]:
    """Return the options of `redis_restore` for what a run's arguments say."""
    whole = ["--whole"] if arguments.get("whole") else []
    only, without = arguments.get("only") or (), arguments.get("without") or ()
    assert isinstance(only, list | tuple)
    assert isinstance(without, list | tuple)
    return [*whole, *(f"--only={prefix}" for prefix in only), *(f"--without={prefix}" for prefix in without)]
