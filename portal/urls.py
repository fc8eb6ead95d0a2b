"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path

from portal import health

urlpatterns = [
    path("", include("portal.catalogue.urls")),
    path("", include("portal.accounts.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
]
