"""A session that changes while the body is sent is saved when the body ends."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from tests.servers.recorder import CallRecorder
from tests.sessions.site import log_out, store, values
from tests.wsgi.outage import WRITES, Outage
from tests.wsgi.raw import Options, new_environ, nothing, page, send, stored, wrap

App = Callable[[Any, Any], Any]


def generator(action: Any, before: Any = nothing) -> App:
    """Return an application that calls `before`, starts the response, and acts in the middle."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        session = environ["beaker.session"]
        before(session)
        start_response("200 OK", [])
        yield b"1"
        action(session)
        yield b"2"

    return app


def started_generator(action: Any, before: Any = nothing) -> App:
    """Return an application that starts the response itself, and returns a generator."""

    def app(environ: Any, start_response: Any) -> Any:
        body = generator(action, before)(environ, start_response)
        first = next(body)
        return (chunk for chunks in ([first], body) for chunk in chunks)

    return app


def writing(action: Any, before: Any = nothing) -> App:
    """Return an application that calls `write`, and returns an empty list."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        before(environ["beaker.session"])
        write = start_response("200 OK", [])
        write(b"1")
        action(environ["beaker.session"])
        write(b"2")
        return []

    return app


EVERY_KIND = pytest.mark.parametrize("make", [generator, started_generator, writing])


def pop_name(session: Any) -> None:
    session.pop("name")
    session.save()


@EVERY_KIND
def test_a_change_is_saved_after_the_save_at_the_start(
    options: Options, cookie: str, make: Any, calls: CallRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    calls.clear()
    app = wrap(make(pop_name, before=store(cart=["tea"])), options)
    assert b"12" == send(app, cookie).body
    assert ["GetItem", "PutItem", "PutItem"] == calls.operations
    assert {"cart": ["tea"]} == stored(options, cookie)
    assert [] == caplog.records


@EVERY_KIND
def test_a_body_that_only_reads_costs_no_write(
    options: Options, cookie: str, make: Any, calls: CallRecorder
) -> None:
    calls.clear()
    send(wrap(make(values, before=store(name="Eve")), options, touch_interval=0), cookie)
    assert ["GetItem", "PutItem"] == calls.operations


def test_a_change_is_saved_if_the_client_disconnects(options: Options, cookie: str) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        pop_name(environ["beaker.session"])
        yield b"1"
        raise AssertionError("not requested")

    body = wrap(app, options)(new_environ(cookie), lambda *args: lambda data: None)
    assert b"1" == next(iter(body))
    body.close()  # type: ignore[attr-defined]  # as servers do if it exists
    assert {} == stored(options, cookie)


def test_a_change_in_the_applications_close_is_saved(options: Options, cookie: str) -> None:
    class Body(list[bytes]):
        def close(self) -> None:
            pop_name(session)
            raise ValueError("a bug")

    session: Any = None

    def app(environ: Any, start_response: Any) -> Body:
        nonlocal session
        session = environ["beaker.session"]
        start_response("200 OK", [])
        return Body([b"page"])

    with pytest.raises(ValueError, match="a bug"):
        send(wrap(app, options), cookie)
    assert {} == stored(options, cookie)


@EVERY_KIND
def test_a_store_error_is_logged(
    options: Options, cookie: str, make: Any, outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    with outage.of(*WRITES):
        assert b"12" == send(wrap(make(pop_name, before=values), options), cookie).body
    (record,) = caplog.records
    assert "ERROR" == record.levelname
    assert "not saved: StoreUnavailable" in record.getMessage()
    assert cookie.partition("=")[2] not in caplog.text
    assert ["PutItem"] == outage.refused
    assert {"name": "Ada"} == stored(options, cookie)


def test_data_that_cannot_be_encoded_is_logged_once(
    options: Options, cookie: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = generator(lambda session: session.update(name=lambda: None), before=values)
    send(wrap(app, options, auto=True), cookie)
    (record,) = caplog.records
    assert "PayloadError" in record.getMessage()


@EVERY_KIND
def test_a_cookie_that_can_no_longer_be_set_logs_one_warning(
    options: Options, make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    response = send(wrap(make(store(name="Eve")), options))
    assert (b"12", []) == (response.body, response.all("Set-Cookie"))
    (record,) = caplog.records
    assert "WARNING" == record.levelname
    assert "too late to set its cookie" in record.getMessage()


@pytest.mark.parametrize("end", [log_out, lambda session: session.invalidate()])
def test_a_session_that_ends_during_the_body_stays_ended(
    options: Options, cookie: str, end: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert [] == send(wrap(generator(end), options), cookie).all("Set-Cookie")
    assert ["too late to set its cookie" in message for message in caplog.messages] == [True]
    assert {} == stored(options, cookie)


@pytest.mark.parametrize("touch_interval", [None, 0])
def test_with_auto_a_change_needs_no_save(
    options: Options, cookie: str, calls: CallRecorder, touch_interval: Any
) -> None:
    options |= {"auto": True, "touch_interval": touch_interval}
    send(wrap(generator(lambda session: session.update(name="Eve"), values), options), cookie)
    assert "PutItem" == calls.operations[-1]
    assert {"name": "Eve"} == stored(options, cookie)
    calls.clear()
    send(wrap(generator(values, before=store(name="Tom")), options), cookie)
    assert ["GetItem", "PutItem"] == calls.operations


# -- bodies that are passed through -------------------------------------------------------------


def test_a_list_or_tuple_is_passed_through(options: Options) -> None:
    bodies: list[Any] = [[b"page"], (b"page",), []]
    for body in bodies:
        assert send(wrap(page(values, body=body), options)).returned is body


# uWSGI returns the file itself.
@pytest.mark.parametrize("file_wrapper", [FileWrapper, lambda file: file])
def test_a_file_is_passed_through(options: Options, file_wrapper: Any) -> None:
    files: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        values(environ["beaker.session"])
        start_response("200 OK", [])
        files.append(environ["wsgi.file_wrapper"](io.BytesIO(b"page")))
        return files[0]

    response = send(wrap(app, options), **{"wsgi.file_wrapper": file_wrapper})
    assert response.returned is files[0]
    assert b"page" == response.body
