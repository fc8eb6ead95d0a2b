"""What the pages under docs/ name is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings
from django.db.models import Field

import limits
from limits.conf import conf
from limits.models import Override, Policy

PAGES = sorted(path.name for path in (Path(__file__).parent.parent / "docs").glob("*.md"))
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


@cache
def functions_of(file: Path) -> frozenset[str]:
    """Return the names of a file's functions, those of a class too."""
    tree = ast.parse(file.read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("page", PAGES)
def test_each_test_that_a_page_names_is_there(root: Path, page: str) -> None:
    for file, name in TEST.findall((root / "docs" / page).read_text()):
        assert (root / file).is_file(), file
        assert not name or name in functions_of(root / file), name


def test_each_test_of_a_trap_is_on_the_page_of_traps(root: Path) -> None:
    named = [name for _, name in TEST.findall((root / "docs" / "traps.md").read_text()) if name]
    there = [
        name
        for file in (root / "tests" / "limits" / "traps").glob("test_*.py")
        for name in functions_of(file)
        if name.startswith("test_")
    ]
    assert sorted(named) == sorted(there)


@pytest.mark.parametrize("page", PAGES)
def test_each_row_of_a_table_has_as_many_cells_as_its_head(root: Path, page: str) -> None:
    tables = re.findall(r"(?:^\|.*\n)+", (root / "docs" / page).read_text(), re.MULTILINE)
    assert tables
    for table in tables:
        assert len({row.count("|") for row in table.splitlines()}) == 1, table


@pytest.mark.parametrize("page", PAGES)
def test_each_link_of_a_page_leads_somewhere(root: Path, page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (root / "docs" / page).read_text()):
        assert target.startswith("https://") or (root / "docs" / target).exists(), target


def test_what_the_page_for_newcomers_calls_by_name_is_there(root: Path) -> None:
    text = (root / "docs" / "coming-from.md").read_text()
    fields = {
        str(field.verbose_name)
        for model in (Policy, Override)
        for field in model._meta.get_fields()
        if isinstance(field, Field)
    }
    assert set(re.findall(r"\*\*(.+?)\*\*", re.sub(r"`.*?`", "", text))) <= fields
    for name in re.findall(r"\blimits\.(\w+)\b(?!\.html)", text):
        assert name in (*limits.__all__, "throttling"), name
    for name in re.findall(r"\bLIMITS_\w+", text):
        assert hasattr(settings, name) or hasattr(conf, name.removeprefix("LIMITS_").lower()), name
