"""What the channels were told, by a real mail queue."""

from collections.abc import Callable

import pytest
from post_office.models import Email
from pytest_django import Settings


@pytest.fixture
def told(settings: Settings) -> Callable[[], list[str]]:
    """Return what reads the subjects of all alerts, oldest first."""
    settings.ALERT_EMAILS = ["ops@example.org"]
    return lambda: list(Email.objects.order_by("pk").values_list("subject", flat=True))
