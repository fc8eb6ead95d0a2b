"""The page that tells which override wins for a client, and which others lose to it, from the database as it is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from limits import subjects
from limits.admin.acting import may_know_users
from limits.admin.override_columns import effect_in_words, until_in_words
from limits.admin.override_form import FOR_ALL
from limits.core.overrides import Kind, OverrideError, in_order
from limits.models import Override, Policy


@dataclass(frozen=True, slots=True)
class Row:
    """One override that is for the client, and what becomes of it."""

    pk: int
    whom: str
    what: str
    under: str
    until: str
    outcome: str
    wins: bool


class WhichForm(forms.Form):
    """A policy, and as much of a client as is known."""

    policy = forms.ModelChoiceField(Policy.objects.all(), to_field_name="slug", empty_label=None)
    address = forms.CharField(required=False, max_length=100, help_text="Such as 203.0.113.9")
    user = forms.CharField(required=False, max_length=254, help_text="A name, a mail address or an id")
    sent = forms.CharField(
        label="What it sends",
        required=False,
        max_length=512,
        strip=False,
        help_text="In the header or field that the policy counts by. It is hashed, and not kept.",
    )

    def __init__(self, *args: Any, by_name: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not by_name:
            # Which overrides win for a user tells that there is one, and of which groups.
            del self.fields["user"]
        for name in self.fields.keys() - {"policy"}:
            self.fields[name].widget.attrs |= {"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        policy = cleaned.get("policy")
        if policy is None:
            return cleaned
        cleaned["subjects"] = [
            *self._named("address", subjects.subjects_of_address),
            *self._named("user", subjects.subjects_of_user),
            *self._named("sent", lambda text: _values(text, policy)),
        ]
        if not cleaned["subjects"] and not self.errors:
            user = " a user," if "user" in self.fields else ""
            raise forms.ValidationError(f"Give an address,{user} or what the client sends.")
        return cleaned

    def _named(self, name: str, find: Any) -> list[str]:
        text = self.cleaned_data.get(name, "")
        if not text.strip():
            return []
        try:
            return list(find(text))
        except OverrideError as error:
            self.add_error(name, str(error))
            return []


def which_wins(request: HttpRequest, *, model_admin: Any) -> HttpResponse:
    """Answer the page. It is posted, so that no secret stands in an address or a log. Raises PermissionDenied."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    by_name = may_know_users(request)
    form = WhichForm(request.POST if request.method == "POST" else None, by_name=by_name)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Which override wins?",
        "opts": model_admin.opts,
        "media": model_admin.media,
        "form": form,
    }
    if form.is_bound and form.is_valid():
        named, policy = form.cleaned_data["subjects"], form.cleaned_data["policy"]
        context["policy"] = policy
        context["rows"] = _rows(named, policy=policy, now=timezone.now(), by_name=by_name)
        context["wins"] = any(row.wins for row in context["rows"])
    return TemplateResponse(request, "admin/limits/override/which.html", context)


def _values(text: str, policy: Policy) -> list[str]:
    keys = [str(part) for part in policy.key.parts if part.kind in ("header", "field")]
    if not keys:
        raise OverrideError(f"“{policy.slug}” counts by no header or field, so what is sent changes nothing.")
    return [subjects.subject_named(text, kind=Kind.VALUE, key=key) for key in keys]


def _rows(named: list[str], *, policy: Policy, now: datetime, by_name: bool) -> list[Row]:
    """Return those that hold, the winner first, then those that do not."""
    found = Override.objects.filter(subject__in=named, policy__in=("", policy.slug))
    # A database may compare without case.
    rows = {row.pk: row for row in found if row.subject in named}
    ordered = in_order(row.as_value() for row in rows.values())
    holding = [value.id for value in ordered if value.holds(at=now.timestamp())]
    others = [value.id for value in ordered if value.id not in holding]
    words = subjects.in_words([row.subject for row in rows.values()], by_name=by_name)
    return [
        _row(rows[pk], words, now=now, place=place, holds=len(holding)) for place, pk in enumerate(holding + others)
    ]


def _row(override: Override, words: dict[str, str], *, now: datetime, place: int, holds: int) -> Row:
    wins = place == 0 and holds > 0
    if place >= holds:
        outcome = "has ended" if override.until and override.until <= now else "has not begun"
    else:
        outcome = "wins" if wins else "loses to the one above"
    return Row(
        pk=override.pk,
        whom=words[override.subject],
        what=effect_in_words(override),
        under=override.policy or FOR_ALL,
        until=until_in_words(override, now=now),
        outcome=outcome,
        wins=wins,
    )
