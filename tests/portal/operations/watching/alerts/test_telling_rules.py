"""Which message is due: over any series of states, mutes and acknowledgements."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.operations.watching.alerts.states import Standing, State, Timing, Verdict, step
from portal.operations.watching.alerts.telling_rules import (
    NOTHING,
    Due,
    Manner,
    Told,
    carried_over,
    due,
    is_over,
    is_quiet,
)

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRING = Standing(State.FIRING, since=NOW, is_active=True, began_at=NOW)
OVER = Standing(State.NORMAL, since=NOW + HOUR, began_at=NOW)
NORMAL = Standing(State.NORMAL, since=NOW)
NO_DATA = Standing(State.NO_DATA, since=NOW)
TOLD = Told(NOW, last_at=NOW)
HEARD = Manner(repeat_after=HOUR)
MUTED = replace(HEARD, is_muted=True)
ACKNOWLEDGED = replace(HEARD, is_acknowledged=True)

Series = Sequence[tuple[Verdict, bool, bool]]
"""Verdicts, each with whether people are muted and whether they have acknowledged."""


def at(**length: float) -> datetime:
    return NOW + timedelta(**length)


@pytest.mark.parametrize(
    ("standing", "told", "manner", "now", "expected"),
    [
        (FIRING, NOTHING, HEARD, NOW, Due.START),
        (FIRING, NOTHING, MUTED, NOW, None),
        (FIRING, TOLD, HEARD, at(minutes=59), None),
        (FIRING, TOLD, HEARD, at(minutes=60), Due.REPEAT),
        (FIRING, TOLD, ACKNOWLEDGED, at(minutes=60), None),
        (FIRING, TOLD, Manner(), at(days=30), None),
        (OVER, TOLD, HEARD, at(minutes=60), Due.END),
        (OVER, TOLD, ACKNOWLEDGED, at(minutes=60), Due.END),
        (OVER, TOLD, MUTED, at(minutes=60), None),
        (OVER, NOTHING, HEARD, at(minutes=60), None),
        (NORMAL, NOTHING, HEARD, at(minutes=60), None),
        (NO_DATA, NOTHING, HEARD, at(minutes=4), None),
        (NO_DATA, NOTHING, HEARD, at(minutes=5), Due.START),
        (NO_DATA, NOTHING, MUTED, at(minutes=5), None),
        (NO_DATA, TOLD, HEARD, at(minutes=60), Due.REPEAT),
        (NORMAL, TOLD, HEARD, at(minutes=60), Due.END),
        (replace(NO_DATA, began_at=NOW), TOLD, HEARD, at(minutes=1), Due.END),
    ],
)
def test_what_is_due(standing: Standing, told: Told, manner: Manner, now: datetime, expected: Due | None) -> None:
    assert due(standing, told=told, manner=manner, now=now) == expected


def test_an_alert_that_begins_takes_the_place_of_cannot_be_judged() -> None:
    assert carried_over(TOLD, before=NO_DATA, after=FIRING) == NOTHING


def test_what_begins_again_before_its_end_was_told_goes_on() -> None:
    assert carried_over(TOLD, before=OVER, after=FIRING) == TOLD


def messages(series: Series) -> list[tuple[Due, Standing]]:
    """Return every message of a series, 60 s a step, and how the alert stood then."""
    standing, told, found = NORMAL, NOTHING, []
    for number, (verdict, is_muted, is_acknowledged) in enumerate(series):
        now = at(seconds=60 * number)
        after = step(standing, verdict, timing=Timing(timedelta(seconds=60), over_after=timedelta(seconds=60)), now=now)
        told = carried_over(told, before=standing, after=after)
        manner = Manner(is_muted, is_acknowledged=is_acknowledged, repeat_after=timedelta(minutes=3))
        if message := due(after, told=told, manner=manner, now=now):
            found.append((message, after))
            told = NOTHING if message is Due.END else Told(told.first_at or now, last_at=now)
        standing = replace(after, began_at=None) if is_over(after, told=told) else after
    return found


quietly = st.tuples(st.sampled_from(Verdict), st.booleans(), st.booleans())
series = st.lists(st.tuples(quietly, st.integers(1, 8))).map(lambda runs: [each for each, n in runs for _ in range(n)])


@given(series)
def test_nobody_is_told_of_an_end_without_its_start(series: Series) -> None:
    is_told = False
    for message, standing in messages(series):
        assert is_told or message is Due.START
        # The only second start: an alert, where people knew that it could not be judged.
        assert not is_told or message is not Due.START or standing.is_active
        is_told = message is not Due.END


@given(series)
def test_in_the_end_all_is_told(series: Series) -> None:
    calm = [(Verdict.GOOD, False, False)] * 3
    told = messages([*series, *calm])
    assert not told or told[-1][0] is Due.END


@given(series)
def test_what_holds_after_a_mute_is_told(series: Series) -> None:
    bad = [(Verdict.BAD, False, False)] * 2
    told = messages([*series, *bad])
    assert told[-1][0] is not Due.END


@pytest.mark.parametrize(
    ("quiet_from", "quiet_until", "at", "expected"),
    [
        (time(22), time(6), time(23), True),
        (time(22), time(6), time(5, 59), True),
        (time(22), time(6), time(6), False),
        (time(22), time(6), time(21, 59), False),
        (time(9), time(17), time(9), True),
        (time(9), time(17), time(17), False),
        (time(9), time(9), time(9), False),
        (None, time(9), time(3), False),
        (time(9), None, time(10), False),
    ],
)
def test_quiet_hours(quiet_from: time | None, quiet_until: time | None, at: time, expected: bool) -> None:
    assert is_quiet(at, quiet_from=quiet_from, quiet_until=quiet_until) is expected
