"""One request and its response, between the WSGI server and the application."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.exceptions import StoreUnavailable
from beaker_dynamodb.wsgi.response_headers import with_session

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from beaker_dynamodb.wsgi.save_errors import SaveErrorHandler
    from beaker_dynamodb.wsgi.session_object import SessionObject


class Exchange:
    """Saves the session when the response starts, and what was changed later when it ends.

    :param session: of the request.
    :param environ: of the request.
    :param start_response: the server's.
    :param on_save_error: decides what happens if the store does not answer at the start.
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
        made = _files_made(self._environ)
        body = app(self._environ, self.start_response)
        if self.substitute is not None:
            return self.replace(body)
        # No code of the application runs in these, and servers treat them specially.
        if type(body) in (list, tuple) or _is_file(body, self._environ, made):
            self.end(streamed=False)
            return body
        return ResponseBody(self, body)

    def start_response(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: OptExcInfo | None = None,
        /,
    ) -> Callable[[bytes], object]:
        """Save the session, and start the response with the headers of both."""
        if self.substitute is not None:
            # The application does not know that its response is not sent.
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

    def replace(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """Close the application's body, and return the one that is sent instead."""
        close(body)
        if self.substitute is None:
            return ()
        return self.substitute(self._environ, self._start_substitute)

    def _start_substitute(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: OptExcInfo | None = None,
        /,
    ) -> Callable[[bytes], object]:
        if self._failure is not None and self._session.unsettled and status[:1] not in ("4", "5"):
            # A delete or a change of id that failed must not look like a success.
            raise self._failure
        return self._start_response(status, headers, exc_info)

    def end(self, *, streamed: bool) -> None:
        """Save what was changed after the response had started."""
        if self.started:
            self._session.save_at_end(streamed=streamed)


class ResponseBody:
    """The body of a response in which code of the application may run.

    :param exchange: that it belongs to.
    :param body: what the application returned.
    """

    def __init__(self, exchange: Exchange, body: Iterable[bytes]) -> None:
        self._exchange = exchange
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        # A generator calls start_response in its first step.
        chunks = iter(self._body)
        if not self._exchange.started:
            first = next(chunks, None)
            if self._exchange.substitute is not None:
                self._body = self._exchange.replace(self._body)
                chunks = iter(self._body)
            elif first is not None:
                yield first
        yield from chunks
        # Before the server ends the response, and the browser asks for the next page.
        self._exchange.end(streamed=True)

    def close(self) -> None:
        """Close the application's body, then save what was changed and is not saved yet."""
        try:
            close(self._body)
        finally:
            self._exchange.end(streamed=True)


def close(body: Iterable[bytes]) -> None:
    """Close a body, if it can be closed (PEP 3333)."""
    closing = getattr(body, "close", None)
    if closing is not None:
        closing()


def _files_made(environ: WSGIEnvironment) -> list[object]:
    """Return the list of what ``wsgi.file_wrapper`` will make, if that is a function.

    uWSGI's is one, which returns the file itself.
    """
    made: list[object] = []
    wrapper = environ.get("wsgi.file_wrapper")
    if wrapper is not None and not isinstance(wrapper, type):

        def remember(*args: Any, **kwargs: Any) -> Any:
            made.append(wrapper(*args, **kwargs))
            return made[-1]

        environ["wsgi.file_wrapper"] = remember
    return made


def _is_file(body: object, environ: WSGIEnvironment, made: list[object]) -> bool:
    wrapper = environ.get("wsgi.file_wrapper")
    if isinstance(wrapper, type):
        return isinstance(body, wrapper)
    return any(body is one for one in made)


def _discard(data: bytes) -> object:
    """Take the place of the server's ``write``."""
    return None
