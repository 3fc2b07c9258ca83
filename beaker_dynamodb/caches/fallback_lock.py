"""The creation lock of caches that work without DynamoDB during an outage: ``on_error = miss``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from beaker_dynamodb.caches.creation_lock import CreationLock
from beaker_dynamodb.exceptions import LockTimeout, StoreUnavailable

if TYPE_CHECKING:
    from beaker_dynamodb.caches.outage import Outage


class FallbackLock(CreationLock):
    """A creation lock that excludes only the threads of this process during an outage."""

    def __init__(self, *args: Any, outage: Outage) -> None:
        super().__init__(*args)
        self._outage = outage
        #: Whether the thread whose turn it is holds the lock without a lease.
        self._local = False

    def do_acquire_write_lock(self, wait: bool) -> bool:
        """Acquire the lock, or go on without it if an outage has lasted for ``lock_timeout``."""
        started = self._outage.monotonic()
        try:
            return super().do_acquire_write_lock(wait)
        except LockTimeout:
            if self._local or self._outage.active_since(started):
                return True  # an outage must not keep a caller from computing its value
            raise

    do_acquire_read_lock = do_acquire_write_lock

    def _take_lease(self, wait: bool, until: float) -> bool:
        self._local = self._lease is None and self._outage.active
        if not self._local:
            try:
                return super()._take_lease(wait, until)
            except StoreUnavailable as error:
                if not self._outage.tolerates(error):
                    raise
                self._local = True
        return True
