"""Sets of servers, and a site that rests on what a test says."""

from collections.abc import Callable

import pytest
from pytest_django import Settings

from portal.redis_address import parse_redis_address

Site = Callable[..., None]


@pytest.fixture
def site(settings: Settings) -> Site:
    """Has the site rest on one address, or on several."""

    def rests_on(address: str, *, limits: str = "", broker: str = "") -> None:
        settings.REDIS = parse_redis_address(address)
        settings.RATELIMIT_STORAGE = parse_redis_address(limits or address)
        settings.BROKER = parse_redis_address(broker or address)

    return rests_on
