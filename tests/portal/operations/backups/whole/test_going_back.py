"""Going back from a restore, and dropping the old data."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.management import CommandError
from django.utils import timezone

from portal.operations.backups import going_back
from portal.operations.backups.restoring import online
from portal.operations.models import BackupAction, KeptData
from portal.redis_address import parse_redis_address
from tests.portal.operations.backups.restoring.conftest import PROGRAMS
from tests.portal.operations.backups.whole.commands import backed_up, command, single_client
from tests.portal.operations.backups.whole.conftest import Site
from tests.servers import free_port, start_redis

pytestmark = [pytest.mark.server, pytest.mark.django_db]


def test_without_celery_a_backup_drops_the_old_data_whose_hour_is_over(single: Site) -> None:
    backed_up()
    command("redis_restore", "latest", "--whole")
    command("redis_backup")
    assert KeptData.objects.get().state == "kept"
    KeptData.objects.update(until=timezone.now())
    command("redis_backup")
    assert KeptData.objects.get().state == "dropped"
    with single_client(single) as client:
        assert not {"db15", "db14"} & client.info("keyspace").keys()


def test_a_whole_restore_can_be_taken_back(single: Site) -> None:
    backed_up()
    with single_client(single) as client:
        client.set("since", "then")
    before = single.contents()
    assert "--take-back" in command("redis_restore", "latest", "--whole")
    assert (0, b"since") not in single.contents()
    command("redis_restore", "--take-back")
    assert single.contents() == before
    kept = KeptData.objects.get()
    assert kept.state == "taken back"
    told = BackupAction.objects.filter(backup=kept.backup).values_list("what", flat=True)
    assert list(told) == ["taken back", "restored", "taken"]
    with pytest.raises(CommandError, match="Nothing was changed"):
        command("redis_restore", "--take-back")


def test_a_take_back_brings_the_functions_back_too(single: Site) -> None:
    library = "#!lua name=ours\nredis.register_function('ours', function() return {} end)"
    with single_client(single) as client:
        client.function_load(library.format(1))
        backed_up()
        client.function_load(library.format(2), replace=True)
        before = single.contents()
        command("redis_restore", "latest", "--whole")
        assert client.fcall("ours", 0) == 1
        command("redis_restore", "--take-back")
        assert client.fcall("ours", 0) == 2
    assert single.contents() == before


def test_the_old_data_of_a_whole_restore_can_be_dropped(single: Site) -> None:
    backed_up()
    command("redis_restore", "latest", "--whole")
    command("redis_restore", "--drop-old")
    with single_client(single) as client:
        assert set(client.info("keyspace")) == {"db0", "db3"}


def test_the_last_restore_alone_is_gone_back_from(settings: Any) -> None:
    settings.REDIS, settings.RATELIMIT_STORAGE, here, there = (
        parse_redis_address(f"redis://127.0.0.1:{port}") for port in (1, 2, 3, 4)
    )
    now = timezone.now()
    for source, place in (("redis", "127.0.0.1:1"), ("limits", "127.0.0.1:2"), ("", "127.0.0.1:3"), ("", "host:9")):
        KeptData.objects.create(name=place, source=source, place=place, moved_at=now, until=now)
    found = going_back.newest_kept(), going_back.newest_kept(to=here), going_back.newest_kept(to=there)
    assert [kept and kept.name for kept in found] == ["127.0.0.1:2", "127.0.0.1:3", None]


def test_what_a_killed_restore_filled_is_dropped(single: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    name = backed_up()
    monkeypatch.setattr(online, "_empty", lambda *arguments: None)  # a process that was killed empties nothing
    monkeypatch.setattr(online, "compare", Mock(side_effect=OSError("killed")))
    with pytest.raises(CommandError):
        command("redis_restore", name, "--whole")
    with single_client(single) as client:
        assert set(client.info("keyspace")) > {"db0", "db3"}
        going_back.drop_old_data(now=timezone.now())
        assert set(client.info("keyspace")) == {"db0", "db3"}
    assert KeptData.objects.get().state == "dropped"


def test_old_data_elsewhere_is_dropped_on_that_server_alone(single: Site, tmp_path: Path) -> None:
    name = backed_up()
    program = PROGRAMS["redis-7.0"]
    one = start_redis(tmp_path / "one", program=program, port=free_port())
    other = start_redis(tmp_path / "other", program=program, port=free_port())
    try:
        command("redis_restore", name, "--whole", "--to", f"{one.url}/0")
        for argument in ("--take-back", "--drop-old"):
            with pytest.raises(CommandError, match="Nothing was changed"):
                command("redis_restore", argument, "--to", f"{other.url}/0")
        assert "was dropped" in command("redis_restore", "--drop-old", "--to", f"{one.url}/0")
    finally:
        one.stop()
        other.stop()
