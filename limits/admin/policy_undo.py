"""The page that asks whether the last change of a policy shall be undone, and shows what that would change."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from limits import services
from limits.admin.acting import actor_of, tell_whether_in_force
from limits.admin.changes import changes, told
from limits.exceptions import PolicyConflict
from limits.models import Policy, Revision
from limits.services import POLICY

WORDS = {"methods": {"": "all"}}
"""How to call what stands in no field but this one."""


def undo(request: HttpRequest, policy: Policy, *, model_admin: admin.ModelAdmin[Policy]) -> HttpResponse:
    """Ask, on GET; undo, on POST, if the policy still is at the version that was shown."""
    if not model_admin.has_change_permission(request, policy):
        raise PermissionDenied
    page = HttpResponseRedirect(reverse("admin:limits_policy_change", args=(policy.pk,)))
    earlier = services.undone(policy)
    if earlier is None:
        messages.warning(request, f"“{policy}” has no change to undo.")
        return page
    now, then = services.described(policy), services.described(earlier)
    changed = changes(Policy, now=now, then=then, words=WORDS)
    if request.method == "POST":
        with transaction.atomic():
            is_done = _undo(request, policy)
            if is_done:
                model_admin.log_change(request, policy, f"Undid the change before. {told(changed)}.")
        if is_done:
            tell_whether_in_force(request)
        return page
    latest = Revision.objects.filter(subject_type=POLICY, subject=policy.slug).first()
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Undo the last change?",
        "opts": Policy._meta,
        "original": policy,
        "changes": changed,
        "latest": latest,
    }
    return TemplateResponse(request, "admin/limits/policy/undo.html", context)


def _undo(request: HttpRequest, policy: Policy) -> bool:
    version = request.POST.get("seen_version", "")
    policy.version = int(version) if version.isascii() and version.isdecimal() and len(version) < 10 else 0
    try:
        services.undo_policy(policy, actor=actor_of(request))
    except PolicyConflict:
        messages.error(request, "Somebody changed this policy since you looked at it. Nothing was undone.")
        return False
    except ValidationError as error:
        messages.error(request, f"This cannot be undone: {' '.join(error.messages)}")
        return False
    messages.success(request, "The last change is undone. Undo again to have it back.")
    return True
