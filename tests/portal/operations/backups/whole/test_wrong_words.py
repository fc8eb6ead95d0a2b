"""What cannot be done is one plain line."""

import traceback
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.utils import timezone

from portal.operations import runs
from portal.operations.backups.work import BACKUP, WORK
from portal.operations.models import JobRun
from tests.portal.operations.backups.whole.commands import command
from tests.portal.operations.backups.whole.conftest import Site

pytestmark = [pytest.mark.server, pytest.mark.django_db]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("redis_restore", "redis-20200101T000000Z"), "There is no backup “redis-20200101T000000Z”"),
        (("redis_restore", "../../etc"), "There is no backup"),
        (("redis_restore",), "Name a backup"),
        (("redis_restore", "latest", "--to", "http://example.org"), "--to cannot be used. It takes redis://"),
        (("redis_verify", "latest"), "There is no backup “latest”"),
        (("redis_backup", "--source", "mongo"), "There is no source “mongo”. There are: redis"),
        (("redis_backup", "--method", "magic"), "invalid choice"),
        (("redis_restore", "--take-back"), "Nothing was changed"),
    ],
)
def test_wrong_words_are_one_plain_line(single: Site, arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(CommandError, match=told) as error:
        command(*arguments)
    assert "\n" not in str(error.value)


def test_a_server_that_is_away_is_told_and_noted(single: Site, settings: Any) -> None:
    settings.REDIS = settings.REDIS.__class__(kind="redis", hosts=(("127.0.0.1", 1),))
    settings.RATELIMIT_STORAGE = settings.REDIS
    with pytest.raises(CommandError, match=r"127\.0\.0\.1:1 does not answer"):
        command("redis_backup")
    assert JobRun.objects.get().state == "failed"
    assert "no backup yet in" in command("redis_backups")


def test_a_second_backup_while_one_runs_is_told_and_leaves_nothing(single: Site) -> None:
    first = runs.ask(BACKUP, slot="first", source="redis", now=timezone.now())
    assert first is not None
    assert runs.begin(first, holds=WORK[BACKUP].held_by(first), now=timezone.now())
    with pytest.raises(CommandError, match=r"is under way\. Nothing was done"):
        command("redis_backup")
    assert JobRun.objects.count() == 1
    assert "no backup yet in" in command("redis_backups")


def test_names_in_the_storage_are_no_commands_for_a_terminal(single: Site, storage: Path) -> None:
    (storage / "\x1b[2J").mkdir(parents=True)
    (storage / "\x1b[2J" / "file").write_bytes(b"")
    told = command("redis_backups")
    assert r"\x1b[2J: no backup." in told
    assert "\x1b" not in told


def test_what_was_typed_wrong_is_no_command_for_a_terminal(single: Site) -> None:
    with pytest.raises(CommandError, match=r"There is no backup “\\x1b\[2J”"):
        command("redis_restore", "\x1b[2J")


def test_a_wrong_address_is_not_told_with_its_password(single: Site) -> None:
    password = f"{9 * 1111}-of-mine"
    with pytest.raises(CommandError) as caught:
        command("redis_restore", "latest", "--to", f"http://user:{password}@example.org")
    assert password not in "".join(traceback.format_exception(caught.value))
