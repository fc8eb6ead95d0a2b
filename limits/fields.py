"""Database fields that hold values of `limits.core`, written as people write them."""

import re
from functools import lru_cache
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models

from limits.core.client_keys import ClientKey, ClientKeyError, parse_client_key
from limits.core.policies import METHODS
from limits.core.rates import Rate, RateError, format_rates, parse_rates

ANY_DEPTH_MAX = 2

_read_rates = lru_cache(maxsize=1024)(parse_rates)
"""Of many rows a few rates are common."""


def validate_path(text: str) -> None:
    """Raise ValidationError for a glob that could match no path, or that clients' paths could make slow to match."""
    if problem := _path_problem(text):
        raise ValidationError(problem, code="path")


def _path_problem(text: str) -> str:
    if not text.startswith("/"):
        return "A path begins with a slash: /api/v1/**."
    if "?" in text or "#" in text:
        return "A path ends before “?” and “#”: what comes after them is not looked at."
    if "%" in text:
        return "Write a path as people read it, with no “%”: /café/, not /caf%C3%A9/."
    # Several in one part, or many of any depth, try each of a long path's places with each other.
    if any(len(re.findall(r"\*\*|\*", part)) > 1 for part in text.split("/")):
        return "Between two slashes there may be one star, or two that stand for any depth: /shop/*/, /shop/**."
    if text.count("**") > ANY_DEPTH_MAX:
        return f"Two stars, for any depth, may be there {ANY_DEPTH_MAX} times at most."
    return ""


class RatesField(models.TextField[Any, tuple[Rate, ...]]):
    """One to four rates as a tuple of Rate; stored in words, one a line."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> tuple[Rate, ...]:
        return _read_rates(value) if value else ()

    def to_python(self, value: Any) -> tuple[Rate, ...]:
        try:
            return parse_rates(format_rates(value) if isinstance(value, tuple) else value or "")
        except RateError as error:
            raise ValidationError(str(error), code="rates") from error

    def get_prep_value(self, value: Any) -> str:
        return format_rates(self.to_python(value))

    def value_to_string(self, obj: models.Model) -> str:
        return self.get_prep_value(self.value_from_object(obj))

    def formfield(self, **kwargs: Any) -> forms.Field | None:
        return super().formfield(**kwargs | {"form_class": RatesFormField})


class RatesFormField(forms.CharField):
    """A text area in which rates are typed, one a line; cleans to a tuple of Rate."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return format_rates(value) if isinstance(value, tuple) else value

    def to_python(self, value: Any) -> Any:
        typed = super().to_python(value)
        try:
            return parse_rates(typed) if typed else ()
        except RateError as error:
            raise ValidationError(str(error), code="rates") from error

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(initial != self.to_python(data))
        except ValidationError:
            return True


class ClientKeyField(models.CharField[Any, ClientKey]):
    """Who is counted, as a ClientKey; stored in words: `ip`, `header:NAME`, `ip and field:username`."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> ClientKey | None:
        return parse_client_key(value) if value else None

    def to_python(self, value: Any) -> ClientKey:
        if isinstance(value, ClientKey):
            return value
        try:
            return parse_client_key(value or "")
        except ClientKeyError as error:
            raise ValidationError(str(error), code="key") from error

    def get_prep_value(self, value: Any) -> str:
        return str(self.to_python(value))

    def value_to_string(self, obj: models.Model) -> str:
        return self.get_prep_value(self.value_from_object(obj))

    def run_validators(self, value: Any) -> None:
        super().run_validators(str(value))

    def formfield(self, **kwargs: Any) -> forms.Field | None:
        return super().formfield(**kwargs | {"form_class": ClientKeyFormField})


class ClientKeyFormField(forms.CharField):
    """A line in which people type who is counted; cleans to a ClientKey."""

    def prepare_value(self, value: Any) -> Any:
        return str(value) if isinstance(value, ClientKey) else value

    def to_python(self, value: Any) -> Any:
        typed = super().to_python(value)
        try:
            return parse_client_key(typed) if typed else typed
        except ClientKeyError as error:
            raise ValidationError(str(error), code="key") from error

    def run_validators(self, value: Any) -> None:
        super().run_validators(str(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return str(initial or "") != str(data or "")


class MethodsField(models.CharField[Any, tuple[str, ...]]):
    """The HTTP methods that a policy looks at, as a tuple; empty for all. Stored with blanks between."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> tuple[str, ...]:
        return tuple((value or "").split())

    def to_python(self, value: Any) -> tuple[str, ...]:
        chosen = value.split() if isinstance(value, str) else tuple(value or ())
        if unknown := set(chosen) - set(METHODS):
            raise ValidationError(f"Not a method: {', '.join(sorted(unknown))}.", code="methods")
        return tuple(method for method in METHODS if method in chosen)

    def get_prep_value(self, value: Any) -> str:
        return " ".join(self.to_python(value))

    def value_to_string(self, obj: models.Model) -> str:
        return self.get_prep_value(self.value_from_object(obj))

    def run_validators(self, value: Any) -> None:
        super().run_validators(" ".join(value))

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        super().validate(" ".join(value), model_instance)

    def formfield(self, **kwargs: Any) -> forms.Field | None:
        return MethodsFormField(
            required=False,
            label=kwargs.get("label") or self.verbose_name.capitalize(),
            help_text=self.help_text,
        )


class MethodsFormField(forms.MultipleChoiceField):
    """Methods to tick; cleans to a tuple."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=[(method, method) for method in METHODS], **kwargs)

    def clean(self, value: Any) -> tuple[str, ...]:
        return tuple(super().clean(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return set(initial or ()) != set(data or ())


class PathField(models.CharField[Any, str]):
    """A glob of paths that begins with a slash: `*` stands for anything within one part, `**` for any number of them.

    Blank stands for none.
    """

    default_validators = [validate_path]
