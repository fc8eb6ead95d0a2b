"""The cache backend in which django-ratelimit counts."""

import hashlib
import threading

import pytest
import redis
from django.core.cache import caches
from django_ratelimit.core import get_usage

from limits.cache import CounterCache, marked
from limits.core.rates import Rate
from limits.readable_key import ReadableKey
from limits.store.connection import breaker
from tests.limits import making

Redis = redis.Redis
NAME = "rl:{login:203.0.113.9}:60"
FIVE_A_MINUTE = Rate(5, 60)


def use(rate: Rate = FIVE_A_MINUTE, *, name: str = NAME, increment: bool = True) -> dict[str, int]:
    usage = get_usage(
        making.request(),
        group="login",
        key=lambda group, request: marked(name, limit=rate.limit),
        rate=(rate.limit, rate.window_seconds),
        increment=increment,
    )
    assert usage is not None
    return dict(usage)


def test_a_decision_costs_one_round_trip(redis_server: Redis, round_trips: list[str]) -> None:
    use()
    round_trips.clear()
    use()
    use()
    assert round_trips == ["EVALSHA", "EVALSHA"]


def test_the_counter_is_named_as_people_read_it(redis_server: Redis) -> None:
    use()
    assert redis_server.keys("*") == [NAME.encode()]
    assert redis_server.get(NAME) == b"1"


def test_the_window_is_the_life_of_the_key(redis_server: Redis) -> None:
    use()
    assert 59_000 < redis_server.pttl(NAME) <= 60_000


def test_django_ratelimit_judges_the_count(redis_server: Redis) -> None:
    verdicts = [use(Rate(2, 60))["should_limit"] for _ in range(4)]
    assert verdicts == [False, False, True, True]


def test_an_edited_limit_keeps_the_counts(redis_server: Redis) -> None:
    for _ in range(3):
        use(Rate(5, 60))
    assert use(Rate(2, 60)) | {"time_left": 0} == {"count": 4, "limit": 2, "should_limit": True, "time_left": 0}


def test_looking_without_counting_writes_nothing(redis_server: Redis) -> None:
    assert use(increment=False)["count"] == 0
    assert redis_server.keys("*") == []
    use()
    assert use(increment=False)["count"] == 1


def test_requests_at_once_are_each_counted_once(redis_server: Redis) -> None:
    counts: list[int] = []

    def ask() -> None:
        counts.extend(use(Rate(200, 60))["count"] for _ in range(50))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counts) == list(range(1, 201))


def test_a_counter_evicted_within_a_decision_does_not_refuse(
    redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    use()
    add = CounterCache.add

    def add_and_lose(self: CounterCache, *args: object, **kwargs: object) -> bool:
        added = add(self, *args, **kwargs)  # type: ignore[arg-type]
        redis_server.flushall()
        return added

    monkeypatch.setattr(CounterCache, "add", add_and_lose)
    usage = use()
    assert usage["count"] == 2
    assert usage["limit"] == 5
    assert not usage["should_limit"]


def test_a_dead_redis_lets_through() -> None:
    assert not use(Rate(1, 60))["should_limit"]


def test_a_dead_redis_lets_a_view_of_django_ratelimit_alone_through_and_says_so() -> None:
    usage = get_usage(making.request(), group="x", key="ip", rate="1/m", increment=True)
    assert usage is not None
    assert not usage["should_limit"]
    assert breaker.uncounted == 1


def test_a_view_that_uses_django_ratelimit_alone_is_counted_as_ever(redis_server: Redis) -> None:
    for expected in (False, False, True):
        usage = get_usage(making.request(), group="x", key="ip", rate="2/m", increment=True)
        assert usage is not None
        assert usage["should_limit"] is expected
    (name,) = redis_server.keys("*")
    assert name.startswith(b"rl:")
    assert 0 < redis_server.ttl(name) <= 60


@pytest.mark.parametrize("data", [b"", b"x15/1s", "login:ü".encode()])
def test_what_is_not_marked_is_hashed(data: bytes) -> None:
    assert ReadableKey(data).hexdigest() == f"rl:{hashlib.sha256(data).hexdigest()}"


def test_groups_cannot_run_together(redis_server: Redis) -> None:
    for slug, limit in (("x1", 10), ("x", 1)):
        use(Rate(limit, 60), name=f"rl:{{{slug}:a}}:60")
    assert len(redis_server.keys("*")) == 2


def test_the_backend_is_django_redis_s_own(redis_server: Redis) -> None:
    backend = caches["limits"]
    assert type(backend).__mro__[1].__module__ == "django_redis.cache"
