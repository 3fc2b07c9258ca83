"""A WSGI application served by waitress on a thread of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from waitress.server import create_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


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
