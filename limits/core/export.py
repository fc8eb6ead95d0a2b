"""All policies, overrides and revisions at one moment, as one versioned document that is written and read line by line.

The first line tells the format and what is to come; each line after it is one policy, override or revision, as JSON;
the last line holds the SHA-256 of all before it, so that a tail that was cut off is noticed, and so is a flipped byte.
A line is read only if it is exactly as it would be written: there is one way to write each row.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, BinaryIO, NoReturn

from limits.core.export_rows import ROWS, Row, moment_from, written

FORMAT = 1
LINE_BYTES_MAX = 64 << 20
"""Far above any row that can be; so that a file of another program, which has no lines, is not read as one."""

_NAME = "limits"
_WRONG = (TypeError, AttributeError, LookupError, ValueError, RecursionError, OverflowError)


class ExportError(ValueError):
    """What cannot be read as an export; the message tells the line's number and why."""


@dataclass(frozen=True, slots=True)
class Head:
    """What an export begins with: when it was made, how many rows it has, and the number of the latest revision."""

    at: datetime
    policies: int
    overrides: int
    revisions: int
    revision: int

    @property
    def rows(self) -> int:
        """How many rows there are in all."""
        return self.policies + self.overrides + self.revisions


def lines(head: Head, *, rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield the lines of an export, each with its end; rows come in the order of their places."""
    hashed = hashlib.sha256()
    for line in chain([_head_line(head)], map(_row_line, rows)):
        hashed.update(line)
        yield line
    yield _line({"sha256": hashed.hexdigest()})


class Reader:
    """Reads an export once, from its beginning. Raises ExportError for one that has no head of ours."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hashed = hashlib.sha256()
        self.line_number = 0
        """The number of the line that was read last, from 1."""
        self.head = self._read_head()

    def rows(self) -> Iterator[Row]:
        """Yield every row. Raises ExportError at what is wrong; all was right only once this ends without it."""
        found: Counter[str] = Counter()
        place: tuple[int, Any] = (-1, "")
        while (row := self._read_row()) is not None:
            if row.place <= place:
                self._refuse(f"{row} is there twice." if row.place == place else f"{row} is out of its order.")
            place = row.place
            found[row.kind] += 1
            yield row
        self._check(found)

    def _read_head(self) -> Head:
        line = self._next_line()
        if not line:
            raise ExportError("The file is empty, or was cut off: it is no export of limits.")
        try:
            plain = json.loads(line)
            told = plain[_NAME]
            if plain["format"] != FORMAT:
                self._refuse(
                    f"This export is of format {str(plain['format'])[:20]}; this version reads {FORMAT}. "
                    "Bring it back with the version that wrote it, or a newer one."
                )
            numbers = {name: _count(plain, name) for name in ("policies", "overrides", "revisions", "revision")}
            head = Head(at=moment_from(plain["at"]), **numbers)
        except ExportError:
            raise
        except _WRONG as error:
            raise ExportError("Line 1: This is no export of limits.") from error
        if told != "export" or _head_line(head) != line:
            self._refuse("This is no export of limits.")
        return head

    def _read_row(self) -> Row | None:
        """Return the next row; None when the last line came instead of one, and told the truth."""
        digest = self._hashed.hexdigest()
        line = self._next_line()
        if not line.endswith(b"\n"):
            raise ExportError(
                f"The export is cut off after line {self.line_number - 1}: its end is missing. Take another one."
            )
        try:
            ((kind, plain),) = json.loads(line).items()
            if kind == "sha256":
                self._check_digest(plain, right=digest)
                return None
            row = ROWS[kind].from_plain(plain)
        except ExportError:
            raise
        except KeyError as error:
            self._refuse(f"{str(error)[:80]} is not known here, or is missing.")
        except _WRONG as error:
            self._refuse(f"It cannot be read: {_short(error)}")
        if _row_line(row) != line:
            self._refuse("It is not written as an export is: it was altered.")
        return row

    def _check_digest(self, told: Any, *, right: str) -> None:
        if told != right:
            self._refuse("The export was altered or damaged: its digest is another one. Take another export.")
        if self._next_line():
            self._refuse("Something comes after the end of the export.")

    def _check(self, found: Counter[str]) -> None:
        told = {"policies": self.head.policies, "overrides": self.head.overrides, "revisions": self.head.revisions}
        for (names, number), kind in zip(told.items(), ROWS, strict=True):
            if found[kind] != number:
                self._refuse(f"The export tells of {number} {names}, and holds {found[kind]}.")

    def _next_line(self) -> bytes:
        line = self._file.readline(LINE_BYTES_MAX)
        self.line_number += 1
        if len(line) == LINE_BYTES_MAX:
            self._refuse("It is longer than any line of an export.")
        self._hashed.update(line)
        return line

    def _refuse(self, why: str) -> NoReturn:
        raise ExportError(f"Line {self.line_number}: {why[:1].upper()}{why[1:]}")


def _head_line(head: Head) -> bytes:
    return _line(
        {
            _NAME: "export",
            "format": FORMAT,
            "at": written(head.at),
            "policies": head.policies,
            "overrides": head.overrides,
            "revisions": head.revisions,
            "revision": head.revision,
        }
    )


def _row_line(row: Row) -> bytes:
    return _line({row.kind: row.to_plain()})


def _line(plain: dict[str, Any]) -> bytes:
    # ASCII alone: so whatever a database holds can be written, half of a surrogate pair too.
    return json.dumps(plain, separators=(",", ":")).encode() + b"\n"


def _count(plain: dict[str, Any], name: str) -> int:
    number = plain[name]
    if type(number) is not int or number < 0:
        raise ValueError(name)
    return number


def _short(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__
