"""Runs of long jobs: a list, and of each a page that shows how far it is."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from limits.admin.acting import actor_of
from portal.operations.admin.audit import ReadOnlyAdmin
from portal.operations.admin.progress import Shown
from portal.operations.admin.rights import may
from portal.operations.admin.run_words import title_of
from portal.operations.admin.taking_back import kept_data
from portal.operations.backups.work import BACKUP, LOOK, PROVE, RESTORE, TAKE_BACK
from portal.operations.heartbeats import long_worker_lives
from portal.operations.models import Backup, JobRun

_RIGHTS = {
    BACKUP: "take_backup",
    PROVE: "prove_backup",
    LOOK: "restore_backup",
    RESTORE: "restore_backup",
    TAKE_BACK: "restore_backup",
}


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin):
    list_display = ("what", "stands", "asked", "took", "came_of_it")
    list_filter = ("job", "state")
    ordering = ("-pk",)

    def get_urls(self) -> list[URLPattern]:
        """The list, and of each run its page, the part of it that is fetched anew, and calling it off."""
        wrap, name = self.admin_site.admin_view, "operations_jobrun_{}"
        return [
            path("", wrap(self.changelist_view), name=name.format("changelist")),
            path("<int:pk>/change/", wrap(self.page_view), name=name.format("change")),
            path("<int:pk>/progress/", wrap(self.progress_view), name=name.format("progress")),
            path("<int:pk>/call-off/", wrap(self.call_off_view), name=name.format("call_off")),
        ]

    # Whoever may look at backups may see how they are made.

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("operations.view_backup") or request.user.has_perm("operations.view_jobrun")

    # The list

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": "Runs of long jobs"} | (extra_context or {}))

    @admin.display(description="what", ordering="job")
    def what(self, run: JobRun) -> str:
        return title_of(run)

    @admin.display(description="state", ordering="state")
    def stands(self, run: JobRun) -> SafeString:
        shown = Shown(run)
        return format_html(
            '<span class="operations-state operations-{}"><span aria-hidden="true">{}</span> {}</span>',
            shown.tone,
            shown.symbol,
            run.get_state_display(),
        )

    @admin.display(description="asked", ordering="asked_at")
    def asked(self, run: JobRun) -> str:
        by = "the schedule" if run.arguments.get("origin") == "schedule" else run.asked_by or "nobody known"
        return f"{timezone.localtime(run.asked_at):%Y-%m-%d %H:%M} by {by}"

    @admin.display(description="took")
    def took(self, run: JobRun) -> str:
        return Shown(run).took

    @admin.display(description="what came of it")
    def came_of_it(self, run: JobRun) -> str:
        return run.outcome if len(run.outcome) <= 160 else f"{run.outcome[:160]}…"

    # One run

    def page_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The page of a run; it shows progress without a script, too, each time that it is loaded."""
        run = self._run(request, pk)
        context = {
            **self.admin_site.each_context(request),
            "title": title_of(run),
            "opts": self.opts,
            "media": self.media,
            "shown": Shown(run),
            "next": self._next(request, run),
            "may_call_off": run.state == JobRun.State.WAITING and self._may_call_off(request, run),
            "no_worker": run.state == JobRun.State.WAITING and not long_worker_lives(now=timezone.now()),
        }
        return TemplateResponse(request, "admin/operations/jobrun/page.html", context)

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The part of a page that changes while a run is under way."""
        shown = Shown(self._run(request, pk))
        return TemplateResponse(request, "admin/operations/jobrun/progress.html", {"shown": shown})

    @method_decorator(require_POST)
    def call_off_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """End a run that has not begun, as failed."""
        run = self._run(request, pk)
        if not self._may_call_off(request, run):
            raise PermissionDenied
        outcome = f"Called off by {actor_of(request).name} before it began."
        waiting = JobRun.objects.filter(pk=run.pk, state=JobRun.State.WAITING)
        if waiting.update(state=JobRun.State.FAILED, ended_at=timezone.now(), outcome=outcome):
            messages.success(request, "It is called off.")
        else:
            messages.warning(request, "It has begun meanwhile, and was not called off.")
        return HttpResponseRedirect(reverse("admin:operations_jobrun_change", args=(run.pk,)))

    def _next(self, request: HttpRequest, run: JobRun) -> dict[str, Any]:
        """Return where to go on from a run that succeeded: to the restore that it looked into, or back from it."""
        if run.state != JobRun.State.SUCCEEDED or not may(request, "restore_backup"):
            return {}
        if run.job == LOOK and (row := Backup.objects.filter(name=run.subject, is_missing=False).first()):
            return {"restore_url": reverse("admin:operations_backup_restore", args=(row.pk,))}
        kept = [kept for kept in kept_data(now=timezone.now()) if kept.run_id == run.pk]
        return {"go_back_url": reverse("admin:operations_backup_take_back", args=(kept[0].pk,))} if kept else {}

    def _run(self, request: HttpRequest, pk: int) -> JobRun:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(JobRun, pk=pk)

    def _may_call_off(self, request: HttpRequest, run: JobRun) -> bool:
        return run.job in _RIGHTS and may(request, _RIGHTS[run.job])
