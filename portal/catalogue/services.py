"""Writing the catalogue: books come from a CSV file."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from portal.catalogue.folding import fold
from portal.catalogue.languages import LANGUAGE_NAMES
from portal.catalogue.models import Book

COLUMNS = ["title", "author", "year", "language"]
_COMPARED = [*COLUMNS, "folded_title", "folded_author"]
_TITLE_CHARACTERS = 300
_AUTHOR_CHARACTERS = 200
_LARGEST_YEAR = 9999


class BookFileError(Exception):
    """The file cannot be loaded; says why, and in which line."""


@dataclass(frozen=True, slots=True)
class LoadCounts:
    """What a load found in the file, and what of it the database did not have yet."""

    books: int
    new: int
    changed: int

    def __str__(self) -> str:
        noun = "book" if self.books == 1 else "books"
        changed = f", {self.changed} changed" if self.changed else ""
        return f"{self.books} {noun}, {self.new} new{changed}"


def load_books(path: Path) -> LoadCounts:
    """Bring the books of a CSV file into the database, all or none, and return the counts.

    A book is known by its title and author, case and accents aside. Books that are not in the file
    stay. Raises BookFileError.
    """
    books = list(_read_books(path))
    new, changed = [], []
    with transaction.atomic():
        saved_books = {_identity(book): book for book in Book.objects.all()}
        for book in books:
            saved = saved_books.get(_identity(book))
            if saved is None:
                new.append(book)
            elif _update(saved, like=book):
                changed.append(saved)
        Book.objects.bulk_create(new)
        Book.objects.bulk_update(changed, _COMPARED)
    return LoadCounts(books=len(books), new=len(new), changed=len(changed))


def _identity(book: Book) -> tuple[str, str]:
    return fold(book.title), fold(book.author)


def _update(saved: Book, *, like: Book) -> bool:
    """Give the saved book the other's values; return whether that changed any."""
    differing = [name for name in _COMPARED if getattr(saved, name) != getattr(like, name)]
    for name in differing:
        setattr(saved, name, getattr(like, name))
    return bool(differing)


def _read_books(path: Path) -> Iterator[Book]:
    """Yield the file's books, none of them saved."""
    line_of: dict[tuple[str, str], int] = {}
    for line, row in _read_rows(path):
        try:
            book = _book(row)
        except ValueError as error:
            raise BookFileError(f"{path}, line {line}: {error}.") from None
        earlier = line_of.setdefault(_identity(book), line)
        if earlier != line:
            raise BookFileError(f"{path}, line {line}: the same book as in line {earlier}.")
        yield book


def _read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and stripped cells of each row under the header."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            if next(reader, None) != COLUMNS:
                raise BookFileError(f"{path}: the first line must be {','.join(COLUMNS)}.")
            for row in reader:
                if row:
                    yield reader.line_num, [cell.strip() for cell in row]
    except OSError as error:
        raise BookFileError(f"{path} cannot be read: {error.strerror}.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BookFileError(f"{path} is not a CSV file in UTF-8: {error}.") from None


def _book(row: list[str]) -> Book:
    """Return the row as a book; raise ValueError that says what is wrong."""
    if len(row) != len(COLUMNS):
        raise ValueError(f"{len(row)} columns where {len(COLUMNS)} belong")
    title, author, year, language = row
    if not fold(title) or not fold(author):
        raise ValueError("a book needs a title and an author")
    if len(title) > _TITLE_CHARACTERS or len(author) > _AUTHOR_CHARACTERS:
        raise ValueError(f"a title has at most {_TITLE_CHARACTERS} characters, an author {_AUTHOR_CHARACTERS}")
    if language not in LANGUAGE_NAMES:
        raise ValueError(f"“{language[:20]}” is no language code of ISO 639-1")
    return Book(
        title=title,
        author=author,
        year=_year(year),
        language=language,
        folded_title=fold(title),
        folded_author=fold(author),
    )


def _year(text: str) -> int:
    digits = text.removeprefix("-")
    year = int(text) if digits.isascii() and digits.isdigit() and len(digits) < 5 else 0
    if not 0 < abs(year) <= _LARGEST_YEAR:
        raise ValueError(f"“{text[:20]}” is no year; one before Christ is negative, and there is no year 0")
    return year
