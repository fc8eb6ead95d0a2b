"""Which policies code names: by the marks that `@limit` leaves, and by plain django-ratelimit's arguments."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from limits.conf import conf

_MARK = "limits_policies"
SLUGS = "limits_slugs"
"""On a decorator: its policies, and whether a request's cost is known only at the view's door. On a REST framework
throttle: a function that returns the policies for a view.
"""


@dataclass(frozen=True, slots=True)
class Use:
    """A view that names a policy; `plain` when through django-ratelimit's own decorator.

    `methods` are those that the policy is asked about; empty for all.
    """

    slug: str
    view: str
    plain: bool = False
    methods: tuple[str, ...] = ()
    is_dynamic: bool = False

    def asks_about(self, method: str) -> bool:
        """Say whether a request of this method comes to the policy."""
        return not self.methods or ("GET" if method == "HEAD" else method) in self.methods


def mark(view: Callable[..., Any], *, slugs: Iterable[str], is_dynamic: bool = False) -> None:
    """Leave the policies' names on a view, beside those that decorators within have left.

    `is_dynamic`: what a request costs, or what becomes of it, is known only when the view's door is reached.
    """
    marks = dict.fromkeys(slugs, is_dynamic)
    setattr(view, _MARK, tuple((dict(getattr(view, _MARK, ())) | marks).items()))


@lru_cache(maxsize=4096)
def uses_of(view: Callable[..., Any]) -> tuple[Use, ...]:
    """Return the policies that a view is behind; those of a class's single methods too."""
    found = list(_uses_of_function(view, name=_name(view)))
    cls = _class_of(view)
    if cls is not None:
        found += _uses_of_function(cls.dispatch, name=_name(view))
        # A view set of REST framework has methods by other names.
        handlers = getattr(view, "actions", None) or {method: method for method in cls.http_method_names}
        for method, handler in handlers.items():
            found += _uses_of_function(getattr(cls, handler, None), name=_name(view), methods=(method.upper(),))
        found += _uses_by_throttles(view, cls)
    return tuple(dict.fromkeys(found))


def uses() -> tuple[Use, ...]:
    """Return every use of a policy by the views that the site's URLs lead to."""
    return tuple(dict.fromkeys(use for view in _views(get_resolver().url_patterns) for use in uses_of(view)))


def slugs_in_use() -> frozenset[str]:
    """Return the names of all policies that code uses, the default one among them."""
    default = {conf.default_policy} if conf.default_policy else set()
    return frozenset(use.slug for use in uses()) | default


def _views(patterns: Iterable[URLPattern | URLResolver]) -> Iterator[Callable[..., Any]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns)
        elif pattern.callback is not None:
            yield pattern.callback


def _uses_of_function(
    function: Callable[..., Any] | None, *, name: str, methods: tuple[str, ...] = ()
) -> Iterator[Use]:
    layer: Any = function
    while layer is not None:
        for slug, is_dynamic in getattr(layer, _MARK, ()):
            yield Use(slug, name, methods=methods, is_dynamic=is_dynamic)
        given = _closure(layer)
        # `method_decorator` keeps the decorators that it was given, and applies them at each call.
        decorators = _decorators(given)
        for slug, is_dynamic in (marked for decorator in decorators for marked in _slugs_of(decorator)):
            yield Use(slug, name, methods=methods, is_dynamic=is_dynamic)
        for decorator in (given, *map(_closure, decorators)):
            if "group" in decorator and _is_ours(decorator.get("rate")):
                # Without `block` the view decides what becomes of a refusal.
                decides = decorator.get("block") is False
                found = methods or _methods(decorator)
                yield Use(str(decorator["group"]), name, plain=True, methods=found, is_dynamic=decides)
        layer = getattr(layer, "__wrapped__", None)


def _slugs_of(decorator: Any) -> Iterable[tuple[str, bool]]:
    slugs = getattr(decorator, SLUGS, {})
    return slugs.items() if isinstance(slugs, dict) else ()


def _uses_by_throttles(view: Callable[..., Any], cls: Any) -> Iterator[Use]:
    """Return the policies of REST framework's throttles, which ask after the user is known and the view is chosen."""

    def setting(name: str) -> Any:
        return getattr(view, "initkwargs", {}).get(name, getattr(cls, name, ()))

    for throttle in setting("throttle_classes"):
        slugs_for = getattr(throttle, SLUGS, None)
        for slug in slugs_for(setting("throttle_policies")) if slugs_for else ():
            # Who it is, and whether an override holds for them, REST framework finds out by itself.
            yield Use(slug, _name(view), is_dynamic=True)


def _class_of(view: Callable[..., Any]) -> Any:
    return getattr(view, "view_class", None) or getattr(view, "cls", None)


def _closure(function: Any) -> dict[str, Any]:
    """Return what a function holds of those around it: django-ratelimit's leaves no other mark."""
    code, cells = getattr(function, "__code__", None), getattr(function, "__closure__", None)
    if code is None or not cells:
        return {}
    return {name: cell.cell_contents for name, cell in zip(code.co_freevars, cells, strict=True)}


def _decorators(given: dict[str, Any]) -> Iterable[Any]:
    decorators = given.get("decorators", ())
    return decorators if isinstance(decorators, list | tuple) else (decorators,)


def _methods(given: dict[str, Any]) -> tuple[str, ...]:
    """Return django-ratelimit's `method` argument as names; empty for ALL, which is (None,) there."""
    method = given.get("method")
    names = method if isinstance(method, list | tuple) else (method,)
    return tuple(name.upper() for name in names if name)


def _is_ours(rate: object) -> bool:
    named = f"{getattr(rate, '__module__', '')}.{getattr(rate, '__qualname__', '')}"
    return rate == "limits.rate_for" or named == "limits.ratelimit_hooks.rate_for"


def _name(view: Callable[..., Any]) -> str:
    inner = _class_of(view) or view
    return f"{inner.__module__}.{getattr(inner, '__name__', type(inner).__name__)}"
