"""What others wrote is shown as text, whatever it holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.operations.printable import printable


@given(st.text(st.characters(exclude_categories=[])))
def test_nothing_is_left_that_a_terminal_would_obey(text: str) -> None:
    shown = printable(text, keeps="")
    assert shown.isprintable()
    shown.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("käse – 3 €", "käse – 3 €"),
        ("\x1b[2J", r"\x1b[2J"),
        ("right \u202e left", r"right \u202e left"),
        ("a\nb\r", "a\nb\\r"),
    ],
)
def test_what_can_be_read_stays_as_it_is(text: str, shown: str) -> None:
    assert printable(text) == shown
