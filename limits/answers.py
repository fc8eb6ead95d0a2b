"""What a decision makes of an HTTP answer: the RateLimit fields, or a refusal."""

import json
from functools import lru_cache

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string

from limits.charged import decisions_of
from limits.core.decisions import Basis, Decision
from limits.core.headers import header_fields

TOO_MANY_REQUESTS = 429
UNAVAILABLE = 503
PAGES_MAX = 512
DENIED = (Basis.DENIED, Basis.DENIED_FOR_GOOD)
_WRITTEN = "_limits_written"


def add_fields(request: HttpRequest, response: HttpResponseBase) -> None:
    """Put the RateLimit fields of every decision on the request into its answer, those of a high priority first."""
    made = decisions_of(request)
    if len(made) == getattr(response, _WRITTEN, 0):
        return
    for name, value in header_fields(sorted(made, key=lambda decision: -decision.policy.priority)).items():
        response.headers[name] = value
    if not all(decision.allowed for decision in made):
        response.headers["Cache-Control"] = "no-store"
        # Django would log every refusal as a warning: under attack that is the dearest part of the answer.
        response._has_been_logged = True  # type: ignore[attr-defined]
    setattr(response, _WRITTEN, len(made))


def refusal(request: HttpRequest, decision: Decision) -> HttpResponse:
    """Return the answer to a refused request: a page for a browser, problem details (RFC 9457) for other clients.

    429; 503 when the policy refuses because nothing can be counted. A page is made once for all who read the same.
    """
    make = _page if "text/html" in request.META.get("HTTP_ACCEPT", "") else _problem
    response = make(request, decision)
    response.headers["Vary"] = "Accept"
    add_fields(request, response)
    return response


def wait_in_words(seconds: int) -> str:
    """Return a wait as a person would say it, rounded up: 45 seconds, 2 minutes, 1 hour."""
    for unit, unit_seconds in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds > 1.5 * unit_seconds or seconds == unit_seconds:
            return _plural(-(-seconds // unit_seconds), unit)
    return _plural(seconds, "second")


def _status(decision: Decision) -> int:
    return UNAVAILABLE if decision.basis is Basis.UNCOUNTED else TOO_MANY_REQUESTS


def _page(request: HttpRequest, decision: Decision) -> HttpResponse:
    text = _rendered(
        decision.policy.title,
        _rates_in_words(decision),
        wait_in_words(decision.retry_after_seconds),
        decision.policy.key.kind == "ip",
        decision.basis,
    )
    return HttpResponse(text, status=_status(decision))


@lru_cache(maxsize=PAGES_MAX)
def _rendered(title: str, rates: str, wait: str, is_by_address: bool, basis: Basis) -> bytes:
    context = {"title": title, "rates": rates, "wait": wait, "is_by_address": is_by_address}
    context |= {"is_denied": basis in DENIED, "ends": basis is Basis.DENIED}
    template = "limits/503.html" if basis is Basis.UNCOUNTED else "limits/429.html"
    return render_to_string(template, context).encode()


def _problem(request: HttpRequest, decision: Decision) -> HttpResponse:
    problem = {
        "type": "about:blank",
        "title": "Service unavailable" if decision.basis is Basis.UNCOUNTED else "Too many requests",
        "status": _status(decision),
        "detail": _detail(decision),
        "instance": request.path,
        "policy": decision.policy.slug,
        "retry_after_seconds": decision.retry_after_seconds,
    }
    return HttpResponse(json.dumps(problem), status=_status(decision), content_type="application/problem+json")


def _detail(decision: Decision) -> str:
    title, wait = decision.policy.title, wait_in_words(decision.retry_after_seconds)
    if decision.basis is Basis.UNCOUNTED:
        return f"{title}: requests cannot be counted at the moment. Come back in {wait}."
    if decision.basis in DENIED:
        until = f" for {wait}" if decision.basis is Basis.DENIED else ""
        return f"The people who run this site have closed it to you{until}."
    if not (rates := _rates_in_words(decision)):
        return f"{title}: you came too often and were asked to pause. Come back in {wait}."
    return f"{title}: the limit is {rates}. Come back in {wait}."


def _rates_in_words(decision: Decision) -> str:
    return " and ".join(str(state.rate) for state in decision.states if state.refused)


def _plural(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
