"""Numbers in the units that people read."""

import pytest

from portal.operations.units import count, megabytes, moment, plain, share, size, span


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.00004, "40 µs"),
        (0.0123, "12.3 ms"),
        (0.4, "400 ms"),
        (4.2, "4.2 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_661, "1 h 1 min"),
        (3_601, "1 h"),
        (270_000, "3 d 3 h"),
    ],
)
def test_a_length_of_time_in_its_greatest_units(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_numbers_are_readable() -> None:
    assert (count(1_234_567), count(0.5)) == ("1,234,567", "0.50")
    assert [share(part) for part in (0.123, 0.004, 0.0001, 0)] == ["12 %", "0.4 %", "< 0.1 %", "0 %"]


def test_sizes_stay_comparable_and_can_be_searched_for() -> None:
    assert megabytes(3 * 1024**3) == "3,072.0 MB"
    assert plain(size(3 * 1024**3)) == "3.0 GB"


def test_a_moment_that_never_was() -> None:
    assert moment(0) == moment(-1) == moment(1e300) == "never"
    assert moment(1_795_955_387) == "2026-11-29 12:29:47"
