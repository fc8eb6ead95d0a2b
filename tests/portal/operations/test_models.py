"""What the database itself holds to, whoever writes."""

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction

from portal.operations.models import BackupPlan, JobRun
from tests.portal.operations.runs.doing import NOW, ask

pytestmark = pytest.mark.django_db


def test_there_is_one_plan_from_the_beginning() -> None:
    plan = BackupPlan.objects.get()
    assert (plan.keep_last, plan.keep_daily, plan.keep_weekly, plan.keep_monthly, plan.keep_yearly) == (7, 14, 8, 12, 3)
    assert (plan.keep_hourly, plan.attempts_max, plan.retry_minutes) == (0, 3, 10)
    with pytest.raises(IntegrityError), transaction.atomic():
        BackupPlan.objects.create(pk=2)


def test_a_plan_that_is_gone_is_the_defaults() -> None:
    BackupPlan.objects.all().delete()
    assert BackupPlan.current().keep_daily == 14


def test_two_runs_cannot_hold_the_same_and_any_number_hold_nothing() -> None:
    ask("one", now=NOW)
    ask("two", now=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        JobRun.objects.update(holds="redis:data")
    assert JobRun.objects.filter(holds=None).count() == 2


def test_each_thing_that_one_can_do_with_a_backup_is_a_right_of_its_own() -> None:
    rights = Permission.objects.filter(content_type__app_label="operations", content_type__model="backup")
    assert set(rights.values_list("codename", flat=True)) == {
        "view_backup",
        "take_backup",
        "prove_backup",
        "pin_backup",
        "download_backup",
        "restore_backup",
    }
