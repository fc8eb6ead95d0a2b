"""The alert rules for Prometheus: that they load, fire when they should, and mirror the portal's own."""

import importlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.monitoring.conftest import tell
from tests.monitoring.prometheus import RULES, Prometheus, configuration
from tests.servers import wait_until

SEVERITIES = {1: "info", 2: "warning", 3: "critical"}
SECONDS = {"s": 1, "m": 60, "h": 3600}


def promtool(*arguments: str, given: bytes = b"") -> str:
    """Return what `promtool` says; fail if it finds fault."""
    done = subprocess.run(["promtool", *arguments], input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode()
    return done.stdout.decode()


def rules() -> Iterator[dict[str, Any]]:
    """Yield the rules of the file."""
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        yield from group["rules"]


def seconds(duration: str) -> int:
    return int(duration[:-1]) * SECONDS[duration[-1]]


@pytest.mark.slow
def test_the_rules_are_well_formed() -> None:
    assert f"{len(list(rules()))} rules found" in promtool("check", "rules", str(RULES))


@pytest.mark.slow
@pytest.mark.parametrize("series", ["alerts_test.yml", "backups_test.yml"])
def test_the_rules_fire_when_they_should_and_not_else(series: str) -> None:
    promtool("test", "rules", str(Path(__file__).with_name(series)))


@pytest.mark.slow
def test_the_configuration_that_operators_copy_is_well_formed(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(RULES.read_text())
    (tmp_path / "portal-token").write_text("secret")
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(configuration()))
    promtool("check", "config", str(tmp_path / "prometheus.yml"))


@pytest.mark.slow
@pytest.mark.django_db
def test_what_is_told_is_clean_by_the_practices_of_prometheus() -> None:
    assert promtool("check", "metrics", given=tell().body) == ""


def test_each_first_rule_of_the_portal_is_mirrored_with_its_severity_and_duration() -> None:
    first = importlib.import_module("portal.operations.migrations.0009_first_rules").RULES
    expected = {name: (SEVERITIES[severity], for_seconds) for name, _, _, _, for_seconds, _, severity, _ in first}
    mirrored = {
        rule["annotations"]["mirrors"]: (rule["labels"]["severity"], seconds(rule.get("for", "0s")))
        for rule in rules()
        if "mirrors" in rule["annotations"] and rule["alert"] != "PortalBackupMissing"
    }
    # There the duration is the threshold.
    mirrored["Channel fails for an hour"] = ("warning", 0)
    assert mirrored == expected


def test_each_rule_says_what_is_so_and_what_to_do() -> None:
    for rule in rules():
        assert {"summary", "description"} <= rule["annotations"].keys()
        assert rule["annotations"]["description"].endswith(".")
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))


@pytest.mark.slow
@pytest.mark.django_db
def test_every_rule_is_judged_without_fault(prometheus: Prometheus) -> None:
    wait_until(lambda: all(rule["health"] == "ok" for rule in prometheus.rules()), what="all are judged")
    assert len(prometheus.rules()) == len(list(rules()))


@pytest.mark.slow
@pytest.mark.django_db
def test_of_a_site_in_trouble_what_is_so_fires_and_nothing_else(prometheus: Prometheus) -> None:
    expected = {"PortalRedisDown", "PortalRedisEvictsCounters", "PortalRedisRefusesWrites"}
    wait_until(lambda: prometheus.firing() == expected, what=f"{expected} fire")


@pytest.mark.slow
@pytest.mark.django_db
def test_every_metric_that_a_rule_asks_for_is_told(prometheus: Prometheus) -> None:
    for rule in rules():
        for name in re.findall(r"\b(?:portal|limits)_\w+", rule["expr"]):
            assert prometheus.query(name), f"{rule['alert']}: {name}"
