"""Backups and restores under their own users: what each needs it has, and the application's user has not."""

from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from portal.operations.acl.servers import address_text
from portal.operations.acl.users import APP, BACKUP, RESTORE
from portal.operations.backups.keeping.shelf import Shelf
from tests.limits.cluster_and_sentinel.counting import count_at
from tests.portal.operations.acl.guarding import ADMIN, Guarded
from tests.portal.operations.backups.servers import filled

pytestmark = [pytest.mark.server, pytest.mark.django_db]


@pytest.fixture
def site(guarded: Guarded, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Guarded:
    """The server with something of everything in it; its policies are in another database, and counted as ever."""
    backend = "portal.operations.backups.keeping.folder.DurableFolderStorage"
    options = {"location": str(tmp_path / "backups")}
    settings.STORAGES = settings.STORAGES | {"backups": {"BACKEND": backend, "OPTIONS": options}}
    settings.VAR, settings.BACKUP_RECIPIENT = tmp_path / "var", ""
    app = guarded.address(APP, 1)
    count_at(address_text(app, user=app.user, password=app.password), monkeypatch)
    settings.RATELIMIT_STORAGE = app
    with closing(guarded.client(ADMIN)) as admin:
        filled(admin)
        admin.execute_command("ACL", "LOG", "RESET")
    return guarded


def command(site: Guarded, user: str, settings: Any, *arguments: str, **options: Any) -> str:
    """Return what a command says whose REDIS_URL names a user."""
    settings.REDIS = site.address(user)
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


@pytest.mark.parametrize("user", [BACKUP, RESTORE])
def test_a_backup_goes_over_the_wire(site: Guarded, settings: Any, user: str) -> None:
    told = command(site, user, settings, "redis_backup")
    assert " by wire, " in told
    assert "; loads." in told
    assert site.refused() == [f"{user}: command config|get"]  # whether the server would save on its own disk


def test_some_keys_are_backed_up_one_by_one(site: Guarded, settings: Any) -> None:
    told = command(site, BACKUP, settings, "redis_backup", prefix=["list:"])
    assert "2 keys" in told
    assert " by logical, " in told
    assert site.refused() == []


def test_a_backup_key_by_key_takes_functions_too(site: Guarded, settings: Any) -> None:
    assert "Functions are not" not in command(site, BACKUP, settings, "redis_backup", method="logical")
    assert site.refused() == []


def test_some_keys_come_back(site: Guarded, settings: Any) -> None:
    command(site, BACKUP, settings, "redis_backup")
    with closing(site.client(ADMIN)) as admin:
        admin.delete("list:small")
        admin.set("text", "changed")
    site.refused()
    told = command(site, RESTORE, settings, "redis_restore", "latest", dry_run=True)
    assert "add" in told
    told = command(site, RESTORE, settings, "redis_restore", "latest", only=["list:", "text"])
    assert "New: 1." in told
    with closing(site.client(ADMIN)) as admin:
        assert admin.get("text") == "a text"
    assert site.refused() == []


def test_whole_databases_are_exchanged_and_taken_back_and_dropped(site: Guarded, settings: Any) -> None:
    command(site, BACKUP, settings, "redis_backup")
    with closing(site.client(ADMIN)) as admin:
        admin.set("text", "changed")
    site.refused()
    assert "Compared:" in command(site, RESTORE, settings, "redis_restore", "latest", whole=True)
    with closing(site.client(ADMIN)) as admin:
        assert admin.get("text") == "a text"
    command(site, RESTORE, settings, "redis_restore", take_back=True)
    with closing(site.client(ADMIN)) as admin:
        assert admin.get("text") == "changed"
    command(site, RESTORE, settings, "redis_restore", "latest", whole=True)
    command(site, RESTORE, settings, "redis_restore", drop_old=True)
    assert site.refused() == []


def test_who_may_only_back_up_is_refused_a_restore_in_words(site: Guarded, settings: Any) -> None:
    command(site, BACKUP, settings, "redis_backup")
    with pytest.raises(CommandError, match=r"no permissions|has no permissions|were refused"):
        command(site, BACKUP, settings, "redis_restore", "latest")
    with pytest.raises(CommandError, match=r"Nothing was changed"):
        command(site, BACKUP, settings, "redis_restore", "latest", whole=True)


def test_the_application_takes_no_backup(site: Guarded, settings: Any) -> None:
    with pytest.raises(CommandError, match=r"takes a user with"):
        command(site, APP, settings, "redis_backup")
    assert Shelf().kept() == ()
