"""The faults: each server is hurt within, and healed after."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.limits.faults.proxy import slow_line
from tests.limits.faults.server import HurtServer


@contextmanager
def killed(server: HurtServer) -> Iterator[None]:
    server.kill()
    yield
    server.start()


@contextmanager
def paused(server: HurtServer) -> Iterator[None]:
    server.pause()
    yield
    server.resume()


@contextmanager
def refusing_connections(server: HurtServer) -> Iterator[None]:
    server.lead_to("/nowhere")
    server.tell("CLIENT", "KILL", "TYPE", "normal")
    yield
    server.lead_to(server.socket_path)


@contextmanager
def slow_by_300_ms(server: HurtServer) -> Iterator[None]:
    place = f"{server.socket_path}.slow"
    with slow_line(place, to=server.socket_path) as line:
        server.lead_to(place)
        server.tell("CLIENT", "KILL", "TYPE", "normal")
        line.delay_seconds = 0.3
        yield
        line.delay_seconds = 0.0
    server.lead_to(server.socket_path)
    Path(place).unlink()


@contextmanager
def full_of_clients(server: HurtServer) -> Iterator[None]:
    server.tell("CONFIG", "SET", "maxclients", 1)
    server.tell("CLIENT", "KILL", "TYPE", "normal")
    yield
    server.tell("CONFIG", "SET", "maxclients", 1000)


@contextmanager
def loading(server: HurtServer) -> Iterator[None]:
    with server.loading():
        yield


@contextmanager
def a_replica(server: HurtServer) -> Iterator[None]:
    server.tell("REPLICAOF", "127.0.0.1", 1)
    yield
    server.tell("REPLICAOF", "NO", "ONE")


@contextmanager
def without_its_replicas(server: HurtServer) -> Iterator[None]:
    server.tell("CONFIG", "SET", "min-replicas-to-write", 1)
    yield
    server.tell("CONFIG", "SET", "min-replicas-to-write", 0)


@contextmanager
def without_permission(server: HurtServer) -> Iterator[None]:
    server.tell("ACL", "SETUSER", "default", "-evalsha", "-eval")
    yield
    server.tell("ACL", "SETUSER", "default", "+@all")


@contextmanager
def unable_to_save(server: HurtServer) -> Iterator[None]:
    with server.failing_to_save():
        yield


Fault = Callable[[HurtServer], AbstractContextManager[None]]
HANGS: tuple[Fault, ...] = (paused, slow_by_300_ms)
IS_AWAY: tuple[Fault, ...] = (*HANGS, killed, refusing_connections, full_of_clients, loading)
ANSWERS_ERRORS: tuple[Fault, ...] = (a_replica, without_its_replicas, without_permission, unable_to_save)


def named(faults: tuple[Fault, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("fault", faults, ids=lambda fault: fault.__name__)
