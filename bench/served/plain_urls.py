"""The portal's addresses, the home page behind plain django-ratelimit."""

from django.urls import path
from django_ratelimit.decorators import ratelimit

from portal.catalogue.views import home
from portal.urls import urlpatterns as portal_urls

urlpatterns = [path("", ratelimit(key="ip", rate="50/h")(home), name="home"), *portal_urls]
