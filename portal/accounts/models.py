"""A person, and a registration that waits for its confirmation."""

import unicodedata
import uuid
from typing import Any, ClassVar

from django.contrib.auth import models as auth_models
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone

from portal.accounts.validators import validate_plain_address, validate_username


class UserManager(auth_models.UserManager["User"]):
    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """Return the address as it is stored: in lower case, without spaces around it."""
        return (email or "").strip().lower()

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the person who logs in with an e-mail address or a user name.

        Raises User.DoesNotExist.
        """
        typed = unicodedata.normalize("NFKC", username or "")
        if "@" in typed:
            typed = self.normalize_email(typed)
        user = self.get(email=typed) if "@" in typed else super().get_by_natural_key(typed)
        stored = user.email if "@" in typed else user.username
        if stored.lower() != typed.lower():
            # MariaDB finds “Zoë” by “zoe”, and more: then one person would be counted under many names.
            raise self.model.DoesNotExist
        return user


class User(AbstractUser):
    """A person. A user name is a plain name, or the e-mail address itself and then follows it."""

    username = models.CharField(
        "user name",
        max_length=254,
        unique=True,
        validators=[validate_username],
        help_text="A plain name, or the e-mail address: then it changes together with it.",
        error_messages={"unique": "Somebody has this user name already."},
    )
    email = models.EmailField(
        "e-mail address",
        max_length=254,
        unique=True,
        validators=[validate_plain_address],
        error_messages={"unique": "Somebody has this e-mail address already."},
    )

    objects: ClassVar[UserManager] = UserManager()

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(condition=~models.Q(email=""), name="accounts_user_has_email"),
        ]

    def clean(self) -> None:
        super().clean()
        self._normalise()

    def save(self, *args: Any, **kwargs: Any) -> None:
        self._normalise()
        super().save(*args, **kwargs)

    def _normalise(self) -> None:
        self.email = type(self).objects.normalize_email(self.email)
        if "@" in self.username:
            self.username = self.email


class Registration(models.Model):
    """Somebody filled the form in for this address; the link in the mail makes it an account."""

    # Random, so that a link can never mean another row after a restored backup counts anew.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField("e-mail address", max_length=254, db_index=True)
    password_hash = models.CharField(max_length=128)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return self.email
