import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.catalogue.folding import fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Émile ZOLA", "emile zola"),
        ("E\u0301mile Zola", "emile zola"),
        ("Straße", "strasse"),
        ("Søren Kierkegaard", "soren kierkegaard"),
        ("Stanisław", "stanislaw"),
        ("Œuvres, Æneid", "oeuvres, aeneid"),
        ("Jun'ichirō", "jun'ichiro"),
        ("Gulliver’s", "gulliver's"),
        ("İSTANBUL", "istanbul"),
        ("Гёте", "гете"),
        ("Ὀδύσσεια", "οδυσσεια"),
        ("ﬁne ①", "fine 1"),
        ("  two \t\n\u00a0 words ", "two words"),
        ("soft\u00adhyphen", "softhyphen"),
        ("100%_\\", "100%_\\"),
    ],
)
def test_case_accents_and_typography_are_folded(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize("text", ["", "   ", "\u00a0", "\u0301", "\u00b4", "\x00", "\ud800"])
def test_text_without_a_letter_folds_to_nothing(text: str) -> None:
    assert fold(text) == ""


def test_a_control_character_parts_words() -> None:
    assert fold("a\x00b") == "a b"


@given(st.text())
def test_folded_text_stays_as_it_is(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_case_does_not_matter(text: str) -> None:
    assert fold(text.casefold()) == fold(text)


@given(st.text(st.characters(codec="latin-1")))
def test_capitals_do_not_matter_in_western_european_text(text: str) -> None:
    assert fold(text.upper()) == fold(text.lower()) == fold(text)


@given(st.lists(st.text()))
def test_words_fold_one_by_one(parts: list[str]) -> None:
    assert fold(" ".join(parts)).split() == [word for part in parts for word in fold(part).split()]


@given(st.text(st.characters()))
def test_folded_text_can_be_stored_anywhere(text: str) -> None:
    folded = fold(text)
    assert folded.encode("utf-8").decode("utf-8") == folded
    assert "\x00" not in folded
