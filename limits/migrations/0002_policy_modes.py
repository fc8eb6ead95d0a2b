"""Policies have a mode instead of a switch, and say how, where and what they count."""

from dataclasses import replace
from typing import Any

import django.core.validators
from django.db import migrations, models

import limits.fields
from limits.core.client_keys import ClientKey


def switch_to_mode(apps: Any, schema_editor: Any) -> None:
    apps.get_model("limits", "Policy").objects.filter(enabled=False).update(mode="off")


def mode_to_switch(apps: Any, schema_editor: Any) -> None:
    """Off is what comes nearest to all that the older version cannot do; what it cannot read would stop it."""
    Policy = apps.get_model("limits", "Policy")
    Policy.objects.exclude(mode="enforce").update(enabled=False)
    for policy in Policy.objects.all():
        rates = tuple(replace(rate, burst=0) for rate in policy.rates)
        is_known = policy.key.kind != "everyone" and policy.key.other is None
        if rates != policy.rates or not is_known or policy.view or policy.path:
            policy.rates, policy.enabled = rates, False
            policy.key = policy.key if is_known else ClientKey("ip")
            policy.save()


class Migration(migrations.Migration):
    dependencies = [("limits", "0001_initial")]
    operations = [
        migrations.AddField(
            model_name="policy",
            name="algorithm",
            field=models.CharField(
                choices=[
                    ("fixed-window", "Fixed window"),
                    ("sliding-window", "Sliding window"),
                    ("token-bucket", "Token bucket"),
                ],
                default="fixed-window",
                max_length=20,
                verbose_name="how it counts",
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="cost",
            field=models.PositiveIntegerField(
                default=1,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(1000000),
                ],
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="counts",
            field=models.CharField(
                choices=[
                    ("every", "Every request"),
                    ("client-errors", "Requests answered with an error of the client (4xx)"),
                    ("failed-logins", "Failed logins"),
                ],
                default="every",
                max_length=20,
                verbose_name="what counts",
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="ipv6_prefix",
            field=models.PositiveSmallIntegerField(
                default=64,
                validators=[
                    django.core.validators.MinValueValidator(32),
                    django.core.validators.MaxValueValidator(128),
                ],
                verbose_name="IPv6 prefix",
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="mode",
            field=models.CharField(
                choices=[("enforce", "Enforce"), ("shadow", "Shadow"), ("off", "Off")], default="enforce", max_length=10
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="path",
            field=limits.fields.PathField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="policy",
            name="penalty_seconds",
            field=models.PositiveIntegerField(
                default=0,
                validators=[django.core.validators.MaxValueValidator(2678400)],
                verbose_name="penalty in seconds",
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="priority",
            field=models.SmallIntegerField(
                default=0,
                validators=[
                    django.core.validators.MinValueValidator(-1000),
                    django.core.validators.MaxValueValidator(1000),
                ],
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="refusals_count",
            field=models.BooleanField(default=False, verbose_name="refused requests count too"),
        ),
        migrations.AddField(
            model_name="policy",
            name="view",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="policy",
            name="without_redis",
            field=models.CharField(
                choices=[
                    ("allow", "Let everybody in, uncounted"),
                    ("refuse", "Refuse everybody (503)"),
                    ("count-here", "Count in each process by itself"),
                ],
                default="allow",
                max_length=20,
                verbose_name="without Redis",
            ),
        ),
        migrations.AlterField(
            model_name="policy",
            name="key",
            field=limits.fields.ClientKeyField(max_length=150, verbose_name="who is counted"),
        ),
        migrations.AlterField(
            model_name="policy",
            name="methods",
            field=limits.fields.MethodsField(blank=True, default=(), max_length=60, verbose_name="methods"),
        ),
        migrations.AlterField(
            model_name="policy",
            name="rates",
            field=limits.fields.RatesField(),
        ),
        migrations.AlterField(
            model_name="policy",
            name="slug",
            field=models.CharField(
                max_length=50,
                unique=True,
                validators=[
                    django.core.validators.RegexValidator(
                        "^[a-z0-9]+(?:-[a-z0-9]+)*\\Z",
                        "Use small letters, digits and single dashes, such as api-search.",
                    )
                ],
                verbose_name="name in code",
            ),
        ),
        migrations.AlterField(
            model_name="policy",
            name="title",
            field=models.CharField(max_length=100),
        ),
        migrations.RunPython(switch_to_mode, mode_to_switch),
        migrations.RemoveField(
            model_name="policy",
            name="enabled",
        ),
    ]
