"""A session that cannot be saved when the response starts: the option `on_save_error`."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from beaker_dynamodb import (
    AccessDenied,
    ConfigurationError,
    ItemTooLarge,
    MissingSpecialKeys,
    PayloadError,
    StoreUnavailable,
)
from beaker_dynamodb.wsgi.save_errors import service_unavailable
from tests.sessions.site import store, values
from tests.wsgi import raw
from tests.wsgi.failing import PAGE, Framework, is_503, page, swallow_errors
from tests.wsgi.outage import WRITES, Outage
from tests.wsgi.raw import Options, send, stored, wrap

SAVE = store(name="Grace")


# -- raise --------------------------------------------------------------------------------------


def test_the_error_is_raised_by_default(options: Options, outage: Outage) -> None:
    for value in ("raise", "Raise", "", None):
        with outage.of(*WRITES), pytest.raises(StoreUnavailable):
            send(wrap(page(SAVE), options, on_save_error=value))


def test_an_invalid_value_is_rejected_at_startup(options: Options) -> None:
    for value in ("502", 500, True, "ignore"):
        with pytest.raises(ConfigurationError, match="on_save_error"):
            wrap(page(values), options, on_save_error=value)


@pytest.mark.parametrize("error_page", [values, store(flash="sorry")], ids=["reads", "saves"])
def test_an_error_page_does_not_repeat_a_failed_save(
    options: Options, cookie: str, outage: Outage, error_page: Any
) -> None:
    framework = Framework(page(SAVE), error_page)
    with outage.of(*WRITES):
        response = send(wrap(framework, options), cookie)
    assert ("503 Sorry", b"error page") == (response.status, response.body)
    assert [StoreUnavailable] == framework.caught
    assert ["PutItem"] == outage.refused
    assert [] == response.all("Set-Cookie")


def persist(session: Any) -> None:
    SAVE(session)
    session.persist()


@pytest.mark.parametrize("on_save_error", ["raise", "503"])
def test_persist_raises_in_the_view_only(
    options: Options, cookie: str, outage: Outage, on_save_error: str
) -> None:
    with outage.of(*WRITES):
        app = wrap(Framework(page(persist), SAVE), options, on_save_error=on_save_error)
        assert b"error page" == send(app, cookie).body
        app = wrap(page(swallow_errors(persist)), options, on_save_error=on_save_error)
        response = send(app, cookie)
    assert ("200 OK", ["page=1"]) == (response.status, response.all("Set-Cookie"))
    assert ["PutItem", "PutItem"] == outage.refused


def test_the_cookie_of_an_earlier_save_is_sent_after_a_failure(
    options: Options, outage: Outage
) -> None:
    def first_visit(session: Any) -> None:
        store(name="Ada")(session)
        session.persist()
        with outage.of(*WRITES):
            swallow_errors(persist)(session)

    cookie = send(wrap(raw.page(first_visit), options)).cookie
    assert {"name": "Ada"} == stored(options, cookie)


# -- 503 ----------------------------------------------------------------------------------------


class Body:
    closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"page"])

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("on_save_error", "status"), [("503", "200 OK"), (503, "303 See Other"), ("503", "500 Oh")]
)
def test_503_replaces_the_whole_response(
    options: Options, cookie: str, outage: Outage, on_save_error: Any, status: str
) -> None:
    body = Body()
    app = wrap(page(SAVE, status, body), options, on_save_error=on_save_error)
    with outage.of(*WRITES):
        assert is_503(send(app, cookie))
        head = send(app, cookie, REQUEST_METHOD="HEAD")
    assert ("503 Service Unavailable", b"") == (head.status, head.body)
    assert 2 == body.closed
    assert ["PutItem"] * 2 == outage.refused
    assert {"name": "Ada"} == stored(options, cookie)


def generator(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", PAGE[:])
    yield b"page 1"
    raise AssertionError("went on")


def empty_generator(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("304 Not Modified", PAGE[:])
    yield from ()


def writing(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", PAGE[:])(b"page 1")
    return [b"page 2"]


def breaking(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", PAGE[:])
    try:
        raise ValueError("the template is broken")
    except ValueError:
        start_response("500 Oh", PAGE[:], sys.exc_info())
    return [b"page"]


@pytest.mark.parametrize("app", [generator, empty_generator, writing, breaking])
def test_503_replaces_every_kind_of_body(
    options: Options, cookie: str, outage: Outage, app: Any
) -> None:
    bodies: list[Any] = []

    def save(environ: Any, start_response: Any) -> Any:
        SAVE(environ["beaker.session"])
        bodies.append(app(environ, start_response))
        return bodies[0]

    with outage.of(*WRITES):
        assert is_503(send(wrap(save, options, on_save_error=503), cookie))
    assert ["PutItem"] == outage.refused
    if inspect.isgenerator(bodies[0]):
        assert inspect.GEN_CLOSED == inspect.getgeneratorstate(bodies[0])


# -- other errors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operations", "code", "error"),
    [
        (["GetItem"], "ThrottlingException", StoreUnavailable),
        (WRITES, "AccessDeniedException", AccessDenied),
    ],
    ids=["load", "permission"],
)
def test_a_failed_load_and_a_missing_permission_are_always_raised(
    options: Options, cookie: str, outage: Outage, operations: Any, code: str, error: Any
) -> None:
    with outage.of(*operations, code=code), pytest.raises(error):
        send(wrap(page(SAVE), options, on_save_error=503), cookie)


def unpicklable(session: Any) -> None:
    store(name=lambda: None)(session)


@pytest.mark.parametrize(
    ("action", "extra", "error"),
    [
        (store(name="x" * 5000), {"compression": "off"}, ItemTooLarge),
        (unpicklable, {}, PayloadError),
        (SAVE, {"special_keys": "userId:S"}, MissingSpecialKeys),
    ],
)
def test_an_error_in_the_application_data_is_always_raised(
    options: Options,
    cookie: str,
    action: Any,
    extra: Options,
    error: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("beaker_dynamodb.items.chunks.MAX_VALUE_BYTES", 2000)
    asked: list[object] = []
    framework = Framework(page(action))
    for on_save_error in ("503", lambda environ, error: asked.append(error)):
        app = wrap(framework, {**options, **extra}, on_save_error=on_save_error)
        assert b"error page" == send(app, cookie).body
    assert [error, error] == framework.caught
    assert [] == asked


@pytest.mark.parametrize("corrected", [True, False])
def test_data_that_could_not_be_saved_is_saved_again(
    options: Options, cookie: str, corrected: bool
) -> None:
    def save_twice(session: Any) -> None:
        unpicklable(session)
        with pytest.raises(PayloadError):
            session.persist()
        if corrected:
            session["name"] = "Grace"
        session.save()

    app = wrap(page(save_twice), options)
    if corrected:
        send(app, cookie)
        assert {"name": "Grace"} == stored(options, cookie)
    else:
        with pytest.raises(PayloadError):
            send(app, cookie)


@pytest.mark.parametrize("auto", [False, True])
def test_an_error_page_may_save_after_an_error_of_the_application(
    options: Options, cookie: str, auto: bool, caplog: pytest.LogCaptureFixture
) -> None:
    app = wrap(Framework(page(unpicklable), store(flash="sorry")), options, auto=auto)
    with caplog.at_level(logging.WARNING, "beaker_dynamodb"):
        assert b"error page" == send(app, cookie).body
    assert ["PayloadError"] == [entry.getMessage().split(": ")[1] for entry in caplog.records]
    assert {"name": "Ada"} == stored(options, cookie)


# -- a callable ---------------------------------------------------------------------------------


def test_a_callable_chooses_the_response(options: Options, outage: Outage) -> None:
    seen: list[type[Exception]] = []

    def sorry(environ: Any, start_response: Any) -> list[bytes]:
        start_response("500 Sorry", [("X-Page", "sorry")])
        return [environ["PATH_INFO"].encode()]

    def on_save_error(environ: Any, error: StoreUnavailable) -> Any:
        seen.append(type(error))
        return {"/app": sorry, "/503": service_unavailable}.get(environ["PATH_INFO"])

    body = Body()
    app = wrap(page(SAVE, body=body), options, on_save_error=on_save_error)
    with outage.of(*WRITES):
        own = send(app, PATH_INFO="/app")
        assert is_503(send(app, PATH_INFO="/503"))
        passed = send(app, PATH_INFO="/pass")
    assert ("500 Sorry", [("X-Page", "sorry")], b"/app") == (own.status, own.headers, own.body)
    assert ("200 OK", b"page") == (passed.status, passed.body)
    assert ["page=1"] == passed.all("Set-Cookie")
    assert 3 == body.closed
    assert [StoreUnavailable] * 3 == seen
