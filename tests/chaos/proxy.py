"""A proxy in front of a DynamoDB server that does what AWS and networks do on a bad day.

The PyPI package microburst is such a proxy too. This one is here because it can hold back the
answer to a write that has arrived, can deliver a request after its sender has given up, faults an
exact share of the requests, and needs nothing but the standard library.
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
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

#: After so many seconds a proxy that does not do as it is told is taken for dead.
HANGS = 60.0
#: An exact share is faulted of each so many requests.
BLOCK = 100


class Exchange:
    """One request, and what a fault can do with it."""

    def __init__(self, request: bytes, client: asyncio.StreamWriter, server: _Server) -> None:
        self._request = request
        self._client = client
        self._server = server
        #: Whether the client's connection is of no further use.
        self.over = False

    async def forward(self) -> tuple[bytes, bytes]:
        """Have the server do it, and give head and body of the answer."""
        return await self._server.answer(self._request)

    async def reply(self, answer: bytes) -> None:
        """Send bytes to the client, who may be gone by now."""
        with suppress(ConnectionError):
            self._client.write(answer)
            await self._client.drain()

    def hang_up(self) -> None:
        """End the connection in good order after what was sent."""
        self.over = True

    def reset(self) -> None:
        """Break the connection off: the client's operating system says "reset by peer"."""
        self.over = True
        raw: socket.socket = self._client.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._client.transport.abort()


#: What happens to a request in place of being passed on and answered.
Fault = Callable[[Exchange], Awaitable[None]]


@dataclass
class Plan:
    """Which requests are faulted, and how many were.

    :param fault: what happens to them.
    :param share: how many of all, between 0 and 1; exactly so many of each 100.
    :param first: how many are faulted at most; None: no end.
    :param seconds: how long from now on; None: no end.
    :param operations: only these, by DynamoDB's names; empty: all.
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
        """Count a request, and say whether it is one of those that are faulted."""
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


async def _pass_on(exchange: Exchange) -> None:
    await exchange.reply(b"".join(await exchange.forward()))


class FaultProxy(AbstractContextManager["FaultProxy"]):
    """A proxy on 127.0.0.1, in a thread of its own, until closed.

    :param upstream: the server's address.
    """

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self._plan = Plan(_pass_on, 0)
        self._in_flight = 0
        self._port = 0
        # asyncio itself does not keep them alive.
        self._tasks: set[asyncio.Task[None] | None] = set()
        #: Connections that were accepted so far.
        self.connections = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(HANGS)
        self.url = f"http://127.0.0.1:{self._port}"

    def inject(self, plan: Plan) -> Plan:
        """Fault requests from now on as the plan says, and count in it."""
        self._plan = plan
        return plan

    def heal(self) -> None:
        """Fault nothing any more, and wait until what is under way has arrived."""
        self._plan = Plan(_pass_on, 0)
        asyncio.run_coroutine_threadsafe(self._idle.wait(), self._loop).result(HANGS)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(HANGS)

    def __enter__(self) -> Self:
        return self

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        server = await asyncio.start_server(self._client, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        # Also the connections that were accepted at the last moment.
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _client(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self.connections += 1
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
            pass  # one of the two has hung up, or the proxy ends
        finally:
            server.close()
            client.close()
            self._tasks.discard(task)

    async def _exchange(self, exchange: Exchange, name: str) -> None:
        self._in_flight += 1
        self._idle.clear()
        try:
            plan = self._plan
            await (plan.fault if plan.takes(name) else _pass_on)(exchange)
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()


class _Server:
    """One client's connection to the server, opened when it is first needed."""

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
            self.close()  # moto, which serves one connection at a time
        return head, body

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def header(head: bytes, name: bytes) -> bytes:
    """Give the value of a header, by its name in lower case; nothing where there is none."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return b""


def operation(head: bytes) -> str:
    """Give DynamoDB's name of the operation that a request asks for."""
    return header(head, b"x-amz-target").decode().rpartition(".")[2]


async def read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read head and body of a request or an answer; DynamoDB's have a Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    return head, await reader.readexactly(int(header(head, b"content-length")))
