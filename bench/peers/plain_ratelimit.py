"""Plain django-ratelimit as its documentation says: django-redis's cache, every setting at its default.

Takes the address of a Redis.
"""

import sys

import django
from django.conf import settings
from django.http import HttpRequest
from django_ratelimit.core import is_ratelimited
from django_requests import requests_from, requests_of_new_clients
from in_turns import serve, timed_with

MANY = "1000000/h"


def main() -> None:
    settings.configure(CACHES={"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": sys.argv[1]}})
    django.setup()
    serve(
        {
            "plain django-ratelimit, allowed": timed_with(requests_from(), lambda request: _asks(request, rate=MANY)),
            "plain django-ratelimit, allowed, a new client": timed_with(
                requests_of_new_clients(), lambda request: _asks(request, rate=MANY)
            ),
            "plain django-ratelimit, refused": timed_with(requests_from(), lambda request: _asks(request, rate="1/h")),
            "count": _count,
        }
    )


def _asks(request: HttpRequest, *, rate: str) -> bool:
    return bool(is_ratelimited(request, group=rate, key="ip", rate=rate, increment=True))


def _count(addresses: list[str]) -> None:
    for address in addresses:
        _asks(requests_from(address)(), rate=MANY)


if __name__ == "__main__":
    main()
