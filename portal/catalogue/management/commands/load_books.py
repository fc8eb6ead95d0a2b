"""`manage.py load_books [FILE]`: bring the book catalogue into the database."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from portal.catalogue.services import BookFileError, load_books

BOOKS_FILE = Path(__file__).resolve().parents[2] / "books.csv"


class Command(BaseCommand):
    help = "Loads the books of a CSV file: new ones are added, changed ones updated, none removed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file",
            nargs="?",
            type=Path,
            default=BOOKS_FILE,
            help="CSV in UTF-8 with the columns title, author, year, language; "
            "without it, the catalogue that comes with the portal",
        )

    def handle(self, *, file: Path, **options: Any) -> None:
        try:
            counts = load_books(file)
        except BookFileError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(f"The database did not take the books: {error}") from error
        self.stdout.write(str(counts))
