"""What came of requests: by policy and minute, and the last that were refused."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("limits", "0003_overrides")]

    operations = [
        migrations.CreateModel(
            name="LastRefusal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("entry", models.CharField(editable=False, max_length=50, unique=True)),
                ("at", models.DateTimeField()),
                ("policy", models.CharField(max_length=50)),
                ("client", models.CharField(max_length=200, verbose_name="who")),
                ("place", models.CharField(max_length=200, verbose_name="where")),
            ],
            options={
                "ordering": ["-pk"],
                "default_permissions": ("view",),
                "indexes": [models.Index(fields=["at"], name="refusals_by_age")],
            },
        ),
        migrations.CreateModel(
            name="Tally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("policy", models.CharField(max_length=50)),
                ("minute", models.DateTimeField(verbose_name="minute from")),
                ("allowed", models.PositiveBigIntegerField(default=0)),
                ("near_limit", models.PositiveBigIntegerField(default=0, verbose_name="near the limit")),
                ("shadow_refused", models.PositiveBigIntegerField(default=0, verbose_name="refused in shadow")),
                ("refused", models.PositiveBigIntegerField(default=0)),
            ],
            options={
                "verbose_name_plural": "tallies",
                "ordering": ["-minute", "policy"],
                "default_permissions": ("view",),
                "constraints": [models.UniqueConstraint(fields=("minute", "policy"), name="one_tally_a_minute")],
            },
        ),
    ]
