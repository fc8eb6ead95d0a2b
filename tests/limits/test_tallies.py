"""What a process counts in memory, and how it comes into Redis."""

import os
import threading
from contextlib import suppress

import pytest
import redis
from django.test import RequestFactory
from django.urls import Resolver404, resolve

from limits import tallies as tallies_module
from limits.core.decisions import Decision, RateState
from limits.core.rates import Rate
from limits.exceptions import StoreUnavailable
from limits.store import tallies as store
from limits.store.connection import breaker
from limits.tallies import BUCKETS_SECONDS, REFUSALS_MAX, Tallies
from tests.conftest import Clock
from tests.limits import making

Redis = redis.Redis
MINUTE = 60.0
FIVE = Rate(5, 60)


def decision(slug: str = "login", *, remaining: int = 4, refused: bool = False, client: str = "a") -> Decision:
    return Decision(making.policy(slug, FIVE), client, (RateState(FIVE, remaining, 60_000, 60_000 * refused),))


@pytest.fixture
def time() -> Clock:
    return Clock(now=100 * MINUTE)


@pytest.fixture
def tallies(time: Clock) -> Tallies:
    return Tallies(clock=time)


def test_decisions_are_counted_by_policy_and_minute(tallies: Tallies, time: Clock) -> None:
    tallies.note(decision())
    tallies.note(decision(remaining=0))
    tallies.note(decision("default", refused=True))
    time.now += MINUTE
    tallies.note(decision())
    assert tallies.take().minutes == {
        100: {"login": [1, 1, 0, 0], "default": [0, 0, 0, 1]},
        101: {"login": [1, 0, 0, 0]},
    }
    assert tallies.take().minutes == {}


def test_a_clock_that_is_set_back_keeps_what_was_counted(tallies: Tallies, time: Clock) -> None:
    tallies.note(decision())
    time.now += MINUTE
    tallies.note(decision())
    time.now -= MINUTE
    tallies.note(decision())
    assert tallies.take().minutes == {100: {"login": [2, 0, 0, 0]}, 101: {"login": [1, 0, 0, 0]}}


def test_how_long_decisions_took_is_counted_by_bucket(tallies: Tallies) -> None:
    for seconds in (0.00005, 0.0001, 0.5, 3.0, None):
        tallies.note(decision(), seconds=seconds)
    noted = tallies.take()
    assert noted.decisions_by_bucket == [2, *[0] * (len(BUCKETS_SECONDS) - 2), 1, 1]
    assert noted.decisions_seconds == pytest.approx(3.50015)


def test_of_refusals_who_where_and_which_policy_is_kept(tallies: Tallies, time: Clock) -> None:
    tallies.note(decision(client="203.0.113.9", refused=True), request=making.request())
    tallies.note(decision("default"), request=making.request())
    tallies.note(decision("mails", refused=True))
    here, elsewhere = tallies.take().refusals
    assert (here.at, here.policy, here.client, here.place) == (time.now, "login", "203.0.113.9", "POST /")
    assert (elsewhere.policy, elsewhere.place) == ("mails", "")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/password-reset/MQ/secret-token/", "GET /password-reset/<uidb64>/<token>/"),
        ("/register/confirm/secret-token/", "GET /register/confirm/<str:token>/"),
        ("/password-reset/MQ/secret-token", "GET /password-reset/<uidb64>/<token>/"),
        ("/admin/limits/policy/17/change/", "GET /admin/limits/policy/<path:object_id>/change/"),
        ("/", "GET /"),
        ("/nowhere/at/all", "GET /nowhere/at/all"),
    ],
)
def test_of_an_address_that_may_hold_a_secret_the_route_is_kept(tallies: Tallies, path: str, place: str) -> None:
    early = RequestFactory().get(path)
    tallies.note(decision(refused=True), request=early)
    with suppress(Resolver404):
        early.resolver_match = resolve(path)
    tallies.note(decision(refused=True), request=early)
    assert [refusal.place for refusal in tallies.take().refusals] == [place, place]


def test_a_route_that_cannot_be_found_out_stops_no_batch(tallies: Tallies, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: str) -> None:
        raise LookupError(path)

    monkeypatch.setattr(tallies_module, "resolve", fail)
    tallies.note(decision(refused=True), request=RequestFactory().get("/register/confirm/secret-token/"))
    assert [refusal.place for refusal in tallies.take().refusals] == ["GET /"]


def test_of_a_flood_the_last_refusals_are_kept_and_all_are_counted(tallies: Tallies) -> None:
    for number in range(3 * REFUSALS_MAX):
        tallies.note(decision(client=str(number), refused=True))
    noted = tallies.take()
    assert noted.minutes == {100: {"login": [0, 0, 0, 3 * REFUSALS_MAX]}}
    assert [refusal.client for refusal in noted.refusals][-1] == str(3 * REFUSALS_MAX - 1)
    assert len(noted.refusals) == REFUSALS_MAX


def test_threads_lose_no_count(tallies: Tallies) -> None:
    noted: list[int] = []

    def work() -> None:
        for _ in range(2_000):
            tallies.note(decision(), seconds=0.001)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        noted += [row["login"][0] for row in tallies.take().minutes.values()]
    noted += [row["login"][0] for row in tallies.take().minutes.values()]
    assert sum(noted) == 8_000


def test_a_flush_writes_what_was_noted_once(tallies: Tallies, redis_server: Redis, round_trips: list[str]) -> None:
    tallies.note(decision(refused=True), request=making.request())
    assert tallies.flush()
    assert tallies.flush()
    assert round_trips.count("EVALSHA") <= 2  # the second, when the server did not know the script yet
    assert store.changed().minutes == {100: {"login": [0, 0, 0, 1]}}
    assert len(store.refusals_after("")) == 1


def test_nothing_noted_asks_nothing(tallies: Tallies, redis_server: Redis, round_trips: list[str]) -> None:
    assert tallies.flush()
    assert round_trips == []


def test_what_cannot_be_written_is_written_when_redis_is_back(
    tallies: Tallies, time: Clock, request: pytest.FixtureRequest
) -> None:
    tallies.note(decision(refused=True))
    assert not tallies.flush()
    time.now += MINUTE
    tallies.note(decision())
    assert breaker.is_open
    assert not tallies.flush()
    request.getfixturevalue("redis_server")
    breaker.succeeded()
    assert tallies.flush()
    assert store.changed().minutes == {100: {"login": [0, 0, 0, 1]}, 101: {"login": [1, 0, 0, 0]}}
    assert len(store.refusals_after("")) == 1


def test_while_redis_is_known_to_be_away_a_flush_asks_nothing(tallies: Tallies, round_trips: list[str]) -> None:
    breaker.failed("timed out")
    tallies.note(decision())
    assert not tallies.flush()
    assert round_trips == []


def test_a_batch_whose_answer_was_lost_is_not_counted_twice(
    tallies: Tallies, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = store.write

    def write_and_lose_the_answer(batch: store.Batch) -> None:
        write(batch)
        raise StoreUnavailable("timed out")

    tallies.note(decision())
    monkeypatch.setattr(store, "write", write_and_lose_the_answer)
    assert not tallies.flush()
    monkeypatch.undo()
    tallies.note(decision())
    assert tallies.flush()
    assert store.changed().minutes == {100: {"login": [2, 0, 0, 0]}}


def test_what_waits_is_bounded_and_loses_the_oldest_minutes(
    tallies: Tallies, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallies_module, "ROWS_MAX", 20)
    breaker.failed("timed out")
    for _ in range(50):
        for slug in ("login", "default"):
            tallies.note(decision(slug))
        tallies.flush()
        time.now += MINUTE
    assert sorted(tallies._waiting) == list(range(140, 150))


def test_without_anybody_who_flushes_memory_is_bounded_too(
    tallies: Tallies, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallies_module, "ROWS_MAX", 20)
    for _ in range(500):
        tallies.note(decision())
        time.now += MINUTE
    assert len(tallies.take().minutes) <= 22


def test_many_policies_go_in_several_batches(tallies: Tallies, redis_server: Redis) -> None:
    for number in range(1_200):
        tallies.note(decision(f"policy-{number}"))
    assert tallies.flush()
    assert len(store.changed().minutes[100]) == 1_200


def test_a_forked_process_does_not_write_what_its_parent_noted() -> None:
    tallies_module.tallies.note(decision())
    reads, writes = os.pipe()
    if not (child := os.fork()):
        os.write(writes, str(len(tallies_module.tallies.take().minutes)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reads, 10) == b"0"
    assert len(tallies_module.tallies.take().minutes) == 1
    os.close(reads)
    os.close(writes)
