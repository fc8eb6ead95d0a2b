"""A Cluster and a Sentinel set whose default users are closed: the printed steps are enough."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.management import call_command

from limits import sync
from limits.core.decisions import Claim
from limits.core.rates import Rate
from limits.exceptions import StoreUnavailable
from limits.store import counters, documents, live
from portal.operations.acl.servers import address_text
from portal.operations.acl.users import APP, BACKUP, RESTORE
from portal.redis_address import RedisAddress, parse_redis_address
from tests.limits import making
from tests.limits.cluster_and_sentinel.counting import count_at
from tests.limits.cluster_and_sentinel.servers import Servers, start_cluster, start_sentinels, stop
from tests.portal.operations.acl.guarding import ADMIN, Guarded, printed, tell
from tests.servers import Server, wait_until

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.django_db]

EXPECTED = {f"{BACKUP}: command config|get"}
"""A backup asks whether it would make the server save on its own disk, and does without the answer."""


@pytest.fixture
def backups(settings: Any, tmp_path: Path) -> None:
    """Backups lie in a folder of this test."""
    backend = "portal.operations.backups.keeping.folder.DurableFolderStorage"
    options = {"location": str(tmp_path / "backups")}
    settings.STORAGES = settings.STORAGES | {"backups": {"BACKEND": backend, "OPTIONS": options}}
    settings.VAR, settings.BACKUP_RECIPIENT = tmp_path / "var", ""


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory, settings: Any, backups: None) -> Iterator[Guarded]:
    started = start_cluster(tmp_path_factory)
    guarded = _guarded(started, started.servers, settings)
    yield guarded
    assert _refused(guarded, started.servers) <= EXPECTED
    stop(started)


@pytest.fixture
def sentinels(tmp_path_factory: pytest.TempPathFactory, settings: Any, backups: None) -> Iterator[Guarded]:
    started = start_sentinels(tmp_path_factory)
    guarded = _guarded(started, started.servers[:2], settings)
    said = printed("--json")[0]
    assert "CHANGE-ME" in said
    for number, server in enumerate(started.servers):
        _follow(guarded.document["steps"], server=_place(server), is_sentinel=number >= 2)
    yield guarded
    assert _refused(guarded, [server for server in started.servers[:2] if server.process.poll() is None]) <= EXPECTED
    stop(started)


def _refused(guarded: Guarded, servers: Sequence[Server]) -> set[str]:
    found: set[str] = set()
    for server in servers:
        found |= set(Guarded(_place(server), guarded.document).refused())
    return found


def _guarded(started: Servers, servers: Sequence[Server], settings: Any) -> Guarded:
    address = parse_redis_address(started.address)
    settings.REDIS = settings.RATELIMIT_STORAGE = address
    settings.BROKER = parse_redis_address("redis://127.0.0.1:1/0")
    document = json.loads(printed("--json", "--passwords")[0])
    lines = [user["command"] for user in document["servers"][0]["users"]]
    lines += [f"ACL SETUSER {ADMIN} on >{ADMIN} ~* &* +@all", "CONFIG SET repl-diskless-sync-delay 0"]
    for server in servers:
        assert set(tell(_place(server), [*lines, "ACL SETUSER default off"])) == {"OK"}
    return Guarded(address, document)


def _follow(steps: Sequence[str], *, server: RedisAddress, is_sentinel: bool) -> None:
    """Do what the steps say in CONFIG SET and SENTINEL SET, on one server."""
    word = "SENTINEL SET" if is_sentinel else "CONFIG SET"
    (line,) = (line for step in steps for line in re.findall(rf"`({word} [^`]+)`", step))
    login = [] if is_sentinel else [f"AUTH {ADMIN} {ADMIN}"]
    assert set(tell(server, [*login, line])) == {"OK"}


def _place(server: Server) -> RedisAddress:
    return parse_redis_address(server.url)


def _use(guarded: Guarded, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Count as the application's user."""
    app = guarded.address(APP)
    settings.RATELIMIT_STORAGE = app
    count_at(address_text(app, user=app.user, password=app.password), monkeypatch)


def _count(client: str = "a") -> bool:
    return counters.charge([Claim(making.policy("login", Rate(2, 60)), client, 1)])[0].allowed


def _command(guarded: Guarded, user: str, settings: Any, *arguments: str, **options: Any) -> str:
    settings.REDIS = guarded.address(user)
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def test_a_cluster_is_counted_in_backed_up_and_restored(
    cluster: Guarded, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _use(cluster, settings, monkeypatch)
    sync.reconcile(thorough=True)
    assert [_count() for _ in range(3)] == [True, True, False]
    assert live.sample(making.policy("login", Rate(2, 60))).clients == ("a",)
    settings.RATELIMIT_STORAGE = cluster.address(BACKUP)
    assert "by wire" in _command(cluster, BACKUP, settings, "redis_backup")
    settings.RATELIMIT_STORAGE = cluster.address(RESTORE)
    assert "Replaced:" in _command(cluster, RESTORE, settings, "redis_restore", "latest", only=["rl:"])


def test_a_sentinel_set_is_counted_in_and_backed_up_from_its_replica(
    sentinels: Guarded, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _use(sentinels, settings, monkeypatch)
    sync.reconcile(thorough=True)
    assert [_count() for _ in range(3)] == [True, True, False]
    told = _command(sentinels, BACKUP, settings, "redis_backup")
    assert "No replica of" not in told
    assert "Replaced:" in _command(sentinels, RESTORE, settings, "redis_restore", "latest", only=["rl:"])


def test_sentinels_put_a_replica_in_the_primary_s_place(
    sentinels: Guarded, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _use(sentinels, settings, monkeypatch)
    _count()
    host, port = sentinels.place.hosts[0]
    with closing(redis.Redis(host=host, port=port)) as sentinel:
        primary = sentinel.sentinel_get_master_addr_by_name(sentinels.place.service)
        name = sentinels.place.service
        with closing(redis.Redis(host=primary[0], port=primary[1], username=ADMIN, password=ADMIN)) as admin:
            logins = _replica_logins(admin)
            admin.client_kill_filter(_type="replica")
            wait_until(lambda: _replica_logins(admin) > logins, what="the replica's login")
            admin.shutdown(nosave=True)
        wait_until(lambda: sentinel.sentinel_get_master_addr_by_name(name) != primary, what="the failover")
    wait_until(_counts, what="counting at the new primary")


def _replica_logins(admin: redis.Redis) -> int:
    told = admin.info("stats")
    return int(told["sync_full"] + told["sync_partial_ok"])


def _counts() -> bool:
    try:
        documents.look()
        _count("b")
    except StoreUnavailable:
        return False
    return True
