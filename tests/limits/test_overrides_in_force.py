"""The overrides in force in a process: who is found, what it asks, how changes come in."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.contrib.auth.models import Group
from django.db import connection
from django.http import HttpRequest
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from limits import identity, last_good_overrides, overrides_in_force
from limits.core import keys
from limits.core.client_keys import parse_client_key
from limits.core.override_index import Part
from limits.core.overrides import Effect, Override, part_of, to_line
from limits.core.policies import Algorithm
from limits.core.rates import Rate
from limits.overrides_in_force import OverridesInForce
from limits.refusals import refusals
from limits.store import overrides as store
from portal.accounts.models import User
from tests.limits import making
from tests.servers import wait_until

Redis = redis.Redis
LOGIN = making.policy("login")
BY_KEY = making.policy("api", key=parse_client_key("header:X-Api-Key"))


@pytest.fixture(autouse=True)
def _no_copy(settings: Settings) -> Iterator[None]:
    copy = Path(settings.LIMITS_SNAPSHOT_FILE).with_name("overrides.json")
    copy.unlink(missing_ok=True)
    yield
    copy.unlink(missing_ok=True)


def of(subject: str, number: int = 1, **changes: Any) -> Override:
    values = {"policy": "", "effect": Effect.EXEMPT}
    return Override(number, subject, **values | changes)


def parts_of(*overrides: Override, version: str = "1") -> dict[int, Part]:
    lines: dict[int, list[str]] = {}
    for override in overrides:
        lines.setdefault(part_of(override.subject), []).append(to_line(override))
    return {number: Part(version, tuple(part)) for number, part in lines.items()}


def in_force(*overrides: Override) -> OverridesInForce:
    made = OverridesInForce()
    made.take(parts_of(*overrides))
    return made


def publish(*overrides: Override, version: str = "1") -> str:
    changed = parts_of(*overrides, version=version)
    store.publish(changed, seen=store.standing().versions)
    return version


def user(name: str = "alice", *groups: Group) -> User:
    made = User.objects.create_user(name, f"{name}@example.org")
    made.groups.set(groups)
    return made


def test_without_overrides_there_is_nothing_to_ask() -> None:
    none = OverridesInForce()
    assert (none.are_none, none.look_at_people) == (True, False)
    assert none.winner(making.request(), policy=LOGIN) is None


def test_an_address_and_the_networks_that_it_is_in_are_found() -> None:
    exact, network = of("203.0.113.9"), of("203.0.113.0/24", 2)
    held = in_force(exact, network)
    assert held.winner(making.request(address="203.0.113.9"), policy=LOGIN) == exact
    assert held.winner(making.request(address="203.0.113.10"), policy=LOGIN) == network
    assert held.winner(making.request(address="198.51.100.1"), policy=LOGIN) is None
    assert held.look_at_people is False


def test_an_address_that_is_mapped_is_the_same_client() -> None:
    exact = of("203.0.113.9")
    assert in_force(exact).winner(making.request(address="::ffff:203.0.113.9"), policy=LOGIN) == exact


def test_one_for_another_policy_is_not_found() -> None:
    held = in_force(of("203.0.113.9", policy="search"))
    assert held.winner(making.request(), policy=LOGIN) is None


def test_one_whose_time_has_not_come_or_is_over_is_not_found() -> None:
    now = time.time()
    held = in_force(of("203.0.113.9", since=now + 60), of("203.0.113.0/24", 2, until=now - 60))
    assert held.winner(making.request(), policy=LOGIN) is None


def test_what_a_client_sends_is_found_by_the_key_of_the_policy() -> None:
    request = making.request(**{"X-Api-Key": "secret"})
    (subject,) = identity.values_of(request, key=BY_KEY.key)
    held = in_force(of(subject))
    assert held.winner(request, policy=BY_KEY) == of(subject)
    assert held.winner(making.request(**{"X-Api-Key": "other"}), policy=BY_KEY) is None
    assert held.winner(request, policy=LOGIN) is None
    assert held.look_at_people


@pytest.mark.django_db
def test_a_user_is_found_and_beats_the_address() -> None:
    request = making.request()
    request.user = user()
    theirs = of(f"user={request.user.pk}")
    held = in_force(theirs, of("203.0.113.9", 2))
    assert held.winner(request, policy=LOGIN) == theirs
    assert held.look_at_people


@pytest.mark.django_db
def test_groups_are_asked_once_a_request_and_only_where_a_group_has_an_override() -> None:
    group = Group.objects.create(name="partners")
    request = making.request()
    request.user = user("alice", group)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert in_force(of("user=0")).winner(request, policy=LOGIN) is None
    assert len(asked) == 0
    theirs = of(f"group={group.pk}")
    held = in_force(theirs, of("203.0.113.0/24", 2))
    with CaptureQueriesContext(connection) as asked:
        assert [held.winner(request, policy=policy) for policy in (LOGIN, BY_KEY)] == [theirs, theirs]
    assert len(asked) == 1


@pytest.mark.django_db
def test_groups_are_not_asked_where_one_for_the_client_alone_holds() -> None:
    request = making.request()
    request.user = user()
    held = in_force(of("203.0.113.9"), of("group=1", 2))
    with CaptureQueriesContext(connection) as asked:
        held.winner(request, policy=LOGIN)
    assert len(asked) == 0


def test_a_request_that_knows_no_user_is_in_no_group() -> None:
    request = HttpRequest()
    assert in_force(of("group=1"), of("user=1")).winner(request, policy=LOGIN) is None


def test_a_burst_is_left_out_where_the_policy_is_no_token_bucket() -> None:
    held = in_force(of("203.0.113.9", effect=Effect.RATES, rates=(Rate(5, 60, 20),)))
    plain, bucket = (
        held.winner(making.request(), policy=making.policy("login", algorithm=algorithm))
        for algorithm in (Algorithm.FIXED_WINDOW, Algorithm.TOKEN_BUCKET)
    )
    assert plain is not None
    assert bucket is not None
    assert (plain.rates, bucket.rates) == ((Rate(5, 60),), (Rate(5, 60, 20),))


@pytest.mark.parametrize(
    ("client", "subject"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2::", "2001:db8:1::/48"),
        ("user=17", "user=17"),
        ("user-or-ip=17", "user=17"),
        ("user=@203.0.113.9", "203.0.113.9"),
        ("header:X-Api-Key=4f0c4f0c4f0c4f0c4f0c", "header:X-Api-Key=4f0c4f0c4f0c4f0c4f0c"),
        ("ip+field:username=203.0.113.9+4f0c4f0c4f0c4f0c4f0c", "203.0.113.9"),
        ("ip+field:username=203.0.113.9+4f0c4f0c4f0c4f0c4f0c", "field:username=4f0c4f0c4f0c4f0c4f0c"),
        ("user+field:username=17+4f0c4f0c4f0c4f0c4f0c", "user=17"),
    ],
)
def test_the_client_of_a_counter_is_found_without_a_request(client: str, subject: str) -> None:
    assert in_force(of(subject)).winner_for_client(client, policy=LOGIN) == of(subject)


@pytest.mark.parametrize("client", ["everyone", "unknown", "user=@unknown", "user=18", "203.0.113.8", ""])
def test_another_client_is_not_found_without_a_request(client: str) -> None:
    held = in_force(of("203.0.113.9"), of("user=17", 2))
    assert held.winner_for_client(client, policy=LOGIN) is None


@pytest.mark.django_db
def test_the_groups_of_a_counters_user_are_found() -> None:
    group = Group.objects.create(name="partners")
    member = user("alice", group)
    held = in_force(of(f"group={group.pk}"))
    assert held.winner_for_client(f"user={member.pk}", policy=LOGIN) == of(f"group={group.pk}")
    assert held.winner_for_client("user=0123456789abcdef0123", policy=LOGIN) is None
    assert held.winner_for_client("203.0.113.9", policy=LOGIN) is None


# How changes come in


def test_a_process_that_starts_takes_what_redis_has(redis_server: Redis) -> None:
    publish(of("203.0.113.9"))
    held = OverridesInForce()
    assert held.load()
    assert held.winner(making.request(), policy=LOGIN) == of("203.0.113.9")


def test_a_process_that_starts_while_redis_is_away_takes_the_last_good_copy() -> None:
    last_good_overrides.save(parts_of(of("203.0.113.9")))
    held = OverridesInForce()
    assert not held.load()
    assert held.winner(making.request(), policy=LOGIN) == of("203.0.113.9")


def test_a_process_that_starts_with_nothing_begins_without(tmp_path: Path) -> None:
    held = OverridesInForce()
    assert not held.load()
    assert held.are_none


def test_a_copy_that_cannot_be_read_is_no_copy(settings: Settings) -> None:
    for text in ("{", "[]", '{"1": 5}', '{"x": ["1"]}'):
        Path(settings.LIMITS_SNAPSHOT_FILE).with_name("overrides.json").write_text(text)
        assert last_good_overrides.load() is None


def test_a_copy_is_for_this_user_alone(settings: Settings) -> None:
    last_good_overrides.save(parts_of(of("203.0.113.9")))
    copy = Path(settings.LIMITS_SNAPSHOT_FILE).with_name("overrides.json")
    assert copy.stat().st_mode & 0o777 == 0o600


def test_too_many_are_not_copied_and_leave_no_old_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    last_good_overrides.save(parts_of(of("203.0.113.9")))
    monkeypatch.setattr(last_good_overrides, "CHARACTERS_MAX", 10)
    last_good_overrides.save(parts_of(of("203.0.113.9")))
    assert last_good_overrides.load() is None


def test_a_change_comes_in_by_itself_and_forgets_refusals(redis_server: Redis) -> None:
    held = in_force(of("203.0.113.9"))
    refusals._known["login", "203.0.113.9"] = None  # type: ignore[assignment]
    publish(of("203.0.113.9", effect=Effect.DENIED), version="2")
    held.take_changes("a new word")
    wait_until(lambda: held._version == "a new word", what="the change", seconds=5)
    found = held.winner(making.request(), policy=LOGIN)
    assert found is not None
    assert found.effect is Effect.DENIED
    assert len(refusals) == 0


def test_a_word_that_is_known_or_vanished_asks_nothing(round_trips: list[str]) -> None:
    held = OverridesInForce()
    held.take_changes("")
    held._version = "known"
    held.take_changes("known")
    assert (round_trips, held._thread) == ([], None)


def test_only_the_parts_that_changed_are_fetched(redis_server: Redis, round_trips: list[str]) -> None:
    overrides = [of(f"user={number}", number) for number in range(1, 600)]
    publish(*overrides)
    held = OverridesInForce()
    held.load()
    publish(of("user=1", 1, effect=Effect.DENIED), version="2")
    round_trips.clear()
    assert held.load()
    # The versions, whether changes are announced, and one part.
    assert round_trips == ["HMGET", "HGET", "HMGET"]


def test_an_emptied_redis_leaves_what_is_held(redis_server: Redis) -> None:
    publish(of("203.0.113.9"))
    held = OverridesInForce()
    held.load()
    redis_server.flushall()
    assert not held.load()
    assert held.winner(making.request(), policy=LOGIN) == of("203.0.113.9")


def test_a_part_that_was_altered_is_not_taken_and_told(redis_server: Redis, caplog: pytest.LogCaptureFixture) -> None:
    publish(of("203.0.113.9"))
    number = part_of("203.0.113.9")
    redis_server.hset(keys.OVERRIDES, number, to_line(of("203.0.113.9", effect=Effect.DENIED)))
    held = OverridesInForce()
    assert not held.load()
    assert held.are_none
    assert "1 parts" not in caplog.text
    assert "not as" in caplog.text
    publish(of("203.0.113.9"), version="2")
    assert held.load()
    assert not held.are_none


def test_a_redis_that_is_away_is_asked_again_at_the_next_look(redis_server: Redis) -> None:
    held = OverridesInForce()
    publish(of("203.0.113.9"))
    redis_server.delete(keys.OVERRIDES)
    redis_server.set(keys.OVERRIDES, "of another kind")
    held.take_changes("word")
    wait_until(lambda: held._thread is None, what="the end of the thread", seconds=5)
    redis_server.delete(keys.OVERRIDES)
    publish(of("203.0.113.9"))
    held.take_changes("next word")
    wait_until(lambda: not held.are_none, what="the change", seconds=5)


def test_a_change_that_failed_is_tried_again_and_told_once(
    redis_server: Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(overrides_in_force, "PAUSE_AFTER_FAILURE_SECONDS", 0)
    publish(of("203.0.113.9"))
    held = OverridesInForce()

    def fail(copy: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(last_good_overrides, "save", fail)
        for _ in range(2):
            held.take_changes("word")
            wait_until(lambda: held._thread is None, what="the end of the thread", seconds=5)
            held.take({part_of("203.0.113.9"): Part("0", ())})
    assert caplog.text.count("could not be taken in") == 1
    assert held.are_none
    held.take_changes("word")
    wait_until(lambda: not held.are_none, what="the change", seconds=5)


def test_a_line_that_cannot_be_read_does_not_hold_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    held = OverridesInForce()
    held.take({0: Part("1", ("nowhere\t1\t\texempt\t0\t\t", "203.0.113.9\t2\t\tspared\t0\t\t"))})
    assert held.winner(making.request(), policy=LOGIN) is None
    assert "nowhere" in caplog.text
    assert "spared" in caplog.text
