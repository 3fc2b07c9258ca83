"""A failed delete or id change never looks like a success."""

from __future__ import annotations

from typing import Any

import pytest

from beaker_dynamodb import StoreUnavailable
from tests.sessions.site import log_out, values
from tests.wsgi.failing import Framework, is_503, page, swallow_errors
from tests.wsgi.outage import WRITES, Outage
from tests.wsgi.raw import Options, send, stored, wrap


def invalidate(session: Any) -> None:
    session.invalidate()


def clear(session: Any) -> None:
    session.clear()
    session.save()
    session.persist()


def log_in(session: Any) -> None:
    session.regenerate_id()
    session["user"] = "Ada"
    session.save()


def regenerate(session: Any) -> None:
    log_in(session)
    session.persist()


ENDS = [log_out, invalidate, clear, regenerate]


@pytest.mark.owasp("16.5.3")
@pytest.mark.parametrize(
    ("end", "operations", "status"),
    [(swallow_errors(end), WRITES, "200 OK") for end in ENDS]
    + [(swallow_errors(end), ["GetItem"], "302 Found") for end in (log_out, invalidate, log_in)]
    + [(log_in, WRITES, "303 See Other")],
)
def test_a_failed_end_never_looks_like_a_success(
    options: Options, cookie: str, outage: Outage, end: Any, operations: Any, status: str
) -> None:
    app = page(end, status)
    with outage.of(*operations):
        assert is_503(send(wrap(app, options, on_save_error=503), cookie))
        for handler in ("raise", lambda environ, error: None, lambda environ, error: page(values)):
            with pytest.raises(StoreUnavailable):
                send(wrap(app, options, on_save_error=handler), cookie)
    assert {"name": "Ada"} == stored(options, cookie)


@pytest.mark.parametrize("end", ENDS)
def test_the_error_page_of_a_failed_end_is_sent(
    options: Options, cookie: str, outage: Outage, end: Any
) -> None:
    with outage.of(*WRITES):
        response = send(wrap(Framework(page(end)), options), cookie)
    assert ("503 Sorry", b"error page") == (response.status, response.body)
    assert [] == response.all("Set-Cookie")
    assert 1 == len(outage.refused)
    assert {"name": "Ada"} == stored(options, cookie)


@pytest.mark.parametrize("end", ENDS)
def test_a_repeated_end_is_a_success(
    options: Options, cookie: str, outage: Outage, end: Any
) -> None:
    def twice(session: Any) -> None:
        with outage.of(*WRITES):
            swallow_errors(end)(session)
        end(session)

    assert "200 OK" == send(wrap(page(twice), options), cookie).status
    assert {} == stored(options, cookie)


def test_a_later_save_does_not_hide_a_failed_delete(
    options: Options, cookie: str, outage: Outage
) -> None:
    def save_instead(session: Any) -> None:
        with outage.of(*WRITES):
            swallow_errors(log_out)(session)
        session.persist()

    with pytest.raises(StoreUnavailable):
        send(wrap(page(save_instead), options), cookie)
