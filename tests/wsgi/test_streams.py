"""A session that is changed while the body is made: stored when the body is closed."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper

import pytest

from beaker_dynamodb.middleware import SessionMiddleware
from tests.servers.recorder import CallRecorder
from tests.sessions.site import log_out, store, values
from tests.wsgi.outage import WRITES, Outage
from tests.wsgi.raw import Response, new_environ, respond, send

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

Options = dict[str, Any]
App = Callable[[Any, Any], Any]


def middleware(app: Any, options: Options) -> SessionMiddleware:
    """Wrap an application."""
    return SessionMiddleware(app, {f"session.{name}": value for name, value in options.items()})


def stream(action: Any, before: Any = None) -> App:
    """Make an application that does something with the session between two chunks.

    :param before: what it does before the response starts.
    """

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        session = environ["beaker.session"]
        if before is not None:
            before(session)
        start_response("200 OK", [])
        yield b"1"
        action(session)
        yield b"2"

    return app


def returned(action: Any, before: Any = None) -> App:
    """Make an application that starts the response, and returns the body of such a stream."""
    whole = stream(action, before)

    def app(environ: Any, start_response: Any) -> Any:
        started: list[Any] = []
        body = whole(environ, lambda *args: started.append(args))
        first = next(body)
        start_response(*started[0])

        def rest() -> Iterator[bytes]:
            yield first
            yield from body

        return rest()

    return app


def written(action: Any, before: Any = None) -> App:
    """Make an application that writes the body, and returns an empty list."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        if before is not None:
            before(environ["beaker.session"])
        write = start_response("200 OK", [])
        write(b"1")
        action(environ["beaker.session"])
        write(b"2")
        return []

    return app


@pytest.fixture(params=[stream, returned, written])
def make(request: pytest.FixtureRequest) -> Callable[..., App]:
    """Each way to send a body bit by bit."""
    make: Callable[..., App] = request.param
    return make


@pytest.fixture
def cookie(options: Options) -> str:
    """The cookie of a visitor to whom something is to be said."""
    return visit(store(flash=["saved"]), options).cookie


def visit(action: Any, options: Options, cookie: str = "") -> Response:
    """Make a request whose body is a list."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        action(environ["beaker.session"])
        start_response("200 OK", [])
        return [b"page"]

    return send(middleware(app, options), cookie)


def found(options: Options, cookie: str) -> dict[str, Any]:
    """Return what the next request finds."""
    result: dict[str, Any] = {}
    visit(lambda session: result.update(values(session)), options, cookie)
    return result


def pop_flash(session: Any) -> None:
    """Show what is to be said, once."""
    session.pop("flash")
    session.save()


def test_a_flash_message_is_shown_once(
    options: Options, cookie: str, make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert b"12" == send(middleware(make(pop_flash), options), cookie).body
    assert {} == found(options, cookie)
    assert [] == caplog.records


def test_it_is_stored_beside_what_was_saved_at_the_start(
    options: Options, cookie: str, make: Any
) -> None:
    app = middleware(make(pop_flash, before=store(name="Ada")), options)
    with CallRecorder(options["client"]) as sent:
        send(app, cookie)
    assert ["GetItem", "PutItem", "PutItem"] == sent.operations
    assert {"name": "Ada"} == found(options, cookie)


def test_a_body_that_only_reads_costs_no_write(
    options: Options, cookie: str, make: Any, client: DynamoDBClient
) -> None:
    app = middleware(make(values, before=store(name="Ada")), {**options, "touch_interval": 0})
    with CallRecorder(client) as sent:
        send(app, cookie)
    assert ["GetItem", "PutItem"] == sent.operations


def test_a_body_that_the_server_gives_up_is_stored_too(options: Options, cookie: str) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        pop_flash(environ["beaker.session"])
        yield b"1"
        raise AssertionError("nobody asks for this")

    body = middleware(app, options)(new_environ(cookie), lambda *args: lambda data: None)
    assert b"1" == next(iter(body))
    body.close()  # type: ignore[attr-defined]  # as servers do where there is one
    assert {} == found(options, cookie)


def test_it_is_stored_after_the_application_s_own_close(options: Options, cookie: str) -> None:
    class Body:
        def __init__(self, session: Any) -> None:
            self._session = session

        def __iter__(self) -> Iterator[bytes]:
            return iter([b"page"])

        def close(self) -> None:
            pop_flash(self._session)
            raise ValueError("a bug")

    def app(environ: Any, start_response: Any) -> Body:
        start_response("200 OK", [])
        return Body(environ["beaker.session"])

    with pytest.raises(ValueError, match="a bug"):
        send(middleware(app, options), cookie)
    assert {} == found(options, cookie)


def test_an_error_is_logged_and_not_raised(
    options: Options, cookie: str, make: Any, outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    app = middleware(make(pop_flash, before=values), options)
    with outage.of(*WRITES):
        assert b"12" == send(app, cookie).body
    (told,) = caplog.records
    assert "ERROR" == told.levelname
    assert "not saved" in told.getMessage()
    assert "StoreUnavailable" in told.getMessage()
    assert ["PutItem"] == outage.refused
    assert {"flash": ["saved"]} == found(options, cookie)


def test_what_cannot_be_encoded_is_logged_once(
    options: Options, cookie: str, caplog: pytest.LogCaptureFixture
) -> None:
    def change(session: Any) -> None:
        session["name"] = lambda: None

    send(middleware(stream(change, before=values), {**options, "auto": True}), cookie)
    (told,) = caplog.records
    assert "PayloadError" in told.getMessage()


def invalidate(session: Any) -> None:
    """Begin anew."""
    session.invalidate()


@pytest.mark.parametrize(
    ("action", "known"),
    [(store(name="Ada"), False), (log_out, True), (invalidate, True)],
    ids=["first visit", "log-out", "invalidate"],
)
def test_a_cookie_that_is_needed_is_one_warning(
    options: Options,
    cookie: str,
    make: Any,
    action: Any,
    known: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    response = send(middleware(make(action), options), cookie if known else "")
    assert (b"12", []) == (response.body, response.all("Set-Cookie"))
    (told,) = caplog.records
    assert "WARNING" == told.levelname
    assert "cookie" in told.getMessage()
    if known:
        assert {} == found(options, cookie)


def test_a_cookie_that_was_set_at_the_start_is_no_warning(
    options: Options, make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = middleware(make(store(flash=[]), before=store(name="Ada")), options)
    cookie = send(app).cookie
    assert {"name": "Ada", "flash": []} == found(options, cookie)
    assert [] == caplog.records


@pytest.mark.parametrize("touch_interval", [None, 0])
def test_auto_needs_no_mark(
    options: Options, cookie: str, client: DynamoDBClient, touch_interval: Any
) -> None:
    options |= {"auto": True, "touch_interval": touch_interval}

    def change(session: Any) -> None:
        session["flash"].append("more")

    with CallRecorder(client) as sent:
        send(middleware(stream(change, before=values), options), cookie)
        assert "PutItem" == sent.operations[-1]
        assert {"flash": ["saved", "more"]} == found(options, cookie)
        sent.clear()
        send(middleware(stream(values, before=store(name="Ada")), options), cookie)
        assert ["GetItem", "PutItem"] == sent.operations


def test_a_failed_save_at_the_start_is_not_repeated_at_the_end(
    options: Options, cookie: str, outage: Outage
) -> None:
    def error_page(environ: Any, start_response: Any) -> Iterator[bytes]:
        session = environ["beaker.session"]
        store(name="Ada")(session)
        with outage.of(*WRITES), pytest.raises(Exception, match="ThrottlingException"):
            session.persist()
        session.save()
        with outage.of(*WRITES):
            start_response("503 Sorry", [])
            yield b"sorry"

    assert b"sorry" == send(middleware(error_page, options), cookie).body
    assert ["PutItem"] == outage.refused


# -- bodies that are passed on ----------------------------------------------------------------


@pytest.mark.parametrize("body", [[b"page"], (b"page",), []], ids=str)
def test_a_list_or_tuple_is_passed_on_as_it_is(options: Options, body: Any) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        values(environ["beaker.session"])
        start_response("200 OK", [])
        return body

    assert send(middleware(app, options)).returned is body


def file_function(file: Any, block_size: int = 8192) -> Any:
    """Return the file itself, as uWSGI does."""
    return file


@pytest.mark.parametrize("file_wrapper", [FileWrapper, file_function])
def test_a_file_is_passed_on_as_it_is(options: Options, file_wrapper: Any) -> None:
    made: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        values(environ["beaker.session"])
        start_response("200 OK", [])
        made.append(environ["wsgi.file_wrapper"](io.BytesIO(b"page")))
        return made[0]

    environ = new_environ(**{"wsgi.file_wrapper": file_wrapper})
    response = respond(middleware(app, options), environ)
    assert response.returned is made[0]
    assert b"page" == response.body


def test_logs_name_no_id(
    options: Options, cookie: str, outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "beaker_dynamodb"), outage.of(*WRITES):
        send(middleware(stream(pop_flash, before=values), options), cookie)
    assert cookie.partition("=")[2] not in caplog.text
