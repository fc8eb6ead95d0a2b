"""What the user who restores must be allowed to do."""

from pathlib import Path

import pytest

from portal.operations.backups.restoring import swapping
from portal.operations.backups.restoring.errors import CannotRestore, RestoreFailed
from portal.operations.backups.restoring.selection import Selection
from portal.operations.backups.restoring.target import open_target
from portal.redis_address import RedisAddress, parse_redis_address
from tests.portal.operations.backups.restoring.conftest import Start
from tests.portal.operations.backups.restoring.doing import in_place, whole
from tests.portal.operations.backups.restoring.filling import Live, contents

pytestmark = pytest.mark.server


def test_a_user_who_may_only_restore_can(origin: Live, plain: Path, tmp_path: Path, start: Start) -> None:
    other = start("redis-7.0")
    rights = ["+restore", "+select", "+time", "+dump", "+pexpiretime", "+info", "+hello", "+ping"]
    other.database().execute_command("ACL", "SETUSER", "restorer", "on", ">secret", "~*", "-@all", *rights)
    address = parse_redis_address(f"unix://restorer:secret@{other.address.socket_path}")
    with open_target(address) as target:
        in_place(plain, target=target, selection=Selection(only=(b"text",)), folder=tmp_path)
    assert other.database().exists("text")


def test_a_user_who_may_not_is_told_by_name(origin: Live, plain: Path, tmp_path: Path) -> None:
    origin.database().execute_command("ACL", "SETUSER", "reader", "on", ">secret", "~*", "+@read", "+@fast", "+info")
    before = contents(origin)
    address = parse_redis_address(f"unix://reader:secret@{origin.address.socket_path}")
    with open_target(address) as target, pytest.raises((RestoreFailed, CannotRestore), match="no permissions"):
        in_place(plain, target=target, selection=Selection(), folder=tmp_path)
    assert contents(origin) == before


def _for(rules: str, *, live: Live) -> RedisAddress:
    """Return the address for a user who may do what some ACL rules say."""
    with live.database() as client:
        client.execute_command("ACL", "SETUSER", "restorer", "reset", "on", ">secret", "-@all", "~*", *rules.split())
    return parse_redis_address(live.server.url.replace("://", "://restorer:secret@"))


IN_PLACE = "+restore +select +time +dump +pexpiretime +info"


WHOLE = f"{IN_PLACE} +eval +swapdb +flushdb +dbsize +set +get +del +exists +function|dump +function|restore"


def test_the_rights_of_a_whole_restore_are_as_told(origin: Live, plain: Path) -> None:
    with open_target(_for(WHOLE, live=origin)) as target:
        restored = whole(plain, target=target)
        assert (restored.functions, restored.warnings) == (1, ())
        assert restored.exchange is not None
        swapping.go_back(target, exchange=restored.exchange)
        swapping.drop(target, exchange=restored.exchange)


@pytest.mark.parametrize("right", ["+set", "+del", "+swapdb"])
def test_without_the_right_to_mark_the_old_data_it_is_not_moved(right: str, origin: Live, plain: Path) -> None:
    before = contents(origin)
    with (
        open_target(_for(WHOLE.replace(f" {right} ", " "), live=origin)) as target,
        pytest.raises((CannotRestore, RestoreFailed), match=r"Nothing was changed|was not touched"),
    ):
        whole(plain, target=target)
    after = contents(origin)
    assert {key: after[key] for key in before} == before


def test_who_may_not_count_keys_is_told_so(origin: Live, plain: Path) -> None:
    with (
        open_target(_for(WHOLE.replace(" +dbsize ", " "), live=origin)) as target,
        pytest.raises(CannotRestore, match=r"Nothing was changed.*\+dbsize"),
    ):
        whole(plain, target=target)
