"""Who may do what with backups. Buttons are shown by it, and each view asks again."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

ACTIONS = ("take_backup", "prove_backup", "pin_backup", "download_backup", "restore_backup")


def may(request: HttpRequest, codename: str) -> bool:
    """Say whether somebody who may look at backups may do this with them, too."""
    return request.user.has_perms(("operations.view_backup", f"operations.{codename}"))


def demand(request: HttpRequest, codename: str) -> None:
    """Raise PermissionDenied unless somebody may."""
    if not may(request, codename):
        raise PermissionDenied


def rights(request: HttpRequest) -> dict[str, bool]:
    """Return all of them by name, for templates."""
    return {codename: may(request, codename) for codename in ACTIONS}
