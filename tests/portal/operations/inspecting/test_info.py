"""INFO made readable."""

from hypothesis import given
from hypothesis import strategies as st

from portal.operations.inspecting.cards import Card, cards
from portal.operations.inspecting.databases import databases
from portal.operations.inspecting.info import Info, parse_info
from portal.operations.inspecting.troubles import troubles

RAW = b"""# Memory\r
used_memory:90000000\r
used_memory_human:85.8M\r
maxmemory:100000000\r
maxmemory_policy:allkeys-lru\r
mem_fragmentation_ratio:13.7\r
\r
# Persistence\r
rdb_last_bgsave_status:err\r
\r
# Stats\r
keyspace_hits:75\r
keyspace_misses:25\r
evicted_keys:3\r
\r
# Errorstats\r
errorstat_OOM:count=4\r
errorstat_WRONGTYPE:count=1\r
\r
# Keyspace\r
db0:keys=10,expires=4,avg_ttl=61000\r
db9:keys=1,expires=0,avg_ttl=0\r
\r
# Novelty\r
surprise:42\r
"""


def card(title: str) -> Card:
    return next(card for card in cards(parse_info(RAW), holds_counters=True) if card.title == title)


def test_fields_are_in_human_units() -> None:
    values = {row.name: row.value for row in card("Memory").rows}
    assert values["used_memory"] == "85.8\xa0MB"
    assert values["maxmemory_policy"] == "allkeys-lru"


def test_the_hit_rate_is_worked_out() -> None:
    assert ("Hit rate", "75 %") in [(row.title, row.value) for row in card("Statistics").rows]


def test_what_is_troubling_is_said() -> None:
    found = troubles(parse_info(RAW), holds_counters=True)
    assert found["used_memory"] == "90 % of the limit."
    assert "noeviction" in found["maxmemory_policy"]
    assert found.keys() >= {"evicted_keys", "rdb_last_bgsave_status", "errorstat_OOM"}
    assert "errorstat_WRONGTYPE" not in found


def test_a_server_without_counters_may_evict() -> None:
    assert "maxmemory_policy" not in troubles(parse_info(RAW), holds_counters=False)


def test_a_small_server_is_not_fragmented() -> None:
    assert "mem_fragmentation_ratio" not in troubles(parse_info(RAW), holds_counters=True)


def test_what_is_not_known_is_shown_as_it_stands() -> None:
    assert [(row.title, row.value) for row in card("More").rest] == [("surprise", "42")]


def test_databases_that_the_site_uses_are_there_when_empty() -> None:
    found = {each.number: each for each in databases(parse_info(RAW), source="redis, limits, broker")}
    assert found.keys() == {0, 1, 2, 9}
    assert (found[0].endless, found[0].average_ttl, found[0].use) == (6, "1 min 1 s", "cache, locks")
    assert (found[1].keys, found[1].use) == (0, "counters and synced policies")
    assert found[9].use == ""


def test_nothing_told_is_nothing_shown() -> None:
    assert cards(Info(), holds_counters=True) == ()


@given(st.dictionaries(st.sampled_from(sorted(parse_info(RAW).fields)), st.text(max_size=20)))
def test_whatever_a_server_says_makes_cards(told: dict[str, str]) -> None:
    raw = "# Memory\r\n" + "".join(f"{name}:{value}\r\n" for name, value in told.items())
    cards(parse_info(raw.encode()), holds_counters=True)
