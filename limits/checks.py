"""System checks: mistakes between code, settings and policies are told at start, not at run time."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from limits import store, views_in_code
from limits.conf import conf
from limits.exceptions import StoreTooOld, StoreUnavailable
from limits.models import Policy


@register(Tags.urls)
def check_policies_in_code(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """limits.E001: code names a policy that is not there; limits.W003: a policy that django-ratelimit cannot count."""
    try:
        policies = {policy.slug: policy for policy in Policy.objects.all()}
    except DatabaseError:
        # Before the first migration there is nothing to compare with.
        return []
    missing = views_in_code.slugs_in_use() - policies.keys()
    if missing and _migrations_wait():
        # `migrate` runs the checks first: what would make the policy must not be stopped by its absence.
        missing = frozenset()
    messages: list[CheckMessage] = [
        Error(
            f"Code uses the policy “{slug}”, which is not in the database.",
            hint=f"Make it in the admin, or use one of: {', '.join(policies) or 'none is there'}.",
            id="limits.E001",
        )
        for slug in sorted(missing)
    ]
    messages += [
        Warning(
            f"{use.view} counts “{use.slug}” by plain django-ratelimit, which holds one rate; the policy has more.",
            hint=f'Use @limit("{use.slug}") from limits instead.',
            id="limits.W003",
        )
        for use in views_in_code.uses()
        if use.plain and use.slug in policies and len(policies[use.slug].rates) > 1
    ]
    return messages


@register(Tags.caches)
def check_cache(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """limits.E002: django-ratelimit counts in a cache that is not ours; limits.E005: its server is too old."""
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
        store.check_version()
    except StoreTooOld as error:
        return [Error(str(error), id="limits.E005")]
    except StoreUnavailable:
        pass
    return []


def _migrations_wait() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
