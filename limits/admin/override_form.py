"""The form of an override: whom it is for in people's words, what holds, until when, and why."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString

from limits import services, subjects
from limits.admin.changes import CONFLICT
from limits.conf import conf
from limits.core.overrides import Effect, Kind, OverrideError
from limits.models import Override, Policy
from limits.models.overrides import EFFECTS, KINDS, address_ends, is_far

FOR_ALL = "All policies"
LOCKS_OUT = "You are among those: this could lock you out."
OWN_RATES = "The other rates hold for you, too: if they are few, they could lock you out."
_HOUR, _DAY = 3600, 86_400
ONE_DAY = str(_DAY)
LASTS = (
    ("", "Until the moment below"),
    (str(_HOUR), "One hour"),
    (ONE_DAY, "One day"),
    (str(7 * _DAY), "One week"),
    (str(30 * _DAY), "30 days"),
)


class Radios(forms.RadioSelect):
    """Radio buttons, of which the first alone takes the focus when the page opens."""

    def create_option(
        self, name: str, value: Any, label: Any, selected: Any, index: int, *args: Any, **kwargs: Any
    ) -> Any:
        option = super().create_option(name, value, label, selected, index, *args, **kwargs)
        if index:
            option["attrs"].pop("autofocus", None)
        return option


class WhatHoldsForm(forms.ModelForm[Override]):
    """What holds, under which policy, from when until when, and why: for whomever it may be."""

    lasts = forms.ChoiceField(
        choices=LASTS,
        required=False,
        help_text="Counted from its beginning.",
    )
    policy = forms.ChoiceField(required=False, help_text="One that names a policy beats one for all.")
    effect = forms.ChoiceField(choices=EFFECTS, widget=Radios(attrs={"class": "radiolist"}))

    own_subjects: Collection[str] = ()
    """Every subject that whoever fills in this form is."""
    by_name = False
    """Whether whoever fills in this form may know who has an account."""
    may_look = False
    """Whether whoever fills in this form may look at overrides: nobody else is told whom others are for."""

    class Meta:
        model = Override
        fields = ("policy", "effect", "rates", "since", "until", "reason")
        widgets = {
            "rates": forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
            "reason": forms.TextInput(attrs={"class": "vTextField"}),
        }
        help_texts = {
            "rates": "For “Other rates” only. One to four, one a line: 600 per minute, 20000/d. They stand in for "
            "those of the policy, and what has been counted stays counted.",
            "reason": "Why, for whoever meets it later. Leave secrets and addresses out of it: it is kept.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "policy" in self.fields:
            self.fields["policy"].choices = _policy_choices(self.instance.policy)  # type: ignore[attr-defined]
        if "until" in self.fields:
            self.fields["until"].help_text = (
                f"Empty: for ever. An override for one address lasts {conf.address_days} days at most, for it keeps "
                "where a person is. A network may stand for ever, one of a single address such as 198.51.100.7/32 too."
            )

    def focus_on_first_empty(self, *names: str) -> None:
        """Have an untouched form open with the focus on the first of these fields that nothing is filled in for."""
        empty = (name for name in names if not self.get_initial_for_field(self.fields[name], name))
        if not self.is_bound and (first := next(empty, "")):
            self.fields[first].widget.attrs["autofocus"] = True

    def add_error(self, field: str | None, error: Any) -> None:
        """Add an error, but none of the model's about a field that could not be read: that one is told already."""
        if field is None and hasattr(error, "error_dict"):
            told = {name: found for name, found in error.error_dict.items() if name not in self.errors}
            if not told:
                return
            error = forms.ValidationError(told)
        super().add_error(field, error)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("since") and cleaned.get("lasts"):
            if cleaned.get("until"):
                self.add_error("lasts", "Choose how long it lasts, or give a moment below, not both.")
            elif not is_far(cleaned["since"]):
                cleaned["until"] = cleaned["since"] + timedelta(seconds=int(cleaned["lasts"]))
        return cleaned

    def would_lock_out(self, override: Override) -> bool:
        """Say whether it would deny whoever fills in this form."""
        # Under one policy, too: it may be the one that the login counts by.
        return override.effect == Effect.DENIED and override.subject in self.own_subjects

    def gives_own_rates(self, override: Override) -> bool:
        """Say whether it gives other rates to whoever fills in this form: how few are too few depends."""
        return override.effect == Effect.RATES and override.subject in self.own_subjects


class OverrideForm(WhatHoldsForm):
    """Carries the version that editing began with: whoever saves second is told, and nothing is overwritten."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    others: Collection[Override] = ()
    """Others for the same subject and policy, at other times; known once the form is found to be right."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "seen_version" in self.fields:
            self.fields["seen_version"].initial = self.instance.version

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.instance.pk:
            self._refuse_a_stale_edit(cleaned.get("seen_version"))
        if self.instance.kind == Kind.ADDRESS and not cleaned.get("until") and "until" not in self.errors:
            cleaned["until"] = address_ends()
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if not self.errors and self.would_lock_out(self.instance):
            self.add_error(None, f"{LOCKS_OUT} Nothing was saved.")
        if not self.errors:
            self._look_for_others()

    def _look_for_others(self) -> None:
        self.others = services.others_like(self.instance)
        words = subjects.in_words([self.instance.subject], by_name=self.by_name)
        for other in self.others:
            other.in_words = words[other.subject]
            if other.overlaps(self.instance):
                self.add_error(None, _told_of_another(other, may_look=self.may_look))

    def _refuse_a_stale_edit(self, version: int | None) -> None:
        # Locked for the rest of the transaction that the admin saves in: nobody comes between.
        stored = Override.objects.select_for_update().filter(pk=self.instance.pk).first()
        if stored is None:
            raise forms.ValidationError("Somebody deleted this override meanwhile. Nothing was saved.", code=CONFLICT)
        if stored.version != version:
            raise forms.ValidationError(
                f"This override was saved by {stored.saved_by} while you were editing. Nothing of yours was saved, "
                "and what you typed is still below. Open it anew to see theirs.",
                code=CONFLICT,
            )
        self.instance.version = stored.version


class NewOverrideForm(OverrideForm):
    """Asks whom it is for, too: that is never changed afterwards."""

    about = forms.ChoiceField(
        label="For",
        choices=KINDS,
        widget=forms.RadioSelect(attrs={"class": "radiolist"}),
        initial=Kind.ADDRESS.value,
    )
    who = forms.CharField(
        label="Which",
        max_length=512,
        strip=False,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
        help_text="203.0.113.9, 198.51.100.0/24, a user's name or mail address, a group's name, or what the client "
        "sends. What a client sends is turned into a hash at once and never stored.",
    )
    sent_in = forms.ChoiceField(
        label="Sent in", required=False, help_text="For “What a client sends”: the header or field of a policy."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(key, key) for key in subjects.typed_keys()]
        self.fields["sent_in"].choices = [("", "–"), *choices]  # type: ignore[attr-defined]
        if not choices:
            self.fields["sent_in"].help_text = "No policy counts by a header or a field, so there is none to choose."
        self.focus_on_first_empty("who", "effect", "reason")

    def clean(self) -> dict[str, Any]:
        kind, who = self.cleaned_data.get("about"), self.cleaned_data.get("who")
        if kind and who:
            try:
                key = self.cleaned_data.get("sent_in", "")
                named = subjects.subject_filled_in(who, kind=Kind(kind), key=key, by_name=self.by_name)
                self.instance.place(named)
            except OverrideError as error:
                self.add_error(
                    "who" if kind != Kind.VALUE or self.cleaned_data.get("sent_in") else "sent_in", str(error)
                )
        return super().clean()


def link_to(override: Override) -> SafeString:
    """Return what an override says, as a link to its page; no link where the database told no id of it."""
    if override.pk is None:
        return conditional_escape(override)
    url = reverse("admin:limits_override_change", args=(override.pk,))
    return format_html('<a href="{}">{}</a>', url, override)


def which_one(other: Override, *, may_look: bool) -> SafeString:
    """Return the end of a sentence that tells of another override: which one it is, for those who may look at it."""
    return format_html(": {}.", link_to(other)) if may_look else SafeString(".")


def _told_of_another(other: Override, *, may_look: bool) -> forms.ValidationError:
    told = format_html(
        "There is one already that holds at the same time{} Change that one, or let this one begin once it has "
        "ended. Nothing was saved.",
        which_one(other, may_look=may_look),
    )
    return forms.ValidationError(told, code="exists")


def _policy_choices(current: str) -> list[tuple[str, str]]:
    slugs = list(Policy.objects.values_list("slug", flat=True))
    gone = [(current, f"{current} (deleted)")] if current and current not in slugs else []
    return [("", FOR_ALL), *((slug, slug) for slug in slugs), *gone]
