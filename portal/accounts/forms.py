"""The forms that people fill in."""

from typing import Any

from django import forms
from django.contrib.auth import forms as auth_forms
from django.contrib.auth.hashers import check_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from portal.accounts import services
from portal.accounts.models import Registration, User
from portal.accounts.validators import validate_plain_address

PASSWORD_HELP = "At least 8 characters. No common password, not like your address, not only digits."  # noqa: S105


class AddressField(forms.EmailField):
    """An e-mail address, cleaned to the form in which it is stored."""

    widget = forms.EmailInput(
        attrs={
            "autocomplete": "email",
            "inputmode": "email",
            "autocapitalize": "none",
            "spellcheck": "false",
        }
    )

    def __init__(self, *, label: str = "E-mail address") -> None:
        super().__init__(label=label, max_length=254)
        self.validators.append(validate_plain_address)

    def to_python(self, value: Any) -> str:
        return User.objects.normalize_email(super().to_python(value))


def password_field(*, label: str, help_text: str = "", autocomplete: str = "new-password") -> forms.CharField:
    """Return a field for a password: a new one, or `current-password`."""
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=label, help_text=help_text, strip=False, widget=widget)


class LoginForm(auth_forms.AuthenticationForm):
    error_messages = {
        **auth_forms.AuthenticationForm.error_messages,
        "invalid_login": "No account has this name and this password. Check both and try again.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "E-mail address or user name"
        self.fields["username"].widget.attrs |= {"inputmode": "email", "spellcheck": "false"}


class RegistrationForm(forms.Form):
    email = AddressField()
    password = password_field(label="Password", help_text=PASSWORD_HELP)

    def clean(self) -> None:
        email, password = self.cleaned_data.get("email", ""), self.cleaned_data.get("password")
        if password is None:
            return
        try:
            validate_password(password, User(username=email, email=email))
        except ValidationError as error:
            self.add_error("password", error)


class ConfirmForm(forms.Form):
    """The password again: whoever registers another person's address must not have the account's."""

    password = password_field(label="The password that you chose", autocomplete="current-password")

    def __init__(self, *args: Any, registration: Registration, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._registration = registration

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not check_password(password, self._registration.password_hash):
            raise ValidationError("That is not the password which was typed at registration.")
        return password


class PasswordResetForm(auth_forms.PasswordResetForm):
    email = AddressField()

    def save(self, *args: Any, **options: Any) -> None:
        services.request_reset(email=self.cleaned_data["email"])


class NewPasswordForm(auth_forms.SetPasswordForm):  # type: ignore[type-arg]
    new_password1 = password_field(label="New password", help_text=PASSWORD_HELP)
    new_password2 = password_field(label="New password again")

    def validate_password_for_user(self, user: User, *args: Any, **kwargs: Any) -> None:
        """Put what is wrong with the password beside the field in which it was first typed."""
        super().validate_password_for_user(user, "new_password1")
