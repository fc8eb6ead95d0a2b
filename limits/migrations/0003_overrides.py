"""Overrides, and the versions of the parts in which they travel."""

from typing import Any

import django.utils.timezone
from django.db import migrations, models

import limits.models.overrides

PARTS = 256


def make_parts(apps: Any, schema_editor: Any) -> None:
    OverridePart = apps.get_model("limits", "OverridePart")
    OverridePart.objects.bulk_create(OverridePart(number=number) for number in range(PARTS))


class Migration(migrations.Migration):
    dependencies = [("limits", "0002_policy_modes")]
    operations = [
        migrations.CreateModel(
            name="OverridePart",
            fields=[
                ("number", models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ("version", models.PositiveBigIntegerField(default=0)),
            ],
            options={"default_permissions": ()},
        ),
        migrations.CreateModel(
            name="Override",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("subject", models.CharField(editable=False, max_length=150)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("address", "One address"),
                            ("network", "A network"),
                            ("user", "A user"),
                            ("group", "A group of users"),
                            ("value", "What a client sends"),
                        ],
                        editable=False,
                        max_length=10,
                        verbose_name="for whom",
                    ),
                ),
                ("part", models.PositiveSmallIntegerField(db_index=True, editable=False)),
                ("policy", models.CharField(blank=True, default="", max_length=50)),
                (
                    "effect",
                    models.CharField(
                        choices=[
                            ("exempt", "Exempt: never refused, not counted"),
                            ("denied", "Denied: always refused"),
                            ("rates", "Other rates"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "rates",
                    limits.models.overrides.OptionalRatesField(blank=True, default=(), verbose_name="other rates"),
                ),
                ("since", models.DateTimeField(default=django.utils.timezone.now, verbose_name="from")),
                ("until", models.DateTimeField(blank=True, null=True)),
                ("reason", models.CharField(max_length=200)),
                ("saved_by", models.CharField(editable=False, max_length=254, verbose_name="who")),
                ("saved_at", models.DateTimeField(editable=False)),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(fields=["subject"], name="override_subject"),
                    models.Index(fields=["until"], name="override_until"),
                ],
            },
        ),
        migrations.RunPython(make_parts, migrations.RunPython.noop),
    ]
