"""What to do with the users, in the order in which nothing stands still: settings first, the default user last."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from portal.operations.acl.servers import Part, ServerFacts, SiteServer, address_line
from portal.operations.acl.users import APP, BACKUP, CELERY, MONITOR, REPLICA, RESTORE, SENTINEL, AclUser

PasswordOf = Callable[[SiteServer, str], str]
"""Tells a user's password on a server; '' where none was made."""

_UNKNOWN = "CHANGE-ME"


@dataclass(frozen=True, slots=True)
class Planned:
    """A server, what it said of itself, and its users."""

    server: SiteServer
    facts: ServerFacts
    users: tuple[AclUser, ...]


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """The lines by which a process uses Redis as its own users."""

    words: str
    lines: tuple[str, ...]


def settings_of(servers: Sequence[SiteServer], *, password_of: PasswordOf) -> tuple[ProcessSettings, ...]:
    """Return the lines of each process for these servers; what it has no line for, it takes from `.env`."""
    addresses = {part: (server, address) for server in servers for part, address in server.addresses}

    def line(part: Part, user: str) -> str:
        server, address = addresses[part]
        return address_line(part, address, user=user, password=password_of(server, user) or _UNKNOWN)

    processes = (
        ProcessSettings(words, tuple(line(part, user) for part, user in users.items() if part in addresses))
        for words, users in _users_of_processes(backed_up=[server.parts[0] for server in servers if server.has_data])
    )
    return tuple(process for process in processes if process.lines)


def _users_of_processes(*, backed_up: Sequence[Part]) -> tuple[tuple[str, dict[Part, str]], ...]:
    """Return where each process is told, and as whom it comes for each part."""
    return (
        (
            "in .env, for the web processes, the worker, beat, and what is not named below",
            {Part.CACHE: APP, Part.COUNTERS: APP, Part.BROKER: CELERY},
        ),
        (
            "in the environment of the worker of long jobs, which takes backups, and brings them back when the admin "
            f"asks (as {BACKUP} it takes them all the same, and every restore in the admin is refused)",
            dict.fromkeys(backed_up, RESTORE),
        ),
        ("in the environment of `redis_backup`, where cron runs it", dict.fromkeys(backed_up, BACKUP)),
        ("in the environment of `redis_restore`", dict.fromkeys(backed_up, RESTORE)),
        ("in the environment of `watch_redis`", dict.fromkeys(Part, MONITOR)),
    )


def first_steps(planned: Sequence[Planned], *, has_passwords: bool) -> tuple[str, ...]:
    """Return the steps until the users are there and stay."""
    steps = [] if has_passwords else [_PASSWORDS]
    steps.append("Have each server take its lines: paste them into redis-cli, as a user who may ACL SETUSER.")
    if any(plan.server.is_watched or plan.server.is_cluster or plan.facts.has_replicas for plan in planned):
        steps.append("Do so on every server of the set, replicas too: users are not replicated.")
    return (*steps, _PERSIST)


def last_steps(planned: Sequence[Planned], *, password_of: PasswordOf) -> tuple[str, ...]:
    """Return the steps from the new settings to a closed default user."""
    replicated = [plan for plan in planned if any(user.name == REPLICA for user in plan.users)]
    return (
        _RESTART,
        _LOOK,
        *(_of_replicas(plan.server, password_of=password_of) for plan in replicated),
        *(_of_sentinels(plan.server, password_of=password_of) for plan in planned if plan.server.is_watched),
        _ADMIN,
        _CLOSE,
    )


def _of_replicas(server: SiteServer, *, password_of: PasswordOf) -> str:
    password = password_of(server, REPLICA) or _UNKNOWN
    return (
        f"Let replicas log in as {REPLICA}, on every server of {server.place}, the primary too, which may be a replica "
        f"one day: `CONFIG SET masteruser {REPLICA} masterauth {password}`, and CONFIG REWRITE."
    )


def _of_sentinels(server: SiteServer, *, password_of: PasswordOf) -> str:
    service, password = server.address.service, password_of(server, SENTINEL) or _UNKNOWN
    return (
        f"On each Sentinel: `SENTINEL SET {service} auth-user {SENTINEL} auth-pass {password}`. The portal asks the "
        "Sentinels themselves without a password: let only the site's machines reach their port."
    )


_PASSWORDS = (
    "In each line put `>` and a long random password in place of #CHANGE-ME, which every server refuses; "
    "or have them made: `manage.py redis_acl --passwords`."
)
_PERSIST = (
    "Make them stay: `ACL SAVE` where the server's configuration names an `aclfile` (or put the lines of `--file` "
    "there, and `ACL LOAD`), else `CONFIG REWRITE`."
)
_RESTART = (
    "Put these lines where they belong and start the processes anew. A process's own environment goes before .env; "
    "`make run` gives all its processes one."
)
_LOOK = (
    "Look for a day whether anything was refused, and whether anybody still comes as `default`: "
    "`ACL LOG`, `CLIENT LIST`, and `manage.py redis_checklist`. A backup asks for `config|get` and does without."
)
_ADMIN = "Keep a way in for yourself before you close the other: `ACL SETUSER admin on >… ~* &* +@all`, and try it."
_CLOSE = "Last of all: `ACL SETUSER default off`, and make that stay as above. `ACL SETUSER default on` opens it again."
