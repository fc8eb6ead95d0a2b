"""System checks: mistakes between code, settings and policies are told at start, not at run time.

limits.E001  code or a setting names a policy that is not there
limits.E002  django-ratelimit counts in a cache that is not ours
limits.E005  the server is too old
limits.E006  a policy names a view or a path, and LimitsMiddleware, which would enforce it, is missing
limits.W003  plain django-ratelimit hears only a part of a policy
limits.W004  a policy names a view that is not there any more
limits.W005  KnownRefusalsMiddleware is missing, or stands behind what costs more than a refusal
limits.W006  LimitsMiddleware stands before the authentication: it cannot tell users apart
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.module_loading import import_string

from limits import views_in_code
from limits.conf import conf
from limits.core.policies import Mode
from limits.exceptions import StoreTooOld, StoreUnavailable
from limits.middleware import KnownRefusalsMiddleware, LimitsMiddleware
from limits.models import Policy
from limits.store import server
from limits.url_names import url_names

_DEAR = (SessionMiddleware, AuthenticationMiddleware, CommonMiddleware, CsrfViewMiddleware)


@register(Tags.urls)
def check_policies(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Compare code and settings with the policies of the database."""
    try:
        policies = {policy.slug: policy for policy in Policy.objects.all()}
    except DatabaseError:
        # Before the first migration there is nothing to compare with.
        return []
    return [*_missing(policies), *_half_heard(policies), *_views_gone(policies), *_unenforced(policies)]


@register(Tags.urls)
def check_middleware(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Compare the order of MIDDLEWARE with what ours need."""
    ours = _place(LimitsMiddleware)
    if ours is None:
        return []
    messages: list[CheckMessage] = []
    first = _place(KnownRefusalsMiddleware)
    dear = [place for cls in _DEAR if (place := _place(cls)) is not None]
    if first is None or first > min((ours, *dear)):
        messages.append(
            Warning(
                "Who is known to be refused costs this site more than needed, and is answered late.",
                hint="Put limits.middleware.KnownRefusalsMiddleware first in MIDDLEWARE.",
                id="limits.W005",
            )
        )
    if (_place(AuthenticationMiddleware) or 0) > ours:
        messages.append(
            Warning(
                "Policies that count users count everybody by address.",
                hint="Put limits.middleware.LimitsMiddleware right after AuthenticationMiddleware in MIDDLEWARE.",
                id="limits.W006",
            )
        )
    return messages


@register(Tags.caches)
def check_cache(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Look at the cache in which django-ratelimit counts, and at its server."""
    cache = settings.CACHES.get(conf.cache_alias, {})
    if cache.get("BACKEND") == "limits.cache.CounterCache":
        return _check_server()
    return [
        Error(
            f"RATELIMIT_USE_CACHE names “{conf.cache_alias}”, whose backend is {cache.get('BACKEND', 'missing')}.",
            hint="Give it the BACKEND limits.cache.CounterCache, on django-redis's settings.",
            id="limits.E002",
        )
    ]


def _check_server() -> list[CheckMessage]:
    """One that is away now is asked again when a web process starts."""
    try:
        server.check_version()
    except StoreTooOld as error:
        return [Error(str(error), id="limits.E005")]
    except StoreUnavailable:
        pass
    return []


def _missing(policies: Mapping[str, Policy]) -> Iterator[CheckMessage]:
    missing = views_in_code.slugs_in_use() - policies.keys()
    if missing and _migrations_wait():
        # `migrate` runs the checks first: what would make the policy must not be stopped by its absence.
        return
    for slug in sorted(missing):
        yield Error(
            f"Code uses the policy “{slug}”, which is not in the database.",
            hint=f"Make it in the admin, or use one of: {', '.join(policies) or 'none is there'}.",
            id="limits.E001",
        )


def _half_heard(policies: Mapping[str, Policy]) -> Iterator[CheckMessage]:
    for use in views_in_code.uses():
        if use.plain and use.slug in policies and not policies[use.slug].as_value().is_plain:
            yield Warning(
                f"{use.view} asks for “{use.slug}” by plain django-ratelimit, which knows one fixed window alone.",
                hint=f'It holds all the same. To have it named in full, use @limit("{use.slug}") from limits.',
                id="limits.W003",
            )


def _views_gone(policies: Mapping[str, Policy]) -> Iterator[CheckMessage]:
    names = url_names()
    for policy in policies.values():
        if policy.view and policy.view not in names and policy.mode != Mode.OFF:
            yield Warning(
                f"The policy “{policy.slug}” is for the view “{policy.view}”, which is not there: it limits nothing.",
                hint="Choose another view for it in the admin, or delete it.",
                id="limits.W004",
            )


def _unenforced(policies: Mapping[str, Policy]) -> Iterator[CheckMessage]:
    if _place(LimitsMiddleware) is not None:
        return
    for policy in policies.values():
        if (policy.view or policy.path) and policy.mode != Mode.OFF:
            yield Error(
                f"Nothing enforces the policy “{policy.slug}”, which is for {policy.view or policy.path}.",
                hint="Put limits.middleware.LimitsMiddleware right after AuthenticationMiddleware in MIDDLEWARE.",
                id="limits.E006",
            )


def _place(middleware: type) -> int | None:
    """Return where a middleware, or one made from it, stands in MIDDLEWARE; None when it does not."""
    for place, path in enumerate(settings.MIDDLEWARE):
        found = import_string(path)
        if isinstance(found, type) and issubclass(found, middleware):
            return place
    return None


def _migrations_wait() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
