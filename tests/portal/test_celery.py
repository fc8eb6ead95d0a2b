"""How Celery is set up: nothing hangs on a broker, long jobs wait apart, workers leave signs of life."""

from contextlib import closing
from types import SimpleNamespace

import pytest
from celery.signals import heartbeat_sent
from celery.worker.heartbeat import Heart
from django.conf import settings
from django.db import OperationalError, connection

from celery_app import app
from portal.operations.models import Heartbeat
from tests.limits.management.running import run

COMMITTED = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def test_a_hung_broker_hangs_nobody() -> None:
    options = app.conf.broker_transport_options
    assert options["socket_timeout"] > 0
    assert options["socket_connect_timeout"] > 0
    with app.connection_for_write() as broker:
        assert broker.transport_options == options
        assert broker.as_uri().startswith("redis+socket://")


def test_the_broker_is_found_by_the_address_that_people_write(monkeypatch: pytest.MonkeyPatch) -> None:
    # Celery reads the variable itself, and kombu knows no unix://.
    monkeypatch.setenv("CELERY_BROKER_URL", f"unix://{settings.BROKER.socket_path}?db={settings.BROKER.database}")
    for connect in (app.connection_for_read, app.connection_for_write):
        with connect() as broker:
            assert broker.as_uri().startswith("redis+socket://")


def test_the_broker_has_a_database_of_its_own() -> None:
    databases = {settings.REDIS.database, settings.RATELIMIT_STORAGE.database, settings.BROKER.database}
    assert len(databases) == 3


@pytest.mark.parametrize(
    ("task", "queue"),
    [("portal.operations.long.back_up", "long"), ("portal.operations.tasks.send_mail", "celery")],
)
def test_long_jobs_wait_in_a_queue_of_their_own(task: str, queue: str) -> None:
    assert app.amqp.router.route({}, task)["queue"].name == queue


@pytest.mark.django_db
def test_results_are_ignored() -> None:
    app.loader.import_default_modules()
    ours = [task for name, task in app.tasks.items() if name.startswith(("limits.", "portal."))]
    assert ours
    assert all(task.ignore_result for task in ours)
    assert not app.conf.task_store_errors_even_if_ignored


def heartbeat(name: str) -> None:
    """Send what a worker sends every two seconds."""
    events = SimpleNamespace(hostname=name, on_enabled=set(), on_disabled=set())
    heartbeat_sent.send(sender=Heart(timer=None, eventer=events))


@pytest.mark.django_db
def test_a_worker_leaves_signs_of_life() -> None:
    for _ in range(3):
        heartbeat("worker@host")
    assert Heartbeat.objects.get().name == "worker@host"


@COMMITTED
def test_a_database_that_is_away_costs_the_sign_and_not_the_worker() -> None:
    def refuse(*args: object) -> None:
        raise OperationalError("the database is away")

    with connection.execute_wrapper(refuse):
        heartbeat("worker@host")
    assert not Heartbeat.objects.exists()


@pytest.mark.mariadb  # about a server that closes connections
@COMMITTED
def test_a_worker_whose_connection_the_database_closed_leaves_signs_again() -> None:
    heartbeat("worker@host")
    Heartbeat.objects.all().delete()
    with closing(connection.copy()) as other, other.cursor() as cursor:
        cursor.execute("KILL %s", [connection.connection.thread_id()])
    for _ in range(2):
        heartbeat("worker@host")
    assert Heartbeat.objects.exists()


CHOICES = """
import django
django.setup()
from django_celery_beat.admin import TaskSelectWidget
from celery import current_app
print(current_app.main, current_app.conf.broker_url, *(name for name, _ in TaskSelectWidget().choices))
"""


def test_a_web_process_knows_the_tasks_and_the_broker(tmp_path: object) -> None:
    done = run("-c", CHOICES, var=tmp_path, DJANGO_SETTINGS_MODULE="portal.settings")  # type: ignore[arg-type]
    name, broker, *tasks = done.stdout.split()
    assert (name, broker.split("://")[0]) == ("portal", "redis+socket")
    assert {"limits.tasks.reconcile_policies", "portal.operations.tasks.send_mail"} <= set(tasks)
