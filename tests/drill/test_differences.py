"""The drill notices whatever is not as it was."""

from dataclasses import replace
from typing import Any

import pytest

from drill.differences import alive_keys, differences
from drill.findings import OVERRIDES, POLICIES, REVISIONS, Found, Held, Key

NOW_MS = 1_000_000
NEVER = -1
LOGIN, OTHER = Key(1, b"rl:{login:203.0.113.9}:60"), Key(3, b"other")
ROW = (("slug", "login"), ("version", 1))
NEW_ROW = (("slug", "new"), ("version", 1))
BEFORE = Found(
    keys={LOGIN: Held(("string", b"5"), NOW_MS + 1), OTHER: Held(("list", [b"a", b"b"]), NEVER)},
    functions={"first": "code"},
    rows={POLICIES: frozenset({ROW}), OVERRIDES: frozenset(), REVISIONS: frozenset({ROW})},
)


def with_keys(changed: dict[Key, Held]) -> Found:
    return replace(BEFORE, keys={**BEFORE.keys, **changed})


def with_rows(table: str, *rows: Any) -> Found:
    return replace(BEFORE, rows={**BEFORE.rows, table: frozenset(rows)})


def found(after: Found, *, before: Found = BEFORE) -> str:
    return " ".join(differences(before, after=after, now_ms=NOW_MS))


def test_what_is_as_it_was_is_no_difference() -> None:
    assert found(with_keys({})) == ""


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (replace(BEFORE, keys={LOGIN: BEFORE.keys[LOGIN]}), "Key other of database 3 is missing."),
        (with_keys({OTHER: Held(("list", [b"b", b"a"]), NEVER)}), "Key other of database 3 holds something else"),
        (with_keys({OTHER: Held(("list", [b"a", b"b"]), NOW_MS + 9)}), "expires at 1000009, and was to at -1"),
        (with_keys({LOGIN: Held(("string", b"5"), NEVER)}), "expires at -1"),
        (with_keys({Key(0, b"\xff"): Held(("string", b""), NEVER)}), r"Key \xff of database 0 was not there before."),
        (replace(BEFORE, functions={}), "The function library first is not as it was."),
        (replace(BEFORE, functions={"first": "other code"}), "The function library first is not as it was."),
        (with_rows(POLICIES), "A policy is missing: {'slug': 'login', 'version': 1}."),
        (with_rows(POLICIES, ROW, NEW_ROW), "A policy was not there before"),
        (with_rows(OVERRIDES, ROW), "An override was not there before"),
        (with_rows(REVISIONS), "A revision is missing"),
    ],
)
def test_whatever_is_not_as_it_was_is_told(after: Found, told: str) -> None:
    assert told in found(after)


def test_a_key_whose_time_is_over_may_be_gone_or_there() -> None:
    over = with_keys({OTHER: Held(("string", b""), NOW_MS)})
    gone = replace(BEFORE, keys={LOGIN: BEFORE.keys[LOGIN]})
    assert found(gone, before=over) == ""
    assert found(over, before=gone) == ""
    assert alive_keys(over, now_ms=NOW_MS) == 1


def test_bringing_back_may_leave_revisions_of_its_own() -> None:
    assert found(with_rows(REVISIONS, ROW, NEW_ROW)) == ""
