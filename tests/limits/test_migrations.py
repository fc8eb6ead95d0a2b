"""What the site begins with."""

from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import call_command

from limits import services
from limits.core.policies import ClientKey
from limits.core.rates import Rate
from limits.models import Policy, Revision
from limits.services import Actor, described

pytestmark = pytest.mark.django_db

IP, USER = ClientKey("ip"), ClientKey("user")
MINUTE, HOUR, DAY = 60, 3_600, 86_400
DEFAULTS = {
    "login": (IP, ("POST",), (Rate(5, MINUTE),)),
    "password-reset": (IP, ("POST",), (Rate(3, HOUR),)),
    "register": (IP, ("POST",), (Rate(5, HOUR),)),
    "api-search": (USER, (), (Rate(30, MINUTE),)),
    "default": (IP, (), (Rate(200, DAY), Rate(50, HOUR))),
}


def load_defaults() -> None:
    import_module("portal.migrations.0001_default_policies").load_defaults(apps, schema_editor=None)


def test_the_site_begins_with_the_five_policies_that_it_promises() -> None:
    found = {policy.slug: (policy.key, policy.methods, policy.rates) for policy in Policy.objects.all()}
    assert found == DEFAULTS
    assert Policy.objects.filter(enabled=True, version=1).count() == 5


def test_each_of_them_has_a_revision_that_describes_it() -> None:
    for policy in Policy.objects.all():
        (revision,) = Revision.objects.filter(subject_type=services.POLICY, subject=policy.slug)
        assert (revision.before, revision.after) == (None, described(policy))
        assert (revision.actor_name, revision.origin) == ("the portal", "first migration")


def test_loading_again_leaves_an_edited_policy_as_it_is() -> None:
    policy = Policy.objects.get(slug="login")
    policy.rates, policy.enabled, policy.title = (Rate(2, DAY),), False, "Mine"
    services.save_policy(policy, actor=Actor(name="somebody", origin="a test"))
    before = list(Policy.objects.values_list()), list(Revision.objects.values_list())
    load_defaults()
    assert (list(Policy.objects.values_list()), list(Revision.objects.values_list())) == before


def test_loading_again_makes_what_is_missing() -> None:
    Policy.objects.filter(slug="login").delete()
    load_defaults()
    assert Policy.objects.get(slug="login").rates == (Rate(5, MINUTE),)


def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=1)
