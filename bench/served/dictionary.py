"""Settings: the portal without our limiter, and before all else a dictionary of who is refused: nothing is cheaper."""

from collections import Counter
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from portal.settings import *  # noqa: F403 - settings build on settings
from portal.settings import MIDDLEWARE as PORTAL_MIDDLEWARE

LIMIT = 5
_counts: Counter[str] = Counter()


def dictionary(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Return a middleware that lets each address in so often and never again."""

    def answer(request: HttpRequest) -> HttpResponse:
        address = request.META["REMOTE_ADDR"]
        _counts[address] += 1
        if _counts[address] > LIMIT:
            return HttpResponse("Too many requests", status=429)
        return get_response(request)

    return answer


MIDDLEWARE = ["bench.served.dictionary.dictionary"] + [
    name for name in PORTAL_MIDDLEWARE if not name.startswith("limits.")
]
