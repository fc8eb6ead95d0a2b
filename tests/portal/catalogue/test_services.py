from pathlib import Path

import pytest
from pytest_django import DjangoAssertNumQueries

from portal.catalogue.models import Book
from portal.catalogue.services import BookFileError, LoadCounts, load_books
from tests.portal.catalogue.conftest import BOOKS, Write

pytestmark = pytest.mark.django_db
ZOLA = ("Germinal", "Émile Zola", 1885, "fr")
EMMA = ("Emma", "Jane Austen", 1815, "en")


def rows() -> set[tuple[str, str, int, str]]:
    return set(Book.objects.values_list("title", "author", "year", "language"))


def test_a_first_load_brings_every_book(write_books: Write) -> None:
    assert load_books(write_books(BOOKS)) == LoadCounts(books=14, new=14, changed=0)
    assert rows() == set(BOOKS)


def test_a_second_load_changes_nothing(write_books: Write) -> None:
    path = write_books(BOOKS)
    load_books(path)
    before = list(Book.objects.values())
    assert load_books(path) == LoadCounts(books=14, new=0, changed=0)
    assert list(Book.objects.values()) == before


def test_missing_books_are_added_and_changed_ones_updated_in_place(write_books: Write) -> None:
    load_books(write_books([ZOLA]))
    key = Book.objects.get().pk
    corrected = ("Germinal", "Émile Zola", 1884, "fr")
    assert load_books(write_books([corrected, EMMA])) == LoadCounts(books=2, new=1, changed=1)
    assert rows() == {corrected, EMMA}
    assert Book.objects.get(title="Germinal").pk == key


def test_a_spelling_without_its_accent_is_the_same_book(write_books: Write) -> None:
    load_books(write_books([("Germinal", "Emile Zola", 1885, "fr")]))
    assert load_books(write_books([ZOLA])) == LoadCounts(books=1, new=0, changed=1)
    assert rows() == {ZOLA}


def test_a_stale_folded_column_is_mended(write_books: Write) -> None:
    path = write_books([ZOLA])
    load_books(path)
    Book.objects.update(folded_author="émile zola")
    assert load_books(path) == LoadCounts(books=1, new=0, changed=1)
    assert Book.objects.get().folded_author == "emile zola"


def test_books_that_left_the_file_stay(write_books: Write) -> None:
    load_books(write_books([ZOLA, EMMA]))
    load_books(write_books([ZOLA]))
    assert rows() == {ZOLA, EMMA}


def test_a_load_takes_a_handful_of_queries(
    write_books: Write, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    path = write_books([(f"Volume {n}", "Ann Other", 1900, "en") for n in range(1000)])
    with django_assert_max_num_queries(12):
        load_books(path)


def test_a_mark_at_the_start_of_the_file_and_spaces_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "books.csv"
    path.write_text("title,author,year,language\r\n Emma , Jane Austen ,1815,en\r\n\r\n", "utf-8-sig")
    load_books(path)
    assert rows() == {EMMA}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "first line"),
        ("title,author\n", "first line"),
        ("title,author,year,language\nEmma,Jane Austen,1815\n", "line 2: 3 columns"),
        ("title,author,year,language\n,Jane Austen,1815,en\n", "line 2: a book needs a title"),
        ("title,author,year,language\nEmma,Jane Austen,soon,en\n", "line 2: “soon” is no year"),
        ("title,author,year,language\nEmma,Jane Austen,0,en\n", "no year 0"),
        ("title,author,year,language\nEmma,Jane Austen,18150,en\n", "line 2: “18150”"),
        ("title,author,year,language\nEmma,Jane Austen,--5,en\n", "line 2: “--5”"),
        ("title,author,year,language\nEmma,Jane Austen,1815,xx\n", "line 2: “xx” is no language"),
        (f"title,author,year,language\n{'E' * 301},Jane Austen,1815,en\n", "at most 300"),
        (
            "title,author,year,language\nEmma,Jane Austen,1815,en\nEMMA,Jane Austen,1816,en\n",
            "line 3: the same book as in line 2",
        ),
        ('title,author,year,language\n"Emma,Jane Austen,1815,en\n', "not a CSV file"),
    ],
)
def test_a_bad_file_is_refused_as_a_whole_and_names_the_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "books.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(BookFileError, match=complaint):
        load_books(path)
    assert not Book.objects.exists()


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "books.csv"
    path.write_text("title,author,year,language\nGerminal,Émile Zola,1885,fr\n", "latin-1")
    with pytest.raises(BookFileError, match="UTF-8"):
        load_books(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BookFileError, match=r"nowhere\.csv cannot be read"):
        load_books(tmp_path / "nowhere.csv")
