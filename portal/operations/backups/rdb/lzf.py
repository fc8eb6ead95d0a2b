"""LZF, with which Redis compresses strings. Only the way back is needed."""

from portal.operations.backups.rdb.format import RdbError

_LITERALS_MAX = 32


def decompress(packed: bytes, *, size: int) -> bytes:
    """Return what was packed, `size` bytes. Raises RdbError when it is not that. Source: liblzf's lzf_d.c."""
    out = bytearray()
    at, end = 0, len(packed)
    try:
        while at < end and len(out) <= size:
            control = packed[at]
            at += 1
            if control < _LITERALS_MAX:
                out += packed[at : at + control + 1]
                at += control + 1
                continue
            length = control >> 5
            if length == 7:
                length += packed[at]
                at += 1
            begin = len(out) - ((control & 0x1F) << 8 | packed[at]) - 1
            at += 1
            _repeat(out, begin=begin, length=length + 2)
    except IndexError:
        raise RdbError("A compressed string is damaged.") from None
    if len(out) != size or at != end:
        raise RdbError("A compressed string is damaged.")
    return bytes(out)


def _repeat(out: bytearray, *, begin: int, length: int) -> None:
    if begin < 0:
        raise IndexError
    distance = len(out) - begin
    # What is copied may reach into what it makes: then it is the same few bytes over and over.
    pattern = out[begin : begin + min(distance, length)]
    out += (pattern * (length // distance + 1))[:length]
