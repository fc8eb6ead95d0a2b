"""Every address of the site."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import include, path

from portal import health
from portal.operations import metrics


def favicon(request: HttpRequest) -> HttpResponse:
    """Lead browsers that ask for the old place to the picture."""
    return redirect(static("portal/favicon.svg"), permanent=True)


urlpatterns = [
    path("", include("portal.catalogue.urls")),
    path("", include("portal.accounts.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.alive, name="healthz"),
    path("favicon.ico", favicon),
    path("metrics", metrics.metrics, name="metrics"),
    path("readyz", health.ready, name="readyz"),
]
