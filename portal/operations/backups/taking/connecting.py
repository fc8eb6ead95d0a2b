"""A client of one server for a backup: patient, and with errors that tell a person what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from portal import redis_address
from portal.operations.backups.taking.errors import CannotTake
from portal.redis_address import Client, RedisAddress

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
"""A server that forks answers nobody meanwhile: about 20 ms for each GB in use, much longer on some hosts."""


@contextmanager
def connected(address: RedisAddress) -> Iterator[Client]:
    """Yield a client of the one server at an address. Raises CannotTake for whatever keeps it from answering."""
    place = address.place
    with telling(place), client_of(address) as client:
        yield client


def client_of(address: RedisAddress) -> Client:
    """Return a client that waits long, and tries nothing twice."""
    return redis_address.client_of(address, connect_seconds=CONNECT_SECONDS, answer_seconds=ANSWER_SECONDS)


@contextmanager
def telling(place: str) -> Iterator[None]:
    """Turn the errors of redis-py into CannotTake."""
    try:
        yield
    except redis.AuthenticationError as error:
        raise CannotTake(f"{place} does not accept the user and password in its address: {_words(error)}.") from error
    except redis.BusyLoadingError as error:
        raise CannotTake(f"{place} is still loading its data from disk. Try again when it has.") from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise CannotTake(f"{place} does not answer: {_words(error)}. Look whether it runs, and try again.") from error
    except redis.RedisError as error:
        raise CannotTake(f"{place} refused: {_words(error) or 'it gave no reason; its log may'}.") from error


def _words(error: redis.RedisError) -> str:
    return str(error).rstrip(".")
