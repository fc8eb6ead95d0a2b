"""The index: what it costs in memory, and that nothing is mistaken for something else."""

import ipaddress
import tracemalloc

from limits.core.override_index import Index, Part, key_of
from limits.core.overrides import Effect, Override, part_of, to_line

MANY = 100_000


def subject_of(number: int) -> str:
    """Return a subject; no two are the same."""
    if number % 10 < 5:
        return str(ipaddress.IPv4Address(number * 40_009 % 2**32))
    if number % 10 < 7:
        return f"{ipaddress.IPv4Address(number << 12)}/{(20, 24, 28)[number % 3]}"
    return f"user={number}" if number % 10 < 9 else f"header:X-Api-Key={number:020x}"


def test_a_hundred_thousand_take_less_than_forty_megabytes() -> None:
    lines: dict[int, list[str]] = {}
    for number in range(MANY):
        override = Override(number, subject_of(number), "login", Effect.EXEMPT, (), 1_700_000_000, 1_800_000_000)
        lines.setdefault(part_of(override.subject), []).append(to_line(override))
    texts = {number: "\n".join(part) for number, part in lines.items()}
    del lines
    tracemalloc.start()
    index, _ = Index().with_parts((number, Part("1", tuple(text.split("\n")))) for number, text in texts.items())
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(index.counts.values()) == MANY
    assert held < 40_000_000


def test_an_address_and_networks_that_begin_with_it_are_different() -> None:
    names = ["0.0.0.0", "0.0.0.0/32", "0.0.0.0/0", "0.0.0.1", "0.0.0.0/1", "::", "::/0", "::/128", "::1", "::/32"]
    assert len({key_of(name) for name in names}) == len(names)


def test_a_change_of_one_part_leaves_the_index_that_others_read_as_it_was() -> None:
    line = to_line(Override(1, "203.0.113.9", "", Effect.EXEMPT))
    before, _ = Index().with_parts([(7, Part("1", (line,)))])
    after, _ = before.with_parts([(7, Part("2"))])
    address = ipaddress.ip_address("203.0.113.9")
    assert before.near(address) == ((line,), ())
    assert after.near(address) == ((), ())
    assert (before.is_empty, after.is_empty) == (False, True)
