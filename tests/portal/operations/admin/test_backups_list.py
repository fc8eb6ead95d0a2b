"""The list of backups: how it stands in one glance, what there is, and asking for one more."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask
from pytest_django import Settings

from portal.operations.admin.looking import storage_look
from portal.operations.admin.plots import round_top
from portal.operations.backups import standing
from portal.operations.backups.standing import Verdict
from portal.operations.models import Backup, JobRun
from portal.redis_address import RedisAddress

from .conftest import logged_in, make, staff
from .doing import LIST, RUNS, breaks_policy, press, text_of, told, work_off

pytestmark = pytest.mark.django_db


def test_nothing_is_there_yet(viewer: Client, folder: Path) -> None:
    page = viewer.get(LIST)
    assert "There is no proven backup of redis." in text_of(page)
    assert not breaks_policy(page)


def test_the_head_says_how_old_the_newest_proven_one_is(viewer: Client, backup: Backup) -> None:
    (found,) = viewer.get(LIST).context["standings"]
    assert (found.verdict, found.newest) == (Verdict.GOOD, backup)


def test_the_first_page_of_the_admin_says_how_it_stands(admin: Client, viewer: Client, folder: Path) -> None:
    page = admin.get("/admin/")
    assert "No proven backup of redis" in text_of(page)
    assert not breaks_policy(page)
    assert "No proven backup" in text_of(viewer.get("/admin/"))
    assert "backup" not in text_of(logged_in(staff("other")).get("/admin/")).lower()


def test_a_backup_that_should_be_there_by_now_is_late(viewer: Client, filled: redis.Redis, folder: Path) -> None:
    make(hours_ago=50)
    page = viewer.get(LIST)
    (found,) = page.context["standings"]
    assert found.verdict == Verdict.LATE
    assert "a newer one is due" in text_of(page)
    assert "redis is 2 days, 2 hours old: there should be one from" in found.words


def test_a_failed_one_is_not_counted_on(viewer: Client, backup: Backup, folder: Path) -> None:
    (file,) = (folder / backup.name).glob("*.rdb.zst")
    file.write_bytes(file.read_bytes()[:-1])
    page = viewer.get(LIST)
    assert page.context["standings"][0].verdict == Verdict.NONE
    assert "✖ Damaged" in text_of(page)
    assert "bytes instead of" in text_of(page)


def test_one_that_vanished_from_the_storage_is_told(viewer: Client, backup: Backup, folder: Path) -> None:
    for file in (folder / backup.name).iterdir():
        file.unlink()
    assert "Missing in the storage" in text_of(viewer.get(LIST))


def test_one_that_vanished_is_told_for_a_month(viewer: Client, backup: Backup, folder: Path) -> None:
    for file in (folder / backup.name).iterdir():
        file.unlink()
    Backup.objects.update(seen_at=timezone.now() - timedelta(days=29))
    assert "Missing in the storage" in text_of(viewer.get(LIST))
    Backup.objects.update(seen_at=timezone.now() - timedelta(days=31))
    storage_look.forget()
    assert backup.name not in text_of(viewer.get(LIST))


def test_what_is_no_backup_is_listed_as_such(viewer: Client, folder: Path) -> None:
    (folder / "half-done").mkdir(parents=True)
    (folder / "half-done" / "redis.rdb.zst").write_bytes(b"half")
    assert "half-done It has no manifest" in text_of(viewer.get(LIST))


def test_a_storage_that_is_away_costs_no_page(
    viewer: Client, backup: Backup, folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.rename(folder.with_name("elsewhere"))
    folder.write_text("not a folder")
    page = text_of(viewer.get(LIST))
    assert "The storage of backups failed while listing backups" in page
    assert backup.name in page
    assert viewer.get(f"{LIST}{backup.pk}/change/").status_code == 200


def test_the_storage_is_looked_at_once_a_minute_and_when_asked(viewer: Client, backup: Backup, folder: Path) -> None:
    viewer.get(LIST)
    (folder / backup.name / "manifest.json").unlink()
    viewer.get(LIST)
    assert not Backup.objects.get().is_missing
    press(viewer, f"{LIST}look-again/")
    assert Backup.objects.get().is_missing


def test_sizes_are_drawn_and_told_as_figures(viewer: Client, filled: redis.Redis, folder: Path) -> None:
    make(hours_ago=3)
    filled.set("more", b"x" * 1000)
    make()
    page = viewer.get(LIST)
    (plot,) = page.context["plots"]
    assert len(plot.bars) == 2
    assert all(0 <= bar.y <= 100 and bar.y + bar.height == 100 for bar in plot.bars)
    assert "The figures" in text_of(page)
    assert not breaks_policy(page)


@pytest.mark.parametrize(
    ("size", "top"), [(1, 1), (3, 5), (700, 1024), (1024, 1024), (1025, 2048), (300 * 1024**2, 500 * 1024**2)]
)
def test_an_axis_ends_at_a_round_size(size: int, top: int) -> None:
    assert round_top(size) == top


# The schedule


def test_the_next_one_is_due_when_the_schedule_says() -> None:
    now = timezone.now()
    next_at = standing.schedule().next_at(now=now)
    assert next_at is not None
    assert now < next_at <= now + timedelta(days=1)
    assert f"{next_at + timedelta(seconds=30):%H:%M}" == "03:15"


def test_the_schedule_decides_what_is_late() -> None:
    crontab = CrontabSchedule.objects.create(minute="0", hour="*")
    PeriodicTask.objects.filter(task="portal.operations.long.back_up").update(crontab=crontab)
    now = timezone.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    assert standing.schedule().expected_since(now=now) == hour - timedelta(hours=2)


def test_a_schedule_that_is_off_is_told(viewer: Client, folder: Path) -> None:
    PeriodicTask.objects.filter(task="portal.operations.long.back_up").update(enabled=False)
    assert "The schedule is off" in text_of(viewer.get(LIST))


# Asking


def test_whoever_may_take_backups_takes_one(may: Callable[..., Client], filled: redis.Redis, folder: Path) -> None:
    somebody = may("take_backup")
    page = press(somebody, f"{LIST}take/", source="redis")
    assert "is asked for" in told(page)
    run = work_off()
    assert (run.state, run.asked_by) == ("succeeded", "somebody")
    assert Backup.objects.get().name in text_of(somebody.get(LIST))


def test_whoever_may_not_is_refused_and_sees_no_button(viewer: Client, folder: Path) -> None:
    assert viewer.post(f"{LIST}take/", {"source": "redis"}).status_code == 403
    assert "Back up now" not in viewer.get(LIST).content.decode()
    assert not JobRun.objects.exists()


def test_the_right_to_take_is_none_to_look(may: Callable[..., Client], folder: Path) -> None:
    somebody = may("take_backup")
    assert somebody.get(f"{LIST}take/").status_code == 405
    assert somebody.post(f"{LIST}1/prove/").status_code == 403


def test_without_the_right_to_look_nothing_is_shown(db: None, folder: Path) -> None:
    somebody = logged_in(staff("other", "take_backup"))
    assert somebody.get(LIST).status_code == 403
    assert somebody.get(RUNS).status_code == 403
    assert somebody.post(f"{LIST}take/", {"source": "redis"}).status_code == 403


def test_a_second_one_is_not_asked_for_while_one_waits(admin: Client, folder: Path) -> None:
    press(admin, f"{LIST}take/", source="redis")
    assert "was asked for already" in told(press(admin, f"{LIST}take/", source="redis"))
    assert JobRun.objects.count() == 1


def test_a_source_that_is_none_is_refused(admin: Client, folder: Path) -> None:
    assert "Choose what to back up" in told(press(admin, f"{LIST}take/", source="moon"))
    assert not JobRun.objects.exists()


def test_a_broker_that_is_away_loses_nothing_and_is_told(admin: Client, folder: Path, worker: None) -> None:
    page = press(admin, f"{LIST}take/", source="redis")
    assert "cannot be reached now. It waits" in told(page)
    assert "manage.py redis_backup --source redis" in told(page)
    assert JobRun.objects.get().state == "waiting"


def test_a_missing_worker_is_told_with_what_does_it_by_hand(
    admin: Client, redis_server: redis.Redis, folder: Path
) -> None:
    assert "no worker of long jobs" in told(press(admin, f"{LIST}take/", source="redis"))


def test_a_worker_that_lives_begins_soon(admin: Client, redis_server: redis.Redis, folder: Path, worker: None) -> None:
    page = press(admin, f"{LIST}take/", source="redis")
    assert "It begins within half a minute" in told(page)
    assert page.context["runs"][0].run == JobRun.objects.get()


def test_two_sources_are_told_apart(admin: Client, folder: Path, settings: Settings) -> None:
    settings.RATELIMIT_STORAGE = replace(
        settings.RATELIMIT_STORAGE, kind="redis", hosts=(("127.0.0.1", 1),), socket_path=""
    )
    assert isinstance(settings.RATELIMIT_STORAGE, RedisAddress)
    page = admin.get(LIST)
    assert [each.source for each in page.context["standings"]] == ["redis", "limits"]
    assert "<option>limits</option>" in page.content.decode()
    press(admin, f"{LIST}take/", source="limits")
    assert JobRun.objects.get().source == "limits"


def test_the_last_failure_is_shown_until_one_succeeds(admin: Client, folder: Path) -> None:
    press(admin, f"{LIST}take/", source="redis")
    assert work_off().state == "failed"
    assert "The last backup of redis failed" in text_of(admin.get(LIST))
    JobRun.objects.create(
        job="backup", slot="x", source="redis", state="succeeded", asked_at=timezone.now(), ended_at=timezone.now()
    )
    assert "The last backup of redis failed" not in text_of(admin.get(LIST))
