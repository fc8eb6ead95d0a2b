import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limits.answers import wait_in_words

UNIT_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}


def in_seconds(words: str) -> tuple[int, int]:
    """Return the wait that words say, and their unit, in seconds."""
    number, unit = words.split()
    unit_seconds = UNIT_SECONDS[unit.removesuffix("s")]
    assert unit.endswith("s") is (number != "1")
    return int(number) * unit_seconds, unit_seconds


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (2, "2 seconds"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (61, "61 seconds"),
        (90, "90 seconds"),
        (91, "2 minutes"),
        (120, "2 minutes"),
        (121, "3 minutes"),
        (3_599, "60 minutes"),
        (3_600, "1 hour"),
        (3_601, "61 minutes"),
        (5_400, "90 minutes"),
        (5_401, "2 hours"),
        (86_399, "24 hours"),
        (86_400, "1 day"),
        (86_401, "25 hours"),
        (129_601, "2 days"),
        (31 * 86_400, "31 days"),
    ],
)
def test_a_wait_is_told_as_a_person_would(seconds: int, words: str) -> None:
    assert wait_in_words(seconds) == words


@given(st.integers(1, 31 * 86_400))
def test_who_waits_as_long_as_told_has_waited_long_enough(seconds: int) -> None:
    told, unit_seconds = in_seconds(wait_in_words(seconds))
    assert seconds <= told < seconds + unit_seconds


@given(st.integers(1, 31 * 86_400))
def test_a_wait_is_told_in_one_number_and_one_unit(seconds: int) -> None:
    assert re.fullmatch(r"[0-9]{1,2} (second|minute|hour|day)s?", wait_in_words(seconds))
