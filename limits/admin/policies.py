"""Policies in the admin: the list, the form, modes, and undoing."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from limits import services, views_in_code
from limits.admin.acting import actor_of, tell_whether_in_force
from limits.admin.changes import changes_in, head_a_conflict, told
from limits.admin.forms import PolicyForm
from limits.admin.policy_columns import columns
from limits.admin.policy_undo import WORDS, undo
from limits.conf import conf
from limits.core.policies import Mode
from limits.models import Policy, Revision
from limits.services import POLICY
from limits.typed_values import TYPED_KINDS

FOLDED = {
    "Where it holds": ("view", "path", "priority"),
    "Counting in detail": ("algorithm", "cost", "counts", "ipv6_prefix"),
    "Refusals and outages": ("penalty_seconds", "refusals_count", "without_redis"),
}
DONE = {Mode.ENFORCE: "Enforced", Mode.SHADOW: "In shadow, refusing nobody", Mode.OFF: "Switched off"}
DONE_BEFORE = {Mode.ENFORCE: "enforced", Mode.SHADOW: "in shadow", Mode.OFF: "off"}


@admin.register(Policy)
class PolicyAdmin(admin.ModelAdmin[Policy]):
    form = PolicyForm
    list_filter = ("mode", "algorithm", "key")
    search_fields = ("slug", "title", "description", "view", "path")
    search_help_text = "Name, title, description, view or path"
    actions = ("enforce", "shadow", "switch_off")
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
        where, in_redis = columns(request)
        return ("slug", "shown_mode", "shown_rates", "counted", where, in_redis, "last_change")

    @admin.display(description="mode", ordering="mode")
    def shown_mode(self, policy: Policy) -> SafeString:
        return format_html('<span class="limits-mode limits-{}">{}</span>', policy.mode, policy.get_mode_display())

    @admin.display(description="rates", ordering="algorithm")
    def shown_rates(self, policy: Policy) -> SafeString:
        rates = format_html_join("", '<div class="limits-rate">{}</div>', ((rate,) for rate in policy.rates))
        return format_html('{}<div class="limits-quiet">{}</div>', rates, policy.get_algorithm_display())

    @admin.display(description="who is counted", ordering="key")
    def counted(self, policy: Policy) -> SafeString:
        methods = ", ".join(policy.methods) or "all methods"
        return format_html('{}<div class="limits-quiet">{}</div>', policy.key, methods)

    @admin.display(description="last change", ordering="latest_at")
    def last_change(self, policy: Policy) -> SafeString | str:
        at = getattr(policy, "latest_at", None)
        if at is None:
            return "–"
        told = '<div class="limits-who">{}</div><time title="{} UTC">{}</time>'
        moment, ago = f"{at:%Y-%m-%d %H:%M:%S}", timesince(at, depth=1)
        ago = "just now" if ago.startswith("0") else f"{ago} ago"
        return format_html(told, getattr(policy, "latest_name", ""), moment, ago)

    # The form

    def get_fieldsets(self, request: HttpRequest, obj: Policy | None = None) -> Any:
        fields = ["slug", "title", "mode", "rates", "key", "methods"]
        notes = ["description", "used_by"] if obj else ["description"]
        if self.has_change_permission(request, obj) or obj is None:
            notes += ["reason", "seen_version"]
        folded = [(name, {"fields": within, "classes": _folded(obj, within)}) for name, within in FOLDED.items()]
        return [(None, {"fields": fields}), *folded, ("For other administrators", {"fields": notes})]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Open what an error of another field points to: whether rates may have a burst is chosen in a folded part."""
        head_a_conflict(context)
        form = context["adminform"]
        if "rates" in form.errors:
            form.fieldsets = [(name, options | _opened(options)) for name, options in form.fieldsets]
        return super().render_change_form(request, context, *args, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Policy | None = None) -> tuple[str, ...]:
        return ("used_by", "slug") if obj else ("used_by",)

    @admin.display(description="used by")
    def used_by(self, policy: Policy) -> str:
        views = [use.view for use in views_in_code.uses() if use.slug == policy.slug]
        if views:
            return f"{', '.join(dict.fromkeys(views))}. It can be switched off, not deleted."
        if policy.slug in views_in_code.slugs_in_use():
            return "Every request that no other policy looks at. It can be switched off, not deleted."
        return "No code of this site."

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        policy = self.get_object(request, object_id)
        if policy and self.has_change_permission(request, policy) and services.undone(policy):
            url = reverse("admin:limits_policy_undo", args=(policy.pk,))
            extra_context = (extra_context or {}) | {"undo_url": url}
        return super().change_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Policy, form: ModelForm[Policy], change: bool) -> None:
        services.save_policy(obj, actor=actor_of(request), reason=form.cleaned_data["reason"])
        if set(form.changed_data) - {"reason"}:
            undo_url = reverse("admin:limits_policy_undo", args=(obj.pk,)) if services.undone(obj) else ""
            transaction.on_commit(lambda: tell_whether_in_force(request, undo_url=undo_url))
        if (obj.view or obj.path) and obj.mode == Mode.ENFORCE and conf.default_policy:
            messages.info(
                request,
                f"What “{obj.slug}” looks at is left alone by “{conf.default_policy}”: that holds for the rest.",
            )
        if not (obj.view or obj.path or obj.slug in views_in_code.slugs_in_use()):
            messages.warning(
                request,
                f"“{obj.slug}” limits nothing yet: it names no view and no path, and no code of this site names it.",
            )
        if all(part.kind in TYPED_KINDS for part in obj.key.parts):
            messages.warning(
                request,
                f"“{obj.slug}” counts only by what clients send. Whoever makes up another each time is never refused, "
                "and each makes a counter. Join it with ip, or add a second policy by ip.",
            )

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """What the history shows: what was and what is, and why."""
        if add:
            return "Added."
        reason = form.cleaned_data["reason"]
        changed = told(changes_in(form, words=WORDS)) or "Nothing changed"
        return changed + (f". Reason: {reason}" if reason else ".")

    def has_delete_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        used = obj is not None and obj.slug in views_in_code.slugs_in_use()
        return not used and super().has_delete_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: Policy) -> None:
        services.delete_policy(obj, actor=actor_of(request))

    # Undoing

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.undo_view)
        return [path("<path:object_id>/undo/", view, name="limits_policy_undo"), *super().get_urls()]

    def undo_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The page that undoes the last change of a policy, once it is told which."""
        policy = self.get_object(request, object_id)
        if policy is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined, no-any-return]
        return undo(request, policy, model_admin=self)

    # Actions

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        # Policies are deleted one at a time, on their own page, where their uses are told.
        actions.pop("delete_selected", None)
        return actions

    @admin.action(description="Enforce", permissions=["change"])
    def enforce(self, request: HttpRequest, queryset: QuerySet[Policy]) -> None:
        self._set_mode(request, queryset, mode=Mode.ENFORCE)

    @admin.action(description="Shadow", permissions=["change"])
    def shadow(self, request: HttpRequest, queryset: QuerySet[Policy]) -> None:
        self._set_mode(request, queryset, mode=Mode.SHADOW)

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Policy]) -> None:
        self._set_mode(request, queryset, mode=Mode.OFF)

    def _set_mode(self, request: HttpRequest, queryset: QuerySet[Policy], *, mode: Mode) -> None:
        with transaction.atomic():
            done = services.set_modes(queryset, mode=mode, actor=actor_of(request))
            for policy in done.changed:
                self.log_change(request, policy, f"{DONE[mode]}.")
        for slug, error in done.refused.items():
            messages.error(request, f"“{slug}” stays as it was: {' '.join(error.messages)}")
        if done.changed:
            messages.success(request, f"{DONE[mode]}: {', '.join(map(str, done.changed))}.")
            tell_whether_in_force(request)
        elif not done.refused:
            messages.info(request, f"Nothing to do: all of them were {DONE_BEFORE[mode]} already.")


def _folded(policy: Policy | None, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the style of a part of the form: folded away where all in it is as for every new policy."""
    untouched = Policy()
    is_usual = policy is None or all(getattr(policy, name) == getattr(untouched, name) for name in names)
    return ("collapse",) if is_usual else ()


def _opened(options: dict[str, Any]) -> dict[str, Any]:
    """Return the style of the part in which the algorithm is chosen, not folded away; nothing for any other part."""
    return {"classes": ()} if "algorithm" in options["fields"] else {}
