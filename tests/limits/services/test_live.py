"""Live counters and overrides: by whose rates a client is shown, and what a reset forgets of it."""

from typing import Any

import pytest
import redis
from django.utils import timezone

from limits.core import keys
from limits.core.decisions import Claim
from limits.core.overrides import Effect, kind_of, part_of
from limits.core.policies import Algorithm
from limits.core.rates import Rate
from limits.exceptions import StoreUnavailable
from limits.models import Override, Policy, Revision
from limits.services import Actor, live
from limits.store import counters
from tests.limits import making

pytestmark = pytest.mark.django_db
SOMEBODY = Actor(name="somebody", origin="a test")
ADDRESS = "203.0.113.9"


def override(subject: str, effect: Effect = Effect.RATES, **values: Any) -> Override:
    stored = {"rates": "100/2h" if effect is Effect.RATES else "", "policy": "login", "saved_at": timezone.now()}
    return Override.objects.create(
        subject=subject, kind=kind_of(subject), part=part_of(subject), effect=effect, **stored | values
    )


def login() -> Policy:
    return Policy.objects.get(slug="login")


def use(client: str, rate: Rate, *, times: int, algorithm: Algorithm = Algorithm.FIXED_WINDOW) -> None:
    counters.charge([Claim(making.policy("login", rate, algorithm=algorithm), client, times)])


@pytest.mark.parametrize("subject", [ADDRESS, "203.0.113.0/24", "0.0.0.0/0"])
def test_whoever_has_other_rates_is_shown_by_them(redis_server: redis.Redis, subject: str) -> None:
    override(subject)
    use(ADDRESS, Rate(100, 7200), times=30)
    use("198.51.100.1", Rate(5, 60), times=1)
    standings = live.most_used(login())[0]
    shown = {standing.client.name: standing for standing in standings}
    (usage,) = shown[ADDRESS].client.usages
    assert (usage.used, usage.capacity) == (30, 100)
    assert shown[ADDRESS].override is not None


@pytest.mark.parametrize(
    "changes",
    [{"policy": "register"}, {"until": timezone.now()}, {"subject": "198.51.100.0/24"}, {"subject": "user=17"}],
)
def test_an_override_for_others_or_of_another_time_changes_nothing(
    redis_server: redis.Redis, changes: dict[str, Any]
) -> None:
    override(**{"subject": ADDRESS} | changes)
    use(ADDRESS, Rate(5, 60), times=3)
    standing = live.of_client(login(), client=ADDRESS)
    assert standing.override is None
    assert [usage.capacity for usage in standing.client.usages] == [5]


@pytest.mark.parametrize(
    ("key", "client", "subject"),
    [
        ("user", "user=17", "user=17"),
        ("user", f"user=@{ADDRESS}", ADDRESS),
        ("user or ip", "user-or-ip=17", "user=17"),
        ("header:X-Api-Key", "header:X-Api-Key=4f0c4f0c4f0c", "header:X-Api-Key=4f0c4f0c4f0c"),
        ("ip and field:username", f"ip+field:username={ADDRESS}+4f0c4f0c4f0c", ADDRESS),
        ("ip and field:username", f"ip+field:username={ADDRESS}+4f0c4f0c4f0c", "field:username=4f0c4f0c4f0c"),
        ("ip", "2001:db8:1:2::", "2001:db8:1::/48"),
    ],
)
def test_the_override_of_every_kind_of_client_is_found(
    redis_server: redis.Redis, key: str, client: str, subject: str
) -> None:
    Policy.objects.filter(slug="login").update(key=key)
    override(subject, Effect.EXEMPT)
    found = live.of_client(login(), client=client).override
    assert found is not None
    assert found.subject == subject


@pytest.mark.parametrize(
    ("ipv6_prefix", "subject", "holds"),
    [
        (64, "2001:db8:1:2::/64", True),
        (64, "2001:db8:1:2::/65", False),
        (64, "2001:db8:1:2::", False),
        (128, "2001:db8:1:2::/65", True),
        (128, "2001:db8:1:2::", True),
    ],
)
def test_an_override_for_a_part_of_an_ipv6_client_is_not_its_own(
    redis_server: redis.Redis, ipv6_prefix: int, subject: str, holds: bool
) -> None:
    Policy.objects.filter(slug="login").update(ipv6_prefix=ipv6_prefix)
    override(subject, Effect.EXEMPT)
    assert bool(live.of_client(login(), client="2001:db8:1:2::").override) == holds


def test_a_reset_forgets_what_was_counted_by_other_rates(redis_server: redis.Redis) -> None:
    held = override(ADDRESS)
    use(ADDRESS, Rate(100, 7200), times=30)
    use(ADDRESS, Rate(5, 60), times=3)
    assert live.reset(login(), client=ADDRESS, actor=SOMEBODY) == 2
    assert redis_server.keys("rl:*") == []
    held.delete()


def test_a_client_that_is_not_counted_has_nothing_to_reset(redis_server: redis.Redis) -> None:
    assert live.reset(login(), client=ADDRESS, actor=SOMEBODY) == 0


def test_a_reset_of_which_nothing_is_known_is_kept_as_that(redis_server: redis.Redis) -> None:
    use(ADDRESS, Rate(5, 60), times=3)
    redis_server.hset(keys.POLICIES, "epoch", "no number")
    with pytest.raises(StoreUnavailable):
        live.reset(login(), client=ADDRESS, actor=SOMEBODY, reason="a mistake")
    (kept,) = Revision.objects.filter(subject_type=live.COUNTERS)
    assert kept.before == {"client": "203.0.113.0/24", "counters": ["3 of 5 per minute"], "outcome": "unknown"}
    assert kept.reason == "a mistake"


@pytest.mark.parametrize("client", ["user=" + "9" * 500, "9" * 30, "\x00", "\udcff", "user=@x"])
def test_no_client_is_too_odd_to_be_looked_for(redis_server: redis.Redis, client: str) -> None:
    policy = Policy.objects.get(slug="api-search")
    named = live.client_named(client, policy=policy)
    assert not live.of_client(policy, client=named).client.is_counted


def test_odd_counters_do_not_hide_the_others(redis_server: redis.Redis) -> None:
    use(ADDRESS, Rate(5, 60), times=3)
    redis_server.set(b"rl:{login:\xff\xfe}:60", 3, ex=60)
    redis_server.set(f"rl:{{login:user={'9' * 500}}}:60", 1, ex=60)
    override("0.0.0.0/0")
    Override.objects.update(rates="5/m")
    assert next(standing.client.name for standing in live.most_used(login())[0]) == ADDRESS


def test_records_hold_no_person_s_address() -> None:
    kept = {
        ADDRESS: "203.0.113.0/24",
        "2001:db8:1:2::": "2001:db8:1::/48",
        "user=17": "user=17",
        f"user=@{ADDRESS}": "user=@203.0.113.0/24",
        f"ip+field:username={ADDRESS}+4f0c": "ip+field:username=203.0.113.0/24+4f0c",
        "unknown": "unknown",
    }
    assert {client: live._for_the_records(client) for client in kept} == kept
