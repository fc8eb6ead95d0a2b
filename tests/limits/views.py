"""Views behind limits, as sites write them; the URLs of the tests of doors."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django_ratelimit.decorators import ratelimit

import limits
import portal.urls


@limits.limit("login")
def by_decorator(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


@ratelimit(group="login", key="limits.key_for", rate="limits.rate_for", method=ratelimit.ALL)
def by_django_ratelimit(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


@ratelimit(group="login", key="limits.key_for", rate="limits.rate_for", block=False)
def by_django_ratelimit_without_block(request: HttpRequest) -> HttpResponse:
    return HttpResponse("limited" if getattr(request, "limited", False) else "let in")


@method_decorator(limits.limit("login"), name="dispatch")
class ByClass(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("let in")

    post = get


@method_decorator(ratelimit(group="login", key="limits.key_for", rate="limits.rate_for"), name="dispatch")
class ByDjangoRatelimitOnAClass(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("let in")

    post = get


@ratelimit(group="login", key="limits.key_for", rate="limits.rate_for", method="POST")
def by_django_ratelimit_for_posts(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


class ByOneMethod(View):
    @method_decorator(limits.limit("login"))
    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("let in")

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("let in")


@limits.limit("outer")
@limits.limit("login")
def behind_two(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


@limits.limit("no-such-policy")
def behind_nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


@limits.limit("outer")
@never_cache
@limits.limit("login")
def behind_two_with_another_between(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


@method_decorator([limits.limit("outer"), limits.limit("login")], name="dispatch")
class ByAListOnAClass(View):
    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("let in")


@method_decorator(limits.limit("outer"), name="dispatch")
@method_decorator(limits.limit("login"), name="dispatch")
class ByTwoOnAClass(View):
    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("let in")


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


urlpatterns = [
    path("decorator", by_decorator),
    path("ratelimit", by_django_ratelimit),
    path("unblocked", by_django_ratelimit_without_block),
    path("class", ByClass.as_view()),
    path("ratelimit-class", ByDjangoRatelimitOnAClass.as_view()),
    path("ratelimit-posts", by_django_ratelimit_for_posts),
    path("method", ByOneMethod.as_view()),
    path("two", behind_two),
    path("two-apart", behind_two_with_another_between),
    path("two-listed", ByAListOnAClass.as_view()),
    path("two-on-a-class", ByTwoOnAClass.as_view()),
    path("nothing", behind_nothing),
    path("plain", plain, name="plain"),
    path("exempt/", plain),
    *portal.urls.urlpatterns,
]
