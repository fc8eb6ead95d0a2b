"""What somebody does in the admin of overrides: open one, type, press Save."""

from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from limits.models import Override

LIST = "/admin/limits/override/"
ADD = f"{LIST}add/"
NEW = {
    "about": "network",
    "who": "198.51.100.0/24",
    "policy": "",
    "effect": "exempt",
    "since_0": "2026-01-01",
    "since_1": "00:00:00",
    "reason": "Our office",
}
"""What a browser sends of a new one for a network."""


def page_of(override: Override) -> str:
    """Return the path of an override's own page."""
    return f"{LIST}{override.pk}/change/"


def edit(client: Client, override: Override, **typed: Any) -> HttpResponse:
    """Open an override's page, type, and press Save."""
    form = client.get(page_of(override)).context["adminform"].form
    sent: dict[str, Any] = {}
    for name in form.fields:
        value = form[name].value()
        if name in ("since", "until"):
            local = timezone.localtime(value) if value else None
            sent |= {
                f"{name}_0": f"{local:%Y-%m-%d}" if local else "",
                f"{name}_1": f"{local:%H:%M:%S}" if local else "",
            }
        elif value is not None:
            sent[name] = value
    return client.post(page_of(override), sent | typed, follow=True)
