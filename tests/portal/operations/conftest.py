"""What tests of operations share: nothing that one process remembers goes from one test to the next."""

import pytest

from portal.operations.inspecting.refused import refused


@pytest.fixture(autouse=True)
def _nothing_refused() -> None:
    refused.__init__()  # type: ignore[misc]
