"""Giving out a stored file of a backup, written down before the first byte leaves: an RDB holds secrets."""

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils import timezone

from limits.admin.acting import actor_of
from portal.operations.admin.rights import demand
from portal.operations.backups import inventory
from portal.operations.backups.keeping.exceptions import KeepingError
from portal.operations.backups.keeping.kept import MANIFEST, Kept, stored_files
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.manifest import manifest_document
from portal.operations.backups.work import NoSuchBackup, find_backup
from portal.operations.models import Backup, BackupAction


def download(request: HttpRequest, row: Backup, *, page_url: str) -> HttpResponseBase:
    """Send the file that the form names as an attachment, as it is stored. It is never held in memory whole."""
    demand(request, "download_backup")
    name, shelf = request.POST.get("file", ""), Shelf()
    try:
        kept = find_backup(row.name, shelf=shelf)
        answer = _answer(kept, file=name, shelf=shelf)
    except (KeepingError, NoSuchBackup) as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(page_url)
    try:
        actor = actor_of(request)
        words = f"{name}, to {actor.origin}" if actor.origin else name
        inventory.note_action(
            BackupAction.Done.DOWNLOADED, backup=row.name, who=actor.name, now=timezone.now(), words=words
        )
    except BaseException:
        answer.close()
        raise
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


def _answer(kept: Kept, *, file: str, shelf: Shelf) -> HttpResponseBase:
    as_name = f"{kept.name}-{file}"
    if file == MANIFEST:
        answer = HttpResponse(manifest_document(kept.manifest), content_type="application/json")
        answer.headers["Content-Disposition"] = f'attachment; filename="{as_name}"'
        return answer
    stored = next((stored for stored in stored_files(kept.manifest) if stored.file == file), None)
    if stored is None:
        raise NoSuchBackup(f"{kept.name} has no file of that name.")
    streamed = FileResponse(
        shelf.open_stored(kept, file=file),
        as_attachment=True,
        filename=as_name,
        content_type="application/octet-stream",
    )
    # A file that was cut meanwhile then ends as a failed download, not as a whole one.
    streamed.headers["Content-Length"] = str(stored.stored.size_bytes)
    return streamed
