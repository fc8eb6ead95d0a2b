import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.catalogue.folding import fold
from portal.catalogue.models import Book
from portal.catalogue.search import (
    catalogue_size,
    languages_in_use,
    matching,
    search_books,
    words_of,
)
from tests.portal.catalogue.conftest import BOOKS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


def titles(query: str, *, language: str = "") -> list[str]:
    return [book.title for book in search_books(query, language=language)]


@pytest.mark.parametrize("query", ["Misérables", "miserables", "MISÉRABLES", "mise\u0301r"])
def test_case_and_accents_do_not_matter(query: str) -> None:
    assert titles(query) == ["Les Misérables"]


@pytest.mark.parametrize("query", ["soren", "Søren", "gulliver's", "gulliver’s", "enten-"])
def test_letters_that_keyboards_lack_can_be_typed_plainly(query: str) -> None:
    assert len(titles(query.rstrip("-"))) == 1


def test_every_word_must_match_in_title_or_author() -> None:
    assert titles("hugo notre") == ["Notre-Dame de Paris"]
    assert titles("notre hugo") == ["Notre-Dame de Paris"]
    assert titles("hugo germinal") == []


def test_a_word_matches_title_and_author_alike() -> None:
    assert titles("emile") == ["Germinal", "Der Fall Émile"]


def test_a_part_of_a_word_matches() -> None:
    assert titles("dyss") == ["The Odyssey"]


def test_a_word_does_not_run_from_author_to_title() -> None:
    assert titles("homerthe") == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("%", ["100% Proof"]),
        ("100%", ["100% Proof"]),
        ("_", ["A snake_case"]),
        ("snake_case", ["A snake_case"]),
        ("\\", ["Back\\slash"]),
        ("k\\s", ["Back\\slash"]),
        ("'", ["Gulliver’s Travels"]),
        ('"', []),
        ("*", []),
    ],
)
def test_wildcards_and_quotes_are_literal(query: str, found: list[str]) -> None:
    assert titles(query) == found


def test_a_language_narrows_the_search() -> None:
    assert titles("emile", language="fr") == ["Germinal"]
    assert titles("", language="el") == ["The Iliad", "The Odyssey"]
    assert titles("emile", language="en") == []


def test_books_come_by_author_year_and_title_without_regard_to_accents() -> None:
    found = search_books("")
    assert [book.pk for book in found] == [
        book.pk for book in sorted(found, key=lambda b: (fold(b.author), b.year, fold(b.title)))
    ]
    authors = list(dict.fromkeys(book.author for book in found))
    assert authors.index("Ann Other") < authors.index("Émile Zola") < authors.index("Homer")


@pytest.mark.parametrize("query", ["", "  ", "\u00b4"])
def test_a_blank_query_finds_every_book(query: str) -> None:
    assert len(titles(query)) == len(BOOKS)


def test_a_hundred_words_can_be_asked_for() -> None:
    assert titles(" ".join(f"{number}" for number in range(100))) == []


def test_repeated_words_are_looked_for_once() -> None:
    assert words_of("zola Zola ZOLÁ emile") == ["zola", "emile"]


def test_a_selection_can_be_searched() -> None:
    assert matching(Book.objects.filter(year__lt=0), query="emma").count() == 0


def test_the_catalogue_tells_its_size() -> None:
    size = catalogue_size()
    assert (size.books, size.authors, size.languages) == (14, 8, 5)


def test_languages_in_use_come_by_name() -> None:
    assert languages_in_use() == [
        ("da", "Danish"),
        ("en", "English"),
        ("fr", "French"),
        ("de", "German"),
        ("el", "Greek"),
    ]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.text(max_size=4),
        st.text("aeéomrs%_\\' ", max_size=5),
        st.sampled_from(BOOKS).map(lambda row: f"{row[1][:3].upper()} {row[0][-4:]}"),
    )
)
def test_the_database_finds_what_plain_python_finds(query: str) -> None:
    words = fold(query).split()
    expected = {
        (title, author)
        for title, author, _, _ in BOOKS
        if all(word in fold(title) or word in fold(author) for word in words)
    }
    assert {(book.title, book.author) for book in search_books(query)} == expected
