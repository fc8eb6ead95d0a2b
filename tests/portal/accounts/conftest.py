"""What the tests of accounts share: mail goes through the real queue, and hashing is cheap."""

import pytest
from pytest_django import Settings

from portal.accounts.models import User

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _accounts_settings(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "post_office.EmailBackend"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.SITE_URL = "https://portal.example"


@pytest.fixture
def jane() -> User:
    """Returns somebody who registered."""
    return User.objects.create_user("jane@example.org", "jane@example.org", PASSWORD)


@pytest.fixture
def admin_person() -> User:
    """Returns a member of staff with a plain user name."""
    return User.objects.create_superuser("admin", "boss@example.org", PASSWORD)
