"""Going back to what a restore of whole databases moved aside, while it is kept."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from portal.operations.admin.asking import ask_for
from portal.operations.admin.restoring import BEGUN_WITHIN
from portal.operations.admin.rights import demand
from portal.operations.backups.sources import source_names
from portal.operations.backups.work import TAKE_BACK
from portal.operations.models import KeptData


def kept_data(*, now: datetime) -> list[KeptData]:
    """Return what restores of our sources moved aside and can be gone back to, newest first; one for each source."""
    kept = KeptData.objects.filter(state=KeptData.State.KEPT, until__gt=now, source__in=source_names())
    newest: dict[str, KeptData] = {}
    for each in kept:
        newest.setdefault(each.source, each)
    return list(newest.values())


def take_back(model_admin: ModelAdmin[Any], request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether, then ask for the run."""
    demand(request, "restore_backup")
    kept, now = get_object_or_404(KeptData, pk=pk), timezone.now()
    if kept not in kept_data(now=now):
        messages.warning(request, "This old data is not kept any more, or a later restore moved other data aside.")
        return HttpResponseRedirect(reverse("admin:operations_backup_changelist"))
    if request.method == "POST":
        within = min(BEGUN_WITHIN, kept.until - now)
        run = ask_for(request, TAKE_BACK, source=kept.source, arguments={"kept_data": kept.pk}, within=within)
        return HttpResponseRedirect(reverse("admin:operations_jobrun_change", args=(run.pk,)))
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Go back to the data before the restore?",
        "opts": model_admin.opts,
        "media": model_admin.media,
        "kept": kept,
        "databases": [{"live": live, "spare": spare} for live, spare in kept.databases],
    }
    return TemplateResponse(request, "admin/operations/backup/take_back.html", context)
