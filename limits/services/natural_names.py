"""Users and groups by their names, which they keep where a database gives them other ids."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError

from limits.core.overrides import Kind, kind_of
from limits.subjects import user_subject


def is_by_name(subject: str) -> bool:
    """Say whether a subject is a user or a group, which is known elsewhere by its name alone."""
    return subject.startswith((f"{Kind.USER}=", f"{Kind.GROUP}="))


def names_of(subjects: Iterable[str]) -> dict[str, str]:
    """Return the name of each subject that is a user or a group; of those who are gone none."""
    found = set(filter(is_by_name, subjects))
    model = get_user_model()
    users = _with_ids(model._default_manager, _ids(found, kind=Kind.USER, model=model))
    groups = _with_ids(Group.objects, _ids(found, kind=Kind.GROUP, model=Group))
    return {user_subject(user): user.get_username() for user in users} | {
        _group_subject(group): group.name for group in groups
    }


def subjects_by_name(named: Iterable[tuple[Kind, str]]) -> dict[tuple[Kind, str], str]:
    """Return the subject of each user and group of that kind and name; of those that do not exist none."""
    found = set(named)
    users = users_by_name(name for kind, name in found if kind is Kind.USER)
    groups = Group.objects.filter(name__in=[name for kind, name in found if kind is Kind.GROUP])
    return {(Kind.USER, name): user_subject(user) for name, user in users.items()} | {
        (Kind.GROUP, group.name): _group_subject(group) for group in groups
    }


def users_by_name(names: Iterable[str]) -> dict[str, Any]:
    """Return each user by the name to log in with, written exactly so; of those who do not exist none."""
    asked = set(names)
    model = get_user_model()
    users = model._default_manager.filter(**{f"{model.USERNAME_FIELD}__in": asked}) if asked else ()
    # A database may compare without case.
    return {user.get_username(): user for user in users if user.get_username() in asked}


def login_names(ids: Iterable[Any]) -> dict[Any, str]:
    """Return the name to log in with of each user by the id."""
    return {user.pk: user.get_username() for user in _with_ids(get_user_model()._default_manager, ids)}


def named(subject: str, *, name: str) -> tuple[Kind, str]:
    """Return how `subjects_by_name` is asked for a subject of that name."""
    return kind_of(subject), name


def _with_ids(manager: Any, ids: Iterable[Any]) -> Any:
    asked = set(ids)
    return manager.filter(pk__in=asked) if asked else ()


def _ids(subjects: Iterable[str], *, kind: Kind, model: Any) -> Iterator[Any]:
    """Yield the ids that can be such in this database."""
    for subject in subjects:
        if kind_of(subject) is kind:
            with suppress(ValidationError):
                yield model._meta.pk.clean(subject.partition("=")[2], None)


def _group_subject(group: Group) -> str:
    return f"{Kind.GROUP}={group.pk}"
