"""People who may do more or less with backups, and a storage of the test's own."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from django.contrib.auth.models import Permission
from django.core.files.storage import storages
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from portal.accounts.models import User
from portal.environment import folder_storage
from portal.operations.admin.looking import storage_look
from portal.operations.backups import inventory
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.making import BY_HAND, Wanted, make_backup
from portal.operations.backups.sources import source_named
from portal.operations.models import Backup, Heartbeat

from .doing import silent

ADDRESS = "203.0.113.7"


@pytest.fixture(autouse=True)
def _cheap_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _looks_afresh() -> None:
    storage_look.forget()


@pytest.fixture
def admin(db: None) -> Client:
    """A browser in which a superuser is logged in."""
    return logged_in(User.objects.create_superuser("chief", "chief@example.org"))


@pytest.fixture
def viewer(db: None) -> Client:
    """A browser of somebody who may look at backups, and nothing else."""
    return logged_in(staff("viewer", "view_backup"))


def logged_in(user: User) -> Client:
    client = Client(REMOTE_ADDR=ADDRESS)
    client.force_login(user)
    return client


def staff(name: str, *codenames: str) -> User:
    """Return a member of staff who may do these things."""
    user = User.objects.create_user(name, f"{name}@example.org", is_staff=True)
    found = Permission.objects.filter(codename__in=codenames)
    assert found.count() == len(codenames)
    user.user_permissions.set(found)
    return user


@pytest.fixture
def may(db: None) -> Callable[..., Client]:
    """Return a browser of somebody who may look at backups, and do these things."""
    return lambda *codenames: logged_in(staff("somebody", "view_backup", *codenames))


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    """The folder that is the storage of backups."""
    place = tmp_path / "backups"
    settings.STORAGES = {**settings.STORAGES, "backups": folder_storage(place)}
    yield place
    storages._storages.pop("backups", None)


@pytest.fixture
def worker(db: None) -> None:
    """A worker of long jobs that has just shown a sign of life."""
    Heartbeat.objects.create(name="long-8000@host", at=timezone.now())


@pytest.fixture
def filled(redis_server: redis.Redis) -> Iterator[redis.Redis]:
    """The site's Redis, with keys of people, of Celery and of the limits."""
    client = redis.Redis.from_url(source_named("redis").address.url)
    # Else it waits for other replicas before it sends its data.
    client.config_set("repl-diskless-sync-delay", 0)
    client.mset({"user:1": "jane", "user:2": "joe", "_kombu.binding.x": "queue", "limits:{policies}": "old"})
    yield client
    client.config_set("repl-diskless-sync-delay", 5)
    client.close()


@pytest.fixture
def backup(filled: redis.Redis, folder: Path, db: None) -> Backup:
    """A backup of the site's Redis, proven by a scratch server."""
    return make()


def make(*, hours_ago: float = 0) -> Backup:
    """Make a backup as the job does, and return its row."""
    now = timezone.now() - timedelta(hours=hours_ago)
    kept = make_backup(Wanted(source_named("redis"), origin=BY_HAND), now=now, progress=silent, shelf=Shelf())
    return inventory.note_kept(kept, now=timezone.now())
