"""`redis_backups [--json]`, `--plan`, `--check`, `--pin NAME`, `--unpin NAME`: what there is."""

import json
from argparse import ArgumentParser
from typing import Any

import msgspec
from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.timesince import timesince

from portal.operations.backups import inventory, pinning, standing, tidying
from portal.operations.backups.keeping.kept import Kept
from portal.operations.backups.keeping.place import place
from portal.operations.backups.keeping.retention import Verdict
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.work import LEVELS, find_backup
from portal.operations.management.backup_command import BackupCommand
from portal.operations.models import BackupPlan
from portal.operations.units import plain, size


class Command(BackupCommand):
    help = "List the backups, newest first, and what lies among them and is none."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")
        parser.add_argument("--check", action="store_true", help="end with 1 unless a proven one is there in time")
        parser.add_argument("--plan", action="store_true", help="tell what the plan keeps, and why")
        parser.add_argument("--pin", metavar="NAME", help="keep this one for good")
        parser.add_argument("--unpin", metavar="NAME", help="let the plan judge this one again")

    def handle(self, *args: Any, **options: Any) -> None:
        shelf = Shelf()
        if name := options["pin"] or options["unpin"]:
            pinning.pin(
                find_backup(name, shelf=shelf, trusts=True), pinned=bool(options["pin"]), who="command", shelf=shelf
            )
        found = inventory.take_inventory(now=timezone.now(), shelf=shelf)
        if options["check"]:
            self._check()
            return
        if options["json"]:
            self.stdout.write(json.dumps([_plain(kept) for kept in found.kept], indent=1))
            return
        reasons = self._reasons(found.kept) if options["plan"] else {}
        for kept in found.kept:
            self.stdout.write(_line(kept) + reasons.get(kept.name, ""))
        for rubbish in found.rubbish:
            self.stdout.write(f"{rubbish.name}: no backup. {rubbish.why}")
        if not found.kept:
            self.stdout.write(f"There is no backup yet in {place()}: `manage.py redis_backup` makes one.")

    def _check(self) -> None:
        found = standing.standings(now=timezone.now())
        if wrong := [each.words for each in found if each.verdict is not standing.Verdict.GOOD]:
            raise CommandError(" ".join(wrong))
        for each in found:
            self.stdout.write(each.words)

    def _reasons(self, kept: tuple[Kept, ...]) -> dict[str, str]:
        verdicts = tidying.verdicts(kept, plan=BackupPlan.current(), now=timezone.now())
        return {verdict.name: _reason(verdict) for verdict in verdicts}


def _reason(verdict: Verdict) -> str:
    what = "stays" if verdict.kept else "goes after the next backup"
    return f"\n    {what}: {', '.join(verdict.reasons)}"


def _line(kept: Kept) -> str:
    manifest = kept.manifest
    age = plain(timesince(manifest.began_at)).partition(",")[0]
    parts = [
        f"{manifest.keys:,} key{'' if manifest.keys == 1 else 's'}",
        plain(size(manifest.stored_bytes)),
        LEVELS[kept.level],
        *(["encrypted"] if manifest.is_encrypted else []),
        *(["pinned"] if kept.notes.is_pinned else []),
        *([f"FAILED: {kept.notes.failure}"] if kept.notes.failed_at else []),
        *kept.problems,
    ]
    return f"{kept.name}  {age} old; {', '.join(parts)}"


def _plain(kept: Kept) -> dict[str, Any]:
    manifest, notes = msgspec.to_builtins(kept.manifest), msgspec.to_builtins(kept.notes)
    return {"manifest": manifest, "notes": notes, "level": int(kept.level), "problems": list(kept.problems)}
