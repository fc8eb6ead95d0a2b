"""Django REST framework's door: policies as a throttle class.

    class Search(APIView):
        throttle_classes = (PolicyThrottle,)
        throttle_policies = ("api-search",)

Where no view can say it (`@api_view`), a subclass names one: `class SearchThrottle(PolicyThrottle): policy = …`. All
policies of one throttle are asked in one round trip. Import this module only with djangorestframework installed.
"""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from limits import charged, enforcement
from limits.core.decisions import Basis, Decision, refusing
from limits.pending import with_pending


class PolicyThrottle(BaseThrottle):
    """Asks the policies of `policy`, or else of the view's `throttle_policies`.

    Who is logged in is who REST framework's authentication found. The answer to a refusal is REST framework's 429, with
    our fields; 503 when the policy refuses because nothing can be counted.
    """

    policy: str = ""
    _refusal: Decision | None = None

    @classmethod
    def limits_slugs(cls, throttle_policies: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the policies of a view that has these."""
        return (cls.policy,) if cls.policy else tuple(throttle_policies)

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the request, and say whether it may go on. One that was refused before is not counted again."""
        django_request: HttpRequest = request._request
        # Finding out who it is makes that user the one of Django's request too.
        request.user  # noqa: B018
        if refusing(charged.decisions_of(django_request)):
            return True
        slugs = self.limits_slugs(getattr(view, "throttle_policies", ()))
        policies = enforcement.covering(slugs, method=django_request.method or "")
        asked = with_pending(django_request, [enforcement.Asked(policy) for policy in policies])
        self._refusal = refusing(enforcement.decide(django_request, asked))
        if self._refusal and self._refusal.basis is Basis.UNCOUNTED:
            raise Uncounted(self._refusal.retry_after_seconds)
        return self._refusal is None

    def wait(self) -> int | None:
        """Return the seconds until the request may come again; None when it was not refused."""
        return self._refusal.retry_after_seconds if self._refusal else None


class Uncounted(APIException):
    """Nothing can be counted, and the policy refuses then. `wait` is in seconds: REST framework's Retry-After."""

    status_code = 503
    default_detail = "Requests cannot be counted at the moment."
    default_code = "uncounted"

    def __init__(self, wait: int) -> None:
        super().__init__()
        self.wait = wait
