"""`{% backups_overview %}`: how it stands with backups, for the first page of the admin."""

from typing import Any

from django import template
from django.urls import reverse
from django.utils import timezone

from portal.operations.admin import standing

register = template.Library()


@register.inclusion_tag("admin/operations/overview.html", takes_context=True)
def backups_overview(context: dict[str, Any]) -> dict[str, Any]:
    """Tell of each source how old its newest proven backup is; nothing to who may not look at backups."""
    if not context["request"].user.has_perm("operations.view_backup"):
        return {}
    to_backups = reverse("admin:operations_backup_changelist")
    return {"standings": standing.standings(now=timezone.now()), "to_backups": to_backups}
