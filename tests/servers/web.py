"""A WSGI application served on a thread of this process: by waitress, or over TLS by wsgiref."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from waitress.server import create_server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse as StartResponse
    from _typeshed.wsgi import WSGIApplication as WSGIApplication
    from _typeshed.wsgi import WSGIEnvironment as WSGIEnvironment
else:  # from Python 3.11 on in wsgiref.types
    StartResponse = WSGIApplication = WSGIEnvironment = Any


@contextmanager
def serving(app: WSGIApplication) -> Iterator[int]:
    """Serve an application for the block, and yield the port."""
    server: Any = create_server(
        app, listen="127.0.0.1:0", threads=8, clear_untrusted_proxy_headers=True
    )

    def close() -> None:
        # The loop ends once nothing is left to wait for; a browser keeps its connections.
        server.close()
        for channel in list(server.active_channels.values()):
            channel.handle_close()

    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.effective_port
    finally:
        # As `pull_trigger` does, but with the lock held: a response that has just ended wakes the
        # loop too, and would close the trigger before this thread writes to it.
        with server.trigger.lock:
            server.trigger.thunks.append(close)
            server.trigger._physical_pull()
        thread.join()


class _TLSServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _QuietHandler)
        self._context = context

    def setup_environ(self) -> None:
        super().setup_environ()
        self.base_environ["HTTPS"] = "on"  # wsgiref derives wsgi.url_scheme from it

    def finish_request(self, request: Any, client_address: Any) -> None:
        # On the thread of the connection: a browser may open one that it does not use.
        with self._context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser closes connections that it does not need."""


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving_tls(app: WSGIApplication, context: ssl.SSLContext) -> Iterator[int]:
    """Serve an application over TLS for the block, and yield the port.

    :param context: has the server's certificate.
    """
    with _TLSServer(context) as server:
        server.set_app(app)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()
