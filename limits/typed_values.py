"""What a client typed into a header or a field: kept as a keyed hash of bounded length, never as it is."""

import codecs
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, QueryDict, RawPostDataException, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.http.request import HttpHeaders

from limits.conf import conf
from limits.core.client_keys import ClientKey

TYPED_KINDS = ("header", "field")

_CHARACTERS_MAX = 512
_URLENCODED = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_CHARACTER_SETS = ("utf-8", "ascii", "iso8859-1")
_JSON_OBJECT = re.compile(rb"[\s\0\xef\xbb\xbf\xfe\xff]*\{")
_UNREADABLE = (
    SuspiciousOperation,
    BadRequest,
    MultiPartParserError,
    UnreadablePostError,
    RawPostDataException,
    RecursionError,
    ValueError,
)
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_DIGESTS = "_limits_digests"


def digest_of(request: HttpRequest, *, part: ClientKey) -> str:
    """Return the hash of a header or field, made once a request; '' of a blank, missing or doubtful one."""
    digests: dict[str, str] = request.__dict__.setdefault(_DIGESTS, {})
    name = str(part)
    if name not in digests:
        digests[name] = digest(_header(request, part.name) if part.kind == "header" else _field(request, part.name))
    return digests[name]


def digest(typed: str) -> str:
    """Return a keyed hash of what a client typed; '' of nothing.

    Case, accents, blanks around, what nobody sees and how a number is written do not count: forms strip, databases
    compare without them, and views call `int`, so that one user would be found under many keys.
    """
    plain = typed.strip()[:_CHARACTERS_MAX].casefold()
    if not (plain.isascii() and plain.isprintable()):
        plain = "".join(filter(_is_told_apart, unicodedata.normalize("NFKD", plain).casefold()))
    folded = " ".join(plain.split())[:_CHARACTERS_MAX]
    return keyed_hash(_as_number(folded)) if folded else ""


def keyed_hash(text: str) -> str:
    """Return 20 characters that stand for the text, and that only this installation can make."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), key=conf.hash_key[:64], digest_size=10).hexdigest()


def _as_number(text: str) -> str:
    """Return 17 for 017, +17 and whatever else `int` takes for it; another text as it is."""
    try:
        return str(int(text))
    except ValueError:
        return text


def _is_told_apart(character: str) -> bool:
    if character.isspace():
        return True
    unseen = unicodedata.category(character) in ("Cc", "Cf", "Cs") or _UNSEEN.match(character)
    return not (unseen or unicodedata.combining(character))


def _header(request: HttpRequest, name: str) -> str:
    typed: str = request.META.get(HttpHeaders.to_wsgi_name(name), "")
    if typed.isascii():
        return typed
    try:
        return typed.encode("latin-1").decode()
    except UnicodeError:
        return typed


def _field(request: HttpRequest, name: str) -> str:
    """Return a field of the query, the form or the JSON object that is sent; '' when it is not the same everywhere.

    Which of them the view reads, nobody here knows: who could send it another value than us would get a new counter
    for each request. A body that is broken or too large may hold one more value, so it leaves nothing to count by. It
    is for the view to meet: what that reads, and the error that it gets, are left as they were.
    """
    with suppress(*_UNREADABLE):
        typed = {text for value in _values(request, name) if (text := value.strip())}
        return typed.pop() if len(typed) == 1 else ""
    return ""


def _values(request: HttpRequest, name: str) -> Iterator[str]:
    """Yield every value of a field. Raises one of `_UNREADABLE` when there may be others."""
    yield from request.GET.getlist(name)
    try:
        body = _body(request)
    except (RequestDataTooBig, RawPostDataException):
        # A form with files is the one thing that a view can still read: parsed already, or too large for memory.
        if (request.method, request.content_type) != ("POST", _MULTIPART):
            raise
        yield from request.POST.getlist(name)
        return
    if not body:
        return
    if codecs.lookup(request.encoding or "utf-8").name not in _CHARACTER_SETS:
        raise ValueError("in a character set that views read in more ways than one")
    yield from _form(request, body).getlist(name)
    if _JSON_OBJECT.match(body):
        yield _json_value(body, name)


def _body(request: HttpRequest) -> bytes:
    try:
        return request.body
    except RequestDataTooBig:
        # Django went to the end of a body of unknown length to see how large it is: the view begins at its start.
        if request._stream.seekable():
            request._stream.seek(0)
        raise


def _form(request: HttpRequest, body: bytes) -> QueryDict:
    """Return the form of any method, for some views parse more than POST.

    One with files is read apart, so that the view can still read its body or choose its handlers.
    """
    if request.content_type == _URLENCODED and request.method != "POST":
        return QueryDict(body, encoding="utf-8")
    if request.content_type != _MULTIPART:
        return request.POST
    apart = WSGIRequest(
        {
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": request.META["CONTENT_TYPE"],
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
        }
    )
    try:
        return apart.POST
    finally:
        apart.close()


def _json_value(body: bytes, name: str) -> str:
    """Return a text or whole number of a JSON object, whatever its content type says: views differ in that.

    Raises ValueError for anything else, which a view may turn into several texts.
    """
    value = json.loads(body).get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("neither a text nor a whole number")
    return str(value)
