"""The admin site: Django's own, whose login counts with the site's login."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator

import limits


class PortalAdminSite(admin.AdminSite):
    site_title = "Portal admin"
    site_header = "Portal admin"
    index_title = "Overview"

    @method_decorator(limits.limit("login"))
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The login form; a POST is counted by the policy `login`, together with /login/."""
        return super().login(request, extra_context)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The applications by name, but rate limits first: they are what people come for at night."""
        applications = super().get_app_list(request, app_label)
        return sorted(applications, key=lambda application: application["app_label"] != "limits")


class PortalAdminConfig(AdminConfig):
    default_site = "portal.admin_site.PortalAdminSite"
