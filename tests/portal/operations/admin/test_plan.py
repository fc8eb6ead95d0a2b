"""The plan of backups: previewed before it is saved, and nothing is deleted by either."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from portal.operations.backups import inventory
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.models import Backup, BackupAction, BackupPlan
from tests.portal.operations.backups.keeping.making import make_backup

from .conftest import logged_in, staff
from .doing import PLAN, breaks_policy, press, text_of

pytestmark = pytest.mark.django_db
NUMBERS = {
    "keep_last": 1,
    "keep_hourly": 0,
    "keep_daily": 0,
    "keep_weekly": 0,
    "keep_monthly": 0,
    "keep_yearly": 0,
    "attempts_max": 3,
    "retry_minutes": 10,
}


@pytest.fixture
def five(folder: Path, tmp_path: Path) -> list[str]:
    """Backups of five days, the newest first; return their names."""
    now, shelf = timezone.now(), Shelf()
    for day in range(5):
        manifest, files = make_backup(tmp_path, name=f"redis-{day}")
        manifest = replace(manifest, began_at=now - timedelta(days=day, minutes=1))
        inventory.note_kept(shelf.publish(manifest, files=files), now=now)
    return [f"redis-{day}" for day in range(5)]


@pytest.fixture
def planner(db: None) -> Client:
    """A browser of somebody who may change the plan."""
    return logged_in(staff("planner", "view_backup", "view_backupplan", "change_backupplan"))


def stays(page: object) -> dict[str, bool]:
    return {each.row.name: each.verdict.kept for each in page.context["judged"]}  # type: ignore[attr-defined]


def test_the_page_tells_what_the_plan_keeps(planner: Client, five: list[str]) -> None:
    page = planner.get(PLAN)
    assert stays(page) == dict.fromkeys(five, True)
    assert "A backup is made every day at 03:15 UTC." in text_of(page)
    assert not breaks_policy(page)


def test_numbers_are_previewed_and_not_saved(planner: Client, five: list[str]) -> None:
    page = planner.post(PLAN, NUMBERS | {"keep_daily": 2, "_preview": "Preview"})
    assert stays(page) == {name: name in five[:2] for name in five}
    assert "nothing is saved yet" in text_of(page)
    assert 'value="2"' in page.content.decode()
    assert BackupPlan.current().keep_daily == 14
    assert not breaks_policy(page)


def test_a_preview_of_nonsense_tells_the_field(planner: Client, five: list[str]) -> None:
    page = planner.post(PLAN, NUMBERS | {"keep_last": 0, "_preview": "Preview"})
    assert "greater than or equal to 1" in text_of(page)
    assert "nothing is saved yet" not in text_of(page)


def test_a_saved_plan_deletes_nothing_and_is_written_down(planner: Client, five: list[str]) -> None:
    page = press(planner, PLAN, **NUMBERS)
    assert BackupPlan.current().keep_daily == 0
    assert stays(page)[five[4]] is False
    assert Backup.objects.count() == 5
    assert not BackupAction.objects.exists()
    assert LogEntry.objects.get().user.get_username() == "planner"


def test_whoever_may_only_look_saves_and_previews_nothing(db: None, five: list[str]) -> None:
    looker = logged_in(staff("looker", "view_backupplan"))
    assert "Preview" not in text_of(looker.get(PLAN))
    assert looker.post(PLAN, NUMBERS | {"_preview": "x"}).status_code == 403
    assert looker.post(PLAN, NUMBERS).status_code == 403
    assert BackupPlan.current().keep_daily == 14


def test_the_schedule_is_linked_for_whoever_may_see_it(planner: Client, admin: Client, folder: Path) -> None:
    assert "Change the schedule" not in text_of(planner.get(PLAN))
    page = admin.get(PLAN)
    assert "Change the schedule" in text_of(page)
    assert admin.get(page.context["schedule_url"]).status_code == 200


def test_a_plan_whose_row_is_gone_comes_back(planner: Client, folder: Path) -> None:
    BackupPlan.objects.all().delete()
    assert planner.get(PLAN.replace("1/change/", ""), follow=True).status_code == 200
    assert BackupPlan.objects.count() == 1
