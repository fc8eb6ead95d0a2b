import re
import time
from typing import Any

import pytest
from django import forms
from django.core import serializers
from django.core.exceptions import ValidationError

from limits.core.client_keys import ClientKey
from limits.core.rates import Rate
from limits.fields import ClientKeyField, MethodsField, PathField, RatesField
from limits.models import Policy
from limits.routes import glob

RATES = (Rate(50, 3_600), Rate(5, 60))
JOINED = ClientKey("ip", other=ClientKey("field", "username"))
FORM = {"title": "Login", "mode": "enforce", "rates": "5/m", "key": "ip"}


class PolicyForm(forms.ModelForm[Policy]):
    class Meta:
        model = Policy
        fields = ("title", "mode", "key", "methods", "rates")


def form(policy: Policy | None = None, **changes: Any) -> PolicyForm:
    return PolicyForm(FORM | changes, instance=policy)


@pytest.mark.parametrize(
    ("field", "value", "stored"),
    [
        (RatesField(), RATES, "50 per hour\n5 per minute"),
        (ClientKeyField(max_length=80), ClientKey("header", "X-Api-Key"), "header:X-Api-Key"),
        (RatesField(), (Rate(10, 60, burst=20),), "10 per minute burst 20"),
        (ClientKeyField(max_length=80), ClientKey("user or ip"), "user or ip"),
        (ClientKeyField(max_length=80), JOINED, "ip and field:username"),
        (MethodsField(max_length=60), ("GET", "POST"), "GET POST"),
        (MethodsField(max_length=60), (), ""),
    ],
)
def test_a_value_is_stored_in_words_and_read_back(field: Any, value: Any, stored: str) -> None:
    assert field.get_prep_value(value) == stored
    assert field.from_db_value(stored, None, None) == value
    assert field.to_python(stored) == value
    assert field.to_python(value) == value


@pytest.mark.parametrize(
    ("field", "typed", "stored"),
    [
        (RatesField(), "5/m, 50/h", "50 per hour\n5 per minute"),
        (ClientKeyField(max_length=80), "header:x-api-key", "header:X-Api-Key"),
        (MethodsField(max_length=60), "POST GET", "GET POST"),
        (MethodsField(max_length=60), ["POST", "GET"], "GET POST"),
    ],
)
def test_what_code_assigns_as_text_is_stored_in_the_same_words(field: Any, typed: Any, stored: str) -> None:
    assert field.get_prep_value(typed) == stored


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        (RatesField(), "5/week"),
        (RatesField(), None),
        (ClientKeyField(max_length=80), "address"),
        (ClientKeyField(max_length=80), None),
        (MethodsField(max_length=60), "GET BREW"),
    ],
)
def test_what_cannot_be_read_is_a_validation_error(field: Any, wrong: Any) -> None:
    with pytest.raises(ValidationError):
        field.to_python(wrong)


@pytest.mark.parametrize(
    "path", ["/", "/api/**", "/shop/*/items/", "/shop/**/*.pdf", "/**/a/**", "/café/", "/a b/", "/[x]/", "/x*", "/*x"]
)
def test_a_path_is_a_glob_that_begins_with_a_slash(path: str) -> None:
    assert PathField(max_length=200).clean(path, None) == path


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("api/", "begins with a slash"),
        ("**", "begins with a slash"),
        (" /api/", "begins with a slash"),
        ("https://example.org/api/", "begins with a slash"),
        ("/search?q=*", "not looked at"),
        ("/page#part", "not looked at"),
        ("/caf%C3%A9/", "as people read it"),
        ("/a***", "one star, or two"),
        ("/*a*", "one star, or two"),
        ("/**a*/", "one star, or two"),
        ("/**/a/**/b/**", "2 times at most"),
        ("/" + "a" * 200, "at most 200"),
    ],
)
def test_a_path_that_could_match_nothing_or_only_slowly_is_refused(path: str, told: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(told)):
        PathField(max_length=200).clean(path, None)


@pytest.mark.parametrize("path", ["/**a/**b", "/**/*x/**/*x/y", "/*x/*x/*x/*y", "/**a/*b/**c/*d"])
def test_no_path_that_clients_could_send_is_slow_to_match(path: str) -> None:
    pattern = glob(PathField(max_length=200).clean(path, None))
    begun = time.perf_counter()
    for sent in ("/" + "a" * 4_000, "/" + "a/x/" * 1_000, "/" + "x/" * 2_000, "/" + "aa/bb/cc/" * 440):
        pattern.fullmatch(sent)
    assert time.perf_counter() - begun < 2, "seconds, where some 0.05 are usual"


def test_a_policy_goes_into_a_fixture_and_back() -> None:
    policy = Policy(pk=1, slug="login", title="Login", key=ClientKey("field", "email"), methods=("POST",), rates=RATES)
    (copy,) = serializers.deserialize("json", serializers.serialize("json", [policy]))
    assert copy.object.as_value() == policy.as_value()


def test_a_form_cleans_what_people_type_to_values() -> None:
    typed = form(rates="5/m\r\n50 per hour", key=" header:x ", methods=["POST", "GET"])
    assert typed.is_valid(), typed.errors
    assert typed.instance.rates == RATES
    assert typed.instance.key == ClientKey("header", "X")
    assert typed.instance.methods == ("GET", "POST")


def test_a_form_without_methods_means_every_method() -> None:
    typed = form()
    assert typed.is_valid(), typed.errors
    assert typed.instance.methods == ()


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        ({"rates": "100/week"}, "rates", "write 100 per 7 days"),
        ({"rates": "10/M"}, "rates", "write 10 per minute"),
        ({"rates": "5/m\n6/m"}, "rates", "same window"),
        ({"rates": "1/s,1/m,1/h,1/d,1/2d"}, "rates", "one to 4 rates"),
        ({"rates": ""}, "rates", "required"),
        ({"rates": " \r\n "}, "rates", "required"),
        ({"rates": ","}, "rates", "one to 4 rates"),
        ({"rates": "5/m\x00"}, "rates", ""),
        ({"key": "address"}, "key", "header:NAME"),
        ({"key": ""}, "key", "required"),
        ({"methods": ["BREW"]}, "methods", "BREW"),
    ],
)
def test_a_form_tells_what_is_wrong_beside_the_field(changes: dict[str, Any], field: str, told: str) -> None:
    typed = form(**changes)
    assert not typed.is_valid()
    assert list(typed.errors) == [field]
    assert told in str(typed.errors[field])


def test_a_form_that_is_refused_shows_what_was_typed() -> None:
    typed = form(rates="100/week", key="address")
    assert not typed.is_valid()
    assert "100/week" in str(typed["rates"])
    assert "address" in str(typed["key"])


def test_a_form_shows_what_is_stored_in_words() -> None:
    shown = PolicyForm(instance=Policy(key=ClientKey("header", "X-Api-Key"), methods=("POST",), rates=RATES))
    assert "50 per hour\n5 per minute" in str(shown["rates"])
    assert 'value="header:X-Api-Key"' in str(shown["key"])
    assert str(shown["methods"]).count("checked") == 1


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ({"rates": "5/m,50/h", "key": "ip", "methods": ["POST"]}, []),
        ({"rates": "50 per hour\r\n5 per minute"}, []),
        ({"rates": "6/m"}, ["rates"]),
        ({"rates": "100/week"}, ["rates"]),
        ({"key": "user"}, ["key"]),
        ({"methods": ["GET"]}, ["methods"]),
        ({"methods": []}, ["methods"]),
    ],
)
def test_only_another_value_is_a_change(changes: dict[str, Any], changed: list[str]) -> None:
    policy = Policy(title="Login", key=ClientKey("ip"), methods=("POST",), rates=RATES)
    stored = {"rates": "50 per hour\n5 per minute", "methods": ["POST"]}
    assert form(policy, **stored | changes).changed_data == changed
