"""What the channels are told."""

from collections.abc import Callable

import pytest

from portal.operations.models import Message


@pytest.fixture
def told() -> Callable[[], list[str]]:
    """Return what reads the subjects of all messages, oldest first."""
    return lambda: list(Message.objects.order_by("pk").values_list("subject", flat=True))
