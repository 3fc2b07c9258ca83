"""The heartbeat: one thread that renews the leases of this process."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from beaker_dynamodb.caches.lease import Lease

#: Maximum number of parallel renewals. A renewal is due when two thirds of the lease are left (20 s
#: by default), so 64 leases are renewed in time if each call takes less than 10 s.
MAX_PARALLEL = 32


class Heartbeat:
    """Renews leases in one daemon thread, which starts with the first lease.

    Helper threads join in when several leases are due, so that a slow response to one renewal does
    not delay the others.

    :param monotonic: the clock, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self.reset()

    def reset(self) -> None:
        """Forget all leases in a forked process: they and the thread belong to the parent."""
        self._changed = threading.Condition()
        self._leases: set[Lease] = set()
        self._thread: threading.Thread | None = None

    def add(self, lease: Lease) -> None:
        """Start renewing a lease.

        :raises RuntimeError: no thread can be started; the lease is not renewed.
        """
        with self._changed:
            if self._thread is None:
                thread = threading.Thread(target=self.run, name="beaker-dynamodb", daemon=True)
                thread.start()
                self._thread = thread
            self._leases.add(lease)
            self._changed.notify()

    def remove(self, lease: Lease) -> None:
        """Stop renewing a lease. One renewal may still be in progress."""
        with self._changed:
            self._leases.discard(lease)

    def renew_due(self) -> None:
        """Renew the leases that are due, in the order in which they expire."""
        with self._changed:
            due = [lease for lease in self._leases if lease.renew_at <= self._monotonic()]
        queue = deque(sorted(due, key=lambda lease: lease.expires_at))
        helpers = []
        for _ in range(min(len(due), MAX_PARALLEL) - 1):
            helper = threading.Thread(target=self._renew, args=(queue,), daemon=True)
            try:
                helper.start()
            except RuntimeError:
                break  # no thread can be started: this one renews the rest
            helpers.append(helper)
        self._renew(queue)
        for helper in helpers:
            helper.join()

    def _renew(self, queue: deque[Lease]) -> None:
        while True:
            try:
                lease = queue.popleft()
            except IndexError:
                return  # the queue is empty
            if not lease.renew():
                self.remove(lease)

    def run(self) -> None:
        """Renew leases, forever."""
        while True:
            self._wait()
            self.renew_due()

    def _wait(self) -> None:
        """Wait until a lease is due or was added."""
        with self._changed:
            renew_at = min((lease.renew_at for lease in self._leases), default=None)
            if renew_at is None:
                self._changed.wait()
            elif (pause := renew_at - self._monotonic()) > 0:
                self._changed.wait(pause)
