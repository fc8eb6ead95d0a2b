"""The only module that talks to Redis. Every error of Redis becomes StoreUnavailable.

Counters and the policies' copy live in the database of the cache `RATELIMIT_USE_CACHE` (a django-redis backend),
whose connections and timeouts are used. Requests go through a breaker; what runs outside one (publishing, commands)
asks all the same, and thereby notices first that Redis is back.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import redis
from django.core.cache import caches
from redis.commands.core import Script
from redis.exceptions import RedisClusterException

from limits.breaker import Breaker
from limits.conf import conf
from limits.core import keys
from limits.core.rates import Rate
from limits.core.snapshots import Snapshot
from limits.exceptions import StoreTooOld, StoreUnavailable

Answer = TypeVar("Answer")
Counted = tuple[int, int]
"""A counter's count, and the rest of its life in milliseconds."""

OLDEST_MAJOR_VERSION = 7

breaker = Breaker()


@dataclass(frozen=True, slots=True)
class Published:
    """The policies' document as it stands in Redis."""

    version: str
    document: str


@dataclass(frozen=True, slots=True)
class Counter:
    """A live counter: requests of one client in one window, and the milliseconds until it ends."""

    slug: str
    client: str
    window_seconds: int
    count: int
    rest_milliseconds: int


def count(key: str, *, amount: int, window_milliseconds: int) -> Counted:
    """Add `amount` to a counter, or look at it when that is 0, in one step and one round trip."""
    number, rest = _in_request(lambda client: _run("count", client, keys=(key,), args=(amount, window_milliseconds)))
    return number, rest


def charge(rates: Sequence[Rate], *, slug: str, client: str) -> list[Counted]:
    """Count one request in every rate's counter, or in none when one refuses; one round trip.

    A rate that refuses is answered with a count above its limit.
    """
    names = [keys.counter(slug, client=client, window_seconds=rate.window_seconds) for rate in rates]
    numbers = [number for rate in rates for number in (rate.limit, rate.window_seconds * 1000)]
    flat = _in_request(lambda connection: _run("charge", connection, keys=names, args=numbers))
    return list(zip(flat[::2], flat[1::2], strict=True))


def newer_than(version: str) -> Published | None:
    """Return the document in Redis when its version is another; None when it is the same, or there is none."""

    def look(client: redis.Redis) -> Published | None:
        seen = _text(client.hget(keys.POLICIES, "version"))
        return None if seen in ("", version) else _document(client)

    return _in_request(look)


def published() -> Published:
    """Return the document that stands in Redis; of version '' when there is none."""
    return _outside_request(_published)


def publish(snapshot: Snapshot, *, seen: str) -> bool:
    """Write the document and its version in one step. False: another version than `seen` stands there by now."""
    told = (seen, snapshot.version, snapshot.document)
    return bool(_outside_request(lambda client: _run("publish", client, keys=(keys.POLICIES,), args=told)))


def counters(slug: str, *, client: str | None = None) -> list[Counter]:
    """Return the live counters of a policy, or of one client of it."""
    pattern = keys.counter_glob(slug, client=client)
    return _outside_request(lambda connection: list(_counters(connection, pattern)))


def forget(slug: str, *, client: str) -> int:
    """Delete the counters of one client; return how many there were."""
    pattern = keys.counter_glob(slug, client=client)

    def delete(connection: redis.Redis) -> int:
        return sum(connection.delete(name) for name in list(connection.scan_iter(pattern, count=1000)))

    return _outside_request(delete)


def check_version() -> None:
    """Raise StoreTooOld when the server is older than the scripts' flags; a Valkey tells for which Redis it stands."""
    told = _outside_request(lambda client: client.info("server"))
    node: dict[str, Any] = told if "redis_version" in told else next(iter(told.values()))
    version = str(node["redis_version"])
    if int(version.partition(".")[0]) < OLDEST_MAJOR_VERSION:
        raise StoreTooOld(f"The server of REDIS_URL is Redis {version}. Limits need Redis 7.0 or newer, or Valkey.")


def ping() -> None:
    """Raise StoreUnavailable when Redis does not answer."""
    _in_request(lambda client: client.ping())


def _in_request(ask: Callable[[redis.Redis], Answer]) -> Answer:
    if not breaker.may_ask():
        raise StoreUnavailable("Redis did not answer a moment ago")
    return _outside_request(ask)


def _outside_request(ask: Callable[[redis.Redis], Answer]) -> Answer:
    try:
        answer = ask(_client())
    except redis.ResponseError as error:
        # The server answers, and others may fare better: one wrong key must not keep everything from being counted.
        breaker.refused(failure := _in_a_line(error))
        raise StoreUnavailable(failure) from error
    except (redis.RedisError, RedisClusterException, OSError) as error:
        breaker.failed(failure := _in_a_line(error))
        raise StoreUnavailable(failure) from error
    breaker.succeeded()
    return answer


def _in_a_line(error: Exception) -> str:
    # Some errors of redis-py tell every connection that they tried.
    line = " ".join((str(error) or type(error).__name__).split()).rstrip(".")
    return line if len(line) <= 200 else f"{line[:200]}…"


def _run(name: str, client: redis.Redis, *, keys: Sequence[str], args: Sequence[str | int]) -> Any:
    return _script(name)(keys=keys, args=args, client=client)


@cache
def _script(name: str) -> Script:
    text = (Path(__file__).parent / "lua" / f"{name}.lua").read_text()
    return Script(_client(), text)


def _client() -> redis.Redis:
    backend: Any = caches[conf.cache_alias]
    client: redis.Redis = backend.client.get_client(write=True)
    return client


def _published(client: redis.Redis) -> Published:
    try:
        return _document(client)
    except redis.ResponseError as error:
        if "wrong kind of value" not in str(error):
            raise
        # No document of ours, whoever put it there: it is to be written over.
        return Published("", "")


def _document(client: redis.Redis) -> Published:
    version, document = client.hmget(keys.POLICIES, ["version", "document"])
    return Published(_text(version), _text(document))


def _counters(client: redis.Redis, pattern: str) -> Iterator[Counter]:
    for name in client.scan_iter(pattern, count=1000):
        parsed = keys.parse_counter(_text(name))
        if parsed is None:
            continue
        slug, who, window_seconds = parsed
        number, rest = client.get(name), client.pttl(name)
        if number is not None and rest > 0:
            yield Counter(slug, who, window_seconds, int(number), rest)


def _text(value: bytes | str | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""
