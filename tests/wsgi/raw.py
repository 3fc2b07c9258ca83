"""A WSGI server without a network: it checks what a real one relies on, and returns raw headers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Headers = list[tuple[str, str]]


@dataclass
class Response:
    """What the server would have sent."""

    status: str = ""
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    #: What the application returned.
    returned: Any = None

    def all(self, name: str) -> list[str]:
        """Return the values of a header, in order."""
        return [value for given, value in self.headers if given.lower() == name.lower()]

    @property
    def cookie(self) -> str:
        """What a browser sends back of the one cookie that was set."""
        (header,) = self.all("Set-Cookie")
        return header.split(";")[0]


def new_environ(cookie: str = "", **more: Any) -> dict[str, Any]:
    """Return the environment of a request."""
    environ: dict[str, Any] = {"HTTP_COOKIE": cookie, **more}
    setup_testing_defaults(environ)
    return environ


def send(app: WSGIApplication, cookie: str = "", **more: Any) -> Response:
    """Make a request.

    :param more: of the WSGI environment.
    """
    return respond(app, new_environ(cookie, **more))


def respond(app: WSGIApplication, environ: dict[str, Any]) -> Response:
    """Run an application as a server does, and close the body whatever happens."""
    response = Response()
    sent: list[bytes] = []

    def write(data: bytes) -> None:
        sent.append(data)

    def start_response(status: str, headers: Headers, exc_info: Any = None) -> Any:
        if exc_info and any(sent):
            raise exc_info[1]
        assert exc_info or not response.status, "started twice"
        response.status, response.headers = status, headers
        return write

    body: Iterable[bytes] = app(environ, start_response)
    response.returned = body
    try:
        for chunk in body:
            assert response.status, "a body before start_response"
            write(chunk)
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()
    response.body = b"".join(sent)
    return response
