"""The page that asks whether overrides shall end now: one slip in the list could end hundreds."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from limits import services, subjects
from limits.admin.acting import actor_of, may_know_users, tell_whether_in_force
from limits.models import Override

NAMED_MAX = 5
"""So many of those that would end are named."""


def ask_or_end(request: HttpRequest, chosen: QuerySet[Override], *, model_admin: Any) -> HttpResponse | None:
    """Return the page that asks; None once they have ended, or where there is none to end.

    A yes is for the number that was asked about: where it is another one by now, the page asks again.
    """
    chosen = chosen.filter(Q(until__isnull=True) | Q(until__gt=timezone.now()))
    number = chosen.count()
    if not number:
        messages.info(request, "Nothing to do: all of them had ended already.")
        return None
    if request.POST.get("yes_to") == str(number):
        _end(request, chosen)
        return None
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"End {number:,} override{'s' * (number > 1)} now?",
        "opts": model_admin.opts,
        "media": model_admin.media,
        "number": number,
        "named": _named(request, chosen),
        "rest": max(number - NAMED_MAX, 0),
        "ticked_name": ACTION_CHECKBOX_NAME,
        "ticked": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "select_across": request.POST.get("select_across", "0"),
        "list_url": request.get_full_path(),
    }
    return TemplateResponse(request, "admin/limits/override/end.html", context)


def _end(request: HttpRequest, chosen: QuerySet[Override]) -> None:
    with transaction.atomic():
        actor = actor_of(request)
        ended = services.end_overrides(chosen, actor=actor)
        rows = Override.objects.filter(pk__in=[override.pk for override in ended])
        LogEntry.objects.log_actions(actor.user_id, rows, CHANGE, change_message="Ended now.")
    messages.success(request, f"Ended: {len(ended):,}.")
    tell_whether_in_force(request)


def _named(request: HttpRequest, chosen: QuerySet[Override]) -> list[Override]:
    named = list(chosen[:NAMED_MAX])
    words = subjects.in_words([override.subject for override in named], by_name=may_know_users(request))
    for override in named:
        override.in_words = words[override.subject]
    return named
