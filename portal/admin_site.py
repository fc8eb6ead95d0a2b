"""The admin site: Django's own, whose login counts with the site's login."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.decorators import method_decorator

import limits
from limits.charged import note_failed_login


class PortalAdminSite(admin.AdminSite):
    site_title = "Portal admin"
    site_header = "Portal admin"
    index_title = "Overview"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register as Django does, but let nobody filter by what a page does not offer (see `_lookup_allowed`)."""
        super().register(model_or_iterable, admin_class, **{"lookup_allowed": _lookup_allowed} | options)

    @method_decorator(limits.limit("login"))
    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The form for a new password; it asks for the old one, so it counts as a login; a wrong one, as failed."""
        answer = super().password_change(request, extra_context)
        # Shown again: the form compares the old password itself, and Django tells nobody of a wrong one.
        form = (getattr(answer, "context_data", None) or {}).get("form")
        if form is not None and form.has_error("old_password", "password_incorrect"):
            note_failed_login(request)
        return answer

    @method_decorator(limits.limit("login"))
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The login form; a POST is counted by the policy `login`, together with /login/."""
        return super().login(request, extra_context)

    def get_urls(self) -> list[Any]:
        """Django's, and the part of the first page that is fetched anew."""
        # Not above: this module is read before there are models.
        from portal.operations.admin import dashboard

        return [path("dashboard/", self.admin_view(dashboard.fragment), name="dashboard"), *super().get_urls()]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The applications by name, but rate limits first: they are what people come for at night."""
        applications = super().get_app_list(request, app_label)
        return sorted(applications, key=lambda application: application["app_label"] != "limits")


def _lookup_allowed(self: "admin.ModelAdmin[Any]", lookup: str, value: str, request: HttpRequest) -> bool:
    """Say whether a query string may filter a list by this: only by what `list_filter` offers, and by no pattern.

    Django takes any lookup on a model's own fields. With `?message__regex=…` whoever may see a list could find out,
    letter by letter, what it does not show, such as the links in mails; a long pattern holds a worker for good.
    """
    filters = self.get_list_filter(request)
    offered = {item if isinstance(item, str) else getattr(item, "parameter_name", None) for item in filters}
    field, _, kind = lookup.partition("__")
    return field in offered and kind in ("", "exact", "isnull", "gte", "lt", "in", "id__exact", "pk__exact")


class PortalAdminConfig(AdminConfig):
    default_site = "portal.admin_site.PortalAdminSite"
