"""Web servers under load: gunicorn as `make run` starts it, and wrk, which asks as fast as it is answered."""

import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Self

from bench.children import CannotMeasure, last_words
from portal.runner import bootstrap
from portal.runner.commands import commands
from tests.servers import free_port, wait_until

CONNECTIONS = 16
ENOUGH = 0.98
"""The share of answers that must have the status that is measured; a window may end in between."""
BROWSER = {"Accept": "text/html,application/xhtml+xml"}
_PER_SECOND = re.compile(r"Requests/sec:\s+([0-9.]+)")
_REQUESTS = re.compile(r"([0-9]+) requests in")
_NOT_ANSWERED_WELL = re.compile(r"Non-2xx or 3xx responses: ([0-9]+)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Question:
    """A request that is asked again and again, and the status with which each is to be answered."""

    path: str
    status: int
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


class Site:
    """A gunicorn that serves a site."""

    def __init__(self, environment: dict[str, str], *, application: str = "portal.wsgi", log: Path) -> None:
        self._port = free_port()
        self._log = log
        *command, _ = commands(port=self._port)["web"]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*command, application],
                cwd=bootstrap.PROJECT,
                env=environment | {"PORT": str(self._port), "BIND": "127.0.0.1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=bootstrap.die_with_parent,
            )
        wait_until(self._answers, what=f"gunicorn ({log})")

    def ask(self, question: Question) -> Answer:
        """Ask once."""
        request = urllib.request.Request(  # noqa: S310 - loopback
            self._url(question.path),
            data=question.body.encode() or None,
            headers={**BROWSER, **question.headers},
            method=question.method,
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - loopback
                return Answer(response.status, dict(response.headers), response.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read().decode())

    def answers_per_second(self, question: Question, *, seconds: int, script: Path) -> float:
        """Return how often the question is answered in a second. Raises CannotMeasure for other answers."""
        if (met := self.ask(question).status) != question.status:
            raise CannotMeasure(f"{question.method} {question.path} is answered {met}, not {question.status}")
        script.write_text(_lua(question))
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), self._url(question.path)]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        asked, refused = int(_found(_REQUESTS, told) or 0), int(_found(_NOT_ANSWERED_WELL, told) or 0)
        as_meant = refused if question.status >= HTTPStatus.BAD_REQUEST else asked - refused
        if as_meant < asked * ENOUGH:
            raise CannotMeasure(f"{question.method} {question.path} was not always answered {question.status}:\n{told}")
        return float(_found(_PER_SECOND, told) or 0)

    def stop(self) -> None:
        """End the server and its workers."""
        self._process.terminate()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise CannotMeasure(f"gunicorn ended: {last_words(self._log)}")
        try:
            return bool(self.ask(Question("/healthz", 200)).status)
        except OSError:
            return False

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._port}{path}"


def refuse_without_wrk() -> None:
    """Raise CannotMeasure when wrk is not installed."""
    if shutil.which("wrk") is None:
        raise CannotMeasure("The load generator is missing; on Debian: apt-get install wrk")


def _lua(question: Question) -> str:
    headers = [
        f"wrk.headers[{_quoted(name)}] = {_quoted(value)}" for name, value in ({**BROWSER, **question.headers}).items()
    ]
    return "\n".join([f"wrk.method = {_quoted(question.method)}", f"wrk.body = {_quoted(question.body)}", *headers])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1] if match else ""
