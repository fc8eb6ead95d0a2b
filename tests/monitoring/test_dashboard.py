"""The dashboard for Grafana: that it is one by Grafana's own schema, and that every panel has something to show."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.monitoring.prometheus import FOLDER, Prometheus

DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
COLUMNS = 24
VALUES = {"$job": "portal", "$server": ".*", "$__rate_interval": "1m"}


def targets() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what each panel asks, with the panel's title."""
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target


def filled(expression: str) -> str:
    """Return an expression with Grafana's variables replaced."""
    for name, value in VALUES.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression


def test_grafanas_own_schema_knows_everything_in_it() -> None:
    register_default_plugins()
    read = Dashboard.from_json(DASHBOARD)
    written = json.loads(JSONEncoder(sort_keys=True).encode(read))
    assert list(unknown(DASHBOARD, written=written)) == []


def unknown(value: Any, *, written: Any, place: str = "") -> Iterator[str]:
    """Yield the places of what is not written again as it was read, defaults that were added aside."""
    if isinstance(value, dict) and isinstance(written, dict):
        for key, item in value.items():
            if item is not None or key in written:
                yield from unknown(item, written=written.get(key), place=f"{place}/{key}")
    elif isinstance(value, list) and isinstance(written, list) and len(value) == len(written):
        for number, item in enumerate(value):
            yield from unknown(item, written=written[number], place=f"{place}/{number}")
    elif value != written:
        yield place


def test_panels_have_ids_of_their_own_and_lie_side_by_side() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= COLUMNS
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_panel_is_described_and_asks_the_data_source_that_was_chosen() -> None:
    for panel in PANELS:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["targets"], panel["title"]
        assert panel["fieldConfig"]["defaults"].get("unit") or panel["type"] in ("table", "state-timeline")
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    for _, target in targets():
        assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_every_variable_that_is_used_is_there() -> None:
    there = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD))) - {"__rate_interval", "__all"}
    assert used == there


@pytest.mark.slow
@pytest.mark.django_db
def test_every_panel_shows_something_of_a_site_that_has_everything(prometheus: Prometheus) -> None:
    for title, target in targets():
        assert prometheus.query(filled(target["expr"])), f"{title}: {target['expr']}"


@pytest.mark.slow
@pytest.mark.django_db
def test_the_lists_to_choose_from_are_filled(prometheus: Prometheus) -> None:
    for variable in DASHBOARD["templating"]["list"][1:]:
        selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()  # type: ignore[union-attr]
        assert all(row["metric"][label] for row in prometheus.query(filled(selector)))


@pytest.mark.slow
@pytest.mark.django_db
def test_notes_on_plots_are_asked_without_fault(prometheus: Prometheus) -> None:
    for annotation in DASHBOARD["annotations"]["list"]:
        if "expr" in annotation:
            prometheus.query(filled(annotation["expr"]))
