"""Books, and the search that the limits guard."""

from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    name = "portal.catalogue"
    verbose_name = "Catalogue"
