"""What benchmarks fill a database with is what a year leaves."""

from datetime import timedelta

import pytest

from bench.filling import SERVERS, fill
from portal.operations.models import RedisServer, Sample
from portal.operations.watching.samples.series import points
from portal.operations.watching.samples.thinning import KEPT, thin_out
from tests.portal.operations.watching.samples.conftest import NOW


@pytest.mark.django_db
def test_a_year_of_samples_is_what_thinning_leaves() -> None:
    made = fill(now=NOW, servers=1)
    assert made * SERVERS > 2_000_000
    thin_out(NOW)
    assert made - Sample.objects.count() <= len(KEPT)
    assert all(at.timestamp() % span == 0 for span, at in Sample.objects.values_list("span_seconds", "at"))


@pytest.mark.django_db
@pytest.mark.parametrize("days", [1 / 24, 1, 31, 366])
def test_every_period_has_its_plot(days: float) -> None:
    fill(now=NOW, servers=1)
    server = RedisServer.objects.get()
    found = points(server.pk, since=NOW - timedelta(days=days), until=NOW)
    assert 140 <= len(found) <= 241
    assert not any(point.after_gap for point in found)
