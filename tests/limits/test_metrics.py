"""What Prometheus reads: of one process, and summed over several."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from limits import metrics
from limits.core.decisions import Decision, RateState
from limits.core.rates import Rate
from limits.metrics import State
from limits.tallies import Tallies
from tests.limits import making
from tests.limits.management import running

FIVE = Rate(5, 60)
WELL = State(degraded=False, uncounted=0, remembered_refusals=0, policies=5, policies_revision=7)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Begin as a new process does."""
    metrics._instruments.cache_clear()
    yield
    metrics._instruments.cache_clear()


def samples(text: bytes) -> dict[str, float]:
    """Return what a scraper reads: each sample as `name label=value …`."""
    return {
        " ".join((sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items())))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def scraped() -> dict[str, float]:
    return samples(metrics.exposition(accept="")[0])


def test_decisions_are_told_by_policy_and_outcome() -> None:
    tallies = Tallies()
    for remaining, retry in ((4, 0), (4, 0), (0, 0), (0, 100)):
        tallies.note(Decision(making.policy(), "a", (RateState(FIVE, remaining, 100, retry),)))
    metrics.add(tallies.take())
    tallies.note(Decision(making.policy("default"), "a"))
    metrics.add(tallies.take())
    found = {name: value for name, value in scraped().items() if name.startswith("limits_decisions_total")}
    assert found == {
        "limits_decisions_total outcome=allowed policy=login": 2,
        "limits_decisions_total outcome=near_limit policy=login": 1,
        "limits_decisions_total outcome=refused policy=login": 1,
        "limits_decisions_total outcome=allowed policy=default": 1,
    }


def test_no_label_tells_who_was_refused() -> None:
    tallies = Tallies()
    tallies.note(Decision(making.policy(), "203.0.113.9", (RateState(FIVE, 0, 100, 100),)), request=making.request())
    metrics.add(tallies.take())
    assert b"203.0.113.9" not in metrics.exposition(accept="")[0]


def test_decision_times_make_a_histogram_from_a_tenth_of_a_millisecond_to_half_a_second() -> None:
    tallies = Tallies()
    for seconds in (0.00005, 0.0001, 0.002, 0.3, 9.0):
        tallies.note(Decision(making.policy(), "a"), seconds=seconds)
    metrics.add(tallies.take())
    found = scraped()
    counts = [value for name, value in found.items() if name.startswith("limits_decision_seconds_bucket")]
    assert counts == sorted(counts)
    assert found["limits_decision_seconds_bucket le=0.0001"] == 2
    assert found["limits_decision_seconds_bucket le=0.0025"] == 3
    assert found["limits_decision_seconds_bucket le=0.5"] == 4
    assert found["limits_decision_seconds_bucket le=+Inf"] == found["limits_decision_seconds_count"] == 5
    assert found["limits_decision_seconds_sum"] == pytest.approx(9.30215)


def test_how_it_stands_is_told() -> None:
    metrics.tell(State(degraded=True, uncounted=3, remembered_refusals=2, policies=5, policies_revision=7))
    metrics.tell(State(degraded=True, uncounted=4, remembered_refusals=1, policies=5, policies_revision=7))
    found = scraped()
    assert found["limits_degraded"] == 1
    assert found["limits_uncounted_decisions_total"] == 4
    assert found["limits_remembered_refusals"] == 1
    assert found["limits_policies"] == 5
    metrics.tell(WELL)
    assert scraped()["limits_degraded"] == 0


@pytest.mark.parametrize(
    ("accept", "kind"),
    [("", "text/plain"), ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text")],
)
def test_a_scraper_gets_the_format_that_it_accepts(accept: str, kind: str) -> None:
    text, content_type = metrics.exposition(accept=accept)
    assert content_type.startswith(kind)
    assert text.endswith(b"# EOF\n") == (kind != "text/plain")


PROCESS = """
import os, sys, django
django.setup()
from limits import metrics
from limits.core.client_keys import ClientKey
from limits.core.decisions import Decision
from limits.core.policies import Policy
from limits.core.rates import Rate
from limits.tallies import Tallies

number = int(sys.argv[1])
tallies = Tallies()
for _ in range(number):
    tallies.note(Decision(Policy("login", "Login", ClientKey("ip"), (Rate(5, 60),)), "a"), seconds=0.0003)
metrics.add(tallies.take())
metrics.tell(metrics.State(number == 3, 0, number, policies=5, policies_revision=number))
print(os.getpid())
"""
SCRAPE = """
import sys, django
django.setup()
from limits import metrics
for pid in sys.argv[1:]:
    metrics.forget_process(int(pid))
print(metrics.exposition(accept="")[0].decode())
"""


def run(code: str, *arguments: str, var: Path) -> str:
    done = running.run("-c", code, *arguments, var=var, DJANGO_SETTINGS_MODULE="portal.settings")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_processes_of_a_machine_are_summed_and_the_state_of_ended_ones_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    run(PROCESS, "2", var=tmp_path)
    degraded = run(PROCESS, "3", var=tmp_path).strip()
    found = samples(run(SCRAPE, var=tmp_path).encode())
    assert found["limits_decisions_total outcome=allowed policy=login"] == 5
    assert found["limits_decision_seconds_bucket le=0.0005"] == found["limits_decision_seconds_count"] == 5
    assert found["limits_degraded"] == 1
    assert found["limits_remembered_refusals"] == 5
    assert (found["limits_policies_revision_oldest"], found["limits_policies_revision_newest"]) == (2, 3)
    found = samples(run(SCRAPE, degraded, var=tmp_path).encode())
    assert found["limits_degraded"] == 0
    assert found["limits_remembered_refusals"] == 2
    assert found["limits_decisions_total outcome=allowed policy=login"] == 5


def test_a_process_that_counts_nothing_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    run("import django; django.setup(); import portal.urls, limits.keeper", var=tmp_path)
    assert list((tmp_path / "metrics").iterdir()) == []


def test_without_the_folder_a_process_tells_of_itself_alone(tmp_path: Path) -> None:
    assert "limits_decisions" in run(SCRAPE, "1", var=tmp_path)
    assert not (tmp_path / "metrics").exists()
