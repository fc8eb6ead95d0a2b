"""Guarded servers: an old Redis and a new Valkey."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portal.redis_address import parse_redis_address
from tests.portal.operations.acl.guarding import Guarded, guard, live_at
from tests.portal.operations.backups.servers import PROGRAMS, running


@pytest.fixture(params=PROGRAMS)
def guarded(request: pytest.FixtureRequest, tmp_path: Path, settings: Any) -> Iterator[Guarded]:
    """One server for all parts of the site, closed but for its users."""
    with running(tmp_path / "server", program=PROGRAMS[request.param]) as server:
        place = parse_redis_address(server.url)
        live_at(settings, place)
        yield guard(place)
