"""The door of one view: `@limit("login")`."""

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, TypeVar, cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from limits import answers, enforcement
from limits.views_in_code import mark

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def limit(slug: str) -> Callable[[View], View]:
    """Return a decorator that puts a view behind a policy. Works on a class too, through `method_decorator`.

    Raises TypeError for an async view.

    The view bears the policy's name as a mark: the default policy leaves alone what this one covers, a check at start
    knows every name that code uses, and such a policy cannot be deleted.
    """

    def decorate(view: View) -> View:
        if iscoroutinefunction(view):
            raise TypeError(f"@limit takes no async view yet: {view.__qualname__}")

        @wraps(view)
        def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            decision = enforcement.check(request, slug)
            if decision is None:
                return view(request, *args, **kwargs)
            answers.note(request, decision)
            if not decision.allowed:
                return answers.refusal(request, decision)
            response = view(request, *args, **kwargs)
            answers.add_fields(request, response)
            return response

        mark(limited, slug=slug)
        return cast(View, limited)

    return decorate
