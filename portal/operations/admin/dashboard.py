"""The dashboard in the admin: what somebody may see of it, where each part leads, and the part that is fetched anew."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from limits.admin.acting import may_know_users
from limits.admin.client_links import counters_url, may_override, may_see_counters, override_url
from limits.core.overrides import Effect
from portal.operations.backups.standing import Standing, standings
from portal.operations.backups.standing import Verdict as LateOrNot
from portal.operations.dashboard import page
from portal.operations.dashboard.facts import BackedUp, Underway
from portal.operations.dashboard.most_refused import MostRefused
from portal.operations.dashboard.page import Choice, Page, Rights
from portal.operations.dashboard.periods import PERIODS, USUAL, period_named
from portal.operations.dashboard.verdicts import Verdict

ALERTS_NAMED_MAX = 3
_LISTS = {
    "limits": "limits.policy",
    "step": "limits.policy",
    "redis": "operations.redisserver",
    "watch": "operations.redisserver",
    "alerts": "operations.alert",
    "backups": "operations.backup",
    "workers": "django_celery_beat.periodictask",
}
"""The list that a verdict leads to."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where to go from here. `is_current`: one is there already."""

    words: str
    url: str
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class ShownVerdict:
    """A verdict, and where more is told ('': nowhere)."""

    verdict: Verdict
    url: str


@dataclass(frozen=True, slots=True)
class ShownClient:
    """A client that was refused often, and what can be done."""

    found: MostRefused
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """The dashboard of one person."""

    page: Page
    verdicts: tuple[ShownVerdict, ...]
    alerts: tuple[Link, ...]
    more_alerts: int
    most_refused: tuple[ShownClient, ...] | None
    refusals_url: str
    slow_log_url: str
    ranges: tuple[Link, ...]
    fragment_url: str

    @property
    def has_spans(self) -> bool:
        """Whether there is a part that looks back as far as somebody chooses."""
        return bool(self.page.servers or self.page.refusals) or self.most_refused is not None


def shown_to(request: HttpRequest) -> Shown | None:
    """Return the dashboard of who asks; None for somebody who may see no part of it."""
    rights = _rights(request)
    if not rights.any:
        return None
    now = timezone.now()
    backups = tuple(map(_backed_up, standings(now=now))) if rights.backups else ()
    found = page.page(rights, choice=_choice(request), backups=backups, now=now)
    return Shown(
        page=found,
        verdicts=tuple(
            ShownVerdict(each, url=_list_url(request, _LISTS[each.subject]) if each.subject in _LISTS else "")
            for each in found.verdicts
        ),
        alerts=tuple(Link(_alert_words(alert), _alert_url(alert)) for alert in found.alerts[:ALERTS_NAMED_MAX]),
        more_alerts=max(0, len(found.alerts) - ALERTS_NAMED_MAX),
        most_refused=_clients(request, found),
        refusals_url=_list_url(request, "limits.lastrefusal"),
        slow_log_url=_url("operations_redisserver_change", found.server.pk) if found.server else "",
        ranges=tuple(_ranges(found)),
        fragment_url=f"{reverse('admin:dashboard')}?{_query(found, range=found.period.name)}",
    )


@require_safe
def fragment(request: HttpRequest) -> HttpResponse:
    """The part of the page that changes."""
    shown = shown_to(request)
    if shown is None:
        raise PermissionDenied
    return TemplateResponse(request, "admin/operations/dashboard/parts.html", {"shown": shown})


def _rights(request: HttpRequest) -> Rights:
    may = request.user.has_perm
    return Rights(
        redis=may("operations.view_redisserver"),
        tallies=may("limits.view_tally"),
        refusals=may("limits.view_lastrefusal"),
        backups=may("operations.view_backup"),
        alerts=may("operations.view_alert"),
        users=may_know_users(request),
    )


def _backed_up(found: Standing) -> BackedUp:
    if found.newest is None:
        return BackedUp(found.source)
    # The larger of two units is enough at a glance.
    age = found.age.partition(",")[0]
    return BackedUp(found.source, newest=found.newest.name, age=age, is_late=found.verdict is LateOrNot.LATE)


def _choice(request: HttpRequest) -> Choice:
    return Choice(period_named(request.GET.get("range", USUAL.name)), server=request.GET.get("server", ""))


def _clients(request: HttpRequest, found: Page) -> tuple[ShownClient, ...] | None:
    if found.most_refused is None:
        return None
    return tuple(ShownClient(each, links=tuple(_client_links(request, each))) for each in found.most_refused)


def _client_links(request: HttpRequest, found: MostRefused) -> Iterator[Link]:
    if found.policy is None:
        return
    if may_see_counters(request):
        yield Link("Counters", counters_url(found.policy, client=found.client))
    if may_override(request) and (url := override_url(found.policy, client=found.client, effect=Effect.DENIED)):
        yield Link("Deny…", url)


def _ranges(found: Page) -> Iterator[Link]:
    for period in PERIODS:
        yield Link(period.words, f"?{_query(found, range=period.name)}", is_current=period == found.period)


def _query(found: Page, **chosen: str) -> str:
    # The first server is the usual one: an address without it leads to whichever is first then.
    server = found.server if found.server and found.server != found.servers[0] else None
    return urlencode(chosen | ({"server": server.place} if server else {}))


def _alert_words(alert: Underway) -> str:
    states = (("recovering", alert.is_recovering), ("acknowledged", alert.is_acknowledged))
    told = ", ".join(word for word, holds in states if holds)
    return f"{alert.headline} ({told})" if told else alert.headline


def _alert_url(alert: Underway) -> str:
    return _url("operations_alert_change", alert.pk)


def _list_url(request: HttpRequest, model: str) -> str:
    app, _, name = model.partition(".")
    may = any(request.user.has_perm(f"{app}.{action}_{name}") for action in ("view", "change"))
    return _url(f"{app}_{name}_changelist") if may else ""


def _url(name: str, *args: Any) -> str:
    """Return the address of a page of the admin; '' where this site has none such."""
    try:
        return reverse(f"admin:{name}", args=args)
    except NoReverseMatch:
        return ""
