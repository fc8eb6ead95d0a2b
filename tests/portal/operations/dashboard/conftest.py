"""Sums of past days that a test begins without."""

import pytest

from portal.operations.dashboard.slow_log import slow_logs
from portal.operations.dashboard.tallied import past_days


@pytest.fixture(autouse=True)
def _looks_afresh() -> None:
    past_days.forget()
    slow_logs.forget()
