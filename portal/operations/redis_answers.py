"""What any Redis answers, read: bytes that are text, names and values in turns, and errors."""

import re
from typing import Any

import redis
from redis.exceptions import NoPermissionError

_UNKNOWN = re.compile("unknown (sub)?command", re.IGNORECASE)


def text_of(value: Any) -> str:
    """Return what a server answered as text."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def fields_of(told: Any) -> dict[str, Any]:
    """Return names and values, which come as a mapping, or in turns as RESP2 tells one."""
    pairs = told.items() if isinstance(told, dict) else zip(told[::2], told[1::2], strict=True)
    return {text_of(name): value for name, value in pairs}


def text_fields_of(told: Any) -> dict[str, str]:
    """Return names and values, both as text."""
    return {name: text_of(value) for name, value in fields_of(told).items()}


def is_forbidden(error: redis.ResponseError) -> bool:
    """Say whether a command may not be used there: by an ACL, or because it was renamed or taken out."""
    return isinstance(error, NoPermissionError) or _UNKNOWN.search(str(error)) is not None


def code_of(error: redis.ResponseError) -> str:
    """Return the word that an error begins with, such as MISCONF; ''. What follows may repeat a password."""
    word = str(error).partition(" ")[0]
    return word if word.isalpha() and word.isupper() else ""
