"""The portal's addresses, and a page beside that costs next to nothing."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from portal.urls import urlpatterns as portal_urls


def plain_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


urlpatterns = [path("plain/", plain_page), *portal_urls]
