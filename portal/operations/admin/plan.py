"""The plan of backups: what is kept, with what that means for those there are; and the way to the schedule."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import AdminForm
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from portal.operations.backups import standing, tidying
from portal.operations.backups.keeping.retention import Verdict
from portal.operations.backups.rows import all_kept
from portal.operations.models import Backup, BackupPlan

KEPT_FIELDS = ("keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly")


@dataclass(frozen=True, slots=True)
class Judged:
    """A backup, and what a plan says of it."""

    row: Backup
    verdict: Verdict


@admin.register(BackupPlan)
class BackupPlanAdmin(admin.ModelAdmin[BackupPlan]):
    change_form_template = "admin/operations/backupplan/change_form.html"
    fieldsets = (
        (
            "What is kept",
            {
                "fields": (KEPT_FIELDS,),
                "description": "The newest of so many hours, days, weeks, months and years, and the last ones, "
                "taken together. Only proven backups count, and the newest proven one always stays. Pinned ones stay. "
                "What is left over is deleted after the next backup that succeeds, and never otherwise.",
            },
        ),
        (
            "When a backup fails",
            {
                "fields": (("attempts_max", "retry_minutes"),),
                "description": "It is tried again so often; then the alert channels are told.",
            },
        ),
    )

    class Media:
        css = {"all": ("operations/backups.css",)}

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one plan: lead to it, having made its row where that is gone."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        plan, _ = BackupPlan.objects.get_or_create(pk=1)
        return HttpResponseRedirect(reverse("admin:operations_backupplan_change", args=(plan.pk,)))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"title": "The plan of backups", "subtitle": None} | self._context(request) | (extra_context or {})
        if request.method == "POST" and "_preview" in request.POST:
            return self._preview(request, object_id, context)
        context["judged"] = judged(BackupPlan.current())
        return super().change_view(request, object_id, form_url, context)

    def response_change(self, request: HttpRequest, obj: BackupPlan) -> HttpResponse:
        """Stay on the page: the list of plans would only lead back to it."""
        super().response_change(request, obj)
        return HttpResponseRedirect(reverse("admin:operations_backupplan_change", args=(obj.pk,)))

    def _preview(self, request: HttpRequest, object_id: str, context: dict[str, Any]) -> HttpResponse:
        """Show the form as it was typed, and what its numbers would keep; save nothing."""
        plan = self.get_object(request, object_id)
        if plan is None or not self.has_change_permission(request, plan):
            raise PermissionDenied
        form = self.get_form(request, plan, change=True)(request.POST, instance=plan)
        is_valid = form.is_valid()
        fieldsets: Any = self.get_fieldsets(request, plan)
        admin_form = AdminForm(form, fieldsets, {}, model_admin=self)
        context |= {
            **self.admin_site.each_context(request),
            "adminform": admin_form,
            "errors": form.errors,
            "media": self.media + admin_form.media,
            "object_id": object_id,
            "original": plan,
            "is_popup": False,
            "inline_admin_formsets": [],
            "is_preview": is_valid,
            "judged": judged(plan if is_valid else BackupPlan.current()),
        }
        return self.render_change_form(request, context, change=True, obj=plan)

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        schedule = standing.schedule()
        task = schedule.task
        may_look = any(request.user.has_perm(f"django_celery_beat.{act}_periodictask") for act in ("view", "change"))
        url = reverse("admin:django_celery_beat_periodictask_change", args=(task.pk,)) if task and may_look else ""
        return {"schedule": schedule, "schedule_url": url, "show_save_and_continue": False}


def judged(plan: BackupPlan) -> list[Judged]:
    """Return what a plan, saved or not, says of each backup that there is."""
    rows = {row.name: row for row in Backup.objects.filter(is_missing=False)}
    verdicts = tidying.verdicts(all_kept(rows.values()), plan=plan, now=timezone.now())
    found = [Judged(rows[verdict.name], verdict) for verdict in verdicts]
    return sorted(found, key=lambda each: each.row.began_at, reverse=True)
