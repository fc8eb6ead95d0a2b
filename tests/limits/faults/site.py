"""The portal as it serves: gunicorn's two processes with a keeper each, over a line to Redis that a test may slow."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.limits.faults.proxy import SlowLine
from tests.servers import Server, free_port, start_redis, wait_until

ROOT = Path(__file__).resolve().parents[3]
THREADS = 8
LIMIT = 6
PAGES = {"allow": "/login/", "refuse": "/register/", "count-here": "/password-reset/"}
"""By what their policies say of a time without Redis. A GET of each takes no session and asks no database."""

_POLICIES = f"""
from limits.core.client_keys import ClientKey
from limits.core.rates import Rate
from limits.models import Policy
for without_redis, path in {PAGES}.items():
    Policy.objects.create(
        slug=without_redis, title=without_redis, key=ClientKey("ip"), rates=(Rate({LIMIT}, 3600),),
        path=path, methods=("GET",), without_redis=without_redis,
    )
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request got, and after how many seconds."""

    status: int
    headers: dict[str, str]
    seconds: float


class Site:
    """A running portal; `line` leads it to its Redis."""

    def __init__(self, folder: Path, *, program: str) -> None:
        self._folder = folder
        self._program = program
        self._redis_port = free_port()
        self.port = free_port()
        self.redis = self._started()
        listener = socket.create_server(("127.0.0.1", 0))
        self.line = SlowLine(listener, to=("127.0.0.1", self._redis_port))
        self._environment = os.environ | {
            "PORTAL_VAR": str(folder / "var"),
            "REDIS_URL": f"redis://127.0.0.1:{listener.getsockname()[1]}/0",
            "PORT": str(self.port),
            "TRUSTED_PROXIES": "127.0.0.1",
            "WEB_CONCURRENCY": "2",
            "DATABASE_URL": f"sqlite:///{folder / 'var' / 'portal.sqlite3'}",
        }
        (folder / "var").mkdir()
        for command in (["migrate"], ["collectstatic", "--no-input"], ["shell", "-v", "0", "-c", _POLICIES]):
            self._run([sys.executable, "manage.py", *command]).wait()
        self._web = self._run(
            [sys.executable, "-m", "gunicorn", "--config", "python:portal.runner.gunicorn_conf", "portal.wsgi"]
        )
        wait_until(lambda: self.is_counted(), what="the portal", seconds=60)

    def restart_redis(self) -> None:
        """Start an empty server in the place of one that was killed."""
        self.redis = self._started()

    def is_counted(self, address: str = "192.0.2.1") -> bool:
        """Say whether a page is counted now, and so tells what is left."""
        with contextlib.suppress(OSError), self._connection() as connection:
            return "RateLimit" in self.get(PAGES["allow"], address=address, connection=connection).headers
        return False

    def storm(self, path: str, *, requests: int = 5, address: str) -> list[Answer]:
        """Return the answers to so many requests of each of the threads, all at once."""
        answers: list[Answer] = []
        begin = threading.Barrier(THREADS)

        def work() -> None:
            begin.wait()
            with self._connection() as connection:
                answers.extend([self.get(path, address=address, connection=connection) for _ in range(requests)])

        threads = [threading.Thread(target=work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    def get(self, path: str, *, address: str, connection: http.client.HTTPConnection) -> Answer:
        began = time.monotonic()
        connection.request("GET", path, headers={"X-Forwarded-For": address})
        response = connection.getresponse()
        response.read()
        return Answer(response.status, dict(response.headers), time.monotonic() - began)

    def state(self) -> dict[str, str]:
        """Return what `/readyz` tells."""
        with self._connection() as connection:
            connection.request("GET", "/readyz")
            told: dict[str, str] = json.loads(connection.getresponse().read())
            return told

    def close(self) -> None:
        """Stop all of it."""
        self._web.terminate()
        self._web.wait(timeout=30)
        self.line.close()
        self.redis.stop()

    def _connection(self) -> "closing[http.client.HTTPConnection]":
        return closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10))

    def _started(self) -> Server:
        return start_redis(self._folder / "redis", program=self._program, port=self._redis_port)

    def _run(self, command: list[str]) -> "subprocess.Popen[bytes]":
        log = (self._folder / "log").open("ab")
        with log:
            return subprocess.Popen(
                command, cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )


@contextmanager
def running_site(folder: Path, *, program: str) -> Iterator[Site]:
    """Run the portal, with a policy on each of the `PAGES`."""
    site = Site(folder, program=program)
    yield site
    site.close()
