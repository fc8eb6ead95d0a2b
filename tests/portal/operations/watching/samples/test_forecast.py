"""When memory would be full, and when nothing can be said."""

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from portal.operations.watching.samples.forecast import Forecast, forecast

MB = 1024 * 1024
HOUR = 3600


def growing(*, by: float, seconds: int = HOUR, every: int = 15, first: int = 100 * MB) -> list[tuple[float, int]]:
    """Samples that grow by so many bytes a minute."""
    return [(1.8e9 + at, round(first + by * at / 60)) for at in range(0, seconds + 1, every)]


def test_steady_growth_meets_its_limit() -> None:
    found = forecast(growing(by=12 * MB), limit_bytes=100 * MB + 60 * 12 * MB + 4 * 60 * 12 * MB)
    assert found is not None
    assert found.bytes_per_minute == pytest.approx(12 * MB, rel=1e-6)
    assert found.full_in_seconds == pytest.approx(4 * HOUR, rel=1e-6)
    assert found.words == "full in about 4 hours at 12 MB a minute"


@pytest.mark.parametrize(
    "samples",
    [
        [],
        growing(by=MB, seconds=29 * 60),
        growing(by=MB, every=240),
        growing(by=0),
        growing(by=-MB),
        [(at, used + (at % 2700) * MB) for at, used in growing(by=1, seconds=2 * HOUR)],
    ],
    ids=["none", "too short", "too few", "level", "falling", "saw-tooth"],
)
def test_nothing_is_said(samples: list[tuple[float, int]]) -> None:
    assert forecast(samples, limit_bytes=1024 * MB) is None


@pytest.mark.parametrize("limit", [None, 0])
def test_without_a_limit_nothing_is_said(limit: int | None) -> None:
    assert forecast(growing(by=MB), limit_bytes=limit) is None


def test_what_is_full_is_full_now() -> None:
    found = forecast(growing(by=MB), limit_bytes=50 * MB)
    assert found is not None
    assert found.full_in_seconds == 0
    assert found.words == "full within a minute at 1 MB a minute"


@given(
    by=st.floats(min_value=0.01, max_value=1e6 * MB),
    first=st.integers(min_value=0, max_value=2**46),
    limit=st.integers(min_value=1, max_value=2**50),
)
def test_a_straight_line_is_found_again_and_full_is_where_it_meets_the_limit(by: float, first: int, limit: int) -> None:
    samples = growing(by=by, first=first)
    assume(samples[-1][1] - samples[0][1] > 10_000)  # Bytes are whole: a slower line is none.
    found = forecast(samples, limit_bytes=limit)
    assert found is not None
    assert found.bytes_per_minute == pytest.approx(by, rel=0.01)
    assert found.full_in_seconds == pytest.approx(max(0, limit - samples[-1][1]) / by * 60, rel=0.01, abs=0.001)


@given(st.lists(st.tuples(st.integers(0, 10**10), st.integers(0, 2**53)), max_size=60), st.integers(1, 2**53))
def test_whatever_was_sampled_a_forecast_is_one_or_none(samples: list[tuple[int, int]], limit: int) -> None:
    found = forecast(sorted(samples), limit_bytes=limit)
    if found is not None:
        assert found.bytes_per_minute > 0
        assert found.full_in_seconds >= 0
        assert 0.6 <= found.r2 <= 1.000001
        assert found.words.startswith("full ")


@given(st.lists(st.integers(min_value=-MB, max_value=MB), min_size=241, max_size=241))
def test_noise_far_below_the_growth_changes_it_little(noise: list[int]) -> None:
    samples = [(at, used + by) for (at, used), by in zip(growing(by=10 * MB), noise, strict=True)]
    found = forecast(samples, limit_bytes=10_000 * MB)
    assert found is not None
    assert found.bytes_per_minute == pytest.approx(10 * MB, rel=0.02)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (10, "within a minute"),
        (60, "in about 1 minute"),
        (89 * 60, "in about 89 minutes"),
        (95 * 60, "in about 2 hours"),
        (47 * HOUR, "in about 47 hours"),
        (49 * HOUR, "in about 2 days"),
        (400 * 24 * HOUR, "in more than a year"),
        (float("inf"), "in more than a year"),
    ],
)
def test_a_time_is_told_as_people_tell_it(seconds: float, words: str) -> None:
    assert Forecast(MB, full_in_seconds=seconds, r2=1).words == f"full {words} at 1 MB a minute"


@pytest.mark.parametrize(
    ("size", "words"),
    [(0.2, "0 bytes"), (900, "900 bytes"), (1536, "1.5 KB"), (12.4 * MB, "12 MB"), (3 * 1024 * MB, "3 GB")],
)
def test_a_size_is_told_in_two_figures(size: float, words: str) -> None:
    assert Forecast(size, full_in_seconds=60, r2=1).words == f"full in about 1 minute at {words} a minute"


def test_the_later_the_fuller() -> None:
    found = [forecast(growing(by=MB, seconds=seconds), limit_bytes=1000 * MB) for seconds in range(1800, 7200, 300)]
    assert all(a and b and a.full_in_seconds > b.full_in_seconds for a, b in pairwise(found))
