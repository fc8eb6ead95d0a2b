"""Restores that operators ask for, and what they are told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import redis
from django.core.management import CommandError

from limits import sync
from portal.operations.backups.keeping.exceptions import CannotReach
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.restoring import online
from portal.operations.backups.restoring.errors import RestoreFailed
from portal.operations.backups.work import RESTORE
from portal.operations.models import Backup, JobRun
from tests.portal.operations.backups.restoring.conftest import PROGRAMS
from tests.portal.operations.backups.restoring.filling import Live
from tests.portal.operations.backups.whole.commands import backed_up, command, single_client
from tests.portal.operations.backups.whole.conftest import Site, live_at
from tests.servers import Server, start_redis

pytestmark = [pytest.mark.server, pytest.mark.django_db]


def test_a_dry_run_changes_nothing_and_tells_all(single: Site) -> None:
    name = backed_up()
    with single_client(single) as client:
        client.delete("text")
        client.lpush("celery", "a job")
    before = single.contents()
    told = command("redis_restore", name, "--dry-run")
    assert single.contents() == before
    assert "add                 1" in told
    assert "Database 3 holds" in told


def test_a_restore_tells_what_it_did(single: Site) -> None:
    backed_up()
    single.empty()
    told = command("redis_restore", "latest")
    keys = f"{len(single.contents()):,}"
    assert f"{keys} of {keys} keys restored, 0 had expired." in told
    assert f"Replaced: 0. New: {keys}." in told


def test_what_a_restore_replaced_is_a_backup_and_never_the_latest(single: Site) -> None:
    name = backed_up()
    with single_client(single) as client:
        client.set("text", "changed")
    command("redis_restore", name)
    replaced = Backup.objects.get(name__endswith="-replaced")
    with single_client(single) as client:
        assert client.get("text") == b"abc" * 5000
        command("redis_restore", replaced.name, "--only", "text")
        assert client.get("text") == b"changed"
    assert f"{name}: loads" in command("redis_verify", "latest")


def test_what_was_replaced_elsewhere_never_comes_to_our_server(single: Site, start: Callable[..., Live]) -> None:
    name = backed_up()
    other = start("valkey")
    other.database().set("text", "theirs")
    url = f"unix://{other.address.socket_path}"
    command("redis_restore", name, "--to", url)
    (replaced,) = (kept for kept in Shelf().kept() if kept.name.endswith("-replaced"))
    assert replaced.manifest.source == "elsewhere"
    server = replaced.manifest.parts[0].server
    assert (server.place, server.engine) == (other.address.socket_path, "valkey")
    with pytest.raises(CommandError, match="There is no source “elsewhere”"):
        command("redis_restore", replaced.name)
    command("redis_restore", replaced.name, "--to", url)
    assert other.database().get("text") == b"theirs"


def test_a_restore_elsewhere_leaves_the_queues_out_too(single: Site, settings: Any, start: Callable[..., Live]) -> None:
    settings.BROKER = settings.REDIS.with_database(5)
    with single_client(single, 5) as client:
        client.lpush("a queue of another name", "a job")
    other = start("redis-7.0")
    told = command("redis_restore", backed_up(), "--to", f"unix://{other.address.socket_path}")
    assert "1 left out (Celery's" in told
    assert not other.database(5).dbsize()


@pytest.mark.usefixtures("policies")
def test_a_restore_that_cannot_be_noted_is_done_all_the_same(
    single: Site, redis_server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    backed_up()
    single.empty()
    redis_server.flushdb()
    monkeypatch.setattr(Shelf, "change_notes", Mock(side_effect=CannotReach("The storage is away.")))
    told = command("redis_restore", "latest", "--whole")
    assert "That it was restored could not be noted: The storage is away." in told
    assert JobRun.objects.get(job=RESTORE).state == "succeeded"
    assert sync.is_in_step()


@pytest.mark.usefixtures("policies")
def test_after_half_a_restore_the_policies_are_synced(
    single: Site, redis_server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    backed_up()
    redis_server.flushdb()
    assert not sync.is_in_step()
    monkeypatch.setattr(online, "load", Mock(side_effect=RestoreFailed("FAILED: it went away.")))
    with pytest.raises(CommandError, match="it went away"):
        command("redis_restore", "latest")
    assert sync.is_in_step()


def test_of_a_part_of_the_keys_a_whole_restore_replaces_no_database(single: Site) -> None:
    name = command("redis_backup", "--prefix", "list").partition(":")[0]
    before = single.contents()
    command("redis_restore", name, "--whole")
    assert single.contents() == before


def test_an_offline_restore_of_a_server_with_aof_works_as_printed_and_carried_out(
    settings: Any, storage: Path, start: Callable[..., Live], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = start("redis-7.0", "--appendonly", "yes")
    site = live_at(settings, live.address)
    site.fill()
    before = site.contents()
    name = backed_up()
    monkeypatch.chdir(tmp_path)
    printed = command("redis_restore", name, "--offline")
    assert "make one whose base is the backup" in printed
    assert (tmp_path / f"{name}-all.rdb").stat().st_mode & 0o777 == 0o600
    folder = Path(live.address.socket_path).parent
    with pytest.raises(CommandError, match="The server still runs"):
        command("redis_restore", name, "--offline", "--carry-out", folder=folder)
    site.empty()
    live.server.process.terminate()
    live.server.process.wait()
    told = command("redis_restore", name, "--offline", "--carry-out", folder=folder)
    assert "holds the backup. Start the server" in told
    assert len(list(folder.glob("*.before-restore-*"))) > 0
    again = restarted(live, "--appendonly", "yes")
    try:
        assert site.contents() == before
        keys = f"{len(before):,}"
        assert f"{keys} loaded + 0 expired = {keys} keys in the backup." in command(
            "redis_restore", name, "--offline", "--check"
        )
    finally:
        again.stop()


def restarted(live: Live, *options: str) -> Server:
    socket_path = live.address.socket_path
    return start_redis(
        Path(socket_path).parent, program=PROGRAMS["redis-7.0"], socket_path=socket_path, options=options
    )


def test_prefixes_are_bytes_as_keys_are(single: Site) -> None:
    typed = b"\xff".decode(errors="surrogateescape")
    assert "2 keys, " in command("redis_backup", "--prefix", typed)
    name = backed_up()
    assert "replace             2\n" in command("redis_restore", name, "--dry-run", "--only", typed)
