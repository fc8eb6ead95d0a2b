"""`policies dump [FILE]`, `policies bring-back FILE [--dry-run] [--exact]`."""

import os
import stat
from pathlib import Path

import pytest
import redis
import zstandard
from django.core.management import CommandError, call_command

from limits import services
from limits.core import snapshots
from limits.core.rates import Rate
from limits.management.exporting import NAMES_MAX, Progress
from limits.models import Override, Policy
from limits.services import Actor
from limits.store import documents
from tests.limits.overriding import override, saved

from .running import PROJECT, manage, run

SOMEBODY = Actor(name="somebody", origin="a test")


@pytest.fixture
def dumped(db: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """An export of the default policies and one override; `login` is edited afterwards."""
    saved("10.0.0.0/8", until=None)
    path = tmp_path / "limits.jsonl"
    call_command("policies", "dump", str(path))
    policy = Policy.objects.get(slug="login")
    policy.rates = (Rate(2, 60),)
    services.save_policy(policy, actor=SOMEBODY)
    capsys.readouterr()
    return path


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[str]:
    call_command("policies", "bring-back", *map(str, arguments))
    return capsys.readouterr().out.splitlines()


def refused(*arguments: object) -> str:
    with pytest.raises(CommandError) as refusal:
        call_command("policies", *map(str, arguments))
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def login() -> tuple[Rate, ...]:
    rates: tuple[Rate, ...] = Policy.objects.get(slug="login").rates
    return rates


def test_a_dump_tells_what_it_holds(db: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "limits.jsonl"
    call_command("policies", "dump", str(path))
    assert capsys.readouterr().out == f"{path} holds 5 policies, 0 overrides and 5 revisions.\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["limits.jsonl"]


def test_what_was_brought_back_is_told(dumped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Override.objects.all().delete()
    lines = told(capsys, dumped)
    assert lines[:2] == ["Policies changed: login.", "Overrides made: Exempt 10.0.0.0/8 from all policies."]
    assert lines[2].startswith("Brought back from the export of 20")
    assert login() == (Rate(5, 60),)
    assert ["Everything is as in the export" in line for line in told(capsys, dumped)] == [True]


def test_that_it_is_not_in_force_yet_is_told(dumped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, dumped)[-1].startswith("It is not in force yet, for Redis was not written")


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_what_was_brought_back_is_in_redis_when_it_ends(
    redis_server: redis.Redis, dumped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys, dumped)[-1].startswith("Brought back from")
    found = documents.published()
    assert snapshots.read(found.version, document=found.document).policies["login"].rates == (Rate(5, 60),)


def test_a_dry_run_changes_nothing(dumped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved("192.0.2.0/24", until=None)
    lines = told(capsys, dumped, "--dry-run", "--exact")
    assert lines[:2] == [
        "Policies would be changed: login.",
        "Overrides would be deleted: Exempt 192.0.2.0/24 from all policies.",
    ]
    assert lines[2].endswith("Nothing was changed.")
    assert (login(), Override.objects.count()) == ((Rate(2, 60),), 2)


def test_of_very_many_some_are_named(dumped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    services.save_overrides([override(f"10.{n}.0.0/16") for n in range(NAMES_MAX + 5)], actor=SOMEBODY)
    line = told(capsys, dumped, "--exact")[1]
    assert line.count(";") == NAMES_MAX
    assert line.endswith("; and 5 more.")


def test_who_does_not_exist_is_named(db: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    services.save_overrides([override(f"user={n}", until=None) for n in range(NAMES_MAX + 1)], actor=SOMEBODY)
    path = tmp_path / "limits.jsonl"
    call_command("policies", "dump", str(path))
    Override.objects.all().delete()
    capsys.readouterr()
    lines = told(capsys, path)
    gone = "The user was gone when this was exported."
    assert lines[0] == f"Left out of overrides: Exempt user=0 from all policies: {gone}"
    assert lines[NAMES_MAX] == "Left out of overrides: 1 more."


def test_a_policy_that_is_left_out_is_a_failure(dumped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Policy.objects.filter(slug="register").update(view="gone:for-ever")
    call_command("policies", "dump", str(dumped))
    Policy.objects.filter(slug__in=("register", "login")).delete()
    assert refused("bring-back", dumped) == "These policies are not as in the export; all else is: register."
    assert Policy.objects.filter(slug="login").exists()
    assert "Left out of policies: register: No address of this site" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["limits.jsonl.zst", "limits"])
def test_it_may_be_compressed_whatever_its_name(
    dumped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = tmp_path / "limits.zst"
    call_command("policies", "dump", str(path))
    assert path.read_bytes().startswith(b"\x28\xb5\x2f\xfd")
    stored = tmp_path / "stored" / name
    stored.parent.mkdir()
    path.rename(stored)
    Policy.objects.all().delete()
    told(capsys, stored)
    assert login() == (Rate(2, 60),)


def test_several_frames_are_one_file(dumped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = dumped.read_bytes()
    dumped.write_bytes(b"".join(zstandard.compress(part) for part in (whole[:1000], whole[1000:])))
    told(capsys, dumped)
    assert login() == (Rate(5, 60),)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty"),
        (b"REDIS0011\xfa\tredis-ver\x057.0.15", "Line 1: This is no export of limits."),
        (b"age-encryption.org/v1\n-> X25519 abc", "is encrypted: decrypt it first"),
        (zstandard.compress(b"REDIS0011"), "Line 1: This is no export of limits."),
        (zstandard.compress(b"REDIS0011")[:-2], "no export of limits"),
        (b"\x28\xb5\x2f\xfd\x20\x05" + b"\xff" * 20, "is damaged"),
        (b"\x28\xb5\x2f\xfd", "The file is empty, or was cut off"),
    ],
)
def test_what_is_no_export_is_one_plain_line(dumped: Path, content: bytes, words: str) -> None:
    dumped.write_bytes(content)
    assert words in refused("bring-back", dumped)
    assert login() == (Rate(2, 60),)


def test_a_damaged_one_is_one_plain_line(dumped: Path) -> None:
    whole = dumped.read_bytes()
    for damaged in (whole[:-1], whole[:700], whole.replace(b"Logging", b"Bogging")):
        dumped.write_bytes(damaged)
        assert refused("bring-back", dumped).endswith("Nothing was changed.")
    dumped.write_bytes(zstandard.compress(whole)[:-50])
    assert "cut off" in refused("bring-back", dumped)
    assert login() == (Rate(2, 60),)


def test_a_file_that_is_not_there_is_told(db: None, tmp_path: Path) -> None:
    assert "cannot be read: No such file" in refused("bring-back", tmp_path / "nothing")
    assert "cannot be read: Is a directory" in refused("bring-back", tmp_path)
    assert "cannot be written: No such file" in refused("dump", tmp_path / "nowhere" / "limits.jsonl")


def test_a_full_disk_leaves_the_file_that_was_there(dumped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dumped.read_bytes()
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr("limits.management.export_files.os.open", lambda *_: full)
    assert "cannot be written: No space left" in refused("dump", dumped)
    assert dumped.read_bytes() == before


def test_progress_is_told_once_a_second_after_the_first() -> None:
    heard: list[str] = []
    now = 0.0
    progress = Progress(heard.append, clock=lambda: now)
    for done in range(1, 31):
        now = done / 10
        progress(done, 1234)
    assert heard == ["10 of 1,234 rows …", "20 of 1,234 rows …", "30 of 1,234 rows …"]


def test_in_a_process_of_its_own_it_ends_well_or_with_one_plain_line(installed_var: Path, tmp_path: Path) -> None:
    path = tmp_path / "limits.jsonl.zst"

    def policies(*arguments: object) -> tuple[int, str, str]:
        done = manage("policies", *map(str, arguments), var=installed_var)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    assert policies("dump", path)[0] == 0
    copy = tmp_path / "copy"
    copy.write_text(policies("dump")[1])
    for dumped in (path, copy):
        code, words, _ = policies("bring-back", dumped)
        assert (code, words.startswith("Everything is as in the export of")) == (0, True)
    for wrong in (policies("bring-back", tmp_path / "nothing"), policies("bring-back"), policies("dump", tmp_path)):
        assert (wrong[0], wrong[2].count("\n")) == (1, 1)
    full = run("-c", _INTO_A_FULL_DISK, var=installed_var)
    assert (full.returncode, full.stderr.count("\n")) == (1, 1)
    assert "The export cannot be written: No space left on device" in full.stderr


_INTO_A_FULL_DISK = f"""
import subprocess, sys
with open("/dev/full", "wb") as full:
    done = subprocess.run([sys.executable, "manage.py", "policies", "dump"], cwd={str(PROJECT)!r}, stdout=full)
sys.exit(done.returncode)
"""
