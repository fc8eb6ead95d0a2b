"""The site as an ASGI server asks it."""

import importlib
import sys
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True, serialized_rollback=True)]


@pytest.fixture
def application(policies: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a server imports; it starts the limits of this process."""
    monkeypatch.delitem(sys.modules, "portal.asgi", raising=False)
    return importlib.import_module("portal.asgi").application


async def answer_to(application: Any, path: str) -> tuple[int, dict[bytes, bytes]]:
    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("203.0.113.9", 50_000),
        "server": ("127.0.0.1", 8000),
    }
    asked: Any = ApplicationCommunicator(application, scope)
    await asked.send_input({"type": "http.request", "body": b"", "more_body": False})
    begun = await asked.receive_output(timeout=10)
    while (await asked.receive_output(timeout=10)).get("more_body"):
        pass
    await asked.wait(timeout=10)
    return begun["status"], dict(begun["headers"])


def test_an_asgi_server_gets_pages_that_are_limited(application: Any) -> None:
    for left in (b"49", b"48"):
        status, headers = async_to_sync(answer_to)(application, "/")
        assert status == 200
        assert b'"default-3600";r=' + left in headers[b"RateLimit"]


def test_an_asgi_server_gets_the_probe(application: Any) -> None:
    status, headers = async_to_sync(answer_to)(application, "/healthz")
    assert status == 200
    assert b"RateLimit" not in headers
