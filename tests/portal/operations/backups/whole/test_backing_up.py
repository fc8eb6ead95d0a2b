"""Backups that operators make, list and verify."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.utils import timezone

from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.manifest import Notes
from portal.operations.backups.work import NoSuchBackup, find_backup
from portal.operations.models import Backup, BackupAction, BackupPlan
from portal.redis_address import parse_redis_address
from tests.portal.operations.backups.keeping.conftest import Identity
from tests.portal.operations.backups.whole.commands import backed_up, command
from tests.portal.operations.backups.whole.conftest import Site

pytestmark = [pytest.mark.server, pytest.mark.django_db]


def test_a_backup_is_told_with_its_keys_and_its_level(single: Site) -> None:
    told = command("redis_backup")
    assert f"{len(single.contents()):,} keys" in told
    assert "by wire" in told
    assert "; loads." in told


def test_a_list_tells_what_there_is(single: Site, storage: Path) -> None:
    assert "no backup yet in" in command("redis_backups")
    name = backed_up()
    (storage / "left over").mkdir()
    (storage / "left over" / "all.rdb.zst").write_bytes(b"half")
    told = command("redis_backups", "--plan")
    assert f"{name}  0 minutes old;" in told
    assert "stays: newest proven" in told
    assert "left over: no backup. It has no manifest" in told


def test_a_check_fails_until_there_is_a_proven_backup_in_time(single: Site) -> None:
    with pytest.raises(CommandError, match="There is no proven backup of redis"):
        command("redis_backups", "--check")
    backed_up()
    assert "The newest proven backup of redis is less than a minute old." in command("redis_backups", "--check")


def test_a_source_that_is_away_costs_the_other_no_backup(single: Site, settings: Any) -> None:
    settings.RATELIMIT_STORAGE, settings.REDIS = settings.REDIS, parse_redis_address("redis://127.0.0.1:1/0")
    with pytest.raises(CommandError, match=r"127\.0\.0\.1:1 does not answer"):
        command("redis_backup")
    assert Backup.objects.get().source == "limits"


def test_programs_read_the_list_as_json(single: Site) -> None:
    name = backed_up()
    (kept,) = json.loads(command("redis_backups", "--json"))
    assert (kept["manifest"]["name"], kept["level"]) == (name, 3)


def test_a_pinned_backup_says_so(single: Site) -> None:
    name = backed_up()
    assert "pinned" in command("redis_backups", "--pin", name)
    assert "pinned" not in command("redis_backups", "--unpin", name)
    told = BackupAction.objects.filter(backup=name).values_list("what", flat=True)
    assert list(told) == ["unpinned", "pinned", "taken"]


def test_verifying_tells_the_sum(single: Site) -> None:
    backed_up()
    keys = f"{len(single.contents()):,}"
    assert f"loads: {keys} loaded + 0 expired = {keys} keys, by redis 7.0" in command("redis_verify", "latest")


def test_a_damaged_backup_counts_no_more(single: Site, storage: Path) -> None:
    name = backed_up()
    file = storage / name / "all.rdb.zst"
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(bytes(damaged))
    with pytest.raises(CommandError, match=r"all\.rdb\.zst"):
        command("redis_verify", name)
    assert "FAILED" in command("redis_backups")
    assert Backup.objects.get(name=name).failed_at is not None
    before = single.contents()
    with pytest.raises(CommandError, match="another backup"):
        command("redis_restore", name)
    assert single.contents() == before


def test_an_encrypted_backup_is_proven_with_its_identity(single: Site, settings: Any, identity: Identity) -> None:
    settings.BACKUP_RECIPIENT = identity.recipient
    name = backed_up()
    assert "stored whole" in command("redis_verify", name)
    assert ": loads:" in command("redis_verify", name, identity=identity.file)
    assert "encrypted" in command("redis_backups")


def test_old_backups_go_by_the_plan_after_a_new_one(single: Site, storage: Path) -> None:
    plan = BackupPlan.current()
    plan.keep_last, plan.keep_daily, plan.keep_weekly, plan.keep_monthly, plan.keep_yearly = 1, 0, 0, 0, 0
    plan.save()
    first = backed_up()
    told = command("redis_backup")
    assert f"Deleted by the plan: {first}." in told
    assert not (storage / first / "manifest.json").exists()


def test_the_latest_is_proven_and_not_of_tomorrow(single: Site, storage: Path) -> None:
    name = backed_up()
    shelf, now = Shelf(), timezone.now()
    kept = find_backup(name, shelf=shelf)
    shelf.change_notes(kept, change=lambda notes: Notes(failed_at=now, failure="It is damaged."))
    with pytest.raises(NoSuchBackup):
        find_backup("latest", shelf=shelf)
    shelf.change_notes(kept, change=lambda notes: Notes())
    assert find_backup("latest", shelf=shelf).name == name
