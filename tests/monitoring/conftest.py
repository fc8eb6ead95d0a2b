"""A site in trouble, what its `/metrics` tell, and a Prometheus that scrapes them."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from limits import metrics as limits_metrics
from limits.metrics import State
from limits.models import Revision
from limits.tallies import BUCKETS_SECONDS, Noted
from portal.operations.backups import inventory
from portal.operations.backups.keeping.kept import Kept
from portal.operations.backups.manifest import Notes
from portal.operations.models import Alert, AlertRule, Heartbeat, RedisServer
from portal.operations.watching.readings import REPLICA, Reading
from tests.monitoring.prometheus import Prometheus, start_prometheus
from tests.portal.operations.backups.keeping.making import make_backup
from tests.portal.operations.watching.test_metrics import READING
from tests.servers import wait_until

TOKEN = "a token of some length"
# What Prometheus 2.42 sends.
ACCEPT = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
# However long a busy machine takes: what is told does not grow old meanwhile.
LEEWAY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Told:
    """What `/metrics` told: a body, and what kind of text it is."""

    body: bytes
    content_type: str


def tell(accept: str = "") -> Told:
    """Return what this process tells a scraper now."""
    response = Client(REMOTE_ADDR="127.0.0.1").get("/metrics", headers={"Accept": accept})
    assert response.status_code == 200
    return Told(response.content, response["Content-Type"])


def _decide(number: int) -> None:
    by_bucket = [number] * (len(BUCKETS_SECONDS) + 1)
    limits_metrics.add(Noted({0: {"login": [number] * 4}}, by_bucket, decisions_seconds=0.01 * number, refusals=()))
    revision = Revision.objects.filter(subject_type="policy").latest("pk").pk
    state = State(degraded=False, uncounted=0, remembered_refusals=1, policies=5, policies_revision=revision)
    limits_metrics.tell(state)


def _server(place: str, *, reading: Reading | None, now: datetime, holds_counters: bool = False) -> None:
    RedisServer.objects.update_or_create(
        place=place,
        defaults={
            "source": "redis, limits" if holds_counters else "broker",
            "holds_counters": holds_counters,
            "first_seen_at": now,
            "looked_at": now,
            "failure": "" if reading else "does not answer",
            "reading": msgspec.to_builtins(reading) if reading else None,
        },
    )


def _servers(*, number: int, now: datetime) -> None:
    """Write four servers: one counts on by `number`, one copies it, one is a node of a Cluster, and one is down."""
    reading = replace(
        READING,
        at=now,
        maxmemory_bytes=1_100,
        maxmemory_policy="allkeys-lru",
        host_memory_bytes=4_000,
        replicas=1,
        used_memory_bytes=READING.used_memory_bytes + number,
        commands=READING.commands + number,
        hits=READING.hits + number,
        misses=READING.misses + number,
        evicted=READING.evicted + number,
        errors_oom=READING.errors_oom + number,
    )
    _server("redis.example:6379", reading=reading, now=now, holds_counters=True)
    _server("copy.example:6379", reading=replace(reading, role=REPLICA, replicas=0, behind_bytes=number), now=now)
    _server("node.example:7000", reading=replace(reading, is_cluster_node=True), now=now)
    _server("gone.example:6379", reading=None, now=now)


def _site(folder: Path, *, now: datetime) -> None:
    """Write what else a site has: a backup, an alert under way, a worker and beat."""
    manifest, _ = make_backup(folder)
    kept = Kept(replace(manifest, began_at=now - timedelta(hours=3)), notes=Notes(), problems=())
    inventory.note_kept(kept, now=now)
    rule = AlertRule.objects.get(condition="down")
    Alert.objects.create(
        rule=rule, target="gone.example:6379", state="firing", is_active=True, since=now, judged_at=now
    )
    Heartbeat.objects.create(name="celery@here", at=now)
    PeriodicTask.objects.update(last_run_at=now)


@pytest.fixture(scope="package")
def told(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Told, Told]:
    """What two scrapes of one site are told, between which things happened."""
    now = timezone.now() + LEEWAY
    with django_db_blocker.unblock(), transaction.atomic():
        _site(tmp_path_factory.mktemp("site"), now=now)
        scrapes = []
        for number in (0, 40):
            _decide(number + 1)
            _servers(number=number, now=now)
            scrapes.append(tell(ACCEPT))
        transaction.set_rollback(True)
    first, second = scrapes
    return first, second


@pytest.fixture(scope="package")
def prometheus(told: tuple[Told, Told], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has scraped both, with the token that it needs."""
    scrapes = iter(told)

    class Site(BaseHTTPRequestHandler):
        last = told[0]

        def do_GET(self) -> None:
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                self.send_error(403)
                return
            Site.last = next(scrapes, Site.last)
            self.send_response(200)
            self.send_header("Content-Type", Site.last.content_type)
            self.end_headers()
            self.wfile.write(Site.last.body)

        def log_message(self, *arguments: object) -> None:
            pass

    folder = tmp_path_factory.mktemp("prometheus")
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        serving = threading.Thread(target=site.serve_forever)
        serving.start()
        prometheus = start_prometheus(folder, target=f"127.0.0.1:{site.server_port}", token=TOKEN)
        try:
            wait_until(
                lambda: bool(prometheus.query("rate(portal_redis_evicted_keys_total[1m]) > 0")), what="two scrapes"
            )
            yield prometheus
        finally:
            prometheus.server.stop()
            site.shutdown()
            serving.join()
