"""The policy's form: what was typed is kept, and what is wrong is told beside the field."""

from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString

from limits.models import Policy, Revision
from limits.services import POLICY


class PolicyForm(forms.ModelForm[Policy]):
    """Carries the version that editing began with: whoever saves second is told, and nothing is overwritten."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    reason = forms.CharField(
        required=False,
        max_length=200,
        help_text="Why you change it, for whoever reads the history. You may leave it empty.",
    )

    class Meta:
        model = Policy
        fields = ("slug", "title", "description", "enabled", "key", "methods", "rates")
        widgets = {
            "description": forms.Textarea(attrs={"rows": 3}),
            "rates": forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "seen_version" in self.fields:
            self.fields["seen_version"].initial = self.instance.version

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.instance.pk:
            self._refuse_a_stale_edit(cleaned.get("seen_version"))
        return cleaned

    def _refuse_a_stale_edit(self, version: int | None) -> None:
        # Locked for the rest of the transaction that the admin saves in: nobody comes between.
        stored = Policy.objects.select_for_update().filter(pk=self.instance.pk).first()
        if stored is None:
            raise forms.ValidationError("Somebody deleted this policy meanwhile. Nothing was saved.")
        if stored.version != version:
            raise forms.ValidationError(_told_of_conflict(stored), code="conflict")
        self.instance.version = stored.version


def _told_of_conflict(stored: Policy) -> SafeString:
    latest = Revision.objects.filter(subject_type=POLICY, subject=stored.slug).first()
    who = f"{latest.actor_name} at {latest.at:%H:%M:%S} UTC" if latest else "somebody"
    now = f"now {', '.join(map(str, stored.rates))} by {stored.key}, {'on' if stored.enabled else 'off'}"
    return format_html(
        "This policy was saved by {} while you were editing: it is {}. Nothing of yours was saved, and what you typed "
        'is still below. <a href="" target="_blank">Open the policy anew</a> to see theirs, and change it there.',
        who,
        now,
    )
