"""What tests of who is asking share."""

from collections.abc import Iterator
from ipaddress import ip_network

import pytest
from django.test import override_settings


@pytest.fixture
def trusted() -> Iterator[None]:
    """Trust the proxies of two networks."""
    with override_settings(LIMITS_TRUSTED_PROXIES=(ip_network("10.0.0.0/8"), ip_network("2001:db8:ffff::/48"))):
        yield
