"""The queue of mail in the admin, without the text, for it holds secret links."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from post_office.models import STATUS, Attachment, Email, EmailTemplate, Log

for _model in (Email, EmailTemplate, Attachment, Log):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


@admin.register(Email)
class MailAdmin(admin.ModelAdmin[Email]):
    """The queue of mail: whom, what about, and what became of it. Not the text, for it holds secret links."""

    change_form_template = "admin/change_form.html"  # the library's own links to pages that are not here
    list_display = ("to", "subject", "status", "created", "last_updated")
    list_filter = ("status",)
    search_fields = ("to", "subject")
    fields = readonly_fields = ("to", "from_email", "subject", "status", "created", "last_updated")
    ordering = ("-pk",)
    actions = ("send_again",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description="Send selected mail again", permissions=["change"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Email]) -> None:
        number = queryset.update(status=STATUS.queued, number_of_retries=None)
        messages.success(request, f"{number} mails are queued again.")
