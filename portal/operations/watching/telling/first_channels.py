"""The first channels, made of ALERT_EMAILS and ALERT_URLS, once each. From then on the admin's hold."""

import hashlib
from itertools import count

from django.conf import settings
from django.db import IntegrityError, transaction

from portal.operations.models import Channel, FirstChannel
from portal.operations.printable import printable
from portal.operations.watching.telling.notifying import scheme_of, service_at

_NAME_CHARACTERS_MAX = 70


def make_first_channels() -> None:
    """Make a channel of each address in the settings of which none was ever made. Others may do so at once."""
    wanted = [(Channel.Kind.MAIL, address) for address in settings.ALERT_EMAILS]
    wanted += [(Channel.Kind.APPRISE, address) for address in settings.ALERT_URLS]
    if not wanted:
        return
    seen = set(FirstChannel.objects.values_list("digest", flat=True))
    for kind, address in wanted:
        if _digest(address) not in seen:
            _make(kind, address=address)


def _make(kind: Channel.Kind, *, address: str) -> None:
    name = _free_name(_name(kind, address=address))
    try:
        with transaction.atomic():
            FirstChannel.objects.create(digest=_digest(address))
            Channel.objects.create(name=name, kind=kind, address=address)
    except IntegrityError:
        # Another process made it at the same moment; or took the name, and the next call finds another.
        return


def _digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


def _name(kind: Channel.Kind, *, address: str) -> str:
    if kind == Channel.Kind.MAIL:
        return printable(address)[:_NAME_CHARACTERS_MAX]
    service = service_at(address)
    return f"{service.name if service else scheme_of(address)} from settings"[:_NAME_CHARACTERS_MAX]


def _free_name(name: str) -> str:
    names = (name if number == 1 else f"{name} {number}" for number in count(1))
    return next(each for each in names if not Channel.objects.filter(name__iexact=each).exists())
