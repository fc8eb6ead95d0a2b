"""django-smart-ratelimit: its decorator around a view that does nothing. Takes host, port and database of a Redis."""

import sys
from functools import partial

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django_requests import requests_from
from django_smart_ratelimit import rate_limit
from in_turns import serve, timed_with

MANY = "1000000/h"


def main() -> None:
    host, port, database = sys.argv[1:]
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django_smart_ratelimit"],
        RATELIMIT_BACKEND="redis",
        RATELIMIT_ALGORITHM="fixed_window",
        RATELIMIT_REDIS={"host": host, "port": int(port), "db": int(database)},
        LOGGING_CONFIG=None,
    )
    django.setup()
    behind = {
        "fixed window, allowed": rate_limit(key="ip", rate=MANY),
        "token bucket, allowed": rate_limit(key="ip", rate=MANY, algorithm="token_bucket"),
        "fixed window, refused": rate_limit(key="ip", rate="1/h"),
    }
    serve(
        {
            f"django-smart-ratelimit, {name}": timed_with(requests_from(), limit(partial(view, name)))
            for name, limit in behind.items()
        }
    )


def view(name: str, request: HttpRequest) -> HttpResponse:
    return HttpResponse(name)


if __name__ == "__main__":
    main()
