"""Whatever goes wrong: nothing half-done is listed, nothing is deleted, and the run says what to do."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from django.utils import timezone

from portal import environment
from portal.operations import runs
from portal.operations.backups.keeping.kept import Contents
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.proving import memory
from portal.operations.backups.taking.landing import Landing
from portal.operations.backups.work import BACKUP, WORK
from portal.operations.models import BackupPlan, JobRun, Message
from portal.redis_address import parse_redis_address
from tests.portal.operations.backups.restoring.filling import Live
from tests.portal.operations.backups.whole.conftest import Site, live_at
from tests.servers import wait_until

pytestmark = [pytest.mark.server, pytest.mark.django_db]


def back_up(slot: str = "now", *, attempts_max: int = 1) -> JobRun:
    """Have a backup of the site made, and return how it went."""
    run = runs.ask(BACKUP, slot=slot, source="redis", now=timezone.now(), attempts_max=attempts_max)
    assert run is not None
    assert runs.perform(run, work=WORK[BACKUP])
    run.refresh_from_db()
    return run


def left_behind(settings: Any) -> list[Path]:
    work = settings.VAR / "backup-work"
    return list(work.rglob("*")) if work.exists() else []


def test_of_a_server_killed_in_mid_transfer_nothing_is_left(
    settings: Any, storage: Path, start: Callable[..., Live], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = start("redis-7.0")
    site = live_at(settings, live.address)
    with redis.Redis.from_url(site.address.url) as client:
        for number in range(60):
            client.set(f"large:{number}", os.urandom(1 << 20))
    write = Landing.write

    def killing(self: Landing, *arguments: Any, **options: Any) -> Any:
        if self.size_bytes > 10_000_000:
            live.server.process.kill()
        return write(self, *arguments, **options)

    monkeypatch.setattr(Landing, "write", killing)
    run = back_up(attempts_max=3)
    assert run.state == JobRun.State.WAITING
    assert "the next is at" in run.outcome
    assert Shelf().contents() == Contents((), ())
    assert left_behind(settings) == []


def test_a_storage_that_is_away_is_told_before_anything_is_taken(single: Site, storage: Path) -> None:
    storage.write_text("not a folder")
    with redis.Redis.from_url(single.address.url) as client:
        before = client.info("stats")["sync_full"]
        run = back_up()
        assert client.info("stats")["sync_full"] == before
    assert "The storage of backups failed" in run.outcome


def test_with_a_full_disk_at_our_end_nothing_is_left(single: Site, settings: Any, small_disk: Path) -> None:
    settings.VAR = small_disk
    with redis.Redis.from_url(single.address.url) as client:
        client.set("large", os.urandom(3_000_000))
    run = back_up()
    assert run.state == JobRun.State.FAILED
    assert "room" in run.outcome
    assert Shelf().contents() == Contents((), ())
    assert left_behind(settings) == []


def test_with_a_full_storage_nothing_is_left(single: Site, settings: Any, small_disk: Path) -> None:
    settings.STORAGES["backups"]["OPTIONS"]["location"] = str(small_disk / "backups")
    settings.STORAGES = dict(settings.STORAGES)
    with redis.Redis.from_url(single.address.url) as client:
        client.set("large", os.urandom(3_000_000))
    run = back_up()
    assert run.state == JobRun.State.FAILED
    assert "full" in run.outcome
    assert Shelf().contents() == Contents((), ())


def test_a_failed_run_deletes_nothing(single: Site, settings: Any) -> None:
    plan = BackupPlan.current()
    plan.keep_last, plan.keep_daily, plan.keep_weekly, plan.keep_monthly, plan.keep_yearly = 1, 0, 0, 0, 0
    plan.save()
    names = [back_up("1").subject]
    settings.REDIS = parse_redis_address("redis://127.0.0.1:1/0")
    assert back_up("2").state == JobRun.State.FAILED
    assert [kept.name for kept in Shelf().kept()] == names


def test_a_run_whose_backup_is_not_proven_deletes_nothing(single: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = BackupPlan.current()
    plan.keep_last, plan.keep_daily, plan.keep_weekly, plan.keep_monthly, plan.keep_yearly = 2, 0, 0, 0, 0
    plan.save()
    names = {back_up("1").subject, back_up("2").subject}
    plan.keep_last = 1
    plan.save()
    monkeypatch.setattr(memory, "available_bytes", lambda: 1000)
    run = back_up("3")
    assert "no old backup was deleted" in run.outcome
    assert {kept.name for kept in Shelf().kept()} == {*names, run.subject}


def test_a_failed_backup_is_told_to_the_channels(single: Site, settings: Any) -> None:
    settings.ALERT_EMAILS = ["operator@example.org"]
    settings.REDIS = parse_redis_address("redis://127.0.0.1:1/0")
    back_up()
    message = Message.objects.get()
    assert "does not answer" in message.body
    assert message.deliveries.get().channel.address == "operator@example.org"


def test_a_storage_that_refuses_keeps_nothing(single: Site, object_storage: str, settings: Any) -> None:
    url = f"s3://no-such-bucket/nightly?endpoint_url={object_storage}&region_name=us-east-1"
    settings.BACKUP_STORAGE_URL = url
    settings.STORAGES = settings.STORAGES | {"backups": environment.storage(url)}
    run = back_up()
    assert run.state == JobRun.State.FAILED
    assert "BACKUP_STORAGE_URL" in run.outcome
    assert left_behind(settings) == []


def test_a_backup_that_nothing_could_load_for_want_of_memory_is_kept_and_told(
    single: Site, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ALERT_EMAILS = ["operator@example.org"]
    monkeypatch.setattr(memory, "available_bytes", lambda: 1000)
    run = back_up()
    assert run.state == JobRun.State.SUCCEEDED
    assert "well formed" in run.outcome
    assert [message.subject for message in Message.objects.all()] == [f"Not proven: {run.subject}"]


def test_a_managed_service_that_forbids_much_is_backed_up_key_by_key(single: Site, settings: Any) -> None:
    before = single.contents()
    client = redis.Redis.from_url(single.address.url)
    forbidden = ("-psync", "-sync", "-bgsave", "-config", "-save", "-replicaof", "-debug", "-shutdown")
    client.execute_command("ACL", "SETUSER", "customer", "on", ">secret", "~*", "&*", "+@all", *forbidden)
    client.close()
    settings.REDIS = parse_redis_address(f"unix://customer:secret@{single.address.socket_path}")
    run = back_up()
    assert run.state == JobRun.State.SUCCEEDED
    (kept,) = Shelf().kept()
    assert kept.manifest.parts[0].method == "logical"
    assert kept.manifest.keys == len(before)
    assert any("not of one moment" in words or "moment" in words for words in kept.manifest.warnings)


def test_a_user_who_may_nothing_is_told_what_it_takes(single: Site, settings: Any) -> None:
    client = redis.Redis.from_url(single.address.url)
    client.execute_command("ACL", "SETUSER", "nobody", "on", ">secret", "~*", "+ping")
    client.close()
    settings.REDIS = parse_redis_address(f"unix://nobody:secret@{single.address.socket_path}")
    run = back_up()
    assert run.state == JobRun.State.FAILED
    assert "psync" in run.outcome.lower()


@pytest.mark.slow
def test_a_run_cut_off_in_the_middle_leaves_no_lie(start: Callable[..., Live], tmp_path: Path, root: Path) -> None:
    live = start("redis-7.0")
    with live.database() as client:
        for number in range(200):
            client.set(f"large:{number}", os.urandom(1 << 20))
    environment = os.environ | {
        "PORTAL_VAR": str(tmp_path / "portal"),
        "REDIS_URL": live.address.url,
        "SECRET_KEY": "a" * 40,
    }
    environment.pop("DATABASE_URL", None)
    (tmp_path / "portal").mkdir()
    command = [sys.executable, str(root / "manage.py")]
    subprocess.run([*command, "migrate", "-v0"], env=environment, check=True)
    running = subprocess.Popen([*command, "redis_backup"], env=environment, stderr=subprocess.DEVNULL)
    work = tmp_path / "portal" / "backup-work"
    wait_until(lambda: any(path.stat().st_size > 0 for path in work.rglob("*.part")), what="a part")
    running.send_signal(signal.SIGKILL)
    running.wait()
    listed = subprocess.run([*command, "redis_backups"], env=environment, check=True, capture_output=True, text=True)
    assert "There is no backup yet" in listed.stdout
