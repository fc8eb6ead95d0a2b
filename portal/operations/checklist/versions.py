"""Versions: of the server, and of the client library."""

from importlib.metadata import PackageNotFoundError, version

from portal.operations.checklist.asking import Server
from portal.operations.checklist.context import Context, each_server
from portal.operations.checklist.values import Line, Verdict, failed, passed, unknown

_NO_LONGER_MENDED = {("Redis", "7.0"): "July 2024", ("Redis", "7.2"): "February 2026"}
"""By its makers, as of November 2026; a distribution may go on mending them."""
_OLDEST_CLIENT = 6


def _server_version(server: Server) -> Verdict:
    told = server.info
    stands_for = str(told.get("redis_version", ""))
    engine, number = ("Valkey", str(told["valkey_version"])) if "valkey_version" in told else ("Redis", stands_for)
    if not number:
        return unknown("The server does not tell its version.")
    if int(stands_for.split(".")[0]) < 7:
        return failed(
            f"It is {engine} {number}. Limits need Redis 7.0 or newer, or Valkey.",
            mend=("apt-get update", "apt-get install --only-upgrade redis-server"),
            advice="Take a backup first (`python manage.py redis_backup`). If the distribution has nothing newer, "
            "redis.io and valkey.io have packages.",
        )
    minor = ".".join(number.split(".")[:2])
    if ended := _NO_LONGER_MENDED.get((engine, minor)):
        return unknown(
            f"It is {engine} {number}, which its makers mend no longer since {ended}. Whether a distribution does "
            "cannot be seen from here.",
            mend=("apt-cache policy redis-server",),
            advice="Run it on the server: what is installed should be the newest that a security archive has.",
        )
    return passed(f"It is {engine} {number}.")


def _client_version(context: Context) -> list[Verdict]:
    number, fast = version("redis"), _version_of("hiredis")
    if int(number.split(".")[0]) < _OLDEST_CLIENT:
        words = f"redis-py {number} is installed: it is too old for this site."
        return [failed(words, mend=("pip install -c constraints.txt -r requirements.txt",))]
    if not fast:
        words = f"redis-py {number} is installed without hiredis, so answers are read slowly."
        return [failed(words, mend=("pip install 'redis[hiredis]'",), advice="Restart the site then.")]
    return [passed(f"redis-py {number}, with hiredis {fast}.")]


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


LINES = (
    Line(
        "version",
        "Versions",
        "The server is new enough, and still mended",
        "An old server lacks what the limits' scripts need; one that nobody mends keeps the holes that are found.",
        each_server(_server_version),
    ),
    Line(
        "client-library",
        "Versions",
        "The client library is new enough",
        "Each decision goes through it: what it does when a server is away decides what people see.",
        _client_version,
    ),
)
