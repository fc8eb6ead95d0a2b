"""The page on which many overrides are added."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import AdminForm
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from limits import services, subjects
from limits.admin.acting import actor_of, may_know_users, tell_whether_in_force
from limits.admin.override_columns import is_vast
from limits.admin.override_form import OWN_RATES, link_to
from limits.admin.override_many_form import ManyOverridesForm
from limits.core.overrides import Effect
from limits.models import Override
from limits.services import ManySaved

NAMED_MAX = 5
"""So many of those that stay as they are, or that are vast, are named."""


def add_many(request: HttpRequest, *, model_admin: Any) -> HttpResponse:
    """Answer the page. Raises PermissionDenied."""
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    form = _form(request, model_admin)
    if request.method == "POST" and form.is_valid():
        saved = _save(request, form)
        if saved:
            _tell(request, saved, form)
            answer: HttpResponse = model_admin.response_post_save_add(request, None)
            return answer
    shown = AdminForm(form, _fieldsets(form), {}, (), model_admin)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Add many overrides",
        "opts": model_admin.opts,
        "media": model_admin.media + shown.media,
        "form": form,
        "adminform": shown,
    }
    return TemplateResponse(request, "admin/limits/override/add_many.html", context)


def _form(request: HttpRequest, model_admin: Any) -> ManyOverridesForm:
    make = model_admin.get_form(request, form=ManyOverridesForm, fields=ManyOverridesForm.Meta.fields)
    filled_in = model_admin.get_changeform_initial_data(request)
    is_sent = request.method == "POST"
    form: ManyOverridesForm = make(request.POST, request.FILES) if is_sent else make(initial=filled_in)
    if not model_admin.has_change_permission(request):
        del form.fields["change_existing"]
    return form


def _fieldsets(form: ManyOverridesForm) -> list[tuple[str, dict[str, Any]]]:
    whom = [name for name in ("lines", "file", "change_existing") if name in form.fields]
    return [
        ("For whom", {"fields": whom}),
        ("What holds", {"fields": ["policy", "effect", "rates"]}),
        ("When", {"fields": ["since", "lasts", "until"]}),
        ("Why", {"fields": ["reason"]}),
    ]


def _save(request: HttpRequest, form: ManyOverridesForm) -> ManySaved | None:
    """Save all of them and return what became of them; None, and nothing saved, where that cannot be any more."""
    actor = actor_of(request)
    try:
        with transaction.atomic():
            saved = services.save_overrides(
                form.overrides.values(),
                called=list(form.overrides),
                actor=actor,
                reason=form.cleaned_data["reason"] or "Each has its own.",
                change_existing=form.cleaned_data.get("change_existing", False),
            )
            number = len(saved.made) + len(saved.changed)
            together = f" together with {number - 1:,} other{'s' * (number > 2)}" if number > 1 else ""
            # A database that does not tell the ids of what was made leaves the revision alone to tell of it.
            made = [row for row in saved.made if row.pk]
            LogEntry.objects.log_actions(actor.user_id, made, ADDITION, f"Added{together}.")
            LogEntry.objects.log_actions(actor.user_id, saved.changed, CHANGE, f"Changed{together}.")
    except ValidationError as error:
        form.refuse(error)
        return None
    return saved


def _tell(request: HttpRequest, saved: ManySaved, form: ManyOverridesForm) -> None:
    done = {"Made": len(saved.made), "Changed": len(saved.changed), "Lines that repeat another": form.repeated}
    told = " ".join(f"{words}: {number:,}." for words, number in done.items() if number)
    written = (*saved.made, *saved.changed)
    if written:
        messages.success(request, told)
        tell_whether_in_force(request)
    else:
        messages.info(request, "Nothing was made.")
    if saved.left:
        words = f"There already, and left as they are: {len(saved.left):,}."
        # Whoever may not look at overrides shall not find out here whom they are for.
        messages.warning(request, _naming(request, saved.left, words, linked=True) if form.may_look else words)
    vast = [row for row in written if row.effect == Effect.DENIED and is_vast(row.subject)]
    if vast:
        words = "Everybody in a very large network is denied:"
        messages.warning(request, _naming(request, vast, words, linked=form.may_look))
    if any(form.gives_own_rates(row) for row in written):
        messages.warning(request, OWN_RATES)


def _naming(request: HttpRequest, overrides: Sequence[Override], words: str, *, linked: bool) -> SafeString:
    named = overrides[:NAMED_MAX]
    called = subjects.in_words([override.subject for override in named], by_name=may_know_users(request))
    for override in named:
        override.in_words = called[override.subject]
    told = format_html_join("; ", "{}", ((link_to(override) if linked else override,) for override in named))
    rest = "" if len(named) == len(overrides) else "; …"
    return format_html("{} {}{}", words, told, rest)
