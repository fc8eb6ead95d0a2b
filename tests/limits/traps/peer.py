"""Plain django-ratelimit on plain django-redis, in this process: to see that the peer does fall into a trap."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import CacheHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django_ratelimit.core import get_usage
from django_ratelimit.decorators import ratelimit

from tests.limits import making

DATABASE = 9
_PLAIN = {
    "RATELIMIT_USE_CACHE": "plain",
    "RATELIMIT_CACHE_PREFIX": "rl:",
    "RATELIMIT_HASH_ALGORITHM": "hashlib.sha256",
}


def use(
    request: HttpRequest | None = None, *, group: str = "login", increment: bool = True, **limit: Any
) -> dict[str, Any]:
    """Return what django-ratelimit says of one more request, by address at 5 a minute unless `limit` says other."""
    with plain():
        usage = get_usage(
            request or making.request(), group=group, increment=increment, **{"key": "ip", "rate": "5/m"} | limit
        )
    assert usage is not None
    return dict(usage)


def decorated(view: Callable[..., Any], **limit: Any) -> Callable[..., Any]:
    """Return the view behind django-ratelimit's decorator, by address unless `limit` says otherwise."""
    decorate: Any = ratelimit
    return decorate(**{"key": "ip"} | limit)(view)  # type: ignore[no-any-return]


def answer(request: HttpRequest) -> HttpResponse:
    """A view."""
    return HttpResponse("let in")


@contextmanager
def plain(**options: Any) -> Iterator[Any]:
    """Let django-ratelimit use its own settings, and a cache of django-redis with these options."""
    caches: Any = caches_with(plain={"OPTIONS": options})
    with override_settings(**_PLAIN), pytest.MonkeyPatch.context() as patch:
        patch.setattr("django_ratelimit.core.caches", caches)
        yield caches
    caches["plain"].client.get_client().connection_pool.disconnect()


def caches_with(**aliases: dict[str, Any]) -> CacheHandler:
    """Return caches of django-redis in one database of the test's server."""
    usual = {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": settings.REDIS.with_database(DATABASE).url,
        "OPTIONS": {},
    }
    return CacheHandler({"default": usual} | {alias: usual | changes for alias, changes in aliases.items()})
