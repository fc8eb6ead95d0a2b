"""Views in which traps stand; the URLs of their tests."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path

import limits
import portal.urls


def another_decorator(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def wrapped(request: HttpRequest) -> Any:
        return view(request)

    return wrapped


@limits.limit("login")
def single(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


@limits.limit("outer")
@limits.limit("inner")
def stacked(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


@limits.limit("outer")
@another_decorator
@limits.limit("inner")
def stacked_apart(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


@limits.limit("login")
async def asynchronous(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


urlpatterns = [
    path("single", single),
    path("stacked", stacked),
    path("stacked-apart", stacked_apart),
    path("async", asynchronous),
    *portal.urls.urlpatterns,
]
