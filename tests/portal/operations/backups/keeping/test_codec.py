import io
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.operations.backups.keeping.codec import COMPRESSED, ENCRYPTED, codec_for, pack, unpack
from portal.operations.backups.keeping.exceptions import CannotKeep, CannotUnpack, WrongIdentity
from tests.portal.operations.backups.keeping.conftest import Identity
from tests.portal.operations.backups.keeping.making import CONTENT, digest


@pytest.fixture
def source(work: Path) -> Path:
    file = work / "dump.rdb"
    file.write_bytes(CONTENT)
    return file


@pytest.fixture
def target(work: Path) -> Path:
    return work / "dump.rdb.zst"


def unpacked(stored: bytes, *, codec: str, identity: Path | None = None) -> bytes:
    target = io.BytesIO()
    unpack(io.BytesIO(stored), target=target, codec=codec, identity=identity)
    return target.getvalue()


def test_what_is_packed_comes_back(source: Path, target: Path) -> None:
    assert pack(source, target=target) == digest(target.read_bytes())
    assert target.stat().st_size < len(CONTENT) / 2
    assert unpacked(target.read_bytes(), codec=COMPRESSED) == CONTENT


def test_what_is_encrypted_comes_back_by_the_identity(source: Path, target: Path, identity: Identity) -> None:
    assert pack(source, target=target, recipient=identity.recipient) == digest(target.read_bytes())
    assert target.read_bytes().startswith(b"age-encryption.org/v1\n")
    assert unpacked(target.read_bytes(), codec=ENCRYPTED, identity=identity.file) == CONTENT


@pytest.mark.parametrize("content", [b"", b"x", bytes(5_000_000)], ids=["nothing", "little", "zeros"])
@pytest.mark.parametrize("is_encrypted", [False, True])
def test_nothing_little_and_zeros_come_back(work: Path, identity: Identity, content: bytes, is_encrypted: bool) -> None:
    (work / "plain").write_bytes(content)
    recipient = identity.recipient if is_encrypted else ""
    pack(work / "plain", target=work / "stored", recipient=recipient)
    assert unpacked((work / "stored").read_bytes(), codec=codec_for(recipient), identity=identity.file) == content


def test_the_packed_file_is_private_and_alone(source: Path, target: Path, identity: Identity) -> None:
    pack(source, target=target, recipient=identity.recipient)
    assert target.stat().st_mode & 0o777 == 0o600
    assert sorted(target.parent.iterdir()) == [source, target]


def test_progress_ends_with_all_that_was_read(source: Path, target: Path) -> None:
    heard: list[tuple[int, int | None]] = []
    pack(source, target=target, progress=lambda done, total: heard.append((done, total)))
    assert heard[-1] == (len(CONTENT), len(CONTENT))
    assert heard == sorted(heard)


@pytest.mark.parametrize("recipient", ["", "with"])
def test_a_full_disk_keeps_nothing(source: Path, small_disk: Path, identity: Identity, recipient: str) -> None:
    source.write_bytes(os.urandom(3_000_000))
    with pytest.raises(CannotKeep, match="the disk is full; make room there"):
        pack(source, target=small_disk / "stored", recipient=recipient and identity.recipient)
    assert list(small_disk.iterdir()) == []


def test_a_missing_source_and_a_wrong_recipient_keep_nothing(source: Path, target: Path) -> None:
    with pytest.raises(CannotKeep, match="No such file"):
        pack(source.with_name("none"), target=target)
    with pytest.raises(CannotKeep):
        pack(source, target=target, recipient="age1nobody")
    assert list(target.parent.iterdir()) == [source]


def test_another_identity_does_not_open_it(
    source: Path, target: Path, identity: Identity, other_identity: Identity
) -> None:
    pack(source, target=target, recipient=identity.recipient)
    with pytest.raises(WrongIdentity, match="This identity does not open it"):
        unpacked(target.read_bytes(), codec=ENCRYPTED, identity=other_identity.file)


def test_without_an_identity_it_says_how_to_name_one(source: Path, target: Path, identity: Identity) -> None:
    pack(source, target=target, recipient=identity.recipient)
    with pytest.raises(WrongIdentity, match="--identity"):
        unpacked(target.read_bytes(), codec=ENCRYPTED)


@pytest.mark.parametrize(
    "content",
    [b"", b"ssh-ed25519 AAAA", b"AGE-SECRET-KEY-1XYZ", b"\xff\xfe\x00", bytes(200_000)],
    ids=["nothing", "another key", "half a key", "no text", "zeros"],
)
def test_a_file_that_is_no_identity_is_told(work: Path, content: bytes) -> None:
    (work / "identity").write_bytes(content)
    with pytest.raises(WrongIdentity, match="is no age identity"):
        unpacked(b"", codec=ENCRYPTED, identity=work / "identity")


def test_an_identity_file_that_is_missing_is_told(work: Path) -> None:
    with pytest.raises(WrongIdentity, match="cannot be read: No such file"):
        unpacked(b"", codec=ENCRYPTED, identity=work / "identity")


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_a_cut_or_lengthened_file_is_told(source: Path, target: Path, identity: Identity, is_encrypted: bool) -> None:
    recipient = identity.recipient if is_encrypted else ""
    pack(source, target=target, recipient=recipient)
    whole = target.read_bytes()
    for wrong in (b"", whole[:1], whole[:30], whole[: len(whole) // 2], whole[:-9], whole[:-1], whole + b"x"):
        with pytest.raises(CannotUnpack, match="cut or changed"):
            unpacked(wrong, codec=codec_for(recipient), identity=identity.file)


@pytest.mark.parametrize("codec", [COMPRESSED, ENCRYPTED])
def test_another_programs_file_is_told(identity: Identity, codec: str) -> None:
    with pytest.raises(CannotUnpack, match="cut or changed"):
        unpacked(b"REDIS0010\xfa\x09redis-ver\x067.0.15" * 100, codec=codec, identity=identity.file)


def test_a_codec_of_another_version_is_told() -> None:
    with pytest.raises(CannotUnpack, match="does not know the codec"):
        unpacked(b"", codec="brotli")


@given(data=st.data())
def test_a_flipped_bit_is_told_or_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("flipped")
    (folder / "plain").write_bytes(CONTENT[:10_000])
    pack(folder / "plain", target=folder / "stored")
    stored = bytearray((folder / "stored").read_bytes())
    bit = data.draw(st.integers(min_value=0, max_value=len(stored) * 8 - 1))
    stored[bit // 8] ^= 1 << bit % 8
    with suppress(CannotUnpack):
        assert unpacked(bytes(stored), codec=COMPRESSED) == CONTENT[:10_000]


_MEASURED = """
import resource, sys
from pathlib import Path
from portal.operations.backups.keeping.codec import codec_for, pack, unpack

def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

source, recipient, identity = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
before = peak_bytes()
stored = source.with_suffix(".stored")
pack(source, target=stored, recipient=recipient)
with stored.open("rb") as packed, source.with_suffix(".back").open("wb") as plain:
    unpack(packed, target=plain, codec=codec_for(recipient), identity=identity)
print(peak_bytes() - before, source.with_suffix(".back").stat().st_size)
"""


@pytest.mark.slow
@pytest.mark.parametrize("content", [os.urandom, bytes], ids=["random", "zeros"])
@pytest.mark.parametrize("is_encrypted", [False, True])
def test_memory_does_not_grow_with_the_file(
    work: Path, identity: Identity, root: Path, is_encrypted: bool, content: type[bytes]
) -> None:
    source = work / "dump.rdb"
    with source.open("wb") as file:
        for _ in range(200):
            file.write(content(1_000_000))
    recipient = identity.recipient if is_encrypted else ""
    command = [sys.executable, "-c", _MEASURED, str(source), recipient, str(identity.file)]
    told = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    grown_bytes, size_bytes = map(int, told.split())
    assert size_bytes == 200_000_000
    assert grown_bytes < 64 * 1024 * 1024
