"""A server to hurt, policies of every kind for a time without it, and the keeper, as in a process that serves."""

from collections.abc import Iterator
from typing import Any

import pytest

from limits import keeper
from limits.core.policies import WithoutRedis
from limits.core.rates import Rate
from tests.limits import making
from tests.limits.faults.promises import LIMIT, PROCESSES, SERVERS
from tests.limits.faults.server import HurtServer

Settings = Any  # pytest-django's


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HurtServer]:
    hurt = HurtServer(tmp_path_factory.mktemp("redis"), program=SERVERS[request.param])
    hurt.start()
    yield hurt
    hurt.close()


@pytest.fixture
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HurtServer]:
    """One kind of server, where it makes no difference which."""
    hurt = HurtServer(tmp_path_factory.mktemp("redis"), program=SERVERS["valkey"])
    hurt.start()
    yield hurt
    hurt.close()


@pytest.fixture(autouse=True)
def in_force(settings: Settings) -> None:
    settings.LIMITS_PROCESSES = PROCESSES
    making.put_in_force(
        *(making.policy(without.value, Rate(LIMIT, 3600), without_redis=without) for without in WithoutRedis)
    )


@pytest.fixture
def kept() -> Iterator[None]:
    """The keeper of this process, at work."""
    keeper.start()
    yield
    keeper.keeper.stop()
