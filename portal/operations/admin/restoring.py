"""“Restore…”: what is to come back is chosen, what that would change is shown, and only then is it asked for."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from portal.operations.admin.asking import ask_for
from portal.operations.admin.restore_form import RestoreForm
from portal.operations.admin.rights import demand
from portal.operations.admin.run_words import restore_options
from portal.operations.backups import bringing_back
from portal.operations.backups.bringing_back import KEPT_FOR
from portal.operations.backups.keeping.exceptions import KeepingError
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.rdb.format import RdbError
from portal.operations.backups.restoring.errors import CannotRestore
from portal.operations.backups.restoring.preview import Preview
from portal.operations.backups.sources import NoSuchSource, source_named
from portal.operations.backups.work import LOOK, RESTORE, NoSuchBackup, find_backup, wish_of
from portal.operations.models import Backup, JobRun
from portal.operations.runs import Progress

BEGUN_WITHIN = timedelta(minutes=15)
"""A restore that could not begin for so long would surprise people."""
FOUND_FOR = timedelta(minutes=15)
"""For so long what a run found out about a restore is shown before it; then the data has moved on."""
PREVIEWED_BYTES_MAX = 64 * 1024 * 1024
PREVIEWED_KEYS_MAX = 100_000
"""More would keep the page waiting for too long: a run finds it out."""


@dataclass(frozen=True, slots=True)
class Would:
    """What a restore would change, and how it would be done.

    `is_exchange`: whole databases are restored beside the live ones, and exchanged with them.
    """

    preview: Preview
    is_exchange: bool


def restore(model_admin: ModelAdmin[Any], request: HttpRequest, row: Backup) -> HttpResponse:
    """Choose, look, and ask: the form's `step` says which."""
    demand(request, "restore_backup")
    context = _context(model_admin, request, row)
    step = request.POST.get("step", "choose")
    if request.method != "POST" or context["why_not"]:
        return TemplateResponse(request, "admin/operations/backup/restore.html", context | {"form": RestoreForm()})
    form = RestoreForm(request.POST)
    if not form.is_valid() or step == "choose":
        return TemplateResponse(request, "admin/operations/backup/restore.html", context | {"form": form})
    if step == "find out":
        return _ask(request, LOOK, row=row, form=form)
    if step == "restore" and _is_confirmed(request, row, form=form):
        return _ask(request, RESTORE, row=row, form=form)
    return TemplateResponse(
        request,
        "admin/operations/backup/restore_preview.html",
        context | {"form": form, "wrong": step == "restore"} | _look(row, arguments=form.arguments),
    )


def _ask(request: HttpRequest, job: str, *, row: Backup, form: RestoreForm) -> HttpResponse:
    run = ask_for(request, job, source=row.source, subject=row.name, arguments=form.arguments, within=BEGUN_WITHIN)
    return HttpResponseRedirect(reverse("admin:operations_jobrun_change", args=(run.pk,)))


def _found(row: Backup, *, arguments: dict[str, Any]) -> JobRun | None:
    """Return the run that found out, not long ago, what just this restore would change."""
    looks = JobRun.objects.filter(job=LOOK, subject=row.name, state=JobRun.State.SUCCEEDED)
    recent = looks.filter(ended_at__gt=timezone.now() - FOUND_FOR)
    return next((run for run in recent if run.arguments == arguments), None)


def _is_confirmed(request: HttpRequest, row: Backup, *, form: RestoreForm) -> bool:
    """Say whether the name was typed where everything is to be replaced."""
    return not form.arguments["whole"] or request.POST.get("typed_name", "").strip() == row.name


def _look(row: Backup, *, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return what the page says of what would change: the numbers, or why there are none."""
    options = " ".join(restore_options(arguments))
    known: dict[str, Any] = {"arguments": arguments, "dry_run": f"manage.py redis_restore {row.name} {options}".strip()}
    try:
        kept = find_backup(row.name, shelf=Shelf())
        known["is_exchange"] = bringing_back.is_exchange(kept, wish=wish_of(arguments))
        if row.plain_bytes > PREVIEWED_BYTES_MAX or row.keys > PREVIEWED_KEYS_MAX:
            return known | {"is_large": True, "found": _found(row, arguments=arguments)}
        preview = bringing_back.look(kept, wish=wish_of(arguments), progress=_SILENT, shelf=Shelf())
    except (KeepingError, CannotRestore, NoSuchBackup, NoSuchSource, RdbError, OSError) as error:
        return known | {"complaint": str(error)}
    return known | {"would": Would(preview, is_exchange=known["is_exchange"])}


def _context(model_admin: ModelAdmin[Any], request: HttpRequest, row: Backup) -> dict[str, Any]:
    return {
        **model_admin.admin_site.each_context(request),
        "title": f"Restore {row.name}?",
        "opts": model_admin.opts,
        "media": model_admin.media,
        "row": row,
        "why_not": _why_not(row),
        "kept_minutes": int(KEPT_FOR.total_seconds() // 60),
    }


def _why_not(row: Backup) -> str:
    """Return why this page cannot restore a backup, as a sentence; '' when it can."""
    if row.is_missing:
        return "It is not in the storage any more."
    if row.is_encrypted:
        return (
            "It is encrypted to a key of which this site has the public half only, so that whoever breaks in here "
            "cannot read the backups. Restore it on the command line, with the secret half."
        )
    try:
        source_named(row.source)
    except NoSuchSource as error:
        return f"{error} It is restored on the command line, which can be told where to."
    return ""


class _Silent:
    """A progress that nobody watches."""

    def __call__(self, done: int | None = None, total: int | None = None, words: str = "") -> None:
        pass


_SILENT = cast(Progress, _Silent())
