"""Refusals that a program can read: RFC 9457."""

from http import HTTPStatus

from django.http import JsonResponse


def problem(status: HTTPStatus, *, detail: str, headers: dict[str, str] | None = None) -> JsonResponse:
    """Return an `application/problem+json` answer; `detail` says in a sentence what to change."""
    return JsonResponse(
        {
            "type": "about:blank",
            "title": status.phrase,
            "status": status.value,
            "detail": detail,
        },
        status=status.value,
        content_type="application/problem+json",
        headers=headers,
        json_dumps_params={"ensure_ascii": False},
    )
