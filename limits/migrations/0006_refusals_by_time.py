"""Last refusals in the order of time."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("limits", "0005_live")]

    operations = [
        migrations.AlterModelOptions(
            name="lastrefusal",
            options={"default_permissions": ("view",), "ordering": ["-at", "-pk"]},
        ),
    ]
