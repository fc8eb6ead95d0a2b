"""Commands that no page of the site needs and that harm everybody: may a user use them?

ACL DRYRUN tells. Where that is closed too, each is sent with arguments that no server carries out: whether it is
refused for them or for the user tells the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import redis

from portal.operations.checklist.asking import Forbidden, Server


@dataclass(frozen=True, slots=True)
class Danger:
    """A command; `rule` takes it from a user. `harmless` is refused by every server for its arguments, () for none."""

    name: str
    rule: str
    whole: tuple[str, ...]
    harmless: tuple[str, ...] = ()


DANGERS = (
    Danger("FLUSHALL", "-flushall", ("FLUSHALL",), ("FLUSHALL", "no-such-option")),
    Danger("FLUSHDB", "-flushdb", ("FLUSHDB",), ("FLUSHDB", "no-such-option")),
    Danger("KEYS", "-keys", ("KEYS", "*")),
    Danger(
        "CONFIG SET", "-config|set", ("CONFIG", "SET", "maxmemory", "0"), ("CONFIG", "SET", "no-such-parameter", "0")
    ),
    Danger("SHUTDOWN", "-shutdown", ("SHUTDOWN",), ("SHUTDOWN", "no-such-option")),
    Danger("DEBUG", "-debug", ("DEBUG", "SLEEP", "0"), ("DEBUG", "no-such-subcommand")),
    Danger("REPLICAOF", "-replicaof", ("REPLICAOF", "NO", "ONE"), ("REPLICAOF", "localhost", "no-such-port")),
    Danger("SLAVEOF", "-slaveof", ("SLAVEOF", "NO", "ONE"), ("SLAVEOF", "localhost", "no-such-port")),
    Danger("MODULE LOAD", "-module", ("MODULE", "LOAD", "no-such-module"), ("MODULE", "LOAD", "no-such-module")),
    Danger("ACL SETUSER", "-acl|setuser", ("ACL", "SETUSER", "nobody"), ("ACL", "SETUSER", "nobody", "no-such-rule")),
)


def open_to_us(server: Server) -> tuple[Danger, ...]:
    """Return what the user that this site logs in as may use. Raises CannotAsk."""
    return tuple(danger for danger in DANGERS if _may_we(server, danger))


def open_to(server: Server, *, user: str) -> tuple[Danger, ...]:
    """Return what another user may use. Raises CannotAsk: who may not ask for others cannot try as them either."""
    return tuple(danger for danger in DANGERS if _may(server, danger, user=user))


def named(dangers: Sequence[Danger]) -> str:
    """Return their names."""
    return ", ".join(danger.name for danger in dangers)


def _may_we(server: Server, danger: Danger) -> bool:
    try:
        return _may(server, danger, user=server.user)
    except Forbidden:
        return _try(server, danger)


def _may(server: Server, danger: Danger, *, user: str) -> bool:
    try:
        may = server.dry_run(user, *danger.whole)
    except Forbidden as error:
        if error.is_unknown:
            return False
        raise
    # The server's own configuration closes DEBUG and MODULE to everybody; of that ACL DRYRUN does not know.
    return may and not _is_shut(server, danger)


def _try(server: Server, danger: Danger) -> bool:
    try:
        if not danger.harmless:
            server.queued(*danger.whole)
        else:
            server.ask(*danger.harmless)
    except Forbidden:
        return False
    except redis.ResponseError as error:
        return "not allowed" not in str(error)
    return True


def _is_shut(server: Server, danger: Danger) -> bool:
    if danger.name not in ("DEBUG", "MODULE LOAD"):
        return False
    try:
        server.ask_quietly(*danger.harmless)
    except Forbidden as error:
        return error.is_unknown
    except redis.ResponseError as error:
        return "not allowed" in str(error)
    return False
