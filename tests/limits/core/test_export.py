"""The lines of an export: what is written reads back, and nothing else is read."""

import io
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limits.core import export
from limits.core.export import ExportError, Head, Reader
from limits.core.export_rows import OverrideRow, PolicyRow, RevisionRow, Row
from limits.core.overrides import Effect
from limits.core.rates import Rate
from tests.limits.core.test_snapshots import policies, several_rates
from tests.limits.making import policy

NOW = datetime(2026, 11, 29, 3, 15, tzinfo=UTC)

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
moments = st.integers(366 * 86_400 * 10**6, 220_000 * 10**12).map(
    lambda microseconds: datetime(1970, 1, 1, tzinfo=timezone(timedelta(hours=5.5))) + timedelta(0, 0, microseconds)
)
versions = st.integers(1, 2**31 - 1)
numbers = st.integers(1, 2**63 - 1)
documents = st.none() | st.dictionaries(
    st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.integers())
)
policy_rows = st.builds(PolicyRow, policies, description=text, version=versions)
subjects = st.sampled_from(["user=17", "group=3", "203.0.113.9", "2001:db8::/48", "header:X-Api-Key=0123456789abcdef"])
override_rows = st.builds(
    OverrideRow,
    number=numbers,
    subject=subjects,
    name=text,
    policy=st.sampled_from(["", "login", "api-search"]),
    effect=st.sampled_from([Effect.EXEMPT, Effect.DENIED]),
    rates=st.just(()),
    since=moments,
    until=st.none() | moments,
    reason=text,
    saved_by=text,
    saved_at=moments,
    version=versions,
)
revision_rows = st.builds(
    RevisionRow,
    number=numbers,
    at=moments,
    subject_type=text,
    subject=text,
    name=text,
    actor=st.none() | text,
    actor_name=text,
    origin=text,
    reason=text,
    before=documents,
    after=documents,
)
all_rows = st.lists(policy_rows | override_rows | revision_rows, max_size=6, unique_by=lambda row: row.place).map(
    lambda rows: sorted(rows, key=lambda row: row.place)
)

LOGIN = PolicyRow(policy("login"), "Guessing passwords", version=3)
SEARCH = PolicyRow(policy("search"), "", version=1)
DENIED = OverrideRow(
    *(7, "user=17", "jane", "login", Effect.DENIED, (), NOW, None, "An attack", "admin", NOW), version=1
)
GIVEN = OverrideRow(
    *(8, "10.0.0.0/8", "", "", Effect.RATES, (Rate(9, 60, 20),), NOW, NOW, "A friend", "admin", NOW), version=2
)
MADE = RevisionRow(
    *(41, NOW, "policy", "login", "", "admin", "admin", "127.0.0.1", ""), before=None, after={"title": "Ünïcode \ud800"}
)
ROWS: list[Row] = [LOGIN, SEARCH, DENIED, GIVEN, MADE]


def written(rows: list[Row]) -> bytes:
    counts = [sum(isinstance(row, kind) for row in rows) for kind in (PolicyRow, OverrideRow, RevisionRow)]
    return b"".join(export.lines(Head(NOW, *counts, revision=41), rows=rows))


def read(document: bytes) -> list[Row]:
    return list(Reader(io.BytesIO(document)).rows())


def signed(*lines: dict[str, Any]) -> bytes:
    """Return an export of these lines as somebody would write it who knows how."""
    body = b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)
    return body + export._line({"sha256": export.hashlib.sha256(body).hexdigest()})


def lines_of(document: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in document.splitlines()]


DOCUMENT = written(ROWS)
HEAD, LOGIN_LINE, SEARCH_LINE, DENIED_LINE, GIVEN_LINE, MADE_LINE, _ = lines_of(DOCUMENT)


@given(all_rows, moments, st.integers(0, 2**63))
def test_what_is_written_reads_back(rows: list[Row], at: datetime, revision: int) -> None:
    counts = [sum(isinstance(row, kind) for row in rows) for kind in (PolicyRow, OverrideRow, RevisionRow)]
    head = Head(at, *counts, revision=revision)
    reader = Reader(io.BytesIO(b"".join(export.lines(head, rows=rows))))
    assert (reader.head, list(reader.rows())) == (head, rows)


@given(several_rates)
def test_the_rates_of_an_override_read_back(rates: list[Rate]) -> None:
    in_order = tuple(sorted(rates, key=lambda rate: -rate.window_seconds))
    row = OverrideRow(*(7, "user=17", "", "", Effect.RATES, in_order, NOW, None, "", "", NOW), version=1)
    assert read(written([row])) == [row]


def test_equal_rows_make_equal_lines_of_plain_letters() -> None:
    assert written(ROWS) == DOCUMENT
    assert DOCUMENT.isascii()
    assert read(DOCUMENT) == ROWS


@given(st.integers(0, len(DOCUMENT) - 1))
def test_a_tail_that_is_cut_off_is_noticed(length: int) -> None:
    with pytest.raises(ExportError):
        read(DOCUMENT[:length])


@given(st.integers(0, len(DOCUMENT) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_noticed(place: int, bits: int) -> None:
    damaged = bytearray(DOCUMENT)
    damaged[place] ^= bits
    with pytest.raises(ExportError):
        read(bytes(damaged))


@given(st.binary(max_size=200))
def test_what_another_program_wrote_is_refused(document: bytes) -> None:
    with pytest.raises(ExportError):
        read(document)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"", "The file is empty"),
        (b"REDIS0011\xfa\tredis-ver", "Line 1: This is no export of limits"),
        (b'{"format":2}\n', "Line 1: This is no export"),
        (b"[" * 100_000, "Line 1: This is no export"),
        (signed(HEAD | {"format": 2}), "Line 1: This export is of format 2; this version reads 1"),
        (signed(HEAD | {"more": 1}), "Line 1: This is no export"),
        (signed(HEAD | {"at": "9999-12-31T23:59:59.000000-12:00"}), "Line 1: This is no export"),
        (signed(HEAD | {"policies": True}), "Line 1: This is no export"),
        (
            signed(HEAD | {"policies": 2, "overrides": 0, "revisions": 1}, LOGIN_LINE, MADE_LINE),
            "tells of 2 policies, and holds 1",
        ),
        (DOCUMENT + b"\n", "Line 8: Something comes after the end"),
        (DOCUMENT + DOCUMENT, "Line 8: Something comes after the end"),
        (b"".join(DOCUMENT.splitlines(keepends=True)[:3]), "cut off after line 3"),
        (signed(HEAD, LOGIN_LINE, LOGIN_LINE), "Line 3: The policy “login” is there twice"),
        (signed(HEAD, SEARCH_LINE, LOGIN_LINE), "Line 3: The policy “login” is out of its order"),
        (signed(HEAD, DENIED_LINE, LOGIN_LINE), "Line 3: The policy “login” is out of its order"),
        (signed(HEAD, DENIED_LINE, DENIED_LINE), "Line 3: The override number 7 is there twice"),
        (signed(HEAD, MADE_LINE, MADE_LINE), "Line 3: The revision number 41 is there twice"),
        (signed(HEAD, {"tally": {}}), "Line 2: 'tally' is not known here"),
        (signed(HEAD, LOGIN_LINE | DENIED_LINE), "Line 2: It cannot be read"),
    ],
)
def test_what_is_wrong_is_told_by_its_line(document: bytes, told: str) -> None:
    with pytest.raises(ExportError, match=told):
        read(document)


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        (LOGIN_LINE, {"version": 0}),
        (LOGIN_LINE, {"version": 1.0}),
        (LOGIN_LINE, {"description": None}),
        (LOGIN_LINE, {"description": "\ud800"}),
        (LOGIN_LINE, {"slug": "Login"}),
        (LOGIN_LINE, {"rates": []}),
        (LOGIN_LINE, {"mode": "sometimes"}),
        (LOGIN_LINE, {"more": 1}),
        (DENIED_LINE, {"number": 0}),
        (DENIED_LINE, {"number": 2**63}),
        (DENIED_LINE, {"subject": "user="}),
        (DENIED_LINE, {"subject": "nobody"}),
        (DENIED_LINE, {"subject": "10.0.0.0/08"}),
        (DENIED_LINE, {"policy": "Log in"}),
        (DENIED_LINE, {"effect": "rates"}),
        (DENIED_LINE, {"effect": "spared"}),
        (DENIED_LINE, {"rates": [[5, 60, 0]]}),
        (DENIED_LINE, {"since": None}),
        (DENIED_LINE, {"since": "2026-11-29"}),
        (DENIED_LINE, {"since": "2026-11-29T03:15:00.000000"}),
        (DENIED_LINE, {"since": "2026-11-29T03:15:00.000000+01:00"}),
        (DENIED_LINE, {"since": "0001-01-01T00:00:00.000000+12:00"}),
        (DENIED_LINE, {"until": 7}),
        (DENIED_LINE, {"reason": "x" * 201}),
        (GIVEN_LINE, {"rates": [[5, 60]]}),
        (GIVEN_LINE, {"rates": [[5, 60, 0], [6, 60, 0]]}),
        (MADE_LINE, {"at": ""}),
        (MADE_LINE, {"before": []}),
        (MADE_LINE, {"after": "{}"}),
        (MADE_LINE, {"actor": 17}),
        (MADE_LINE, {"actor_name": None}),
        (MADE_LINE, {"subject": "x" * 101}),
    ],
)
def test_a_value_that_is_not_what_it_should_be_is_refused(line: dict[str, Any], changes: dict[str, Any]) -> None:
    ((kind, plain),) = line.items()
    with pytest.raises(ExportError, match=r"^Line 2: "):
        read(signed(HEAD, {kind: plain | changes}))


@pytest.mark.parametrize("line", [LOGIN_LINE, DENIED_LINE, GIVEN_LINE, MADE_LINE])
def test_a_value_that_is_missing_is_named(line: dict[str, Any]) -> None:
    ((kind, plain),) = line.items()
    for name in plain:
        with pytest.raises(ExportError, match=f"Line 2: .*'{name}'"):
            read(signed(HEAD, {kind: {other: value for other, value in plain.items() if other != name}}))


def test_a_line_without_an_end_is_not_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "LINE_BYTES_MAX", 1_000)
    with pytest.raises(ExportError, match="Line 1: It is longer than any line"):
        read(b"x" * 100_000)
