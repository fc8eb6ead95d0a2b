"""A backup's page: what it tells, and who may do what with it."""

import json
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest
import redis
from django.http import FileResponse
from django.test import Client
from pytest_django import Settings

from portal.operations.backups.keeping.hashing import digest_of
from portal.operations.backups.manifest import read_manifest
from portal.operations.models import Backup, BackupAction, JobRun

from .conftest import ADDRESS, make
from .doing import LIST, breaks_policy, path_of, press, text_of, told, work_off

pytestmark = pytest.mark.django_db


@pytest.fixture
def encrypted(filled: redis.Redis, folder: Path, settings: Settings) -> Backup:
    """A backup that this host cannot read."""
    settings.BACKUP_RECIPIENT = str(pyrage.x25519.Identity.generate().to_public())
    return make()


def test_the_page_tells_what_the_manifest_says(viewer: Client, backup: Backup) -> None:
    page = viewer.get(path_of(backup))
    text = text_of(page)
    for words in (
        "●●●○ LoadsA server was started from it",
        "by hand",
        "It stays: newest proven",
        "Database 0 4 keys",
        "valkey 9.1",
        "4 loaded",
    ):
        assert words in text, words
    assert not breaks_policy(page)


def test_whoever_may_only_look_sees_no_button(viewer: Client, backup: Backup) -> None:
    text = text_of(viewer.get(path_of(backup)))
    for words in ("Restore…", "Prove", "Pin ", "Download"):
        assert f"{words} " not in text.replace("Proven", "").replace("Proofs", ""), words


@pytest.mark.parametrize(
    ("part", "right"),
    [
        ("prove", "prove_backup"),
        ("pin", "pin_backup"),
        ("download", "download_backup"),
        ("restore", "restore_backup"),
    ],
)
def test_each_act_needs_a_right_of_its_own(may: Callable[..., Client], backup: Backup, part: str, right: str) -> None:
    others = {"take_backup", "prove_backup", "pin_backup", "download_backup", "restore_backup"} - {right}
    somebody = may(*others)
    assert somebody.post(path_of(backup, part), {"file": "manifest.json", "step": "restore"}).status_code == 403
    assert not JobRun.objects.exists()
    assert not BackupAction.objects.exists()
    assert path_of(backup, part) not in somebody.get(path_of(backup)).content.decode()


@pytest.mark.parametrize("part", ["prove", "pin", "download"])
def test_nothing_is_done_by_a_link(admin: Client, backup: Backup, part: str) -> None:
    assert admin.get(path_of(backup, part)).status_code == 405


def test_every_act_wants_a_token(backup: Backup, admin: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = admin.cookies
    for part in ("prove", "pin", "download", "restore"):
        assert strict.post(path_of(backup, part)).status_code == 403


# Proving


def test_a_proof_is_asked_for_and_done(may: Callable[..., Client], backup: Backup) -> None:
    somebody = may("prove_backup", "view_backupaction")
    page = press(somebody, path_of(backup, "prove"))
    assert page.status_code == 200
    assert f"Prove {backup.name}" in text_of(page)
    run = work_off()
    assert (run.state, run.subject, run.asked_by) == ("succeeded", backup.name, "somebody")
    assert "Proven somebody" in text_of(somebody.get(path_of(backup)))


def test_a_proof_that_fails_is_told_on_the_page(admin: Client, backup: Backup, folder: Path) -> None:
    (file,) = (folder / backup.name).glob("*.rdb.zst")
    damaged = bytearray(file.read_bytes())
    damaged[30] ^= 1
    file.write_bytes(damaged)
    press(admin, path_of(backup, "prove"))
    assert work_off().state == "failed"
    assert "Failed its proof" in text_of(admin.get(path_of(backup)))


# Pinning


def test_pinning_is_written_to_the_storage_and_down(may: Callable[..., Client], backup: Backup, folder: Path) -> None:
    somebody = may("pin_backup")
    assert "Pinned: it stays" in told(press(somebody, path_of(backup, "pin"), pinned="yes"))
    assert json.loads((folder / backup.name / "notes.json").read_text())["is_pinned"]
    assert "It stays: pinned" in text_of(somebody.get(path_of(backup)))
    press(somebody, path_of(backup, "pin"), pinned="no")
    assert list(BackupAction.objects.values_list("what", "who")) == [("unpinned", "somebody"), ("pinned", "somebody")]


# Downloading


def test_a_download_is_whole_streamed_and_written_down_first(
    may: Callable[..., Client], backup: Backup, tmp_path: Path
) -> None:
    (part,) = read_manifest(backup.manifest.encode()).parts
    answer = may("download_backup").post(path_of(backup, "download"), {"file": part.file})
    assert isinstance(answer, FileResponse)
    action = BackupAction.objects.get()
    assert (action.what, action.who, action.backup) == ("downloaded", "somebody", backup.name)
    assert action.words == f"{part.file}, to {ADDRESS}"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{backup.name}-{part.file}"'
    assert "no-store" in answer.headers["Cache-Control"]
    copy = tmp_path / "copy"
    copy.write_bytes(b"".join(answer.streaming_content))  # type: ignore[arg-type]
    answer.close()
    assert digest_of(copy) == part.stored


def test_the_manifest_is_given_out_too(admin: Client, backup: Backup) -> None:
    answer = admin.post(path_of(backup, "download"), {"file": "manifest.json"})
    assert read_manifest(answer.content).name == backup.name
    assert BackupAction.objects.get().what == "downloaded"


@pytest.mark.parametrize("file", ["", "notes.json", "../../secret_key", "all.rdb"])
def test_only_files_of_the_backup_are_given_out(admin: Client, backup: Backup, file: str) -> None:
    assert "has no file of that name" in told(press(admin, path_of(backup, "download"), file=file))
    assert not BackupAction.objects.exists()


def test_a_file_that_is_missing_is_told(admin: Client, backup: Backup, folder: Path) -> None:
    (file,) = (folder / backup.name).glob("*.rdb.zst")
    file.unlink()
    assert "is missing" in told(press(admin, path_of(backup, "download"), file=file.name))


# Encrypted ones


def test_an_encrypted_one_has_its_digests_checked_alone(admin: Client, encrypted: Backup) -> None:
    text = text_of(admin.get(path_of(encrypted)))
    assert "here only the digests of what is stored are checked" in text
    assert f"redis_verify {encrypted.name} --identity FILE" in text
    assert "encrypted" in text_of(admin.get(LIST))
    press(admin, path_of(encrypted, "prove"))
    assert "stored whole" in work_off().outcome


def test_an_encrypted_one_is_not_restored_here(admin: Client, encrypted: Backup) -> None:
    text = text_of(admin.get(path_of(encrypted, "restore")))
    assert "cannot be restored here" in text
    assert f"redis_restore {encrypted.name} --identity FILE --dry-run" in text
    admin.post(path_of(encrypted, "restore"), {"kind": "filtered", "step": "restore"})
    assert not JobRun.objects.exists()


# What is no more


def test_a_missing_one_keeps_its_page_without_buttons(admin: Client, backup: Backup, folder: Path) -> None:
    for file in (folder / backup.name).iterdir():
        file.unlink()
    admin.get(LIST)
    text = text_of(admin.get(path_of(backup)))
    assert "is not there any more" in text
    assert "Restore…" not in text


def test_nobody_adds_or_deletes_a_backup_by_hand(admin: Client, backup: Backup) -> None:
    assert admin.get(f"{LIST}add/").status_code == 404
    assert admin.post(f"{LIST}{backup.pk}/delete/").status_code == 404
    admin.post(LIST, {"action": "delete_selected", "_selected_action": backup.pk, "post": "yes"})
    assert Backup.objects.exists()
