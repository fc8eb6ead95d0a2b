"""What a whole restore moved aside can be taken back, or dropped."""

from pathlib import Path

import pytest

from portal.operations.backups.restoring import swapping
from portal.operations.backups.restoring.errors import CannotRestore
from portal.operations.backups.restoring.functions import forget_functions
from portal.operations.backups.restoring.target import Target
from tests.portal.operations.backups.restoring.doing import whole
from tests.portal.operations.backups.restoring.filling import Live, contents

pytestmark = pytest.mark.server


def test_after_a_whole_restore_the_old_data_can_be_taken_back(origin: Live, target: Target, plain: Path) -> None:
    origin.database().set("since", "then")
    old = contents(origin)
    restored = whole(plain, target=target)
    assert restored.exchange is not None
    swapping.go_back(target, exchange=restored.exchange)
    forget_functions(target, exchange=restored.exchange)
    swapping.drop(target, exchange=restored.exchange)
    assert contents(origin) == old


def test_the_old_data_can_be_dropped(origin: Live, target: Target, plain: Path) -> None:
    restored = whole(plain, target=target)
    before = contents(origin)
    assert restored.exchange is not None
    swapping.drop(target, exchange=restored.exchange)
    spare = set(restored.exchange.spare_of.values())
    assert contents(origin) == {key: found for key, found in before.items() if key[0] not in spare}
    assert 15 not in spare


def test_a_spare_database_that_somebody_uses_is_not_dropped(origin: Live, target: Target, plain: Path) -> None:
    restored = whole(plain, target=target)
    assert restored.exchange is not None
    spare = restored.exchange.spare(0)
    origin.database(spare).flushdb()
    origin.database(spare).set("somebody's", 1)
    with pytest.raises(CannotRestore, match="does not hold what a restore left there"):
        swapping.drop(target, exchange=restored.exchange)
    assert origin.database(spare).get("somebody's") == b"1"


def test_a_second_take_back_leaves_the_old_data_live(origin: Live, target: Target, plain: Path) -> None:
    origin.database().set("since", "then")
    restored = whole(plain, target=target)
    assert restored.exchange is not None
    swapping.go_back(target, exchange=restored.exchange)
    swapping.go_back(target, exchange=restored.exchange)
    assert origin.database().get("since") == b"then"
    swapping.drop(target, exchange=restored.exchange)
    assert origin.database().get("since") == b"then"


def test_old_data_that_was_dropped_meanwhile_is_not_taken_back(origin: Live, target: Target, plain: Path) -> None:
    restored = whole(plain, target=target)
    assert restored.exchange is not None
    live = origin.database().dbsize()
    swapping.drop(target, exchange=restored.exchange)
    with pytest.raises(swapping.NotOurs):
        swapping.go_back(target, exchange=restored.exchange)
    assert origin.database().dbsize() == live
