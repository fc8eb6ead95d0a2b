"""What would change, and what differs afterwards."""

import time
from pathlib import Path

import pytest

from portal.operations.backups.restoring.compare import compare
from portal.operations.backups.restoring.errors import RestoreFailed
from portal.operations.backups.restoring.preview import preview
from portal.operations.backups.restoring.selection import Selection
from portal.operations.backups.restoring.target import Target, open_target
from tests.portal.operations.backups.restoring.conftest import Start
from tests.portal.operations.backups.restoring.doing import in_place
from tests.portal.operations.backups.restoring.filling import Live, contents
from tests.servers import wait_until

pytestmark = pytest.mark.server


def test_a_preview_tells_what_a_restore_then_does(origin: Live, target: Target, plain: Path, tmp_path: Path) -> None:
    origin.database().delete("text", "number")
    told = preview([plain], target=target, selection=Selection())
    before = contents(origin)
    assert told.functions == 1
    assert told.live == {0: len([1 for key in before if key[0] == 0]), 3: len([1 for key in before if key[0] == 3])}
    restored = in_place(plain, target=target, selection=Selection(), folder=tmp_path)
    assert restored.saved is not None
    assert (told.replaced, told.added) == (restored.saved.replaced, restored.saved.added)
    assert told.keys == restored.loaded.keys


def test_a_compare_finds_what_differs(origin: Live, target: Target, plain: Path) -> None:
    origin.database().sadd("set", "one more")
    origin.database(3).expire("text", 1000)
    origin.database().delete("number")
    compared = compare(plain, target=target, selection=Selection(is_whole=True))
    assert compared.differ == 3
    assert set(compared.differing) == {"set", "text", "number"}
    with pytest.raises(RestoreFailed, match="3 keys are not what the backup holds"):
        compared.demand_equal()


def test_fields_that_have_expired_since_are_no_difference(start: Start) -> None:
    live = start("valkey")
    client = live.database()
    client.hset("hash", mapping={"stays": 1, "goes": 2})
    client.hset("all of it goes", "goes", 1)
    client.hset("changed", mapping={"stays": 1, "goes": 2})
    for key in ("hash", "all of it goes", "changed"):
        client.execute_command("HPEXPIREAT", key, int(time.time() * 1000) + 500, "FIELDS", 1, "goes")
    live.save()
    client.hset("changed", "stays", "changed")
    wait_until(lambda: not client.exists("all of it goes"), what="the field's end")
    wait_until(lambda: client.hlen("hash") == client.hlen("changed") == 1, what="the other fields' end")
    with open_target(live.address) as target:
        plain = Path(live.address.socket_path).with_name("dump.rdb")
        compared = compare(plain, target=target, selection=Selection(is_whole=True))
    assert (compared.equal, compared.expired, compared.differing) == (1, 1, ("changed",))
