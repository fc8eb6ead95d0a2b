"""Redis in the admin: the servers that this site rests on, and of each a page that asks it live."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from portal.operations.admin.audit import ReadOnlyAdmin
from portal.operations.admin.servers import columns
from portal.operations.admin.servers.key_sample import ShownSample, sample_of, shown_sample
from portal.operations.dashboard.history import POINTS_MAX, History, Sampled, history
from portal.operations.dashboard.periods import USUAL
from portal.operations.inspecting.databases import uses
from portal.operations.inspecting.look import ServerPage, ask_again, look_at, sample_keys
from portal.operations.models import RedisServer
from portal.operations.watching.samples import series
from portal.operations.watching.samples.stored import reading_of

_DATABASE_MAX = 16_383
_ALL = "all"


@admin.register(RedisServer)
class RedisServerAdmin(ReadOnlyAdmin):
    change_list_template = "admin/operations/redisserver/change_list.html"
    list_display = (
        columns.place,
        columns.state,
        columns.role,
        columns.memory,
        columns.clients,
        columns.commands,
        columns.hit_rate,
        columns.latency,
        columns.answered,
    )
    ordering = ("-is_in_use", "source", "place")

    class Media:
        css = {"all": ("operations/dashboard.css", "operations/redis.css")}

    def get_urls(self) -> list[URLPattern]:
        """The list, and of each server its page, and the part of it that is fetched alone."""
        wrap, name = self.admin_site.admin_view, "operations_redisserver_{}"
        return [
            path("", wrap(self.changelist_view), name=name.format("changelist")),
            path("<int:pk>/change/", wrap(self.page_view), name=name.format("change")),
            path("<int:pk>/keys/", wrap(self.keys_view), name=name.format("keys")),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": "Redis servers"} | (extra_context or {}))

    def page_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """All that one server tells now; what it told last where it tells nothing."""
        row = self._row(request, pk)
        if "again" in request.GET:
            ask_again(row.place, source=row.source)
        look = _look(row, now=timezone.now())
        context = {
            **self.admin_site.each_context(request),
            "title": row.place,
            "opts": self.opts,
            "media": self.media,
            "row": row,
            "look": look,
            "reading": reading_of(row.reading),
            "failure": columns.failure_sentence(row) if row.failure else "",
            "answered": columns.answered_words(row),
            "history": _history(row, now=look.at),
            "page_url": reverse("admin:operations_redisserver_change", args=(row.pk,)),
            **(_keys_context(request, row) if _asks_for_keys(request) and not look.failure else {}),
        }
        context.setdefault("chosen", _ALL)
        return TemplateResponse(request, "admin/operations/redisserver/page.html", context)

    def keys_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A sample of the keys, for the script of the page."""
        row = self._row(request, pk)
        if not row.is_in_use:
            raise Http404
        context = {
            "row": row,
            "page_url": reverse("admin:operations_redisserver_change", args=(row.pk,)),
            **_keys_context(request, row),
        }
        return TemplateResponse(request, "admin/operations/redisserver/keys.html", context)

    def _row(self, request: HttpRequest, pk: int) -> RedisServer:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(RedisServer, pk=pk)


def _look(row: RedisServer, *, now: datetime) -> ServerPage:
    """Ask a server that is in use: to another one our credentials do not go."""
    if not row.is_in_use:
        return ServerPage(now, took_seconds=0.0, failure="It is not in use any more, so it is not asked.")
    return look_at(row.place, source=row.source, holds_counters=row.holds_counters, now=now)


def _history(row: RedisServer, *, now: datetime) -> History | None:
    """Return the plots of a server’s last day; None where nothing was sampled."""
    points = series.points(row.pk, since=USUAL.begins(now=now), until=now, points_max=POINTS_MAX)
    latest = series.latest(row.pk)
    if not points or latest is None:
        return None
    forecast = series.memory_forecast(row.pk, now=now)
    return history(Sampled(points, latest=latest, forecast=forecast, period=USUAL, now=now))


def _asks_for_keys(request: HttpRequest) -> bool:
    return request.method == "POST" or "keys" in request.GET


def _keys_context(request: HttpRequest, row: RedisServer) -> dict[str, object]:
    """Return a new sample, or one that goes on from what the page brought back."""
    before = sample_of(request.POST.get("state", ""), place=row.place) if request.method == "POST" else None
    chosen = request.POST.get("database") or request.GET.get("database", _ALL)
    found = sample_keys(row.place, source=row.source, databases=_databases(chosen, row=row), before=before)
    shown: ShownSample | None = shown_sample(found.found, place=row.place) if found.found else None
    return {"sample": shown, "sample_failure": found.failure, "chosen": chosen}


def _databases(chosen: str, *, row: RedisServer) -> Sequence[int] | None:
    """Return the databases to look at; None: all that hold keys."""
    if chosen.isascii() and chosen.isdigit() and int(chosen) <= _DATABASE_MAX:
        return (int(chosen),)
    return None if chosen == _ALL else tuple(uses(row.source)) or (0,)
