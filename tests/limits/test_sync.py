"""From the database to Redis, and what a process begins with."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import redis
from django.db import OperationalError, connection, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

import limits
from limits import last_good, services, sync
from limits.core import keys, snapshots
from limits.core.rates import Rate
from limits.exceptions import StoreUnavailable
from limits.in_force import policies_in_force
from limits.models import Policy, Revision
from limits.services import Actor
from limits.store import documents
from tests.conftest import Clock
from tests.limits import making
from tests.servers import wait_until

Redis = redis.Redis
pytestmark = pytest.mark.django_db
SOMEBODY = Actor(name="somebody", origin="a test")


def save_login(*rates: Rate) -> Policy:
    policy = Policy.objects.get(slug="login")
    policy.rates = rates
    return services.save_policy(policy, actor=SOMEBODY)


def published_login() -> tuple[Rate, ...]:
    found = documents.published()
    return snapshots.read(found.version, document=found.document).policies["login"].rates


def test_reconciling_makes_redis_hold_what_the_database_holds(redis_server: Redis) -> None:
    assert sync.reconcile()
    assert sync.compare().in_step
    assert not sync.reconcile()


def test_an_emptied_redis_heals(policies: None, redis_server: Redis) -> None:
    redis_server.flushall()
    assert not sync.compare().in_step
    assert sync.reconcile()
    assert published_login() == (Rate(5, 60),)


def test_a_redis_with_older_policies_heals(
    policies: None, redis_server: Redis, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    older = redis_server.hgetall(keys.POLICIES)
    with django_capture_on_commit_callbacks(execute=True):
        save_login(Rate(2, 60))
    redis_server.hset(keys.POLICIES, mapping=older)
    assert sync.compare().difference.changed == ("login",)
    assert sync.reconcile()
    assert published_login() == (Rate(2, 60),)


def test_a_damaged_document_heals(policies: None, redis_server: Redis) -> None:
    redis_server.hset(keys.POLICIES, "document", "{")
    assert not sync.compare().in_step
    assert sync.reconcile()
    assert published_login() == (Rate(5, 60),)


@pytest.mark.parametrize("name", ["version", "document", "overrides", "epoch"])
def test_a_byte_that_is_no_text_stops_nobody_and_heals(
    policies: None, redis_server: Redis, clock: Clock, no_background: None, name: str
) -> None:
    redis_server.hset(keys.POLICIES, name, b"\xff1")
    limits.start()
    assert policies_in_force.policy("login") is not None
    assert sync.publish_once()
    assert sync.compare().in_step
    making_known = snapshots.take([making.policy("login", Rate(7, 60))], revision=9)
    assert documents.publish(making_known, seen=documents.published().version)
    clock.now += 1
    assert policies_in_force.snapshot.version != making_known.version
    policies_in_force.look()
    assert policies_in_force.snapshot.version == making_known.version


@pytest.mark.parametrize("epoch", [b"\xff", b"abc", b"9223372036854775807", b"-1", b"1.5"])
def test_an_epoch_that_cannot_grow_is_set_anew(policies: None, redis_server: Redis, epoch: bytes) -> None:
    redis_server.hset(keys.POLICIES, "epoch", epoch)
    sync.reconcile()
    found = documents.look().epoch
    assert redis_server.hincrby(keys.POLICIES, "epoch", 1) == int(found) + 1
    sync.reconcile()
    assert documents.look().epoch == str(int(found) + 1)


def test_a_document_altered_under_its_version_is_not_taken_and_heals(
    policies: None, redis_server: Redis, no_background: None
) -> None:
    altered = redis_server.hget(keys.POLICIES, "document").replace(b"[[5,60,0]]", b"[[9,60,0]]")
    assert redis_server.hset(keys.POLICIES, "document", altered) == 0
    limits.start()
    assert policies_in_force.snapshot.policies["login"].rates == (Rate(5, 60),)
    assert sync.reconcile()
    assert published_login() == (Rate(5, 60),)


def test_something_else_under_the_policies_name_is_written_over(policies: None, redis_server: Redis) -> None:
    redis_server.delete(keys.POLICIES)
    redis_server.rpush(keys.POLICIES, "what is this?")
    assert sync.reconcile()
    assert published_login() == (Rate(5, 60),)


def test_a_process_takes_a_document_that_was_mended_under_its_version(
    policies: None, redis_server: Redis, clock: Clock
) -> None:
    mended = redis_server.hget(keys.POLICIES, "document")
    redis_server.hset(keys.POLICIES, "document", "{")
    assert policies_in_force.policy("login") is None
    clock.now += 1
    redis_server.hset(keys.POLICIES, "document", mended)
    assert policies_in_force.policy("login") is not None


def test_the_process_that_publishes_keeps_a_copy_too(policies: None, clock: Clock) -> None:
    policies_in_force.policy("login")
    Policy.objects.filter(slug="login").update(rates=(Rate(3, 60),))
    sync.reconcile()
    clock.now += 1
    policies_in_force.policy("login")
    copy = last_good.load()
    assert copy is not None
    assert copy.policies["login"].rates == (Rate(3, 60),)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_database_that_fails_after_the_commit_is_tried_again(policies: None) -> None:
    reads = []

    def fail_once() -> snapshots.Snapshot:
        reads.append(True)
        if len(reads) == 1:
            raise OperationalError("gone away")
        return from_database()

    from_database = sync.from_database
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sync, "from_database", fail_once)
        save_login(Rate(2, 60))
        wait_until(lambda: published_login() == (Rate(2, 60),), what="the policies in Redis", seconds=5)
        wait_until(lambda: not publishing(), what="the end of the thread")


def test_a_change_that_went_past_the_services_heals(policies: None) -> None:
    Policy.objects.filter(slug="login").update(rates=(Rate(3, 60),))
    assert sync.reconcile()
    assert published_login() == (Rate(3, 60),)


def test_a_change_is_published_when_it_is_committed(
    policies: None, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        save_login(Rate(2, 60))
        assert published_login() == (Rate(5, 60),)
    assert published_login() == (Rate(2, 60),)


def test_a_change_that_is_rolled_back_is_never_published(policies: None) -> None:
    with transaction.atomic():
        save_login(Rate(2, 60))
        transaction.set_rollback(True)
    assert not sync.reconcile()
    assert published_login() == (Rate(5, 60),)


def test_a_slow_writer_never_replaces_what_is_newer(policies: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between a writer's look at the database and its write, another one saves and publishes."""
    read = sync.from_database
    interrupted = []

    def read_slowly() -> snapshots.Snapshot:
        snapshot = read()
        if not interrupted:
            interrupted.append(True)
            save_login(Rate(2, 60))
            sync.reconcile()
        return snapshot

    save_login(Rate(9, 60))
    monkeypatch.setattr(sync, "from_database", read_slowly)
    sync.reconcile()
    assert published_login() == (Rate(2, 60),)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_what_was_saved_while_redis_was_away_is_published_by_itself(request: pytest.FixtureRequest) -> None:
    save_login(Rate(2, 60))
    assert Revision.objects.filter(subject="login").count() == 2
    with pytest.raises(StoreUnavailable):
        documents.published()
    request.getfixturevalue("redis_server")
    wait_until(lambda: documents.published().version != "", what="the policies in Redis", seconds=5)
    assert published_login() == (Rate(2, 60),)
    wait_until(lambda: not publishing(), what="the end of the thread")


def publishing() -> bool:
    return any(thread.name == "limits-publish" for thread in threading.enumerate())


@pytest.fixture
def no_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what start() begins in the background: SQLite's test database is one thread's."""
    monkeypatch.setattr(sync, "publish_in_background", lambda: None)


def test_a_process_starts_with_what_redis_holds(redis_server: Redis, no_background: None) -> None:
    documents.publish(snapshots.take([making.policy("login", Rate(7, 60))], revision=1), seen="")
    limits.start()
    assert policies_in_force.snapshot.policies["login"].rates == (Rate(7, 60),)


@pytest.mark.parametrize("redis_is_there", [True, False])
def test_a_process_that_finds_no_policies_in_redis_takes_the_database_s(
    redis_is_there: bool, request: pytest.FixtureRequest, no_background: None
) -> None:
    if redis_is_there:
        request.getfixturevalue("redis_server")
    limits.start()
    assert policies_in_force.snapshot.policies["login"].rates == (Rate(5, 60),)
    assert last_good.load() == policies_in_force.snapshot


def test_a_process_without_redis_and_database_takes_the_last_good_copy(
    no_background: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    last_good.save(snapshots.take([making.policy("login", Rate(7, 60))], revision=1))
    with connection.execute_wrapper(_refuse):
        limits.start()
    assert policies_in_force.snapshot.policies["login"].rates == (Rate(7, 60),)


def _refuse(*args: object) -> None:
    raise OperationalError("the database is away")


def test_a_process_that_finds_no_policies_at_all_starts_and_says_so(
    no_background: None, caplog: pytest.LogCaptureFixture
) -> None:
    with connection.execute_wrapper(_refuse):
        limits.start()
    assert any("nothing is limited" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"version":"1","document":"{}"}'])
def test_a_damaged_copy_is_none(damaged: str, settings: Settings) -> None:
    settings.LIMITS_SNAPSHOT_FILE.write_text(damaged)
    assert last_good.load() is None


def test_a_copy_is_for_this_user_alone(settings: Settings) -> None:
    settings.LIMITS_SNAPSHOT_FILE.write_text("an older one")
    settings.LIMITS_SNAPSHOT_FILE.chmod(0o644)
    last_good.save(snapshots.take([making.policy()], revision=1))
    assert settings.LIMITS_SNAPSHOT_FILE.stat().st_mode & 0o777 == 0o600


def test_a_copy_is_written_alike_whatever_language_the_process_speaks(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from limits import last_good_file;"
        "last_good_file.write(pathlib.Path(sys.argv[1]), ['\\u201cGr\\u00fc\\u00dfe\\u201d'])"
    )
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run([sys.executable, "-c", code, tmp_path / "copy"], env=os.environ | plain, check=True)
    assert (tmp_path / "copy").read_text(encoding="utf-8") == "“Grüße”\n"


def test_a_copy_that_cannot_be_written_stops_nobody(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.LIMITS_SNAPSHOT_FILE = Path("/dev/null/copy")
    last_good.save(snapshots.take([making.policy()], revision=1))
    assert "could not be written" in caplog.text
