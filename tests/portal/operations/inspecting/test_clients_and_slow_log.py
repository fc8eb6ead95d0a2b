"""CLIENT LIST and the slow log, as servers write them."""

import pytest

from portal.operations.inspecting.clients import GROUPS_SHOWN, SOCKET, parse_clients
from portal.operations.inspecting.slow_log import _slow_command

LINE = "id={id} addr={addr} name={name} user=default flags=N idle={idle} tot-mem=1000 omem={omem} lib-name=redis-py\n"


def lines(*, number: int = 1, addr: str = "10.0.0.1:5000", name: str = "web", idle: int = 0, omem: int = 0) -> bytes:
    return "".join(
        LINE.format(id=each, addr=addr, name=name, idle=idle + each, omem=omem) for each in range(number)
    ).encode()


def test_clients_that_are_alike_are_one_group() -> None:
    (group,) = parse_clients(lines(number=3)).groups
    assert (group.name, group.host, group.library, group.number) == ("web", "10.0.0.1", "redis-py", 3)
    assert (group.least_idle_seconds, group.most_idle_seconds, group.buffer_bytes) == (0, 2, 3000)


def test_the_largest_groups_are_shown() -> None:
    raw = b"".join(lines(name=f"n{number}") for number in range(60)) + lines(number=5, name="many")
    found = parse_clients(raw)
    assert (found.group_count, found.number, len(found.groups)) == (61, 65, GROUPS_SHOWN)
    assert found.groups[0].name == "many"


def test_who_does_not_read_answers_is_told() -> None:
    assert parse_clients(lines(omem=2**21)).groups[0].trouble
    assert not parse_clients(lines()).groups[0].trouble


def test_an_address_of_ipv6_and_odd_bytes_are_read() -> None:
    (group,) = parse_clients(lines(addr="[::1]:5000", name="a\x1b")).groups
    assert (group.host, group.name) == ("::1", r"a\x1b")
    assert parse_clients(lines(addr="[/run/redis.sock:0]:0")).groups[0].host == SOCKET
    assert parse_clients(b"\xff=1 nonsense\n").number == 1


@pytest.mark.parametrize(
    ("arguments", "command", "prefix", "number"),
    [
        ([b"GET", b"session:s3cret"], "GET", "session:", 1),
        ([b"set", b"user:1", b"s3cret"], "SET", "user:", 2),
        ([b"EVALSHA", b"5a1e", b"1", b"rl:{login:jane}:60", b"s3cret"], "EVALSHA", "rl:{login:", 4),
        ([b"EVAL", b"return 's3cret'", b"0"], "EVAL", "", 2),
        ([b"AUTH", b"s3cret"], "AUTH", "", 1),
        ([b"CONFIG", b"SET", b"requirepass", b"s3cret"], "CONFIG SET", "", 3),
        ([b"KEYS", b"s3cret*"], "KEYS", "", 1),
        ([b"HELLO", b"3", b"AUTH", b"default", b"s3cret"], "HELLO", "", 4),
        ([b"MSET", *[b"k:1", b"v"] * 15, b"... (70 more arguments)"], "MSET", "k:", 100),
        ([b"<script>"], "?", "", 0),
        ([], "?", "", 0),
    ],
)
def test_the_slow_log_hides_arguments(arguments: list[bytes], command: str, prefix: str, number: int) -> None:
    shown = _slow_command([7, 1_795_955_387, 12_000, arguments, b"10.0.0.1:5000", b"web"])
    assert (shown.command, shown.prefix, shown.argument_count) == (command, prefix, number)
    assert "s3cret" not in repr(shown)
    assert (shown.client, shown.client_name) == ("10.0.0.1:5000", "web")
