"""Backups in the admin: how it stands with them, the list, the page of each, and what can be done."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from limits.admin.acting import actor_of
from portal.operations.admin import backup_columns, restoring, taking_back
from portal.operations.admin.asking import ask_for
from portal.operations.admin.audit import ReadOnlyAdmin
from portal.operations.admin.backup_page import page_context
from portal.operations.admin.downloading import download
from portal.operations.admin.looking import storage_look
from portal.operations.admin.plots import size_plots
from portal.operations.admin.progress import Shown
from portal.operations.admin.rights import demand, rights
from portal.operations.backups import pinning, standing
from portal.operations.backups.keeping.exceptions import KeepingError
from portal.operations.backups.keeping.place import place
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.sources import source_names
from portal.operations.backups.work import BACKUP, PROVE, NoSuchBackup, find_backup
from portal.operations.heartbeats import beat_lives, long_worker_lives
from portal.operations.models import Backup


@admin.register(Backup)
class BackupAdmin(ReadOnlyAdmin):
    change_list_template = "admin/operations/backup/change_list.html"
    list_display = (
        backup_columns.name,
        backup_columns.age,
        backup_columns.proven,
        backup_columns.keys,
        backup_columns.size,
        backup_columns.took,
        backup_columns.how,
    )

    def get_urls(self) -> list[URLPattern]:
        """The list with what stands at its head, and of each backup its page and what can be done with it."""
        wrap, name = self.admin_site.admin_view, "operations_backup_{}"
        return [
            path("", wrap(self.changelist_view), name=name.format("changelist")),
            path("take/", wrap(self.take_view), name=name.format("take")),
            path("look-again/", wrap(self.look_again_view), name=name.format("look_again")),
            path("go-back/<int:pk>/", wrap(self.take_back_view), name=name.format("take_back")),
            path("<int:pk>/change/", wrap(self.page_view), name=name.format("change")),
            path("<int:pk>/prove/", wrap(self.prove_view), name=name.format("prove")),
            path("<int:pk>/pin/", wrap(self.pin_view), name=name.format("pin")),
            path("<int:pk>/download/", wrap(self.download_view), name=name.format("download")),
            path("<int:pk>/restore/", wrap(self.restore_view), name=name.format("restore")),
        ]

    def get_list_filter(self, request: HttpRequest) -> tuple[str, ...]:
        """Offer sources where there are several, and nothing where there is nothing to choose from."""
        if not Backup.objects.exists():
            return ()
        return (*(("source",) if len(source_names()) > 1 else ()), "level", "is_pinned")

    # What is shown

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        seen = storage_look.seen(now=now)
        schedule = standing.schedule()
        context = {
            "title": "Backups of Redis",
            "seen": seen,
            "standings": standing.standings(now=now),
            "failures": [run for name in source_names() if (run := standing.last_failure(name, now=now))],
            "schedule": schedule,
            "next_at": schedule.next_at(now=now),
            "runs": [Shown(run) for run in standing.active_runs()],
            "worker_lives": long_worker_lives(now=now),
            "beat_lives": beat_lives(now=now),
            "kept_data": taking_back.kept_data(now=now),
            "plots": size_plots(Backup.objects.filter(is_missing=False)),
            "sources": source_names(),
            "place": place(),
            "may": rights(request),
        }
        return super().changelist_view(request, context | (extra_context or {}))

    def page_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """All that is known of one backup."""
        row = self._row(request, pk)
        context = {
            **self.admin_site.each_context(request),
            "title": row.name,
            "opts": self.opts,
            "media": self.media,
            **page_context(request, row),
        }
        return TemplateResponse(request, "admin/operations/backup/page.html", context)

    # What is done

    @method_decorator(require_POST)
    def take_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for a backup of a source."""
        demand(request, "take_backup")
        source = request.POST.get("source", "")
        if source not in source_names():
            messages.error(request, f"Choose what to back up: {' or '.join(source_names())}. Nothing was asked for.")
            return self._to_the_list()
        ask_for(request, BACKUP, source=source, arguments={"origin": "by hand"})
        return self._to_the_list()

    @method_decorator(require_POST)
    def look_again_view(self, request: HttpRequest) -> HttpResponse:
        """Look at the storage now."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        seen = storage_look.again(now=timezone.now())
        if not seen.complaint:
            number = Backup.objects.filter(is_missing=False).count()
            messages.success(request, f"The list is as the storage is: {number} backup{'' if number == 1 else 's'}.")
        return self._to_the_list()

    @method_decorator(require_POST)
    def prove_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for a proof."""
        demand(request, "prove_backup")
        row = self._row(request, pk)
        run = ask_for(request, PROVE, source=row.source, subject=row.name)
        return HttpResponseRedirect(reverse("admin:operations_jobrun_change", args=(run.pk,)))

    @method_decorator(require_POST)
    def pin_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Pin a backup, or let the plan judge it again."""
        demand(request, "pin_backup")
        row, shelf, pinned = self._row(request, pk), Shelf(), request.POST.get("pinned") == "yes"
        try:
            pinning.pin(find_backup(row.name, shelf=shelf), pinned=pinned, who=actor_of(request).name, shelf=shelf)
        except (KeepingError, NoSuchBackup) as error:
            messages.error(request, str(error))
        else:
            told = "Pinned: it stays, whatever the plan says." if pinned else "Not pinned any more: the plan judges it."
            messages.success(request, told)
        return HttpResponseRedirect(self._page_url(row))

    @method_decorator(require_POST)
    def download_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Send a stored file."""
        demand(request, "download_backup")
        row = self._row(request, pk)
        return download(request, row, page_url=self._page_url(row))

    def restore_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Choose what to restore, show what that changes, and ask for it."""
        demand(request, "restore_backup")
        return restoring.restore(self, request, self._row(request, pk))

    def take_back_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Go back to what a restore moved aside."""
        return taking_back.take_back(self, request, pk)

    def _row(self, request: HttpRequest, pk: int) -> Backup:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(Backup, pk=pk)

    def _page_url(self, row: Backup) -> str:
        return reverse("admin:operations_backup_change", args=(row.pk,))

    def _to_the_list(self) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:operations_backup_changelist"))
