import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.files.base import ContentFile

from portal.operations.backups.keeping.codec import ENCRYPTED
from portal.operations.backups.keeping.exceptions import CannotUnpack, NotWhole, WrongIdentity
from portal.operations.backups.keeping.fetching import check_stored, fetch_plain
from portal.operations.backups.keeping.kept import Kept
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.manifest import Digest
from tests.portal.operations.backups.keeping.conftest import Identity
from tests.portal.operations.backups.keeping.making import CONTENT, TRUTH, digest, make_backup, publish


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def change(shelf: Shelf, kept: Kept, *, how: str) -> None:
    """Change the stored part: a flipped bit, a cut tail, nothing left, more of it."""
    place = f"{kept.name}/redis.rdb.zst"
    with shelf.storage.open(place) as file:
        whole = file.read()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    first = bytes([whole[0] ^ 1]) + whole[1:]
    changed = {"flipped": flipped, "flipped at first": first, "cut": whole[:-9], "empty": b"", "longer": whole + b"x"}
    shelf.storage.delete(place)
    shelf.storage.save(place, ContentFile(changed[how]))


CHANGES = ["flipped", "flipped at first", "cut", "empty", "longer"]


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_the_plain_file_comes_back(
    shelf: Shelf, work: Path, scratch: Path, identity: Identity, is_encrypted: bool
) -> None:
    kept = publish(shelf, work, recipient=identity.recipient if is_encrypted else "")
    check_stored(kept, shelf=shelf)
    plain = fetch_plain(kept, kept.manifest.parts[0], folder=scratch, shelf=shelf, identity=identity.file)
    assert plain.read_bytes() == CONTENT
    assert plain.stat().st_mode & 0o777 == 0o600
    assert plain.parent == scratch


def test_who_fetches_hears_how_far_it_is(shelf: Shelf, work: Path, scratch: Path) -> None:
    kept = publish(shelf, work)
    told: list[tuple[int, int | None]] = []
    part = kept.manifest.parts[0]
    fetch_plain(kept, part, folder=scratch, shelf=shelf, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (part.stored.size_bytes, part.stored.size_bytes)


def test_the_truth_comes_back(shelf: Shelf, work: Path, scratch: Path) -> None:
    kept = publish(shelf, work)
    assert kept.manifest.truth
    assert fetch_plain(kept, kept.manifest.truth, folder=scratch, shelf=shelf).read_bytes() == TRUTH


@pytest.mark.parametrize("how", CHANGES)
def test_a_changed_file_is_named_when_it_is_checked(shelf: Shelf, work: Path, how: str) -> None:
    kept = publish(shelf, work)
    change(shelf, kept, how=how)
    with pytest.raises(
        NotWhole, match=rf"{kept.name}/redis.rdb.zst (was changed|has (more than the )?\d+ bytes).*use another backup"
    ):
        check_stored(kept, shelf=shelf)


@pytest.mark.parametrize("is_encrypted", [False, True])
@pytest.mark.parametrize("how", CHANGES)
def test_a_changed_file_is_never_given_out(
    folder_shelf: Shelf, work: Path, scratch: Path, identity: Identity, is_encrypted: bool, how: str
) -> None:
    kept = publish(folder_shelf, work, recipient=identity.recipient if is_encrypted else "")
    change(folder_shelf, kept, how=how)
    with pytest.raises(NotWhole, match=f"{kept.name}/redis.rdb.zst"):
        fetch_plain(kept, kept.manifest.parts[0], folder=scratch, shelf=folder_shelf, identity=identity.file)
    assert list(scratch.iterdir()) == []


def test_a_missing_file_is_named(shelf: Shelf, work: Path) -> None:
    kept = publish(shelf, work)
    shelf.storage.delete(f"{kept.name}/truth.json.zst")
    with pytest.raises(NotWhole, match=f"{kept.name}/truth.json.zst is missing"):
        check_stored(kept, shelf=shelf)


def test_without_the_identity_nothing_is_given_out_but_digests_are_checked(
    shelf: Shelf, work: Path, scratch: Path, identity: Identity, other_identity: Identity
) -> None:
    kept = publish(shelf, work, recipient=identity.recipient)
    check_stored(kept, shelf=shelf)
    for given in (None, other_identity.file):
        with pytest.raises(WrongIdentity):
            fetch_plain(kept, kept.manifest.parts[0], folder=scratch, shelf=shelf, identity=given)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("plain", [digest(CONTENT[:-1]), digest(CONTENT + b"x"), Digest(len(CONTENT), "0" * 64)])
def test_what_is_not_what_was_taken_is_not_given_out(
    folder_shelf: Shelf, work: Path, scratch: Path, plain: Digest
) -> None:
    manifest, files = make_backup(work)
    manifest = replace(manifest, parts=(replace(manifest.parts[0], plain=plain),))
    kept = folder_shelf.publish(manifest, files=files)
    with pytest.raises((NotWhole, CannotUnpack)):
        fetch_plain(kept, manifest.parts[0], folder=scratch, shelf=folder_shelf)
    assert list(scratch.iterdir()) == []


def test_a_codec_that_does_not_fit_is_told(folder_shelf: Shelf, work: Path, scratch: Path, identity: Identity) -> None:
    manifest, files = make_backup(work)
    kept = folder_shelf.publish(replace(manifest, codec=ENCRYPTED), files=files)
    with pytest.raises(CannotUnpack, match="cut or changed"):
        fetch_plain(kept, manifest.parts[0], folder=scratch, shelf=folder_shelf, identity=identity.file)


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_a_full_disk_leaves_nothing(
    folder_shelf: Shelf,
    work: Path,
    small_disk: Path,
    identity: Identity,
    is_encrypted: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # There is room at first, and others fill it meanwhile.
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1 << 40))
    manifest, files = make_backup(work, content=CONTENT * 10, recipient=identity.recipient if is_encrypted else "")
    kept = folder_shelf.publish(manifest, files=files)
    with pytest.raises(CannotUnpack, match="the disk is full; make room there"):
        fetch_plain(kept, manifest.parts[0], folder=small_disk, shelf=folder_shelf, identity=identity.file)
    assert list(small_disk.iterdir()) == []
