"""The doors of the whole site: known refusals first of all, then the policies that no view names, or the default."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django_ratelimit.exceptions import Ratelimited

from limits import answers, charged, enforcement, identity
from limits.conf import conf
from limits.core.decisions import Decision, refusing
from limits.core.overrides import Effect
from limits.core.policies import Mode, Policy
from limits.in_force import policies_in_force
from limits.overrides_in_force import overrides_in_force
from limits.pending import leave_pending, take_pending
from limits.refusals import refusals
from limits.tallies import tallies
from limits.views_in_code import Use, uses_of

PATHS_MAX = 4096


class KnownRefusalsMiddleware:
    """Answers who is denied, or known to be refused, before anything else is looked at. Stands first.

    It knows what Redis has told this process before, so it takes no policy that counts people (who is logged in is not
    known yet) or what a body says: those are refused by `LimitsMiddleware` or by the view's own door.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        known = _known_refusal(request) if len(refusals) or not overrides_in_force.are_none else None
        if known is None:
            return self.get_response(request)
        charged.note(request, [(known, None)])
        tallies.note(known, request=request)
        response = answers.refusal(request, known)
        return _at_once(response) if self.is_async else response


class LimitsMiddleware:
    """Enforces the policies that name a view or a path, else the default one, and answers for plain django-ratelimit.

    Stands right after the authentication. Where a view has a door of its own, they are left to it, so that all that
    hold for the request are asked at once. A request that nothing looked at, because a middleware within answered it
    or it leads to no view, is counted once its answer is there.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
            self.process_view = self._process_view_async  # type: ignore[method-assign]

    def __call__(self, request: HttpRequest) -> Any:
        if self.is_async:
            return self._call_async(request)
        response: HttpResponseBase = self.get_response(request)
        return _finished(request, response)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Refuse before the view runs, when a policy that holds for it is used up."""
        return _before_view(request, view)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer 429 where plain django-ratelimit, asked through our hooks, raises what Django would answer by 403."""
        decision = refusing(charged.decisions_of(request)) if isinstance(exception, Ratelimited) else None
        return answers.refusal(request, decision) if decision else None

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = await self.get_response(request)
        return await enforcement.in_thread(_finished, request, response)

    async def _process_view_async(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        return await enforcement.in_thread(_before_view, request, view)


async def _at_once(response: HttpResponse) -> HttpResponse:
    return response


def _before_view(request: HttpRequest, view: Callable[..., Any]) -> HttpResponse | None:
    match = request.resolver_match
    covering = _uses_that_cover(uses_of(view), method=request.method or "")
    held = _held_here(request, view_name=match.view_name if match else "", covering=covering)
    if covering and not any(use.plain for use in covering):
        leave_pending(request, held)
        return None
    return _enforce(request, held)


def _finished(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    # The view's own door was not reached: something within answered before it.
    if refusal := _enforce(request, take_pending(request)):
        response = refusal
    if not charged.decisions_of(request):
        response = _enforce(request, _held_here(request, view_name="", covering=())) or response
    charged.settle(request, response)
    answers.add_fields(request, response)
    return response


def _held_here(request: HttpRequest, *, view_name: str, covering: Sequence[Use]) -> Sequence[Policy]:
    """Return the policies that are enforced here: those that name the view or the path, and the default one, unless
    another that refuses looks at the request.
    """
    path, method = request.path_info, request.method or ""
    is_exempt = _is_exempt(path, conf.exempt_paths)
    # A path such as /** is not meant for the admin and the probes; a view that a policy names is.
    routed = _routed(path="" if is_exempt else path, view_name=view_name, method=method)
    others = (*routed, *enforcement.covering([use.slug for use in covering], method=method))
    if is_exempt or any(policy.mode is Mode.ENFORCE for policy in others):
        return routed
    return (*routed, *enforcement.covering((conf.default_policy,), method=method))


def _enforce(request: HttpRequest, policies: Sequence[Policy]) -> HttpResponse | None:
    decision = refusing(enforcement.check_policies(request, policies))
    return answers.refusal(request, decision) if decision else None


def _routed(*, path: str, view_name: str, method: str) -> Sequence[Policy]:
    return policies_in_force.routed().policies(path=path, view=view_name, method=method) if conf.enabled else ()


def _uses_that_cover(uses: Sequence[Use], *, method: str) -> list[Use]:
    """Return the uses whose policy is in force and looks at this method."""
    return [
        use
        for use in uses
        if use.asks_about(method)
        and (policy := policies_in_force.policy(use.slug)) is not None
        and policy.covers(method)
    ]


@lru_cache(maxsize=1024)
def _is_exempt(path: str, exempt_paths: tuple[str, ...]) -> bool:
    """Say whether the path is one of those, or lies under one that ends in a slash."""
    return any(path == exempt or (exempt[-1] == "/" and path.startswith(exempt)) for exempt in exempt_paths)


# What is known to be refused


class _Led(NamedTuple):
    """Where a path leads: the view's URL name and the policies that its code names."""

    view_name: str
    uses: tuple[Use, ...]


def _known_refusal(request: HttpRequest) -> Decision | None:
    if not conf.enabled or (overrides_in_force.look_at_people and _tells_who_it_is(request)):
        return None
    known = [_known_of(request, policy) for policy in _policies_before_view(request)]
    return refusing([decision for decision in known if decision is not None])


def _tells_who_it_is(request: HttpRequest) -> bool:
    """Say whether a middleware within may find out that somebody is logged in, for whom an override may hold."""
    meta = request.META
    return settings.SESSION_COOKIE_NAME in request.COOKIES or "HTTP_AUTHORIZATION" in meta or "REMOTE_USER" in meta


def _policies_before_view(request: HttpRequest) -> Sequence[Policy]:
    method = request.method or ""
    led = _led(request.path_info, settings.ROOT_URLCONF)
    covering = _uses_that_cover(led.uses, method=method)
    held = _held_here(request, view_name=led.view_name, covering=covering)
    return (*held, *enforcement.covering([use.slug for use in covering if not use.is_dynamic], method=method))


def _known_of(request: HttpRequest, policy: Policy) -> Decision | None:
    if policy.key.kind == "field" or policy.key.other is not None or identity.needs_user(policy.key):
        return None
    client = identity.client_of(request, key=policy.key, ipv6_prefix=policy.ipv6_prefix)
    if not overrides_in_force.are_none and (override := overrides_in_force.winner(request, policy=policy)):
        is_denied = override.effect is Effect.DENIED
        return enforcement.decide_by_override(policy, override=override, client=client) if is_denied else None
    return refusals.known(policy, client=client, cost=policy.cost)


@lru_cache(maxsize=PATHS_MAX)
def _led(path: str, urlconf: str) -> _Led:
    try:
        match = resolve(path, urlconf)
    except Resolver404:
        return _Led("", ())
    return _Led(match.view_name, uses_of(match.func))
