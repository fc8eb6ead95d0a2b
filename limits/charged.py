"""What was charged to a request, and what of it stays once its outcome is known.

A policy that counts only some outcomes is charged before the view runs, so that no burst slips through, and the charge
is given back afterwards: such a request costs two round trips.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from limits.core.decisions import Basis, Decision
from limits.core.policies import Counts
from limits.exceptions import StoreUnavailable
from limits.store import counters

CountsWhen = Callable[[HttpResponseBase], bool] | None
"""Says of an answer whether its request stays counted; None leaves that to the policy."""

_NOTED = "_limits_noted"
_LOGIN_FAILED = "_limits_login_failed"


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
        noted.append(_Noted(decision, counts_when, now, is_settled=refused or not _is_charged(decision)))


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
    """Remember that this request was a login that failed."""
    if request is not None:
        _state_of(request)[_LOGIN_FAILED] = True


def _state_of(request: HttpRequest) -> dict[str, Any]:
    """Return what is kept on a request: on Django's own, which REST framework wraps in another."""
    return getattr(request, "_request", request).__dict__


def _noted_on(request: HttpRequest) -> list[_Noted]:
    noted: list[_Noted] = _state_of(request).setdefault(_NOTED, [])
    return noted


def _is_charged(decision: Decision) -> bool:
    return decision.basis is Basis.COUNTED and decision.cost > 0 and not decision.over


def _stays_counted(noted: _Noted, request: HttpRequest, response: HttpResponseBase) -> bool:
    if noted.counts_when is not None:
        return noted.counts_when(response)
    counts = noted.decision.policy.counts
    if counts is Counts.CLIENT_ERRORS:
        return 400 <= response.status_code < 500
    return counts is Counts.EVERY or _LOGIN_FAILED in _state_of(request)


def _give_back(charges: Sequence[_Noted]) -> None:
    """What cannot be given back, because Redis is away, is not counted there anyway, or ends with its window."""
    back = [noted for noted in charges if not noted.is_settled]
    if not back:
        return
    for noted in back:
        noted.is_settled = True
    age_milliseconds = int((time.monotonic() - min(noted.at for noted in back)) * 1000)
    with contextlib.suppress(StoreUnavailable):
        counters.give_back([noted.decision.claim for noted in back], age_milliseconds=age_milliseconds)
