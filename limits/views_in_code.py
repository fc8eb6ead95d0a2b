"""Which policies code names: by the marks that `@limit` leaves, and by plain django-ratelimit's arguments."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from limits.conf import conf

_MARK = "limits_policies"


@dataclass(frozen=True, slots=True)
class Use:
    """A view that names a policy; `plain` when through django-ratelimit's own decorator."""

    slug: str
    view: str
    plain: bool


def mark(view: Callable[..., Any], *, slug: str) -> None:
    """Leave the policy's name on a view, beside those that decorators within have left."""
    setattr(view, _MARK, (slug, *getattr(view, _MARK, ())))


@lru_cache(maxsize=4096)
def policies_of(view: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of the policies that a view is behind, outermost first."""
    return (*getattr(view, _MARK, ()), *_plain_groups(view))


def uses() -> tuple[Use, ...]:
    """Return every use of a policy by the views that the site's URLs lead to."""
    found = {}
    for view in _views(get_resolver().url_patterns):
        for slug in policies_of(view):
            plain = slug in _plain_groups(view)
            found[slug, _name(view)] = Use(slug, _name(view), plain)
    return tuple(found.values())


def slugs_in_use() -> frozenset[str]:
    """Return the names of all policies that code uses, the default one among them."""
    default = {conf.default_policy} if conf.default_policy else set()
    return frozenset(use.slug for use in uses()) | default


def _views(patterns: list[URLPattern | URLResolver]) -> Iterator[Callable[..., Any]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns)
        elif pattern.callback is not None:
            yield pattern.callback


def _plain_groups(view: Callable[..., Any]) -> tuple[str, ...]:
    """Return the groups of django-ratelimit's decorators on a view whose rate is ours.

    The decorator leaves no mark, but what it was given is in its function's closure.
    """
    groups = []
    layer: Any = view
    while layer is not None:
        code = getattr(layer, "__code__", None)
        cells = getattr(layer, "__closure__", None) or ()
        given = dict(zip(code.co_freevars, cells, strict=True)) if code and cells else {}
        if "rate" in given and "group" in given and _is_ours(given["rate"].cell_contents):
            groups.append(str(given["group"].cell_contents))
        layer = getattr(layer, "__wrapped__", None)
    return tuple(groups)


def _is_ours(rate: object) -> bool:
    named = f"{getattr(rate, '__module__', '')}.{getattr(rate, '__qualname__', '')}"
    return rate == "limits.rate_for" or named == "limits.ratelimit_hooks.rate_for"


def _name(view: Callable[..., Any]) -> str:
    inner = getattr(view, "view_class", None) or view
    return f"{inner.__module__}.{getattr(inner, '__qualname__', type(inner).__name__)}"
