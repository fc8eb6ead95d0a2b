"""A walk through an RDB file, key by key."""

import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from portal.operations.backups.manifest import KeyCount
from portal.operations.backups.rdb import format
from portal.operations.backups.rdb.cursor import AUX_BYTES_MAX, AUX_FIELDS_MAX, Cursor
from portal.operations.backups.rdb.format import RdbError
from portal.operations.backups.rdb.values import skip_module, skip_value

_SHORT_MAX = 63
_INTEGER_BYTES = {0xC0: 2, 0xC1: 3, 0xC2: 5}
_SHORT_BYTES = tuple(1 + first if first <= _SHORT_MAX else _INTEGER_BYTES.get(first, 0) for first in range(256))
"""The size of a short string or of an integer, by its first byte; 0 for all others."""
_ENTRY_BYTES = 10 + 2 * (1 + _SHORT_MAX)
"""What a short key with expiry and a short value take at most."""
_expiry = struct.Struct("<Q").unpack_from
_PROGRESS_EVERY_KEYS = 50_000


class Entry(NamedTuple):
    """A key. `expires_at_ms` is 0 for never; `value` is as in the file, without its type byte `kind`."""

    database: int
    key: bytes
    expires_at_ms: int
    kind: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Measured:
    """What is in a file; `magic` is its first nine bytes, `aux` what else it says of itself, such as used-mem."""

    magic: bytes
    size_bytes: int
    counts: tuple[KeyCount, ...]
    functions: int
    is_checksummed: bool
    aux: dict[bytes, bytes]

    @property
    def keys(self) -> int:
        """All keys of all databases."""
        return sum(count.keys for count in self.counts)


class Walk:
    """One walk through a stream, from its beginning. What the file says of itself is known once the walk has passed it.

    Without `keeps_values` no value needs to be in memory whole: 64 kB strings or lists of a gigabyte alike; nor does a
    key, which is then given only where it is short. With it, the largest value is, about three times while it is read.
    """

    def __init__(self, stream: BinaryIO, *, keeps_values: bool = True) -> None:
        self._cursor = Cursor(stream)
        self._keeps_values = keeps_values
        self._database = 0
        self._cursor.look_ahead(format.MAGIC_BYTES)
        self.magic = self._cursor.buffer[: format.MAGIC_BYTES]
        self.version = format.version_of(self.magic)
        self._cursor.skip(format.MAGIC_BYTES)
        self.is_valkey = format.is_valkeys(self.magic)
        self.aux: dict[bytes, bytes] = {}
        self.functions: list[bytes] = []
        self.told: dict[int, tuple[int, int]] = {}
        """Keys and expiring keys that the file tells of each database, before the keys."""
        self.is_checksummed = True
        self.size_bytes = 0

    @property
    def offset(self) -> int:
        """How many bytes lie behind."""
        return self._cursor.offset

    def __iter__(self) -> Iterator[Entry]:
        """Yield every key in order. Raises RdbError, at the end at the latest, for what Redis did not write."""
        while True:
            yield from self._short_entries()
            expires, kind = self._next_key()
            if kind == format.EOF:
                self._end()
                return
            yield self._entry(expires, kind)

    def _short_entries(self) -> Iterator[Entry]:
        """Yield the short strings that follow: most keys of most files, each in a microsecond or two."""
        cursor, database, sizes, is_short = self._cursor, self._database, _SHORT_BYTES, _SHORT_MAX
        while True:
            cursor.look_ahead(_ENTRY_BYTES)
            buffer, position = cursor.buffer, cursor.position
            limit = len(buffer) - _ENTRY_BYTES
            if position > limit:
                return
            while position <= limit:
                kind, expires, at = buffer[position], 0, position + 1
                if kind == format.EXPIRES_MS:
                    (expires,) = _expiry(buffer, at)
                    kind, at = buffer[at + 8], at + 9
                key_bytes = buffer[at]
                value_at = at + 1 + key_bytes
                if kind or key_bytes > is_short or not (value_bytes := sizes[buffer[value_at]]):
                    cursor.position = position
                    return
                position = value_at + value_bytes
                yield Entry(database, buffer[at + 1 : value_at], expires, kind, buffer[value_at:position])
            cursor.position = position

    def _next_key(self) -> tuple[int, int]:
        """Pass what stands before a key; return when it expires, and its type, or EOF."""
        cursor, expires = self._cursor, 0
        while True:
            kind = cursor.byte()
            if kind == format.EXPIRES_MS:
                (expires,) = _expiry(cursor.take(8))
            elif kind == format.EXPIRES_SECONDS:
                expires = int.from_bytes(cursor.take(4), "little") * 1000
            elif not self._pass_opcode(kind):
                return expires, kind

    def _pass_opcode(self, opcode: int) -> bool:
        """Pass an opcode that is about no single key, or about its use; return whether it was one."""
        cursor = self._cursor
        if opcode == format.SELECT:
            self._database = cursor.length()
        elif opcode == format.RESIZE:
            self.told[self._database] = (cursor.length(), cursor.length())
        elif opcode == format.AUX:
            self._note_aux()
        elif opcode == format.FUNCTION:
            self.functions.append(cursor.string())
        elif opcode == format.FREQUENCY:
            cursor.skip(1)
        elif opcode == format.IDLE:
            cursor.length()
        elif opcode == format.MODULE_AUX:
            skip_module(cursor)
        elif opcode == format.SLOT_INFO:
            for _ in range(3):
                cursor.length()
        else:
            return False
        return True

    def _note_aux(self) -> None:
        name = self._cursor.string(most=AUX_BYTES_MAX)
        self.aux[name] = self._cursor.string(most=AUX_BYTES_MAX)
        if len(self.aux) > AUX_FIELDS_MAX:
            raise RdbError(f"It tells more than {AUX_FIELDS_MAX:,} things of itself.")

    def _entry(self, expires: int, kind: int) -> Entry:
        cursor = self._cursor
        if not self._keeps_values:
            cursor.skip_string()
            skip_value(cursor, kind=kind, is_valkey=self.is_valkey)
            return Entry(self._database, b"", expires, kind, b"")
        key = cursor.string()
        cursor.mark()
        skip_value(cursor, kind=kind, is_valkey=self.is_valkey)
        return Entry(self._database, key, expires, kind, cursor.marked())

    def _end(self) -> None:
        checksum = int.from_bytes(self._cursor.trailer(), "little")
        self.size_bytes = self._cursor.offset
        # Redis writes zero with `rdbchecksum no`.
        self.is_checksummed = checksum != 0
        if self.is_checksummed and checksum != self._cursor.checksum:
            raise RdbError("Its checksum is wrong: it was changed, or damaged, after Redis wrote it.")


def measure(stream: BinaryIO, *, progress: Callable[[int], None] = lambda offset: None) -> Measured:
    """Return what is in a file, having read all of it; `progress` hears of the bytes that lie behind.

    Raises RdbError for anything but a whole RDB file: another beginning, an unknown type, an end too early or too
    late, a wrong checksum, other numbers of keys than it tells.
    """
    walk = Walk(stream, keeps_values=False)
    keys: Counter[int] = Counter()
    expiring: Counter[int] = Counter()
    for number, entry in enumerate(walk, 1):
        keys[entry.database] += 1
        if entry.expires_at_ms:
            expiring[entry.database] += 1
        if not number % _PROGRESS_EVERY_KEYS:
            progress(walk.offset)
    counts = tuple(KeyCount(number, keys=keys[number], expiring=expiring[number]) for number in sorted(keys))
    for database, (told, _) in walk.told.items():
        if told != keys[database]:
            raise RdbError(f"It tells of {told:,} keys in database {database}, and holds {keys[database]:,}.")
    return Measured(
        magic=walk.magic,
        size_bytes=walk.size_bytes,
        counts=counts,
        functions=len(walk.functions),
        is_checksummed=walk.is_checksummed,
        aux=walk.aux,
    )
