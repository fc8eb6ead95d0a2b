"""Where a value ends: each type as a walk over its lengths and strings, nothing of it kept."""

from collections.abc import Callable, Mapping

from portal.operations.backups.rdb import format
from portal.operations.backups.rdb.cursor import Cursor
from portal.operations.backups.rdb.format import RdbError

_DOUBLE_BYTES = 8
_MS_BYTES = 8
_STREAM_ID_BYTES = 16
_SHORT_SCORES = (253, 254, 255)
"""NaN and both infinities, each one byte."""
_MODULE_EOF, _MODULE_SIGNED, _MODULE_UNSIGNED, _MODULE_FLOAT, _MODULE_DOUBLE, _MODULE_STRING = range(6)


def skip_value(cursor: Cursor, *, kind: int, is_valkey: bool) -> None:
    """Pass a value of the type `kind`. Raises RdbError for a type that is not known."""
    if kind == format.VALKEY_HASH_2 and is_valkey:
        _strings_and_bytes(cursor, strings=2, size=_MS_BYTES)
    elif skip := _SKIP.get(kind):
        skip(cursor)
    else:
        raise RdbError(f"It holds a value of type {kind}, which is not known here.")


def skip_module(cursor: Cursor) -> None:
    """Pass what a module wrote, up to its end."""
    cursor.length()
    while (opcode := cursor.length()) != _MODULE_EOF:
        if opcode in (_MODULE_SIGNED, _MODULE_UNSIGNED):
            cursor.length()
        elif opcode in (_MODULE_FLOAT, _MODULE_DOUBLE):
            cursor.skip(4 if opcode == _MODULE_FLOAT else _DOUBLE_BYTES)
        elif opcode == _MODULE_STRING:
            cursor.skip_string()
        else:
            raise RdbError("What a module wrote cannot be read.")


def _strings(each: int) -> Callable[[Cursor], None]:
    def skip(cursor: Cursor) -> None:
        for _ in range(cursor.length() * each):
            cursor.skip_string()

    return skip


def _strings_and_bytes(cursor: Cursor, *, strings: int, size: int) -> None:
    for _ in range(cursor.length()):
        for _ in range(strings):
            cursor.skip_string()
        cursor.skip(size)


def _scored_in_text(cursor: Cursor) -> None:
    for _ in range(cursor.length()):
        cursor.skip_string()
        size = cursor.byte()
        cursor.skip(0 if size in _SHORT_SCORES else size)


def _scored(cursor: Cursor) -> None:
    _strings_and_bytes(cursor, strings=1, size=_DOUBLE_BYTES)


def _quicklist_2(cursor: Cursor) -> None:
    for _ in range(cursor.length()):
        cursor.length()
        cursor.skip_string()


def _hash_with_expiries(cursor: Cursor) -> None:
    cursor.skip(_MS_BYTES)
    for _ in range(cursor.length()):
        cursor.length()
        cursor.skip_string()
        cursor.skip_string()


def _listpack_with_expiries(cursor: Cursor) -> None:
    cursor.skip(_MS_BYTES)
    cursor.skip_string()


def _stream(version: int) -> Callable[[Cursor], None]:
    def skip(cursor: Cursor) -> None:
        for _ in range(cursor.length() * 2):
            cursor.skip_string()
        # Length and last id; since the second version the first id, the largest deleted one and all ever added.
        _skip_lengths(cursor, number=3 if version == 1 else 8)
        for _ in range(cursor.length()):
            _skip_group(cursor, version=version)

    return skip


def _skip_group(cursor: Cursor, *, version: int) -> None:
    cursor.skip_string()
    _skip_lengths(cursor, number=2 if version == 1 else 3)
    for _ in range(cursor.length()):
        cursor.skip(_STREAM_ID_BYTES + _MS_BYTES)
        cursor.length()
    for _ in range(cursor.length()):
        cursor.skip_string()
        cursor.skip(_MS_BYTES if version < 3 else 2 * _MS_BYTES)
        cursor.skip(cursor.length() * _STREAM_ID_BYTES)


def _skip_lengths(cursor: Cursor, *, number: int) -> None:
    for _ in range(number):
        cursor.length()


_SKIP: Mapping[int, Callable[[Cursor], None]] = {
    **dict.fromkeys(
        (
            format.STRING,
            format.LIST_ZIPLIST,
            format.SET_INTSET,
            format.ZSET_ZIPLIST,
            format.HASH_ZIPLIST,
            format.HASH_LISTPACK,
            format.ZSET_LISTPACK,
            format.SET_LISTPACK,
        ),
        Cursor.skip_string,
    ),
    **dict.fromkeys((format.LIST, format.SET, format.LIST_QUICKLIST), _strings(1)),
    format.HASH: _strings(2),
    format.ZSET: _scored_in_text,
    format.ZSET_2: _scored,
    format.LIST_QUICKLIST_2: _quicklist_2,
    format.MODULE_2: skip_module,
    format.STREAM_LISTPACKS: _stream(1),
    format.STREAM_LISTPACKS_2: _stream(2),
    format.STREAM_LISTPACKS_3: _stream(3),
    format.HASH_METADATA: _hash_with_expiries,
    format.HASH_LISTPACK_EX: _listpack_with_expiries,
}
