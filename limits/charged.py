"""What was charged to a request, and what of it stays once its outcome is known.

A policy that counts only some outcomes is charged before the view runs, so that no burst slips through, and the charge
is given back afterwards, where it was charged: in Redis, by a second round trip, or in this process.
"""

import contextlib
import time
import weakref
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from limits.core.decisions import Basis, Claim, Decision
from limits.core.policies import Counts
from limits.exceptions import StoreUnavailable
from limits.store import counters
from limits.without_redis import counts_here

CountsWhen = Callable[[HttpResponseBase], bool] | None
"""Says of an answer whether its request stays counted; None leaves that to the policy."""

_CHARGED = (Basis.COUNTED, Basis.HERE)
_NOTED = "_limits_noted"
_LOGIN_FAILED = "_limits_login_failed"

_counts_failed_logins: ContextVar[weakref.ref[HttpRequest] | None] = ContextVar("counts_failed_logins", default=None)
"""The request in hand, once a policy that counts failed logins is charged for it. Weak: a thread outlives requests."""


@dataclass(slots=True)
class _Noted:
    decision: Decision
    counts_when: CountsWhen
    at: float
    is_settled: bool


def note(request: HttpRequest, decided: Sequence[tuple[Decision, CountsWhen]]) -> None:
    """Remember on the request what was decided together, and what code says of when each counts.

    A refusal takes back what was charged to the request before.
    """
    noted = _noted_on(request)
    refused = False
    for decision, _ in decided:
        refused = refused or not decision.allowed
    if refused and noted:
        _give_back(noted)
    now = time.monotonic()
    for decision, counts_when in decided:
        is_charged = not refused and _is_charged(decision)
        noted.append(_Noted(decision, counts_when, now, is_settled=not is_charged))
        if is_charged and decision.policy.counts is Counts.FAILED_LOGINS:
            _counts_failed_logins.set(weakref.ref(_djangos(request)))


def decisions_of(request: HttpRequest) -> list[Decision]:
    """Return the decisions that have been made on a request."""
    return [noted.decision for noted in _noted_on(request)]


def settle(request: HttpRequest, response: HttpResponseBase, *, since: int = 0) -> None:
    """Give back what this answer does not count; of the decisions on the request, those since that many."""
    waiting = [noted for noted in _noted_on(request)[since:] if not noted.is_settled]
    _give_back([noted for noted in waiting if not _stays_counted(noted, request, response)])
    for noted in waiting:
        noted.is_settled = True


def waits_for_outcome(request: HttpRequest) -> bool:
    """Say whether something charged may have to be given back."""
    return any(
        not noted.is_settled and (noted.counts_when or noted.decision.policy.counts is not Counts.EVERY)
        for noted in _noted_on(request)
    )


def note_failed_login(request: HttpRequest | None) -> None:
    """Remember that this request was a login that failed.

    `authenticate` may be called without one: then it is the request in hand, if a policy that counts failed logins was
    charged for it.
    """
    if request is None and (in_hand := _counts_failed_logins.get()):
        request = in_hand()
    if request is not None:
        _state_of(request)[_LOGIN_FAILED] = True


def _state_of(request: HttpRequest) -> dict[str, Any]:
    return _djangos(request).__dict__


def _djangos(request: HttpRequest) -> HttpRequest:
    """Return Django's own request, on which things are kept; REST framework wraps it in another."""
    own: HttpRequest = getattr(request, "_request", request)
    return own


def _noted_on(request: HttpRequest) -> list[_Noted]:
    noted: list[_Noted] = _state_of(request).setdefault(_NOTED, [])
    return noted


def _is_charged(decision: Decision) -> bool:
    return decision.basis in _CHARGED and decision.cost > 0 and not decision.over


def _stays_counted(noted: _Noted, request: HttpRequest, response: HttpResponseBase) -> bool:
    if noted.counts_when is not None:
        return noted.counts_when(response)
    counts = noted.decision.policy.counts
    if counts is Counts.CLIENT_ERRORS:
        return 400 <= response.status_code < 500
    return counts is Counts.EVERY or _LOGIN_FAILED in _state_of(request)


def _give_back(charges: Sequence[_Noted]) -> None:
    """Give back each charge where it was made. What Redis, being away, cannot take back ends with its window."""
    now = time.monotonic()
    back: dict[Basis, list[tuple[Claim, int]]] = {Basis.COUNTED: [], Basis.HERE: []}
    for noted in charges:
        if not noted.is_settled:
            noted.is_settled = True
            back[noted.decision.basis].append((noted.decision.claim, int((now - noted.at) * 1000)))
    if back[Basis.HERE]:
        counts_here.give_back(back[Basis.HERE])
    if back[Basis.COUNTED]:
        with contextlib.suppress(StoreUnavailable):
            counters.give_back(back[Basis.COUNTED])
