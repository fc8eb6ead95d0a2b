"""The command lines of the processes that serve the site."""

import sys

_NO_ROOT_WARNING = "ignore:You're running the worker with superuser privileges"


def commands(*, port: int) -> dict[str, list[str]]:
    """Return each process's name and command. `port` keeps two portals of one machine apart."""
    return {
        "web": [
            sys.executable,
            "-m",
            "gunicorn",
            "-c",
            "python:portal.runner.gunicorn_conf",
            "portal.wsgi",
        ],
        "worker": _worker("celery", processes=2, node=f"worker-{port}@%h"),
        "long": _worker("long", processes=1, node=f"long-{port}@%h"),
        # No pidfile: the state folder is locked, and a stale one would keep beat from starting.
        "beat": _celery("beat", "--pidfile="),
        # Of its own: it tells when broker, worker or beat are away.
        "watch": [sys.executable, "manage.py", "watch_redis", "--forever"],
    }


def _worker(queue: str, *, processes: int, node: str) -> list[str]:
    options = ["-Q", queue, "--concurrency", str(processes), "-n", node]
    return _celery("worker", *options, "--without-gossip", "--without-mingle")


def _celery(*arguments: str) -> list[str]:
    celery = [sys.executable, "-W", _NO_ROOT_WARNING, "-m", "celery", "--quiet", "-A", "celery_app"]
    return [*celery, *arguments, "--loglevel", "WARNING"]
