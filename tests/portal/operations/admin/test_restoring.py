"""“Restore…” and going back: what would change is shown first, and it is as it was shown."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.test import Client
from django.utils import timezone

from portal.operations.admin import restoring
from portal.operations.models import Backup, BackupAction, JobRun, KeptData

from .doing import LIST, RUNS, breaks_policy, path_of, press, text_of, told, work_off

pytestmark = pytest.mark.django_db


def look(client: Client, backup: Backup, **typed: str) -> dict[str, object]:
    """Ask what would change, and return what the page knows."""
    page = client.post(path_of(backup, "restore"), {"kind": "filtered", "step": "look"} | typed)
    assert page.status_code == 200
    assert not breaks_policy(page)
    return {name: page.context.get(name) for name in ("would", "arguments", "complaint")}


def test_the_page_explains_both_ways_and_changes_nothing(admin: Client, backup: Backup) -> None:
    page = admin.get(path_of(backup, "restore"))
    assert "a restored queue runs finished jobs again" in text_of(page)
    assert "kept for 60 minutes" in text_of(page)
    assert not breaks_policy(page)
    assert not JobRun.objects.exists()


def test_the_preview_counts_what_would_change(admin: Client, backup: Backup, filled: redis.Redis) -> None:
    filled.delete("user:1")
    filled.set("since", "then")
    would = look(admin, backup)["would"]
    assert isinstance(would, restoring.Would)
    told = would.preview
    assert (told.keys, told.added, told.replaced, sum(told.left_out.values())) == (4, 1, 1, 2)
    assert told.live == {0: 4}
    assert not would.is_exchange


def test_the_preview_of_everything_tells_what_goes_too(admin: Client, backup: Backup, filled: redis.Redis) -> None:
    filled.mset({"since": "then", "also": "then"})
    would = look(admin, backup, kind="whole")["would"]
    assert isinstance(would, restoring.Would)
    assert (would.is_exchange, would.preview.gone, would.preview.left_out) == (True, 2, {})


def test_beginnings_of_keys_choose(admin: Client, backup: Backup) -> None:
    known = look(admin, backup, only="user:1\r\n\r\n_kombu", without="user:2")
    assert known["arguments"] == {"whole": False, "only": ["user:1", "_kombu"], "without": ["user:2"]}
    assert known["would"].preview.replaced == 1  # type: ignore[attr-defined]


def test_too_many_beginnings_are_refused_and_kept(admin: Client, backup: Backup) -> None:
    typed = "\n".join(f"key:{number}" for number in range(101))
    page = admin.post(path_of(backup, "restore"), {"kind": "filtered", "step": "look", "only": typed})
    assert "100 are taken at most" in text_of(page)
    assert "key:100" in page.content.decode()


def test_a_server_that_is_away_is_told(admin: Client, backup: Backup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "REDIS", replace(settings.REDIS, socket_path="/nowhere/redis.sock"))
    assert "/nowhere/redis.sock cannot be used" in str(look(admin, backup)["complaint"])


def test_what_a_large_one_would_change_is_found_out_by_a_run(
    admin: Client, backup: Backup, filled: redis.Redis, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "PREVIEWED_KEYS_MAX", 3)
    chosen = {"kind": "filtered", "only": "user:"}
    page = text_of(press(admin, path_of(backup, "restore"), step="look", **chosen))
    assert f"manage.py redis_restore {backup.name} --only=user: --dry-run" in page
    assert "Yes, restore it" in page
    filled.delete("user:1")
    press(admin, path_of(backup, "restore"), step="find out", **chosen)
    run = work_off()
    assert (run.job, run.state) == ("look", "succeeded")
    assert "1 would be added, 1 would replace what is there" in run.outcome
    assert filled.get("user:1") is None
    assert "Go on to the restore" in text_of(admin.get(f"{RUNS}{run.pk}/change/"))
    assert "Found out at" in text_of(press(admin, path_of(backup, "restore"), step="look", **chosen))
    assert "Found out at" not in text_of(press(admin, path_of(backup, "restore"), step="look", kind="whole"))


def test_a_restore_brings_back_what_the_page_said(
    admin: Client, backup: Backup, filled: redis.Redis, worker: None
) -> None:
    filled.delete("user:1", "_kombu.binding.x")
    filled.set("user:2", "changed")
    page = press(admin, path_of(backup, "restore"), kind="filtered", step="restore", only="user:")
    assert "is asked for" in told(page)
    run = JobRun.objects.get()
    assert (run.subject, run.arguments["only"]) == (backup.name, ["user:"])
    assert run.not_after - run.asked_at == timedelta(minutes=15)
    assert work_off().state == "succeeded"
    assert filled.mget("user:1", "user:2", "_kombu.binding.x") == [b"jane", b"joe", None]
    assert BackupAction.objects.filter(what="restored", who="chief").exists()


@pytest.mark.parametrize("typed", ["", "redis", "REDIS"])
def test_everything_is_replaced_only_where_the_name_is_typed(admin: Client, backup: Backup, typed: str) -> None:
    page = press(admin, path_of(backup, "restore"), kind="whole", step="restore", typed_name=typed)
    assert "That is not the backup's name" in text_of(page)
    assert not JobRun.objects.exists()


def test_a_second_restore_waits_for_no_first(admin: Client, backup: Backup) -> None:
    for _ in range(2):
        page = press(admin, path_of(backup, "restore"), kind="filtered", step="restore")
    assert "was asked for already" in told(page)
    assert JobRun.objects.count() == 1


def test_after_everything_was_replaced_one_can_go_back(
    admin: Client, backup: Backup, filled: redis.Redis, worker: None
) -> None:
    filled.set("since", "then")
    press(admin, path_of(backup, "restore"), kind="whole", step="restore", typed_name=f" {backup.name} ")
    assert work_off().state == "succeeded"
    assert not filled.exists("since")
    kept = KeptData.objects.get()
    assert "Go back to the old data…" in text_of(admin.get(f"{RUNS}{JobRun.objects.get().pk}/change/"))
    assert "from before the last restore is kept until" in text_of(admin.get(LIST))
    path = f"{LIST}go-back/{kept.pk}/"
    assert "becomes again what is kept in database" in text_of(admin.get(path))
    assert JobRun.objects.count() == 1
    press(admin, path)
    assert work_off().state == "succeeded"
    assert filled.get("since") == b"then"
    assert "is kept until" not in text_of(admin.get(LIST))


def test_going_back_needs_the_right_to_restore(viewer: Client, folder: Path) -> None:
    now = timezone.now()
    kept = KeptData.objects.create(
        name="restore-1",
        source="redis",
        place="x",
        moved_at=now,
        until=now + timedelta(hours=1),
        databases=[[0, 15]],
    )
    assert viewer.post(f"{LIST}go-back/{kept.pk}/").status_code == 403
    assert "Go back…" not in text_of(viewer.get(LIST))


def test_what_is_not_kept_any_more_is_not_gone_back_to(admin: Client, folder: Path) -> None:
    now = timezone.now()
    kept = KeptData.objects.create(
        name="restore-1",
        source="redis",
        place="x",
        moved_at=now,
        until=now - timedelta(hours=1),
        databases=[[0, 15]],
    )
    assert "is not kept any more" in told(press(admin, f"{LIST}go-back/{kept.pk}/"))
    assert not JobRun.objects.exists()
