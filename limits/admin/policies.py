"""Policies in the admin: the list, the form, switching on and off."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from limits import identity, services, sync, views_in_code
from limits.admin.forms import PolicyForm
from limits.exceptions import StoreUnavailable
from limits.models import Policy, Revision
from limits.services import POLICY, Actor


@admin.register(Policy)
class PolicyAdmin(admin.ModelAdmin[Policy]):
    form = PolicyForm
    list_filter = ("enabled", "key")
    search_fields = ("slug", "title", "description")
    search_help_text = "Name, title or description"
    actions = ("switch_on", "switch_off")
    readonly_fields = ("used_by",)

    class Media:
        css = {"all": ("limits/admin.css",)}

    # The list

    def get_queryset(self, request: HttpRequest) -> QuerySet[Policy]:
        latest = Revision.objects.filter(subject_type=POLICY, subject=OuterRef("slug"))
        return (
            super()
            .get_queryset(request)
            .annotate(
                latest_name=Subquery(latest.values("actor_name")[:1]),
                latest_at=Subquery(latest.values("at")[:1]),
            )
        )

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        columns = ("slug", "shown_rates", "counted", "enabled")
        return (*columns, _sync_column(request), "last_change")

    @admin.display(description="rates")
    def shown_rates(self, policy: Policy) -> SafeString:
        return format_html_join("", '<div class="limits-rate">{}</div>', ((rate,) for rate in policy.rates))

    @admin.display(description="who is counted", ordering="key")
    def counted(self, policy: Policy) -> str:
        return f"{policy.key}, {', '.join(policy.methods) or 'all methods'}"

    @admin.display(description="last change", ordering="latest_at")
    def last_change(self, policy: Policy) -> SafeString | str:
        at = getattr(policy, "latest_at", None)
        if at is None:
            return "–"
        told = '<div class="limits-rate">{}</div><time title="{} UTC">{}</time>'
        moment, ago = f"{at:%Y-%m-%d %H:%M:%S}", timesince(at, depth=1)
        ago = "just now" if ago.startswith("0") else f"{ago} ago"
        return format_html(told, getattr(policy, "latest_name", ""), moment, ago)

    # The form

    def get_fieldsets(self, request: HttpRequest, obj: Policy | None = None) -> Any:
        fields = ["slug", "title", "enabled", "rates", "key", "methods"]
        notes = ["description", "used_by"] if obj else ["description"]
        if self.has_change_permission(request, obj) or obj is None:
            notes += ["reason", "seen_version"]
        return [(None, {"fields": fields}), ("For other administrators", {"fields": notes})]

    def get_readonly_fields(self, request: HttpRequest, obj: Policy | None = None) -> tuple[str, ...]:
        return ("used_by", "slug") if obj else ("used_by",)

    @admin.display(description="used by")
    def used_by(self, policy: Policy) -> str:
        views = [use.view for use in views_in_code.uses() if use.slug == policy.slug]
        if views:
            return f"{', '.join(views)}. It can be switched off, not deleted."
        if policy.slug in views_in_code.slugs_in_use():
            return "Every request that no other policy looks at. It can be switched off, not deleted."
        return "No view of this site."

    def save_model(self, request: HttpRequest, obj: Policy, form: ModelForm[Policy], change: bool) -> None:
        services.save_policy(obj, actor=_actor(request), reason=form.cleaned_data["reason"])
        if set(form.changed_data) - {"reason"}:
            transaction.on_commit(lambda: _tell_whether_in_force(request))
        if obj.slug not in views_in_code.slugs_in_use():
            messages.warning(
                request, f"No view of this site names “{obj.slug}” yet: until one does, it limits nothing."
            )

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """What the history shows: what was and what is, and why."""
        if add:
            return "Added."
        before = {name: form.initial.get(name) for name in form.changed_data if name != "reason"}
        changes = [f"{name}: {_in_words(was)} → {_in_words(form.cleaned_data[name])}" for name, was in before.items()]
        reason = form.cleaned_data["reason"]
        return "; ".join(changes or ["Nothing changed"]) + (f". Reason: {reason}" if reason else ".")

    def has_delete_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        used = obj is not None and obj.slug in views_in_code.slugs_in_use()
        return not used and super().has_delete_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: Policy) -> None:
        services.delete_policy(obj, actor=_actor(request))

    # Actions

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        # Policies are deleted one at a time, on their own page, where their uses are told.
        actions.pop("delete_selected", None)
        return actions

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[Policy]) -> None:
        self._switch(request, queryset, enabled=True)

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Policy]) -> None:
        self._switch(request, queryset, enabled=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Policy], *, enabled: bool) -> None:
        state = "on" if enabled else "off"
        with transaction.atomic():
            switched = [
                policy for policy in queryset if services.switch_policy(policy, enabled=enabled, actor=_actor(request))
            ]
            for policy in switched:
                self.log_change(request, policy, f"Switched {state}.")
        if not switched:
            messages.info(request, f"Nothing to do: all of them were {state} already.")
            return
        messages.success(request, f"Switched {state}: {', '.join(map(str, switched))}.")
        _tell_whether_in_force(request)


def _actor(request: HttpRequest) -> Actor:
    user = request.user
    assert isinstance(user, AbstractBaseUser), "the admin lets nobody in who is not logged in"
    return Actor(name=user.get_username(), origin=identity.address_of(request), user_id=user.pk)


def _tell_whether_in_force(request: HttpRequest) -> None:
    try:
        in_step = sync.compare().in_step
    except StoreUnavailable:
        messages.warning(
            request,
            "Saved, but not in force yet: Redis cannot be reached. Until it can, nothing is limited: requests are "
            "let through uncounted. The change comes into force by itself, within seconds of Redis's return.",
        )
        return
    if in_step:
        messages.info(request, "In force on every worker within a second.")
    else:
        messages.warning(request, "Saved. Another change came at the same moment: both are in force within seconds.")


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _sync_column(request: HttpRequest) -> Callable[[Policy], SafeString]:
    """Return the column that tells whether Redis has a policy as it stands; Redis is asked once a page."""
    states = getattr(request, "_limits_out_of_step", None)
    if states is None:
        states = _out_of_step()
        setattr(request, "_limits_out_of_step", states)  # noqa: B010 - a request takes no other attributes

    @admin.display(description="Redis")
    def in_redis(policy: Policy) -> SafeString:
        name, words = states.get(policy.slug) or states.get("") or ("in-force", "has it")
        return format_html('<span class="limits-state limits-{}">{}</span>', name, words)

    return in_redis


def _out_of_step() -> dict[str, tuple[str, str]]:
    """Return (style, words) for each policy that Redis has not as it stands; under '' for all of them."""
    try:
        difference = sync.compare().difference
    except StoreUnavailable:
        return {"": ("away", "cannot be reached")}
    return dict.fromkeys(difference.missing, ("missing", "has it not yet")) | dict.fromkeys(
        difference.changed, ("changed", "has an older one")
    )
