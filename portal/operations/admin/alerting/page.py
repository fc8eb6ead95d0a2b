"""All that is known of one alert, for its page."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from portal.operations.admin.alerting.conditions import figure
from portal.operations.admin.alerting.rows import shown
from portal.operations.admin.alerting.strip import strip_of
from portal.operations.admin.alerting.words import Sign, event_sign
from portal.operations.models import Alert, AlertEvent, Message

_EVENTS_SHOWN = 100
_MESSAGES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Happened:
    """What became of an alert, as a page tells it."""

    event: AlertEvent
    condition: str

    @property
    def sign(self) -> Sign:
        """The state that was entered, or what somebody did."""
        return event_sign(self.event)

    @property
    def value(self) -> str:
        """The value then, with its unit; '' for none."""
        return figure(self.event.value, key=self.condition)


def page_context(alert: Alert, *, span: timedelta, now: datetime) -> dict[str, Any]:
    """Return what an alert's page shows, with its states over a span that ends now."""
    (each,) = shown([alert], now=now)
    events = AlertEvent.objects.filter(rule_name=alert.rule.name, target__in={alert.target, ""})
    strip = strip_of(alert, begins=now - span, now=now)
    return {
        "shown": each,
        "days": span.days,
        "strip": strip,
        "stretches": [(stretch, figure(stretch.value, key=alert.rule.condition)) for stretch in strip.stretches[::-1]],
        "told": list(messages_of(alert)[:_MESSAGES_SHOWN]),
        "events": [Happened(event, alert.rule.condition) for event in events[:_EVENTS_SHOWN]],
    }


def messages_of(alert: Alert) -> QuerySet[Message]:
    """Return what people were told of an alert, the newest first: each message ends with its page's address."""
    page = reverse("admin:operations_alert_change", args=(alert.pk,))
    return Message.objects.filter(body__endswith=page).prefetch_related("deliveries__channel")
