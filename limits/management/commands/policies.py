"""`policies list`, `mode POLICY enforce|shadow|off`, `sync [--check]`, `dump [FILE]`, `bring-back FILE`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from limits import services, sync
from limits.core.policies import Algorithm, Mode
from limits.management import exporting
from limits.management.store_command import StoreCommand
from limits.models import Policy
from limits.services import Actor


class Command(StoreCommand):
    help = "The policies: list them, write them to Redis, or all of the truth to a file, and bring it back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        commands.add_parser("list", help="each policy, whom it counts and its rates")
        mode = commands.add_parser("mode", help="enforce a policy, only try it, or switch it off, without the admin")
        mode.add_argument("policy")
        mode.add_argument("mode", choices=[*Mode])
        write = commands.add_parser("sync", help="write the database's policies to Redis")
        write.add_argument("--check", action="store_true", help="only tell; exit 1 when they differ")
        dump = commands.add_parser("dump", help="write all policies, overrides and revisions to a file, or to stdout")
        dump.add_argument("file", nargs="?", type=Path, help="compressed where the name ends in .zst")
        back = commands.add_parser("bring-back", help="bring back what a dump, or the export in a backup, holds")
        back.add_argument("file", type=Path, help="plain, or compressed by zstd")
        back.add_argument("--dry-run", action="store_true", help="only tell what would be done")
        back.add_argument(
            "--exact", action="store_true", help="delete policies and overrides that the export does not know"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["command"] == "list":
            self._list()
        elif options["command"] == "mode":
            self._set_mode(options["policy"], mode=Mode(options["mode"]))
        elif options["command"] == "dump":
            exporting.dump(options["file"], stdout=self.stdout, stderr=self.stderr)
        elif options["command"] == "bring-back":
            self._bring_back(options["file"], dry_run=options["dry_run"], exact=options["exact"])
        elif options["check"]:
            self._check()
        else:
            self._sync()

    def _list(self) -> None:
        for policy in Policy.objects.all():
            parts = [", ".join(map(str, policy.rates)), f"by {policy.key}", " ".join(policy.methods) or "every method"]
            if policy.algorithm != Algorithm.FIXED_WINDOW:
                parts.append(policy.get_algorithm_display().lower())
            if policy.view or policy.path:
                parts.append(f"view {policy.view}" if policy.view else f"path {policy.path}")
            mode = "" if policy.mode == Mode.ENFORCE else f"  ({policy.mode})"
            self.stdout.write(f"{policy.slug:<16} {'; '.join(parts)}{mode}")

    def _set_mode(self, slug: str, *, mode: Mode) -> None:
        policy = Policy.objects.filter(slug=slug).first()
        if policy is None:
            known = ", ".join(Policy.objects.values_list("slug", flat=True))
            raise CommandError(f"There is no policy “{slug}”. There are: {known}.")
        try:
            changed = services.set_mode(policy, mode=mode, actor=Actor(name="policies", origin="command line"))
        except ValidationError as error:
            raise CommandError(f"Nothing was changed: {' '.join(error.messages)}") from error
        self.stdout.write(f"{slug}: {mode}." if changed else f"{slug}: {mode} already.")

    def _bring_back(self, path: Path, *, dry_run: bool, exact: bool) -> None:
        exporting.bring_back_from(path, dry_run=dry_run, exact=exact, stdout=self.stdout, stderr=self.stderr)

    def _sync(self) -> None:
        wrote = sync.reconcile(thorough=True)
        self.stdout.write("Redis has the policies now." if wrote else "Redis has the policies already.")

    def _check(self) -> None:
        found = sync.compare(thorough=True)
        if found.in_step:
            self.stdout.write(f"In step, version {found.version}.")
            return
        parts = [
            f"{what}: {', '.join(slugs)}"
            for what, slugs in (
                ("missing", found.difference.missing),
                ("too many", found.difference.surplus),
                ("different", found.difference.changed),
            )
            if slugs
        ]
        raise CommandError(f"Redis is not in step: {'; '.join(parts) or 'an older version of equal policies'}.")
