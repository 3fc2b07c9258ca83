"""Simulates network latency to a server: ``python -m benchmarks.servers.relay PORT DELAY_MS``.

Prints the port on which it listens, passes requests on, and delays the responses, until standard
input ends.
"""

from __future__ import annotations

import asyncio
import sys


class Answers(asyncio.Protocol):
    """The connection to the server."""

    def __init__(self, client: asyncio.Transport, delay_seconds: float) -> None:
        self._client = client
        self._delay_seconds = delay_seconds

    def data_received(self, data: bytes) -> None:
        """Pass an answer on after the delay."""
        loop = asyncio.get_running_loop()
        loop.call_later(self._delay_seconds, self._client.write, data)


class Requests(asyncio.Protocol):
    """A client's connection."""

    def __init__(self, port: int, delay_seconds: float) -> None:
        self._port = port
        self._delay_seconds = delay_seconds
        self._connecting: asyncio.Task[asyncio.Transport] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connect to the server as well."""
        assert isinstance(transport, asyncio.Transport)
        self._connecting = asyncio.create_task(self._connect(transport))

    async def _connect(self, client: asyncio.Transport) -> asyncio.Transport:
        server, _ = await asyncio.get_running_loop().create_connection(
            lambda: Answers(client, self._delay_seconds), "127.0.0.1", self._port
        )
        return server

    def data_received(self, data: bytes) -> None:
        """Pass a request on."""
        assert self._connecting is not None
        if self._connecting.done():
            self._connecting.result().write(data)
        else:
            self._connecting.add_done_callback(lambda connecting: connecting.result().write(data))

    def connection_lost(self, _: Exception | None) -> None:
        """Close the server's connection too."""
        assert self._connecting is not None
        self._connecting.add_done_callback(lambda connecting: connecting.result().close())


async def serve(port: int, delay_seconds: float) -> None:
    """Listen until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Requests(port, delay_seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
