"""Under the application's user everything that limits and the cache do works, and nothing is refused by the way."""

import time
from contextlib import closing

import pytest
from django.conf import settings as django_settings
from django.core.cache import CacheHandler, caches

from limits import sync
from limits.core.decisions import Claim
from limits.core.policies import Algorithm
from limits.core.rates import Rate
from limits.core.tallies import Refused
from limits.store import counters, documents, live, overrides, server, tallies
from portal import redis_address
from portal.operations.acl.servers import address_text
from portal.operations.acl.users import APP, BACKUP, MONITOR, RESTORE
from tests.limits import making
from tests.limits.cluster_and_sentinel.counting import count_at
from tests.portal.operations.acl.guarding import ADMIN, Guarded

pytestmark = [pytest.mark.server, pytest.mark.django_db]

CLIENT = "203.0.113.9"


def use(guarded: Guarded, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Count as a user."""
    address = guarded.address(user, 1)
    count_at(address_text(address, user=address.user, password=address.password), monkeypatch)


@pytest.mark.parametrize("user", [APP, RESTORE])
@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_every_way_to_count_works(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch, user: str, algorithm: Algorithm
) -> None:
    use(guarded, user, monkeypatch)
    policy = making.policy("login", Rate(50, 3600), Rate(2, 60), algorithm=algorithm, penalty_seconds=30)
    claim = Claim(policy, CLIENT, 1)
    assert [counters.charge([claim])[0].allowed for _ in range(4)] == [True, True, False, False]
    counters.give_back([(claim, 0)])
    assert counters.count(f"rl:{{plain:{CLIENT}}}:60", amount=1, window_milliseconds=60_000, limit=1)[0] == 1
    assert counters.count(f"rl:{{plain:{CLIENT}}}:60", amount=1, window_milliseconds=60_000, limit=1)[0] == 2
    assert live.sample(policy).clients == (CLIENT,)
    assert live.read([(policy, CLIENT)])[0].is_counted
    assert live.forget("login", client=CLIENT, windows=[(algorithm, 60), (algorithm, 3600)]) > 0
    assert guarded.refused() == []


def test_policies_and_overrides_are_synced(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    use(guarded, APP, monkeypatch)
    server.check_version()
    server.ping()
    sync.reconcile(thorough=True)
    assert sync.is_in_step()
    documents.begin_epoch()
    overrides.publish({}, seen={})
    assert documents.published().version
    use(guarded, MONITOR, monkeypatch)
    assert sync.is_in_step()
    use(guarded, BACKUP, monkeypatch)
    assert sync.is_in_step()
    assert guarded.refused() == []


def test_what_is_of_another_kind_is_written_over(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    use(guarded, APP, monkeypatch)
    with closing(guarded.client(ADMIN, 1)) as admin:
        admin.set("limits:{policies}", "text")
        admin.set("limits:{tallies}:changed", "text")
        admin.set("limits:{tallies}:refusals", "text")
    sync.reconcile(thorough=True)
    assert sync.is_in_step()
    tallies.changed()
    tallies.refusals_after("")
    assert guarded.refused() == []


def test_tallies_and_refusals_are_written_read_and_dropped(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    use(guarded, APP, monkeypatch)
    refused = Refused(time.time(), "login", CLIENT, "POST /login/")
    tallies.write(tallies.Batch("one", 1, {7: {"login": [3, 0, 0, 1]}}, [refused]))
    found = tallies.changed()
    assert found.minutes == {7: {"login": [3, 0, 0, 1]}}
    tallies.settle(found)
    assert len(tallies.refusals_after("")) == 1
    tallies.forget_refusals(before=time.time() + 60)
    assert guarded.refused() == []


def test_the_cache_and_its_locks_work(guarded: Guarded) -> None:
    caches = CacheHandler(
        {"default": redis_address.cache_settings(guarded.address(APP), backend="django_redis.cache.RedisCache")}
    )
    cache = caches["default"]
    cache.set("a", [1, 2], timeout=60)
    cache.set("for ever", 1, timeout=None)
    assert cache.get("a") == [1, 2]
    assert not cache.add("a", 1)
    cache.set("number", 1)
    assert (cache.incr("number"), cache.decr("number")) == (2, 1)
    cache.incr_version("number")
    cache.set_many({"b": 1, "c": 2})
    assert cache.get_many(["b", "c", "d"]) == {"b": 1, "c": 2}
    assert cache.has_key("b")
    assert cache.get_or_set("d", 4) == 4
    cache.touch("d", 30)
    assert cache.ttl("d") > 0
    cache.persist("d")
    cache.expire("d", timeout=30)
    with cache.lock("lock", timeout=10):
        pass
    assert len(list(cache.iter_keys("*"))) > 4
    cache.delete("a")
    cache.delete_many(["b", "c"])
    cache.delete_pattern("*")
    cache.close()
    cache.client.get_client().connection_pool.disconnect()
    assert guarded.refused() == []


def test_the_cache_s_keys_are_named_as_the_settings_have_it() -> None:
    assert caches["default"].make_key("name").startswith(":")
    assert django_settings.CACHES["default"].get("KEY_PREFIX", "") == ""
