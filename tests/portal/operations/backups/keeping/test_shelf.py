import json
import threading
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import moto.settings
import pytest
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from portal.operations.backups.keeping.exceptions import CannotKeep, CannotReach, NotWhole
from portal.operations.backups.keeping.folder import DurableFolderStorage
from portal.operations.backups.keeping.kept import Kept, Rubbish, counts_as_proven
from portal.operations.backups.keeping.s3 import StreamingS3Storage
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.manifest import Level, Notes, Proof, manifest_document
from tests.portal.operations.backups.keeping.conftest import make_bucket, running_s3, s3_storage
from tests.portal.operations.backups.keeping.making import NOON, make_backup, publish, with_proof

NAME = "redis-20261128T120000Z"


def everything(shelf: Shelf) -> set[str]:
    """Return the names of all that is stored."""
    folders, files = shelf._list("")
    return {*files, *(f"{folder}/{file}" for folder in folders for file in shelf._list(folder)[1])}


def put(shelf: Shelf, name: str, content: bytes) -> None:
    shelf.storage.delete(name)
    shelf.storage.save(name, ContentFile(content))


def test_the_shelf_of_settings_is_the_folder_of_backups() -> None:
    storage = Shelf().storage
    assert isinstance(storage, DurableFolderStorage)
    assert Path(storage.location) == settings.BACKUP_DIR


def test_what_is_published_is_kept(shelf: Shelf, work: Path) -> None:
    published = publish(shelf, work)
    assert shelf.kept() == (published,)
    assert shelf.find(NAME) == published
    assert shelf.rubbish() == ()
    assert everything(shelf) == {f"{NAME}/{file}" for file in ("manifest.json", "redis.rdb.zst", "truth.json.zst")}


def test_an_empty_shelf_has_nothing(shelf: Shelf) -> None:
    assert (shelf.kept(), shelf.rubbish(), shelf.find(NAME)) == ((), (), None)


def test_the_newest_comes_first(shelf: Shelf, work: Path) -> None:
    for days in (2, 0, 3, 1):
        manifest, files = make_backup(work, name=f"redis-{days}")
        shelf.publish(replace(manifest, began_at=NOON - timedelta(days=days)), files=files)
    assert [kept.name for kept in shelf.kept()] == ["redis-0", "redis-1", "redis-2", "redis-3"]


def test_a_stored_file_can_be_read_as_it_is(shelf: Shelf, work: Path) -> None:
    manifest, files = make_backup(work)
    with shelf.open_stored(shelf.publish(manifest, files=files), file="redis.rdb.zst") as stored:
        assert stored.read() == files["redis.rdb.zst"].read_bytes()


def test_a_file_that_the_manifest_does_not_name_is_not_opened(shelf: Shelf, work: Path) -> None:
    published = publish(shelf, work)
    for file in ("manifest.json", "../other/redis.rdb.zst", ""):
        with pytest.raises(ValueError, match="has no file"):
            shelf.open_stored(published, file=file)


def test_a_backup_of_the_same_name_stays_as_it_is(shelf: Shelf, work: Path) -> None:
    published = publish(shelf, work)
    manifest, files = make_backup(work, content=b"other")
    with pytest.raises(CannotKeep, match="already"):
        shelf.publish(manifest, files=files)
    assert shelf.kept() == (published,)


def test_what_an_earlier_try_left_is_cleared(shelf: Shelf, work: Path) -> None:
    put(shelf, f"{NAME}/half.rdb.zst", b"half")
    publish(shelf, work)
    assert f"{NAME}/half.rdb.zst" not in everything(shelf)


def test_files_and_manifest_must_agree(shelf: Shelf, work: Path) -> None:
    manifest, files = make_backup(work)
    with pytest.raises(ValueError, match="other files"):
        shelf.publish(manifest, files={"redis.rdb.zst": files["redis.rdb.zst"]})
    with pytest.raises(ValueError, match="no file of a backup"):
        shelf.publish(replace(manifest, parts=(replace(manifest.parts[0], file="../redis"),)), files=files)
    assert everything(shelf) == set()


def test_a_file_that_is_stored_short_is_no_backup(shelf: Shelf, work: Path) -> None:
    manifest, files = make_backup(work)
    files["truth.json.zst"].write_bytes(b"short")
    with pytest.raises(CannotKeep, match=r"truth.json.zst is stored with 5 bytes instead of \d+"):
        shelf.publish(manifest, files=files)
    assert everything(shelf) == set()


def test_a_full_disk_keeps_nothing_half_done(work: Path, small_disk: Path) -> None:
    shelf = Shelf(DurableFolderStorage(small_disk))
    published = publish(shelf, work, name="redis-1")
    before = everything(shelf)
    manifest, files = make_backup(work, name="redis-2")
    files["truth.json.zst"].write_bytes(bytes(2_000_000))
    with pytest.raises(CannotKeep, match=r"the disk is full; make room there.*The backup was not kept"):
        shelf.publish(manifest, files=files)
    assert everything(shelf) == before
    assert shelf.kept() == (published,)


def test_a_bucket_that_is_not_there_is_told(s3_keys: None, s3_server: str, work: Path, settings: Any) -> None:
    settings.BACKUP_STORAGE_URL = "s3://nobody-made-it"
    shelf = Shelf(s3_storage(s3_server, bucket="nobody-made-it"))
    with pytest.raises(CannotKeep, match=r"bucket does not exist.*BACKUP_STORAGE_URL"):
        publish(shelf, work)
    with pytest.raises(CannotReach, match="bucket does not exist"):
        shelf.kept()
    shelf.storage.connection.meta.client.close()


def test_a_folder_that_cannot_be_used_is_told_by_its_own_name(work: Path, tmp_path: Path, settings: Any) -> None:
    settings.BACKUP_DIR = tmp_path / "taken"
    settings.BACKUP_DIR.write_text("not a folder")
    with pytest.raises(CannotKeep, match=r"Look at .*/taken \(BACKUP_DIR\)"):
        publish(Shelf(DurableFolderStorage(settings.BACKUP_DIR)), work)


def test_keys_that_s3_refuses_are_told(s3_shelf: Shelf, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = publish(s3_shelf, work)
    monkeypatch.setattr(moto.settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)
    with pytest.raises(CannotKeep, match="Forbidden"):
        publish(s3_shelf, work, name="redis-2")
    for refused in (s3_shelf.kept, lambda: s3_shelf.delete(published)):
        with pytest.raises(CannotReach, match="Access Key Id you provided does not exist"):
            refused()


def test_an_s3_that_goes_away_in_the_middle_is_told(s3_keys: None, work: Path) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running = running_s3(server)

    class GoesAway(StreamingS3Storage):
        def size(self, name: str) -> int:
            found: int = super().size(name)
            next(running, None)
            return found

    address = next(running)
    storage = GoesAway(bucket_name=make_bucket(address), endpoint_url=address, region_name="us-east-1")
    with pytest.raises(CannotKeep, match=r"Could not connect.*The backup was not kept"):
        publish(Shelf(storage), work)
    storage.connection.meta.client.close()


def test_a_file_without_its_manifest_is_rubbish(shelf: Shelf, work: Path) -> None:
    publish(shelf, work)
    shelf.storage.delete(f"{NAME}/manifest.json")
    assert shelf.kept() == ()
    (rubbish,) = shelf.rubbish()
    assert rubbish.name == NAME
    assert "no manifest" in rubbish.why
    assert isinstance(shelf.find(NAME), Rubbish)


def test_a_file_beside_the_backups_is_rubbish_and_a_hidden_folder_is_not_ours(shelf: Shelf) -> None:
    put(shelf, "stray.rdb", b"data")
    put(shelf, ".work/dump.rdb", b"data")
    assert [rubbish.name for rubbish in shelf.rubbish()] == ["stray.rdb"]


def test_a_manifest_without_its_file_is_a_backup_with_a_problem(shelf: Shelf, work: Path) -> None:
    shelf.storage.delete(f"{publish(shelf, work).name}/redis.rdb.zst")
    (kept,) = shelf.kept()
    assert kept.problems == ("redis.rdb.zst is missing.",)
    assert (kept.level, counts_as_proven(kept)) == (Level.NONE, False)
    with pytest.raises(NotWhole, match=f"{NAME}/redis.rdb.zst is missing"):
        shelf.open_stored(kept, file="redis.rdb.zst")


@pytest.mark.parametrize("content", [b"", b"other"])
def test_a_file_of_another_size_is_a_problem(shelf: Shelf, work: Path, content: bytes) -> None:
    published = publish(shelf, work)
    put(shelf, f"{NAME}/redis.rdb.zst", content)
    (kept,) = shelf.kept()
    size_bytes = published.manifest.parts[0].stored.size_bytes
    assert kept.problems == (f"redis.rdb.zst has {len(content)} bytes instead of {size_bytes}.",)


UNREADABLE = [b"", b"{", b"[]", b"\xff\xfe", b'{"name": "\xff"}', b'{"x":' + b"[" * 100_000, b"null", bytes(5_000_000)]


@pytest.mark.parametrize("document", UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_manifest_that_cannot_be_read_is_rubbish_and_hides_no_other(
    shelf: Shelf, work: Path, document: bytes
) -> None:
    published = publish(shelf, work)
    put(shelf, "redis-broken/manifest.json", document)
    assert shelf.kept() == (published,)
    (rubbish,) = shelf.rubbish()
    assert rubbish.name == "redis-broken"
    assert "cannot be read" in rubbish.why


@pytest.mark.parametrize(
    "file", ["../x", "/etc/passwd", "a/b", "..", ".", "", ".hidden", "manifest.json", "a\\b", "a\0"]
)
def test_a_manifest_that_names_another_place_is_rubbish(folder_shelf: Shelf, work: Path, file: str) -> None:
    manifest, _ = make_backup(work)
    wrong = replace(manifest, parts=(replace(manifest.parts[0], file=file),))
    put(folder_shelf, f"{NAME}/manifest.json", manifest_document(wrong))
    assert folder_shelf.kept() == ()
    (rubbish,) = folder_shelf.rubbish()
    assert "no file of a backup" in rubbish.why


def test_a_manifest_of_another_name_is_rubbish(shelf: Shelf, work: Path) -> None:
    manifest, _ = make_backup(work)
    for name in ("../elsewhere", "redis-other"):
        put(shelf, f"{NAME}/manifest.json", manifest_document(replace(manifest, name=name)))
        assert "another name" in shelf.rubbish()[0].why


def test_a_time_without_a_zone_one_file_twice_and_no_parts_are_rubbish(shelf: Shelf, work: Path) -> None:
    manifest, _ = make_backup(work)
    for wrong, why in (
        (replace(manifest, began_at=NOON.replace(tzinfo=None)), "zone"),
        (replace(manifest, parts=manifest.parts * 2), "twice"),
        (replace(manifest, parts=()), "no parts"),
    ):
        put(shelf, f"{NAME}/manifest.json", manifest_document(wrong))
        assert why in shelf.rubbish()[0].why


@given(name=st.text())
def test_no_name_finds_what_is_elsewhere(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    root = tmp_path_factory.mktemp("shelf")
    (root / "manifest.json").write_text("{}")
    assert Shelf(DurableFolderStorage(root / "backups")).find(name) is None


def test_notes_are_written_over(shelf: Shelf, work: Path) -> None:
    kept = shelf.change_notes(publish(shelf, work), change=lambda notes: replace(notes, is_pinned=True))
    assert shelf.kept() == (kept,)
    assert kept.notes.is_pinned
    proof = Proof(level=Level.RESTORED, at=NOON)
    kept = shelf.change_notes(kept, change=lambda notes: notes.with_proof(proof))
    assert shelf.kept() == (kept,)
    assert kept.level == Level.RESTORED


def test_a_storage_that_takes_long_does_not_look_dead(
    tmp_path: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived = threading.Event()

    class Slow(DurableFolderStorage):
        def _save(self, name: str, content: File[Any]) -> str:
            assert name.endswith(".json") or lived.wait(10)
            return super()._save(name, content)

    monkeypatch.setattr("portal.operations.backups.keeping.shelf._ALIVE_EVERY_SECONDS", 0.01)
    manifest, files = make_backup(work, name=NAME)
    Shelf(Slow(tmp_path / "backups")).publish(manifest, files=files, alive=lived.set)
    assert lived.is_set()


def test_what_two_change_at_once_is_both_noted(shelf: Shelf, work: Path) -> None:
    seen_before = publish(shelf, work)
    shelf.change_notes(seen_before, change=lambda notes: replace(notes, is_pinned=True))
    shelf.change_notes(seen_before, change=lambda notes: notes.with_proof(Proof(level=Level.LOADS, at=NOON)))
    (kept,) = shelf.kept()
    assert kept.notes.is_pinned
    assert kept.notes.proven


def test_of_a_backup_that_is_gone_nothing_is_noted(shelf: Shelf, work: Path) -> None:
    gone = publish(shelf, work)
    shelf.delete(gone)
    with pytest.raises(NotWhole, match="it is gone"):
        shelf.change_notes(gone, change=lambda notes: replace(notes, is_pinned=True))
    assert shelf.rubbish() == ()


def test_notes_are_written_over_where_a_storage_replaces_nothing(tmp_path: Path, work: Path) -> None:
    shelf = Shelf(FileSystemStorage(tmp_path / "backups"))
    kept = publish(shelf, work)
    for failure in ("one", "another", "a third"):
        changed = partial(replace, failure=failure)
        kept = shelf.change_notes(kept, change=changed)
        assert shelf.kept() == (kept,)
    assert len(everything(shelf)) == 4


def test_notes_that_cannot_be_read_pin_the_backup(shelf: Shelf, work: Path) -> None:
    publish(shelf, work)
    put(shelf, f"{NAME}/notes.json", b'{"is_pinned": "perhaps"}')
    (kept,) = shelf.kept()
    assert kept.notes.is_pinned
    assert "stays pinned" in kept.problems[0]


def test_what_is_deleted_is_gone(shelf: Shelf, work: Path) -> None:
    gone, other = publish(shelf, work), publish(shelf, work, name="redis-other")
    shelf.change_notes(gone, change=lambda notes: replace(notes, is_pinned=True))
    shelf.delete(gone)
    assert shelf.kept() == (other,)
    assert shelf.rubbish() == ()
    assert all(name.startswith("redis-other/") for name in everything(shelf))


def test_a_deletion_that_is_cut_off_leaves_no_backup(tmp_path: Path, work: Path) -> None:
    class StopsSoon(DurableFolderStorage):
        left = 1

        def delete(self, name: str) -> None:
            if not self.left:
                raise OSError(5, "Input/output error")
            self.left -= 1
            super().delete(name)

    shelf = Shelf(StopsSoon(tmp_path / "backups"))
    kept = publish(shelf, work)
    with pytest.raises(CannotReach, match=r"deleting redis.* can be tried again.*Input/output error"):
        shelf.delete(kept)
    assert shelf.kept() == ()
    assert [rubbish.name for rubbish in shelf.rubbish()] == [NAME]


def test_what_a_server_loaded_counts_as_proven(work: Path) -> None:
    manifest, _ = make_backup(work)
    assert counts_as_proven(Kept(manifest))
    assert not counts_as_proven(Kept(manifest, notes=Notes(failed_at=NOON, failure="It is cut.")))


def test_well_formed_counts_only_where_no_server_can_load_it(work: Path) -> None:
    manifest, _ = make_backup(work)
    formed = with_proof(manifest, level=Level.WELL_FORMED, verifier="")
    assert not counts_as_proven(Kept(formed))
    assert counts_as_proven(Kept(with_proof(formed, is_loadable_here=False)))
    later = Proof(level=Level.LOADS, at=NOON, verifier="valkey 9.1.2")
    assert counts_as_proven(Kept(formed, notes=Notes(proven=(later,))))


def test_the_manifest_is_for_people_too(shelf: Shelf, work: Path) -> None:
    publish(shelf, work)
    with shelf.storage.open(f"{NAME}/manifest.json") as document:
        assert json.load(document)["parts"][0]["server"]["engine"] == "redis"
