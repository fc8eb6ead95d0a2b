"""The dead-man's ping: once a minute, and whatever becomes of it costs nothing but a line an hour."""

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from pytest_django import Settings

from portal.operations.watching.telling import deadman
from portal.operations.watching.telling.deadman import Deadman
from tests.servers import free_port

from .receivers import SECRET, silence
from .telling import NOW


class Checks(HTTPServer):
    """A server that notes who pings it."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Check)
        self.pinged: list[str] = []


class _Check(BaseHTTPRequestHandler):
    server: Checks

    def do_GET(self) -> None:
        self.server.pinged.append(self.path)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def checks(settings: Settings) -> Iterator[Checks]:
    with Checks() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        settings.DEADMAN_URL = f"http://127.0.0.1:{server.server_port}/ping/{SECRET}"
        yield server
        server.shutdown()
        thread.join()


def test_it_is_pinged_once_a_minute(checks: Checks) -> None:
    mine = Deadman()
    for seconds in (0, 15, 30, 45, 60, 75, 120):
        mine.ping(now=NOW + timedelta(seconds=seconds))
    assert checks.pinged == [f"/ping/{SECRET}"] * 3


def test_without_an_address_nobody_is_pinged(settings: Settings) -> None:
    settings.DEADMAN_URL = ""
    mine = Deadman()
    mine.ping(now=NOW)
    assert mine.pinged_at is None


def test_a_failure_is_logged_once_an_hour_and_without_the_secret(
    checks: Checks, caplog: pytest.LogCaptureFixture
) -> None:
    checks.status, mine = 500, Deadman()
    with caplog.at_level(logging.DEBUG):
        for minute in range(61):
            mine.ping(now=NOW + timedelta(minutes=minute))
    assert caplog.text.count("The ping of DEADMAN_URL, at 127.0.0.1, failed: it answered 500.") == 2
    assert SECRET not in caplog.text


def test_nobody_there_and_somebody_silent_cost_nothing_else(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(deadman, "TIMEOUT_SECONDS", 0.2)
    settings.DEADMAN_URL = f"http://127.0.0.1:{free_port()}/"
    Deadman().ping(now=NOW)
    with silence() as port:
        settings.DEADMAN_URL = f"http://127.0.0.1:{port}/"
        Deadman().ping(now=NOW)
    assert "failed: URLError" in caplog.text
    assert "failed: TimeoutError" in caplog.text
