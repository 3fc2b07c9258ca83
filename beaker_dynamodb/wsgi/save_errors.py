"""The option ``on_save_error``: the response when the session could not be saved at its start."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.exceptions import ConfigurationError, StoreUnavailable

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    #: Returns the WSGI application that responds instead, or None to send the page as it is, or
    #: raises the error.
    SaveErrorHandler = Callable[[WSGIEnvironment, StoreUnavailable], WSGIApplication | None]

#: A client that repeats the request earlier than this most likely meets the same outage.
RETRY_AFTER_SECONDS = 5
_BODY = b"The session could not be saved. Please try again in a few seconds.\n"


def parse(value: Any) -> SaveErrorHandler:
    """Return the handler that the option names.

    :param value: ``raise``, ``503`` (a string or an int), a handler, or None for the default.
    :raises ConfigurationError: it is something else.
    """
    if callable(value):
        handler: SaveErrorHandler = value
        return handler
    word = "" if value is None else str(value).strip().lower()
    if word in ("", "raise"):
        return raise_error
    if word == "503":
        return respond_503
    raise ConfigurationError(
        f"option on_save_error {value!r}: must be raise, 503 or a callable that takes the WSGI "
        "environment and the error"
    )


def raise_error(environ: WSGIEnvironment, error: StoreUnavailable) -> WSGIApplication | None:
    """Raise the error from the application's call of ``start_response``, as Beaker does."""
    raise error


def respond_503(environ: WSGIEnvironment, error: StoreUnavailable) -> WSGIApplication | None:
    """Replace the response with `service_unavailable`."""
    return service_unavailable


def service_unavailable(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Respond with ``503 Service Unavailable`` and ``Retry-After``; a WSGI application."""
    start_response(
        "503 Service Unavailable",
        [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(_BODY))),
            ("Cache-Control", "no-store"),
            ("Retry-After", str(RETRY_AFTER_SECONDS)),
        ],
    )
    return [] if environ.get("REQUEST_METHOD") == "HEAD" else [_BODY]
