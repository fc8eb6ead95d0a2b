"""The site's own settings, as Django judges them for production."""

from collections.abc import Iterator

from django.core.checks import CheckMessage, run_checks

from portal.operations.checklist.context import Context
from portal.operations.checklist.values import Line, Verdict, failed, passed

_CHOICES = {
    "security.W005": "HSTS for subdomains",
    "security.W008": "redirects to HTTPS, which the proxy in front makes",
    "security.W021": "HSTS preloading",
}
"""What Django names, and leaves to whoever owns the domain."""
_PLAIN_HTTP = {"security.W004", "security.W012", "security.W016"}


def _deploy(context: Context) -> Iterator[Verdict]:
    found = [message for message in run_checks(include_deployment_checks=True) if not message.is_silenced()]
    serious = [message for message in found if message.is_serious(30) and message.id not in _CHOICES]
    left = ", ".join(f"{_CHOICES[message.id]} ({message.id})" for message in found if message.id in _CHOICES)
    left = f" Left to you: {left}." if left else ""
    if not serious:
        yield passed(f"`check --deploy` finds nothing to mend.{left}")
        return
    ids = {message.id for message in serious}
    advice = (
        "Set SITE_URL to the https:// address of the site in .env: cookies and HSTS follow it."
        if ids & _PLAIN_HTTP
        else ""
    )
    yield failed(f"{' '.join(map(_words, serious))}{left}", mend=("python manage.py check --deploy",), advice=advice)


def _words(message: CheckMessage) -> str:
    first = " ".join(str(message.msg).split()).partition(". ")[0].rstrip(".")
    return f"{message.id}: {first}."


LINES = (
    Line(
        "deploy-check",
        "Site",
        "Django finds nothing to mend",
        "`check --deploy` knows the settings that are right on a developer's machine and wrong on the network.",
        _deploy,
    ),
)
