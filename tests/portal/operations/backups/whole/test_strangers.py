"""What this site did not make is used only by who asks for it."""

from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import CommandError

from portal.operations.backups.keeping.codec import pack
from portal.operations.backups.keeping.hashing import digest_of
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.manifest import KeyCount, manifest_document
from portal.operations.backups.work import find_backup
from tests.portal.operations.backups.whole.commands import backed_up, command
from tests.portal.operations.backups.whole.conftest import Site

pytestmark = [pytest.mark.server, pytest.mark.django_db]


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
