"""Requests for those peers that take Django's."""

import copy
import itertools
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.test import RequestFactory


def requests_from(address: str = "203.0.113.9", **attributes: Any) -> Callable[[], HttpRequest]:
    """Return what makes a fresh POST of one client at every call, with attributes such as `user`."""
    request = RequestFactory().post("/login/", REMOTE_ADDR=address)
    for name, value in attributes.items():
        setattr(request, name, value)
    return lambda: copy.copy(request)


def requests_of_new_clients(**attributes: Any) -> Callable[[], HttpRequest]:
    """Return what makes the first POST of another client at every call."""
    make, numbers = requests_from(**attributes), itertools.count()

    def made() -> HttpRequest:
        request, number = make(), next(numbers)
        request.META = request.META | {"REMOTE_ADDR": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"}
        return request

    return made
