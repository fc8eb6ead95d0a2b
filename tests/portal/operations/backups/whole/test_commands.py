"""What operators type, and what they are told."""

import json
import traceback
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import redis
from django.core.management import CommandError, call_command
from django.utils import timezone

from limits import sync
from portal.operations import runs
from portal.operations.backups import going_back
from portal.operations.backups.keeping.codec import pack
from portal.operations.backups.keeping.exceptions import CannotReach
from portal.operations.backups.keeping.hashing import digest_of
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.manifest import KeyCount, Notes, manifest_document
from portal.operations.backups.restoring import online
from portal.operations.backups.restoring.errors import RestoreFailed
from portal.operations.backups.work import BACKUP, RESTORE, WORK, NoSuchBackup, find_backup
from portal.operations.models import Backup, BackupAction, BackupPlan, JobRun, KeptData
from portal.redis_address import parse_redis_address
from tests.portal.operations.backups.keeping.conftest import Identity
from tests.portal.operations.backups.restoring.conftest import PROGRAMS
from tests.portal.operations.backups.restoring.filling import Live
from tests.portal.operations.backups.whole.conftest import Site, live_at
from tests.servers import Server, free_port, start_redis

pytestmark = [pytest.mark.server, pytest.mark.django_db]


def command(*arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def backed_up() -> str:
    """Make a backup, and return its name."""
    return command("redis_backup").partition(":")[0]


def test_a_backup_is_told_with_its_keys_and_its_level(single: Site) -> None:
    told = command("redis_backup")
    assert f"{len(single.contents()):,} keys" in told
    assert "by wire" in told
    assert "; loads." in told


def test_a_list_tells_what_there_is(single: Site, storage: Path) -> None:
    assert "no backup yet in" in command("redis_backups")
    name = backed_up()
    (storage / "left over").mkdir()
    (storage / "left over" / "all.rdb.zst").write_bytes(b"half")
    told = command("redis_backups", "--plan")
    assert f"{name}  0 minutes old;" in told
    assert "stays: newest proven" in told
    assert "left over: no backup. It has no manifest" in told


def test_a_check_fails_until_there_is_a_proven_backup_in_time(single: Site) -> None:
    with pytest.raises(CommandError, match="There is no proven backup of redis"):
        command("redis_backups", "--check")
    backed_up()
    assert "The newest proven backup of redis is less than a minute old." in command("redis_backups", "--check")


def test_a_source_that_is_away_costs_the_other_no_backup(single: Site, settings: Any) -> None:
    settings.RATELIMIT_STORAGE, settings.REDIS = settings.REDIS, parse_redis_address("redis://127.0.0.1:1/0")
    with pytest.raises(CommandError, match=r"127\.0\.0\.1:1 does not answer"):
        command("redis_backup")
    assert Backup.objects.get().source == "limits"


def test_without_celery_a_backup_drops_the_old_data_whose_hour_is_over(single: Site) -> None:
    backed_up()
    command("redis_restore", "latest", "--whole")
    command("redis_backup")
    assert KeptData.objects.get().state == "kept"
    KeptData.objects.update(until=timezone.now())
    command("redis_backup")
    assert KeptData.objects.get().state == "dropped"
    with single_client(single) as client:
        assert not {"db15", "db14"} & client.info("keyspace").keys()


def test_programs_read_the_list_as_json(single: Site) -> None:
    name = backed_up()
    (kept,) = json.loads(command("redis_backups", "--json"))
    assert (kept["manifest"]["name"], kept["level"]) == (name, 3)


def test_a_pinned_backup_says_so(single: Site) -> None:
    name = backed_up()
    assert "pinned" in command("redis_backups", "--pin", name)
    assert "pinned" not in command("redis_backups", "--unpin", name)
    told = BackupAction.objects.filter(backup=name).values_list("what", flat=True)
    assert list(told) == ["unpinned", "pinned", "taken"]


def test_verifying_tells_the_sum(single: Site) -> None:
    backed_up()
    keys = f"{len(single.contents()):,}"
    assert f"loads: {keys} loaded + 0 expired = {keys} keys, by redis 7.0" in command("redis_verify", "latest")


def test_a_damaged_backup_counts_no_more(single: Site, storage: Path) -> None:
    name = backed_up()
    file = storage / name / "all.rdb.zst"
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(bytes(damaged))
    with pytest.raises(CommandError, match=r"all\.rdb\.zst"):
        command("redis_verify", name)
    assert "FAILED" in command("redis_backups")
    assert Backup.objects.get(name=name).failed_at is not None
    before = single.contents()
    with pytest.raises(CommandError, match="another backup"):
        command("redis_restore", name)
    assert single.contents() == before


def test_an_encrypted_backup_is_proven_with_its_identity(single: Site, settings: Any, identity: Identity) -> None:
    settings.BACKUP_RECIPIENT = identity.recipient
    name = backed_up()
    assert "stored whole" in command("redis_verify", name)
    assert ": loads:" in command("redis_verify", name, identity=identity.file)
    assert "encrypted" in command("redis_backups")


def test_a_dry_run_changes_nothing_and_tells_all(single: Site) -> None:
    name = backed_up()
    with single_client(single) as client:
        client.delete("text")
        client.lpush("celery", "a job")
    before = single.contents()
    told = command("redis_restore", name, "--dry-run")
    assert single.contents() == before
    assert "add                 1" in told
    assert "Database 3 holds" in told


def test_a_restore_tells_what_it_did(single: Site) -> None:
    backed_up()
    single.empty()
    told = command("redis_restore", "latest")
    keys = f"{len(single.contents()):,}"
    assert f"{keys} of {keys} keys restored, 0 had expired." in told
    assert f"Replaced: 0. New: {keys}." in told


def test_what_a_restore_replaced_is_a_backup_and_never_the_latest(single: Site) -> None:
    name = backed_up()
    with single_client(single) as client:
        client.set("text", "changed")
    command("redis_restore", name)
    replaced = Backup.objects.get(name__endswith="-replaced")
    with single_client(single) as client:
        assert client.get("text") == b"abc" * 5000
        command("redis_restore", replaced.name, "--only", "text")
        assert client.get("text") == b"changed"
    assert f"{name}: loads" in command("redis_verify", "latest")


def test_what_was_replaced_elsewhere_never_comes_to_our_server(single: Site, start: Callable[..., Live]) -> None:
    name = backed_up()
    other = start("valkey")
    other.database().set("text", "theirs")
    url = f"unix://{other.address.socket_path}"
    command("redis_restore", name, "--to", url)
    (replaced,) = (kept for kept in Shelf().kept() if kept.name.endswith("-replaced"))
    assert replaced.manifest.source == "elsewhere"
    server = replaced.manifest.parts[0].server
    assert (server.place, server.engine) == (other.address.socket_path, "valkey")
    with pytest.raises(CommandError, match="There is no source “elsewhere”"):
        command("redis_restore", replaced.name)
    command("redis_restore", replaced.name, "--to", url)
    assert other.database().get("text") == b"theirs"


def test_a_restore_elsewhere_leaves_the_queues_out_too(single: Site, settings: Any, start: Callable[..., Live]) -> None:
    settings.BROKER = settings.REDIS.with_database(5)
    with single_client(single, 5) as client:
        client.lpush("a queue of another name", "a job")
    other = start("redis-7.0")
    told = command("redis_restore", backed_up(), "--to", f"unix://{other.address.socket_path}")
    assert "1 left out (Celery's" in told
    assert not other.database(5).dbsize()


@pytest.mark.usefixtures("policies")
def test_a_restore_that_cannot_be_noted_is_done_all_the_same(
    single: Site, redis_server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    backed_up()
    single.empty()
    redis_server.flushdb()
    monkeypatch.setattr(Shelf, "change_notes", Mock(side_effect=CannotReach("The storage is away.")))
    told = command("redis_restore", "latest", "--whole")
    assert "That it was restored could not be noted: The storage is away." in told
    assert JobRun.objects.get(job=RESTORE).state == "succeeded"
    assert sync.is_in_step()


@pytest.mark.usefixtures("policies")
def test_after_half_a_restore_the_policies_are_synced(
    single: Site, redis_server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    backed_up()
    redis_server.flushdb()
    assert not sync.is_in_step()
    monkeypatch.setattr(online, "load", Mock(side_effect=RestoreFailed("FAILED: it went away.")))
    with pytest.raises(CommandError, match="it went away"):
        command("redis_restore", "latest")
    assert sync.is_in_step()


def test_a_whole_restore_can_be_taken_back(single: Site) -> None:
    backed_up()
    with single_client(single) as client:
        client.set("since", "then")
    before = single.contents()
    assert "--take-back" in command("redis_restore", "latest", "--whole")
    assert (0, b"since") not in single.contents()
    command("redis_restore", "--take-back")
    assert single.contents() == before
    kept = KeptData.objects.get()
    assert kept.state == "taken back"
    told = BackupAction.objects.filter(backup=kept.backup).values_list("what", flat=True)
    assert list(told) == ["taken back", "restored", "taken"]
    with pytest.raises(CommandError, match="Nothing was changed"):
        command("redis_restore", "--take-back")


def test_a_take_back_brings_the_functions_back_too(single: Site) -> None:
    library = "#!lua name=ours\nredis.register_function('ours', function() return {} end)"
    with single_client(single) as client:
        client.function_load(library.format(1))
        backed_up()
        client.function_load(library.format(2), replace=True)
        before = single.contents()
        command("redis_restore", "latest", "--whole")
        assert client.fcall("ours", 0) == 1
        command("redis_restore", "--take-back")
        assert client.fcall("ours", 0) == 2
    assert single.contents() == before


def test_of_a_part_of_the_keys_a_whole_restore_replaces_no_database(single: Site) -> None:
    name = command("redis_backup", "--prefix", "list").partition(":")[0]
    before = single.contents()
    command("redis_restore", name, "--whole")
    assert single.contents() == before


def test_the_old_data_of_a_whole_restore_can_be_dropped(single: Site) -> None:
    backed_up()
    command("redis_restore", "latest", "--whole")
    command("redis_restore", "--drop-old")
    with single_client(single) as client:
        assert set(client.info("keyspace")) == {"db0", "db3"}


def test_the_last_restore_alone_is_gone_back_from(settings: Any) -> None:
    settings.REDIS, settings.RATELIMIT_STORAGE, here, there = (
        parse_redis_address(f"redis://127.0.0.1:{port}") for port in (1, 2, 3, 4)
    )
    now = timezone.now()
    for source, place in (("redis", "127.0.0.1:1"), ("limits", "127.0.0.1:2"), ("", "127.0.0.1:3"), ("", "host:9")):
        KeptData.objects.create(name=place, source=source, place=place, moved_at=now, until=now)
    found = going_back.newest_kept(), going_back.newest_kept(to=here), going_back.newest_kept(to=there)
    assert [kept and kept.name for kept in found] == ["127.0.0.1:2", "127.0.0.1:3", None]


def test_what_a_killed_restore_filled_is_dropped(single: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    name = backed_up()
    monkeypatch.setattr(online, "_empty", lambda *arguments: None)  # a process that was killed empties nothing
    monkeypatch.setattr(online, "compare", Mock(side_effect=OSError("killed")))
    with pytest.raises(CommandError):
        command("redis_restore", name, "--whole")
    with single_client(single) as client:
        assert set(client.info("keyspace")) > {"db0", "db3"}
        going_back.drop_old_data(now=timezone.now())
        assert set(client.info("keyspace")) == {"db0", "db3"}
    assert KeptData.objects.get().state == "dropped"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("redis_restore", "redis-20200101T000000Z"), "There is no backup “redis-20200101T000000Z”"),
        (("redis_restore", "../../etc"), "There is no backup"),
        (("redis_restore",), "Name a backup"),
        (("redis_restore", "latest", "--to", "http://example.org"), "--to cannot be used. It takes redis://"),
        (("redis_verify", "latest"), "There is no backup “latest”"),
        (("redis_backup", "--source", "mongo"), "There is no source “mongo”. There are: redis"),
        (("redis_backup", "--method", "magic"), "invalid choice"),
        (("redis_restore", "--take-back"), "Nothing was changed"),
    ],
)
def test_wrong_words_are_one_plain_line(single: Site, arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(CommandError, match=told) as error:
        command(*arguments)
    assert "\n" not in str(error.value)


def test_a_server_that_is_away_is_told_and_noted(single: Site, settings: Any) -> None:
    settings.REDIS = settings.REDIS.__class__(kind="redis", hosts=(("127.0.0.1", 1),))
    settings.RATELIMIT_STORAGE = settings.REDIS
    with pytest.raises(CommandError, match=r"127\.0\.0\.1:1 does not answer"):
        command("redis_backup")
    assert JobRun.objects.get().state == "failed"
    assert "no backup yet in" in command("redis_backups")


def test_a_second_backup_while_one_runs_is_told_and_leaves_nothing(single: Site) -> None:
    first = runs.ask(BACKUP, slot="first", source="redis", now=timezone.now())
    assert first is not None
    assert runs.begin(first, holds=WORK[BACKUP].held_by(first), now=timezone.now())
    with pytest.raises(CommandError, match=r"is under way\. Nothing was done"):
        command("redis_backup")
    assert JobRun.objects.count() == 1
    assert "no backup yet in" in command("redis_backups")


def test_old_backups_go_by_the_plan_after_a_new_one(single: Site, storage: Path) -> None:
    plan = BackupPlan.current()
    plan.keep_last, plan.keep_daily, plan.keep_weekly, plan.keep_monthly, plan.keep_yearly = 1, 0, 0, 0, 0
    plan.save()
    first = backed_up()
    told = command("redis_backup")
    assert f"Deleted by the plan: {first}." in told
    assert not (storage / first / "manifest.json").exists()


def test_an_offline_restore_of_a_server_with_aof_works_as_printed_and_carried_out(
    settings: Any, storage: Path, start: Callable[..., Live], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = start("redis-7.0", "--appendonly", "yes")
    site = live_at(settings, live.address)
    site.fill()
    before = site.contents()
    name = backed_up()
    monkeypatch.chdir(tmp_path)
    printed = command("redis_restore", name, "--offline")
    assert "make one whose base is the backup" in printed
    assert (tmp_path / f"{name}-all.rdb").stat().st_mode & 0o777 == 0o600
    folder = Path(live.address.socket_path).parent
    with pytest.raises(CommandError, match="The server still runs"):
        command("redis_restore", name, "--offline", "--carry-out", folder=folder)
    site.empty()
    live.server.process.terminate()
    live.server.process.wait()
    told = command("redis_restore", name, "--offline", "--carry-out", folder=folder)
    assert "holds the backup. Start the server" in told
    assert len(list(folder.glob("*.before-restore-*"))) > 0
    again = restarted(live, "--appendonly", "yes")
    try:
        assert site.contents() == before
        keys = f"{len(before):,}"
        assert f"{keys} loaded + 0 expired = {keys} keys in the backup." in command(
            "redis_restore", name, "--offline", "--check"
        )
    finally:
        again.stop()


def single_client(site: Site, number: int = 0) -> Any:
    return redis.Redis.from_url(site.address.with_database(number).url)


def restarted(live: Live, *options: str) -> Server:
    socket_path = live.address.socket_path
    return start_redis(
        Path(socket_path).parent, program=PROGRAMS["redis-7.0"], socket_path=socket_path, options=options
    )


def test_names_in_the_storage_are_no_commands_for_a_terminal(single: Site, storage: Path) -> None:
    (storage / "\x1b[2J").mkdir(parents=True)
    (storage / "\x1b[2J" / "file").write_bytes(b"")
    told = command("redis_backups")
    assert r"\x1b[2J: no backup." in told
    assert "\x1b" not in told


def test_what_was_typed_wrong_is_no_command_for_a_terminal(single: Site) -> None:
    with pytest.raises(CommandError, match=r"There is no backup “\\x1b\[2J”"):
        command("redis_restore", "\x1b[2J")


def test_what_this_site_did_not_make_is_used_only_when_asked(single: Site, storage: Path) -> None:
    name = backed_up()
    manifest = storage / name / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"by hand"', '"by whom"'))
    before = single.contents()
    assert f"{name}" in command("redis_backups")
    for arguments in (("redis_restore", name), ("redis_restore", name, "--policies"), ("redis_verify", name)):
        with pytest.raises(CommandError, match=r"its seal is missing.*say --trust"):
            command(*arguments)
    with pytest.raises(CommandError, match="There is no backup “latest”"):
        command("redis_restore", "latest")
    assert "keys restored" in command("redis_restore", name, "--trust")
    assert single.contents() == before


def test_the_latest_is_proven_and_not_of_tomorrow(single: Site, storage: Path) -> None:
    name = backed_up()
    shelf, now = Shelf(), timezone.now()
    kept = find_backup(name, shelf=shelf)
    shelf.change_notes(kept, change=lambda notes: Notes(failed_at=now, failure="It is damaged."))
    with pytest.raises(NoSuchBackup):
        find_backup("latest", shelf=shelf)
    shelf.change_notes(kept, change=lambda notes: Notes())
    assert find_backup("latest", shelf=shelf).name == name


def test_old_data_elsewhere_is_dropped_on_that_server_alone(single: Site, tmp_path: Path) -> None:
    name = backed_up()
    program = PROGRAMS["redis-7.0"]
    one = start_redis(tmp_path / "one", program=program, port=free_port())
    other = start_redis(tmp_path / "other", program=program, port=free_port())
    try:
        command("redis_restore", name, "--whole", "--to", f"{one.url}/0")
        for argument in ("--take-back", "--drop-old"):
            with pytest.raises(CommandError, match="Nothing was changed"):
                command("redis_restore", argument, "--to", f"{other.url}/0")
        assert "was dropped" in command("redis_restore", "--drop-old", "--to", f"{one.url}/0")
    finally:
        one.stop()
        other.stop()


def test_prefixes_are_bytes_as_keys_are(single: Site) -> None:
    typed = b"\xff".decode(errors="surrogateescape")
    assert "2 keys, " in command("redis_backup", "--prefix", typed)
    name = backed_up()
    assert "replace             2\n" in command("redis_restore", name, "--dry-run", "--only", typed)


def test_a_wrong_address_is_not_told_with_its_password(single: Site) -> None:
    password = f"{9 * 1111}-of-mine"
    with pytest.raises(CommandError) as caught:
        command("redis_restore", "latest", "--to", f"http://user:{password}@example.org")
    assert password not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("options", [("--whole",), ()])
@pytest.mark.parametrize("lie", ["counts", "file"])
def test_what_is_trusted_is_looked_into_before_anything_changes(
    lie: str, options: tuple[str, ...], single: Site, storage: Path, tmp_path: Path
) -> None:
    name = backed_up()
    kept = find_backup(name, shelf=Shelf())
    (part,) = kept.manifest.parts
    if lie == "counts":
        part = replace(part, proof=replace(part.proof, counts=(KeyCount(7, keys=1, expiring=0),)))
    else:
        (tmp_path / "plain").write_bytes(b"REDIS0010\x00\x01k\xff")
        stored = pack(tmp_path / "plain", target=storage / name / part.file)
        part = replace(part, plain=digest_of(tmp_path / "plain"), stored=stored)
    document = manifest_document(replace(kept.manifest, parts=(part,)))
    (storage / name / "manifest.json").write_bytes(document)
    before = single.contents()
    with pytest.raises(CommandError, match=r"other keys than its manifest tells of|not well formed"):
        command("redis_restore", name, "--trust", *options)
    assert single.contents() == before
