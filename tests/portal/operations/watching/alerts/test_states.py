"""The states of an alert: over any series of verdicts, late, missed or out of order in time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.operations.watching.alerts.states import Standing, State, Timing, Verdict, ended, step

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
NEW = Standing(State.NORMAL, since=NOW)
BAD, BETWEEN, GOOD, NO_DATA, ERROR = Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """One judgement of a series: when, what it said, and how the alert stood before and after."""

    at: datetime
    verdict: Verdict
    before: Standing
    after: Standing

    @property
    def starts(self) -> bool:
        return self.after.is_active and not self.before.is_active

    @property
    def ends(self) -> bool:
        return self.before.is_active and not self.after.is_active


Series = Sequence[tuple[float, Verdict]]
"""Verdicts, and how many seconds after the one before each was made."""


def run(series: Series, *, timing: Timing) -> Iterator[Judged]:
    standing, now = NEW, NOW
    for seconds, verdict in series:
        now += timedelta(seconds=seconds)
        after = step(standing, verdict, timing=timing, now=now)
        yield Judged(now, verdict, before=standing, after=after)
        standing = after


def states(*series: tuple[float, Verdict], fires_after: float = 0, over_after: float = 0) -> list[str]:
    timing = Timing(timedelta(seconds=fires_after), over_after=timedelta(seconds=over_after))
    return [judged.after.state.value for judged in run(series, timing=timing)]


seconds = st.sampled_from([0.0, 5.0, 14.9, 15.0, 15.1, 30.0, 60.0, 600.0])
timings = st.builds(
    lambda fires, over: Timing(timedelta(seconds=fires), over_after=timedelta(seconds=over)),
    st.sampled_from([0, 15, 20, 60, 120]),
    st.sampled_from([0, 15, 30, 300]),
)
runs_of_verdicts = st.lists(st.tuples(st.sampled_from(Verdict), st.integers(1, 12))).map(
    lambda runs: [verdict for verdict, times in runs for _ in range(times)]
)


@st.composite
def series(draw: st.DrawFn) -> Series:
    """Verdicts that mostly come in runs, at steps that are mostly 15 s."""
    verdicts = draw(runs_of_verdicts)
    return [(draw(st.one_of(st.just(15.0), seconds)), verdict) for verdict in verdicts]


def lasted(judgements: Sequence[Judged], verdicts: tuple[Verdict, ...]) -> timedelta:
    """Return for how long, up to its last judgement, a series has had none but these verdicts."""
    since = judgements[-1].at
    for judged in reversed(judgements):
        if judged.verdict not in verdicts:
            break
        since = judged.at
    return judgements[-1].at - since


@given(series(), timings)
def test_starts_and_ends_take_turns(series: Series, timing: Timing) -> None:
    edges = [judged.starts for judged in run(series, timing=timing) if judged.starts or judged.ends]
    assert edges == [number % 2 == 0 for number in range(len(edges))]


@given(series(), timings)
def test_nothing_starts_before_it_was_bad_for_so_long(series: Series, timing: Timing) -> None:
    judgements = list(run(series, timing=timing))
    for number, judged in enumerate(judgements, start=1):
        if judged.starts:
            assert judged.verdict is BAD
            assert lasted(judgements[:number], (BAD,)) >= timing.fires_after


@given(series(), timings)
def test_what_was_bad_for_so_long_is_under_way(series: Series, timing: Timing) -> None:
    judgements = list(run(series, timing=timing))
    for number, judged in enumerate(judgements, start=1):
        if judged.verdict is BAD and lasted(judgements[:number], (BAD,)) >= timing.fires_after:
            assert judged.after.is_active
            assert judged.after.state is State.FIRING


@given(series(), timings)
def test_nothing_ends_before_it_was_good_for_so_long(series: Series, timing: Timing) -> None:
    judgements = list(run(series, timing=timing))
    for number, judged in enumerate(judgements, start=1):
        if judged.ends:
            assert judged.verdict is GOOD
            assert lasted(judgements[:number], (GOOD,)) >= timing.over_after


@given(series(), timings)
def test_what_was_good_for_so_long_is_over(series: Series, timing: Timing) -> None:
    judgements = list(run(series, timing=timing))
    for number, judged in enumerate(judgements, start=1):
        if judged.verdict is GOOD and lasted(judgements[:number], (GOOD,)) >= timing.over_after:
            assert judged.after == Standing(
                State.NORMAL, since=judged.after.since, is_active=False, began_at=judged.after.began_at
            )


@given(series(), timings)
def test_without_data_nothing_starts_and_nothing_ends(series: Series, timing: Timing) -> None:
    for judged in run(series, timing=timing):
        if judged.verdict in (NO_DATA, ERROR):
            assert judged.after.state.is_trouble
            assert judged.after.is_active is judged.before.is_active


@given(series(), timings)
def test_a_state_keeps_its_since_and_a_new_one_begins_now(series: Series, timing: Timing) -> None:
    for judged in run(series, timing=timing):
        kept = judged.after.state is judged.before.state
        assert judged.after.since == (judged.before.since if kept else judged.at)


@given(st.lists(st.sampled_from([BAD, BETWEEN]), min_size=1, max_size=200), timings)
def test_flapping_within_the_hysteresis_is_one_alert(flapping: list[Verdict], timing: Timing) -> None:
    begins = [(15.0, BAD)] * (int(timing.fires_after.total_seconds() // 15) + 2)
    calm = [(15.0, GOOD)] * (int(timing.over_after.total_seconds() // 15) + 2)
    judgements = list(run([*begins, *((15.0, verdict) for verdict in flapping), *calm], timing=timing))
    assert [judged.starts for judged in judgements].count(True) == 1
    assert [judged.ends for judged in judgements].count(True) == 1
    assert judgements[-1].ends or not judgements[-1].before.is_active


@given(series(), timings, st.integers(1, 100_000))
def test_a_clock_that_is_set_back_starts_and_ends_nothing_that_did_not_last(
    series: Series, timing: Timing, back: int
) -> None:
    judgements = list(run([*series, (-back, BAD), *[(15.0, BAD)] * 10], timing=timing))
    assert judgements[-1].after.is_active
    first = judgements[len(series)]
    if first.starts:
        assert timing.fires_after == timedelta(0)


@given(series(), timings)
def test_what_nobody_judges_any_more_is_over(series: Series, timing: Timing) -> None:
    for judged in run(series, timing=timing):
        after = ended(judged.after, now=judged.at)
        assert (after.state, after.is_active) == (State.NORMAL, False)


def test_a_recorded_rise_and_fall() -> None:
    rise = [(15.0, GOOD), (15.0, BAD), (15.0, BAD), (15.0, BAD)]
    fall = [(15.0, BETWEEN), (15.0, GOOD), (15.0, BETWEEN), (15.0, GOOD), (30.0, GOOD)]
    assert states(*rise, *fall, fires_after=30, over_after=30) == [
        "normal",
        "pending",
        "pending",
        "firing",
        "firing",
        "recovering",
        "firing",
        "recovering",
        "normal",
    ]


def test_a_spike_that_is_shorter_is_no_alert() -> None:
    assert states((15, BAD), (15, BAD), (15, GOOD), fires_after=60) == ["pending", "pending", "normal"]


def test_judgements_that_were_missed_cost_nothing() -> None:
    assert states((15, BAD), (600, BAD), fires_after=120) == ["pending", "firing"]


def test_a_server_that_comes_back_goes_on_where_the_verdict_says() -> None:
    series = [(15.0, BAD), (15.0, NO_DATA), (15.0, BAD), (15.0, NO_DATA), (15.0, GOOD), (30.0, GOOD)]
    assert states(*series, over_after=30) == ["firing", "no data", "firing", "no data", "recovering", "normal"]


@pytest.mark.parametrize("trouble", [NO_DATA, ERROR])
def test_a_pending_that_loses_its_data_begins_anew(trouble: Verdict) -> None:
    series = [(15.0, BAD), (45.0, trouble), (15.0, BAD), (60.0, BAD)]
    assert states(*series, fires_after=60) == ["pending", trouble.value, "pending", "firing"]
