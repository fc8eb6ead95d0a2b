"""`redis_restore BACKUP [--to URL] [--only PREFIX]… [--without PREFIX]… [--whole] [--dry-run] [--identity FILE]
[--trust]`; `--policies`, `--take-back`, `--drop-old`, `--offline`.
"""

from argparse import ArgumentParser
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from limits.management.exporting import bring_back_from
from portal.operations import runs
from portal.operations.backups import bringing_back, going_back
from portal.operations.backups.bringing_back import Wish
from portal.operations.backups.folders import working_folder
from portal.operations.backups.keeping.fetching import fetch_plain
from portal.operations.backups.keeping.kept import Kept
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.sources import ELSEWHERE
from portal.operations.backups.work import RESTORE, TAKE_BACK, WORK, find_backup, go_back, prefixes_of, restore
from portal.operations.management import offline_restore
from portal.operations.management.backup_command import BackupCommand, Teller
from portal.operations.management.offline_restore import Offline, part_named
from portal.operations.models import KeptData
from portal.redis_address import TAKES, RedisAddress, parse_redis_address


class Command(BackupCommand):
    help = (
        "Bring a backup back onto a server that runs. Without --whole, Celery's queues and the synced policies are "
        "left out, keys that the backup does not hold stay, and what is replaced is kept as a backup of its own."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("backup", nargs="?", help="its name, or latest")
        parser.add_argument("--to", metavar="URL", help="another server than it came from")
        parser.add_argument("--only", action="append", default=[], metavar="PREFIX", help="only keys that begin so")
        parser.add_argument("--without", action="append", default=[], metavar="PREFIX", help="no keys that begin so")
        parser.add_argument(
            "--whole", action="store_true", help="whole databases, nothing left out; old data kept an hour"
        )
        parser.add_argument("--dry-run", action="store_true", help="tell what would change, and change nothing")
        parser.add_argument(
            "--identity", type=Path, metavar="FILE", help="the age identity that opens an encrypted one"
        )
        parser.add_argument("--trust", action="store_true", help="also a backup that this site did not make")
        parser.add_argument("--policies", action="store_true", help="policies, overrides and history into the database")
        parser.add_argument("--take-back", action="store_true", help="undo the last restore with --whole")
        parser.add_argument("--drop-old", action="store_true", help="drop what the last restore with --whole keeps")
        offline_restore.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        to = _address(options["to"]) if options["to"] else None
        if options["take_back"] or options["drop_old"]:
            self._go_back(to, drops=options["drop_old"])
            return
        if not options["backup"]:
            raise CommandError("Name a backup, or latest. `manage.py redis_backups` lists what there is.")
        kept = find_backup(options["backup"], shelf=Shelf(), trusts=options["trust"])
        wish = Wish(
            to=to,
            only=prefixes_of(options, "only"),
            without=prefixes_of(options, "without"),
            is_whole=options["whole"],
            identity=options["identity"],
            trusts=options["trust"],
        )
        if options["offline"]:
            part = part_named(kept, name=options["part"])
            Offline(kept, part, identity=wish.identity, stdout=self.stdout).run(options, to=to)
        elif options["policies"]:
            self._bring_policies_back(kept, wish=wish, is_dry_run=options["dry_run"])
        elif options["dry_run"]:
            self._tell(kept, wish=wish)
        else:
            self._restore(kept, wish=wish)

    def _tell(self, kept: Kept, *, wish: Wish) -> None:
        teller = Teller(self)
        told = bringing_back.look(kept, wish=wish, progress=teller.beside(), shelf=Shelf())
        teller.end()
        self.stdout.write(f"{kept.name} holds {told.keys:,} keys. Nothing was changed. A restore would")
        self.stdout.write(f"    add      {told.added:>12,}")
        self.stdout.write(f"    replace  {told.replaced:>12,}")
        for why, number in told.left_out.items():
            self.stdout.write(f"    leave    {number:>12,}  {why}")
        self.stdout.write(f"    pass by  {told.expired:>12,}  expired by now")
        if told.functions and not wish.is_whole:
            self.stdout.write(f"    leave    {told.functions:>12,}  function libraries: --whole brings them back")
        for number, keys in told.live.items():
            self.stdout.write(f"Database {number} holds {keys:,} keys now.")

    def _restore(self, kept: Kept, *, wish: Wish) -> None:
        source = kept.manifest.source
        run = runs.ask(
            RESTORE,
            slot=self.new_slot(source),
            source=source,
            now=timezone.now(),
            asked_by="command",
            subject=kept.name,
        )
        work = replace(WORK[RESTORE], do=partial(restore, wish=wish))
        self.stdout.write(self.perform(run, work=work).words)

    def _bring_policies_back(self, kept: Kept, *, wish: Wish, is_dry_run: bool) -> None:
        if kept.manifest.truth is None:
            raise CommandError(f"{kept.name} carries no export of the policies. Choose another backup.")
        with working_folder() as folder:
            truth = fetch_plain(kept, kept.manifest.truth, folder=folder, shelf=Shelf(), identity=wish.identity)
            bring_back_from(truth, dry_run=is_dry_run, exact=False, stdout=self.stdout, stderr=self.stderr)

    def _go_back(self, to: RedisAddress | None, *, drops: bool) -> None:
        kept = going_back.newest_kept(to=to, may_be_half=drops)
        if kept is None:
            raise CommandError("No restore with --whole has left old data to go back to. Nothing was changed.")
        if drops:
            going_back.drop(kept, to=to)
            self.stdout.write(f"{kept} was dropped.")
        else:
            self._take_back(kept, to=to)

    def _take_back(self, kept: KeptData, *, to: RedisAddress | None) -> None:
        source = kept.source or ELSEWHERE
        run = runs.ask(
            TAKE_BACK,
            slot=self.new_slot(source),
            source=source,
            now=timezone.now(),
            asked_by="command",
            arguments={"kept_data": kept.pk},
        )
        work = replace(WORK[TAKE_BACK], do=partial(go_back, to=to))
        self.stdout.write(self.perform(run, work=work).words)


def _address(url: str) -> RedisAddress:
    try:
        return parse_redis_address(url)
    except ValueError:
        # Not from the error: its words are the address, with the password in it.
        raise CommandError(f"--to cannot be used. It takes {TAKES}.") from None
