"""Whether counting works and policies are in step, tried on a real server."""

import threading
from dataclasses import replace

import pytest
import redis

from limits import metrics
from limits.models import Policy
from limits.store import counters, documents
from portal.operations.watching.alerts.conditions import limiting
from portal.operations.watching.alerts.conditions.condition import Found, Trouble
from tests.portal.operations.watching.alerts.made import found

pytestmark = pytest.mark.django_db
DEGRADED, OUT_OF_STEP = "limiter_degraded", "policies_out_of_step"


@pytest.fixture
def well() -> metrics.State:
    state = metrics.State(degraded=False, uncounted=0, remembered_refusals=0, policies=1, policies_revision=1)
    metrics.tell(state)
    return state


@pytest.mark.usefixtures("well")
def test_counting_that_works_is_found_to_work(redis_server: redis.Redis) -> None:
    assert found(DEGRADED)[""] == Found(0.0, "Counting was tried and works.")
    assert [key.decode() for key in redis_server.scan_iter()] == ["rl:{:watch}:10"]


@pytest.mark.usefixtures("well")
def test_a_server_that_takes_no_writes_is_found_out(redis_server: redis.Redis) -> None:
    redis_server.config_set("min-replicas-to-write", 1)
    try:
        degraded = found(DEGRADED)[""]
    finally:
        redis_server.config_set("min-replicas-to-write", 0)
    assert degraded.value == 1
    assert "NOREPLICAS" in degraded.words


def test_a_server_that_is_away_is_found_out() -> None:
    assert found(DEGRADED)[""].value == 1
    assert found(OUT_OF_STEP)[""].trouble is Trouble.NO_DATA


@pytest.mark.usefixtures("redis_server")
def test_a_process_that_cannot_count_is_heard(well: metrics.State) -> None:
    metrics.tell(replace(well, degraded=True))
    try:
        assert found(DEGRADED)[""].value == 1
    finally:
        metrics.tell(well)


@pytest.mark.usefixtures("policies")
def test_policies_are_in_step_until_redis_lacks_them(redis_server: redis.Redis) -> None:
    assert Policy.objects.exists()
    assert documents.published().version
    assert found(OUT_OF_STEP)[""].value == 0
    redis_server.flushall()
    assert found(OUT_OF_STEP)[""].value == 1


def test_counting_that_does_not_end_holds_up_no_other_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a name is looked up that no server knows."""
    over = threading.Event()
    monkeypatch.setattr(limiting, "_PROBE_SECONDS", 0.1)
    monkeypatch.setattr(counters, "count", lambda *_, **__: over.wait(timeout=5) and None)
    assert found(DEGRADED)[""] == Found(1.0, "Counting was tried and did not end within 0.1 s.")
    over.set()
