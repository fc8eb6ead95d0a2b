"""The plot of refusals names who refused most, and keeps shadow mode apart."""

from datetime import timedelta

import pytest

from portal.operations.dashboard.periods import USUAL, period_named
from portal.operations.dashboard.refusals import NAMED_MAX, NOT_YET, OTHERS, refusals

from .making import NOW, tally

pytestmark = pytest.mark.django_db


def test_nothing_refused_is_an_empty_drawing() -> None:
    found = refusals(USUAL, now=NOW)
    assert (found.total, found.refused.series, found.in_shadow) == ("0", (), None)
    assert found.refused.gist == "0 requests refused in 24 hours"
    assert not any(bar.pieces for bar in found.refused.bars)
    assert found.refused.hovers[-1].words == "12:30 to 13:00: none"


def test_policies_are_ranked_and_the_rest_is_one() -> None:
    for number in range(1, 9):
        tally(f"policy-{number}", refused=number)
    found = refusals(USUAL, now=NOW)
    names = [series.name for series in found.refused.series]
    assert names == ["policy-8", "policy-7", "policy-6", "policy-5", "policy-4", OTHERS]
    assert len(names) == NAMED_MAX + 1
    assert found.refused.series[-1].total == "6"
    assert found.refused.gist == "36 requests refused in 24 hours, most by policy-8"


def test_every_figure_of_the_drawing_is_in_the_table() -> None:
    tally("login", refused=1234)
    tally("orders", in_shadow=5, ago=timedelta(hours=1))
    found = refusals(USUAL, now=NOW)
    assert found.table.head == ("From", "login", "orders, in shadow")
    assert found.table.rows[0] == ("2026-11-29 12:30", "1,234", "0")
    assert found.table.rows[2] == ("2026-11-29 11:30", "0", "5")
    assert len(found.table.rows) == len(found.refused.bars) == 48


def test_what_is_not_added_up_yet_is_no_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.operations.dashboard.tallied.ADDING_SECONDS", 0)
    found = refusals(period_named("30d"), now=NOW)
    assert not found.is_whole
    assert found.refused.hovers[0].words.endswith(NOT_YET)


def test_shadow_mode_is_a_drawing_of_its_own() -> None:
    tally("login", refused=2)
    tally("orders", in_shadow=500)
    found = refusals(period_named("1h"), now=NOW)
    assert found.in_shadow is not None
    assert [series.name for series in found.in_shadow.series] == ["orders"]
    assert (found.refused.ticks, found.in_shadow.ticks) == (("2", "1", "0"), ("600", "400", "200", "0"))
