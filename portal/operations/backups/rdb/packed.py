"""Redis's packed forms of small collections, each a run of bytes: listpack, ziplist, intset."""

from portal.operations.backups.rdb.format import RdbError

_LISTPACK_HEAD_BYTES = 6
_ZIPLIST_HEAD_BYTES = 10
_END = 0xFF


def listpack(packed: bytes) -> list[bytes]:
    """Return the items, integers as their digits. Raises RdbError when it is none. Source: listpack.c."""
    items, at = [], _LISTPACK_HEAD_BYTES
    try:
        while packed[at] != _END:
            begin = at
            item, at = _listpack_item(packed, at)
            items.append(item)
            at += _back_length_bytes(at - begin)
    except IndexError:
        raise RdbError("A packed list is damaged.") from None
    return items


def ziplist(packed: bytes) -> list[bytes]:
    """Return the items, integers as their digits; Redis up to 6. Source: ziplist.c."""
    items, at = [], _ZIPLIST_HEAD_BYTES
    try:
        while packed[at] != _END:
            at += 5 if packed[at] == 0xFE else 1
            item, at = _ziplist_item(packed, at)
            items.append(item)
    except IndexError:
        raise RdbError("A packed list is damaged.") from None
    return items


def intset(packed: bytes) -> list[bytes]:
    """Return the integers as their digits. Source: intset.c."""
    width, number = int.from_bytes(packed[:4], "little"), int.from_bytes(packed[4:8], "little")
    if width not in (2, 4, 8) or len(packed) != 8 + width * number:
        raise RdbError("A packed set of integers is damaged.")
    return [_integer(packed, at, width) for at in range(8, len(packed), width)]


def _listpack_item(packed: bytes, at: int) -> tuple[bytes, int]:
    first = packed[at]
    if first < 0x80:
        return b"%d" % first, at + 1
    if first < 0xC0:
        return _run(packed, at + 1, first & 0x3F)
    if first < 0xE0:
        number = (first & 0x1F) << 8 | packed[at + 1]
        return b"%d" % (number - (1 << 13) if number >= 1 << 12 else number), at + 2
    if first < 0xF0:
        return _run(packed, at + 2, (first & 0x0F) << 8 | packed[at + 1])
    if first == 0xF0:
        return _run(packed, at + 5, int.from_bytes(packed[at + 1 : at + 5], "little"))
    width = {0xF1: 2, 0xF2: 3, 0xF3: 4, 0xF4: 8}.get(first)
    if width is None:
        raise IndexError
    return _integer(packed, at + 1, width), at + 1 + width


def _back_length_bytes(size: int) -> int:
    """Return how many bytes tell an item's size, seven bits each, behind it."""
    return max(1, -(-size.bit_length() // 7))


def _ziplist_item(packed: bytes, at: int) -> tuple[bytes, int]:
    first = packed[at]
    if first < 0x40:
        return _run(packed, at + 1, first)
    if first < 0x80:
        return _run(packed, at + 2, (first & 0x3F) << 8 | packed[at + 1])
    if first == 0x80:
        return _run(packed, at + 5, int.from_bytes(packed[at + 1 : at + 5], "big"))
    if 0xF1 <= first <= 0xFD:
        return b"%d" % ((first & 0x0F) - 1), at + 1
    width = {0xC0: 2, 0xD0: 4, 0xE0: 8, 0xF0: 3, 0xFE: 1}.get(first)
    if width is None:
        raise IndexError
    return _integer(packed, at + 1, width), at + 1 + width


def _integer(packed: bytes, at: int, width: int) -> bytes:
    return b"%d" % int.from_bytes(_run(packed, at, width)[0], "little", signed=True)


def _run(packed: bytes, at: int, size: int) -> tuple[bytes, int]:
    if at + size > len(packed):
        raise IndexError
    return packed[at : at + size], at + size
