"""Mail to people, queued in the database and sent by the worker."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse


def queue(template: str, *, to: str, **context: object) -> None:
    """Queue the mail written in `templates/accounts/mail/`; the first line there is its subject.

    Nothing that people typed belongs into the context: the queue renders subject and text as a
    template once more.
    """
    text = render_to_string(f"accounts/mail/{template}.txt", {"site": settings.SITE_URL, **context})
    subject, _, body = text.partition("\n")
    headers = {"Auto-Submitted": "auto-generated"}
    EmailMessage(subject, body.lstrip("\n"), to=[to], headers=headers).send()


def link(url_name: str, *args: str) -> str:
    """Return the full address of a page, at SITE_URL and never at the host a request names."""
    return f"{settings.SITE_URL}{reverse(url_name, args=args)}"
