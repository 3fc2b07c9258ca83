"""Small WSGI applications behind `SessionMiddleware`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from beaker_dynamodb.middleware import SessionMiddleware
from tests.sessions.site import values
from tests.wsgi.raw import send

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Options = dict[str, Any]


def wrap(app: Any, options: Options, **more: Any) -> SessionMiddleware:
    settings = {f"session.{name}": value for name, value in {**options, **more}.items()}
    return SessionMiddleware(app, settings)


def page(
    action: Any, status: str = "200 OK", body: Any = (b"page",), headers: Any = ()
) -> WSGIApplication:
    """Return an application that acts on its session, and then responds."""

    def app(environ: Any, start_response: Any) -> Any:
        action(environ["beaker.session"])
        start_response(status, headers if isinstance(headers, list) else [*headers])
        return body

    return app


def stored(options: Options, cookie: str) -> dict[str, Any]:
    """Return what the next request finds in the session."""
    found: dict[str, Any] = {}
    send(wrap(page(lambda session: found.update(values(session))), options), cookie)
    return found
