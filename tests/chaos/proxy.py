"""A proxy in front of a DynamoDB server that injects faults.

Unlike microburst on PyPI, it can delay the response to a write that has arrived, deliver a request
after its sender's timeout, and fault an exact share of requests.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from time import monotonic
from urllib.parse import SplitResult, urlsplit

TIMEOUT = 60.0
#: `Plan.share` is exact in each block of this many requests.
BLOCK = 100


class Exchange:
    """One request, and the operations of faults on it."""

    def __init__(self, request: bytes, client: asyncio.StreamWriter, server: _Server) -> None:
        self.request = request
        self._client = client
        self._server = server
        #: Whether the client's connection must be closed.
        self.over = False

    async def forward(self) -> tuple[bytes, bytes]:
        """Forward the request, and return the head and body of the response."""
        return await self._server.answer(self.request)

    async def reply(self, answer: bytes) -> None:
        """Send bytes to the client, which may have disconnected."""
        with suppress(ConnectionError):
            self._client.write(answer)
            await self._client.drain()

    def hang_up(self) -> None:
        """Close the connection after everything is sent."""
        self.over = True

    def end(self) -> None:
        """Send no more, but go on reading."""
        self._client.write_eof()

    def reset(self) -> None:
        """Reset the connection; the client gets ECONNRESET."""
        self.over = True
        raw: socket.socket = self._client.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._client.transport.abort()


#: Handles a request instead of the normal forward and reply.
Fault = Callable[[Exchange], Awaitable[None]]


@dataclass
class Plan:
    """Selects requests to fault, and counts them.

    :param fault: handles each selected request.
    :param share: share of requests, between 0 and 1; exact for every 100 requests.
    :param first: maximum number of faults. None means no limit.
    :param seconds: duration from now. None means no limit.
    :param operations: names of the DynamoDB operations that should fail. Empty means all.
    """

    fault: Fault
    share: float = 1.0
    first: int | None = None
    seconds: float | None = None
    operations: Collection[str] = ()
    requests: int = 0
    faults: int = 0
    _chosen: set[int] = field(default_factory=set)
    _began: float = field(default_factory=lambda: monotonic())

    def takes(self, operation: str) -> bool:
        """Count a request, and return whether to fault it."""
        if self.operations and operation not in self.operations:
            return False
        place = self.requests % BLOCK
        if place == 0:
            self._chosen = set(random.sample(range(BLOCK), round(self.share * BLOCK)))
        self.requests += 1
        taken = (
            place in self._chosen
            and (self.first is None or self.faults < self.first)
            and (self.seconds is None or monotonic() < self._began + self.seconds)
        )
        self.faults += taken
        return taken


async def pass_on(exchange: Exchange) -> None:
    await exchange.reply(b"".join(await exchange.forward()))


class FaultProxy(AbstractContextManager["FaultProxy"]):
    """A proxy on 127.0.0.1 that runs in its own thread until the context ends.

    :param upstream: the server's URL.
    """

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self._plan = Plan(pass_on, 0)
        self._in_flight = 0
        self._port = 0
        # asyncio only keeps weak references to tasks.
        self._tasks: set[asyncio.Task[None] | None] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(TIMEOUT)
        self.url = f"http://127.0.0.1:{self._port}"

    def inject(self, plan: Plan) -> Plan:
        """Replace the plan for all requests from now on, and return it."""
        self._plan = plan
        return plan

    def heal(self) -> None:
        """Stop injecting faults, and wait until all current requests are finished."""
        self._plan = Plan(pass_on, 0)
        asyncio.run_coroutine_threadsafe(self._idle.wait(), self._loop).result(TIMEOUT)

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(TIMEOUT)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        server = await asyncio.start_server(self._client, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        # Connections may be accepted while tasks are being cancelled.
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _client(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self._tasks.add(task := asyncio.current_task())
        server = _Server(self._upstream)
        over = False
        try:
            while not over:
                head, body = await read_message(reader)
                exchange = Exchange(head + body, client, server)
                await self._exchange(exchange, operation(head))
                over = exchange.over
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client or the server has disconnected, or the proxy stops
        finally:
            server.close()
            client.close()
            self._tasks.discard(task)

    async def _exchange(self, exchange: Exchange, name: str) -> None:
        self._in_flight += 1
        self._idle.clear()
        try:
            plan = self._plan
            await (plan.fault if plan.takes(name) else pass_on)(exchange)
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()


class _Server:
    """A client's connection to the server, opened for the first request."""

    def __init__(self, address: SplitResult) -> None:
        self._address = address
        self._writer: asyncio.StreamWriter | None = None

    async def answer(self, request: bytes) -> tuple[bytes, bytes]:
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                self._address.hostname, self._address.port
            )
        self._writer.write(request)
        head, body = await read_message(self._reader)
        if header(head, b"connection") == b"close":
            self.close()  # moto keeps no connection, but this proxy does
            head = head.replace(b"Connection: close\r\n", b"")
        return head, body

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def header(head: bytes, name: bytes) -> bytes:
    """Return the value of a header by its name in lower case, or nothing if it is missing."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return b""


def operation(head: bytes) -> str:
    return header(head, b"x-amz-target").decode().rpartition(".")[2]


async def read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read a message with a Content-Length, and return its head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    return head, await reader.readexactly(int(header(head, b"content-length")))
