"""The page for operators names every metric that is told, and no other."""

import re

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.monitoring.conftest import Told
from tests.monitoring.prometheus import PAGE

SUFFIXES = {"counter": "_total", "info": "_info"}


@pytest.mark.django_db
def test_the_page_for_operators_names_every_metric_that_is_told_and_its_labels(told: tuple[Told, Told]) -> None:
    _, scrape = told
    families = list(text_string_to_metric_families(scrape.body.decode()))
    there = {
        family.name + SUFFIXES.get(family.type, ""): {name for sample in family.samples for name in sample.labels}
        for family in families
    }
    there["limits_decision_seconds"] -= {"le"}
    rows = [line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    named = {
        name: set(re.findall(r"`(\w+)`", labels))
        for _, names, labels, *_ in rows
        for name in re.findall(r"`(\w+)`", names)
    }
    assert named == there
