"""A shelf in a folder, and one in an S3 on loopback; an age identity; a disk of one megabyte."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import boto3
import pyrage
import pytest
from moto.server import ThreadedMotoServer

from portal.operations.backups.keeping.folder import DurableFolderStorage
from portal.operations.backups.keeping.s3 import StreamingS3Storage
from portal.operations.backups.keeping.shelf import Shelf


@dataclass(frozen=True)
class Identity:
    """An age key pair: the file with the secret, and the public key."""

    file: Path
    recipient: str


def make_identity(file: Path) -> Identity:
    key = pyrage.x25519.Identity.generate()
    file.write_text(f"# created: 2026-11-28T12:00:00Z\n# public key: {key.to_public()}\n{key}\n")
    return Identity(file, str(key.to_public()))


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    return make_identity(tmp_path / "identity.txt")


@pytest.fixture
def other_identity(tmp_path: Path) -> Identity:
    return make_identity(tmp_path / "other-identity.txt")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Where backups are made before they are kept."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def folder_shelf(tmp_path: Path) -> Shelf:
    return Shelf(DurableFolderStorage(tmp_path / "backups"))


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 on loopback."""
    yield from running_s3()


def running_s3(server: ThreadedMotoServer | None = None) -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = server or ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "portal")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret of the test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def s3_shelf(s3_keys: None, s3_server: str) -> Iterator[Shelf]:
    """A shelf in a new bucket."""
    storage = s3_storage(s3_server, bucket=make_bucket(s3_server))
    yield Shelf(storage)
    storage.connection.meta.client.close()


def make_bucket(server: str) -> str:
    bucket = f"backups-{uuid4()}"
    client = boto3.client("s3", endpoint_url=server, region_name="us-east-1")
    client.create_bucket(Bucket=bucket)
    client.close()
    return bucket


def s3_storage(server: str, *, bucket: str) -> StreamingS3Storage:
    return StreamingS3Storage(bucket_name=bucket, location="redis", endpoint_url=server, region_name="us-east-1")


@pytest.fixture(params=["folder_shelf", "s3_shelf"])
def shelf(request: pytest.FixtureRequest) -> Shelf:
    """A shelf of each kind in turn."""
    found: Shelf = request.getfixturevalue(request.param)
    return found
