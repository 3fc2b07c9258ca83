"""The server behind :mod:`beaker_dynamodb.testing.local`: moto's application, served by werkzeug.

Importing this module requires the ``local`` extra.

moto's own ThreadedMotoServer waits forever if its port is taken, logs every request, and runs
requests in parallel although moto's conditional writes are not atomic.
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

# Loopback only: the server does not check credentials.
HOST = "127.0.0.1"

#: Held while moto handles a request: all servers of a process share moto's tables.
MOTO_LOCK = Lock()


class MotoServer(ThreadedWSGIServer):
    """An HTTP server on 127.0.0.1 that answers like DynamoDB.

    :param port: TCP port; 0 picks a free one, see the attribute ``port``.
    :raises OSError: the port is taken.
    """

    def __init__(self, port: int) -> None:
        # Bind here: werkzeug exits the process if the port is taken.
        with socket.create_server((HOST, port), backlog=self.request_queue_size) as listener:
            super().__init__(HOST, port, Application(), _QuietHandler, fd=listener.fileno())


class _QuietHandler(WSGIRequestHandler):
    """Does not log requests: werkzeug's logger belongs to the application."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


class Application:
    """moto's WSGI application behind a lock, which makes its conditional writes atomic."""

    def __init__(self) -> None:
        self._app = create_backend_app("dynamodb")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with MOTO_LOCK:
            # moto does not stream the response, so it is complete here.
            return self._app(environ, start_response)
