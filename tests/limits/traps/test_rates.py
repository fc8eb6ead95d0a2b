"""Traps in how a rate is written: django-ratelimit looks for one anywhere in a text, and takes what it finds."""

import pytest
from django.test import Client
from django_ratelimit.core import _split_rate

from limits.core.rates import Rate
from limits.models import Policy
from tests.limits.traps import peer
from tests.limits.traps.doing import edit, errors_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("typed", "peer_reads", "told"),
    [
        ("100/week", (100, 1), "100 per 7 days"),
        ("10/M", (10, 1), "10 per minute"),
        ("1000/month", (1000, 60), "1000 per 30 days"),
        ("10/m junk", (10, 60), "is not a rate"),
    ],
)
def test_100_per_week_is_not_per_second(
    admin_client: Client, typed: str, peer_reads: tuple[int, int], told: str
) -> None:
    assert _split_rate(typed) == peer_reads
    (error,) = errors_of(edit(admin_client, "login", rates=typed))["rates"]
    assert told in error
    assert Policy.objects.get(slug="login").rates == (Rate(5, 60),)


@pytest.mark.parametrize(("typed", "peer_raises"), [("-5/m", AttributeError), ("1.5/m", ImportError)])
def test_a_rate_that_cannot_be_read_is_no_500(admin_client: Client, typed: str, peer_raises: type[Exception]) -> None:
    with pytest.raises(peer_raises):
        peer.use(rate=typed)
    assert "rates" in errors_of(edit(admin_client, "login", rates=typed))


def test_blanks_in_a_rate_are_no_500(admin_client: Client) -> None:
    with pytest.raises(AttributeError):
        peer.use(rate="10 / m")
    edit(admin_client, "login", rates="10 / m")
    assert Policy.objects.get(slug="login").rates == (Rate(10, 60),)
