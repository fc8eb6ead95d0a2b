"""A client of one server for one look: in a hurry, and with errors in a few words that hold no secret."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from portal.operations.bounded import bounded_client_of
from portal.operations.redis_answers import code_of, is_forbidden
from portal.redis_address import Client, RedisAddress

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0


class NoAnswer(Exception):
    """Says in a few words, which follow a server's place, why it gave no answer."""


@contextmanager
def connected(address: RedisAddress, *, answer_seconds: float = ANSWER_SECONDS) -> Iterator[Client]:
    """Yield a client of the one server at an address, which tries nothing twice. Raises NoAnswer.

    It says nothing of itself to the server: what a user may not say would count there as an error of that user.
    """
    client = bounded_client_of(
        address, connect_seconds=CONNECT_SECONDS, answer_seconds=answer_seconds, protocol=2, driver_info=None
    )
    try:
        with client:
            yield client
    except redis.RedisError as error:
        raise NoAnswer(_words(error, answer_seconds=answer_seconds)) from error


@contextmanager
def using(command: str) -> Iterator[None]:
    """Turn a server's refusal of a command into NoAnswer. Its own words stay out: they may repeat a password."""
    try:
        yield
    except redis.exceptions.NoPermissionError as error:
        needed = command.lower().replace(" ", "|")
        raise NoAnswer(f"forbids {command} to its user: give it +{needed} (ACL SETUSER)") from error
    except redis.ResponseError as error:
        if is_forbidden(error):
            raise NoAnswer(f"knows no {command}: it was renamed or taken out") from error
        raise NoAnswer(_refusal(f"refuses {command}", error)) from error


def _words(error: redis.RedisError, *, answer_seconds: float) -> str:
    if isinstance(error, redis.AuthenticationError):
        return "does not accept the user and password in its address"
    if "max number of clients" in str(error):
        return "takes no more clients (maxclients)"
    if isinstance(error, redis.TimeoutError):
        if "connecting" in str(error):
            return f"is not reached within {CONNECT_SECONDS:g} s"
        return f"does not answer within {answer_seconds:g} s"
    if isinstance(error, redis.ConnectionError):
        return _unreached(error)
    if isinstance(error, redis.ResponseError):
        return _refusal("refuses", error)
    return "does not answer as a Redis does"


def _refusal(words: str, error: redis.ResponseError) -> str:
    code = code_of(error)
    return f"{words}: {code}" if code else words


def _unreached(error: redis.ConnectionError) -> str:
    reason = error.__cause__ or error.__context__
    if isinstance(reason, socket.gaierror):
        return "is not found: nobody knows its name"
    if isinstance(reason, ConnectionRefusedError):
        return "refuses connections: see whether it runs"
    if isinstance(reason, OSError) and reason.strerror and not isinstance(reason, ConnectionError):
        return f"is not reached: {reason.strerror.lower()}"
    # The last words of a server without room for more clients are often lost.
    return "broke the connection off: see its log, and whether it takes more clients (maxclients)"
