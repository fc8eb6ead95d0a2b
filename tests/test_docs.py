"""What README and the pages under docs/ name is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.core.management import get_commands
from django.db.models import Field

import limits
from limits.conf import conf
from limits.models import Override, Policy
from tests.limits import making

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
TRAPS = "tests/limits/traps"


@cache
def names_of_tests(file: Path) -> frozenset[str]:
    """Return the names of a file's tests, those of a class too."""
    nodes = ast.walk(ast.parse(file.read_text()))
    names = (node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(name for name in names if name.startswith("test_"))


@pytest.mark.parametrize("place", PAGES)
def test_each_test_that_a_page_names_is_there(place: str) -> None:
    for file, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / place).read_text()):
        assert (ROOT / file).is_file(), file
        assert not name or name in names_of_tests(ROOT / file), name


def test_readme_names_each_test_of_a_trap_once_and_no_other() -> None:
    named = re.findall(rf"\[`(test_\w+\.py)::(\w+)`\]\({TRAPS}/\1\)", inlined((ROOT / "README.md").read_text()))
    there = [(file.name, name) for file in (ROOT / TRAPS).glob("test_*.py") for name in names_of_tests(file)]
    assert sorted(named) == sorted(there)


def inlined(text: str) -> str:
    """Return a page with each link by a name, `[text][name]`, written out."""
    for name, target in re.findall(r"^\[(\w+)\]: (\S+)$", text, re.MULTILINE):
        text = text.replace(f"][{name}]", f"]({target})")
    return text


@pytest.mark.parametrize("place", PAGES)
def test_each_row_of_a_table_has_as_many_cells_as_its_head(place: str) -> None:
    tables = re.findall(r"(?:^\|.*\n)+", (ROOT / place).read_text(), re.MULTILINE)
    assert tables
    for table in tables:
        assert len({row.count("|") for row in table.splitlines()}) == 1, table


@pytest.mark.parametrize("place", PAGES)
def test_each_link_of_a_page_leads_somewhere(place: str) -> None:
    text = inlined((ROOT / place).read_text())
    assert "][" not in text
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("https://") or (ROOT / place).parent.joinpath(target).exists(), target


@pytest.mark.django_db
def test_the_code_of_readme_runs(redis_server: redis.Redis) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    making.put_in_force(*(making.policy(slug) for slug in ("login", "burst", "sustained", "guesses", "mails")))
    exec(code, {"request": making.request()})  # noqa: S102 - it is ours
    assert len(redis_server.keys("rl:*")) == 2


def test_readmes_commands_are_there() -> None:
    named = re.findall(r"manage\.py (\w+)", (ROOT / "README.md").read_text())
    assert named
    assert set(named) <= get_commands().keys()


def test_what_readme_says_lives_in_a_folder_lives_there() -> None:
    (table,) = re.findall(r"(?:^\| folder .*\n)(?:^\|.*\n)+", (ROOT / "README.md").read_text(), re.MULTILINE)
    for row in table.splitlines()[2:]:
        for name in re.findall(r"`([^`]+)`", row.split("|")[1]):
            assert any((ROOT / start / name).exists() for start in ("", "limits")), name


def test_what_the_page_for_newcomers_calls_by_name_is_there() -> None:
    text = (ROOT / "docs/coming-from.md").read_text()
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
