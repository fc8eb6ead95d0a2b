"""What comes back equals what was there: every type, from every kind of servers, plain and encrypted."""

import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from limits.models import Policy
from portal.operations.backups.bringing_back import Wish, bring_back, look, note_proof
from portal.operations.backups.keeping.exceptions import WrongIdentity
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.making import Wanted, make_backup
from portal.operations.backups.manifest import Level, Method
from portal.operations.backups.restoring.target import open_target
from portal.operations.backups.sources import source_named
from tests.portal.operations.backups.keeping.conftest import Identity
from tests.portal.operations.backups.restoring.conftest import Start
from tests.portal.operations.backups.whole.conftest import Site

pytestmark = [pytest.mark.server, pytest.mark.django_db]


def silent(done: int | None = None, total: int | None = None, words: str = "") -> None:
    """Hear of progress."""


def make(**wanted: Any) -> Any:
    wish = Wanted(source_named("redis"), origin="by hand", **wanted)
    return make_backup(wish, now=timezone.now(), progress=silent, shelf=Shelf())  # type: ignore[arg-type]


def restore(kept: Any, **wish: Any) -> Any:
    return bring_back(
        kept,
        wish=Wish(**wish),
        name="restore-1",
        now=timezone.now(),
        progress=silent,
        shelf=Shelf(),  # type: ignore[arg-type]
    )


def without_marks(contents: Any) -> Any:
    return {key: found for key, found in contents.items() if not key[1].startswith(b"portal:")}


@pytest.mark.parametrize("is_encrypted", [False, True], ids=["plain", "encrypted"])
def test_what_comes_back_is_what_was_there(site: Site, identity: Identity, settings: Any, is_encrypted: bool) -> None:
    settings.BACKUP_RECIPIENT = identity.recipient if is_encrypted else ""
    before = site.contents()
    kept = make()
    assert kept.level == Level.LOADS
    assert kept.manifest.keys == len(before)
    assert len(kept.manifest.parts) == (3 if site.address.kind == "redis+cluster" else 1)
    site.empty()
    restored = restore(kept, identity=identity.file if is_encrypted else None)
    assert site.contents() == before
    assert restored.loaded.adds_up
    assert restored.loaded.loaded == len(before)


def test_as_a_whole_it_comes_back_too(site: Site) -> None:
    before = site.contents()
    kept = make()
    site.empty()
    restore(kept, is_whole=True)
    assert without_marks(site.contents()) == before


def test_a_look_tells_how_much_the_whole_of_it_holds(site: Site) -> None:
    before = site.contents()
    told = look(make(), wish=Wish(), progress=silent, shelf=Shelf())  # type: ignore[arg-type]
    assert sum(told.live.values()) == told.replaced == len(before)


def test_of_a_sentinel_set_a_replica_is_asked(site: Site) -> None:
    expected = "replica" if site.address.kind == "redis+sentinel" else "primary"
    assert {part.server.role for part in make().manifest.parts} == {expected}


@pytest.mark.parametrize("method", [Method.WIRE, Method.BGSAVE, Method.LOGICAL])
def test_every_method_makes_a_backup_that_comes_back(single: Site, method: Method) -> None:
    before = single.contents()
    kept = make(method=method)
    assert kept.manifest.parts[0].method == method
    single.empty()
    restore(kept)
    assert single.contents() == before


def test_chosen_prefixes_make_a_small_backup(single: Site) -> None:
    before = single.contents()
    kept = make(prefixes=(b"rl:",))
    single.empty()
    restore(kept)
    assert single.contents() == {key: found for key, found in before.items() if key[1].startswith(b"rl:")}


def test_under_heavy_writes_what_was_not_written_comes_back_as_it_was(single: Site) -> None:
    before = single.contents()
    stop = threading.Event()
    writers = [threading.Thread(target=_write, args=(single, number, stop)) for number in range(4)]
    for writer in writers:
        writer.start()
    try:
        kept = make()
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert kept.level == Level.LOADS
    single.empty()
    restored = restore(kept, is_whole=True)
    after = without_marks(single.contents())
    assert {key: found for key, found in after.items() if not key[1].startswith(b"written:")} == before
    assert restored.compared.equal == kept.manifest.keys


def test_a_restore_onto_a_second_server_is_compared(single: Site, start: Start) -> None:
    second = start("valkey")
    kept = make()
    restored = restore(kept, to=second.address, is_whole=True)
    assert without_marks(Site(second.address).contents()) == single.contents()
    assert restored.compared.equal == kept.manifest.keys
    note_proof(kept, restored=restored, now=timezone.now(), shelf=Shelf())
    assert Shelf().find(kept.name).level == Level.RESTORED  # type: ignore[union-attr]


def test_from_an_object_storage_it_comes_back_too(single: Site, object_storage: str, storage: Path) -> None:
    before = single.contents()
    kept = make()
    assert not storage.exists()
    single.empty()
    restore(kept)
    assert single.contents() == before


def test_without_the_identity_an_encrypted_backup_stays_closed(single: Site, identity: Identity, settings: Any) -> None:
    settings.BACKUP_RECIPIENT = identity.recipient
    kept = make()
    before = single.contents()
    with pytest.raises(WrongIdentity, match="--identity"):
        restore(kept)
    assert single.contents() == before


def test_no_plain_file_is_left_behind(single: Site, storage: Path, settings: Any, identity: Identity) -> None:
    settings.BACKUP_RECIPIENT = identity.recipient
    restore(make(), identity=identity.file)
    left = [path.name for path in (settings.VAR / "backup-work").rglob("*")]
    assert left == []
    assert all(b"REDIS00" not in path.read_bytes() for path in storage.rglob("*") if path.suffix == ".age")


def test_the_policies_come_back_into_an_empty_database(single: Site, capsys: pytest.CaptureFixture[str]) -> None:
    before = {policy.slug: policy.as_value() for policy in Policy.objects.all()}
    assert before
    kept = make()
    Policy.objects.all().delete()
    call_command("redis_restore", kept.name, "--policies")
    assert {policy.slug: policy.as_value() for policy in Policy.objects.all()} == before


def _write(site: Site, number: int, stop: threading.Event) -> None:
    with open_target(site.address) as target:
        client = target.database(0)
        for turn in range(1_000_000):
            if stop.is_set():
                return
            client.set(f"written:{number}:{turn % 5000}", turn, px=60_000_000)
            client.delete(f"written:{number}:{(turn * 7) % 5000}")
