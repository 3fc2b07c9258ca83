"""Keep connecting while DNS fails, at the addresses that worked last.

This works only over TLS, and only with addresses whose certificate was verified: an address may
belong to another host by now, and the certificate proves that it does not. With a proxy, the proxy
resolves names.
"""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSHTTPSConnection, AWSHTTPSConnectionPool

from beaker_dynamodb.dynamodb.unanswered import root_error

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

log = logging.getLogger("beaker_dynamodb")

#: Addresses that are kept for each host and port, the latest first, and those that failed last.
MAX_ADDRESSES = 8

#: By host and port. A forked process may use them too.
_addresses: dict[tuple[str, int], list[str]] = {}


def keep_addresses(client: DynamoDBClient) -> None:
    """Make a client connect to kept addresses if its endpoint's name cannot be resolved."""
    try:
        manager = client._endpoint.http_session._manager  # type: ignore[attr-defined]
        classes = manager.pool_classes_by_scheme
    except AttributeError:
        return  # an unknown version of botocore: connections are made as it makes them
    manager.pool_classes_by_scheme = {**classes, "https": _Pool}


class _Connection(AWSHTTPSConnection):
    #: The kept address that is in use.
    _address: str | None = None

    def connect(self) -> None:
        self._address = None
        try:
            super().connect()
        except Exception:
            _try_last((self.host, self.port), self._address)
            raise
        if getattr(self, "is_verified", False):
            _keep((self.host, self.port), self.sock.getpeername()[0])

    def _new_conn(self) -> Any:
        try:
            return super()._new_conn()
        except Exception as error:
            kept = list(_addresses.get((self.host, self.port), ()))
            if not kept or not _is_name_failure(error):
                raise
            failure = error
        name = self.host
        try:
            for address in kept:
                # Where to connect. TLS checks the host name, which is restored before that.
                self.host = self._address = address
                try:
                    connection = super()._new_conn()
                except Exception as error:
                    failure = error
                    if isinstance(root_error(error), TimeoutError):
                        # The next attempt tries the next address. Waiting for all of them in this
                        # attempt would exceed total_timeout.
                        break
                else:
                    log.info("DNS does not resolve %s; using the address %s", name, address)
                    return connection
        finally:
            self.host = name
        raise failure


class _Pool(AWSHTTPSConnectionPool):
    @property
    def ConnectionCls(self) -> Any:  # type: ignore[override]
        theirs = super().ConnectionCls
        # Recorders such as vcrpy replace botocore's class, at any time.
        return _Connection if theirs is AWSHTTPSConnection else theirs


def _keep(place: tuple[str, int], address: str) -> None:
    kept = _addresses.get(place, [])
    if kept[:1] != [address]:
        others = [other for other in kept if other != address]
        _addresses[place] = [address, *others][:MAX_ADDRESSES]


def _try_last(place: tuple[str, int], address: str | None) -> None:
    kept = _addresses.get(place, [])
    if address in kept:
        _addresses[place] = [*(other for other in kept if other != address), address]


def _is_name_failure(error: Exception) -> bool:
    root = root_error(error)
    # What socket.create_connection and urllib3 say if DNS has no address for the name.
    return isinstance(root, socket.gaierror) or "returns an empty list" in str(root)
