"""What a decision makes of an HTTP answer: the RateLimit fields, or a refusal."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.http import escape_leading_slashes

from limits.core.decisions import Decision
from limits.core.headers import header_fields

TOO_MANY_REQUESTS = 429
_DECISIONS = "_limits_decisions"
_WRITTEN = "_limits_written"


def note(request: HttpRequest, decision: Decision) -> None:
    """Remember a decision on the request: an answer names every policy that looked at it."""
    setattr(request, _DECISIONS, [*decisions_of(request), decision])


def decisions_of(request: HttpRequest) -> list[Decision]:
    """Return the decisions that have been made on a request."""
    return getattr(request, _DECISIONS, [])


def add_fields(request: HttpRequest, response: HttpResponseBase) -> None:
    """Put the RateLimit fields of every decision on the request into its answer."""
    made = decisions_of(request)
    if len(made) == getattr(response, _WRITTEN, 0):
        return
    for name, value in header_fields(made).items():
        response.headers[name] = value
    setattr(response, _WRITTEN, len(made))


def refusal(request: HttpRequest, decision: Decision) -> HttpResponse:
    """Return the 429 for a refused request: a page for a browser, problem details (RFC 9457) for other clients."""
    make = _page if "text/html" in request.headers.get("Accept", "") else _problem
    response = make(request, decision)
    response.status_code = TOO_MANY_REQUESTS
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept"
    add_fields(request, response)
    # Django would log every refusal as a warning: under attack that is the dearest part of the answer.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def wait_in_words(seconds: int) -> str:
    """Return a wait as a person would say it, rounded up: 45 seconds, 2 minutes, 1 hour."""
    for unit, unit_seconds in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds > 1.5 * unit_seconds or seconds == unit_seconds:
            return _plural(-(-seconds // unit_seconds), unit)
    return _plural(seconds, "second")


def _page(request: HttpRequest, decision: Decision) -> HttpResponse:
    context = {
        "policy": decision.policy,
        "rates": [state.rate for state in decision.states if state.refused],
        "retry_after_seconds": decision.retry_after_seconds,
        "wait": wait_in_words(decision.retry_after_seconds),
        "again_path": escape_leading_slashes(request.get_full_path()),
    }
    return HttpResponse(render_to_string("limits/429.html", context, request=request))


def _problem(request: HttpRequest, decision: Decision) -> HttpResponse:
    problem = {
        "type": "about:blank",
        "title": "Too many requests",
        "status": TOO_MANY_REQUESTS,
        "detail": (
            f"{decision.policy.title}: the limit is "
            f"{' and '.join(str(state.rate) for state in decision.states if state.refused)}. "
            f"Come back in {wait_in_words(decision.retry_after_seconds)}."
        ),
        "instance": request.path,
        "policy": decision.policy.slug,
        "retry_after_seconds": decision.retry_after_seconds,
    }
    return JsonResponse(problem, content_type="application/problem+json")


def _plural(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
