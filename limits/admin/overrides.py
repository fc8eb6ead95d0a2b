"""Overrides in the admin: the list, the form, ending them, and which one wins."""

from copy import copy
from typing import Any, cast

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html

from limits import identity, services, subjects
from limits.admin.acting import actor_of, may_know_users, tell_whether_in_force
from limits.admin.changes import changes_in, head_a_conflict, told
from limits.admin.override_columns import (
    EFFECTS,
    KindFilter,
    OverridePage,
    PolicyFilter,
    StateFilter,
    effect_in_words,
    is_vast,
    until_in_words,
)
from limits.admin.override_ending import ask_or_end
from limits.admin.override_form import FOR_ALL, OWN_RATES, NewOverrideForm, OverrideForm, which_one
from limits.admin.override_many import add_many
from limits.admin.override_winners import which_wins
from limits.core.overrides import Effect, networks_around
from limits.models import Override

WORDS = {
    "policy": {"": FOR_ALL},
    "until": {"": "for ever"},
    "effect": {str(name): word for name, word in EFFECTS.items()},
}


@admin.register(Override)
class OverrideAdmin(admin.ModelAdmin[Override]):
    form = OverrideForm
    list_display = ("whom", "what", "under", "ends", "reason", "saver")
    list_filter = (StateFilter, "effect", KindFilter, PolicyFilter)
    search_fields = ("subject",)
    search_help_text = (
        "An address or its beginning, a network, a user, a group, what a client sends, or words of the reason"
    )
    actions = ("end_now",)
    readonly_fields = ("whom",)
    show_full_result_count = False

    class Media:
        css = {"all": ("limits/admin.css", "limits/overrides.css")}

    def get_urls(self) -> list[URLPattern]:
        """Django's own, the page on which many are added, and the one that tells which override wins."""
        many = path("add-many/", self.admin_site.admin_view(self.many_view), name="limits_override_add_many")
        which = path("which/", self.admin_site.admin_view(self.which_view), name="limits_override_which")
        return [many, which, *super().get_urls()]

    def many_view(self, request: HttpRequest) -> HttpResponse:
        """Add many overrides, a client a line."""
        return add_many(request, model_admin=self)

    def which_view(self, request: HttpRequest) -> HttpResponse:
        """Tell which override wins for a client, and which others lose."""
        return which_wins(request, model_admin=self)

    # The list

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[OverridePage]:
        return OverridePage

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Override], search_term: str
    ) -> tuple[QuerySet[Override], bool]:
        """Find by plain words: what a client sends is hashed, an address finds the networks that it is in, too."""
        if search_term.strip():
            queryset = queryset.filter(subjects.subjects_found_by(search_term, by_name=may_know_users(request)))
        return queryset, False

    @admin.display(description="for whom", ordering="kind")
    def whom(self, override: Override) -> str:
        return override.in_words or override.subject

    @admin.display(description="what holds", ordering="effect")
    def what(self, override: Override) -> str:
        return effect_in_words(override)

    @admin.display(description="policy", ordering="policy")
    def under(self, override: Override) -> str:
        return override.policy or FOR_ALL

    @admin.display(description="until", ordering="until")
    def ends(self, override: Override) -> str:
        now = timezone.now()
        words = until_in_words(override, now=now)
        return words if override.still_holds(at=now) else format_html('<span class="limits-ended">{}</span>', words)

    @admin.display(description="saved by", ordering="saved_by")
    def saver(self, override: Override) -> str:
        return override.saved_by

    # The form

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Override | None:
        """Find one, and look up what it is called for whoever asks."""
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            found.in_words = subjects.in_words([found.subject], by_name=may_know_users(request))[found.subject]
        return found

    def get_form(self, request: HttpRequest, obj: Override | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = OverrideForm if obj else NewOverrideForm
        made = cast(type[OverrideForm], super().get_form(request, obj, change, **{"form": form} | kwargs))
        made.own_subjects = _own_subjects(request)
        made.by_name = may_know_users(request)
        made.may_look = self.has_view_or_change_permission(request)
        return made

    def get_fieldsets(self, request: HttpRequest, obj: Override | None = None) -> Any:
        may_write = obj is None or self.has_change_permission(request, obj)
        whom = ["whom"] if obj else ["about", "who", "sent_in"]
        when = ["since", "lasts", "until"] if may_write else ["since", "until"]
        why = ["reason", "seen_version"] if obj and may_write else ["reason"]
        return [
            ("For whom", {"fields": whom}),
            ("What holds", {"fields": ["policy", "effect", "rates"]}),
            ("When", {"fields": when}),
            ("Why", {"fields": why}),
        ]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        head_a_conflict(context)
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Override, form: ModelForm[Override], change: bool) -> None:
        services.save_override(obj, actor=actor_of(request))
        obj.in_words = subjects.in_words([obj.subject], by_name=may_know_users(request))[obj.subject]
        transaction.on_commit(lambda: tell_whether_in_force(request))
        if obj.effect == Effect.DENIED and is_vast(obj.subject):
            messages.warning(request, f"{obj.subject} is a very large network, and everybody in it is denied.")
        typed = cast(OverrideForm, form)
        if typed.gives_own_rates(obj):
            messages.warning(request, OWN_RATES)
        for other in typed.others:
            named = which_one(other, may_look=typed.may_look)
            messages.warning(request, format_html("There is another one for the same, at another time{}", named))

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """What the history shows: what was and what is."""
        if add:
            return "Added."
        return f"{told(changes_in(form, words=WORDS)) or 'Nothing changed'}."

    def log_addition(self, request: HttpRequest, obj: Override, message: Any) -> Any:
        return super().log_addition(request, _for_the_log(obj), message)

    def log_change(self, request: HttpRequest, obj: Override, message: Any) -> Any:
        return super().log_change(request, _for_the_log(obj), message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        plain: Any = [_for_the_log(override) for override in queryset]
        return super().log_deletions(request, plain)

    def delete_model(self, request: HttpRequest, obj: Override) -> None:
        services.delete_override(obj, actor=actor_of(request))
        transaction.on_commit(lambda: tell_whether_in_force(request))

    # Actions

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        # Many are ended, which leaves them to be seen, not deleted.
        actions.pop("delete_selected", None)
        return actions

    @admin.action(description="End now…", permissions=["change"])
    def end_now(self, request: HttpRequest, queryset: QuerySet[Override]) -> HttpResponse | None:
        return ask_or_end(request, queryset, model_admin=self)


def _own_subjects(request: HttpRequest) -> set[str]:
    address = identity.address_object_of(request)
    groups = [f"group={pk}" for pk in request.user.groups.values_list("pk", flat=True)]
    near = [] if address is None else [str(address), *networks_around(address)]
    return {subjects.user_subject(request.user), *groups, *near}


def _for_the_log(override: Override) -> Override:
    """Return it as one that is not told in words: the log is kept, and names neither addresses nor users."""
    plain = copy(override)
    plain.in_words = ""
    return plain
