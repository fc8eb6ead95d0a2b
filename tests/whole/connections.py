"""Plain HTTP over connections that are kept, and which process is at the other end of each."""

import http.client
import re
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from tests.portal_process import RunningPortal

_QUOTA = re.compile(r'"login";q=(\d+);w=60')
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to an attempt to log in: when it was asked for and there, its status, and the limit it went by.

    `limit` is 0 when the attempt was let through uncounted.
    """

    asked_at: float
    at: float
    status: int
    limit: int
    retry_after: str | None
    body: str


@dataclass(frozen=True, slots=True)
class LoginForm:
    """What a browser sends with the login form: the body, and the cookie that belongs to it."""

    body: str
    cookie: str


class WorkerConnection:
    """A kept connection to one worker, on which login attempts are made."""

    def __init__(self, portal: RunningPortal, *, form: LoginForm) -> None:
        self._form = form
        self._http = http.client.HTTPConnection("127.0.0.1", portal.port, timeout=10)
        self._http.request("GET", "/healthz")
        self._http.getresponse().read()
        assert self._http.sock is not None
        self.pid = _peer(self._http.sock.getsockname()[1], workers=portal.web_workers())

    def attempt(self) -> Answer:
        """Try to log in with a guessed password."""
        asked_at = time.monotonic()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": self._form.cookie,
            "Accept": "text/html",
        }
        self._http.request("POST", "/login/", self._form.body, headers)
        response = self._http.getresponse()
        body = response.read().decode()
        quota = _QUOTA.search(response.getheader("RateLimit-Policy", ""))
        retry_after = response.getheader("Retry-After")
        return Answer(asked_at, time.monotonic(), response.status, int(quota[1]) if quota else 0, retry_after, body)

    def close(self) -> None:
        self._http.close()


def one_to_each_worker(portal: RunningPortal) -> dict[int, WorkerConnection]:
    """Return a kept connection to every web worker, by its pid."""
    workers, form = portal.web_workers(), _login_form(portal)
    found: dict[int, WorkerConnection] = {}
    for _ in range(60):
        connection = WorkerConnection(portal, form=form)
        if connection.pid in found:
            connection.close()
        else:
            found[connection.pid] = connection
        if found.keys() == workers:
            return found
    raise AssertionError(f"connections reached {sorted(found)} of {sorted(workers)}")


def _login_form(portal: RunningPortal) -> LoginForm:
    with urllib.request.urlopen(f"{portal.url}/login/") as page:
        token = _TOKEN.search(page.read().decode())
        cookie = page.headers["Set-Cookie"].partition(";")[0]
    assert token
    typed = {"csrfmiddlewaretoken": token[1], "username": "nobody", "password": "guess"}
    return LoginForm(urlencode(typed), cookie)


def _peer(port: int, *, workers: set[int]) -> int:
    """Return which worker holds the other end of our connection from `port`, as the kernel tells."""
    inode = ""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[2].partition(":")[2], 16) == port:
            inode = fields[9]
    for pid in workers:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            if descriptor.is_symlink() and str(descriptor.readlink()) == f"socket:[{inode}]":
                return pid
    raise AssertionError(f"no worker of {sorted(workers)} holds the connection from port {port}")
