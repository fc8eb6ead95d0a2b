"""Reading forward through a stream of which only a small part is in memory."""

from typing import BinaryIO

from portal.operations.backups.rdb.format import RdbError, crc64
from portal.operations.backups.rdb.lzf import decompress

CHUNK_BYTES = 1 << 20
AUX_BYTES_MAX = 64 << 10
"""Of what a file says of itself."""
AUX_FIELDS_MAX = 1000
_STRING_BYTES_MAX = 1 << 40
_CHECKSUM_BYTES = 8
_ENCODED = 0xC0
_LZF = 0xC3
_INTEGER_BYTES = {0xC0: 1, 0xC1: 2, 0xC2: 4}


class Cursor:
    """A place in a stream. `buffer[position:]` is what was read ahead; `mark()` keeps what follows until `marked()`."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._mark = -1
        self._last = b""
        self._is_over = False
        self.buffer = b""
        self.position = 0
        self.checksum = 0
        """CRC64 of all that was read but for the last eight bytes."""
        self.dropped_bytes = 0

    @property
    def offset(self) -> int:
        """How many bytes of the stream lie behind."""
        return self.dropped_bytes + self.position

    def look_ahead(self, size: int) -> None:
        """Have `size` bytes in the buffer, or fewer where the stream ends."""
        while len(self.buffer) - self.position < size and not self._is_over:
            self._read_on()

    def need(self, size: int) -> None:
        """Have `size` bytes in the buffer. Raises RdbError where the stream ends before."""
        self.look_ahead(size)
        if len(self.buffer) - self.position < size:
            raise RdbError(f"It ends in the middle, after {self.dropped_bytes + len(self.buffer):,} bytes.")

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        self.need(size)
        begin = self.position
        self.position += size
        return self.buffer[begin : self.position]

    def skip(self, size: int) -> None:
        """Pass `size` bytes; without a mark they need not be in memory at once."""
        while self._mark < 0 and size > (ahead := len(self.buffer) - self.position):
            size -= ahead
            self.position += ahead
            self.need(1)
        self.need(size)
        self.position += size

    def byte(self) -> int:
        """Return the next byte."""
        self.need(1)
        self.position += 1
        return self.buffer[self.position - 1]

    def length(self) -> int:
        """Return a length as rdbLoadLen reads it. Raises RdbError for a string in an encoding of its own."""
        first = self.byte()
        if first >= _ENCODED:
            raise RdbError(f"A length was expected at byte {self.offset - 1:,}, and is not there.")
        return self._length(first)

    def string(self, *, most: int = _STRING_BYTES_MAX) -> bytes:
        """Return a string: as it is, of an integer, or decompressed. Raises RdbError when it has more bytes than that.

        Three bytes of a file unfold to 264: what needs not be long must not be.
        """
        first = self.byte()
        if size := _INTEGER_BYTES.get(first):
            return b"%d" % int.from_bytes(self.take(size), "little", signed=True)
        if first == _LZF:
            packed, size = self.length(), self.length()
            return decompress(self.take(packed), size=self._bounded(size, most))
        return self.take(self._bounded(self._length(first), most))

    def skip_string(self) -> None:
        """Pass a string."""
        first = self.byte()
        if size := _INTEGER_BYTES.get(first):
            self.skip(size)
        elif first == _LZF:
            packed = self.length()
            self.length()
            self.skip(packed)
        else:
            self.skip(self._length(first))

    def mark(self) -> None:
        """Keep in memory what follows."""
        self._mark = self.position

    def marked(self) -> bytes:
        """Return what was passed since the mark, and take the mark away."""
        begin, self._mark = self._mark, -1
        return self.buffer[begin : self.position]

    def trailer(self) -> bytes:
        """Return the last eight bytes, where a checksum stands. Raises RdbError when more or fewer follow."""
        last = self.take(_CHECKSUM_BYTES)
        self.look_ahead(1)
        if self.position < len(self.buffer):
            raise RdbError("More follows after its end: it was not written by Redis alone.")
        return last

    def _bounded(self, size: int, most: int) -> int:
        if size > most:
            raise RdbError(
                f"A string of {size:,} bytes stands before byte {self.offset:,}, where none so long belongs."
            )
        return size

    def _length(self, first: int) -> int:
        if first < 0x40:
            return first
        if first < 0x80:
            return (first & 0x3F) << 8 | self.byte()
        if first in (0x80, 0x81):
            return int.from_bytes(self.take(4 if first == 0x80 else 8), "big")
        raise RdbError(f"A length was expected at byte {self.offset - 1:,}, and is not there.")

    def _read_on(self) -> None:
        keep_from = self.position if self._mark < 0 else self._mark
        # A value that is kept may be large: what is read ahead grows with it, else each step would copy all of it.
        chunk = self._stream.read(max(CHUNK_BYTES, len(self.buffer) - keep_from))
        self._is_over = not chunk
        self._note_checksum(chunk)
        self.buffer = self.buffer[keep_from:] + chunk
        self.dropped_bytes += keep_from
        self.position -= keep_from
        self._mark = min(self._mark, 0)

    def _note_checksum(self, chunk: bytes) -> None:
        if len(chunk) < _CHECKSUM_BYTES:
            chunk, self._last = self._last + chunk, b""
        known = len(chunk) - _CHECKSUM_BYTES
        if known >= 0:
            self.checksum = crc64(memoryview(chunk)[:known], after=crc64(self._last, after=self.checksum))
            self._last = chunk[known:]
        else:
            self._last = chunk
