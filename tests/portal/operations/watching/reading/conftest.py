"""Sets of servers, and a site that rests on what a test says."""

from collections.abc import Callable, Iterator

import pytest
from pytest_django import Settings

from portal.redis_address import parse_redis_address
from tests.limits.cluster_and_sentinel.servers import Servers, start_cluster, start_sentinels, stop

Site = Callable[..., None]


@pytest.fixture
def site(settings: Settings) -> Site:
    """Has the site rest on one address, or on several."""

    def rests_on(address: str, *, limits: str = "", broker: str = "") -> None:
        settings.REDIS = parse_redis_address(address)
        settings.RATELIMIT_STORAGE = parse_redis_address(limits or address)
        settings.BROKER = parse_redis_address(broker or address)

    return rests_on


@pytest.fixture(scope="module")
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A primary, its replica, and three Sentinels, which tests leave as they are."""
    started = start_sentinels(tmp_path_factory)
    yield started
    stop(started)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Three primaries."""
    started = start_cluster(tmp_path_factory)
    yield started
    stop(started)
