"""One request and its response: when the session is saved, and what is sent if that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.exceptions import StoreUnavailable
from beaker_dynamodb.wsgi.response_headers import with_session
from beaker_dynamodb.wsgi.session_object import SessionObject

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from beaker_dynamodb.wsgi.save_errors import SaveErrorHandler


class Exchange:
    """Saves the session when the response starts, and at its end if it has changed since.

    :param start_response: the server's callable.
    :param on_save_error: called if the store is unavailable for the save at the response's start.
    """

    def __init__(
        self,
        session: SessionObject,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        on_save_error: SaveErrorHandler,
    ) -> None:
        self._session = session
        self._environ = environ
        self._start_response = start_response
        self._on_save_error = on_save_error
        self._failure: StoreUnavailable | None = None
        #: Whether the response has started.
        self.started = False
        #: The application that responds instead, if the session could not be saved.
        self.substitute: WSGIApplication | None = None

    def respond(self, app: WSGIApplication) -> Iterable[bytes]:
        """Run the application and return the body of the response."""
        files = _record_files(self._environ)
        body = app(self._environ, self.start_response)
        if self.substitute is not None:
            return self.replace(body, self.substitute)
        # Servers handle these types specially, and iterating them runs no application code.
        if type(body) in (list, tuple) or _is_file(body, self._environ, files):
            self.end(streamed=False)
            return body
        return ResponseBody(self, body)

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        """Save the session, and start the response with the session's headers added."""
        if self.substitute is not None:
            # The application called it again, but its response was already replaced.
            return _discard
        try:
            self._session.save_at_start(status)
        except StoreUnavailable as error:
            self.substitute = self._on_save_error(self._environ, error)
            if self.substitute is not None:
                self._failure = error
                return _discard
            if self._session.unsettled:
                raise
        self.started = True
        return self._start_response(status, with_session(headers, self._session), exc_info)

    def replace(self, body: Iterable[bytes], substitute: WSGIApplication) -> Iterable[bytes]:
        """Close the application's body, and return the body to send instead."""
        close(body)
        return substitute(self._environ, self._start_substitute)

    def _start_substitute(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        if self._failure is not None and self._session.unsettled and status[:1] not in ("4", "5"):
            # A failed delete or id change must not look like a success.
            raise self._failure
        return self._start_response(status, headers, exc_info)

    def end(self, *, streamed: bool) -> None:
        """Save changes made after the response started."""
        if self.started:
            self._session.save_at_end(streamed=streamed)


class ResponseBody:
    """A response body whose iteration may run application code."""

    def __init__(self, exchange: Exchange, body: Iterable[bytes]) -> None:
        self._exchange = exchange
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        # An application that is a generator calls start_response on its first step.
        chunks = iter(self._body)
        if not self._exchange.started:
            first = next(chunks, None)
            substitute = self._exchange.substitute
            if substitute is not None:
                self._body = self._exchange.replace(self._body, substitute)
                chunks = iter(self._body)
            elif first is not None:
                yield first
        yield from chunks
        # Save before the server ends the response and the browser requests the next page.
        self._exchange.end(streamed=True)

    def close(self) -> None:
        """Close the application's body, then save any remaining changes."""
        try:
            close(self._body)
        finally:
            self._exchange.end(streamed=True)


def close(body: Iterable[bytes]) -> None:
    """Call a body's ``close``, if it has one (PEP 3333)."""
    if hasattr(body, "close"):
        body.close()


def _record_files(environ: WSGIEnvironment) -> list[object]:
    """Record the results of ``wsgi.file_wrapper`` in the returned list, if it is a function.

    In uWSGI it is a function that returns the file itself.
    """
    files: list[object] = []
    wrapper = environ.get("wsgi.file_wrapper")
    if wrapper is not None and not isinstance(wrapper, type):

        def record(*args: Any, **kwargs: Any) -> Any:
            files.append(wrapper(*args, **kwargs))
            return files[-1]

        environ["wsgi.file_wrapper"] = record
    return files


def _is_file(body: object, environ: WSGIEnvironment, files: list[object]) -> bool:
    wrapper = environ.get("wsgi.file_wrapper")
    if isinstance(wrapper, type):
        return isinstance(body, wrapper)
    return any(body is file for file in files)


def _discard(data: bytes) -> object:
    """A ``write`` that sends nothing."""
    return None
