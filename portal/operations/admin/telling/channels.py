"""Channels in the admin: the list, the form, and the test. Nobody is shown an address, whatever they may do."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from limits.admin.acting import actor_of
from portal.operations.admin.alerting.words import ago
from portal.operations.admin.telling.channel_form import ChannelForm
from portal.operations.admin.telling.channel_words import reach, standing
from portal.operations.models import Channel, Delivery
from portal.operations.watching.telling import again, failing, first_channels
from portal.operations.watching.telling.testing import send_test


@admin.register(Channel)
class ChannelAdmin(admin.ModelAdmin[Channel]):
    form = ChannelForm
    change_form_template = "admin/operations/channel/change_form.html"
    list_display = ("name", "stands", "told_from", "reached_by", "last_test")
    search_fields = ("name",)
    search_help_text = "Name"
    show_full_result_count = False

    class Media:
        css = {"all": ("operations/backups.css", "operations/channels.css")}

    def get_urls(self) -> list[URLPattern]:
        """Django's own, and the test of each."""
        test = path("<int:pk>/test/", self.admin_site.admin_view(self.test_view), name="operations_channel_test")
        return [test, *super().get_urls()]

    def get_fields(self, request: HttpRequest, obj: Channel | None = None) -> tuple[str, ...]:
        """Show who may only look how it is reached, in place of the address."""
        is_form = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return ("name", "kind", "address" if is_form else "reached_by", "is_on", "least_severity")

    def get_readonly_fields(self, request: HttpRequest, obj: Channel | None = None) -> tuple[str, ...]:
        return ("reached_by",)

    def has_test_permission(self, request: HttpRequest) -> bool:
        return self.has_view_or_change_permission(request) and request.user.has_perm("operations.test_channel")

    # The list

    @admin.display(description="state", ordering="failing_since")
    def stands(self, channel: Channel) -> SafeString:
        return standing(channel, now=timezone.now()).html

    @admin.display(description="told from", ordering="least_severity")
    def told_from(self, channel: Channel) -> str:
        return channel.get_least_severity_display()

    @admin.display(description="reached by", ordering="kind")
    def reached_by(self, channel: Channel) -> str:
        return reach(channel)

    @admin.display(description="test last delivered", ordering="tested_at", empty_value="never")
    def last_test(self, channel: Channel) -> str | None:
        return f"{ago(channel.tested_at, now=timezone.now())} ago" if channel.tested_at else None

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if self.has_view_or_change_permission(request):
            first_channels.make_first_channels()
        return super().changelist_view(request, {"title": "Channels"} | (extra_context or {}))

    # The form

    @method_decorator(sensitive_post_parameters("address"))
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().changeform_view(request, *args, **kwargs)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        channel = self.get_object(request, object_id)
        context = {"may_test": self.has_test_permission(request)} | (extra_context or {})
        if channel:
            waiting = Delivery.objects.filter(channel=channel, state=Delivery.State.WAITING)
            context |= {"standing": standing(channel, now=timezone.now()), "waiting": waiting.count()}
        return super().change_view(request, object_id, form_url, context)

    def save_model(self, request: HttpRequest, obj: Channel, form: ModelForm[Channel], change: bool) -> None:
        # What was not changed stays as those that deliver have noted it meanwhile.
        obj.save(update_fields=form.changed_data if change else None)
        if not obj.is_on:
            again.call_off(obj)
        elif "address" in form.changed_data:
            failing.hasten(obj, now=timezone.now())

    def response_post_save_add(self, request: HttpRequest, obj: Channel) -> HttpResponseRedirect:
        """Go on to the page where it is tested."""
        if not self.has_test_permission(request):
            return super().response_post_save_add(request, obj)
        messages.info(request, "Send a test now: nobody knows yet whether it works.")
        return HttpResponseRedirect(_page_of(obj))

    # The test

    @method_decorator(require_POST)
    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Send a test, and tell what became of it."""
        if not self.has_test_permission(request):
            raise PermissionDenied
        channel = get_object_or_404(Channel, pk=pk)
        outcome = send_test(channel, by=actor_of(request).name, now=timezone.now())
        with transaction.atomic():
            self.log_change(request, channel, outcome.words)
        (messages.success if outcome.is_delivered else messages.error)(request, outcome.words)
        return HttpResponseRedirect(_page_of(channel))


def _page_of(channel: Channel) -> str:
    return reverse("admin:operations_channel_change", args=(channel.pk,))
