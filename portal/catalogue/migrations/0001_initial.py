from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Book",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("title", models.CharField(max_length=300)),
                ("author", models.CharField(max_length=200)),
                (
                    "year",
                    models.SmallIntegerField(help_text="First published; negative before Christ."),
                ),
                ("language", models.CharField(help_text="ISO 639-1, such as “fr”.", max_length=2)),
                ("folded_title", models.TextField(editable=False)),
                ("folded_author", models.TextField(editable=False)),
            ],
            options={
                "ordering": ["folded_author", "year", "folded_title"],
                "constraints": [
                    models.UniqueConstraint(fields=("title", "author"), name="catalogue_book_title_author")
                ],
            },
        ),
    ]
