"""Who acts in the admin, and the word about what became of it."""

from django.contrib import messages
from django.contrib.auth import get_permission_codename, get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from django.utils.html import format_html

from limits import identity, sync
from limits.exceptions import StoreUnavailable
from limits.services import Actor


def actor_of(request: HttpRequest) -> Actor:
    """Return who is logged in, and from which address."""
    user = request.user
    assert isinstance(user, AbstractBaseUser), "the admin lets nobody in who is not logged in"
    return Actor(name=user.get_username(), origin=identity.address_of(request), user_id=user.pk)


def may_know_users(request: HttpRequest) -> bool:
    """Say whether somebody may see who has an account: whoever may not is told ids alone."""
    opts = get_user_model()._meta
    return request.user.has_perm(f"{opts.app_label}.{get_permission_codename('view', opts)}")


def tell_whether_in_force(request: HttpRequest, *, undo_url: str = "") -> None:
    """Leave a message that says when what was saved comes into force, with a link to where it is undone.

    Ask for it once the write is committed.
    """
    try:
        in_step = sync.is_in_step()
    except StoreUnavailable:
        messages.warning(
            request,
            "Saved, but not in force yet: Redis cannot be reached. Until it can, each policy does what it said before "
            "for a time without Redis. The change comes into force by itself, within seconds of Redis's return. "
            "To have it at once, restart the web processes: they begin with the database.",
        )
        return
    if in_step:
        undo = format_html(' <a href="{}">Undo…</a>', undo_url) if undo_url else ""
        messages.info(request, format_html("In force on every worker within a second.{}", undo))
    else:
        messages.warning(request, "Saved. Another change came at the same moment: both are in force within seconds.")
