"""What the admin says of a change: in the history, on the page that undoes one, and where two people collide."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.core.exceptions import NON_FIELD_ERRORS
from django.db.models import Model
from django.forms import ModelForm
from django.utils import timezone

CONFLICT = "conflict"
"""The code of an error that tells of somebody who was quicker."""

Words = Mapping[str, Mapping[str, str]]
"""How to call values of fields, by the fields' names; '' stands for nothing there."""


class Change(NamedTuple):
    """What a field is, and what it becomes."""

    label: str
    now: str
    then: str

    def __str__(self) -> str:
        return f"{self.label}: {self.now} → {self.then}"


def changes(model: type[Model], *, now: Mapping[str, Any], then: Mapping[str, Any], words: Words) -> list[Change]:
    """Return what of `then` differs from `now`, in people's words and under the fields' labels."""
    found = []
    for name, value in then.items():
        field: Any = model._meta.get_field(name)
        known = dict(field.flatchoices) | dict(words.get(name, {}))
        label = f"{field.verbose_name[:1].upper()}{field.verbose_name[1:]}"
        change = Change(label, _in_words(now.get(name), known), _in_words(value, known))
        if change.now != change.then:
            found.append(change)
    return found


def changes_in(form: ModelForm[Any], *, words: Words) -> list[Change]:
    """Return what somebody changed in a form."""
    then = {name: value for name, value in form.cleaned_data.items() if name in form.initial}
    return changes(form._meta.model, now=form.initial, then=then, words=words)


def told(changed: Iterable[Change]) -> str:
    """Return changes as the history tells them, without a full stop; '' for none."""
    return "; ".join(map(str, changed)).removesuffix(".")


def head_a_conflict(context: dict[str, Any]) -> None:
    """Where a form is refused for a conflict alone, have the page say that, and not that something is to be corrected.

    `context`: that of Django's page of a form, whose template shows `conflict`.
    """
    form = context["adminform"].form
    if form.errors.keys() == {NON_FIELD_ERRORS} and form.has_error(NON_FIELD_ERRORS, CONFLICT):
        context |= {"errors": [], "conflict": form.non_field_errors()}


def _in_words(value: Any, words: Mapping[str, str]) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value in (None, "", [], ()):
        return words.get("", "–")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S}"
    return str(words.get(value, value))
