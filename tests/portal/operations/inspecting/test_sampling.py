"""Keys by prefix, sampled on a real server."""

import pytest
import redis
from pytest_django import Settings

from portal.operations.inspecting import sampling
from portal.operations.inspecting.look import sample_keys
from portal.operations.inspecting.prefixes import OTHERS
from portal.operations.inspecting.sampling import Group, Sample
from portal.redis_address import parse_redis_address

pytestmark = pytest.mark.server
SOURCE = "redis, limits, broker"


@pytest.fixture
def filled(client: redis.Redis) -> redis.Redis:
    """20,000 keys of users for good, 2,000 counters that end and one that does not, and some of one kind each."""
    pipeline = client.pipeline(transaction=False)
    pipeline.mset({f"user{number}:name": "x" * 100 for number in range(20_000)})
    for number in range(2_000):
        pipeline.set(f"rl:{{login:10.0.{number // 256}.{number % 256}}}:60", 1, ex=3600)
    pipeline.set("rl:{login:stuck}:60", 9)
    pipeline.mset({b"\xff<script>:1": 1, b"\xff<script>:2": 2, "jane.doe:cart": 1})
    pipeline.hset("profile:1", "name", "jane")
    pipeline.hset("profile:2", "name", "joe")
    pipeline.execute()
    return client


def groups(sample: Sample, *, database: int = 0) -> dict[str, Group]:
    return {
        group.prefix: group for stretch in sample.stretches if stretch.database == database for group in stretch.groups
    }


def found_in(place: str, **options: object) -> Sample:
    part = sample_keys(place, source=SOURCE, **options)  # type: ignore[arg-type]
    assert part.found, part.failure
    return part.found


def finish(place: str, sample: Sample) -> Sample:
    while not sample.is_complete:
        sample = found_in(place, before=sample)
    return sample


def test_keys_are_counted_by_prefix(filled: redis.Redis, place: str) -> None:
    sample = finish(place, found_in(place))
    found = groups(sample)
    assert (sample.seen, sample.total) == (22_006, 22_006)
    assert found["user#:"].keys == 20_000
    assert found["rl:{login:"].keys == 2_001
    assert found["profile:"].types == ("hash",)
    assert 100 < found["user#:"].measured_bytes / found["user#:"].measured < 400


def test_a_counter_without_an_end_is_found(filled: redis.Redis, place: str) -> None:
    counters = groups(finish(place, found_in(place)))["rl:{login:"]
    assert (counters.judged, counters.endless) == (2_001, 1)


def test_few_keys_are_asked_for_their_life_but_for_counters(filled: redis.Redis, place: str) -> None:
    users = groups(finish(place, found_in(place)))["user#:"]
    assert (users.judged, users.endless) == (500, 500)
    assert users.measured == 20


def test_a_prefix_of_one_key_is_not_named(filled: redis.Redis, place: str) -> None:
    sample = finish(place, found_in(place))
    assert groups(sample)[OTHERS].keys == 1
    assert "jane" not in repr(sample)


def test_bytes_and_markup_in_names_are_text(filled: redis.Redis, place: str) -> None:
    assert groups(finish(place, found_in(place)))[r"\xff<script>:"].keys == 2


def test_a_look_ends_in_time_and_the_next_goes_on(
    filled: redis.Redis, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "SECONDS", 0.0)
    first = found_in(place)
    assert 0 < first.seen < first.total == 22_006
    second = found_in(place, before=first)
    assert second.seen > first.seen
    assert groups(second)["user#:"].keys > groups(first)["user#:"].keys
    assert finish(place, second).seen >= 22_006


def test_all_databases_with_keys_are_looked_at(filled: redis.Redis, place: str) -> None:
    filled.select(9)
    filled.mset({"other:1": 1, "other:2": 2})
    sample = finish(place, found_in(place))
    assert [stretch.database for stretch in sample.stretches] == [0, 9]
    assert groups(sample, database=9)["other:"].keys == 2
    (only,) = found_in(place, databases=(9,)).stretches
    assert (only.database, only.seen, only.is_complete) == (9, 2, True)


def test_an_empty_server_has_no_keys(client: redis.Redis, place: str) -> None:
    sample = found_in(place)
    assert (sample.seen, sample.total, sample.is_complete) == (0, 0, True)


def test_it_never_calls_keys(filled: redis.Redis, place: str) -> None:
    filled.config_resetstat()
    found_in(place)
    used = filled.info("commandstats")
    assert "cmdstat_keys" not in used
    assert "cmdstat_scan" in used


def test_a_user_of_few_rights_counts_what_it_may(filled: redis.Redis, place: str, settings: Settings) -> None:
    rights = ("-@all", "+scan", "+dbsize", "+pttl", "~rl:*")
    filled.execute_command("ACL", "SETUSER", "narrow", "on", ">word", *rights)
    settings.REDIS = parse_redis_address(f"redis://narrow:word@{place}/0")
    sample = finish(place, found_in(place, databases=(0, 5)))
    found = groups(sample)
    assert found["user#:"].keys == 20_000
    assert found["user#:"].judged == 0
    assert found["rl:{login:"].judged == 2_001
    (first, second) = sample.stretches
    assert set(first.failures) == {
        "Not permitted to this site’s user: some of the keys, with pttl.",
        "Not permitted to this site’s user: +memory|usage",
        "Not permitted to this site’s user: +type",
    }
    assert second.failures == ("Not permitted to this site’s user: +select",)
    assert filled.info("errorstats")["errorstat_NOPERM"]["count"] < 30


def test_a_user_that_may_not_scan_is_told(filled: redis.Redis, place: str, settings: Settings) -> None:
    filled.execute_command("ACL", "SETUSER", "narrow", "on", ">word", "-@all", "+dbsize")
    settings.REDIS = parse_redis_address(f"redis://narrow:word@{place}/0")
    (stretch,) = found_in(place, databases=(0,)).stretches
    assert (stretch.seen, stretch.failures) == (0, ("Not permitted to this site’s user: +scan",))
