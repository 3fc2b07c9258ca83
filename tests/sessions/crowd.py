"""Requests in flight at the same moment: threads in processes that build their own application."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.sessions import conflict_retry
from tests.sessions.site import Site, values

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

#: After so many seconds a process that hangs is taken for dead, and the test fails.
HANGS = 120.0


@dataclass(frozen=True)
class Order:
    """Requests for one process, each in a thread of its own.

    :param middleware: of the application to build.
    :param options: of its sessions.
    :param cookie: what all of them send.
    :param keys: the key that each sets to True and saves; None: it only reads.
    """

    middleware: str
    options: Mapping[str, object]
    cookie: str
    keys: Sequence[str | None]


class Crowd(AbstractContextManager["Crowd"]):
    """Processes that make requests when told to.

    :param processes: how many.
    :param conflict_seconds: how long a save spends on conflicts; None: as in an application. How
        fast this machine is should decide nothing.
    """

    def __init__(self, processes: int, conflict_seconds: float | None = HANGS) -> None:
        # Each is new, as with "spawn", but what they all need is imported only once.
        spawn = multiprocessing.get_context("forkserver")
        spawn.set_forkserver_preload([__name__, "botocore.session", "botocore.client"])
        self._ends: list[Connection[Any, Any]] = []
        self._processes = []
        for _ in range(processes):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=work, args=(theirs, conflict_seconds), daemon=True)
            process.start()
            theirs.close()
            self._ends.append(ours)
            self._processes.append(process)

    def __len__(self) -> int:
        return len(self._processes)

    def load(self, order: Order) -> None:
        """Share the requests out to the processes; all have loaded the session when it returns."""
        for number, end in enumerate(self._ends):
            keys = order.keys[number :: len(self)]
            end.send(Order(order.middleware, order.options, order.cookie, keys))
        assert ["loaded"] * len(self) == self._receive()

    def go(self) -> None:
        """Let all the requests go on at once."""
        for end in self._ends:
            end.send("go")

    def results(self) -> set[str]:
        """Wait for all to end; give "done" and the errors, each once."""
        return {result for results in self._receive() for result in results}

    def __exit__(self, *_: object) -> None:
        for end, process in zip(self._ends, self._processes, strict=True):
            end.close()
            process.join(HANGS)

    def _receive(self) -> list[Any]:
        received = []
        for end in self._ends:
            assert end.poll(HANGS), "a process hangs"
            received.append(end.recv())
        return received


def work(end: Connection[Any, Any], conflict_seconds: float | None) -> None:
    """Be one of the processes.

    :param end: where orders come from and results go to; its end is this process's end.
    :param conflict_seconds: see `Crowd`.
    """
    if conflict_seconds is not None:
        conflict_retry.CONFLICT_SECONDS = conflict_seconds
    try:
        while True:
            order: Order = end.recv()
            end.send(_requests(order, end))
    except EOFError:
        pass


def _requests(order: Order, end: Connection[Any, Any]) -> list[str]:
    site = Site(order.middleware, order.options)
    loaded = threading.Barrier(len(order.keys) + 1)
    go = threading.Event()

    def request(key: str | None) -> None:
        def action(session: Any) -> None:
            values(session)
            loaded.wait(HANGS)
            assert go.wait(HANGS)
            if key is not None:
                session[key] = True
                session.save()

        try:
            site(action, order.cookie)
        except BaseException:
            loaded.abort()  # nobody waits for one that will not come
            raise

    with ThreadPoolExecutor(len(order.keys)) as threads:
        futures = [threads.submit(request, key) for key in order.keys]
        try:
            loaded.wait(HANGS)
            end.send("loaded")
            assert "go" == end.recv()
        except threading.BrokenBarrierError:
            end.send("not loaded")
        finally:
            go.set()
    return [_result(future) for future in futures]


def _result(future: Future[None]) -> str:
    error = future.exception()
    return "done" if error is None else repr(error)
