"""Who did what with which backup: a list that nobody writes by hand, and that outlives the backups."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from portal.operations.models import BackupAction


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """A list that is written by the work itself."""

    actions = None
    empty_value_display = ""
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 100

    class Media:
        css = {"all": ("operations/backups.css",)}

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(BackupAction)
class BackupActionAdmin(ReadOnlyAdmin):
    list_display = ("when", "what", "backup", "by", "more")
    list_display_links = None
    list_filter = ("what",)
    search_fields = ("backup", "who")
    search_help_text = "A part of the backup's name, or of who"

    @admin.display(description="at", ordering="at")
    def when(self, action: BackupAction) -> str:
        return f"{timezone.localtime(action.at):%Y-%m-%d %H:%M:%S %Z}"

    @admin.display(description="who", ordering="who")
    def by(self, action: BackupAction) -> str:
        return action.who or "by itself"

    @admin.display(description="more")
    def more(self, action: BackupAction) -> str:
        return action.words

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": "Who did what with backups"} | (extra_context or {}))
