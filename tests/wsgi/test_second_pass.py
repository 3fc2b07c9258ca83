"""A second pass of the same request, as frameworks do for error documents."""

from __future__ import annotations

from typing import Any

import beaker.middleware
import pytest

from tests.servers.endpoint import DynamoDBClient
from tests.sessions.site import store, values
from tests.wsgi.raw import Options, new_environ, page, respond, send, wrap


def visits(environ: Any, start_response: Any) -> list[bytes]:
    session, path = environ["beaker.session"], environ["PATH_INFO"]
    session.setdefault("visited", []).append(path)
    session.save()
    start_response("200 OK" if path == "/error" else "404 Not Found", [])
    return [repr(session["visited"]).encode()]


def with_error_documents(app: Any, copied: bool) -> Any:
    """Replace each page with the error document, as Pylons' StatusCodeRedirect does."""

    def redirect(environ: Any, start_response: Any) -> Any:
        app(environ, lambda *args: None)
        environ = environ.copy() if copied else environ
        environ["PATH_INFO"] = "/error"
        return app(environ, start_response)

    return redirect


@pytest.mark.parametrize("copied", [False, True], ids=["same environ", "copy"])
def test_a_first_visit_creates_one_session_and_one_cookie(
    options: Options, client: DynamoDBClient, copied: bool
) -> None:
    app = with_error_documents(wrap(visits, options), copied)
    response = send(app, PATH_INFO="/missing")
    assert b"['/missing', '/error']" == response.body
    assert 1 == client.scan(TableName=options["table_name"])["Count"]
    again = send(app, response.cookie, PATH_INFO="/again")
    assert b"['/missing', '/error', '/again', '/error']" == again.body


@pytest.mark.parametrize("package", [True, False], ids=["package's", "Beaker's"])
def test_a_session_of_another_middleware_is_not_used(options: Options, package: bool) -> None:
    seen: list[Any] = []

    def look(session: Any) -> None:
        seen.append(session)
        store(name="Ada")(session)

    admin = wrap(page(look), options, key="admin")

    def site(environ: Any, start_response: Any) -> Any:
        seen.append(environ["beaker.session"])
        return admin(environ, start_response)

    settings = {f"session.{name}": value for name, value in options.items()}
    outer = beaker.middleware.SessionMiddleware(site, settings, type="ext:dynamodb")
    assert send(wrap(site, options) if package else outer).cookie.startswith("admin=")
    first, second = seen
    assert first is not second
    assert {} == values(first)


def test_another_cookie_header_is_another_request(options: Options) -> None:
    app = wrap(visits, options)
    environ = new_environ()
    first = respond(app, environ)
    environ["HTTP_COOKIE"] = "beaker.session.id=" + "0" * 32
    second = respond(app, environ)
    assert b"['/']" == first.body == second.body
    assert first.cookie != second.cookie
