"""The door of the whole site: the default policy, for every request that no other policy looked at."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django_ratelimit.exceptions import Ratelimited

from limits import answers, enforcement, ratelimit_hooks
from limits.conf import conf
from limits.in_force import policies_in_force
from limits.views_in_code import uses_of


class LimitsMiddleware:
    """Enforces the default policy, and answers for plain django-ratelimit. Stands right after the authentication.

    A request that nothing looked at, because a middleware within answered it or it leads to no view, is counted once
    its answer is there.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = self.get_response(request)
        if plain := ratelimit_hooks.decision_of(request):
            answers.note(request, plain)
        if not answers.decisions_of(request) and not _is_exempt(request):
            response = _enforce_default(request) or response
        answers.add_fields(request, response)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Refuse before the view runs, when the default policy holds for it and is used up."""
        if _is_exempt(request) or _is_covered(request, view):
            return None
        return _enforce_default(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer 429 where plain django-ratelimit, asked through our hooks, raises what Django would answer by 403."""
        decision = ratelimit_hooks.decision_of(request) if isinstance(exception, Ratelimited) else None
        return answers.refusal(request, decision) if decision else None


def _enforce_default(request: HttpRequest) -> HttpResponse | None:
    decision = enforcement.check(request, conf.default_policy)
    if decision is None:
        return None
    answers.note(request, decision)
    return None if decision.allowed else answers.refusal(request, decision)


def _is_exempt(request: HttpRequest) -> bool:
    """Say whether the path is one of those, or lies under one that ends in a slash."""
    path = request.path_info
    return any(path == exempt or (exempt[-1] == "/" and path.startswith(exempt)) for exempt in conf.exempt_paths)


def _is_covered(request: HttpRequest, view: Callable[..., Any]) -> bool:
    """Say whether a policy in force of the view's own looks at this method."""
    method = request.method or ""
    asked = (policies_in_force.policy(use.slug) for use in uses_of(view) if use.asks_about(method))
    return any(policy is not None and policy.covers(method) for policy in asked)
