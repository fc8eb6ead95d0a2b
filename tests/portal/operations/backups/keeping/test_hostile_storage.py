"""Whoever may write into the storage, and nothing else, can spoil what lies there, and nothing else."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from portal.operations.backups import inventory, tidying
from portal.operations.backups.keeping.codec import pack
from portal.operations.backups.keeping.exceptions import CannotKeep, CannotReach, CannotUnpack, NotWhole
from portal.operations.backups.keeping.fetching import check_stored, fetch_plain
from portal.operations.backups.keeping.folder import DurableFolderStorage
from portal.operations.backups.keeping.hashing import digest_of
from portal.operations.backups.keeping.kept import Kept, counts_as_proven
from portal.operations.backups.keeping.seal import is_sealed, sealed
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.manifest import Notes
from portal.operations.models import Backup, BackupPlan
from tests.portal.operations.backups.keeping.making import NOON, make_backup, publish

Change = Callable[[dict[str, Any]], object]

WRONG: dict[str, Change] = {
    "a time before time": lambda told: told.update(began_at="0001-01-01T00:00:00+10:00"),
    "a time after time": lambda told: told.update(began_at="9999-12-31T23:59:59-10:00"),
    "a part's time": lambda told: told["parts"][0].update(taken_at="0001-01-01T00:00:00+10:00"),
    "a time without a zone": lambda told: told["parts"][0]["proof"].update(at="2026-11-28T12:00:00"),
    "more bytes than there are": lambda told: told["parts"][0]["plain"].update(size_bytes=2**63),
    "fewer bytes than none": lambda told: told["parts"][0]["plain"].update(size_bytes=-1),
    "a number of 400 digits": lambda told: told["parts"][0]["stored"].update(size_bytes=10**400),
    "more keys than there are": lambda told: told["parts"][0]["proof"]["counts"][0].update(keys=2**62),
    "for ever": lambda told: told.update(seconds=1e308),
    "a digest that is none": lambda told: told["parts"][0]["plain"].update(sha256="\x1b[2J"),
    "a part that is a path": lambda told: told["parts"][0].update(name="x/../../../etc/cron.d/x"),
    "a long source": lambda told: told.update(source="x" * 51),
    "a long recipient": lambda told: told.update(recipient="x" * 101),
}


@pytest.fixture
def folder_shelf(tmp_path: Path) -> Shelf:
    return Shelf(DurableFolderStorage(tmp_path / "backups"))


def tamper(tmp_path: Path, name: str, change: Change) -> None:
    """Change a backup's manifest where it lies."""
    file = tmp_path / "backups" / name / "manifest.json"
    told = json.loads(file.read_text())
    change(told)
    file.write_text(json.dumps(told))


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", WRONG)
def test_a_manifest_that_lies_hides_no_other(wrong: str, folder_shelf: Shelf, work: Path, tmp_path: Path) -> None:
    good, _ = publish(folder_shelf, work, name="good"), publish(folder_shelf, work, name="evil")
    tamper(tmp_path, "evil", WRONG[wrong])
    found = inventory.take_inventory(now=NOON, shelf=folder_shelf)
    assert found.kept == (good,)
    assert [rubbish.name for rubbish in found.rubbish] == ["evil"]
    assert [row.name for row in Backup.objects.all()] == ["good"]
    assert len(tidying.verdicts(found.kept, plan=BackupPlan.current(), now=NOON)) == 1


def test_notes_out_of_bounds_keep_their_backup(folder_shelf: Shelf, work: Path) -> None:
    kept = publish(folder_shelf, work, name="good")
    folder_shelf.change_notes(kept, change=lambda notes: Notes(failed_at=datetime(1, 1, 1, tzinfo=UTC)))
    (kept,) = folder_shelf.kept()
    assert kept.notes.is_pinned
    assert "cannot be read" in kept.problems[0]


@pytest.mark.django_db
@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+10:00", "2026-11-28T12:00:00"])
def test_notes_that_lie_keep_their_backup(moment: str, folder_shelf: Shelf, work: Path, tmp_path: Path) -> None:
    publish(folder_shelf, work, name="good")
    (tmp_path / "backups" / "good" / "notes.json").write_text(json.dumps({"failed_at": moment, "failure": "x"}))
    (kept,) = inventory.take_inventory(now=NOON, shelf=folder_shelf).kept
    assert kept.notes.is_pinned
    assert "so it stays pinned" in kept.problems[0]


def test_what_could_not_be_read_again_is_not_published(folder_shelf: Shelf, work: Path) -> None:
    manifest, files = make_backup(work)
    with pytest.raises(CannotKeep, match="makes no manifest"):
        folder_shelf.publish(replace(manifest, seconds=-1.0), files=files)
    with pytest.raises(CannotKeep, match="makes no manifest"):
        folder_shelf.publish(replace(manifest, warnings=("x" * (5 << 20),)), files=files)
    assert folder_shelf.kept() == ()
    assert folder_shelf.rubbish() == ()


@pytest.mark.parametrize("make", [os.mkfifo, lambda file: file.symlink_to("/dev/zero")], ids=["a pipe", "a link"])
def test_what_is_no_ordinary_file_is_not_read(
    make: Callable[[Path], None], folder_shelf: Shelf, work: Path, tmp_path: Path
) -> None:
    kept = publish(folder_shelf, work, name="evil")
    for name in ("redis.rdb.zst", "manifest.json"):
        file = tmp_path / "backups" / "evil" / name
        file.unlink()
        make(file)
    with pytest.raises(CannotReach):
        check_stored(kept, shelf=folder_shelf)
    assert folder_shelf.kept() == ()
    assert "cannot be read" in folder_shelf.rubbish()[0].why


def test_what_has_no_end_is_not_read_to_its_end(
    folder_shelf: Shelf, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = publish(folder_shelf, work)
    monkeypatch.setattr(DurableFolderStorage, "_open", lambda self, name, mode: Path("/dev/zero").open(mode))  # noqa: SIM115
    with pytest.raises(NotWhole, match="has more than"):
        check_stored(kept, shelf=folder_shelf)
    with pytest.raises(NotWhole, match="has more than"):
        fetch_plain(kept, kept.manifest.parts[0], folder=work, shelf=folder_shelf)


def test_what_would_fill_the_disk_is_not_unpacked(folder_shelf: Shelf, work: Path, tmp_path: Path) -> None:
    publish(folder_shelf, work, name="evil")
    tamper(tmp_path, "evil", lambda told: told["parts"][0]["plain"].update(size_bytes=1 << 45))
    (kept,) = folder_shelf.kept()
    with pytest.raises(CannotUnpack, match="it takes 35,184,372,088,832 bytes"):
        fetch_plain(kept, kept.manifest.parts[0], folder=work, shelf=folder_shelf)


def test_a_file_that_changes_on_its_way_is_not_kept(work: Path) -> None:
    (work / "plain").write_bytes(b"what was proven")
    proven = digest_of(work / "plain")
    (work / "plain").write_bytes(b"what came after")
    with pytest.raises(CannotKeep, match="is not what was taken"):
        pack(work / "plain", target=work / "packed", expected=proven)
    assert not (work / "packed").exists()


@pytest.mark.django_db
def test_backups_of_others_push_none_of_ours_out(folder_shelf: Shelf, work: Path, tmp_path: Path) -> None:
    publish(folder_shelf, work, name="ours")
    for number in range(20):
        publish(folder_shelf, work, name=f"fake-{number}")
        began_at = (NOON + timedelta(minutes=number)).isoformat()
        tamper(tmp_path, f"fake-{number}", lambda told, began_at=began_at: told.update(began_at=began_at))
    now = NOON + timedelta(days=400)
    verdicts = {each.name: each for each in tidying.verdicts(folder_shelf.kept(), plan=BackupPlan.current(), now=now)}
    assert "newest proven" in verdicts["ours"].reasons
    assert verdicts["fake-3"].reasons == ("not made by this site: never counts, never deleted",)


def test_a_manifest_that_was_changed_is_told(folder_shelf: Shelf, work: Path, tmp_path: Path) -> None:
    publish(folder_shelf, work, name="backup")
    tamper(tmp_path, "backup", lambda told: told.update(warnings=["All is well."]))
    (kept,) = folder_shelf.kept()
    assert (kept.is_ours, kept.level, counts_as_proven(kept)) == (False, 0, False)
    assert "its seal is missing" in kept.problems[0]


def test_notes_of_another_backup_are_not_believed(folder_shelf: Shelf, work: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        pinned = Notes(is_pinned=name == "one")
        folder_shelf.change_notes(publish(folder_shelf, work, name=name), change=lambda notes, pinned=pinned: pinned)
    shutil.copy(tmp_path / "backups" / "other" / "notes.json", tmp_path / "backups" / "one" / "notes.json")
    kept = folder_shelf.find("one")
    assert isinstance(kept, Kept)
    assert kept.notes.is_pinned
    assert "not written by this site" in kept.problems[0]


def test_a_backup_outlives_a_change_of_the_key(folder_shelf: Shelf, work: Path, settings: Settings) -> None:
    kept = publish(folder_shelf, work)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another key", [settings.SECRET_KEY]
    assert folder_shelf.kept() == (kept,)
    settings.SECRET_KEY_FALLBACKS = []
    assert not folder_shelf.kept()[0].is_ours


@given(st.dictionaries(st.text(), st.text(), min_size=1), st.text(), st.text())
def test_a_seal_holds_for_one_document_in_one_place(told: dict[str, str], place: str, other: str) -> None:
    document = msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n"
    signed = sealed(document, place=place)
    assert msgspec.json.decode(signed).keys() == told.keys() | {"seal"}
    assert is_sealed(signed, place=place)
    assert is_sealed(signed, place=other) == (place == other)
    assert not is_sealed(document, place=place)
    assert not is_sealed(signed[:-5] + b"0" + signed[-4:], place=place) or signed[-5:-4] == b"0"
