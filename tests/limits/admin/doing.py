"""What somebody does in the admin of policies: open a page, type, press a button."""

import html
from typing import Any

from django.http import HttpResponse
from django.test import Client

from limits.models import Policy

LIST = "/admin/limits/policy/"
ADD = f"{LIST}add/"
UNTOUCHED = {
    "mode": "enforce",
    "algorithm": "fixed-window",
    "priority": "0",
    "ipv6_prefix": "64",
    "cost": "1",
    "counts": "every",
    "penalty_seconds": "0",
    "without_redis": "allow",
}
"""What a browser sends of a new policy's fields of which nobody touches any."""
NEW = UNTOUCHED | {"slug": "upload", "title": "Uploading", "rates": "10/m", "key": "ip", "reason": "It is new"}


def page_of(slug: str) -> str:
    """Return the path of a policy's own page."""
    return f"{LIST}{Policy.objects.get(slug=slug).pk}/change/"


def open_form(client: Client, path: str) -> dict[str, Any]:
    """Return what a browser would send if nothing were typed."""
    form = client.get(path).context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in values.items() if value is not None and value is not False}


def save(client: Client, slug: str, /, **typed: Any) -> HttpResponse:
    """Open a policy's page, type, and press Save."""
    return client.post(page_of(slug), open_form(client, page_of(slug)) | typed)


def act(client: Client, action: str, *slugs: str) -> HttpResponse:
    """Tick policies in the list, and run an action."""
    ticked = list(Policy.objects.filter(slug__in=slugs).values_list("pk", flat=True))
    return client.post(LIST, {"action": action, "_selected_action": ticked}, follow=True)


def errors_of(response: HttpResponse) -> dict[str, list[str]]:
    """Return the errors that stand beside the fields of a form that was refused."""
    assert response.status_code == 200
    return {name: list(errors) for name, errors in response.context["adminform"].form.errors.items()}


def text_of(response: HttpResponse) -> str:
    """Return a page as a person reads its words: with no escapes."""
    return html.unescape(response.content.decode())


def told(response: HttpResponse) -> str:
    """Return the messages on top of a page."""
    return " ".join(map(str, response.context["messages"]))
