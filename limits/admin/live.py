"""Live counters in the admin: who has used how much of a policy's limits, and a way to forgive them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from limits import client_words, live_words
from limits.admin.acting import actor_of, may_know_users
from limits.admin.client_links import counters_url, may_override, may_see_counters, override_url
from limits.admin.client_search import wrong_with
from limits.core import policies
from limits.core.decisions import NEAR
from limits.exceptions import StoreUnavailable
from limits.models import Policy
from limits.models.live import LiveCounters
from limits.services import live
from limits.services.live import Standing
from limits.store.live import Usage

_TYPED_CHARACTERS_MAX = 600


@dataclass(frozen=True, slots=True)
class Line:
    """What a client has used of one rate, in words and for a bar."""

    words: str
    used: int
    near: int
    capacity: int
    ends: str
    room: str

    @property
    def high(self) -> int:
        """Above this the bar is a full one."""
        return self.capacity - 1


@dataclass(frozen=True, slots=True)
class Note:
    """What else is to be known of a client, and where that is shown; '' for nowhere."""

    words: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One client as the page shows it: `client` is its name, `in_words` what people call it."""

    client: str
    in_words: str
    lines: tuple[Line, ...]
    notes: tuple[Note, ...]
    reset_url: str
    override_url: str


@admin.register(LiveCounters)
class LiveCountersAdmin(admin.ModelAdmin[LiveCounters]):
    list_display = ("slug", "title", "shown_rates", "mode")
    search_fields = ("slug", "title")
    search_help_text = "Name or title of a policy"
    actions = None

    class Media:
        css = {"all": ("limits/admin.css", "limits/live.css")}

    def get_urls(self) -> list[URLPattern]:
        """The list of policies, and of each its page, the part of it that is fetched anew, and the way to reset."""
        wrap, name = self.admin_site.admin_view, "limits_livecounters_{}"
        return [
            path("", wrap(self.changelist_view), name=name.format("changelist")),
            path("<int:pk>/change/", wrap(self.counters_view), name=name.format("change")),
            path("<int:pk>/rows/", wrap(self.rows_view), name=name.format("rows")),
            path("<int:pk>/reset/", wrap(self.reset_view), name=name.format("reset")),
        ]

    @admin.display(description="rates")
    def shown_rates(self, policy: Policy) -> SafeString:
        return format_html_join("", '<div class="limits-rate">{}</div>', ((rate,) for rate in policy.rates))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": "Live counters of which policy?"} | (extra_context or {}))

    # Who may

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_see_counters(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def may_reset(self, request: HttpRequest) -> bool:
        """Say whether somebody may let clients start afresh."""
        return self.has_view_permission(request) and request.user.has_perm("limits.reset_counters")

    # What is shown

    def counters_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The page. What is typed to find a client is posted, so that no secret stands in an address or a log."""
        policy = self._policy(request, pk)
        if request.method == "POST":
            typed = request.POST.get("client", "").strip()[:_TYPED_CHARACTERS_MAX]
            if typed and (wrong := wrong_with(typed, key=policy.key, by_name=may_know_users(request))):
                context = self._context(request, policy) | {"typed": typed, "wrong": wrong}
                return TemplateResponse(request, "admin/limits/live/page.html", context)
            client = _client_named(request, typed, policy=policy) if typed else ""
            return HttpResponseRedirect(counters_url(policy, client=client))
        return TemplateResponse(request, "admin/limits/live/page.html", self._context(request, policy))

    def rows_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The part of the page that changes."""
        policy = self._policy(request, pk)
        return TemplateResponse(request, "admin/limits/live/rows.html", self._context(request, policy))

    def reset_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask whether, and let a client start afresh."""
        policy = self._policy(request, pk)
        if not self.may_reset(request):
            raise PermissionDenied
        client = _client_named(request, request.GET.get("client", ""), policy=policy)
        if request.method == "POST":
            self._reset(request, policy, client)
            return HttpResponseRedirect(counters_url(policy))
        context = self._context(request, policy) | {"title": "Let this client start afresh?"}
        return TemplateResponse(request, "admin/limits/live/reset.html", context)

    def _reset(self, request: HttpRequest, policy: Policy, client: str) -> None:
        reason = request.POST.get("reason", "").strip()[:200]
        whom = _in_words(request, [client], policy=policy)[client]
        try:
            number = live.reset(policy, client=client, actor=actor_of(request), reason=reason)
        except StoreUnavailable as error:
            messages.error(request, f"Redis cannot be reached: {error}. {whom} was perhaps not forgiven: try again.")
            return
        if number:
            messages.success(request, f"{whom} starts afresh under {policy.slug}, on every worker within a second.")
        else:
            messages.info(request, f"{whom} has no counter under {policy.slug}: there was nothing to reset.")

    def _policy(self, request: HttpRequest, pk: int) -> Policy:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(Policy, pk=pk)

    def _context(self, request: HttpRequest, policy: Policy) -> dict[str, Any]:
        asked = request.GET.get("client", "")
        client = _client_named(request, asked, policy=policy) if asked else ""
        return {
            **self.admin_site.each_context(request),
            "title": f"Live counters of {policy.slug}",
            "opts": self.opts,
            "media": self.media,
            "policy": policy,
            "client": client,
            "in_words": _in_words(request, [client], policy=policy)[client] if client else "",
            "find_help": live_words.whom_to_name(policy.key, by_name=may_know_users(request)),
            "may_act": self.may_reset(request) or may_override(request),
            "rows_url": _url("rows", policy, client),
            "page_url": counters_url(policy),
            "at": timezone.now(),
            **self._found(request, policy, client),
        }

    def _found(self, request: HttpRequest, policy: Policy, client: str) -> dict[str, Any]:
        try:
            if client:
                standings, part = [live.of_client(policy, client=client)], ""
            else:
                standings, sample = live.most_used(policy)
                part = live_words.part(sample)
        except StoreUnavailable as error:
            return {"away": str(error)}
        words = _in_words(request, [standing.client.name for standing in standings], policy=policy)
        return {"rows": [self._row(request, policy, standing, words) for standing in standings], "part": part}

    def _row(self, request: HttpRequest, policy: Policy, standing: Standing, words: dict[str, str]) -> Row:
        client, value = standing.client, policy.as_value()
        may_reset = client.is_counted and self.may_reset(request)
        return Row(
            client=client.name,
            in_words=words[client.name],
            lines=tuple(_line(usage, value) for usage in client.usages),
            notes=tuple(_notes(request, standing)),
            reset_url=_url("reset", policy, client.name) if may_reset else "",
            override_url=override_url(policy, client=client.name) if may_override(request) else "",
        )


def _line(usage: Usage, policy: policies.Policy) -> Line:
    return Line(
        words=live_words.used(usage),
        used=usage.used,
        near=int((1 - NEAR) * usage.capacity),
        capacity=usage.capacity,
        ends=live_words.ends(usage, policy=policy),
        room=live_words.room(usage),
    )


def _notes(request: HttpRequest, standing: Standing) -> Iterator[Note]:
    if standing.client.penalty_milliseconds:
        yield Note(live_words.penalty(standing.client.penalty_milliseconds))
    if held := standing.override:
        may_look = any(request.user.has_perm(f"limits.{action}_override") for action in ("view", "change"))
        url = reverse("admin:limits_override_change", args=(held.id,)) if may_look else ""
        yield Note(live_words.judged_by(held), url)


def _in_words(request: HttpRequest, clients: Iterable[str], *, policy: Policy) -> dict[str, str]:
    counted = [(client, policy.ipv6_prefix) for client in clients]
    words = client_words.in_words(counted, by_name=may_know_users(request))
    return {client: told for (client, _), told in words.items()}


def _client_named(request: HttpRequest, text: str, *, policy: Policy) -> str:
    return live.client_named(text[:_TYPED_CHARACTERS_MAX], policy=policy, by_name=may_know_users(request))


def _url(page: str, policy: Policy, client: str) -> str:
    path = reverse(f"admin:limits_livecounters_{page}", args=(policy.pk,))
    return f"{path}?{urlencode({'client': client})}" if client else path
