"""Every write about people. Addresses come as `forms.AddressField` cleans them.

Registration and reset do the same work whether an address is known or not: the same queries, and
one mail.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.db import IntegrityError, transaction
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from portal.accounts import mail
from portal.accounts.models import Registration, User

REGISTRATION_LIFETIME = timedelta(hours=24)
_signer = signing.Signer(salt="portal.accounts.registration")


class LinkError(Exception):
    """A link in a mail that leads nowhere."""


class WrongLinkError(LinkError):
    """The site never wrote this link."""


class SpentLinkError(LinkError):
    """The link was used already, or is too old."""


def register(*, email: str, password: str, now: datetime) -> None:
    """Note the registration and mail its link, or mail that the address has an account."""
    # Before the transaction: hashing takes its time, and SQLite lets one transaction write at once.
    password_hash = make_password(password)
    with transaction.atomic():
        has_account = User.objects.filter(email=email).exists()
        registration = Registration.objects.create(email=email, password_hash=password_hash, created_at=now)
        mail.queue(
            "already_registered" if has_account else "confirm",
            to=email,
            link=mail.link("register_confirm", _signer.sign(registration.pk.hex)),
        )


def pending_registration(token: str, *, now: datetime) -> Registration:
    """Return what a mailed link stands for. Raises WrongLinkError or SpentLinkError."""
    try:
        key = UUID(_signer.unsign(token))
    except (signing.BadSignature, ValueError) as error:
        raise WrongLinkError from error
    registration = Registration.objects.filter(pk=key, created_at__gt=now - REGISTRATION_LIFETIME).first()
    if registration is None:
        raise SpentLinkError
    return registration


def confirm(token: str, *, now: datetime) -> User:
    """Return the account that a registration becomes. Raises WrongLinkError or SpentLinkError."""
    registration = pending_registration(token, now=now)
    email = registration.email
    try:
        with transaction.atomic():
            deleted, _ = Registration.objects.filter(email=email).delete()
            if not deleted:
                raise SpentLinkError
            user = User(username=email, email=email, password=registration.password_hash)
            user.save(force_insert=True)
    except IntegrityError as error:  # the address got an account in another way meanwhile
        raise SpentLinkError from error
    return user


def forget_old_registrations(*, now: datetime) -> int:
    """Delete the registrations whose link is too old; return how many."""
    deleted, _ = Registration.objects.filter(created_at__lte=now - REGISTRATION_LIFETIME).delete()
    return deleted


def request_reset(*, email: str) -> None:
    """Mail a link that sets a new password, or that there is no account which could use one."""
    user = User.objects.filter(email=email).first()
    can_reset = user is not None and user.is_active and user.has_usable_password()
    # A token is made for nobody too, so that the time taken tells nothing.
    subject = user or User(pk=0, username=email, email=email)
    link = mail.link(
        "password_reset_confirm",
        urlsafe_base64_encode(force_bytes(subject.pk)),
        default_token_generator.make_token(subject),
    )
    mail.queue(
        "reset" if can_reset else "nothing_to_reset",
        to=email,
        link=link,
        hours=settings.PASSWORD_RESET_TIMEOUT // 3600,
    )
