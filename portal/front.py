"""What is refused before Django sees it: requests that would cost it dearly, or that no page of ours makes."""

from collections.abc import Callable, Iterable
from email.message import Message
from typing import Any

from portal.middleware import CONTENT_SECURITY_POLICY

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

BODY_BYTES_MAX = 1024 * 1024
_CHARSETS = ("", "utf-8", "utf8", "us-ascii", "iso-8859-1")


class Front:
    """A WSGI application before another: answers what it refuses by one line of text, without a log line."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        refusal = _why_refused(environ)
        if refusal is None:
            return self._application(environ, start_response)
        body = f"{refusal.partition(' ')[2]}\n".encode()
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
        ]
        start_response(refusal, headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]


def _why_refused(environ: Environ) -> str | None:
    """Return status and reason of a refusal; None lets the request in."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
        # Files are written to disk while they are read, whatever their size; the site takes none.
        return "413 Content Too Large"
    if _charset(environ.get("CONTENT_TYPE", "")) not in _CHARSETS:
        # Django decodes forms by the codec that the client names, and some of Python's are no text at all.
        return "415 Unsupported Media Type"
    if _is_embedded_elsewhere(environ):
        return "403 Forbidden"
    return None


def _charset(content_type: str) -> str:
    message = Message()
    message["Content-Type"] = content_type
    return str(message.get_param("charset", "") or "").lower()


def _is_embedded_elsewhere(environ: Environ) -> bool:
    """Say whether another site's page made the browser ask, other than by a link or a form.

    Pictures and frames of a foreign page would use up its visitors' limits. Only browsers send these headers.
    """
    cross_site = environ.get("HTTP_SEC_FETCH_SITE") == "cross-site"
    return cross_site and environ.get("HTTP_SEC_FETCH_DEST", "document") != "document"
