"""The right to reset live counters."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("limits", "0004_tallies")]

    operations = [
        migrations.CreateModel(
            name="LiveCounters",
            fields=[],
            options={
                "verbose_name": "live counters",
                "verbose_name_plural": "live counters",
                "permissions": [("reset_counters", "Can let clients start afresh")],
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("limits.policy",),
        ),
    ]
