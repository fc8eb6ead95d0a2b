import stat
from pathlib import Path

import pytest
from django.core.files.base import ContentFile

from portal.operations.backups.keeping.folder import DurableFolderStorage


@pytest.fixture
def storage(tmp_path: Path) -> DurableFolderStorage:
    return DurableFolderStorage(tmp_path / "all" / "backups")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_and_folders_are_private(storage: DurableFolderStorage) -> None:
    storage.save("one/redis.rdb.zst", ContentFile(b"data"))
    file = Path(storage.path("one/redis.rdb.zst"))
    assert mode(file) == 0o600
    assert [mode(folder) for folder in list(file.parents)[:3]] == [0o700] * 3


def test_a_name_that_is_saved_again_is_replaced(storage: DurableFolderStorage) -> None:
    assert storage.save("one/notes.json", ContentFile(b"a long old note")) == "one/notes.json"
    assert storage.save("one/notes.json", ContentFile(b"new")) == "one/notes.json"
    with storage.open("one/notes.json") as file:
        assert file.read() == b"new"


def test_who_reads_while_it_is_replaced_reads_the_old_whole(storage: DurableFolderStorage) -> None:
    storage.save("one/notes.json", ContentFile(b"old"))
    with storage.open("one/notes.json") as file:
        storage.save("one/notes.json", ContentFile(b"new"))
        assert file.read() == b"old"


def test_a_failure_leaves_the_old_file_and_no_other(storage: DurableFolderStorage) -> None:
    class Torn(ContentFile[bytes]):
        def chunks(self, chunk_size: int | None = None):  # type: ignore[no-untyped-def]
            yield b"half"
            raise OSError(5, "Input/output error")

    storage.save("one/notes.json", ContentFile(b"old"))
    with pytest.raises(OSError, match="Input/output error"):
        storage.save("one/notes.json", Torn(b""))
    assert storage.listdir("one") == ([], ["notes.json"])
    with storage.open("one/notes.json") as file:
        assert file.read() == b"old"


def test_a_folder_goes_with_its_last_file(storage: DurableFolderStorage) -> None:
    for name in ("one/a", "one/b"):
        storage.save(name, ContentFile(b"data"))
    storage.delete("one/a")
    assert storage.listdir("") == (["one"], [])
    storage.delete("one/b")
    assert storage.listdir("") == ([], [])


def test_names_that_lead_out_are_refused(storage: DurableFolderStorage) -> None:
    with pytest.raises(Exception, match="Detected path traversal"):
        storage.save("../outside", ContentFile(b"data"))
