"""What is shown of the names of keys."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.operations.inspecting.prefixes import NONE, is_counter, prefix_of


@pytest.mark.parametrize(
    ("key", "prefix"),
    [
        (b"rl:{login:203.0.113.9}:60", "rl:{login:"),
        (b"rl:{api-search:9}:60s", "rl:{api-search:"),
        (b"limits:{policies}:overrides", "limits:{policies}"),
        (b"limits:{tallies}:29932", "limits:{tallies}"),
        (b"celery-task-meta-5a1e2c34-0000-4000-8000-000000000000", "celery-task-meta-"),
        (b"_kombu.binding.celery.pidbox", "_kombu.binding."),
        (b"unacked_index", "unacked"),
        (b"celery", "celery"),
        (b":1:views.page:x", ":1:views.page:"),
        (b":1:greeting", ":1:"),
        (b"session:abc", "session:"),
        (b"greeting", NONE),
        (b"", NONE),
    ],
)
def test_a_prefix_tells_the_kind_of_a_key(key: bytes, prefix: str) -> None:
    assert prefix_of(key) == prefix


@pytest.mark.parametrize(
    ("key", "prefix"),
    [
        (b"user42:name", "user#:"),
        (b"203.0.113.9:hits", "#.#.#.#:"),
        (b"jane@example.org:cart", "#:"),
        (b"5a1e2c34-0000-4000-8000-000000000000:x", "#:"),
        (b"sk_live_abcdefghijklmnopqrstuvwxyz:x", "#:"),
        (b"x" * 500 + b":y", "#:"),
        (b"rl:{<b>:x}:60", "rl:"),
    ],
)
def test_what_may_be_somebodys_is_masked(key: bytes, prefix: str) -> None:
    assert prefix_of(key) == prefix


def test_bytes_that_are_no_text_are_escaped() -> None:
    assert prefix_of(b"\xff\x00\x1b[31m:x") == r"\xff\x00\x1b[#m:"


def test_only_counters_must_end() -> None:
    assert is_counter(prefix_of(b"rl:{login:x}:60"))
    assert not is_counter(prefix_of(b"limits:{policies}"))


@given(st.binary(max_size=300))
def test_any_key_has_a_short_printable_prefix_without_long_numbers(key: bytes) -> None:
    prefix = prefix_of(key)
    assert prefix.isprintable()
    assert len(prefix) <= 100
    assert not re.search(r"(?<!x)\d{3}", prefix.removeprefix(":").partition(":")[2] or prefix.replace("\\", "x"))
