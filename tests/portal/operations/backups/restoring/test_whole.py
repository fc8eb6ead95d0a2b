"""A whole restore brings back all that was there, or changes nothing."""

from pathlib import Path

import pytest

from portal.operations.backups.restoring.errors import CannotRestore, RestoreFailed
from portal.operations.backups.restoring.swapping import Exchange, Stage
from portal.operations.backups.restoring.target import Target, open_target
from tests.portal.operations.backups.rdb.files import rdb_of
from tests.portal.operations.backups.restoring.conftest import Start
from tests.portal.operations.backups.restoring.doing import whole, without_notes
from tests.portal.operations.backups.restoring.filling import FUNCTIONS, Live, contents
from tests.servers import start_redis

pytestmark = pytest.mark.server


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


def test_functions_are_taken_as_the_server_dumps_them(origin: Live, target: Target, plain: Path) -> None:
    whole(plain, target=target)
    (library,) = origin.database().function_list(withcode=True)
    assert FUNCTIONS.encode() in (library if isinstance(library, list) else list(library.values()))
