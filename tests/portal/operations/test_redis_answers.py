"""What servers answer, read as what it means."""

import pytest
import redis

from portal.operations.redis_answers import code_of, fields_of, is_forbidden, text_fields_of, text_of


@pytest.mark.parametrize("told", [{b"name": b"one", "port": 6379}, [b"name", b"one", "port", 6379]])
def test_fields_come_as_a_mapping_or_in_turns(told: object) -> None:
    assert fields_of(told) == {"name": b"one", "port": 6379}
    assert text_fields_of(told) == {"name": "one", "port": "6379"}


def test_what_is_no_utf8_is_text_all_the_same() -> None:
    assert text_of(b"caf\xe9") == "caf\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    "error",
    [
        redis.exceptions.NoPermissionError("User app has no permissions to run the 'config|get' command"),
        redis.ResponseError("unknown command 'CONFIG', with args beginning with: 'GET'"),
        redis.ResponseError("unknown subcommand 'GET'. Try CONFIG HELP."),
        redis.ResponseError("Unknown subcommand or wrong number of arguments for 'GET'"),
    ],
)
def test_what_a_user_may_not_and_what_nobody_may_is_forbidden(error: redis.ResponseError) -> None:
    assert is_forbidden(error)


@pytest.mark.parametrize("words", ["wrong number of arguments for 'get' command", "Unknown node 1f", "syntax error"])
def test_a_question_put_wrongly_is_not_forbidden(words: str) -> None:
    assert not is_forbidden(redis.ResponseError(words))


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("MISCONF Redis cannot save", "MISCONF"),
        ("WRONGTYPE", "WRONGTYPE"),
        ("invalid password", ""),
        ("", ""),
    ],
)
def test_an_error_begins_with_its_code(words: str, code: str) -> None:
    assert code_of(redis.ResponseError(words)) == code
