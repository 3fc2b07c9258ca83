"""A session that cannot be saved when the response starts: the option `on_save_error`."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import bottle
import flask
import pytest

from beaker_dynamodb import (
    AccessDenied,
    ConfigurationError,
    ItemTooLarge,
    MissingSpecialKeys,
    PayloadError,
    StoreUnavailable,
)
from beaker_dynamodb.middleware import SessionMiddleware
from beaker_dynamodb.wsgi.save_errors import service_unavailable
from tests.sessions.site import store, values
from tests.wsgi.outage import WRITES, Outage
from tests.wsgi.raw import Response, send

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Options = dict[str, Any]
#: Headers of a page that must not arrive with another body.
PAGE = [
    ("Content-Type", "text/html"),
    ("ETag", '"1"'),
    ("Location", "/welcome"),
    ("Set-Cookie", "page=1"),
]


def middleware(app: Any, options: Options, **more: Any) -> SessionMiddleware:
    """Wrap an application."""
    settings = {f"session.{name}": value for name, value in {**options, **more}.items()}
    return SessionMiddleware(app, settings)


def page(action: Any, status: str = "200 OK", body: Any = (b"page",)) -> WSGIApplication:
    """Make an application that does something with the session, and returns a page."""

    def app(environ: Any, start_response: Any) -> Any:
        action(environ["beaker.session"])
        start_response(status, [*PAGE])
        return body

    return app


class Framework:
    """A framework around a view, with an error page for what the view and its response raise.

    :param view: a WSGI application.
    :param error_page: does something with the session.
    """

    def __init__(self, view: Any, error_page: Any = values, status: str = "503 Sorry") -> None:
        self._view, self._error_page, self._status = view, error_page, status
        self.caught: list[Exception] = []

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Respond with the view, or with the error page."""
        try:
            return self._view(environ, start_response)
        except Exception as error:
            self.caught.append(error)
            self._error_page(environ["beaker.session"])
            start_response(self._status, [("X-Page", "error")], sys.exc_info())
            return [b"error page"]


@pytest.fixture
def cookie(options: Options) -> str:
    """The cookie of a visitor whose session is stored."""
    return send(middleware(page(store(name="Ada")), options)).all("Set-Cookie")[1].split(";")[0]


def stored(options: Options, cookie: str) -> dict[str, Any]:
    """Return what the next request finds in the session."""
    found: dict[str, Any] = {}
    send(middleware(page(lambda session: found.update(values(session))), options), cookie)
    return found


@pytest.fixture(params=["raise", "Raise", "", None])
def default(request: pytest.FixtureRequest) -> Any:
    """Each way to say `raise`."""
    return request.param


def test_the_error_is_raised_by_default(
    options: Options, cookie: str, outage: Outage, default: Any
) -> None:
    app = middleware(page(store(name="Grace")), options, on_save_error=default)
    with outage.of(*WRITES), pytest.raises(StoreUnavailable):
        send(app, cookie)
    assert {"name": "Ada"} == stored(options, cookie)


@pytest.mark.parametrize("error_page", [values, store(flash="sorry")], ids=["reads", "saves"])
def test_a_failed_save_is_not_repeated_by_the_error_page(
    options: Options, cookie: str, outage: Outage, error_page: Any
) -> None:
    framework = Framework(page(store(name="Grace")), error_page)
    with outage.of(*WRITES):
        response = send(middleware(framework, options), cookie)
    assert ("503 Sorry", b"error page") == (response.status, response.body)
    assert [StoreUnavailable] == [type(error) for error in framework.caught]
    assert ["PutItem"] == outage.refused
    assert [] == response.all("Set-Cookie")


def persist(session: Any) -> None:
    """Save within the handler."""
    store(name="Grace")(session)
    session.persist()


def persist_and_go_on(session: Any) -> None:
    """Save within the handler, which can do without."""
    with pytest.raises(StoreUnavailable):
        persist(session)


@pytest.mark.parametrize("on_save_error", ["raise", "503"])
def test_persist_raises_in_the_handler_and_only_there(
    options: Options, cookie: str, outage: Outage, on_save_error: str
) -> None:
    framework = Framework(page(persist), store(flash="sorry"))
    with outage.of(*WRITES):
        response = send(middleware(framework, options, on_save_error=on_save_error), cookie)
        assert ("503 Sorry", b"error page") == (response.status, response.body)
        go_on = middleware(page(persist_and_go_on), options, on_save_error=on_save_error)
        response = send(go_on, cookie)
    assert ("200 OK", PAGE) == (response.status, response.headers[: len(PAGE)])
    assert ["page=1"] == response.all("Set-Cookie")
    assert ["PutItem", "PutItem"] == outage.refused


def test_an_id_that_was_announced_by_an_earlier_save_is_announced_after_a_failure(
    options: Options, outage: Outage
) -> None:
    def first_visit(session: Any) -> None:
        store(name="Ada")(session)
        session.persist()
        with outage.of(*WRITES):
            persist_and_go_on(session)

    response = send(middleware(page(first_visit), options))
    _, cookie = response.all("Set-Cookie")
    assert {"name": "Ada"} == stored(options, cookie.split(";")[0])


# -- 503 --------------------------------------------------------------------------------------


class Body:
    """A body that knows whether it was closed.

    :param chunks: of it.
    """

    def __init__(self, chunks: Any = (b"page",)) -> None:
        self._chunks, self.closed = chunks, 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)

    def close(self) -> None:
        """Count."""
        self.closed += 1


def unavailable(response: Response) -> bool:
    """Tell whether a response is the 503, and nothing of the page."""
    names = [name.lower() for name, _ in response.headers]
    return (
        response.status == "503 Service Unavailable"
        and response.all("Retry-After") == ["5"]
        and response.all("Content-Length") == [str(len(response.body))]
        and response.all("Cache-Control") == ["no-store"]
        and b"page" not in response.body
        and not {"set-cookie", "etag", "location"} & {*names}
    )


@pytest.mark.parametrize("on_save_error", ["503", 503, " 503 "])
@pytest.mark.parametrize("status", ["200 OK", "303 See Other", "304 Not Modified", "500 Oh"])
def test_503_replaces_the_whole_response(
    options: Options, cookie: str, outage: Outage, on_save_error: Any, status: str
) -> None:
    body = Body()
    app = middleware(page(store(name="Grace"), status, body), options, on_save_error=on_save_error)
    with outage.of(*WRITES):
        response = send(app, cookie)
    assert unavailable(response)
    assert 1 == body.closed
    assert ["PutItem"] == outage.refused
    assert {"name": "Ada"} == stored(options, cookie)


def test_503_of_a_head_request_has_no_body(options: Options, cookie: str, outage: Outage) -> None:
    app = middleware(page(store(name="Grace"), body=[]), options, on_save_error=503)
    with outage.of(*WRITES):
        response = send(app, cookie, REQUEST_METHOD="HEAD")
    assert ("503 Service Unavailable", b"") == (response.status, response.body)
    assert ["5"] == response.all("Retry-After")


def test_503_replaces_the_response_of_a_generator(
    options: Options, cookie: str, outage: Outage
) -> None:
    events: list[str] = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        try:
            store(name="Grace")(environ["beaker.session"])
            start_response("200 OK", [*PAGE])
            yield b"page 1"
            events.append("went on")
            yield b"page 2"
        finally:
            events.append("closed")

    with outage.of(*WRITES):
        assert unavailable(send(middleware(app, options, on_save_error=503), cookie))
    assert ["closed"] == events


def test_503_replaces_the_response_of_a_generator_without_a_body(
    options: Options, cookie: str, outage: Outage
) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        store(name="Grace")(environ["beaker.session"])
        start_response("304 Not Modified", [*PAGE])
        yield from ()

    with outage.of(*WRITES):
        assert unavailable(send(middleware(app, options, on_save_error=503), cookie))


def test_503_replaces_what_is_sent_by_write(options: Options, cookie: str, outage: Outage) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        store(name="Grace")(environ["beaker.session"])
        write = start_response("200 OK", [*PAGE])
        write(b"page 1")
        return [b"page 2"]

    with outage.of(*WRITES):
        assert unavailable(send(middleware(app, options, on_save_error=503), cookie))
    response = send(middleware(app, options, on_save_error=503), cookie)
    assert ("200 OK", b"page 1page 2") == (response.status, response.body)


def test_503_replaces_the_error_page_of_a_body_that_broke(
    options: Options, cookie: str, outage: Outage
) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        store(name="Grace")(environ["beaker.session"])
        start_response("200 OK", [*PAGE])
        try:
            raise ValueError("the template is broken")
        except ValueError:
            start_response("500 Oh", [*PAGE], sys.exc_info())
        return [b"page"]

    with outage.of(*WRITES):
        assert unavailable(send(middleware(app, options, on_save_error=503), cookie))
    assert ["PutItem"] == outage.refused


def test_a_load_that_fails_is_raised_whatever_the_option_says(
    options: Options, cookie: str, outage: Outage
) -> None:
    app = middleware(page(values), options, on_save_error=503)
    with outage.of("GetItem"), pytest.raises(StoreUnavailable):
        send(app, cookie)


# -- errors in the application ----------------------------------------------------------------


def too_large(session: Any) -> None:
    """Put more into a session than may be stored."""
    store(name="x" * 5000)(session)


def unencodable(session: Any) -> None:
    """Put what cannot be pickled into a session."""
    store(name=lambda: None)(session)


ERRORS: list[Any] = [
    pytest.param(too_large, {"max_value_size": 2000, "compression": "off"}, ItemTooLarge),
    pytest.param(unencodable, {}, PayloadError),
    pytest.param(store(name="Grace"), {"special_keys": "userId:S"}, MissingSpecialKeys),
]


@pytest.mark.parametrize(("action", "more", "error"), ERRORS)
def test_an_error_of_the_application_is_always_raised(
    options: Options, cookie: str, action: Any, more: Options, error: type[Exception]
) -> None:
    asked: list[object] = []
    framework = Framework(page(action))
    for on_save_error in ("503", lambda environ, error: asked.append(error)):
        app = middleware(framework, {**options, **more}, on_save_error=on_save_error)
        response = send(app, cookie)
        assert "503 Sorry" == response.status
        assert b"error page" == response.body
    assert [error, error] == [type(caught) for caught in framework.caught]
    assert [] == asked


def test_a_missing_permission_is_always_raised(
    options: Options, cookie: str, outage: Outage
) -> None:
    app = middleware(page(store(name="Grace")), options, on_save_error=503)
    with outage.of(*WRITES, code="AccessDeniedException"), pytest.raises(AccessDenied):
        send(app, cookie)


def test_a_handler_can_put_right_what_could_not_be_saved(options: Options, cookie: str) -> None:
    def put_right(session: Any) -> None:
        unencodable(session)
        with pytest.raises(PayloadError):
            session.persist()
        session["name"] = "Grace"
        session.save()

    send(middleware(page(put_right), options), cookie)
    assert {"name": "Grace"} == stored(options, cookie)


def test_a_handler_that_does_not_put_it_right_gets_the_error_again(
    options: Options, cookie: str
) -> None:
    def try_again(session: Any) -> None:
        unencodable(session)
        with pytest.raises(PayloadError):
            session.persist()
        session.save()

    with pytest.raises(PayloadError):
        send(middleware(page(try_again), options), cookie)


@pytest.mark.parametrize("more", [{}, {"auto": True}], ids=["save", "auto"])
def test_an_error_page_may_save_after_an_error_of_the_application(
    options: Options, cookie: str, more: Options, caplog: pytest.LogCaptureFixture
) -> None:
    app = middleware(Framework(page(unencodable), store(flash="sorry")), options, **more)
    with caplog.at_level(logging.WARNING, "beaker_dynamodb"):
        assert b"error page" == send(app, cookie).body
    assert ["PayloadError"] == [entry.getMessage().split(": ")[1] for entry in caplog.records]
    assert {"name": "Ada"} == stored(options, cookie)


# -- deletes and changes of id ----------------------------------------------------------------


def delete(session: Any) -> None:
    """Log out."""
    session.delete()


def invalidate(session: Any) -> None:
    """Log out, and begin anew."""
    session.invalidate()


def clear(session: Any) -> None:
    """Log out as applications did that know no better."""
    session.clear()
    session.save()
    session.persist()


def regenerate(session: Any) -> None:
    """Log in."""
    session.regenerate_id()
    session["user"] = "Ada"
    session.save()
    session.persist()


def swallowing(action: Any) -> Any:
    """Make an action of a handler that goes on as if all was well."""

    def swallow(session: Any) -> None:
        with pytest.raises(StoreUnavailable):
            action(session)

    return swallow


ENDS = pytest.mark.parametrize("end", [delete, invalidate, clear, regenerate])


@pytest.mark.parametrize(
    ("end", "failing"),
    [
        *((end, WRITES) for end in (delete, invalidate, clear, regenerate)),
        *((end, ("GetItem",)) for end in (delete, invalidate, regenerate)),
    ],
)
@pytest.mark.parametrize("status", ["200 OK", "302 Found"])
def test_an_end_that_failed_never_passes_as_success(
    options: Options, cookie: str, outage: Outage, end: Any, failing: Any, status: str
) -> None:
    app = page(swallowing(end), status)
    with outage.of(*failing):
        with pytest.raises(StoreUnavailable):
            send(middleware(app, options), cookie)
        assert unavailable(send(middleware(app, options, on_save_error=503), cookie))
        let_pass = middleware(app, options, on_save_error=lambda environ, error: None)
        with pytest.raises(StoreUnavailable):
            send(let_pass, cookie)
        success = middleware(app, options, on_save_error=lambda environ, error: page(values))
        with pytest.raises(StoreUnavailable):
            send(success, cookie)
    assert {"name": "Ada"} == stored(options, cookie)


@ENDS
def test_the_error_page_of_an_end_that_failed_is_sent(
    options: Options, cookie: str, outage: Outage, end: Any
) -> None:
    with outage.of(*WRITES):
        response = send(middleware(Framework(page(end)), options), cookie)
    assert ("503 Sorry", b"error page") == (response.status, response.body)
    assert [] == response.all("Set-Cookie")
    assert 1 == len(outage.refused)
    assert {"name": "Ada"} == stored(options, cookie)


@ENDS
def test_an_end_that_was_tried_again_is_a_success(
    options: Options, cookie: str, outage: Outage, end: Any
) -> None:
    def twice(session: Any) -> None:
        with outage.of(*WRITES):
            swallowing(end)(session)
        end(session)

    assert "200 OK" == send(middleware(page(twice), options), cookie).status
    assert {} == stored(options, cookie)


def test_a_save_after_a_delete_that_failed_does_not_hide_it(
    options: Options, cookie: str, outage: Outage
) -> None:
    def save_instead(session: Any) -> None:
        with outage.of(*WRITES):
            swallowing(delete)(session)
        session.persist()

    with pytest.raises(StoreUnavailable):
        send(middleware(page(save_instead), options), cookie)


def test_a_change_of_id_that_fails_in_the_implicit_save_is_a_503(
    options: Options, cookie: str, outage: Outage
) -> None:
    def log_in(session: Any) -> None:
        session.regenerate_id()
        session.save()

    with outage.of(*WRITES):
        assert unavailable(send(middleware(page(log_in), options, on_save_error=503), cookie))
        let_pass = middleware(page(log_in), options, on_save_error=lambda environ, error: None)
        with pytest.raises(StoreUnavailable):
            send(let_pass, cookie)


# -- a callable -------------------------------------------------------------------------------


def test_a_callable_chooses_the_response(options: Options, cookie: str, outage: Outage) -> None:
    seen: list[Any] = []

    def sorry(environ: Any, start_response: Any) -> list[bytes]:
        start_response("500 Sorry", [("X-Page", "sorry")])
        return [environ["PATH_INFO"].encode()]

    def on_save_error(environ: Any, error: StoreUnavailable) -> Any:
        seen.append(error)
        return {"/app": sorry, "/503": service_unavailable}.get(environ["PATH_INFO"])

    body = Body()
    app = middleware(page(store(name="Grace"), body=body), options, on_save_error=on_save_error)
    with outage.of(*WRITES):
        own = send(app, cookie, PATH_INFO="/app")
        built_in = send(app, cookie, PATH_INFO="/503")
        passed = send(app, cookie, PATH_INFO="/pass")
    assert ("500 Sorry", [("X-Page", "sorry")]) == (own.status, own.headers)
    assert b"/app" == own.body
    assert unavailable(built_in)
    assert ("200 OK", b"page", ["page=1"]) == (
        passed.status,
        passed.body,
        passed.all("Set-Cookie"),
    )
    assert 3 == body.closed
    assert [StoreUnavailable] * 3 == [type(error) for error in seen]
    assert {"name": "Ada"} == stored(options, cookie)


def test_a_page_that_passes_announces_no_session(options: Options, outage: Outage) -> None:
    app = middleware(page(store(name="Ada")), options, on_save_error=lambda environ, error: None)
    with outage.of(*WRITES):
        assert ["page=1"] == send(app).all("Set-Cookie")


@pytest.mark.parametrize("value", ["502", 500, True, "ignore"])
def test_another_value_is_an_error_at_start(options: Options, value: object) -> None:
    with pytest.raises(ConfigurationError, match="on_save_error"):
        middleware(page(values), options, on_save_error=value)


def test_the_option_comes_by_keyword_and_from_paste(
    options: Options, cookie: str, outage: Outage
) -> None:
    app = SessionMiddleware(
        page(store(name="Grace")), {}, type="ext:dynamodb", on_save_error=503, **options
    )
    with outage.of(*WRITES):
        assert unavailable(send(app, cookie))


# -- frameworks -------------------------------------------------------------------------------


@pytest.mark.parametrize("on_save_error", ["raise", "503"])
def test_flask(options: Options, cookie: str, outage: Outage, on_save_error: str) -> None:
    app = flask.Flask(__name__)
    app.errorhandler(StoreUnavailable)(lambda error: ("error page", 500))
    act: list[Any] = [persist]

    @app.get("/")
    def index() -> str:
        act[0](flask.request.environ["beaker.session"])
        return "page"

    wsgi = middleware(app.wsgi_app, options, on_save_error=on_save_error)
    with outage.of(*WRITES):
        assert b"error page" == send(wsgi, cookie).body
        act[0] = store(name="Grace")
        if on_save_error == "503":
            assert unavailable(send(wsgi, cookie))
        else:
            with pytest.raises(StoreUnavailable):
                send(wsgi, cookie)
    assert b"page" == send(wsgi, cookie).body


@pytest.mark.parametrize("on_save_error", ["raise", "503"])
def test_bottle(
    options: Options,
    cookie: str,
    outage: Outage,
    on_save_error: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Bottle prints the errors that reach it, with their addresses.
    monkeypatch.setattr("sys.stderr", io.StringIO())
    app = bottle.Bottle()
    caught: list[Exception] = []
    act: list[Any] = [persist]

    @app.get("/")  # type: ignore[untyped-decorator]  # Bottle has no type hints
    def index() -> str:
        act[0](bottle.request.environ["beaker.session"])
        return "page"

    @app.error(500)  # type: ignore[untyped-decorator]
    def error(error: Any) -> str:
        caught.append(error.exception)
        return "error page"

    wsgi = middleware(app, options, on_save_error=on_save_error)
    with outage.of(*WRITES):
        assert b"error page" == send(wsgi, cookie).body
        assert [StoreUnavailable] == [type(error) for error in caught]
        act[0] = store(name="Grace")
        response = send(wsgi, cookie)
        if on_save_error == "503":
            assert unavailable(response)
        else:
            # Bottle's last resort.
            assert "500 INTERNAL SERVER ERROR" == response.status
            assert [] == response.all("Set-Cookie")
    assert b"page" == send(wsgi, cookie).body
