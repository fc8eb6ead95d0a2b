"""A small catalogue whose every book is there for a reason."""

import csv
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from portal.catalogue.services import COLUMNS, load_books

Row = tuple[str, str, int, str]
Write = Callable[[Iterable[Row]], Path]

BOOKS: list[Row] = [
    ("The Iliad", "Homer", -800, "el"),
    ("The Odyssey", "Homer", -800, "el"),
    ("Les Misérables", "Victor Hugo", 1862, "fr"),
    ("Notre-Dame de Paris", "Victor Hugo", 1831, "fr"),
    ("Germinal", "Émile Zola", 1885, "fr"),
    ("Der Fall Émile", "Zoe Zobel", 1890, "de"),
    ("Enten – Eller", "Søren Kierkegaard", 1843, "da"),
    ("Emma", "Jane Austen", 1815, "en"),
    ("Gulliver’s Travels", "Jonathan Swift", 1726, "en"),
    ("100% Proof", "Ann Other", 1900, "en"),
    ("100 Proofs", "Ann Other", 1901, "en"),
    ("A snake_case", "Ann Other", 1902, "en"),
    ("A snakeXcase", "Ann Other", 1903, "en"),
    ("Back\\slash", "Ann Other", 1904, "en"),
]


@pytest.fixture
def write_books(tmp_path: Path) -> Write:
    """Return a function that writes rows as a book file and returns its path."""

    def write(rows: Iterable[Row]) -> Path:
        path = tmp_path / "books.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(rows)
        return path

    return write


@pytest.fixture
def catalogue(db: None, write_books: Write) -> None:
    """The books above, in the database."""
    load_books(write_books(BOOKS))


@pytest.fixture
def long_catalogue(db: None, write_books: Write) -> None:
    """45 books of one author, by year: two full pages and five books more."""
    load_books(write_books([(f"Volume {n}", "Ann Other", 1800 + n, "en") for n in range(1, 46)]))
