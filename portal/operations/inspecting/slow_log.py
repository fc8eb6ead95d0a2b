"""The slow log: which commands held everybody up. Arguments may hold secrets: only kinds of keys are shown."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from portal.operations.inspecting.asking import Session
from portal.operations.inspecting.clients import SOCKET
from portal.operations.inspecting.prefixes import prefix_of
from portal.operations.printable import printable

ENTRIES = 32
_LATEST_SECONDS = 10**11
"""The year 5138: a moment beyond what dates can say is told as that."""
_WORD = re.compile(rb"[A-Za-z][A-Za-z0-9_.-]{0,29}")
_MORE = re.compile(rb"\.\.\. \((\d+) more arguments\)")
_CONTAINERS = re.compile(
    "ACL|CLIENT|CLUSTER|COMMAND|CONFIG|DEBUG|FUNCTION|LATENCY|MEMORY|MODULE|OBJECT|PUBSUB|SCRIPT|SLOWLOG|XGROUP|XINFO"
)
_KEY_FIRST = re.compile(
    "APPEND|B[LR]POP|BZPOPM(AX|IN)|(DE|IN)CR(BY)?|INCRBYFLOAT|(P?EXPIRE|PEXPIREAT|EXPIREAT)|P?TTL|PERSIST|TYPE|DUMP|RESTORE"
    "|DEL|UNLINK|EXISTS|RENAME|SORT|STRLEN|M?GET|GET(DEL|EX|RANGE|SET)|M?SET|P?SETEX|SETNX"
    "|H(DEL|EXISTS|GET|GETALL|INCRBY|KEYS|LEN|MGET|MSET|SCAN|SET|VALS)|L(INDEX|LEN|POP|PUSH|RANGE|REM|SET|TRIM)"
    "|R(POP|PUSH)|S(ADD|CARD|DIFF|INTER|ISMEMBER|MEMBERS|POP|REM|SCAN|UNION)|X(ADD|LEN|RANGE|REVRANGE|TRIM)"
    "|Z(ADD|CARD|COUNT|RANGE|RANGEBYSCORE|REM|REMRANGEBYSCORE|REVRANGE|SCAN|SCORE)"
)
"""Commands whose first argument is a key. Of others none is shown."""
_KEY_THIRD = re.compile("(EVAL|EVALSHA)(_RO)?|FCALL(_RO)?")
"""Commands whose third argument is one, where the second is not 0."""


@dataclass(frozen=True, slots=True)
class SlowCommand:
    """One command that took long: what kind of key it was about ('': none is known), and who sent it."""

    at_seconds: int
    """Since 1970."""
    microseconds: int
    command: str
    prefix: str
    argument_count: int
    client: str
    client_name: str


def ask_slow_log(session: Session) -> tuple[SlowCommand, ...]:
    """Return the last ENTRIES of the slow log, the newest first."""
    return tuple(_slow_command(entry) for entry in session.ask("SLOWLOG", "GET", ENTRIES))


def _slow_command(entry: Sequence[object]) -> SlowCommand:
    _, at_seconds, microseconds, arguments, *who = entry
    assert isinstance(at_seconds, int)
    assert isinstance(microseconds, int)
    assert isinstance(arguments, list)
    client, name = (*who, b"", b"")[:2]
    return SlowCommand(
        at_seconds=max(0, min(at_seconds, _LATEST_SECONDS)),
        microseconds=microseconds,
        command=_command(arguments),
        prefix=_prefix(arguments),
        argument_count=_argument_count(arguments),
        client=SOCKET if "/" in _text(client) else _text(client),
        client_name=_text(name),
    )


def _command(arguments: Sequence[bytes]) -> str:
    words = [argument for argument in arguments[:2] if _WORD.fullmatch(argument)]
    if not arguments or arguments[0] not in words:
        return "?"
    name = arguments[0].decode().upper()
    has_second = _CONTAINERS.fullmatch(name) is not None and len(words) == 2
    return f"{name} {words[1].decode().upper()}" if has_second else name


def _prefix(arguments: Sequence[bytes]) -> str:
    name = arguments[0].decode(errors="replace").upper() if arguments else ""
    if _KEY_FIRST.fullmatch(name) and len(arguments) > 1:
        return prefix_of(arguments[1])
    if _KEY_THIRD.fullmatch(name) and len(arguments) > 3 and arguments[2] != b"0":
        return prefix_of(arguments[3])
    return ""


def _argument_count(arguments: Sequence[bytes]) -> int:
    """Return how many arguments there were: the server itself leaves out those from the 32nd on."""
    more = _MORE.fullmatch(arguments[-1]) if arguments else None
    return len(arguments) - 2 + int(more[1]) if more else max(0, len(arguments) - 1)


def _text(told: object) -> str:
    return printable(told.decode(errors="backslashreplace"), keeps="")[:80] if isinstance(told, bytes) else ""
