"""The long jobs about backups: what each does with what its run's row says."""

from collections.abc import Callable, Mapping
from datetime import datetime
from secrets import token_hex
from typing import Any

from django.utils import timezone
from django.utils.text import get_text_list

from portal.operations.backups import bringing_back, inventory, tidying
from portal.operations.backups.bringing_back import Wish
from portal.operations.backups.going_back import take_back
from portal.operations.backups.keeping.exceptions import KeepingError
from portal.operations.backups.keeping.kept import Kept, counts_as_proven
from portal.operations.backups.keeping.shelf import NOT_OURS, Shelf
from portal.operations.backups.making import BY_HAND, NotMade, Wanted, make_backup
from portal.operations.backups.manifest import Level, Method
from portal.operations.backups.proving.prove import NotProven
from portal.operations.backups.proving_again import prove_again
from portal.operations.backups.restoring.errors import CannotRestore, RestoreFailed
from portal.operations.backups.restoring.online import Restored
from portal.operations.backups.restoring.preview import Preview
from portal.operations.backups.sources import NoSuchSource, source_named
from portal.operations.backups.taking.errors import CannotTake
from portal.operations.backups.tidying import is_whole
from portal.operations.channels import tell
from portal.operations.models import BackupAction, JobRun, KeptData
from portal.operations.runs import Outcome, Progress, Registry, Work
from portal.operations.units import plain, size
from portal.redis_address import RedisAddress

LATEST = "latest"
BACKUP, PROVE, LOOK, RESTORE, TAKE_BACK = "backup", "prove", "look", "restore", "take back"
LEVELS = {
    Level.NONE: "not proven",
    Level.STORED: "stored whole",
    Level.WELL_FORMED: "well formed",
    Level.LOADS: "loads",
    Level.RESTORED: "restored and compared",
}


class NoSuchBackup(LookupError):
    """There is no backup of that name; the message says where to look."""


def find_backup(name: str, *, shelf: Shelf, trusts: bool = False) -> Kept:
    """Return a backup by its name; `latest` is the newest proven one of all keys.

    One that this site did not make is found only by who `trusts` it. Raises NoSuchBackup, CannotReach.
    """
    found = _latest(shelf) if name == LATEST else shelf.find(name)
    if isinstance(found, Kept) and (found.is_ours or trusts):
        return found
    if isinstance(found, Kept):
        raise NoSuchBackup(
            f"{name} is not used. {NOT_OURS} What it holds would be loaded as it is. If you know where it comes from, "
            "say --trust on the command line."
        )
    why = f": {found.why}" if found else ""
    raise NoSuchBackup(f"There is no backup “{name}”{why}. `manage.py redis_backups` lists what there is.")


def _latest(shelf: Shelf) -> Kept | None:
    now = timezone.now()
    proven = (kept for kept in shelf.kept() if is_whole(kept) and counts_as_proven(kept))
    return next((kept for kept in proven if kept.manifest.began_at <= now), None)


def back_up(run: JobRun, progress: Progress, *, prefixes: tuple[bytes, ...] | None = None) -> Outcome:
    """Make a backup of the run's source; once it is proven, delete what the plan keeps no longer.

    Without `prefixes` those of the run's arguments hold, which are text.
    """
    now, shelf = timezone.now(), Shelf()
    method = run.arguments.get("method")
    wanted = Wanted(
        source_named(run.source),
        origin=run.arguments.get("origin", BY_HAND),
        method=Method(method) if method else None,
        prefixes=prefixes_of(run.arguments, "prefixes") if prefixes is None else prefixes,
    )
    kept = make_backup(wanted, now=now, progress=progress, shelf=shelf)
    inventory.note_kept(kept, now=timezone.now())
    _note(BackupAction.Done.TAKEN, kept, run=run)
    if not counts_as_proven(kept):
        tell(f"Not proven: {kept.name}", body=backup_words(kept))
        return Outcome(f"{backup_words(kept)} So no old backup was deleted.", subject=kept.name)
    return Outcome(f"{backup_words(kept)}{_tidied(run.source, now=now, shelf=shelf)}", subject=kept.name)


def prove(run: JobRun, progress: Progress) -> Outcome:
    """Prove the backup that the run is about."""
    shelf = Shelf()
    kept = find_backup(run.subject, shelf=shelf)
    try:
        kept = prove_again(kept, now=timezone.now(), progress=progress, shelf=shelf)
    finally:
        if isinstance(found := shelf.find(run.subject), Kept):
            inventory.note_kept(found, now=timezone.now())
    _note(BackupAction.Done.PROVEN, kept, run=run)
    return Outcome(proof_words(kept), subject=kept.name)


def look(run: JobRun, progress: Progress) -> Outcome:
    """Find out what bringing the backup back would change, as the run's arguments say."""
    shelf = Shelf()
    kept = find_backup(run.subject, shelf=shelf)
    wish = wish_of(run.arguments)
    would = bringing_back.look(kept, wish=wish, progress=progress, shelf=shelf)
    is_exchange = bringing_back.is_exchange(kept, wish=wish)
    return Outcome(preview_words(would, is_exchange=is_exchange), subject=kept.name)


def restore(run: JobRun, progress: Progress, *, wish: Wish | None = None) -> Outcome:
    """Bring the backup that the run is about back, as its arguments say, or as `wish` does."""
    shelf = Shelf()
    wish = wish or wish_of(run.arguments)
    kept = find_backup(run.subject, shelf=shelf, trusts=wish.trusts)
    try:
        restored = bringing_back.bring_back(
            kept,
            wish=wish,
            name=f"restore-{run.pk}-{token_hex(8)}",
            now=timezone.now(),
            progress=progress,
            shelf=shelf,
            run=run,
        )
    finally:
        # Half of a restore may have brought old policies back, too.
        complaint = "" if wish.to else bringing_back.sync_policies()
    words = " ".join(filter(None, (restored_words(restored), complaint, _noted(kept, restored=restored, shelf=shelf))))
    _note(BackupAction.Done.RESTORED, kept, run=run, words=words)
    return Outcome(words, subject=kept.name)


def go_back(run: JobRun, progress: Progress, *, to: RedisAddress | None = None) -> Outcome:
    """Take back the restore that moved the run's old data aside."""
    kept = KeptData.objects.get(pk=run.arguments["kept_data"])
    take_back(kept, to=to)
    complaint = "" if to else bringing_back.sync_policies()
    inventory.note_action(
        BackupAction.Done.TAKEN_BACK, backup=kept.backup, who=run.asked_by, now=timezone.now(), words=str(kept)
    )
    return Outcome(" ".join(filter(None, (f"{kept} is live again.", complaint))), subject=kept.backup)


def wish_of(arguments: dict[str, Any]) -> Wish:
    """Return what a run's arguments ask for."""
    return Wish(
        only=prefixes_of(arguments, "only"),
        without=prefixes_of(arguments, "without"),
        is_whole=bool(arguments.get("whole")),
    )


def prefixes_of(arguments: Mapping[str, Any], name: str) -> tuple[bytes, ...]:
    """Return the prefixes of keys that were asked for; keys are bytes, and those that are no text are told so too."""
    return tuple(prefix.encode(errors="surrogateescape") for prefix in arguments.get(name, ()))


def backup_words(kept: Kept) -> str:
    """Return what a backup holds and how far it is proven, as sentences."""
    manifest = kept.manifest
    expired = sum(part.proof.expired for part in manifest.parts)
    gone = f", {expired:,} of them already expired" if expired else ""
    methods = ", ".join(dict.fromkeys(part.method for part in manifest.parts))
    warnings = "".join(f" Warning: {words}" for words in manifest.warnings)
    return (
        f"{kept.name}: {manifest.keys:,} keys{gone}, {plain(size(manifest.plain_bytes))} by {methods}, "
        f"stored in {plain(size(manifest.stored_bytes))}; {LEVELS[kept.level]}.{warnings}"
    )


def proof_words(kept: Kept) -> str:
    """Return how far the last proof of a backup went, and how its keys add up, as a sentence."""
    proof = kept.notes.proven[-1]
    loaded = f": {proof.loaded:,} loaded + {proof.expired:,} expired = {proof.keys:,} keys, by {proof.verifier}"
    return f"{kept.name}: {LEVELS[proof.level]}{loaded if proof.level >= Level.LOADS else ''}."


def preview_words(would: Preview, *, is_exchange: bool) -> str:
    """Return what a restore would change, as sentences."""
    left_out = "".join(f", {number:,} would be left out ({why})" for why, number in would.left_out.items())
    words = [
        f"Of {would.keys:,} keys in the backup {would.added:,} would be added, {would.replaced:,} would replace what "
        f"is there, {would.expired:,} have expired{left_out}."
    ]
    if is_exchange:
        words.append(f"Of the keys that are there {would.gone:,} would go, for the backup does not hold them.")
    words.append("Nothing was changed.")
    return " ".join(words)


def restored_words(restored: Restored) -> str:
    """Return what a restore did, as sentences."""
    loaded = restored.loaded
    left_out = "".join(f", {number:,} left out ({why})" for why, number in loaded.left_out.items())
    words = [f"{loaded.loaded:,} of {loaded.keys:,} keys restored, {loaded.expired:,} had expired{left_out}."]
    if restored.saved is not None:
        saved = restored.saved
        kept = " (what was there is kept as a backup of its own)" if saved.replaced else ""
        words.append(f"Replaced: {saved.replaced:,}{kept}. New: {saved.added:,}.")
    if restored.compared is not None:
        words.append(f"Compared: {restored.compared.equal:,} are equal, none differs.")
    if restored.exchange is not None and restored.exchange.spare_of:
        spare = get_text_list([str(number) for number in restored.exchange.spare_of.values()], "and")
        words.append(
            f"The old data is kept for an hour, in database {spare}: `redis_restore --take-back` goes back to it."
        )
    return " ".join((*words, *restored.warnings))


def _noted(kept: Kept, *, restored: Restored, shelf: Shelf) -> str:
    """Note in the storage what a restore has proven; return what went wrong: the restore is done all the same."""
    now = timezone.now()
    try:
        if restored.compared is not None:
            bringing_back.note_proof(kept, restored=restored, now=now, shelf=shelf)
        inventory.take_inventory(now=now, shelf=shelf)
    except KeepingError as error:
        return f"That it was restored could not be noted: {error}"
    return ""


def _tidied(source: str, *, now: datetime, shelf: Shelf) -> str:
    try:
        gone = tidying.tidy(source, now=now, shelf=shelf)
    except KeepingError as error:
        return f" Old backups were not deleted: {error}"
    return f" Deleted by the plan: {', '.join(gone)}." if gone else ""


def _note(what: BackupAction.Done, kept: Kept, *, run: JobRun, words: str = "") -> None:
    inventory.note_action(what, backup=kept.name, who=run.asked_by, now=timezone.now(), words=words)


_FAILURES = (
    CannotTake,
    NotProven,
    KeepingError,
    NotMade,
    CannotRestore,
    RestoreFailed,
    NoSuchBackup,
    NoSuchSource,
    OSError,
)


def _work(do: Callable[[JobRun, Progress], Outcome]) -> Work:
    return Work(do, holds="data", failures=_FAILURES)


WORK: Registry = {
    BACKUP: _work(back_up),
    PROVE: _work(prove),
    LOOK: Work(look, failures=_FAILURES),
    RESTORE: _work(restore),
    TAKE_BACK: _work(go_back),
}
