"""A whole server is restored offline, whatever it reads at its start, and nothing of it is lost."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from portal.operations.backups.proving.prove import prove
from portal.operations.backups.restoring.errors import CannotRestore, RestoreFailed
from portal.operations.backups.restoring.offline import carry_out, refuse_too_old, verify
from portal.operations.backups.restoring.server_files import ServerFiles, ask_files, look_into
from portal.operations.backups.restoring.steps import plan
from portal.operations.management.offline_restore import _copy_privately
from tests.portal.operations.backups.restoring.stopped import KEEPING, NOW, STAMP, Backup, Site, contents, measured
from tests.portal.operations.backups.servers import PROGRAMS, REDIS, VALKEY, filled, running, state_of
from tests.servers import free_port, wait_until

pytestmark = pytest.mark.server


@pytest.fixture(params=KEEPING)
def options(request: pytest.FixtureRequest) -> Sequence[str]:
    """How a server keeps its data: by a dump, or by an AOF."""
    return KEEPING[request.param]


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> str:
    """Debian's Redis, and Valkey."""
    return PROGRAMS[request.param]


@pytest.fixture
def backup(program: str, tmp_path: Path) -> Backup:
    """A backup of a server of that program that holds something of everything."""
    with Site(program, tmp_path / "origin").up() as client:
        state = state_of(filled(client))
        client.save()
    return Backup(Path(shutil.copy(tmp_path / "origin" / "dump.rdb", tmp_path / "plain.rdb")), state)


@pytest.fixture
def site(program: str, options: Sequence[str], tmp_path: Path) -> Site:
    """A stopped server that holds something else."""
    site = Site(program, tmp_path / "site", options)
    with site.up() as client:
        client.mset({"of today": 1, "text": "another"})
        if "--save" in options:
            client.save()
        return replace(site, told=ask_files(client))


def test_a_stopped_server_holds_the_backup_once_it_starts(backup: Backup, site: Site) -> None:
    plain, files = backup.plain, site.files
    carry_out(plain, files=files, now=NOW)
    for _ in range(2):  # it survives a restart too
        with site.up() as client:
            verify(client, expected=measured(plain), plain=plain)
            assert state_of(client) == backup.state


def test_what_a_proof_tells_serves_to_verify(backup: Backup, site: Site) -> None:
    plain, files = backup.plain, site.files
    proof = prove(plain, now=NOW)
    carry_out(plain, files=files, now=NOW)
    with site.up() as client:
        assert verify(client, expected=proof, plain=plain).loaded == proof.keys == 119


def test_the_old_files_are_kept(backup: Backup, site: Site) -> None:
    plain, files = backup.plain, site.files
    before = contents(files.folder)
    placed = carry_out(plain, files=files, now=NOW)
    old = {name: content for name, content in before.items() if name.startswith(("dump.rdb", "appendonlydir"))}
    assert old
    after = contents(files.folder)
    for name, content in old.items():
        top, *rest = Path(name).parts
        assert after["/".join((f"{top}.{STAMP}", *rest))] == content
    assert {path.name for path in placed.kept} == {f"{Path(name).parts[0]}.{STAMP}" for name in old}


def test_the_way_back_works(backup: Backup, site: Site) -> None:
    plain, files = backup.plain, site.files
    for kept in carry_out(plain, files=files, now=NOW).kept:
        original = kept.with_name(kept.name.removesuffix(f".{STAMP}"))
        shutil.rmtree(original) if original.is_dir() else original.unlink()
        kept.rename(original)
    with site.up() as client:
        assert client.get("of today") == b"1"


def test_a_lost_server_is_restored_into_an_empty_folder(backup: Backup, site: Site) -> None:
    plain, files = backup.plain, site.files
    shutil.rmtree(files.folder)
    files.folder.mkdir()
    assert carry_out(plain, files=files, now=NOW).kept == ()
    with site.up() as client:
        assert state_of(client) == backup.state


def test_keys_that_have_expired_since_count(program: str, site: Site, tmp_path: Path) -> None:
    with Site(program, tmp_path / "origin").up() as client:
        client.set("stays", 1)
        client.set("goes", 1, px=100)
        client.save()
        wait_until(lambda: not client.exists("goes"), what="expiry")
    plain = tmp_path / "origin" / "dump.rdb"
    files = site.files
    carry_out(plain, files=files, now=NOW)
    with site.up() as client:
        loaded = verify(client, expected=measured(plain), plain=plain)
        assert loaded.loaded + loaded.expired == 2
        assert client.keys() == [b"stays"]


def test_a_running_server_is_refused_and_its_folder_is_untouched(backup: Backup, site: Site) -> None:
    plain, files = backup.plain, site.files
    with site.up():
        before = contents(files.folder)
        for known in (files, replace(files, socket_path=""), look_into(files.folder)):
            with pytest.raises(CannotRestore, match=r"still runs.*Nothing was changed"):
                carry_out(plain, files=known, now=NOW)
        assert contents(files.folder) == before


def test_a_server_on_a_port_is_seen(backup: Backup, tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path / "elsewhere", program=REDIS, port=port):
        files = ServerFiles(folder=tmp_path, has_aof=False, engine="valkey", version="9.1.2", port=port)
        with pytest.raises(CannotRestore, match=f"a server on port {port}"):
            carry_out(backup.plain, files=files, now=NOW)


def test_a_file_of_valkey_is_refused_for_redis_before_anything_is_touched(tmp_path: Path) -> None:
    with Site(VALKEY, tmp_path / "origin").up() as client:
        client.set("a", 1)
        client.save()
    with Site(REDIS, tmp_path / "site").up() as client:
        client.set("b", 1)
        client.save()
        files = ask_files(client)
    before = contents(files.folder)
    with pytest.raises(CannotRestore, match=r"redis 7\.0\.15 cannot load this backup, a file of VALKEY080"):
        carry_out(tmp_path / "origin" / "dump.rdb", files=files, now=NOW)
    assert contents(files.folder) == before


def test_a_newer_file_is_refused(backup: Backup, tmp_path: Path) -> None:
    old = ServerFiles(folder=tmp_path, has_aof=False, engine="redis", version="6.2.14")
    with pytest.raises(CannotRestore, match="too old"):
        refuse_too_old(backup.plain, files=old)
    assert "not known" in refuse_too_old(backup.plain, files=replace(old, engine="", version=""))[0]


def test_another_programs_file_is_refused(site: Site, tmp_path: Path) -> None:
    (tmp_path / "zip").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(CannotRestore, match="no backup of Redis"):
        carry_out(tmp_path / "zip", files=site.files, now=NOW)


def test_a_replica_is_refused(backup: Backup, site: Site) -> None:
    replica = replace(site.files, is_replica=True)
    with pytest.raises(CannotRestore, match="Restore the primary"):
        carry_out(backup.plain, files=replica, now=NOW)
    with pytest.raises(CannotRestore, match="Restore the primary"):
        plan(replica, plain=backup.plain, keys=1, now=NOW)


def test_a_folder_that_takes_no_more_is_as_it_was(backup: Backup, site: Site) -> None:
    plain, files = backup.plain, site.files
    in_the_way = files.folder / f".{files.dump_name}.restoring"
    in_the_way.mkdir()
    before = contents(files.folder)
    with pytest.raises(CannotRestore, match="The old files are as they were"):
        carry_out(plain, files=files, now=NOW)
    assert contents(files.folder) == before


def test_a_server_that_started_empty_fails_loudly(program: str, backup: Backup, tmp_path: Path) -> None:
    with (
        Site(program, tmp_path / "empty").up() as client,
        pytest.raises(RestoreFailed, match=r"FAILED.*started EMPTY, and 119 keys are in the file"),
    ):
        verify(client, expected=measured(backup.plain), plain=backup.plain)


def test_a_server_that_loaded_other_data_fails_loudly(backup: Backup, site: Site) -> None:
    with site.up() as client, pytest.raises(RestoreFailed, match=r"FAILED.*are missing"):
        verify(client, expected=measured(backup.plain), plain=backup.plain)


def test_a_server_that_is_down_fails_loudly(backup: Backup, tmp_path: Path) -> None:
    with (
        redis.Redis.from_url(f"unix://{tmp_path}/none.sock") as client,
        pytest.raises(RestoreFailed, match="cannot be asked"),
    ):
        verify(client, expected=measured(backup.plain), plain=backup.plain)


def test_the_trap_a_copied_dump_is_ignored_beside_an_aof(program: str, backup: Backup, tmp_path: Path) -> None:
    plain = backup.plain
    site = Site(program, tmp_path / "site", KEEPING["aof"])
    with site.up() as client:
        client.set("of today", 1)
        files = ask_files(client)
    shutil.copy(plain, files.dump)
    with site.up() as client:
        assert client.keys() == [b"of today"]
    carry_out(plain, files=files, now=NOW)
    with site.up() as client:
        assert state_of(client) == backup.state


def test_the_trap_without_its_aof_folder_a_server_starts_empty(program: str, backup: Backup, tmp_path: Path) -> None:
    plain = backup.plain
    site = Site(program, tmp_path / "site", KEEPING["aof"])
    with site.up() as client:
        client.set("of today", 1)
        files = ask_files(client)
    shutil.rmtree(files.aof_folder)
    shutil.copy(plain, files.dump)
    with site.up() as client, pytest.raises(RestoreFailed, match="EMPTY"):
        verify(client, expected=measured(plain), plain=plain)
    carry_out(plain, files=files, now=NOW)
    with site.up() as client:
        assert state_of(client) == backup.state


def test_a_link_in_the_servers_folder_leads_nowhere(backup: Backup, site: Site, tmp_path: Path) -> None:
    files, victim = site.files, tmp_path / "victim"
    victim.write_text("of somebody else")
    (files.folder / f".{files.dump_name}.restoring").symlink_to(victim)
    carry_out(backup.plain, files=files, now=NOW)
    assert victim.read_text() == "of somebody else"
    assert not files.dump.is_symlink()
    with site.up() as client:
        verify(client, expected=measured(backup.plain), plain=backup.plain)


def test_what_is_unpacked_is_private_from_its_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched, plain = tmp_path / "fetched", tmp_path / "plain"
    fetched.write_bytes(b"secret")
    modes: list[int] = []
    monkeypatch.setattr(shutil, "copyfileobj", lambda *files: modes.append(plain.stat().st_mode & 0o777))
    _copy_privately(fetched, plain)
    assert modes == [0o600]
    with pytest.raises(FileExistsError):
        _copy_privately(fetched, plain)
