"""Asking one server, with little patience; what cannot be asked is said in a sentence."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from statistics import median
from typing import Any

import redis

from portal.operations.acl.servers import Part
from portal.operations.bounded import bounded_client_of
from portal.operations.redis_answers import is_forbidden, text_fields_of, text_of
from portal.redis_address import Client, RedisAddress

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0
_PINGS = 10
# Never `*`: among the rest are passwords.
_CONFIGURATION = (
    *("bind", "protected-mode", "port", "tls-port", "unixsocketperm", "save", "appendonly", "dir", "aclfile"),
    *("maxmemory", "maxmemory-policy", "enable-debug-command"),
)


class CannotAsk(Exception):
    """Why something cannot be asked, as a sentence."""


class Away(CannotAsk):
    """The server does not answer, or does not let this user in."""


class Forbidden(CannotAsk):
    """The server answers, and does not let this user use a command. `is_unknown`: nobody may, by that name."""

    def __init__(self, words: str, *, is_unknown: bool = False) -> None:
        super().__init__(words)
        self.is_unknown = is_unknown


class Server:
    """One server, and what it said of itself: each thing is asked once."""

    def __init__(
        self, address: RedisAddress, *, parts: frozenset[Part], role: str = "", kind: str = "", database: int = 0
    ) -> None:
        self.address = replace(address, database=database)
        self.parts = parts
        self.role = role
        self.kind = kind or address.kind
        """What the site's address names: redis, rediss, unix, redis+sentinel or redis+cluster."""
        self._client: Client = bounded_client_of(
            self.address, connect_seconds=CONNECT_SECONDS, answer_seconds=ANSWER_SECONDS
        )
        self._failure: Away | None = None
        self._refusals: dict[tuple[str, ...], CannotAsk | None] = {}

    @property
    def place(self) -> str:
        """Where it is, without secrets."""
        return self.address.place

    def close(self) -> None:
        """Leave no connection behind."""
        self._client.close()

    def ask(self, *command: str | int) -> Any:
        """Return what it answers. Raises Away, and Forbidden; other errors of the server go through."""
        if self._failure:
            # Who did not answer once is not waited for again.
            raise self._failure
        try:
            with _telling(self.place, " ".join(map(str, command[:2]))):
                return self._client.execute_command(*command)
        except Away as error:
            self._failure = error
            raise

    def ask_quietly(self, *command: str) -> Any:
        """Do as `ask`, but where the server can tell first that it would refuse, do not have it count a refusal.

        Refusals are among what alerts are about: looking at a checklist must raise none.
        """
        if self._can_dry_run:
            told = self._dry_run(command)
            if told != "OK":
                words = " ".join(command[:2])
                raise Forbidden(f"The user that this site logs in as may not use {words}.")
        return self.ask(*command)

    def dry_run(self, user: str, *command: str) -> bool:
        """Say whether a user may use a command. Raises Forbidden where that may not be asked."""
        if not self._can_dry_run:
            raise Forbidden("The user that this site logs in as may not use ACL DRYRUN.")
        return self._dry_run(command, user=user) == "OK"

    @cached_property
    def _can_dry_run(self) -> bool:
        try:
            self.ask("ACL", "DRYRUN", self.user, "PING")
        except (Forbidden, redis.ResponseError):
            return False
        return True

    def _dry_run(self, command: tuple[str, ...], *, user: str = "") -> str:
        try:
            return text_of(self.ask("ACL", "DRYRUN", user or self.user, *command))
        except redis.ResponseError as error:
            if "not found" in str(error):
                raise _no_such(command[0]) from error
            raise

    @cached_property
    def lets_anybody_in(self) -> bool:
        """Whether it answers who gives no password. Raises Away when it answers nobody."""
        stranger = self.anonymously()
        try:
            stranger.ask("PING")
        except Forbidden:
            # It knows whom it says no to: the default user, who needs no password.
            return True
        except Away as error:
            if isinstance(error.__cause__, redis.AuthenticationError):
                return False
            raise
        finally:
            stranger.close()
        return True

    def refusal_of(self, harmless: tuple[str, ...]) -> CannotAsk | None:
        """Return why a command may not be used that the server refuses for its arguments in any case; None: it may."""
        if harmless not in self._refusals:
            self._refusals[harmless] = self._asked_in_vain(harmless)
        return self._refusals[harmless]

    def _asked_in_vain(self, harmless: tuple[str, ...]) -> CannotAsk | None:
        try:
            self.ask_quietly(*harmless)
        except CannotAsk as error:
            return error
        except redis.ResponseError:
            return None
        return None

    @cached_property
    def info(self) -> Mapping[str, Any]:
        """INFO. Raises CannotAsk."""
        told: Mapping[str, Any] = self.ask("INFO")
        return told

    @cached_property
    def configuration(self) -> Mapping[str, str]:
        """What CONFIG GET tells of what the checklist looks at. Raises CannotAsk."""
        return text_fields_of(self.ask_quietly("CONFIG", "GET", *_CONFIGURATION))

    @property
    def listens_on(self) -> list[str]:
        """The addresses that it listens on; none when it has no port. Raises CannotAsk."""
        told = self.configuration
        if told.get("port", "6379") == "0" and told.get("tls-port", "0") == "0":
            return []
        return told.get("bind", "").split() or ["*"]

    @property
    def has_port(self) -> bool:
        """Whether it is known to listen on a port. Raises Away."""
        try:
            return bool(self.listens_on)
        except Forbidden:
            return False

    @cached_property
    def user(self) -> str:
        """As whom this site is logged in: what ACL WHOAMI says, else what the address does."""
        try:
            return text_of(self.ask("ACL", "WHOAMI"))
        except (Forbidden, redis.ResponseError):
            return self.address.user or "default"

    def round_trips_milliseconds(self) -> tuple[float, float]:
        """Return the middle and the longest of ten round trips. Raises Away."""
        self._ping()
        took = []
        for _ in range(_PINGS):
            began = time.perf_counter()
            self._ping()
            took.append((time.perf_counter() - began) * 1000)
        return median(took), max(took)

    def _ping(self) -> None:
        try:
            self.ask("PING")
        except Forbidden:
            # To say no takes a round trip too.
            return

    def anonymously(self) -> "Server":
        """Return the same server, asked without user and password."""
        return Server(self.address.without_credentials, parts=self.parts, role=self.role, kind=self.kind)

    @property
    def is_local_socket(self) -> bool:
        """Whether it is reached through a Unix socket."""
        return self.address.kind == "unix"

    def queued(self, *command: str) -> Any:
        """Return how a transaction takes a command that is never carried out. Raises CannotAsk, redis.ResponseError."""
        with _telling(self.place, command[0]):
            connection = self._client.connection_pool.get_connection()
            try:
                _exchange(connection, "MULTI")
                try:
                    return _exchange(connection, *command)
                finally:
                    _exchange(connection, "DISCARD")
            finally:
                connection.disconnect()
                self._client.connection_pool.release(connection)

    def certificate(self) -> tuple[str, Mapping[str, Any]]:
        """Return the version of TLS, and the certificate as `ssl` tells it. Raises Away."""
        with _telling(self.place, "TLS"):
            connection = self._client.connection_pool.get_connection()
            try:
                connection.connect()
                return str(connection._sock.version()), connection._sock.getpeercert() or {}
            finally:
                self._client.connection_pool.release(connection)


def in_a_line(error: BaseException) -> str:
    """Return the words of an error, short, in one line, without a full stop."""
    return " ".join((str(error) or type(error).__name__).split()).rstrip(".")[:200]


def _exchange(connection: Any, *command: str) -> Any:
    connection.send_command(*command)
    return connection.read_response()


@contextmanager
def _telling(place: str, command: str) -> Iterator[None]:
    try:
        yield
    except redis.exceptions.NoPermissionError as error:
        raise Forbidden(f"The user that this site logs in as may not use {command}.") from error
    except redis.AuthenticationError as error:
        raise Away(f"It does not accept the user and password in its address: {in_a_line(error)}.") from error
    except redis.BusyLoadingError as error:
        raise Away("It is still loading its data from disk.") from error
    except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
        raise Away(f"It does not answer: {in_a_line(error)}.") from error
    except redis.ResponseError as error:
        if is_forbidden(error):
            raise _no_such(command) from error
        raise


def _no_such(command: str) -> Forbidden:
    return Forbidden(f"There is no command {command}: it was renamed or taken out.", is_unknown=True)
