"""Views behind policies that differ in what holds without Redis; each is named as its policy."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

import limits


def let_in(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


urlpatterns = [
    path("allow", limits.limit("allow")(let_in)),
    path("refuse", limits.limit("refuse")(let_in)),
    path("count-here", limits.limit("count-here")(let_in)),
    path("all-three", limits.limit("allow", "refuse", "count-here")(let_in)),
]
