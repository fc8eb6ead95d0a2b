"""The first admin."""

import pytest
from django.contrib.auth import get_user_model

from portal.runner.prepare import Admin, first_admin

pytestmark = pytest.mark.django_db


def test_the_first_admin_has_the_password_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_ADMIN_PASSWORD", "correct horse battery")
    assert first_admin() == Admin("admin", "correct horse battery")
    user = get_user_model().objects.get(username="admin")
    assert user.is_superuser
    assert user.check_password("correct horse battery")


def test_the_first_admin_has_a_random_password_where_none_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PORTAL_ADMIN_PASSWORD", raising=False)
    admin = first_admin()
    assert len(admin.password) >= 16
    assert get_user_model().objects.get(username="admin").check_password(admin.password)


def test_an_admin_who_is_there_stays_as_set(monkeypatch: pytest.MonkeyPatch) -> None:
    users = get_user_model().objects
    users.create_superuser(username="boss", email="boss@example.org", password="first password")
    monkeypatch.setenv("PORTAL_ADMIN_PASSWORD", "correct horse battery")
    assert first_admin() == Admin("boss", "")
    assert users.get().check_password("first password")
