"""`manage.py redis_checklist`: what it prints, and how it ends."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from portal.operations.checklist.lines import LINES
from portal.redis_address import RedisAddress, parse_redis_address
from tests.servers import free_port

from .servers import PASSWORD, SECRETS, SOUND, WIDE_OPEN, Started, start


def told(*arguments: str) -> str:
    out = StringIO()
    call_command("redis_checklist", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def sound(use: Callable[[RedisAddress], None], keep: Callable[[Started], Started], start_in: Path) -> None:
    use(keep(start(start_in, *SOUND, f"requirepass {PASSWORD}", password=PASSWORD)).address)


@pytest.fixture
def wide_open(use: Callable[[RedisAddress], None], keep: Callable[[Started], Started], start_in: Path) -> None:
    use(keep(start(start_in, *WIDE_OPEN)).address)


@pytest.mark.server
def test_a_line_that_passes_is_told_with_what_was_found(sound: None) -> None:
    text = told("--only", "eviction")
    assert text.startswith("✔ A full server throws no counter away  [eviction]\n")
    assert text.endswith("1 pass, 0 fail, 0 cannot tell.\n")


@pytest.mark.server
def test_sizes_are_told_as_people_read_them(sound: None) -> None:
    assert "B of 64.0 MB are used." in told("--only", "maxmemory")


@pytest.mark.server
def test_a_line_that_fails_tells_why_and_what_mends_it_and_ends_with_1(wide_open: None) -> None:
    out = StringIO()
    with pytest.raises(CommandError, match=r"1 of 2 lines fail: eviction\.") as ended:
        call_command("redis_checklist", "--only", "eviction", "--only", "reach", stdout=out)
    assert ended.value.returncode == 1
    assert "Why: Measured" in out.getvalue()
    assert "$ redis-cli -h 127.0.0.1 -p" in out.getvalue()


@pytest.mark.server
def test_json_has_every_line_and_no_secret(sound: None, db: None) -> None:
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("redis_checklist", "--json", stdout=out)
    found = json.loads(out.getvalue())
    assert [line["id"] for line in found["lines"]] == [line.id for line in LINES]
    assert sum(found["counts"].values()) == len(LINES)
    assert not [secret for secret in SECRETS if secret in out.getvalue()]


def test_a_line_that_there_is_not_is_one_plain_sentence() -> None:
    with pytest.raises(CommandError, match="There is no line “nothing”"):
        told("--only", "nothing")


def test_a_wrong_argument_ends_with_1() -> None:
    with pytest.raises(CommandError):
        told("--nonsense")


def test_the_lines_are_listed_without_a_look_at_any() -> None:
    assert told("--list").count("\n") == len(LINES)


def test_without_a_server_it_ends_with_1_and_no_traceback(use: Callable[[RedisAddress], None]) -> None:
    use(parse_redis_address(f"redis://127.0.0.1:{free_port()}"))
    with pytest.raises(CommandError, match="1 of 1 lines fail"):
        told("--only", "reach")
