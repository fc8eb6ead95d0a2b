"""A restore in place brings back keys among others, and keeps what it replaces."""

from pathlib import Path

import pytest

from portal.operations.backups.rdb.walk import measure
from portal.operations.backups.restoring.errors import CannotRestore, RestoreFailed
from portal.operations.backups.restoring.load import load
from portal.operations.backups.restoring.online import restore_in_place
from portal.operations.backups.restoring.preview import preview
from portal.operations.backups.restoring.selection import ASKED_NOT, CELERY, NOT_ASKED, OURS, Selection
from portal.operations.backups.restoring.target import Target, open_target
from portal.redis_address import parse_redis_address
from tests.portal.operations.backups.rdb.files import rdb_of
from tests.portal.operations.backups.restoring.conftest import Start
from tests.portal.operations.backups.restoring.doing import in_place
from tests.portal.operations.backups.restoring.filling import Live, contents, fill

pytestmark = pytest.mark.server


def test_without_memory_for_new_keys_nothing_is_changed_in_place(
    origin: Live, target: Target, plain: Path, tmp_path: Path
) -> None:
    origin.database(3).flushdb()
    before = contents(origin)
    origin.database().config_set("maxmemory", int(origin.database().info("memory")["used_memory"]) + 1_000_000)
    with pytest.raises(CannotRestore, match=r"There is no memory for it.*Nothing was changed"):
        restore_in_place(
            [plain],
            target=target,
            selection=Selection(),
            folder=tmp_path,
            keep=lambda files: None,
            bytes_per_key=1_000_000,
            progress=lambda done, total, words: None,
        )
    assert contents(origin) == before


def test_one_part_that_fails_does_not_keep_the_others_from_coming_back(start: Start, tmp_path: Path) -> None:
    newer, older = start("valkey"), start("redis-7.0")
    newer.database().hset("with expiry", "a", 1)
    newer.database().execute_command("HPEXPIREAT", "with expiry", 4_102_444_800_000, "FIELDS", 1, "a")
    newer.save()
    refused, good = Path(newer.address.socket_path).with_name("dump.rdb"), tmp_path / "good.rdb"
    good.write_bytes(rdb_of([(0, b"key", b"value", 0)]))
    with (
        open_target(older.address) as target,
        pytest.raises(RestoreFailed, match=r"1 of 1 keys were refused.*Of the other parts 1 keys were restored"),
    ):
        restore_in_place(
            [refused, good],
            target=target,
            selection=Selection(is_whole=True),
            folder=tmp_path,
            keep=lambda files: None,
            progress=lambda done, total, words: None,
        )
    assert older.database().get("key") == b"value"


@pytest.mark.parametrize("kind", ["redis-7.0", "valkey"])
def test_a_restore_onto_a_second_server_is_the_same(start: Start, kind: str, tmp_path: Path) -> None:
    first, second = start("redis-7.0"), start(kind)
    fill(first)
    first.save()
    plain = Path(first.address.socket_path).with_name("dump.rdb")
    with open_target(second.address) as target:
        restored = in_place(plain, target=target, selection=Selection(is_whole=True), folder=tmp_path)
    assert contents(second) == contents(first)
    assert restored.saved is not None
    assert restored.saved.replaced == 0


def test_a_restore_in_place_leaves_other_keys_alone(origin: Live, target: Target, plain: Path, tmp_path: Path) -> None:
    origin.database().set("since", "then")
    origin.database().set("number", "changed")
    in_place(plain, target=target, selection=Selection(), folder=tmp_path)
    assert origin.database().get("since") == b"then"
    assert origin.database().get("number") == b"-12"


def test_what_a_restore_in_place_replaces_can_be_had_again(
    origin: Live, target: Target, plain: Path, tmp_path: Path
) -> None:
    origin.database().set("number", "changed", px=80_000_000)
    origin.database(3).delete("text")
    before = contents(origin)
    kept: list[Path] = []
    restored = in_place(plain, target=target, selection=Selection(), folder=tmp_path, kept=kept)
    assert contents(origin) != before
    assert restored.saved is not None
    assert (restored.saved.replaced, restored.saved.added) == (len(before), 1)
    with kept[0].open("rb") as file:
        assert measure(file).keys == len(before)
    load(kept[0], target=target, selection=Selection(is_whole=True))
    origin.database(3).delete("text")
    assert contents(origin) == before


def test_celery_and_the_synced_policies_are_left_out(origin: Live, tmp_path: Path, target: Target) -> None:
    queue = origin.database()
    queue.lpush("celery", "a job")
    queue.hset("unacked", "1", "a job")
    queue.hset("limits:{policies}", "version", "7")
    origin.database(5).lpush("whatever", "a job of the broker's database")
    origin.save()
    queue.delete("celery", "unacked", "limits:{policies}")
    origin.database(5).flushdb()
    plain = Path(origin.address.socket_path).with_name("dump.rdb")
    selection = Selection(celery_databases=frozenset({5}))
    restored = in_place(plain, target=target, selection=selection, folder=tmp_path)
    assert not queue.exists("celery", "unacked", "limits:{policies}")
    assert not origin.database(5).dbsize()
    assert restored.loaded.left_out == {CELERY: 3, OURS: 1}
    assert restored.loaded.adds_up


def test_only_and_without_choose_by_prefix(origin: Live, plain: Path, target: Target, tmp_path: Path) -> None:
    origin.database().flushall()
    selection = Selection(only=(b"large", b"long"), without=(b"large h",))
    restored = in_place(plain, target=target, selection=selection, folder=tmp_path)
    assert {key for _, key in contents(origin)} == {b"long list"}
    assert restored.loaded.left_out[NOT_ASKED] + restored.loaded.left_out[ASKED_NOT] == restored.loaded.keys - 2


def test_a_prefix_that_no_key_has_is_a_failure_and_no_success_of_nothing(
    origin: Live, plain: Path, target: Target, tmp_path: Path
) -> None:
    before = contents(origin)
    mistyped = Selection(only=(b"larje", b"lonk"))
    with pytest.raises(CannotRestore, match="begins with “larje” or “lonk”"):
        in_place(plain, target=target, selection=mistyped, folder=tmp_path)
    with pytest.raises(CannotRestore, match="Nothing was changed"):
        preview([plain], target=target, selection=mistyped)
    assert contents(origin) == before


def test_what_has_expired_is_counted_and_does_not_come_back(target: Target, tmp_path: Path) -> None:
    plain = tmp_path / "old.rdb"
    plain.write_bytes(rdb_of([(0, b"gone", b"1", 1_000_000), (0, b"here", b"1", 0)]))
    restored = in_place(plain, target=target, selection=Selection(), folder=tmp_path)
    assert (restored.loaded.keys, restored.loaded.loaded, restored.loaded.expired) == (2, 1, 1)


def test_values_that_the_server_does_not_know_are_told_loudly(start: Start, tmp_path: Path) -> None:
    newer, older = start("valkey"), start("redis-7.0")
    newer.database().hset("plain", "a", 1)
    newer.database().hset("with expiry", "a", 1)
    newer.database().execute_command("HPEXPIREAT", "with expiry", 4_102_444_800_000, "FIELDS", 1, "a")
    newer.save()
    plain = Path(newer.address.socket_path).with_name("dump.rdb")
    with open_target(older.address) as target, pytest.raises(RestoreFailed, match="1 of 2 keys were refused") as told:
        in_place(plain, target=target, selection=Selection(is_whole=True), folder=tmp_path)
    assert "with expiry" in str(told.value)
    assert older.database().hget("plain", "a") == b"1"


def test_a_server_that_cannot_be_reached_is_told() -> None:
    with (
        pytest.raises(CannotRestore, match="Nothing was changed"),
        open_target(parse_redis_address("redis://127.0.0.1:1")),
    ):
        pass


def test_a_server_that_dies_before_anything_changed_is_told(
    origin: Live, plain: Path, target: Target, tmp_path: Path
) -> None:
    origin.server.process.kill()
    origin.server.process.wait()
    with pytest.raises(CannotRestore):
        in_place(plain, target=target, selection=Selection(), folder=tmp_path)
