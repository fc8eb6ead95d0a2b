"""A process that decides on requests, started as a web worker is."""

import time
from pathlib import Path

import django

django.setup()

from django.contrib.auth.models import AnonymousUser  # noqa: E402 - what follows needs the applications loaded
from django.db import connection  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402

import limits  # noqa: E402
from bench.peers.django_requests import requests_from, requests_of_new_clients  # noqa: E402
from bench.peers.in_turns import serve, timed_with  # noqa: E402

NOBODY = AnonymousUser()
WATCH_SECONDS_MAX, WATCH_ON_SECONDS = 300.0, 1.0

_new_clients = requests_of_new_clients(user=NOBODY)


def main() -> None:
    limits.start()
    connection.close()
    serve(
        {
            "decide": decide,
            "decide for new clients": decide_for_new_clients,
            "answer": answer,
            "count": count,
            "lets in": lets_in,
            "watch": watch,
            "rss": rss_megabytes,
        }
    )


def decide(slug: str, calls: int) -> float:
    """Return the microseconds of one decision under a policy."""
    return timed_with(requests_from(user=NOBODY), lambda request: limits.check(request, slug))(calls)


def decide_for_new_clients(slug: str, calls: int) -> float:
    """Return the microseconds of a client's first decision under a policy."""
    return timed_with(_new_clients, lambda request: limits.check(request, slug))(calls)


def answer(calls: int) -> float:
    """Return the microseconds of one answer of a view behind `@limit`, headers and body included."""
    return timed_with(requests_from(user=NOBODY), limited_view)(calls)


def count(slug: str, addresses: list[str]) -> None:
    """Count one request of each address under a policy."""
    for address in addresses:
        limits.check(requests_from(address, user=NOBODY)(), slug)


def lets_in(slug: str, address: str) -> bool:
    """Say whether a request of an address is allowed; it is counted."""
    decision = limits.check(requests_from(address, user=NOBODY)(), slug)
    return decision is None or decision.allowed


def watch(slug: str, last_limit: int) -> dict[int, float]:
    """Decide without a pause until the last limit has been in force for a while.

    Return when each limit was last gone by, by the machine's monotonic clock.
    """
    last_at: dict[int, float] = {}
    make = requests_from(user=NOBODY)
    ends_at = time.monotonic() + WATCH_SECONDS_MAX
    while (now := time.monotonic()) < ends_at:
        decision = limits.check(make(), slug)
        if decision is None:
            continue
        limit = decision.policy.rates[0].limit
        if limit == last_limit and limit not in last_at:
            ends_at = now + WATCH_ON_SECONDS
        last_at[limit] = time.monotonic()
    return last_at


def rss_megabytes() -> float:
    """Return how much memory this process holds."""
    status = Path("/proc/self/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(kilobytes) / 1024


@limits.limit("tight")
def limited_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let in")


if __name__ == "__main__":
    main()
