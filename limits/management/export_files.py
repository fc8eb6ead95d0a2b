"""Files that hold an export: plain, or compressed by zstd, as backups store them."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import zstandard
from django.core.management.base import CommandError

ZSTD_SUFFIX = ".zst"
_ZSTD = b"\x28\xb5\x2f\xfd"
_AGE = b"age-encryption.org/"
_BUFFER_BYTES = 1 << 20


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Open a file for `bring_back`. Raises CommandError when it cannot be read, now or later."""
    try:
        with path.open("rb") as file:
            begins = file.peek(len(_AGE))
            if begins.startswith(_AGE):
                raise CommandError(f"{path} is encrypted: decrypt it first, with age -d -i IDENTITY.")
            if not begins.startswith(_ZSTD):
                yield file
                return
            plain = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True, closefd=False)
            with io.BufferedReader(cast(io.RawIOBase, plain), _BUFFER_BYTES) as buffered:
                yield buffered
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror or error}. Nothing was changed.") from error
    except zstandard.ZstdError as error:
        raise CommandError(f"{path} is damaged: {error}. Nothing was changed.") from error


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Open a file for `write_export`, for its owner's eyes alone; it stands under its name once it is whole.

    Compressed by zstd where its name ends in .zst. Raises CommandError when it cannot be written; then a file that
    stood there before is as it was.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            if path.suffix == ZSTD_SUFFIX:
                with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as writer:
                    yield cast(BinaryIO, writer)
            else:
                yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)
