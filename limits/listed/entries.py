"""Lists of clients as people have them: one a line, or a table whose first line names its columns (CSV)."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO

from limits.core.overrides import OverrideError

COLUMNS = ("subject", "policy", "effect", "rates", "from", "until", "reason")

_DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line, by its number from 1: for whom it is, in people's words, and what a table says of it in its columns."""

    number: int
    subject: str
    told: Mapping[str, str] = field(default_factory=dict)


def read_list(text: str) -> Iterator[Entry]:
    """Yield the lines that say something, each as it is asked for; a subject that begins with # says nothing.

    Raises OverrideError where a table turns out to be broken.
    """
    first = next((line for line in StringIO(text, newline=None) if _says_something(line)), "")
    delimiter = max(_DELIMITERS, key=first.count)
    if "subject" in _names(first.split(delimiter)):
        yield from _table(text, delimiter)
        return
    for number, line in enumerate(StringIO(text, newline=None), start=1):
        if _says_something(line):
            yield Entry(number, line.strip())


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _names(cells: Iterable[str]) -> list[str]:
    return [cell.strip().strip('"').lower() for cell in cells]


def _table(text: str, delimiter: str) -> Iterator[Entry]:
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    ended = 0
    try:
        for cells in reader:
            number, ended = ended + 1, reader.line_num
            if not names:
                names = _columns(cells) if _says_something("".join(cells)) else []
            elif any(cell.strip() for cell in cells) and not _is_a_remark(names, cells):
                yield _line(number, names, cells)
    except csv.Error as error:
        raise OverrideError(f"Line {reader.line_num}: this is not CSV ({error}).") from error


def _is_a_remark(names: Sequence[str], cells: Sequence[str]) -> bool:
    # Another cell may begin so: “#4711 abuse” is a reason.
    told = dict(zip(names, cells, strict=False))
    return told.get("subject", "").lstrip().startswith("#")


def _line(number: int, names: Sequence[str], cells: Sequence[str]) -> Entry:
    if len(cells) > len(names):
        raise OverrideError(f"Line {number}: it has more cells than the first line names columns.")
    told = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if cell.strip()}
    return Entry(number, told.pop("subject", ""), told)


def _columns(cells: Iterable[str]) -> list[str]:
    names = _names(cells)
    for name in names:
        if name not in COLUMNS or names.count(name) > 1:
            raise OverrideError(f"The first line may name each of these once: {', '.join(COLUMNS)}. Not “{name[:40]}”.")
    return names
