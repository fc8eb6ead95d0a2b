"""Sets of servers for all tests of a module, which leave them as they are."""

from collections.abc import Iterator

import pytest

from tests.limits.cluster_and_sentinel.servers import Servers, start_cluster, start_sentinels, stop


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Three primaries."""
    started = start_cluster(tmp_path_factory)
    yield started
    stop(started)


@pytest.fixture(scope="module")
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A primary, its replica, and three Sentinels."""
    started = start_sentinels(tmp_path_factory)
    yield started
    stop(started)
