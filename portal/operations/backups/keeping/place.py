"""Where backups are stored, as people read it."""

from django.conf import settings


def place() -> str:
    """Return the folder, or the storage's address without its options: `s3://bucket/folder`."""
    url: str = settings.BACKUP_STORAGE_URL
    return url.partition("?")[0] or str(settings.BACKUP_DIR)


def where_to_look() -> str:
    """Return what to do about a storage that failed, as a sentence."""
    if settings.BACKUP_STORAGE_URL:
        return "Look at BACKUP_STORAGE_URL, at its keys and at the room there."
    return f"Look at {settings.BACKUP_DIR} (BACKUP_DIR): is it there, may this user write to it, and is there room?"
