"""Small applications behind `SessionMiddleware`, and an in-process WSGI server for them.

The server checks that the application follows PEP 3333, and returns raw headers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

from beaker_dynamodb.middleware import SessionMiddleware
from tests.sessions.site import values

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Headers = list[tuple[str, str]]
Options = dict[str, Any]


@dataclass
class Response:
    """What the server would have sent."""

    status: str = ""
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    #: What the application returned.
    returned: Any = None

    def all(self, name: str) -> list[str]:
        return [value for given, value in self.headers if given.lower() == name.lower()]

    @property
    def cookie(self) -> str:
        """The Cookie header that a browser returns for the one cookie that was set."""
        (header,) = self.all("Set-Cookie")
        return header.split(";")[0]


def new_environ(cookie: str = "", **extra: Any) -> dict[str, Any]:
    environ: dict[str, Any] = {"HTTP_COOKIE": cookie, **extra}
    setup_testing_defaults(environ)
    return environ


def send(app: WSGIApplication, cookie: str = "", **extra: Any) -> Response:
    """Make a request; ``extra`` is added to the WSGI environment."""
    return respond(app, new_environ(cookie, **extra))


def respond(app: WSGIApplication, environ: dict[str, Any]) -> Response:
    response = Response()
    sent: list[bytes] = []

    def start_response(status: str, headers: Headers, exc_info: Any = None) -> Any:
        if exc_info and any(sent):
            raise exc_info[1]
        assert exc_info or not response.status, "started twice"
        response.status, response.headers = status, headers
        return sent.append

    body: Iterable[bytes] = app(environ, start_response)
    response.returned = body
    try:
        for chunk in body:
            assert response.status, "a body before start_response"
            sent.append(chunk)
    finally:
        if hasattr(body, "close"):
            body.close()
    response.body = b"".join(sent)
    return response


def wrap(app: Any, options: Options, **extra: Any) -> SessionMiddleware:
    settings = {f"session.{name}": value for name, value in {**options, **extra}.items()}
    return SessionMiddleware(app, settings)


def page(
    action: Any, status: str = "200 OK", body: Any = (b"page",), headers: Any = ()
) -> WSGIApplication:
    def app(environ: Any, start_response: Any) -> Any:
        action(environ["beaker.session"])
        start_response(status, headers if isinstance(headers, list) else [*headers])
        return body

    return app


def nothing(session: Any) -> None:
    """Do not access the session."""


def stored(options: Options, cookie: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    send(wrap(page(lambda session: found.update(values(session))), options), cookie)
    return found
