"""The channel's form: the address is typed, and never shown again."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from portal.operations.admin.telling.channel_words import reach
from portal.operations.models import Channel
from portal.operations.watching.telling.notifying import service_at

_ADDRESS_HELP = (
    "For e-mail one mail address, such as ops@example.org. For the rest an address of apprise, such as "
    "slack://token_a/token_b/token_c/#channel, msteams://…, or jsons://user:password@example.org/path for a webhook. "
    "It may hold a secret, so it is never shown again."
)
_UNKNOWN = (
    "No service can be told at such an address. Of Slack and Teams the webhook's own https address does; any other "
    "webhook begins with jsons:// (json:// without TLS)."
)
_READS_MORE = (
    "Such an address has this server read a file, or another page, and send what is there. Leave out template=, "
    "keyfile= and the like; who runs this site may name files in ALERT_URLS."
)


class WriteOnlyInput(forms.TextInput):
    """An input that shows what is typed, and nothing of what was: neither what is stored nor what was refused."""

    def format_value(self, value: Any) -> str:
        return ""


class ChannelForm(forms.ModelForm[Channel]):
    address = forms.CharField(
        max_length=2000,
        error_messages={"required": "Give the address."},
        help_text=_ADDRESS_HELP,
        widget=WriteOnlyInput(
            attrs={"class": "vLargeTextField", "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    class Meta:
        model = Channel
        fields = ("name", "kind", "address", "is_on", "least_severity")
        widgets = {"kind": forms.RadioSelect(attrs={"class": "radiolist"})}
        help_texts = {
            "name": "What people call it. It is shown, so it should hold no secret.",
            "is_on": "What waits for a channel is given up when it is switched off.",
            "least_severity": "Alerts that matter less are not told here.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept = (self.instance.kind, self.instance.address)
        self.initial["address"] = ""
        if "kind" in self.fields:
            self.fields["kind"].widget.choices = Channel.Kind.choices
        if "address" in self.fields and self.instance.pk:
            kept = f"Leave it empty to keep the one that is set ({reach(self.instance)}). "
            self.fields["address"].help_text = kept + _ADDRESS_HELP
            self.fields["address"].required = False

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "kind" not in cleaned or "address" not in cleaned:
            return cleaned
        try:
            cleaned["address"] = self._address(cleaned["address"], kind=cleaned["kind"])
        except ValidationError as error:
            self.add_error("address", error)
        else:
            self._ask_for_it_again_after_other_errors()
        return cleaned

    def _address(self, typed: str, *, kind: str) -> str:
        """Return the address that is to be stored: what was typed, or what is kept. Raise ValidationError."""
        kept_kind, kept = self._kept
        if typed:
            _validate(typed, kind=kind)
            return typed
        if kind == kept_kind:
            return kept
        raise ValidationError("Give the address: another kind takes another.")

    def _ask_for_it_again_after_other_errors(self) -> None:
        if self.errors and self.data.get(self.add_prefix("address")):
            self.add_error("address", "Type the address again: what you typed is not shown.")


def _validate(address: str, *, kind: str) -> None:
    if kind == Channel.Kind.MAIL:
        _validate_mail(address)
    elif re.search(r"\s", address):
        raise ValidationError("An address holds no blanks. Each channel has one address.")
    elif (service := service_at(address)) is None:
        raise ValidationError(_UNKNOWN)
    elif service.reads_more:
        # Who may write channels may not read the settings' secrets.
        raise ValidationError(_READS_MORE)


def _validate_mail(address: str) -> None:
    try:
        validate_email(address)
    except ValidationError:
        raise ValidationError("That is no mail address. Each channel has one, such as ops@example.org.") from None
