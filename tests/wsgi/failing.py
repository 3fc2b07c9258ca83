"""Pages whose session cannot be saved."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from beaker_dynamodb import StoreUnavailable
from tests.sessions.site import values
from tests.wsgi import raw
from tests.wsgi.raw import Response

#: Headers of a page that must not arrive with another body.
PAGE = [("ETag", '"1"'), ("Location", "/welcome"), ("Set-Cookie", "page=1")]


def page(action: Any, status: str = "200 OK", body: Any = (b"page",)) -> Any:
    return raw.page(action, status, body, PAGE[:])


class Framework:
    """A framework around a view, with an error page for what the view or its response raises."""

    def __init__(self, view: Any, error_page: Any = values) -> None:
        self._view, self._error_page = view, error_page
        self.caught: list[type[Exception]] = []

    def __call__(self, environ: Any, start_response: Any) -> Any:
        try:
            return self._view(environ, start_response)
        except Exception as error:
            self.caught.append(type(error))
            self._error_page(environ["beaker.session"])
            start_response("503 Sorry", [("X-Page", "error")], sys.exc_info())
            return [b"error page"]


def is_503(response: Response) -> bool:
    """Return whether a response is the built-in 503, without anything of the page."""
    names = {name.lower() for name, _ in response.headers}
    return (
        response.status == "503 Service Unavailable"
        and response.all("Retry-After") == ["5"]
        and response.all("Content-Length") == [str(len(response.body))]
        and response.all("Cache-Control") == ["no-store"]
        and b"page" not in response.body
        and not {"set-cookie", "etag", "location"} & names
    )


def swallow_errors(action: Any) -> Callable[[Any], None]:
    def swallow(session: Any) -> None:
        with pytest.raises(StoreUnavailable):
            action(session)

    return swallow
