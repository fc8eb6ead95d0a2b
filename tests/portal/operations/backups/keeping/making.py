"""Backups made for the tests of keeping: a few files, packed, and their manifest."""

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from portal.operations.backups.keeping.codec import codec_for, pack
from portal.operations.backups.keeping.kept import Kept
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.manifest import (
    Digest,
    KeyCount,
    Level,
    Manifest,
    Method,
    Part,
    Proof,
    ServerFacts,
    Truth,
)

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
CONTENT = b"".join(b"key:%d = %d; " % (number, number * 7919 % 10_007) for number in range(20_000))
TRUTH = b'{"policies": []}\n'


def digest(content: bytes) -> Digest:
    return Digest(size_bytes=len(content), sha256=sha256(content).hexdigest())


def make_backup(
    folder: Path, *, name: str = "redis-20261128T120000Z", content: bytes = CONTENT, recipient: str = ""
) -> tuple[Manifest, dict[str, Path]]:
    """Pack a part and a truth into `folder`; return their manifest, and the files by their names in the storage."""
    files, digests = {}, {}
    for file, plain in {"redis.rdb.zst": content, "truth.json.zst": TRUTH}.items():
        (folder / "plain").write_bytes(plain)
        files[file] = folder / f"{name}-{file}"
        digests[file] = pack(folder / "plain", target=files[file], recipient=recipient)
    (folder / "plain").unlink()
    part = Part(
        name="redis",
        file="redis.rdb.zst",
        method=Method.WIRE,
        server=ServerFacts(place="127.0.0.1:6379", role="master", engine="redis", version="7.0.15"),
        taken_at=NOON,
        seconds=1.5,
        plain=digest(content),
        stored=digests["redis.rdb.zst"],
        proof=Proof(level=Level.LOADS, at=NOON, counts=(KeyCount(0, 100, 7),), verifier="redis 7.0.15"),
    )
    truth = Truth(
        file="truth.json.zst",
        plain=digest(TRUTH),
        stored=digests["truth.json.zst"],
        policies=0,
        overrides=0,
        revisions=0,
    )
    codec = codec_for(recipient)
    return Manifest(name, "redis", NOON, 2.0, codec, (part,), truth=truth, recipient=recipient), files


def publish(shelf: Shelf, folder: Path, *, name: str = "redis-20261128T120000Z", recipient: str = "") -> Kept:
    """Make a backup and put it on the shelf."""
    manifest, files = make_backup(folder, name=name, recipient=recipient)
    return shelf.publish(manifest, files=files)


def with_proof(manifest: Manifest, **changes: object) -> Manifest:
    """Return the manifest with another proof of its part."""
    (part,) = manifest.parts
    return replace(manifest, parts=(replace(part, proof=replace(part.proof, **changes)),))  # type: ignore[arg-type]
