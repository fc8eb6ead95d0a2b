"""The first channels: made once of each address, whoever does it, and never again."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from pytest_django import Settings

from portal.operations.models import Channel
from portal.operations.watching.telling.first_channels import make_first_channels

from .receivers import loads_apprise

SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops"


def names() -> list[str]:
    return list(Channel.objects.order_by("pk").values_list("name", flat=True))


@loads_apprise
@pytest.mark.django_db
def test_each_address_becomes_a_channel_with_a_name_of_its_own(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["ops@example.org"]
    settings.ALERT_URLS = [SLACK, "json://a.example/", "json://b.example/", "nonsense://secret-word"]
    make_first_channels()
    make_first_channels()
    assert names() == [
        "ops@example.org",
        "Slack from settings",
        "JSON from settings",
        "JSON from settings 2",
        "nonsense from settings",
    ]
    assert Channel.objects.get(name="Slack from settings").address == SLACK
    assert Channel.objects.get(kind="mail").address == "ops@example.org"


@pytest.mark.django_db
def test_a_channel_that_somebody_deleted_or_changed_stays_so(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["ops@example.org", "chief@example.org"]
    make_first_channels()
    Channel.objects.get(name="ops@example.org").delete()
    Channel.objects.update(name="The chief", address="other@example.org")
    make_first_channels()
    assert names() == ["The chief"]


@pytest.mark.django_db
def test_a_name_that_is_taken_is_left_to_whom_it_belongs(settings: Settings) -> None:
    Channel.objects.create(name="OPS@example.org", address="x@example.org")
    settings.ALERT_EMAILS = ["ops@example.org"]
    make_first_channels()
    assert names() == ["OPS@example.org", "ops@example.org 2"]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_several_at_once_one_makes_it(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["ops@example.org", "chief@example.org"]

    def make() -> None:
        make_first_channels()
        connection.close()

    with ThreadPoolExecutor(4) as pool:
        for made in [pool.submit(make) for _ in range(4)]:
            made.result()
    assert sorted(names()) == ["chief@example.org", "ops@example.org"]
