from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.portal.catalogue.conftest import BOOKS, Write

pytestmark = pytest.mark.django_db


def test_the_command_tells_books_and_new_ones_in_one_line(
    write_books: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(write_books(BOOKS))
    call_command("load_books", path)
    call_command("load_books", path)
    assert capsys.readouterr().out == "14 books, 14 new\n14 books, 0 new\n"


def test_the_command_tells_changed_books_too(write_books: Write, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("load_books", str(write_books([("Emma", "Jane Austen", 1816, "en")])))
    call_command("load_books", str(write_books([("Emma", "Jane Austen", 1815, "en")])))
    assert capsys.readouterr().out.splitlines()[-1] == "1 book, 0 new, 1 changed"


def test_an_error_is_one_plain_line(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("load_books", str(tmp_path / "nowhere.csv"))
    assert refused.value.returncode == 1
    assert "\n" not in str(refused.value)


def test_without_a_file_the_portals_own_catalogue_is_loaded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    call_command("load_books")
    books, new = (int(part.split()[0]) for part in capsys.readouterr().out.split(", "))
    assert books == new >= 500
