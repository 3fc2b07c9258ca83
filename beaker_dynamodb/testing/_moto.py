"""The server behind :mod:`beaker_dynamodb.testing.local`: moto's application, served by werkzeug.

Kept in a module of its own because importing it needs the ``local`` extra.

moto's own ThreadedMotoServer does nearly the same, but it waits for ever when its port is taken,
logs every request, and runs requests side by side although moto's conditional writes then
interleave.
"""

from __future__ import annotations

import socket
from threading import Lock
from typing import TYPE_CHECKING

from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

# Loopback, never all interfaces: the server lets everybody in.
HOST = "127.0.0.1"


class MotoServer(ThreadedWSGIServer):
    """An HTTP server on 127.0.0.1 that answers like DynamoDB.

    :param port: TCP port; 0 takes a free one, which the attribute ``port`` then tells.
    :raises OSError: the port is taken.
    """

    def __init__(self, port: int) -> None:
        # Bound here, because werkzeug answers a taken port by ending the process.
        with socket.create_server((HOST, port), backlog=self.request_queue_size) as listener:
            super().__init__(HOST, port, _OneAtATime(), _QuietHandler, fd=listener.fileno())


class _QuietHandler(WSGIRequestHandler):
    """Answers requests without logging them."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: werkzeug's logger belongs to the application, this server does not."""


class _OneAtATime:
    """moto's WSGI application behind a lock.

    moto reads an item, evaluates the condition and writes, with nothing to keep another thread
    out; in DynamoDB a conditional write is atomic.
    """

    def __init__(self) -> None:
        self._app = create_backend_app("dynamodb")
        self._lock = Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            # The answer is complete here: moto does not stream DynamoDB's.
            return self._app(environ, start_response)
