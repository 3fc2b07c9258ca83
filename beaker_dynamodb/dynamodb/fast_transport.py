"""Frequent calls over kept connections, in a quarter of boto3's processor time.

A fast call builds and signs its request itself (route.py), and sends it over a connection that
botocore has opened (http_exchange.py). botocore provides everything else: connections, TLS,
proxies, timeouts, the endpoint, credentials and their renewal, retries and errors.

- If no connection is idle, boto3 makes the call, and thereby opens one.
- Any response but a complete 200, and any failure, is handed to botocore as its own first attempt.
"""

from __future__ import annotations

import io
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from botocore import exceptions
from botocore.awsrequest import AWSResponse

from beaker_dynamodb.dynamodb import http_exchange, json_protocol
from beaker_dynamodb.dynamodb.guard import wrong_checksum
from beaker_dynamodb.dynamodb.kept_connections import KeptConnections
from beaker_dynamodb.dynamodb.observers import Observers
from beaker_dynamodb.dynamodb.route import Route, route_of
from beaker_dynamodb.dynamodb.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    from types_boto3_dynamodb import DynamoDBClient

#: DynamoDB's operation for each method that can be fast.
OPERATIONS = {"get_item": "GetItem", "put_item": "PutItem", "delete_item": "DeleteItem"}
#: What botocore takes as the outcome of its first attempt.
_first_attempt: ContextVar[AWSResponse | Exception | None] = ContextVar(
    "beaker_dynamodb_first_attempt", default=None
)


class FastTransport(Transport):
    """Makes the calls of `OPERATIONS` itself if it can, and all others with a boto3 client.

    :param credentials: the client's credentials.
    :param always: even if other code observes the calls.
    """

    def __init__(
        self, client: DynamoDBClient, credentials: Credentials, *, always: bool = False
    ) -> None:
        super().__init__(client)
        self._credentials = credentials
        self._functions = {method: getattr(type(client), method) for method in OPERATIONS}
        self._observers = None if always else Observers(client, OPERATIONS)
        config: Any = client.meta.config
        self._connections = KeptConnections(config.max_pool_connections, config.read_timeout)
        self._http: Any = client._endpoint.http_session  # type: ignore[attr-defined]
        self._route: Route | None = None
        #: Whether the server's responses are of the kind that http_exchange.py supports.
        self._supported = True
        events: Any = client.meta.events
        events.register_first("before-send.dynamodb", _take_first_attempt)
        events.register_last("request-created.dynamodb", self._learn)

    def call(self, method: str, params: dict[str, Any]) -> Any:
        """Make one call; see `Transport.call`. A fast response has no ``ResponseMetadata``."""
        send = getattr(self.client, method)
        # A method of this client may be replaced, for instance by a mock.
        if getattr(send, "__func__", None) is not self._functions.get(method):
            return send(**params)
        outcome = self._attempt(method, params)
        if isinstance(outcome, dict):
            return outcome
        if outcome is None:
            return send(**params)
        token = _first_attempt.set(outcome)
        try:
            return send(**params)
        finally:
            _first_attempt.reset(token)

    def _attempt(
        self, method: str, params: dict[str, Any]
    ) -> dict[str, Any] | AWSResponse | Exception | None:
        """Return the parsed response, or the outcome to hand to botocore.

        None means that botocore must make the call: nothing was sent, or what was received cannot
        be read here.
        """
        route = self._route
        if route is None or (self._observers is not None and self._observers.present()):
            return None
        try:
            body = json_protocol.dumps(params)
            credentials = self._credentials.get_frozen_credentials()
        except Exception:
            return None  # boto3 raises it
        connection = self._connections.take(route.pool) if route.serves(credentials) else None
        if connection is None:
            return None
        request = route.request(OPERATIONS[method], body, credentials, time.time())
        try:
            response = http_exchange.exchange(connection.sock, request)
        except http_exchange.UnsupportedResponse as error:
            connection.close()
            self._supported = self._supported and error.status != 200
            return None
        except OSError as error:
            connection.close()
            return _as_botocore(error, route.url)
        except BaseException:
            # A signal or gevent's timeout: the next call must not get this one's response.
            connection.close()
            raise
        if response.reusable:
            self._connections.give_back(connection)
        else:
            connection.close()
        parsed = _parsed(response)
        return _as_received(response, route.url) if parsed is None else parsed

    def _learn(self, request: AWSRequest, **_: Any) -> None:
        """Remember the route of one of the boto3 client's requests."""
        route = route_of(request, self._credentials, self._http) if self._supported else None
        if route != self._route:
            self._route = route
            self._connections.close()


class _Raw(io.BytesIO):
    """A body that was read, as urllib3 would offer it."""

    def stream(self) -> Iterator[bytes]:
        yield self.getvalue()


def _take_first_attempt(**_: Any) -> AWSResponse | None:
    """Pass the outcome of a fast call to botocore, as that of its first attempt."""
    outcome = _first_attempt.get()
    if outcome is None:
        return None
    _first_attempt.set(None)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _parsed(response: http_exchange.Response) -> dict[str, Any] | None:
    """Return what a response contains, or None if it is an error or damaged."""
    if response.status != 200 or wrong_checksum(response.headers, response.body) is not None:
        return None
    try:
        return json_protocol.loads(response.body)
    except ValueError:
        return None


def _as_received(response: http_exchange.Response, url: str) -> AWSResponse:
    headers: Any = response.headers
    raw: Any = _Raw(response.body)
    return AWSResponse(url, response.status, headers, raw)


def _as_botocore(error: OSError, url: str) -> Exception:
    """Return the exception that botocore raises if an open connection fails."""
    failure: Exception
    if isinstance(error, TimeoutError):
        failure = exceptions.ReadTimeoutError(endpoint_url=url, error=error)
    else:
        failure = exceptions.ConnectionClosedError(endpoint_url=url, error=error, request=None)
    failure.__cause__ = error
    return failure
