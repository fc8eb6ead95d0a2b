"""The door of one view: `@limit("login")`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from limits import answers, charged
from limits.charged import CountsWhen
from limits.core.decisions import refusing
from limits.enforcement import Asked, covering, decide, in_thread
from limits.pending import with_pending
from limits.views_in_code import SLUGS, mark

View = TypeVar("View", bound=Callable[..., Any])
Cost = int | Callable[[HttpRequest], int] | None

_DOOR = "_limits_door"


@dataclass(frozen=True, slots=True)
class _Door:
    """What a decorated view asks before it runs, and the view itself."""

    view: Callable[..., Any]
    slugs: tuple[str, ...]
    cost: Cost
    counts_when: CountsWhen


def limit(*slugs: str, cost: Cost = None, counts_when: CountsWhen = None) -> Callable[[View], View]:
    """Return a decorator that puts a view, sync or async, behind policies. Works on a class through `method_decorator`.

    All policies are asked together: a request that one refuses is charged to none. Where other decorators stand
    between two of them, the outer is asked first, and given back when the inner refuses. `cost` is what the request is
    charged, a number or a function of the request; without it the policy says. `counts_when` tells of an answer whether
    its request stays counted; without it the policy says.

    The view bears the policies' names as a mark: the default policy leaves alone what they cover, a check at start
    knows every name that code uses, and such a policy cannot be deleted. Raises TypeError for what is no view.
    """
    if not slugs or not all(isinstance(slug, str) for slug in slugs):
        raise TypeError('@limit takes the names of policies: @limit("login").')

    def decorate(view: View) -> View:
        if isinstance(view, type):
            raise TypeError(f'For a class: @method_decorator(limit("{slugs[0]}"), name="dispatch").')
        door = _joined(_Door(view, slugs, cost, counts_when))
        limited = _async_view(door) if _is_async(door.view) else _view(door)
        setattr(limited, _DOOR, door)
        mark(limited, slugs=door.slugs, is_dynamic=door.cost is not None)
        return cast(View, limited)

    # Of decorators that `method_decorator` was given, views_in_code knows the policies by this.
    setattr(decorate, SLUGS, dict.fromkeys(slugs, cost is not None))
    return decorate


def _joined(door: _Door) -> _Door:
    """Return one door for two that stand right behind one another and ask the same way."""
    within: _Door | None = getattr(door.view, _DOOR, None)
    is_right_behind = within is not None and getattr(door.view, "__wrapped__", None) is within.view
    if within is None or not is_right_behind or (within.cost, within.counts_when) != (door.cost, door.counts_when):
        return door
    return _Door(within.view, tuple(dict.fromkeys((*door.slugs, *within.slugs))), door.cost, door.counts_when)


def _is_async(view: Callable[..., Any]) -> bool:
    if iscoroutinefunction(view):
        return True
    # An async class's `dispatch` is a plain function that returns a coroutine; `method_decorator` hands over a partial.
    instance = getattr(getattr(view, "func", view), "__self__", None)
    return bool(getattr(instance, "view_is_async", False))


def _view(door: _Door) -> Callable[..., HttpResponseBase]:
    @wraps(door.view)
    def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        since = len(charged.decisions_of(request))
        refusal = _refusal(door, request)
        if refusal is not None:
            return refusal
        response: HttpResponseBase = door.view(request, *args, **kwargs)
        charged.settle(request, response, since=since)
        answers.add_fields(request, response)
        return response

    return limited


def _async_view(door: _Door) -> Callable[..., Any]:
    @wraps(door.view)
    async def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        since = len(charged.decisions_of(request))
        refusal = await in_thread(_refusal, door, request)
        if refusal is not None:
            return refusal
        response: HttpResponseBase = await door.view(request, *args, **kwargs)
        if charged.waits_for_outcome(request):
            await in_thread(partial(charged.settle, since=since), request, response)
        answers.add_fields(request, response)
        return response

    return limited


def _refusal(door: _Door, request: HttpRequest) -> HttpResponse | None:
    cost = door.cost(request) if callable(door.cost) else door.cost
    own = [Asked(policy, cost, door.counts_when) for policy in covering(door.slugs, method=request.method or "")]
    decision = refusing(decide(request, with_pending(request, own)))
    return answers.refusal(request, decision) if decision else None
