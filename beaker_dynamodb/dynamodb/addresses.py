"""Keep connecting while DNS fails, using the addresses that last worked.

Only TLS connections with a verified certificate are covered: an address may have been reassigned
to another host, and only the certificate shows that. Behind a proxy, the proxy resolves names.
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

#: Maximum number of addresses kept per host and port.
MAX_ADDRESSES = 8

#: Addresses by host and port: the last one that worked first, failed ones last. Kept across forks.
_addresses: dict[tuple[str, int], list[str]] = {}


def keep_addresses(client: DynamoDBClient) -> None:
    """Make a client connect to kept addresses if its endpoint's name cannot be resolved."""
    try:
        manager = client._endpoint.http_session._manager  # type: ignore[attr-defined]
        classes = manager.pool_classes_by_scheme
    except AttributeError:
        return  # an unknown version of botocore
    manager.pool_classes_by_scheme = {**classes, "https": _Pool}


class _Connection(AWSHTTPSConnection):
    #: The kept address used by the current attempt, if any.
    _address: str | None = None

    def connect(self) -> None:
        self._address = None
        try:
            super().connect()
        except Exception:
            _move_to_end((self.host, self.port), self._address)
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
                # Connect to the address. The name is restored below, before TLS checks it.
                self.host = self._address = address
                try:
                    connection = super()._new_conn()
                except Exception as error:
                    failure = error
                    if isinstance(root_error(error), TimeoutError):
                        # The next attempt tries the next address. Waiting for all of them in this
                        # attempt could exceed total_timeout.
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
        original = super().ConnectionCls
        # Recorders such as vcrpy may replace botocore's class at any time.
        return _Connection if original is AWSHTTPSConnection else original


def _keep(host_port: tuple[str, int], address: str) -> None:
    kept = _addresses.get(host_port, [])
    if kept[:1] != [address]:
        others = [other for other in kept if other != address]
        _addresses[host_port] = [address, *others][:MAX_ADDRESSES]


def _move_to_end(host_port: tuple[str, int], address: str | None) -> None:
    kept = _addresses.get(host_port, [])
    if address in kept:
        _addresses[host_port] = [*(other for other in kept if other != address), address]


def _is_name_failure(error: Exception) -> bool:
    root = root_error(error)
    # The message of socket.create_connection and urllib3 if DNS returns no address.
    return isinstance(root, socket.gaierror) or "returns an empty list" in str(root)
