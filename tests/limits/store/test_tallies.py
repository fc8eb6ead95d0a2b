"""The tallies in Redis: what batches add up to, and what is read of it."""

from collections.abc import Sequence

import pytest
import redis

from limits.core import keys
from limits.core.tallies import Refused
from limits.exceptions import StoreUnavailable
from limits.store import tallies
from limits.store.tallies import Batch, Rows

Redis = redis.Redis
LOGIN = {"login": [3, 0, 0, 1]}
CHANGED = f"{keys.TALLIES}:changed"
REFUSED = Refused(1_000.5, "login", "203.0.113.9", "POST /login/")


def write(number: int, minutes: dict[int, Rows], *, sender: str = "one", refusals: Sequence[Refused] = ()) -> None:
    tallies.write(Batch(sender, number, minutes, refusals))


def test_the_batches_of_all_processes_add_up(redis_server: Redis) -> None:
    write(1, {7: LOGIN})
    write(2, {7: LOGIN, 8: {"default": [0, 1, 2, 0]}})
    write(1, {7: LOGIN}, sender="another")
    assert tallies.changed().minutes == {7: {"login": [9, 0, 0, 3]}, 8: {"default": [0, 1, 2, 0]}}


def test_a_batch_that_is_sent_twice_is_written_once(redis_server: Redis) -> None:
    for _ in range(2):
        write(1, {7: LOGIN}, refusals=[REFUSED])
    assert tallies.changed().minutes == {7: LOGIN}
    assert len(tallies.refusals_after("")) == 1


def test_a_batch_takes_one_round_trip(redis_server: Redis, round_trips: list[str]) -> None:
    write(1, {7: LOGIN})
    round_trips.clear()
    write(2, dict.fromkeys(range(50), LOGIN), refusals=[REFUSED] * 50)
    assert round_trips == ["EVALSHA"]


def test_everything_is_in_one_slot_and_ends_by_itself(redis_server: Redis) -> None:
    write(1, {7: LOGIN}, refusals=[REFUSED])
    names = [name.decode() for name in redis_server.scan_iter()]
    assert all(name.startswith(keys.TALLIES) for name in names)
    lives = {name: redis_server.ttl(name) for name in names}
    assert lives.pop(keys.REFUSALS) == -1  # capped in length, and emptied by age every day
    assert all(0 < life <= 7_200 for life in lives.values())


def test_a_full_server_goes_on_adding_up(redis_server: Redis) -> None:
    redis_server.config_set("maxmemory", 1)
    try:
        write(1, {7: LOGIN}, refusals=[REFUSED])
    finally:
        redis_server.config_set("maxmemory", 0)
    assert tallies.changed().minutes == {7: LOGIN}


def test_a_key_that_somebody_spoilt_costs_only_itself(redis_server: Redis) -> None:
    redis_server.set(keys.tallies_of(7), "no hash")
    redis_server.set(keys.REFUSALS, "no stream")
    write(1, {7: LOGIN, 8: LOGIN}, refusals=[REFUSED])
    assert redis_server.hget(keys.tallies_of(8), "login:allowed") == b"3"


@pytest.mark.parametrize(
    ("member", "moment"),
    [("abc", 5), (str(10**12), 5), (b"\xff", 5), ("-7", 5), ("9", float("inf")), ("9", -5), ("9", 9e15)],
)
def test_a_minute_that_is_none_of_ours_is_dropped_and_the_rest_read(
    redis_server: Redis, member: str | bytes, moment: float
) -> None:
    write(1, {7: LOGIN})
    redis_server.zadd(CHANGED, {member: moment})
    seen = tallies.changed()
    assert seen.minutes == {7: LOGIN}
    assert redis_server.zrange(CHANGED, 0, -1) == [b"7"]
    assert seen.seen_milliseconds == redis_server.zscore(CHANGED, "7")


def test_a_minute_of_another_kind_is_dropped_and_the_rest_read(redis_server: Redis) -> None:
    redis_server.set(keys.tallies_of(8), "no hash")
    write(1, {7: LOGIN, 8: LOGIN})
    assert tallies.changed().minutes == {7: LOGIN}
    assert redis_server.zrange(CHANGED, 0, -1) == [b"7"]


def test_counts_that_are_none_are_left_out_and_huge_ones_cut(redis_server: Redis) -> None:
    write(1, {7: LOGIN})
    spoilt = {
        "login:near_limit": "nan",
        "login:shadow_refused": "-5",
        b"\xff:allowed": 1,
        "a" * 51 + ":allowed": 1,
        "no slug:allowed": 1,
        "login:other": 1,
        "default:allowed": 10**20,
    }
    redis_server.hset(keys.tallies_of(7), mapping=spoilt)
    assert tallies.changed().minutes == {7: {"login": [3, 0, 0, 1], "default": [tallies.COUNT_MAX, 0, 0, 0]}}


@pytest.mark.parametrize(
    "changes",
    [{"at": "nan"}, {"at": "1e18"}, {"at": b"\xff"}, {"at": "inf"}, {"at": "-1"}, {"policy": b"\xff"}, {"policy": ""}],
)
def test_a_refusal_that_is_none_of_ours_is_dropped_and_the_rest_read(
    redis_server: Redis, changes: dict[str, str | bytes]
) -> None:
    told: dict[str | bytes, str | bytes] = {"at": "1", "policy": "login", "client": "a", "place": "GET /"}
    redis_server.xadd(keys.REFUSALS, told | changes)  # type: ignore[arg-type]
    redis_server.xadd(keys.REFUSALS, {"x": b"\xff"})
    write(1, {}, refusals=[REFUSED])
    assert [entry.refused for entry in tallies.refusals_after("")] == [REFUSED]
    assert redis_server.xlen(keys.REFUSALS) == 1


def test_what_a_client_is_called_is_shown_and_cut_whatever_it_is(redis_server: Redis) -> None:
    redis_server.xadd(keys.REFUSALS, {"at": "1", "policy": "login", "client": b"\xff", "place": "x" * 900})
    (entry,) = tallies.refusals_after("")
    assert (entry.refused.client, len(entry.refused.place)) == ("\ufffd", 200)


def test_keys_of_another_kind_are_dropped(redis_server: Redis) -> None:
    redis_server.set(CHANGED, "no set")
    redis_server.set(keys.REFUSALS, "no stream")
    assert tallies.changed().minutes == {}
    assert tallies.refusals_after("") == []
    redis_server.set(keys.REFUSALS, "no stream")
    tallies.forget_refusals(before=5.0)
    write(1, {7: LOGIN}, refusals=[REFUSED])
    assert tallies.changed().minutes == {7: LOGIN}
    assert len(tallies.refusals_after("")) == 1


def test_what_is_saved_is_not_read_again_but_for_the_last_change(redis_server: Redis) -> None:
    write(1, {7: LOGIN})
    redis_server.zadd(CHANGED, {"7": 1_000})
    write(2, {8: LOGIN})
    seen = tallies.changed()
    assert set(seen.minutes) == {7, 8}
    tallies.settle(seen)
    assert set(tallies.changed().minutes) == {8}


def test_a_minute_that_changes_while_it_is_saved_is_read_again(redis_server: Redis) -> None:
    write(1, {7: LOGIN})
    seen = tallies.changed()
    write(2, {7: LOGIN})
    tallies.settle(seen)
    assert tallies.changed().minutes == {7: {"login": [6, 0, 0, 2]}}


def test_refusals_are_read_on_from_where_one_was(redis_server: Redis) -> None:
    write(1, {}, refusals=[REFUSED, Refused(1_001.0, "default", "b", "GET /")])
    first, second = tallies.refusals_after("")
    assert first.refused == REFUSED
    assert tallies.refusals_after(first.id) == [second]
    assert tallies.refusals_after(second.id) == []


def test_the_stream_of_refusals_is_capped(redis_server: Redis) -> None:
    for number in range(1, 31):
        write(number, {}, refusals=[REFUSED] * 100)
    assert redis_server.xlen(keys.REFUSALS) <= 1_200


def test_old_refusals_are_dropped(redis_server: Redis) -> None:
    fields = {"at": "1", "policy": "login", "client": "a", "place": "GET /"}
    redis_server.xadd(keys.REFUSALS, fields, id="1000-0")  # type: ignore[arg-type]
    redis_server.xadd(keys.REFUSALS, fields, id="5000-0")  # type: ignore[arg-type]
    tallies.forget_refusals(before=5.0)
    assert [entry.id for entry in tallies.refusals_after("")] == ["5000-0"]


def test_without_redis_it_is_store_unavailable() -> None:
    for ask in (lambda: write(1, {7: LOGIN}), tallies.changed, lambda: tallies.refusals_after("")):
        with pytest.raises(StoreUnavailable):
            ask()
