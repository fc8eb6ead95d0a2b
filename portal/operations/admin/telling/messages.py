"""Messages in the admin: what was told, to whom, and what became of it."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from portal.operations.admin.alerting.words import severity_sign
from portal.operations.admin.audit import ReadOnlyAdmin
from portal.operations.admin.telling.channel_words import Standing, delivery_standing
from portal.operations.models import Delivery, Message
from portal.operations.watching.telling import again


@dataclass(frozen=True, slots=True)
class Shown:
    """A delivery, and how it stands."""

    delivery: Delivery
    standing: Standing

    @property
    def is_given_up(self) -> bool:
        return self.delivery.state == Delivery.State.GIVEN_UP


class DeliveryFilter(admin.SimpleListFilter):
    """Messages of which a delivery stands so."""

    title = "delivery"
    parameter_name = "delivery"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, state.label) for state in Delivery.State]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        if self.value() not in Delivery.State.values:
            return queryset
        return queryset.filter(pk__in=Delivery.objects.filter(state=self.value()).values("message"))


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = ("subject", "when", "matters", "kind", "to_whom")
    list_filter = ("kind", "severity", DeliveryFilter)
    search_fields = ("subject", "body")
    search_help_text = "A part of the subject or of the text"

    class Media:
        css = {"all": ("operations/backups.css", "operations/channels.css")}

    def get_urls(self) -> list[URLPattern]:
        """The list, of each its page, and sending again."""
        wrap, name = self.admin_site.admin_view, "operations_message_{}"
        return [
            path("", wrap(self.changelist_view), name=name.format("changelist")),
            path("<int:pk>/change/", wrap(self.page_view), name=name.format("change")),
            path("<int:pk>/again/", wrap(self.again_view), name=name.format("again")),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        return super().get_queryset(request).prefetch_related("deliveries__channel")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": "What the channels were told"} | (extra_context or {}))

    @admin.display(description="at", ordering="at")
    def when(self, message: Message) -> str:
        return f"{timezone.localtime(message.at):%Y-%m-%d %H:%M:%S %Z}"

    @admin.display(description="severity", ordering="severity")
    def matters(self, message: Message) -> SafeString:
        sign = severity_sign(message.severity)
        return format_html('<span aria-hidden="true">{}</span> {}', sign.symbol, sign.words)

    @admin.display(description="to whom")
    def to_whom(self, message: Message) -> SafeString | str:
        told = [(each.delivery.channel.name, each.standing.html) for each in shown(message)]
        return format_html_join("", "<div>{}: {}</div>", told) or "nobody: no channel was on for it"

    def page_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A message, and each of its deliveries."""
        message = self._message(request, pk)
        context = {
            **self.admin_site.each_context(request),
            "title": message.subject,
            "opts": self.opts,
            "media": self.media,
            "message": message,
            "sign": severity_sign(message.severity),
            "deliveries": shown(message),
            "may_send_again": may_send_again(request),
        }
        return TemplateResponse(request, "admin/operations/message/page.html", context)

    @method_decorator(require_POST)
    def again_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Let a delivery that was given up be tried anew."""
        message = self._message(request, pk)
        if not may_send_again(request):
            raise PermissionDenied
        typed = request.POST.get("delivery", "")
        delivery = get_object_or_404(message.deliveries, pk=typed if typed.isdecimal() else 0)
        if again.send_again(delivery, now=timezone.now()):
            self.log_change(request, message, f"Sent again to “{delivery.channel}”.")
            messages.success(request, f"It is sent to “{delivery.channel}” again within seconds.")
        else:
            messages.warning(request, f"“{delivery.channel}” is off, or the message was not given up. Nothing is sent.")
        return HttpResponseRedirect(reverse("admin:operations_message_change", args=(message.pk,)))

    def _message(self, request: HttpRequest, pk: int) -> Message:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(self.get_queryset(request), pk=pk)


def shown(message: Message) -> list[Shown]:
    """Return the deliveries of a message by their channels' names."""
    deliveries = sorted(message.deliveries.all(), key=lambda delivery: delivery.channel.name)
    return [Shown(delivery, delivery_standing(delivery)) for delivery in deliveries]


def may_send_again(request: HttpRequest) -> bool:
    """Say whether somebody may have a message sent again: whoever may change channels."""
    return request.user.has_perm("operations.change_channel")
