"""Asking a server one thing after the other, with little patience: what it refuses, or has no time for, is words."""

import logging
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import redis
from redis.exceptions import NoPermissionError

from portal.operations.bounded import bounded_pool
from portal.operations.inspecting.refused import refused
from portal.operations.redis_answers import code_of, is_forbidden
from portal.redis_address import RedisAddress

logger = logging.getLogger("portal.inspecting")

Words: TypeAlias = str | bytes | int
Found = TypeVar("Found")

ANSWER_SECONDS = 0.5
"""How long one answer may take. A server that lets one pass is asked nothing more."""
WHOLE_SECONDS = 1.0
"""After this long nothing more is begun."""
NOT_UNDERSTOOD = "The server answered what this site does not understand."
_CONTAINERS = frozenset({"ACL", "CLIENT", "CLUSTER", "CONFIG", "LATENCY", "MEMORY", "SENTINEL", "SLOWLOG"})


class NoAnswer(Exception):
    """The server does not answer; the message is a sentence for people."""


class NotTold(Exception):
    """The server answers, and not this; the message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Part(Generic[Found]):
    """A part of a page: what was found, or in a sentence why it is missing."""

    found: Found | None = None
    failure: str = ""


class Session:
    """One connection, and the time that is left for it."""

    def __init__(self, connection: Any, *, whom: str, seconds: float) -> None:
        self._connection = connection
        self._whom = whom
        self._ends_at = time.monotonic() + seconds
        self._silence = ""
        self.database = 0

    @property
    def answers(self) -> bool:
        """Whether it has answered everything so far, be it with a refusal."""
        return not self._silence

    @property
    def seconds_left(self) -> float:
        """How long something may still be begun; negative when the time is up."""
        return self._ends_at - time.monotonic()

    def ask(self, *words: Words) -> Any:
        """Return the answer to a command. Raises NotTold and NoAnswer."""
        (answer,) = self.ask_all([words])
        if isinstance(answer, redis.ResponseError):
            raise NotTold(self.refusal(answer, words=words)) from answer
        return answer

    def refusal(self, error: redis.ResponseError, *, words: Sequence[Words]) -> str:
        """Return in a sentence why a command was refused, and note it where asking again is no use."""
        told = refusal(error, words=words)
        if is_forbidden(error) and not is_about_keys(error):
            refused.note(self._whom, right=right_of(words), words=told)
        return told

    def select(self, database: int) -> None:
        """Have what follows asked of a database. Raises NotTold and NoAnswer."""
        if database != self.database:
            self.ask("SELECT", database)
            self.database = database

    def ask_all(self, commands: Sequence[Sequence[Words]]) -> list[Any]:
        """Return the answers to commands that are sent at once; one that was refused is an error in its place."""
        if commands and (told := refused.words(self._whom, right=right_of(commands[0]))):
            raise NotTold(told)
        if self._silence or self.seconds_left <= 0:
            raise NoAnswer(self._silence or "Not asked: the time for this page was up before its turn came.")
        try:
            self._connection.send_packed_command(self._connection.pack_commands(commands))
            return [self._read() for _ in commands]
        except (redis.RedisError, OSError) as error:
            self._silence = silence(error)
            raise NoAnswer(self._silence) from error

    def _read(self) -> Any:
        try:
            return self._connection.read_response(timeout=ANSWER_SECONDS)
        except redis.ResponseError as error:
            return error


@contextmanager
def session_with(address: RedisAddress, *, seconds: float = WHOLE_SECONDS) -> Iterator[Session]:
    """Yield a session with the one server at an address. Raises NoAnswer where there can be none."""
    # The older protocol: lists and bytes as they come. It says nothing of itself: what a user may not say would count
    # at the server as an error of that user.
    pool = bounded_pool(
        address, connect_seconds=ANSWER_SECONDS, answer_seconds=ANSWER_SECONDS, protocol=2, driver_info=None
    )
    connection: Any = pool.make_connection()
    try:
        _connect(connection)
        yield Session(connection, whom=whom_of(address), seconds=seconds)
    finally:
        connection.disconnect()


def whom_of(address: RedisAddress) -> str:
    """Return who is asked, and as whom: refusals are remembered by it."""
    return f"{address.user}@{address.place}"


def _connect(connection: Any) -> None:
    try:
        connection.connect()
    except Exception as error:
        # What it says to a login may be anything.
        raise NoAnswer(silence(error)) from error


def part(session: Session, ask: Callable[[Session], Found]) -> Part[Found]:
    """Return what a question finds, or why it finds nothing: one part that fails is no reason to lose the others."""
    try:
        return Part(found=ask(session))
    except (NoAnswer, NotTold) as error:
        return Part(failure=str(error))
    except Exception:
        # Whatever a server tells in one part must not hide the others.
        logger.exception("A server’s answer was not understood.")
        return Part(failure=NOT_UNDERSTOOD)


def refusal(error: redis.ResponseError, *, words: Sequence[Words]) -> str:
    """Return in a sentence why a command was refused."""
    command = right_of(words)
    if is_about_keys(error):
        return f"Not permitted to this site’s user: some of the keys, with {command[1:]}."
    if isinstance(error, NoPermissionError):
        return f"Not permitted to this site’s user: {command}"
    if is_forbidden(error):
        return f"The server knows no {command[1:].upper().replace('|', ' ')}: it was renamed or taken out there."
    # Its own words stay out: they may repeat what it was asked.
    code = code_of(error)
    shown = f": {code}" if code else ""
    return f"The server refused {command[1:].upper().replace('|', ' ')}{shown}."


def is_about_keys(error: redis.ResponseError) -> bool:
    """Say whether it was the keys that are not permitted, not the command."""
    return isinstance(error, NoPermissionError) and "access" in str(error)


def right_of(words: Sequence[Words]) -> str:
    """Return what an ACL calls the right to a command: `+slowlog|get`."""
    name = str(words[0]).upper()
    parts = [name, str(words[1])] if name in _CONTAINERS else [name]
    return "+" + "|".join(parts).lower()


def silence(error: Exception) -> str:
    """Return in a sentence why there is no answer."""
    if isinstance(error, redis.AuthenticationError):
        return "It does not accept the user and password of this site’s settings."
    if isinstance(error, TimeoutError | redis.TimeoutError):
        return f"It did not answer within {ANSWER_SECONDS:g} s: it hangs, or is held up by something long."
    if "BusyLoading" in type(error).__name__:
        return "It is still loading its data from disk, and answers when it has."
    reason = error.__cause__ or error.__context__
    if isinstance(reason, socket.gaierror):
        return "Nobody knows its name: it is not found."
    if isinstance(reason, ConnectionRefusedError):
        return "It refuses connections: see whether it runs."
    if "max number of clients" in str(error):
        return "It takes no more clients (maxclients)."
    if isinstance(reason, OSError) and reason.strerror:
        return f"It is not reached: {reason.strerror.lower()}."
    return "It broke the connection off, or does not answer as a Redis does."
