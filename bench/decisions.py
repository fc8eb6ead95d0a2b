"""The contenders: one decision on a request, allowed and refused."""

import copy
from pathlib import Path

import redis
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django_ratelimit.core import is_ratelimited
from django_ratelimit.decorators import ratelimit
from django_ratelimit.exceptions import Ratelimited

import limits
from bench.contenders import Contender
from limits import enforcement, store
from limits.core import snapshots
from limits.core.policies import ClientKey, Policy
from limits.core.rates import Rate
from limits.in_force import policies_in_force

MANY = 1_000_000


def contenders() -> list[Contender]:
    """Return what takes turns. Policies are published first, so that looks at their version cost what they cost."""
    snapshot = snapshots.take(
        [
            _policy("login", Rate(MANY, 60)),
            _policy("tight", Rate(1, 3_600)),
            _policy("default", Rate(MANY, 86_400), Rate(MANY, 3_600)),
        ],
        revision=1,
    )
    store.publish(snapshot, seen="")
    policies_in_force.take(snapshot)
    request = RequestFactory().post("/login/", REMOTE_ADDR="203.0.113.9")
    request.user = AnonymousUser()
    client = redis.Redis.from_url(settings.RATELIMIT_STORAGE.url)
    digest = client.script_load((Path(str(limits.__file__)).parent / "lua" / "count.lua").read_text())
    return [
        Contender("one bare EVALSHA", lambda: client.evalsha(digest, 1, "rl:{bare:a}:60", 1, 60_000)),
        Contender(
            "plain django-ratelimit, allowed",
            lambda: is_ratelimited(request, group="a", key="ip", rate=f"{MANY}/m", increment=True),
            prepare=_use_plain_django_ratelimit,
        ),
        Contender(
            "managed policy of one rate, allowed",
            lambda: enforcement.check(request, "login"),
            prepare=_use_ours,
        ),
        Contender(
            "managed policy of two rates, allowed",
            lambda: enforcement.check(request, "default"),
            prepare=_use_ours,
        ),
        Contender(
            "plain django-ratelimit, refused",
            lambda: is_ratelimited(request, group="b", key="ip", rate="1/h", increment=True),
            prepare=_use_plain_django_ratelimit,
        ),
        Contender(
            "managed policy of one rate, refused",
            lambda: enforcement.check(request, "tight"),
            prepare=_use_ours,
        ),
        Contender(
            "a view behind plain django-ratelimit, refused",
            lambda: _answer_or_403(copy.copy(request)),
            prepare=_use_plain_django_ratelimit,
        ),
        Contender("a view behind @limit, refused", lambda: managed_view(copy.copy(request)), prepare=_use_ours),
    ]


@ratelimit(group="c", key="ip", rate="1/h")
def plain_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


@limits.limit("tight")
def managed_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


def _answer_or_403(request: HttpRequest) -> HttpResponse:
    try:
        return plain_view(request)
    except Ratelimited:
        return HttpResponse("forbidden", status=403)


def _policy(slug: str, *rates: Rate) -> Policy:
    return Policy(slug=slug, title=slug, enabled=True, key=ClientKey("ip"), methods=(), rates=rates)


def _use_plain_django_ratelimit() -> None:
    """As its documentation says: a cache, and every setting at its default."""
    settings.RATELIMIT_USE_CACHE = "plain"
    for name in ("RATELIMIT_HASH_ALGORITHM", "RATELIMIT_CACHE_PREFIX"):
        if hasattr(settings, name):
            delattr(settings, name)


def _use_ours() -> None:
    settings.RATELIMIT_USE_CACHE = "limits"
    settings.RATELIMIT_HASH_ALGORITHM = "limits.cache.ReadableKey"
    settings.RATELIMIT_CACHE_PREFIX = ""
