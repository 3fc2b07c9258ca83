"""A second pass of the same environment, as error documents are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import beaker.middleware
import pytest

from beaker_dynamodb.middleware import SessionMiddleware
from tests.sessions.site import store, values
from tests.wsgi.outage import WRITES, Outage
from tests.wsgi.raw import new_environ, respond, send

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

Options = dict[str, Any]


def page(environ: Any, start_response: Any) -> list[bytes]:
    """Count what was visited, and find nothing but the error document."""
    session, path = environ["beaker.session"], environ["PATH_INFO"]
    session.setdefault("visited", []).append(path)
    session.save()
    start_response("200 OK" if path == "/error" else "404 Not Found", [("X-Page", path)])
    return [repr(session["visited"]).encode()]


class ErrorDocuments:
    """Replaces a page that was not found, as Pylons' StatusCodeRedirect does.

    :param copied: whether the second pass gets a copy of the environment.
    """

    def __init__(self, app: Any, *, copied: bool) -> None:
        self._app, self._copied = app, copied

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Respond with the second pass's page, and the first one's status."""
        passes: list[Any] = []
        self._app(environ, lambda *args: passes.append(args))
        if self._copied:
            environ = environ.copy()
        environ["PATH_INFO"] = "/error"
        body = self._app(environ, lambda *args: passes.append(args))
        (status, *_), (_, headers, *_) = passes
        start_response(status, headers)
        return body


def wrap(options: Options, app: Any = page, **more: Any) -> SessionMiddleware:
    """Wrap an application."""
    named = {f"session.{name}": value for name, value in {**options, **more}.items()}
    return SessionMiddleware(app, named)


@pytest.mark.parametrize("copied", [False, True], ids=["same", "copy"])
def test_a_first_visit_makes_one_session_and_one_cookie(
    options: Options, client: DynamoDBClient, copied: bool
) -> None:
    app = ErrorDocuments(wrap(options), copied=copied)

    response = send(app, PATH_INFO="/missing")

    assert ("404 Not Found", b"['/missing', '/error']") == (response.status, response.body)
    assert ["/error"] == response.all("X-Page")
    assert 1 == client.scan(TableName=options["table_name"])["Count"]
    again = send(app, response.cookie, PATH_INFO="/again")
    assert b"['/missing', '/error', '/again', '/error']" == again.body


def test_an_error_document_after_a_failed_save_does_not_save_again(
    options: Options, outage: Outage
) -> None:
    cookie = send(wrap(options)).cookie

    def catching(environ: Any, start_response: Any) -> Any:
        app = wrap(options)
        try:
            return app(environ, start_response)
        except Exception:
            environ["PATH_INFO"] = "/broken"
            return app(environ, start_response)

    with outage.of(*WRITES):
        assert b"broken" in send(catching, cookie).body
    assert ["PutItem"] == outage.refused


def test_a_session_of_another_middleware_is_not_ours(options: Options) -> None:
    def look(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(environ["beaker.session"])
        store(path=environ["PATH_INFO"])(environ["beaker.session"])
        start_response("200 OK", [])
        return []

    seen: list[Any] = []
    admin = wrap(options, look, key="admin")

    def site(environ: Any, start_response: Any) -> Any:
        seen.append(environ["beaker.session"])
        return admin(environ, start_response)

    theirs = {f"session.{name}": value for name, value in options.items()}
    for outer in (
        wrap(options, site),
        beaker.middleware.SessionMiddleware(site, theirs, type="ext:dynamodb"),
    ):
        seen.clear()
        response = send(outer)
        first, second = seen
        assert first is not second
        (cookie,) = response.all("Set-Cookie")
        assert cookie.startswith("admin=")
        assert {} == values(first)


def test_an_environment_with_another_cookie_is_another_request(options: Options) -> None:
    app = wrap(options)
    environ = new_environ()
    first = respond(app, environ)
    environ["HTTP_COOKIE"] = "beaker.session.id=" + "0" * 32
    second = respond(app, environ)
    assert b"['/']" == first.body == second.body
    assert first.cookie != second.cookie
