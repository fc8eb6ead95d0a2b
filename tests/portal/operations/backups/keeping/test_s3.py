import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from portal.operations.backups.keeping.exceptions import CannotReach
from portal.operations.backups.keeping.fetching import check_stored, fetch_plain
from portal.operations.backups.keeping.kept import Kept
from portal.operations.backups.keeping.s3 import StreamingS3Storage
from portal.operations.backups.keeping.shelf import Shelf
from tests.portal.operations.backups.keeping.conftest import make_bucket, s3_storage
from tests.portal.operations.backups.keeping.making import make_backup, publish


class _BreaksOff(BaseHTTPRequestHandler):
    """Promises an object of 1000 bytes, and hangs up after ten."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x" * 10)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of its base
        pass


@pytest.fixture
def breaking_s3(s3_keys: None) -> Iterator[StreamingS3Storage]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _BreaksOff)
    thread = Thread(target=server.serve_forever)
    thread.start()
    storage = s3_storage(f"http://127.0.0.1:{server.server_port}", bucket="backups")
    yield storage
    storage.connection.meta.client.close()
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_transfer_that_breaks_off_is_told_and_gives_nothing_out(
    breaking_s3: StreamingS3Storage, work: Path, tmp_path: Path
) -> None:
    manifest, _ = make_backup(work)
    kept, shelf = Kept(manifest), Shelf(breaking_s3)
    with pytest.raises(CannotReach, match=f"reading {kept.name}/redis.rdb.zst"):
        check_stored(kept, shelf=shelf)
    (tmp_path / "scratch").mkdir()
    with pytest.raises(CannotReach):
        fetch_plain(kept, manifest.parts[0], folder=tmp_path / "scratch", shelf=shelf)
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_bucket_that_is_gone_is_no_missing_file(s3_shelf: Shelf, s3_server: str, work: Path) -> None:
    kept = publish(s3_shelf, work)
    storage = s3_storage(s3_server, bucket="gone")
    with pytest.raises(CannotReach, match="bucket does not exist"):
        check_stored(kept, shelf=Shelf(storage))
    storage.connection.meta.client.close()


def test_session_tokens_of_the_environment_are_used(s3_keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a token for an hour")
    storage = s3_storage("http://127.0.0.1:1", bucket="backups")
    assert storage._create_session().get_credentials().token == "a token for an hour"


_MEASURED = """
import resource, sys
from pathlib import Path
import django
django.setup()
from django.core.files.base import ContentFile, File
from portal.operations.backups.keeping.s3 import StreamingS3Storage

def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

storage = StreamingS3Storage(bucket_name=sys.argv[2], endpoint_url=sys.argv[1], region_name="us-east-1")
storage.save("first", ContentFile(b"x"))
before = peak_bytes()
with Path(sys.argv[3]).open("rb") as file:
    storage.save("large", File(file))
with storage.open("large") as stored:
    size_bytes = sum(map(len, iter(lambda: stored.read(1 << 18), b"")))
print(peak_bytes() - before, size_bytes)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_object(s3_keys: None, s3_server: str, work: Path, root: Path) -> None:
    (work / "large").write_bytes(os.urandom(100_000_000))
    command = [sys.executable, "-c", _MEASURED, s3_server, make_bucket(s3_server), str(work / "large")]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings"}
    told = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True).stdout
    grown_bytes, size_bytes = map(int, told.split())
    assert size_bytes == 100_000_000
    assert grown_bytes < 64 * 1024 * 1024, grown_bytes
