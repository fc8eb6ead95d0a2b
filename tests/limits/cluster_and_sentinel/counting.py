"""Counting at the address of a Cluster or of Sentinels."""

import pytest
from django.core.cache import CacheHandler

from limits.core.decisions import Basis
from limits.enforcement import check
from limits.store import connection
from portal import redis_address
from portal.redis_address import parse_redis_address
from tests.limits import making

HOUR, DAY = 3600, 86_400
PROMISED_WAIT_SECONDS = 0.3


def count_at(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything count at an address, through the settings that the portal makes of it."""
    caches = CacheHandler(
        {
            "default": {},
            "limits": redis_address.cache_settings(parse_redis_address(address), backend="limits.cache.CounterCache")
            | {"KEY_FUNCTION": "limits.cache.key_as_it_is"},
        }
    )
    monkeypatch.setattr(connection, "caches", caches)
    monkeypatch.setattr("django_ratelimit.core.caches", caches)
    connection.forget_kept()


def allowed(*slugs: str, requests: int, address: str = "203.0.113.9") -> int:
    """Return how many of so many requests are let through."""
    decisions = [check(making.request(address=address), *slugs) for _ in range(requests)]
    assert all(decision and decision.basis is Basis.COUNTED for decision in decisions)
    return sum(decision.allowed for decision in decisions if decision)


def is_counted(address: str) -> bool:
    """Say whether a request of that address is counted by Redis."""
    decision = check(making.request(address=address), "login")
    assert decision
    return decision.basis is Basis.COUNTED
