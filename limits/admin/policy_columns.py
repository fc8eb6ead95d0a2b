"""Columns of the list of policies that need more than the row: made once a page, whatever its length."""

from collections import defaultdict
from collections.abc import Callable

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from limits import sync, views_in_code
from limits.conf import conf
from limits.exceptions import StoreUnavailable
from limits.models import Policy

VIEWS_SHOWN = 2

Column = Callable[[Policy], SafeString]


def columns(request: HttpRequest) -> tuple[Column, Column]:
    """Return the columns of where a policy holds, and of whether Redis has it. The admin asks several times a page."""
    made: tuple[Column, Column] | None = getattr(request, "_limits_columns", None)
    if made is None:
        made = _where_column(), _redis_column()
        setattr(request, "_limits_columns", made)  # noqa: B010 - a request takes no other attributes
    return made


def _where_column() -> Column:
    views: dict[str, list[str]] = defaultdict(list)
    for use in views_in_code.uses():
        name = use.view.rpartition(".")[2]
        if name not in views[use.slug]:
            views[use.slug].append(name)

    @admin.display(description="where it holds")
    def where(policy: Policy) -> SafeString:
        lines = [*_routed(policy), *_shortened(views[policy.slug])]
        if policy.slug == conf.default_policy:
            lines.append("what no other looks at")
        if not lines:
            return format_html('<span class="limits-nowhere">{}</span>', "nowhere")
        return format_html_join("", '<div class="limits-where">{}</div>', ((line,) for line in lines))

    return where


def _routed(policy: Policy) -> list[str]:
    return [f"view {policy.view}"] * bool(policy.view) + [f"path {policy.path}"] * bool(policy.path)


def _shortened(views: list[str]) -> list[str]:
    if len(views) <= VIEWS_SHOWN + 1:
        return views
    return [*views[:VIEWS_SHOWN], f"and {len(views) - VIEWS_SHOWN} other views"]


def _redis_column() -> Column:
    states = _out_of_step()

    @admin.display(description="Redis")
    def in_redis(policy: Policy) -> SafeString:
        name, words = states.get(policy.slug) or states.get("") or ("in-force", "has it")
        return format_html('<span class="limits-state limits-{}">{}</span>', name, words)

    return in_redis


def _out_of_step() -> dict[str, tuple[str, str]]:
    """Return (style, words) for each policy that Redis has not as it stands; under '' for all of them."""
    try:
        difference = sync.compare().difference
    except StoreUnavailable:
        return {"": ("away", "cannot be reached")}
    return dict.fromkeys(difference.missing, ("missing", "has it not yet")) | dict.fromkeys(
        difference.changed, ("changed", "has an older one")
    )
