"""Requests of every kind of client, and the keys by which they are counted."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.test import RequestFactory
from hypothesis import settings as hypothesis_settings

from limits.core.client_keys import ClientKey, parse_client_key
from limits.identity import client_named
from portal.accounts.models import User

IP = ClientKey("ip")
USER = ClientKey("user")
HEADER = ClientKey("header", "X-Api-Key")
FIELD = ClientKey("field", "email")
EVERYONE = ClientKey("everyone")
IP_AND_FIELD = parse_client_key("ip and field:email")
USER_AND_HEADER = parse_client_key("user and header:X-Api-Key")
KEYS = [
    parse_client_key(text)
    for text in (
        "ip",
        "user",
        "user or ip",
        "header:X-Api-Key",
        "field:email",
        "everyone",
        "ip and field:email",
        "ip and user",
        "user and header:X-Api-Key",
        "user or ip and field:email",
        "header:X-Api-Key and field:email",
    )
]

# For what several keys do in the same way, or all keys at once in each example.
few_examples = hypothesis_settings(max_examples=30)

PROXY = "10.0.0.1"
UNIX_SOCKET = ""
HERE = "203.0.113.9"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=edge"


def asked(
    *, peer: str = HERE, forwarded: str | None = None, user: int | None = None, header: str | None = None, **more: Any
) -> HttpRequest:
    """Return a POST from a peer, with a form of `more`."""
    on_the_wire = None if header is None else header.encode("utf-8", "surrogatepass").decode("latin-1")
    meta = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded, "HTTP_X_API_KEY": on_the_wire}
    request = RequestFactory().post("/", more)
    request.META |= {name: value for name, value in meta.items() if value is not None}
    request.user = AnonymousUser() if user is None else User(pk=user)
    return request


def sent(body: bytes | str, content_type: str, *, path: str = "/", method: str = "POST") -> HttpRequest:
    """Return a request with that body, as a server hands it over."""
    return RequestFactory().generic(method, path, body, content_type, REMOTE_ADDR=HERE)


def part(name: str, text: str) -> str:
    """Return one field of a multipart form."""
    return f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'


BODIES = {
    FORM: "email=jane%40example.org",
    MULTIPART: part("email", "jane@example.org") + "--edge--\r\n",
    JSON: '{"email": "jane@example.org"}',
}
JANE = client_named("jane@example.org", key=FIELD)
NOBODY = f"field:email=@{HERE}"
