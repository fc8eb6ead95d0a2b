"""What a restore brings back is what was there, and what it replaces can be had again."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from portal.operations.backups.rdb.walk import measure
from portal.operations.backups.restoring import swapping
from portal.operations.backups.restoring.compare import compare
from portal.operations.backups.restoring.errors import CannotRestore, RestoreFailed
from portal.operations.backups.restoring.functions import forget_functions
from portal.operations.backups.restoring.load import load
from portal.operations.backups.restoring.online import Progress, Restored, restore_in_place, restore_whole
from portal.operations.backups.restoring.preview import preview
from portal.operations.backups.restoring.selection import ASKED_NOT, CELERY, NOT_ASKED, OURS, Selection
from portal.operations.backups.restoring.swapping import Exchange, Stage
from portal.operations.backups.restoring.target import Target, open_target
from portal.redis_address import RedisAddress, parse_redis_address
from tests.portal.operations.backups.rdb.files import rdb_of
from tests.portal.operations.backups.restoring.conftest import Start
from tests.portal.operations.backups.restoring.filling import FUNCTIONS, Contents, Live, contents, fill
from tests.servers import start_redis, wait_until

pytestmark = pytest.mark.server


Note = Callable[[Exchange, Stage], None]


def whole(
    plain: Path,
    *,
    target: Target,
    databases: Sequence[int] = (0, 3),
    needed_bytes: int = 0,
    note: Note = lambda exchange, stage: None,
    progress: Progress = lambda done, total, words: None,
) -> Restored:
    return restore_whole(
        plain,
        target=target,
        databases=databases,
        avoid=frozenset({15}),
        needed_bytes=needed_bytes,
        name="restore-1",
        note=note,
        progress=progress,
    )


def in_place(
    plain: Path, *, target: Target, selection: Selection, folder: Path, kept: list[Path] | None = None
) -> Restored:
    def keep(files: Sequence[Path]) -> None:
        if kept is not None:
            kept.extend(files)

    return restore_in_place(
        [plain],
        target=target,
        selection=selection,
        folder=folder,
        keep=keep,
        progress=lambda done, total, words: None,
    )


def without_notes(found: Contents) -> Contents:
    """Return what a server holds but for what a restore wrote there about itself."""
    return {key: value for key, value in found.items() if not key[1].startswith(b"portal:")}


def test_a_whole_restore_brings_everything_back(origin: Live, target: Target, plain: Path) -> None:
    before = contents(origin)
    origin.database().flushall()
    origin.database().function_delete("counting")
    restored = whole(plain, target=target)
    assert without_notes(contents(origin)) == before
    assert restored.loaded.adds_up
    assert restored.loaded.loaded == len(before)
    assert restored.compared is not None
    assert restored.compared.equal == len(before)
    assert restored.functions == 1
    assert origin.database().fcall("one", 0) == 1


def test_a_whole_restore_of_an_empty_backup_changes_nothing(origin: Live, target: Target, tmp_path: Path) -> None:
    before = contents(origin)
    plain = tmp_path / "empty.rdb"
    plain.write_bytes(rdb_of([]))
    restored = whole(plain, target=target, databases=())
    assert restored.loaded.keys == 0
    assert contents(origin) == before


def test_a_whole_restore_replaces_what_came_since(origin: Live, target: Target, plain: Path) -> None:
    origin.database(3).set("since", "then")
    whole(plain, target=target)
    assert not origin.database(3).exists("since")


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


def test_an_exchange_that_the_server_refuses_changes_nothing(origin: Live, target: Target, plain: Path) -> None:
    origin.database().execute_command("ACL", "SETUSER", "default", "-swapdb")
    before = contents(origin)
    with pytest.raises(CannotRestore, match="Nothing was changed"):
        whole(plain, target=target)
    assert contents(origin) == before


@pytest.mark.parametrize("at", Stage)
def test_a_restore_that_cannot_be_noted_leaves_nothing_behind(
    origin: Live, target: Target, plain: Path, at: Stage
) -> None:
    def note(exchange: Exchange, stage: Stage) -> None:
        if stage == at:
            raise ConnectionError

    before = contents(origin)
    with pytest.raises(ConnectionError):
        whole(plain, target=target, note=note)
    assert contents(origin) == before


def test_a_spare_database_that_somebody_takes_meanwhile_is_left_to_them(
    origin: Live, target: Target, plain: Path
) -> None:
    def note(exchange: Exchange, stage: Stage) -> None:
        origin.database(exchange.spare(3)).set("somebody's", 1)

    with pytest.raises(CannotRestore, match="Somebody has just begun to use database"):
        whole(plain, target=target, note=note)


def test_without_memory_for_both_nothing_is_changed(origin: Live, target: Target, plain: Path) -> None:
    before = contents(origin)
    used = int(origin.database().info("memory")["used_memory"])
    origin.database().config_set("maxmemory", used + 1_000_000)
    with pytest.raises(CannotRestore, match="There is no memory for it"):
        whole(plain, target=target, needed_bytes=2_000_000)
    assert contents(origin) == before


def test_databases_of_a_server_that_took_over_meanwhile_are_not_exchanged(
    start: Start, origin: Live, target: Target, plain: Path
) -> None:
    servers = [origin.server]
    origin.database().set("since", "then")

    def restart(done: int, total: int | None, words: str) -> None:
        if words.startswith("comparing") and len(servers) == 1:
            folder, socket_path = Path(origin.address.socket_path).parent, origin.address.socket_path
            program = str(origin.server.process.args[0])  # type: ignore[index]
            origin.save()
            origin.server.process.kill()
            origin.server.process.wait()
            servers.append(start_redis(folder, program=program, socket_path=socket_path))

    try:
        with pytest.raises(RestoreFailed, match="another server took over"):
            whole(plain, target=target, progress=restart)
        assert origin.database().get("since") == b"then"
    finally:
        servers[-1].stop()


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


def test_a_server_that_runs_full_in_the_middle_keeps_its_live_data(origin: Live, target: Target, plain: Path) -> None:
    before = contents(origin)
    origin.database().config_set("maxmemory", int(origin.database().info("memory")["used_memory"]) + 800_000)
    with pytest.raises(RestoreFailed, match="The live data was not touched"):
        whole(plain, target=target)
    assert contents(origin) == before


def test_without_spare_databases_nothing_is_changed(start: Start, origin: Live, plain: Path) -> None:
    small = start("redis-7.0", "--databases", "4")
    small.database(1).set("used", 1)
    with open_target(small.address) as target, pytest.raises(CannotRestore, match="takes 2 empty databases"):
        whole(plain, target=target)


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


def test_functions_are_taken_as_the_server_dumps_them(origin: Live, target: Target, plain: Path) -> None:
    whole(plain, target=target)
    (library,) = origin.database().function_list(withcode=True)
    assert FUNCTIONS.encode() in (library if isinstance(library, list) else list(library.values()))


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


def test_a_server_that_dies_before_anything_changed_is_told(
    origin: Live, plain: Path, target: Target, tmp_path: Path
) -> None:
    origin.server.process.kill()
    origin.server.process.wait()
    with pytest.raises(CannotRestore):
        in_place(plain, target=target, selection=Selection(), folder=tmp_path)


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
