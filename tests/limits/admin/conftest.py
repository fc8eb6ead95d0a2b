"""Three people who may do more or less in the admin."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django import Settings

from portal.accounts.models import User

ADDRESS = "203.0.113.7"


@pytest.fixture(autouse=True)
def _cheap_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def admin(db: None) -> Client:
    """A browser in which a superuser is logged in."""
    return logged_in(User.objects.create_superuser("chief", "chief@example.org"))


@pytest.fixture
def colleague(db: None) -> Client:
    """A browser of somebody else who may do all with policies, and nothing else."""
    return logged_in(staff("colleague", "add_policy", "change_policy", "delete_policy", "view_policy"))


@pytest.fixture
def viewer(db: None) -> Client:
    """A browser of somebody who may look at policies."""
    return logged_in(staff("viewer", "view_policy"))


def logged_in(user: User) -> Client:
    """Return a browser at ADDRESS in which somebody is logged in."""
    client = Client(REMOTE_ADDR=ADDRESS)
    client.force_login(user)
    return client


def staff(name: str, *codenames: str) -> User:
    """Return a member of staff who may do these things with policies."""
    user = User.objects.create_user(name, f"{name}@example.org", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames, content_type__app_label="limits"))
    return user
