"""What a file goes through before it is stored, and back: zstd, then age (age-encryption.org/v1) to a public key.

Everything streams: no plain or merely compressed copy is left behind, and memory does not grow with the file.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import pyrage  # type: ignore[import-untyped]
import zstandard

from portal.operations.backups.keeping.durable import durable_file
from portal.operations.backups.keeping.exceptions import CannotKeep, CannotUnpack, WrongIdentity, words
from portal.operations.backups.keeping.hashing import CHUNK_BYTES, HashedReader, HashedWriter, Reads, Writes
from portal.operations.backups.manifest import Digest

COMPRESSED = "zstd"
ENCRYPTED = "zstd+age"
Progress = Callable[[int, int | None], None]
"""Hears how many plain bytes are done, of how many."""
_LEVEL = 3
_WINDOW_BYTES_MAX = 8 * 1024 * 1024
_IDENTITY_BYTES_MAX = 64 * 1024
# zstd makes up to 128 KiB of four bytes: so much at once is 32 MiB at most.
_SLICE_BYTES = 1024
_DAMAGED = "It is cut or changed, or was never a backup of ours; use another copy or another backup"


def codec_for(recipient: str) -> str:
    """Return the manifest's word for what `pack` does with this recipient."""
    return ENCRYPTED if recipient else COMPRESSED


def pack(
    source: Path,
    *,
    target: Path,
    recipient: str = "",
    expected: Digest | None = None,
    progress: Progress = lambda done, total: None,
) -> Digest:
    """Compress a file, encrypt it when there is a recipient (an age public key), and return what was stored.

    The target is private, and on the disk when this returns. Raises CannotKeep, also for a file that is not what was
    `expected`; then there is no target.
    """
    try:
        with source.open("rb") as plain, durable_file(target) as stored:
            written = HashedWriter(stored)
            compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
            size_bytes = source.stat().st_size
            read = HashedReader(plain, progress=lambda done: progress(done, size_bytes))
            with compressor.stream_reader(cast(BinaryIO, read), size=size_bytes, closefd=False) as compressed:
                _encrypt(compressed, written=written, recipient=recipient)
            if expected and read.drain() != expected:
                raise CannotKeep(f"{source.name} was changed while it was kept: it is not what was taken. Try again.")
    except (OSError, zstandard.ZstdError, pyrage.EncryptError, pyrage.RecipientError) as error:
        raise CannotKeep(f"{target.name} was not written: {words(error)}. The backup was not kept.") from error
    return written.digest


def unpack(stored: Reads, *, target: Writes, codec: str, identity: Path | None = None) -> None:
    """Write the plain content of a stored file.

    Raises CannotUnpack, which is WrongIdentity when the key is wrong, or what writing to the target raises. What is
    written before a failure is found is no backup: only a return says that it is whole.
    """
    plain = _Decompressing(target)
    with _told_plainly():
        if codec == ENCRYPTED:
            pyrage.decrypt_io(stored, plain, read_identities(identity))
        elif codec == COMPRESSED:
            shutil.copyfileobj(stored, plain, CHUNK_BYTES)
        else:
            raise CannotUnpack(f"This version does not know the codec “{codec}”; a newer one made the backup.")
        plain.finish()


def read_identities(file: Path | None) -> list[pyrage.x25519.Identity]:
    """Return the secret keys in an age identity file. Raises WrongIdentity."""
    if file is None:
        raise WrongIdentity("The backup is encrypted: name the file of its age identity with --identity.")
    try:
        with file.open("rb") as opened:
            lines = opened.read(_IDENTITY_BYTES_MAX).decode().split()
    except OSError as error:
        raise WrongIdentity(f"The identity file cannot be read: {words(error)}.") from error
    except UnicodeDecodeError:
        lines = []
    try:
        identities = [pyrage.x25519.Identity.from_str(line) for line in lines if line.startswith("AGE-SECRET-KEY-1")]
    except pyrage.IdentityError:
        identities = []
    if not identities:
        raise WrongIdentity(f"{file} is no age identity: a line that begins with AGE-SECRET-KEY-1 is wanted.")
    return identities


def _encrypt(compressed: BinaryIO, *, written: HashedWriter, recipient: str) -> None:
    if recipient:
        pyrage.encrypt_io(compressed, written, [pyrage.x25519.Recipient.from_str(recipient)])
    else:
        shutil.copyfileobj(compressed, written, CHUNK_BYTES)


class _Decompressing:
    """Writes the content of the one zstd frame that is written to it."""

    def __init__(self, target: Writes) -> None:
        self._target = target
        self._frame = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES_MAX).decompressobj()

    def write(self, data: bytes, /) -> int:
        """Take compressed bytes."""
        for start in range(0, len(data), _SLICE_BYTES):
            self._target.write(self._frame.decompress(data[start : start + _SLICE_BYTES]))
        return len(data)

    def flush(self) -> None:
        """Do nothing: who made the target flushes it."""

    def finish(self) -> None:
        """Require that the frame came to its end, and nothing after it."""
        if not self._frame.eof or self._frame.unused_data:
            raise CannotUnpack(f"{_DAMAGED}.")


@contextmanager
def _told_plainly() -> Iterator[None]:
    try:
        yield
    except zstandard.ZstdError as error:
        raise CannotUnpack(f"{_DAMAGED} ({words(error)}).") from error
    except pyrage.DecryptError as error:
        if "No matching keys" in str(error):
            raise WrongIdentity("This identity does not open it: it is encrypted to another key.") from error
        raise CannotUnpack(f"{_DAMAGED} ({words(error)}).") from error
    except OSError as error:
        # age tells of a cut or changed file so, without a number; with one, it is the disk's.
        if error.errno is not None:
            raise
        raise CannotUnpack(f"{_DAMAGED} ({words(error)}).") from error
