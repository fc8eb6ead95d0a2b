"""What people do to a site while it runs: a form in the admin, a request after another."""

from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from limits.models import Policy


def edit(admin: Client, slug: str, **typed: Any) -> HttpResponse:
    """Open a policy's page in the admin, type, and press Save."""
    page = reverse("admin:limits_policy_change", args=(Policy.objects.get(slug=slug).pk,))
    form = admin.get(page).context["adminform"].form
    shown = {name: form[name].value() for name in form.fields}
    # A browser sends no box that is not ticked.
    sent = {name: value for name, value in shown.items() if value is not None and value is not False}
    return admin.post(page, sent | typed)  # type: ignore[return-value]


def errors_of(answer: HttpResponse) -> dict[str, list[str]]:
    """Return what stands beside the fields of a form that was not saved."""
    form = answer.context["adminform"].form  # type: ignore[attr-defined]
    return {name: list(errors) for name, errors in form.errors.items()}


def statuses(client: Client, path: str, *, requests: int, **environ: Any) -> list[int]:
    """Send POST requests one after another."""
    return [client.post(path, **environ).status_code for _ in range(requests)]
