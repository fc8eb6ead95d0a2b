"""The catalogue that comes with the portal."""

import csv
import re

import pytest

from portal.catalogue.folding import fold
from portal.catalogue.languages import LANGUAGE_NAMES
from portal.catalogue.management.commands.load_books import BOOKS_FILE

Row = dict[str, str]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    with BOOKS_FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_there_are_five_hundred_books_or_more(rows: list[Row]) -> None:
    assert len(rows) >= 500


def test_no_book_is_there_twice(rows: list[Row]) -> None:
    books = [(fold(row["title"]), fold(row["author"])) for row in rows]
    assert len(set(books)) == len(books)


def test_every_book_is_old_enough_to_be_free(rows: list[Row]) -> None:
    assert all(re.fullmatch(r"-?[1-9]\d{0,3}", row["year"]) for row in rows)
    assert max(int(row["year"]) for row in rows) <= 1928


def test_every_language_is_known(rows: list[Row]) -> None:
    assert {row["language"] for row in rows} <= set(LANGUAGE_NAMES)


def test_no_cell_is_blank_or_has_stray_spaces(rows: list[Row]) -> None:
    cells = [cell for row in rows for cell in row.values()]
    assert all(cell and cell == " ".join(cell.split()) for cell in cells)
