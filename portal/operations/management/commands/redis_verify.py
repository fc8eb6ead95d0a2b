"""`redis_verify BACKUP [--identity FILE] [--trust]`"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.utils import timezone

from portal.operations.backups import inventory
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.manifest import Level
from portal.operations.backups.proving_again import prove_again
from portal.operations.backups.work import find_backup, proof_words
from portal.operations.management.backup_command import BackupCommand, Teller


class Command(BackupCommand):
    help = "Prove a backup that lies in the storage: whole, well formed, and a server loads it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("backup", help="its name, or latest")
        parser.add_argument(
            "--identity", type=Path, metavar="FILE", help="the age identity that opens an encrypted one"
        )

        parser.add_argument("--trust", action="store_true", help="also a backup that this site did not make")

    def handle(self, *args: Any, **options: Any) -> None:
        shelf, teller = Shelf(), Teller(self)
        kept = find_backup(options["backup"], shelf=shelf, trusts=options["trust"])
        try:
            kept = prove_again(
                kept, now=timezone.now(), progress=teller.beside(), shelf=shelf, identity=options["identity"]
            )
        finally:
            teller.end()
            inventory.take_inventory(now=timezone.now(), shelf=shelf)
        proof = kept.notes.proven[-1]
        self.stdout.write(proof_words(kept))
        for warning in proof.warnings:
            self.stdout.write(f"Warning: {warning}")
        if proof.level == Level.STORED:
            self.stdout.write("It is encrypted: name the file of its age identity with --identity to prove more.")
