"""Connections that botocore has opened and that fast calls reuse."""

from __future__ import annotations

import queue
import weakref
from collections import deque
from typing import Any

from beaker_dynamodb.dynamodb.http_exchange import is_usable

#: Modules that define real socket types. A mock is defined elsewhere.
_SOCKETS = frozenset({"socket", "ssl", "gevent._socket3", "gevent.ssl"})


class KeptConnections:
    """Idle connections. The most recently used one is taken first.

    :param pool: urllib3's pool, whose idle connections may be taken.
    :param maximum: number of idle connections to keep.
    :param read_timeout: seconds.
    """

    def __init__(self, pool: Any, maximum: int, read_timeout: float) -> None:
        self._pool = pool
        self._maximum = maximum
        self._read_timeout = read_timeout
        # A deque's methods are atomic, so no lock is needed.
        self._idle: deque[Any] = deque()
        weakref.finalize(self, _close_all, self._idle)

    def take(self) -> Any:
        """Return an open, idle connection, or None if there are none left."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = _take_from(self._pool)
                if connection is None:
                    return None
                connection.sock.settimeout(self._read_timeout)
            if is_usable(connection.sock):
                return connection
            connection.close()

    def give_back(self, connection: Any) -> None:
        """Keep a connection for the next call, or close it if enough are kept."""
        if len(self._idle) < self._maximum:
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Close all idle connections. If one is broken, the others probably are too."""
        _close_all(self._idle)


def _take_from(pool: Any) -> Any:
    """Take an open connection out of urllib3's pool for good, or return None."""
    try:
        while True:
            connection = pool.pool.get(block=False)
            # urllib3 fills its pool with None.
            sock = getattr(connection, "sock", None)
            if type(sock).__module__ in _SOCKETS:
                return connection
            if sock is not None:
                pool.pool.put(connection, block=False)
                return None
    except (AttributeError, queue.Empty, queue.Full):
        return None


def _close_all(connections: deque[Any]) -> None:
    while connections:
        try:
            connections.pop().close()
        except IndexError:  # another thread took it first
            return
