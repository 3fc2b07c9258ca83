"""The option ``on_save_error``: how to respond if the session cannot be saved."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.exceptions import ConfigurationError, StoreUnavailable

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    #: Returns a WSGI application that responds instead, or None to send the page as it is, or
    #: raises.
    SaveErrorHandler = Callable[[WSGIEnvironment, StoreUnavailable], WSGIApplication | None]

#: An earlier retry would probably meet the same outage.
RETRY_AFTER_SECONDS = 5
_BODY = b"The session could not be saved. Please try again in a few seconds.\n"


def parse(value: Any) -> SaveErrorHandler:
    """Return the handler for an option value.

    :param value: ``raise`` (default), ``503`` (a string or an int) or a handler.
    :raises ConfigurationError: any other value.
    """
    if callable(value):
        handler: SaveErrorHandler = value
        return handler
    name = "" if value is None else str(value).strip().lower()
    if name in ("", "raise"):
        return _raise
    if name == "503":
        return _respond_503
    raise ConfigurationError(
        f"option on_save_error {value!r}: must be raise, 503 or a callable that takes the WSGI "
        "environment and the error"
    )


def _raise(environ: WSGIEnvironment, error: StoreUnavailable) -> WSGIApplication | None:
    raise error


def _respond_503(environ: WSGIEnvironment, error: StoreUnavailable) -> WSGIApplication | None:
    return service_unavailable


def service_unavailable(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Respond with ``503 Service Unavailable`` and ``Retry-After``: a WSGI application."""
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
