"""Plain HTTP to the running portal: what clients send that no browser would, and many writers at once."""

import concurrent.futures
import contextlib
import http.client
import json
import re
import socket
import time
import urllib.parse
from dataclasses import dataclass

import pytest

from tests.portal_process import RunningPortal
from tests.servers import wait_until

pytestmark = pytest.mark.browser
TEN_MEGABYTES = 10 * 1024 * 1024
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, read to its end."""

    status: int
    cookie: str
    body: bytes


def ask(portal: RunningPortal, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
    """Return the answer to one request on a connection of its own."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", portal.port, timeout=60)) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all was sent
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        with connection.getresponse() as response:
            cookie = response.headers.get("Set-Cookie", "").partition(";")[0]
            return Answer(response.status, cookie, response.read())


def raw(portal: RunningPortal, sent: bytes) -> bytes:
    """Return the first bytes of the answer to exactly these."""
    with socket.create_connection(("127.0.0.1", portal.port), timeout=60) as connection:
        connection.sendall(sent)
        return connection.recv(4096)


def test_a_ready_portal_says_that_all_is_well(portal: RunningPortal) -> None:
    def ready() -> dict[str, str]:
        return dict(json.loads(ask(portal, "GET", "/readyz").body))

    wait_until(lambda: set(ready().values()) == {"ok"}, what="/readyz all ok", seconds=60)
    assert ready().keys() == {"status", "database", "redis", "limiter", "broker", "worker", "beat", "watch", "policies"}


def test_a_search_of_ten_megabytes_is_told_that_it_is_too_long(portal: RunningPortal) -> None:
    assert raw(portal, b"GET /?q=" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").startswith(b"HTTP/1.1 4")
    form = b"q=" + b"a" * TEN_MEGABYTES
    answer = ask(
        portal, "POST", "/api/v1/search", form, Content_Type="application/x-www-form-urlencoded", Accept="text/html"
    )
    assert 400 <= answer.status < 500
    assert ask(portal, "GET", "/?q=verne").status == 200


def test_a_form_of_ten_megabytes_is_refused_and_the_portal_goes_on(portal: RunningPortal) -> None:
    form = b"username=" + b"a" * TEN_MEGABYTES
    answer = ask(portal, "POST", "/login/", form, Content_Type="application/x-www-form-urlencoded")
    assert 400 <= answer.status < 500
    assert ask(portal, "GET", "/healthz").status == 200


@pytest.mark.parametrize(
    "header",
    [
        b"X-Forwarded-For: 1.2.3.4\r\n 5.6.7.8",
        b"X-Api-Key: a\nSet-Cookie: b",
        b"X-Api-Key: a\x00b",
        b"Accept: text/html\r\r\nX: y",
    ],
)
def test_a_header_with_line_breaks_gets_a_clear_answer(portal: RunningPortal, header: bytes) -> None:
    answer = raw(portal, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n" + header + b"\r\n\r\n")
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 200"))
    assert b"Set-Cookie: b" not in answer


def test_a_host_that_is_not_ours_gets_a_clear_answer(portal: RunningPortal) -> None:
    answer = raw(portal, b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")


def test_head_is_answered_without_a_body_and_without_noise(portal: RunningPortal) -> None:
    logged = len(portal.log.read_text())
    answer = ask(portal, "HEAD", "/")
    assert (answer.status, answer.body) == (200, b"")
    assert "body" not in portal.log.read_text()[logged:]


def test_many_writers_at_once_are_never_told_that_the_database_is_locked(portal: RunningPortal) -> None:
    """Web workers write registrations and mail, while the worker sends them and beat notes its runs."""
    logged = len(portal.log.read_text())
    raise_limit(portal, "register", "100000 per hour")
    time.sleep(1)  # The promise to users: in force within a second.
    try:
        page = ask(portal, "GET", "/register/")
        cookie = page.cookie
        token = _TOKEN.search(page.body.decode())
        assert token

        def register(nth: int) -> int:
            form = {"csrfmiddlewaretoken": token[1], "email": f"reader{nth}@example.org", "password": "Moby-Dick 1851"}
            answer = ask(
                portal,
                "POST",
                "/register/",
                urllib.parse.urlencode(form).encode(),
                Content_Type="application/x-www-form-urlencoded",
                Cookie=cookie,
            )
            return answer.status

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            statuses = list(pool.map(register, range(64)))
    finally:
        raise_limit(portal, "register", "5 per hour")
    assert statuses == [302] * 64
    wait_until(
        lambda: portal.log.read_text()[logged:].count("Subject: Confirm your registration") == 64,
        what="64 mails on the console",
        seconds=90,
    )
    assert "locked" not in portal.log.read_text()[logged:]
    assert "Traceback" not in portal.log.read_text()[logged:]


def raise_limit(portal: RunningPortal, slug: str, rates: str) -> None:
    """Change a policy as code would."""
    change = (
        "from limits.models import Policy; from limits.services import *; from limits.core.rates import parse_rates;"
        f"policy = Policy.objects.get(slug={slug!r}); policy.rates = parse_rates({rates!r});"
        "save_policy(policy, actor=Actor(name='test', origin='test'))"
    )
    done = portal.manage("shell", "-c", change)
    assert done.returncode == 0, done.stderr


def test_a_connection_that_stalls_within_a_request_is_given_up(portal: RunningPortal) -> None:
    """Each holds one of few threads: gunicorn by itself would wait for the rest for ever."""
    with socket.create_connection(("127.0.0.1", portal.port), timeout=30) as stalled:
        head = b"POST /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        stalled.sendall(head + b"Cookie: csrftoken=" + b"a" * 32 + b"\r\nContent-Length: 900000\r\n\r\nq=")
        stalled.recv(65536)  # raises TimeoutError while nobody gives it up
