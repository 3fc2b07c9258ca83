"""Saves of one session in threads, whose writes a test can hold."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from beaker_dynamodb.sessions import combined_saves
from tests.sessions.driven import Visitor, save

#: Seconds after which a thread that waits for others fails the test.
HANGS = 120.0
EVENT = "before-parameter-build.dynamodb.PutItem"


class Threads:
    """Saves in threads, whose writes a test can hold.

    :param session: one of the sessions. All use its client.
    """

    def __init__(self, session: Any) -> None:
        self._events = session.namespace.client.meta.events
        self._pool = ThreadPoolExecutor(64)
        self._names = threading.local()
        #: What to do before the next write of a thread, by the thread's name.
        self.hooks: dict[str, Callable[[dict[str, Any]], object]] = {}

    def __enter__(self) -> Threads:
        self._events.register(EVENT, self._before)
        return self

    def __exit__(self, *_: object) -> None:
        self._events.unregister(EVENT, self._before)
        self._pool.shutdown()

    def _before(self, params: dict[str, Any], **_: object) -> None:
        hook = self.hooks.pop(getattr(self._names, "name", ""), None)
        if hook is not None:
            hook(params)

    def on_second_write(self, name: str, hook: Callable[[dict[str, Any]], object]) -> None:
        """Call a hook before the write that follows the first conflict of a thread."""
        self.hooks[name] = lambda _: self.hooks.update({name: hook})

    def run(self, name: str, action: Callable[[], object]) -> Future[None]:
        def named() -> None:
            self._names.name = name
            action()

        return self._pool.submit(named)

    @contextmanager
    def leader(
        self, session: Any, hook: Callable[[], object] | None = None, **changes: object
    ) -> Iterator[Future[None]]:
        """Save a session that meets a conflict, and hold its second write until the end."""
        held, go = threading.Event(), threading.Event()

        def hold(params: dict[str, Any]) -> None:
            held.set()
            assert go.wait(HANGS)
            if hook is not None:
                hook()

        self.on_second_write("leader", hold)
        future = self.run("leader", lambda: save(session, **changes))
        wait_until(lambda: held.is_set() or future.done())
        assert held.is_set()
        try:
            yield future
        finally:
            go.set()

    def follow(self, name: str, session: Any, **changes: object) -> Future[None]:
        """Save a session that meets a conflict, and return once the save waits in the queue."""
        before = waiting()
        future = self.run(name, lambda: save(session, **changes))
        wait_until(lambda: waiting() > before or future.done())
        return future


def waiting() -> int:
    return sum(len(queue.saves) for queue in list(combined_saves._queues().values()))


def wait_until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(HANGS / 0.005)):
        if holds():
            return
        pause.wait(0.005)
    raise AssertionError("a thread hangs")


def error_of(future: Future[None]) -> BaseException | None:
    return future.exception(HANGS)


def conflicting(visitor: Visitor, number: int, **data: object) -> list[Any]:
    """Return sessions in flight, each of whose saves will conflict with one that came before."""
    visitor.starts(**data)
    sessions = [visitor.request() for _ in range(number)]
    save(visitor.request(), first=True)
    return sessions


def save_combined(sessions: list[Any], *changes: dict[str, Any]) -> None:
    """Save sessions that meet a conflict: the first alone, the others in one combined write."""
    with Threads(sessions[0]) as threads, threads.leader(sessions[0], **changes[0]) as leader:
        futures = [
            threads.follow(str(number), session, **change)
            for number, (session, change) in enumerate(
                zip(sessions[1:], changes[1:], strict=True), 1
            )
        ]
    assert {None} == {error_of(future) for future in (leader, *futures)}
