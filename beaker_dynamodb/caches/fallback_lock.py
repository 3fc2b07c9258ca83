"""The creation lock of caches that work without DynamoDB during an outage: ``on_error = miss``."""

from __future__ import annotations

from typing import Any

from beaker_dynamodb.caches.creation_lock import CreationLock
from beaker_dynamodb.caches.lease import Lease
from beaker_dynamodb.caches.outage import Outage
from beaker_dynamodb.exceptions import StoreUnavailable


class FallbackLock(CreationLock):
    """A creation lock that excludes only the threads of this process during an outage."""

    #: Whether the thread whose turn it is holds the lock without a lease.
    _local = False

    def __init__(self, *args: Any, outage: Outage) -> None:
        super().__init__(*args)
        self._outage = outage

    def _may_go_on_without_turn(self, started: float) -> bool:
        # An outage must not keep a caller from computing its value.
        return self._local or self._outage.active_since(started)

    def _take_lease(self, wait: bool, until: float) -> bool:
        if self._lease is not None and self._lease.lost and self._outage.active:
            self._end_lease(delete=False)  # the call would only wait
        return super()._take_lease(wait, until) or self._local

    def _acquire_lease(self, wait: bool, until: float) -> Lease | None:
        self._local = self._outage.active
        if self._local:
            return None
        try:
            return super()._acquire_lease(wait, until)
        except StoreUnavailable as error:
            if not self._outage.tolerates(error):
                raise
            self._local = True
            return None
