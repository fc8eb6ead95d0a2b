"""Servers for all tests of a module, and a process that keeps nothing of them."""

from collections.abc import Callable, Iterator

import pytest

from limits import keeper
from limits.store import connection
from tests.limits.cluster_and_sentinel.counting import count_at


@pytest.fixture(autouse=True)
def leave_nothing() -> Iterator[None]:
    yield
    connection.forget_kept()


@pytest.fixture(params=["cluster", "sentinels"])
def there(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The store at an address of that kind, empty."""
    count_at(request.getfixturevalue(request.param).address, monkeypatch)
    connection.client().flushall()
    kind: str = request.param
    return kind


@pytest.fixture
def keep(leave_nothing: None) -> Iterator[Callable[[], None]]:
    """Starts the keeper of this process."""
    yield keeper.start
    keeper.keeper.stop()
