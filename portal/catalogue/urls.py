"""Addresses of the catalogue."""

from django.urls import path

from portal.catalogue.api import search_api
from portal.catalogue.views import home

urlpatterns = [
    path("", home, name="home"),
    path("api/v1/search", search_api, name="search-api"),
]
