"""`redis_restore BACKUP --offline`: the steps for a server, done on a stopped one, or checked after its start."""

import os
import shutil
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from django.core.management.base import CommandError, OutputWrapper
from django.utils import timezone

from portal.operations.backups.folders import working_folder
from portal.operations.backups.keeping.fetching import fetch_plain
from portal.operations.backups.keeping.kept import Kept
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.manifest import Part
from portal.operations.backups.restoring.offline import carry_out, refuse_too_old, verify
from portal.operations.backups.restoring.server_files import (
    ServerFiles,
    ask_files,
    look_into,
    read_configuration,
)
from portal.operations.backups.restoring.steps import plan
from portal.operations.backups.restoring.target import open_target
from portal.operations.backups.sources import source_named
from portal.redis_address import RedisAddress


def add_arguments(parser: ArgumentParser) -> None:
    """Add what is about an offline restore alone."""
    offline = parser.add_argument_group("the whole server, offline")
    offline.add_argument("--offline", action="store_true", help="print the steps for this very server")
    offline.add_argument("--part", help="of a Cluster: which server's part")
    offline.add_argument("--config", type=Path, metavar="FILE", help="the configuration of a stopped server")
    offline.add_argument("--folder", type=Path, metavar="DIR", help="the data folder of a stopped server")
    offline.add_argument("--carry-out", action="store_true", help="put the backup in place on a stopped server")
    offline.add_argument("--check", action="store_true", help="after its start: loaded + expired = keys in the backup")


@dataclass(frozen=True, slots=True)
class Offline:
    """An offline restore of one part of a backup, which tells `stdout` what it does."""

    kept: Kept
    part: Part
    identity: Path | None
    stdout: OutputWrapper

    def run(self, options: Mapping[str, Any], *, to: RedisAddress | None) -> None:
        """Do what the options ask for. Raises CommandError, CannotRestore, RestoreFailed, KeepingError."""
        address = to or source_named(self.kept.manifest.source).address
        if options["check"]:
            self._check(address)
        elif options["carry_out"]:
            self._carry_out(_stopped(options))
        else:
            self._print(_stopped(options) if options["config"] or options["folder"] else _asked(address))

    def _print(self, files: ServerFiles) -> None:
        plain = Path.cwd() / f"{self.kept.name}-{self.part.name}.rdb"
        with self._plain() as fetched:
            warnings = refuse_too_old(fetched, files=files)
            steps = plan(files, plain=plain, keys=self.part.proof.keys, now=timezone.now())
            _copy_privately(fetched, plain)
        self.stdout.write(f"The backup is unpacked into {plain}, which holds secrets: remove it afterwards.")
        for warning in warnings:
            self.stdout.write(f"Warning: {warning}")
        for number, step in enumerate(steps, 1):
            self.stdout.write(f"\n{number}. {step.words}")
            for line in filter(None, step.command.splitlines()):
                self.stdout.write(f"    {line}")

    def _carry_out(self, files: ServerFiles) -> None:
        with self._plain() as plain:
            placed = carry_out(plain, files=files, now=timezone.now())
        for warning in placed.warnings:
            self.stdout.write(f"Warning: {warning}")
        for old in placed.kept:
            self.stdout.write(f"Kept: {old}")
        self.stdout.write(
            f"{placed.dump} holds the backup. Start the server, then compare: "
            f"`manage.py redis_restore {self.kept.name} --offline --check`."
        )

    def _check(self, address: RedisAddress) -> None:
        with self._plain() as plain, open_target(address) as target:
            loaded = verify(target.server, expected=self.part.proof, plain=plain)
        keys = self.part.proof.keys
        self.stdout.write(f"{loaded.loaded:,} loaded + {loaded.expired:,} expired = {keys:,} keys in the backup.")

    @contextmanager
    def _plain(self) -> Iterator[Path]:
        with working_folder() as folder:
            yield fetch_plain(self.kept, self.part, folder=folder, shelf=Shelf(), identity=self.identity)


def part_named(kept: Kept, *, name: str | None) -> Part:
    """Return the part of a backup; it needs no name where there is one only. Raises CommandError."""
    parts = {part.name: part for part in kept.manifest.parts}
    if name is None and len(parts) == 1:
        return kept.manifest.parts[0]
    if name not in parts:
        raise CommandError(f"Say with --part which of its parts is meant: {', '.join(parts)}.")
    return parts[name]


def _copy_privately(fetched: Path, plain: Path) -> None:
    """Copy a file to where nobody else may read it, from its beginning on; never over one that is there."""
    with (
        open(plain, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as target,
        fetched.open("rb") as source,
    ):
        shutil.copyfileobj(source, target, 1 << 20)


def _asked(address: RedisAddress) -> ServerFiles:
    with open_target(address) as target:
        try:
            return ask_files(target.server)
        except redis.RedisError as error:
            raise CommandError(
                f"{target.place} does not tell where its files are: {error}. Name its configuration with --config."
            ) from error


def _stopped(options: Mapping[str, Any]) -> ServerFiles:
    if options["config"]:
        return read_configuration(options["config"])
    if options["folder"]:
        return look_into(options["folder"])
    raise CommandError("Name the stopped server's configuration with --config, or its folder with --folder.")
